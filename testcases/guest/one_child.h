// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A testcase whose repetition is one fresh process with one result: it defines
 * pe_one_child_work(), and says PE_ONE_CHILD_STEPS in PE_TESTCASE.
 */
#ifndef PATCHEVAL_ONE_CHILD_H
#define PATCHEVAL_ONE_CHILD_H

#include "testcase.h"

/* What the process does; calls are checked by pe_checked_call(). */
static void pe_one_child_work(struct pe_rng *rng);

static inline int pe_one_child(const struct pe_args *args)
{
	struct pe_rng rng = { args->seed };

	pe_child_begin();
	pe_noise_child(&rng);
	pe_one_child_work(&rng);
	pe_report();
	return 0;
}

static inline void pe_one_child_once(struct pe_rng *rng, uint32_t number)
{
	struct pe_outcome outcome;
	struct pe_child child;

	pe_noise_parent(rng);
	if (pe_child_exec(&child, pe_rng_next(rng))) {
		pe_skip("work", number, "cannot fork");
		return;
	}
	pe_child_outcome(&child, &outcome);
	pe_child_finish(&child, &outcome);
	pe_result("work", number, &outcome);
}

#define PE_ONE_CHILD_STEPS							\
	.child = pe_one_child,							\
	.tests = 1,								\
	.repetition = pe_one_child_once

#endif
