// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A return probe, hit for the first time in a fresh process: what T1 is about,
 * for the testcases that vary it. A header, as jit.h is: it leaves the others
 * alone. A testcase defines its function and pe_first_return.
 */
#ifndef PATCHEVAL_FIRST_RETURN_H
#define PATCHEVAL_FIRST_RETURN_H

#include "testcase.h"

/*
 * PE_FIRST_RETURN - the probed function. The first instruction moves sp, as in
 * most real functions: executed a second time, out of slot 1, it leaves a trace.
 * Between the hit and the return it does what the assembly `between` says, which
 * may call functions.
 */
#include "first_return_code.h"

/* pe_first_return_of - what that function returns. */
static inline uint32_t pe_first_return_of(uint32_t argument)
{
	return (2 * (argument + 0x17)) ^ 0x5a;
}

/* pe_first_return - what a testcase that looks at a first return defines. */
struct pe_first_return {
	struct pe_probe entry;
	struct pe_probe returned;
	/* what a fresh process does at first, false if it cannot; may be NULL */
	bool (*prepare)(void);
};

static const struct pe_first_return pe_first_return;

/* Calls begun so far, or -1 if nobody knows. */
static long pe_first_return_calls;

static inline int pe_first_return_child(const struct pe_args *args)
{
	const struct pe_first_return *test = &pe_first_return;
	struct pe_rng rng = { args->seed };
	uint32_t argument = pe_rng_next(&rng);

	pe_child_begin();
	if (test->prepare && !test->prepare())
		return 1;
	pe_noise_child(&rng);
	pe_checked_call((pe_function)(uintptr_t)test->entry.function, argument,
			pe_first_return_of(argument));
	pe_report();
	return 0;
}

static inline void pe_first_return_once(struct pe_rng *rng, uint32_t number)
{
	struct pe_outcome outcome = { .symptom = PE_WRONG_RESULT };
	struct pe_child child;

	pe_noise_parent(rng);
	if (pe_child_exec(&child, pe_rng_next(rng))) {
		pe_skip("return", number, "cannot fork");
		return;
	}
	pe_child_outcome(&child, &outcome);
	pe_child_finish(&child, &outcome);
	pe_result("return", number, &outcome);
	if (!outcome.has_calls)
		pe_first_return_calls = -1;
	else if (pe_first_return_calls >= 0)
		pe_first_return_calls += outcome.calls;
}

static inline void pe_first_return_hits(const struct pe_probe *probe,
					const char *name)
{
	struct pe_outcome outcome;

	if (pe_first_return_calls < 0) {
		pe_not_reached(name, 1, "number of calls unknown");
		return;
	}
	outcome = pe_compare_hits(probe, pe_first_return_calls);
	pe_result(name, 1, &outcome);
}

static inline void pe_first_return_end(void)
{
	const struct pe_first_return *test = &pe_first_return;

	pe_first_return_hits(&test->entry, "entry-hits");
	pe_first_return_hits(&test->returned, "return-hits");
	pe_uprobe_enable(&test->returned, false);
	pe_uprobe_enable(&test->entry, false);
	pe_uprobe_remove(&test->returned);
	pe_uprobe_remove(&test->entry);
}

static inline int pe_first_return_set_up(const struct pe_args *args)
{
	return pe_uprobe_prepare(2 * args->repetitions) ||
	       pe_uprobe_create(&pe_first_return.entry) ||
	       pe_uprobe_create(&pe_first_return.returned);
}

static inline int pe_first_return_arm(const struct pe_args *args)
{
	(void)args;
	return pe_uprobe_enable(&pe_first_return.entry, true) ||
	       pe_uprobe_enable(&pe_first_return.returned, true);
}

/* PE_FIRST_RETURN_STEPS - what PE_TESTCASE says beside the name. */
#define PE_FIRST_RETURN_STEPS							\
	.child = pe_first_return_child,						\
	.setup = pe_first_return_set_up,					\
	.arm = pe_first_return_arm,						\
	.tests = 1,								\
	.tests_once = 2,							\
	.repetition = pe_first_return_once,					\
	.teardown = pe_first_return_end

#endif
