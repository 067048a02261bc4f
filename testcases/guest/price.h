// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Doing one thing many times, so that what it costs can be divided by how often
 * it was done: for the testcases called t10. A header, as jit.h is: it leaves
 * the others alone.
 */
#ifndef PATCHEVAL_PRICE_H
#define PATCHEVAL_PRICE_H

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "testcase.h"

/* pe_price - a testcase that does one thing `count` times (a parameter). */
struct pe_price {
	/* before the phase run; NULL if there is nothing to do */
	int (*prepare)(uint32_t count);
	/* does it once; false if it did not come out right */
	bool (*once)(uint32_t number);
	/* after it, adding results to its own; may be NULL */
	void (*finish)(uint32_t done);
};

static const struct pe_price pe_price;

static uint32_t pe_price_count, pe_price_done;

/*
 * pe_price_reaped - waits for a child that is to end with this exit code. The
 * number of the thing is its exit code, so that no other child can be meant.
 */
static inline bool pe_price_reaped(pid_t pid, uint32_t code)
{
	int status = 0;

	return pid > 0 && waitpid(pid, &status, 0) == pid &&
	       WIFEXITED(status) && WEXITSTATUS(status) == (code & 0x7f);
}

static inline int pe_price_set_up(const struct pe_args *args)
{
	pe_price_count = pe_parameter("count", 10) * args->repetitions;
	return pe_price.prepare ? pe_price.prepare(pe_price_count) : 0;
}

static inline void pe_price_run(const struct pe_args *args, struct pe_rng *rng)
{
	(void)args;
	(void)rng;
	while (pe_price_done < pe_price_count && pe_price.once(pe_price_done))
		pe_price_done++;
}

static inline void pe_price_end(void)
{
	struct pe_outcome outcome = { .symptom = PE_OK };

	if (pe_price_done < pe_price_count) {
		outcome = (struct pe_outcome){
			.symptom = PE_WRONG_RESULT,
			.has_values = true,
			.expected = pe_price_count,
			.got = pe_price_done,
		};
		snprintf(outcome.what, sizeof(outcome.what), "times");
	}
	pe_result("times", 1, &outcome);
	if (pe_price.finish)
		pe_price.finish(pe_price_done);
}

/* PE_PRICE_STEPS - what PE_TESTCASE says beside name, child and results. */
#define PE_PRICE_STEPS								\
	.setup = pe_price_set_up,						\
	.run = pe_price_run,							\
	.teardown = pe_price_end

#endif
