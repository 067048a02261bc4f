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

#include "patcheval.h"

/* pe_price - a testcase that does one thing `count` times (a parameter). */
struct pe_price {
	const char *name;
	/* before the phase run; NULL if there is nothing to do */
	int (*prepare)(uint32_t count);
	/* does it once; false if it did not come out right */
	bool (*once)(uint32_t number);
	/* after it, adding results to `tests` of its own; may be NULL */
	void (*finish)(uint32_t done);
	uint32_t tests;
};

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

/* pe_price_run - the whole of main(), but for what a child does. */
static inline int pe_price_run(const struct pe_price *price,
			       const struct pe_args *args)
{
	uint32_t count = pe_parameter("count", 10), done = 0;
	struct pe_outcome outcome = { .symptom = PE_OK };

	pe_marker(PE_MARK_SETUP, 0);
	count *= args->repetitions;
	if (price->prepare && price->prepare(count))
		return pe_skip_all(price->name, pe_uprobe_error);
	pe_plan(1 + price->tests);
	pe_marker(PE_MARK_RUN, 0);
	while (done < count && price->once(done))
		done++;
	pe_marker(PE_MARK_TEARDOWN, 0);
	if (done < count) {
		outcome = (struct pe_outcome){
			.symptom = PE_WRONG_RESULT,
			.has_values = true,
			.expected = count,
			.got = done,
		};
		snprintf(outcome.what, sizeof(outcome.what), "times");
	}
	pe_result("times", 1, &outcome);
	if (price->finish)
		price->finish(done);
	return pe_exit_status();
}

#endif
