// SPDX-License-Identifier: GPL-2.0-or-later
/* t9-entry-after-enable: a probe put under a process that is already running. */
#define _GNU_SOURCE
#include <sys/mman.h>

#include "../guest/testcase.h"

/*
 * One function eight times, spread over a page: which part of a copied page is
 * still dirty in the data cache depends on what else uses the same sets, and
 * the first lines of a page share theirs with more than the middle does. Each
 * adds its own number, so that sliding down into the next one is noticed.
 */
#define FUNCTIONS 8

#include "t9-entry-after-enable.h"

__asm__(
PE_PROBED_BEGIN
COPY(t9_function_0, 0)
COPY(t9_function_1, 1)
COPY(t9_function_2, 2)
COPY(t9_function_3, 3)
COPY(t9_function_4, 4)
COPY(t9_function_5, 5)
COPY(t9_function_6, 6)
COPY(t9_function_7, 7)
PE_PROBED_END
);

uint32_t t9_function_0(uint32_t x), t9_function_1(uint32_t x);
uint32_t t9_function_2(uint32_t x), t9_function_3(uint32_t x);
uint32_t t9_function_4(uint32_t x), t9_function_5(uint32_t x);
uint32_t t9_function_6(uint32_t x), t9_function_7(uint32_t x);

static const pe_function functions[FUNCTIONS] = {
	t9_function_0, t9_function_1, t9_function_2, t9_function_3,
	t9_function_4, t9_function_5, t9_function_6, t9_function_7,
};

/* The tests of one repetition. */
#define TESTS 5

/* Parent and child draw the same function from the child's seed. */
static uint32_t draw_function(uint64_t seed)
{
	struct pe_rng rng = { ~seed };

	return pe_rng_below(&rng, FUNCTIONS);
}

/*
 * The child: executes the function once, so that its page is mapped and its
 * line is in the instruction cache, and then once more for each go-ahead.
 */
static int long_living(const struct pe_args *args)
{
	uint32_t index = draw_function(args->seed);
	struct pe_rng rng = { args->seed };

	pe_child_begin();
	pe_noise_child(&rng);
	do {
		uint32_t value = pe_rng_next(&rng);

		pe_checked_call(functions[index], value, 2 * value + index);
		pe_report();
	} while (pe_wait_for_go());
	return 0;
}

/*
 * The parent gives up its own mapping of the functions. Enabling a probe would
 * put a second copy of the page there, whose writing drives the child's copy out
 * of the data cache: that hides just what this testcase looks for.
 */
static void unmap_functions(void)
{
	uintptr_t mask = PE_PROBED_ALIGN - 1;
	uintptr_t page = (uintptr_t)functions[0] & ~mask;

	munmap((void *)page, PE_PROBED_ALIGN);
}

/* The kernel refused the probe: no verdict, unlike a process that died. */
static bool refused;

static void missed(const char *name, uint32_t number)
{
	if (refused)
		pe_skip(name, number, pe_error);
	else
		pe_not_reached(name, number, "the process is gone");
}

/* One call by the child. Returns false when the child is gone. */
static bool call(struct pe_child *child, bool alive, const char *name,
		 uint32_t number)
{
	struct pe_outcome outcome;

	if (!alive) {
		missed(name, number);
		return false;
	}
	alive = pe_child_outcome(child, &outcome) && !outcome.has_pc;
	if (!alive)
		pe_child_finish(child, &outcome);
	pe_result(name, number, &outcome);
	return alive;
}

/* The probe has been hit once, and never when it was disabled. */
static void compare_hits(const struct pe_probe *entry, bool alive,
			 const char *name, uint32_t number)
{
	struct pe_outcome outcome;

	if (!alive) {
		missed(name, number);
		return;
	}
	outcome = pe_compare_hits(entry, 1);
	pe_result(name, number, &outcome);
}

/*
 * Returns true if the child, which is alive, may call now. The probe is disabled
 * even when the child is gone: there may be another repetition.
 */
static bool set_probe(struct pe_child *child, const struct pe_probe *entry,
		      bool alive, bool on)
{
	struct pe_outcome end = { .symptom = PE_OK };

	if (on)
		pe_marker(PE_MARK_ARMED, 0);
	else
		pe_marker(PE_MARK_TEARDOWN, 0);
	if (pe_uprobe_enable(entry, on)) {
		refused = refused || alive;
		if (alive)
			pe_child_finish(child, &end);
		return false;
	}
	if (!alive)
		return false;
	if (on)
		pe_marker(PE_MARK_RUN, 0);
	pe_child_go(child);
	return true;
}

static void calls(struct pe_child *child, const struct pe_probe *entry,
		  uint32_t number)
{
	struct pe_outcome end = { .symptom = PE_OK };
	bool alive;

	alive = call(child, true, "unprobed-call", number);
	alive = set_probe(child, entry, alive, true);
	alive = call(child, alive, "enabled-call", number);
	compare_hits(entry, alive, "enabled-hits", number);
	alive = set_probe(child, entry, alive, false);
	alive = call(child, alive, "disabled-call", number);
	compare_hits(entry, alive, "disabled-hits", number);
	if (alive)
		pe_child_finish(child, &end);
}

static void repetition(struct pe_rng *rng, uint32_t number)
{
	uint64_t seed = pe_rng_next(rng);
	const struct pe_probe entry = { 'p', "t9_entry",
					functions[draw_function(seed)] };
	struct pe_child child;

	pe_marker(PE_MARK_SETUP, 0);
	pe_noise_parent(rng);
	if (pe_uprobe_create(&entry) || pe_child_exec(&child, seed)) {
		for (int i = 0; i < TESTS; i++)
			pe_skip("calls", number, pe_error);
		return;
	}
	calls(&child, &entry, number);
	pe_uprobe_remove(&entry);
}

static int set_up(const struct pe_args *args)
{
	if (pe_uprobe_prepare(args->repetitions))
		return -1;
	unmap_functions();
	return 0;
}

PE_TESTCASE = {
	.name = "t9-entry-after-enable",
	.child = long_living,
	.setup = set_up,
	.tests = TESTS,
	.repetition = repetition,
	.own_phases = true,
};
