// SPDX-License-Identifier: GPL-2.0-or-later
/* t9-entry-after-enable: a probe put under a process that is already running. */
#include "../guest/patcheval.h"

#if defined(__mips__)
__asm__(
PE_PROBED_BEGIN
PE_PROBED(t9_function,
"	addiu	$sp, $sp, -32\n"
"	sw	$4, 4($sp)\n"
"	lw	$2, 4($sp)\n"
"	addu	$2, $2, $2\n"
"	addiu	$2, $2, 0x1b\n"
"	addiu	$sp, $sp, 32\n"
"	jr	$ra\n"
"	 nop\n")
PE_PROBED_END
);
#elif defined(__arm__)
__asm__(
PE_PROBED_BEGIN
PE_PROBED(t9_function,
"	push	{r4, lr}\n"
"	add	r4, r0, r0\n"
"	add	r0, r4, #0x1b\n"
"	pop	{r4, pc}\n")
PE_PROBED_END
);
#endif

uint32_t t9_function(uint32_t argument);

static const struct pe_probe entry = { 'p', "t9_entry", t9_function };

/* The tests of one repetition. */
#define TESTS 5

/*
 * The child: executes the function once, so that its page is mapped and its
 * line is in the instruction cache, and then once more for each go-ahead.
 */
static void long_living(void *argument)
{
	struct pe_rng rng = *(struct pe_rng *)argument;

	pe_noise_child(&rng);
	do {
		uint32_t value = pe_rng_next(&rng);

		pe_checked_call(t9_function, value, 2 * value + 0x1b);
		pe_report();
	} while (pe_wait_for_go());
}

/* One call by the child. Returns false when the child is gone. */
static bool call(struct pe_child *child, bool alive, const char *name,
		 uint32_t number)
{
	struct pe_outcome outcome;

	if (!alive) {
		pe_skip(name, number, "the process is gone");
		return false;
	}
	alive = pe_child_outcome(child, &outcome) && !outcome.has_pc;
	if (!alive)
		pe_child_finish(child, &outcome);
	pe_result(name, number, &outcome);
	return alive;
}

static void compare_hits(bool alive, const char *name, uint32_t number,
			 long hits)
{
	struct pe_outcome outcome;

	if (!alive) {
		pe_skip(name, number, "the process is gone");
		return;
	}
	outcome = pe_compare_hits(&entry, hits);
	pe_result(name, number, &outcome);
}

/* Enables or disables the probe; if that fails, nothing after it counts. */
static bool set_probe(struct pe_child *child, bool alive, bool on)
{
	pe_marker(on ? PE_MARK_ARMED : PE_MARK_TEARDOWN, 0);
	if (pe_uprobe_enable(&entry, on) || !alive)
		return false;
	if (on)
		pe_marker(PE_MARK_RUN, 0);
	pe_child_go(child);
	return true;
}

static void repetition(struct pe_rng *rng, uint32_t number)
{
	struct pe_outcome end = { .symptom = PE_OK };
	struct pe_rng childs = { pe_rng_next(rng) };
	struct pe_child child;
	bool alive, gone;
	long before;

	pe_marker(PE_MARK_SETUP, 0);
	before = pe_uprobe_hits(&entry);
	pe_noise_parent(rng);
	alive = !pe_child_fork(&child, long_living, &childs);
	gone = !alive;
	alive = call(&child, alive, "unprobed-call", number);
	alive = set_probe(&child, alive, true);
	alive = call(&child, alive, "enabled-call", number);
	compare_hits(alive, "enabled-hits", number, before + 1);
	alive = set_probe(&child, alive, false);
	alive = call(&child, alive, "disabled-call", number);
	compare_hits(alive, "disabled-hits", number, before + 1);
	gone = gone || !alive;
	if (!gone)
		pe_child_finish(&child, &end);
}

int main(int argc, char **argv)
{
	struct pe_args args;
	struct pe_rng rng;

	pe_parse_args(&args, argc, argv);
	rng.state = args.seed;

	pe_marker(PE_MARK_SETUP, 0);
	if (pe_uprobe_prepare(args.repetitions) || pe_uprobe_create(&entry))
		return pe_skip_all("t9-entry-after-enable", pe_uprobe_error);
	pe_plan(TESTS * args.repetitions);
	for (uint32_t i = 1; i <= args.repetitions; i++)
		repetition(&rng, i);
	pe_uprobe_remove(&entry);
	return pe_exit_status();
}
