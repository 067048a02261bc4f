// SPDX-License-Identifier: GPL-2.0-or-later
/* @NAME@: a probe on a function, which a fresh process calls. */
#define _GNU_SOURCE
#include "../guest/first_return.h"

#define CALLS 4

/*
 * The probed function, for each architecture: guest/arch/<arch>/first_return_code.h
 * has its instructions, and yours may have a file of its own there.
 */
PE_FIRST_RETURN(function, "");

uint32_t function(uint32_t argument);

static const struct pe_probe entry = { 'p', "entry", function };

/* Calls begun so far, or -1 if nobody knows. */
static long calls;

/* The life of a fresh process. Everything random comes from its seed. */
static int fresh_process(const struct pe_args *args)
{
	struct pe_rng rng = { args->seed };

	pe_child_begin();
	pe_noise_child(&rng);
	for (int i = 0; i < CALLS; i++) {
		uint32_t argument = pe_rng_next(&rng);

		/* Compares the result, sp and the registers that must survive. */
		if (!pe_checked_call(function, argument,
				     pe_first_return_of(argument)))
			break;
	}
	pe_report();
	return 0;
}

static int set_up(const struct pe_args *args)
{
	return pe_uprobe_prepare(CALLS * args->repetitions) ||
	       pe_uprobe_create(&entry);
}

static int arm(const struct pe_args *args)
{
	(void)args;
	return pe_uprobe_enable(&entry, true);
}

static void repetition(struct pe_rng *rng, uint32_t number)
{
	struct pe_outcome outcome = { .symptom = PE_WRONG_RESULT };
	struct pe_child child;

	pe_noise_parent(rng);
	if (pe_child_exec(&child, pe_rng_next(rng))) {
		pe_skip("calls", number, "cannot fork");
		return;
	}
	pe_child_outcome(&child, &outcome);
	pe_child_finish(&child, &outcome);
	pe_result("calls", number, &outcome);
	calls = outcome.has_calls && calls >= 0 ? calls + (long)outcome.calls : -1;
}

static void tear_down(void)
{
	struct pe_outcome outcome;

	if (calls < 0) {
		pe_not_reached("hits", 1, "number of calls unknown");
	} else {
		outcome = pe_compare_hits(&entry, calls);
		pe_result("hits", 1, &outcome);
	}
	pe_uprobe_enable(&entry, false);
	pe_uprobe_remove(&entry);
}

PE_TESTCASE = {
	.name = "@NAME@",
	.child = fresh_process,
	.setup = set_up,
	.arm = arm,
	.tests = 1,
	.tests_once = 1,
	.repetition = repetition,
	.teardown = tear_down,
};
