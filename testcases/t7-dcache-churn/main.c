// SPDX-License-Identifier: GPL-2.0-or-later
/* t7-dcache-churn: t1-first-return with a function that churns the data cache. */
#define _GNU_SOURCE
#include <string.h>

#include "../guest/patcheval.h"

/*
 * Several times any data cache that the study knows, in lines of its smallest.
 * Parameter `kib` names another number; with 0 this is t1-first-return.
 */
#define CHURN_KIB 256
#define CHURN_MAX_KIB 1024
#define LINE_BYTES 16

/* Outside the function: its address would not fit into one instruction. */
unsigned char t7_buffer[CHURN_MAX_KIB * 1024] __attribute__((aligned(4096)));
const unsigned char *t7_end = t7_buffer;
const unsigned char *t7_begin = t7_buffer;

/*
 * The first instruction moves sp, as in most real functions: executed a second
 * time, out of slot 1, it leaves a trace. The loop stores into each line, so that
 * each of them takes a place in the data cache from a line that was there.
 */
#if defined(__mips__)
__asm__(
PE_PROBED_BEGIN
PE_PROBED(t7_function,
"	addiu	$sp, $sp, -32\n"
"	sw	$ra, 28($sp)\n"
"	lui	$8, %hi(t7_begin)\n"
"	lw	$8, %lo(t7_begin)($8)\n"
"	lui	$9, %hi(t7_end)\n"
"	lw	$9, %lo(t7_end)($9)\n"
"	b	2f\n"
"	 addiu	$2, $4, 0x17\n"
"1:	sw	$2, 0($8)\n"
"	addiu	$8, $8, " PE_STRING(LINE_BYTES) "\n"
"2:	bne	$8, $9, 1b\n"
"	 nop\n"
"	addu	$2, $2, $2\n"
"	lw	$ra, 28($sp)\n"
"	addiu	$sp, $sp, 32\n"
"	jr	$ra\n"
"	 xori	$2, $2, 0x5a\n")
PE_PROBED_END
);
#elif defined(__arm__)
__asm__(
PE_PROBED_BEGIN
PE_PROBED(t7_function,
"	push	{r4, lr}\n"
"	ldr	r1, 3f\n"
"	ldr	r1, [r1]\n"
"	ldr	r2, 4f\n"
"	ldr	r2, [r2]\n"
"	add	r4, r0, #0x17\n"
"	b	2f\n"
"1:	str	r4, [r1], #" PE_STRING(LINE_BYTES) "\n"
"2:	cmp	r1, r2\n"
"	bne	1b\n"
"	add	r4, r4, r4\n"
"	eor	r0, r4, #0x5a\n"
"	pop	{r4, pc}\n"
"3:	.word	t7_begin\n"
"4:	.word	t7_end\n")
PE_PROBED_END
);
#endif

uint32_t t7_function(uint32_t argument);

static const struct pe_probe entry = { 'p', "t7_entry", t7_function };
static const struct pe_probe returned = { 'r', "t7_return", t7_function };

static uint32_t expected(uint32_t argument)
{
	return (2 * (argument + 0x17)) ^ 0x5a;
}

static int fresh_process(uint64_t seed)
{
	struct pe_rng rng = { seed };
	uint32_t argument = pe_rng_next(&rng);
	uint32_t kib = pe_parameter("kib", CHURN_KIB);

	if (kib > CHURN_MAX_KIB)
		return 1;
	t7_end = t7_buffer + 1024 * kib;
	pe_child_begin();
	/* Mapped beforehand: faults would churn by themselves, and take long. */
	memset(t7_buffer, 1, 1024 * kib);
	pe_noise_child(&rng);
	pe_checked_call(t7_function, argument, expected(argument));
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
		return pe_skip_all("t7-dcache-churn", pe_uprobe_error);
	pe_marker(PE_MARK_ARMED, 0);
	if (pe_uprobe_enable(&entry, true) || pe_uprobe_enable(&returned, true))
		return pe_skip_all("t7-dcache-churn", pe_uprobe_error);
	pe_plan(args.repetitions + 2);
	run(&args);
	return pe_exit_status();
}
