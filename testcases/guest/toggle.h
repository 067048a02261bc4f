// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A place in the kernel's text that is patched in and out through tracefs, while a
 * system call leads there: each call leaves a line in the trace, or none. A
 * testcase defines pe_toggle, and says PE_TOGGLE_STEPS in PE_TESTCASE.
 */
#ifndef PATCHEVAL_TOGGLE_H
#define PATCHEVAL_TOGGLE_H

#include <stdio.h>

#include "testcase.h"

#define PE_TOGGLE_STEPS_MOST 12
#define PE_TOGGLE_CALLS_MOST 3

struct pe_toggle {
	/* 0, or -1 and pe_error, where the kernel does not have it */
	int (*prepare)(void);
	int (*set)(bool on);
	void (*call)(void);
	/* what each line in the trace has, and no other */
	const char *pattern;
};

static const struct pe_toggle pe_toggle;

static inline int pe_toggle_set_up(const struct pe_args *args)
{
	(void)args;
	if (pe_uprobe_prepare(PE_TOGGLE_STEPS_MOST * PE_TOGGLE_CALLS_MOST))
		return -1;
	return pe_toggle.prepare ? pe_toggle.prepare() : 0;
}

/* The calls of one step, and whether they have left their lines. */
static inline struct pe_outcome pe_toggle_calls(bool on, uint32_t calls,
						long *lines)
{
	struct pe_outcome outcome = { .symptom = PE_OK };
	long expected = *lines + (on ? calls : 0), got;

	while (calls--)
		pe_toggle.call();
	got = pe_trace_lines(pe_toggle.pattern);
	if (got != expected) {
		outcome.symptom = got < expected ? PE_LOST_HIT : PE_EXTRA_HIT;
		outcome.has_values = true;
		outcome.expected = expected;
		outcome.got = got < 0 ? 0 : got;
	}
	*lines = got;
	return outcome;
}

static inline void pe_toggle_once(struct pe_rng *rng, uint32_t number)
{
	uint32_t steps = 2 + pe_rng_below(rng, PE_TOGGLE_STEPS_MOST - 1);
	struct pe_outcome outcome = { .symptom = PE_OK };
	long lines = pe_trace_lines(pe_toggle.pattern);
	bool on = false;

	pe_noise_parent(rng);
	pe_toggle.call();
	for (uint32_t i = 0; i < steps && outcome.symptom == PE_OK; i++) {
		on = !on;
		if (pe_toggle.set(on)) {
			pe_skip("toggle", number, pe_error);
			return;
		}
		outcome = pe_toggle_calls(
			on, 1 + pe_rng_below(rng, PE_TOGGLE_CALLS_MOST), &lines);
	}
	pe_toggle.set(false);
	pe_result("toggle", number, &outcome);
}

#define PE_TOGGLE_STEPS								\
	.setup = pe_toggle_set_up,						\
	.tests = 1,								\
	.repetition = pe_toggle_once

#endif
