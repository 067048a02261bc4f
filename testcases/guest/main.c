// SPDX-License-Identifier: GPL-2.0-or-later
/* The course of a testcase: its phases, its plan and its repetitions. */
#define _GNU_SOURCE
#include "testcase.h"

static void run(const struct pe_testcase *test, const struct pe_args *args,
		struct pe_rng *rng)
{
	if (test->run) {
		test->run(args, rng);
		return;
	}
	for (uint32_t i = 1; i <= args->repetitions; i++)
		test->repetition(rng, i);
}

int pe_main(const struct pe_testcase *test, int argc, char **argv)
{
	struct pe_args args;
	struct pe_rng rng;

	pe_parse_args(&args, argc, argv);
	if (args.child)
		return test->child ? test->child(&args) : 127;

	rng.state = args.seed;
	pe_marker(PE_MARK_SETUP, 0);
	if (test->setup && test->setup(&args))
		return pe_skip_all(test->name, pe_error);
	if (test->arm) {
		pe_marker(PE_MARK_ARMED, 0);
		if (test->arm(&args))
			return pe_skip_all(test->name, pe_error);
	}
	pe_plan(test->plan ? test->plan(&args, &rng) :
			     test->tests * args.repetitions + test->tests_once);
	if (!test->own_phases)
		pe_marker(PE_MARK_RUN, 0);
	run(test, &args, &rng);
	if (!test->own_phases)
		pe_marker(PE_MARK_TEARDOWN, 0);
	if (test->teardown)
		test->teardown();
	return pe_exit_status();
}
