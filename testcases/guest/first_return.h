// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A return probe, hit for the first time in a fresh process: what T1 is about,
 * for the testcases that vary it. A header, as jit.h is: it leaves the others
 * alone. A testcase defines its function, describes itself, and calls
 * pe_first_return() from main().
 */
#ifndef PATCHEVAL_FIRST_RETURN_H
#define PATCHEVAL_FIRST_RETURN_H

#include "patcheval.h"

/*
 * PE_FIRST_RETURN - the probed function. The first instruction moves sp, as in
 * most real functions: executed a second time, out of slot 1, it leaves a trace.
 * Between the hit and the return it does what the assembly `between` says, which
 * may call functions.
 */
#if defined(__mips__)
#define PE_FIRST_RETURN(name, between) __asm__(				\
PE_PROBED_BEGIN								\
PE_PROBED(name,								\
"	addiu	$sp, $sp, -32\n"					\
"	sw	$ra, 28($sp)\n"						\
"	sw	$16, 24($sp)\n"						\
"	addiu	$16, $4, 0x17\n"					\
between									\
"	addu	$16, $16, $16\n"					\
"	xori	$2, $16, 0x5a\n"					\
"	lw	$16, 24($sp)\n"						\
"	lw	$ra, 28($sp)\n"						\
"	addiu	$sp, $sp, 32\n"						\
"	jr	$ra\n"							\
"	 nop\n")							\
PE_PROBED_END								\
)
#elif defined(__arm__)
#define PE_FIRST_RETURN(name, between) __asm__(				\
PE_PROBED_BEGIN								\
PE_PROBED(name,								\
"	push	{r4, lr}\n"						\
"	add	r4, r0, #0x17\n"					\
between									\
"	add	r4, r4, r4\n"						\
"	eor	r0, r4, #0x5a\n"					\
"	pop	{r4, pc}\n")						\
PE_PROBED_END								\
)
#endif

/* pe_first_return_of - what that function returns. */
static inline uint32_t pe_first_return_of(uint32_t argument)
{
	return (2 * (argument + 0x17)) ^ 0x5a;
}

/* pe_first_return - a testcase that looks at a first return. */
struct pe_first_return {
	const char *name;
	struct pe_probe entry;
	struct pe_probe returned;
	/* what a fresh process does before its call; may be NULL */
	void (*prepare)(struct pe_rng *rng);
};

static int pe_first_return_child(const struct pe_first_return *test,
				 uint64_t seed)
{
	struct pe_rng rng = { seed };
	uint32_t argument = pe_rng_next(&rng);

	pe_child_begin();
	pe_noise_child(&rng);
	if (test->prepare)
		test->prepare(&rng);
	pe_checked_call((pe_function)(uintptr_t)test->entry.function, argument,
			pe_first_return_of(argument));
	pe_report();
	return 0;
}

/* Returns the calls begun, or -1 if nobody knows. */
static long pe_first_return_once(struct pe_rng *rng, uint32_t number)
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

static void pe_first_return_hits(const struct pe_probe *probe, const char *name,
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

static void pe_first_return_run(const struct pe_first_return *test,
				const struct pe_args *args)
{
	struct pe_rng rng = { args->seed };
	long calls = 0;

	pe_marker(PE_MARK_RUN, 0);
	for (uint32_t i = 1; i <= args->repetitions; i++) {
		long more = pe_first_return_once(&rng, i);

		calls = more < 0 || calls < 0 ? -1 : calls + more;
	}
	pe_marker(PE_MARK_TEARDOWN, 0);
	pe_first_return_hits(&test->entry, "entry-hits", calls);
	pe_first_return_hits(&test->returned, "return-hits", calls);
	pe_uprobe_enable(&test->returned, false);
	pe_uprobe_enable(&test->entry, false);
	pe_uprobe_remove(&test->returned);
	pe_uprobe_remove(&test->entry);
}

/* pe_first_return - the whole of main(). */
static inline int pe_first_return(const struct pe_first_return *test, int argc,
				  char **argv)
{
	struct pe_args args;

	pe_parse_args(&args, argc, argv);
	if (args.child)
		return pe_first_return_child(test, args.seed);

	pe_marker(PE_MARK_SETUP, 0);
	if (pe_uprobe_prepare(2 * args.repetitions) ||
	    pe_uprobe_create(&test->entry) || pe_uprobe_create(&test->returned))
		return pe_skip_all(test->name, pe_uprobe_error);
	pe_marker(PE_MARK_ARMED, 0);
	if (pe_uprobe_enable(&test->entry, true) ||
	    pe_uprobe_enable(&test->returned, true))
		return pe_skip_all(test->name, pe_uprobe_error);
	pe_plan(args.repetitions + 2);
	pe_first_return_run(test, &args);
	return pe_exit_status();
}

#endif
