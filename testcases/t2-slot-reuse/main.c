// SPDX-License-Identifier: GPL-2.0-or-later
/* t2-slot-reuse: ten probed instructions one after the other in one XOL slot. */
#define _GNU_SOURCE
#include "../guest/testcase.h"

#define FUNCTIONS 10

/*
 * Ten first instructions, no two alike, and each does something that the
 * caller can see. Half of them move sp: an old instruction executed in the
 * place of such a one, or such a one in the place of another, leaves sp wrong,
 * which is how this failure was first reported for ARM in 2014.
 */
#include "t2-slot-reuse.h"

uint32_t t2_function_0(uint32_t x), t2_function_1(uint32_t x);
uint32_t t2_function_2(uint32_t x), t2_function_3(uint32_t x);
uint32_t t2_function_4(uint32_t x), t2_function_5(uint32_t x);
uint32_t t2_function_6(uint32_t x), t2_function_7(uint32_t x);
uint32_t t2_function_8(uint32_t x), t2_function_9(uint32_t x);

static const struct pe_probe probes[FUNCTIONS] = {
	{ 'p', "t2_entry_0", t2_function_0 },
	{ 'p', "t2_entry_1", t2_function_1 },
	{ 'p', "t2_entry_2", t2_function_2 },
	{ 'p', "t2_entry_3", t2_function_3 },
	{ 'p', "t2_entry_4", t2_function_4 },
	{ 'p', "t2_entry_5", t2_function_5 },
	{ 'p', "t2_entry_6", t2_function_6 },
	{ 'p', "t2_entry_7", t2_function_7 },
	{ 'p', "t2_entry_8", t2_function_8 },
	{ 'p', "t2_entry_9", t2_function_9 },
};

static uint32_t expected(unsigned int index, uint32_t x)
{
	switch (index) {
	case 1:
		return x + 0x1f0;
	case 3:
		return x ^ 0x33;
	case 5:
		return x << 3;
	case 7:
		return 0x12 - x;
	case 9:
		return ~x;
	default:
		return x + 0x10 + 8 * index;
	}
}

/* The order of calls belongs to the child's seed; parent and child draw it. */
static void draw_order(uint64_t seed, unsigned int *order)
{
	struct pe_rng rng = { ~seed };

	pe_shuffle(&rng, order, FUNCTIONS);
}

static int fresh_process(const struct pe_args *args)
{
	struct pe_rng rng = { args->seed };
	unsigned int order[FUNCTIONS];
	uint32_t argument = pe_rng_next(&rng);

	draw_order(args->seed, order);
	pe_child_begin();
	pe_noise_child(&rng);
	for (unsigned int i = 0; i < FUNCTIONS; i++) {
		pe_function function = probes[order[i]].function;

		if (!pe_checked_call(function, argument,
				     expected(order[i], argument)))
			break;
	}
	pe_report();
	return 0;
}

/* Calls begun of each function, while all of them are known. */
static long calls[FUNCTIONS];
static bool known = true;

static void repetition(struct pe_rng *rng, uint32_t number)
{
	struct pe_outcome outcome = { .symptom = PE_WRONG_RESULT };
	unsigned int order[FUNCTIONS];
	struct pe_child child;
	uint64_t seed;

	pe_noise_parent(rng);
	seed = pe_rng_next(rng);
	if (pe_child_exec(&child, seed)) {
		pe_skip("ten-calls", number, "cannot fork");
		return;
	}
	pe_child_outcome(&child, &outcome);
	pe_child_finish(&child, &outcome);
	pe_result("ten-calls", number, &outcome);
	draw_order(seed, order);
	for (unsigned int i = 0; i < outcome.calls && i < FUNCTIONS; i++)
		calls[order[i]]++;
	known = known && outcome.has_calls;
}

static void compare_hits(void)
{
	for (unsigned int i = 0; i < FUNCTIONS; i++) {
		struct pe_outcome outcome;

		if (!known) {
			pe_not_reached("entry-hits", i,
				       "number of calls unknown");
			continue;
		}
		outcome = pe_compare_hits(&probes[i], calls[i]);
		pe_result("entry-hits", i, &outcome);
	}
}

static void tear_down(void)
{
	compare_hits();
	for (unsigned int i = 0; i < FUNCTIONS; i++) {
		pe_uprobe_enable(&probes[i], false);
		pe_uprobe_remove(&probes[i]);
	}
}

static int set_up(const struct pe_args *args)
{
	if (pe_uprobe_prepare(FUNCTIONS * args->repetitions))
		return -1;
	for (unsigned int i = 0; i < FUNCTIONS; i++)
		if (pe_uprobe_create(&probes[i]))
			return -1;
	return 0;
}

static int arm(const struct pe_args *args)
{
	(void)args;
	for (unsigned int i = 0; i < FUNCTIONS; i++)
		if (pe_uprobe_enable(&probes[i], true))
			return -1;
	return 0;
}

PE_TESTCASE = {
	.name = "t2-slot-reuse",
	.child = fresh_process,
	.setup = set_up,
	.arm = arm,
	.tests = 1,
	.tests_once = FUNCTIONS,
	.repetition = repetition,
	.teardown = tear_down,
};
