// SPDX-License-Identifier: GPL-2.0-or-later
/* t1-first-return: a return probe, hit for the first time in a fresh process. */
#define _GNU_SOURCE
#include "../guest/patcheval.h"

/*
 * The first instruction moves sp, as in most real functions: executed a second
 * time, out of slot 1, it leaves a trace.
 */
#if defined(__mips__)
__asm__(
PE_PROBED_BEGIN
PE_PROBED(t1_function,
"	addiu	$sp, $sp, -32\n"
"	sw	$ra, 28($sp)\n"
"	sw	$16, 24($sp)\n"
"	addiu	$16, $4, 0x17\n"
"	addu	$16, $16, $16\n"
"	xori	$2, $16, 0x5a\n"
"	lw	$16, 24($sp)\n"
"	lw	$ra, 28($sp)\n"
"	addiu	$sp, $sp, 32\n"
"	jr	$ra\n"
"	 nop\n")
PE_PROBED_END
);
#elif defined(__arm__)
__asm__(
PE_PROBED_BEGIN
PE_PROBED(t1_function,
"	push	{r4, lr}\n"
"	add	r4, r0, #0x17\n"
"	add	r4, r4, r4\n"
"	eor	r0, r4, #0x5a\n"
"	pop	{r4, pc}\n")
PE_PROBED_END
);
#endif

uint32_t t1_function(uint32_t argument);

static const struct pe_probe entry = { 'p', "t1_entry", t1_function };
static const struct pe_probe returned = { 'r', "t1_return", t1_function };

static uint32_t expected(uint32_t argument)
{
	return (2 * (argument + 0x17)) ^ 0x5a;
}

static int fresh_process(uint64_t seed)
{
	struct pe_rng rng = { seed };
	uint32_t argument = pe_rng_next(&rng);

	pe_child_begin();
	pe_noise_child(&rng);
	pe_checked_call(t1_function, argument, expected(argument));
	pe_report();
	return 0;
}

/* Returns the calls begun, or -1 if nobody knows. */
static long repetition(struct pe_rng *rng, uint32_t number)
{
	struct pe_outcome outcome = { .symptom = PE_WRONG_RESULT };
	struct pe_child child;

	pe_noise_parent(rng);
	if (pe_child_exec(&child, pe_rng_next(rng))) {
		pe_skip("return", number, "cannot fork");
		return 0;
	}
	pe_child_outcome(&child, &outcome);
	pe_child_finish(&child, &outcome);
	pe_result("return", number, &outcome);
	return outcome.has_calls ? (long)outcome.calls : -1;
}

static void compare_hits(const struct pe_probe *probe, const char *name,
			 long calls)
{
	struct pe_outcome outcome;

	if (calls < 0) {
		pe_not_reached(name, 1, "number of calls unknown");
		return;
	}
	outcome = pe_compare_hits(probe, calls);
	pe_result(name, 1, &outcome);
}

static void run(const struct pe_args *args)
{
	struct pe_rng rng = { args->seed };
	long calls = 0;

	pe_marker(PE_MARK_RUN, 0);
	for (uint32_t i = 1; i <= args->repetitions; i++) {
		long more = repetition(&rng, i);

		calls = more < 0 || calls < 0 ? -1 : calls + more;
	}
	pe_marker(PE_MARK_TEARDOWN, 0);
	compare_hits(&entry, "entry-hits", calls);
	compare_hits(&returned, "return-hits", calls);
	pe_uprobe_enable(&returned, false);
	pe_uprobe_enable(&entry, false);
	pe_uprobe_remove(&returned);
	pe_uprobe_remove(&entry);
}

int main(int argc, char **argv)
{
	struct pe_args args;

	pe_parse_args(&args, argc, argv);
	if (args.child)
		return fresh_process(args.seed);

	pe_marker(PE_MARK_SETUP, 0);
	if (pe_uprobe_prepare(2 * args.repetitions) ||
	    pe_uprobe_create(&entry) || pe_uprobe_create(&returned))
		return pe_skip_all("t1-first-return", pe_uprobe_error);
	pe_marker(PE_MARK_ARMED, 0);
	if (pe_uprobe_enable(&entry, true) || pe_uprobe_enable(&returned, true))
		return pe_skip_all("t1-first-return", pe_uprobe_error);
	pe_plan(args.repetitions + 2);
	run(&args);
	return pe_exit_status();
}
