// SPDX-License-Identifier: GPL-2.0-or-later
/* t11-probe-churn: probes enabled and disabled under running processes. */
#define _GNU_SOURCE
#include <poll.h>

#include "../guest/perf.h"
#include "../guest/shared.h"
#include "../guest/testcase.h"

#define FUNCTIONS 5
#define WORKERS 3
/* How often a probe is enabled or disabled. */
#define STEPS 14

/* No branches first: what T12 says of them holds for processes as well. */
#include "t11-probe-churn.h"

uint32_t t11_function_0(uint32_t x), t11_function_1(uint32_t x);
uint32_t t11_function_2(uint32_t x), t11_function_3(uint32_t x);
uint32_t t11_function_4(uint32_t x);

static const pe_function functions[FUNCTIONS] = {
	t11_function_0, t11_function_1, t11_function_2, t11_function_3,
	t11_function_4,
};

static uint32_t expected(unsigned int index, uint32_t x)
{
	switch (index) {
	case 1:
		return x ^ 0x11;
	case 4:
		return ~x;
	default:
		return x + 0x10 + index;
	}
}

/* What the workers leave for the parent, whatever becomes of them. */
struct shared {
	uint32_t begun[WORKERS][FUNCTIONS];
	uint32_t done[WORKERS][FUNCTIONS];
	uint32_t next_worker;
	uint32_t stop;
};

static struct shared *shared;

static uint32_t value(const uint32_t *counter)
{
	return __atomic_load_n(counter, __ATOMIC_SEQ_CST);
}

static uint32_t count(uint32_t *counter)
{
	return __atomic_fetch_add(counter, 1, __ATOMIC_SEQ_CST);
}

/* ---- in the children ---------------------------------------------------- */

static int worker(const struct pe_args *args)
{
	struct pe_rng rng = { args->seed };
	bool right = true;
	uint32_t number;

	shared = pe_shared(sizeof(*shared));
	number = count(&shared->next_worker) % WORKERS;
	pe_child_begin();
	pe_noise_child(&rng);
	while (right && !value(&shared->stop)) {
		unsigned int index = pe_rng_below(&rng, FUNCTIONS);
		uint32_t x = pe_rng_next(&rng);

		count(&shared->begun[number][index]);
		right = pe_checked_call(functions[index], x,
					expected(index, x));
		count(&shared->done[number][index]);
	}
	pe_report();
	return 0;
}

/* ---- in the parent ------------------------------------------------------ */

/* Probes that stay. */
static const struct pe_probe staying[] = {
	{ 'p', "t11_stay_0", t11_function_0 },
	{ 'r', "t11_stay_return_0", t11_function_0 },
	{ 'p', "t11_stay_1", t11_function_1 },
};

#define STAYING (sizeof(staying) / sizeof(*staying))

static struct pe_counter counters[STAYING];

/*
 * Probes that come and go. Entry probes are events of tracefs, which count on
 * while they are disabled; return probes are perf events, which are gone then.
 */
struct churned {
	struct pe_probe probe;
	unsigned int index;		/* of the function */
	struct pe_counter counter;
	bool on;
	long gone;			/* hits of perf events that are gone */
	long least, most;		/* what hits there can be */
	uint32_t begun[WORKERS];	/* when it was enabled */
	uint32_t done[WORKERS];		/* just before */
};

static struct churned churned[] = {
	{ .probe = { 'p', "t11_entry_2", t11_function_2 }, .index = 2 },
	{ .probe = { 'r', "t11_return_3", t11_function_3 }, .index = 3 },
	{ .probe = { 'p', "t11_entry_4", t11_function_4 }, .index = 4 },
	/* Where another probe stays. */
	{ .probe = { 'p', "t11_entry_0", t11_function_0 }, .index = 0 },
};

#define CHURNED (sizeof(churned) / sizeof(*churned))

static bool refused;

static void enable(struct churned *one)
{
	for (int i = 0; i < WORKERS; i++)
		one->done[i] = value(&shared->done[i][one->index]);
	if (one->probe.kind == 'p' ?
	    pe_uprobe_enable(&one->probe, true) :
	    pe_counter_open(&one->counter, &one->probe)) {
		refused = true;
		return;
	}
	for (int i = 0; i < WORKERS; i++)
		one->begun[i] = value(&shared->begun[i][one->index]);
	one->on = true;
}

static void disable(struct churned *one)
{
	/* What began and ended meanwhile must have hit. */
	for (int i = 0; i < WORKERS; i++) {
		uint32_t done = value(&shared->done[i][one->index]);

		if (done > one->begun[i])
			one->least += done - one->begun[i];
	}
	if (one->probe.kind == 'p') {
		refused = pe_uprobe_enable(&one->probe, false) || refused;
	} else {
		one->gone += pe_counter_hits(&one->counter);
		pe_counter_close(&one->counter);
	}
	/* What began before, or had not ended when it was enabled, may have. */
	for (int i = 0; i < WORKERS; i++)
		one->most += value(&shared->begun[i][one->index]) -
			     one->done[i];
	one->on = false;
}

static void churn(struct pe_rng *rng)
{
	for (int i = 0; i < STEPS && !refused; i++) {
		struct churned *one = &churned[pe_rng_below(rng, CHURNED)];

		poll(NULL, 0, 1 + pe_rng_below(rng, 6));
		if (one->on)
			disable(one);
		else
			enable(one);
	}
	for (size_t i = 0; i < CHURNED; i++)
		if (churned[i].on)
			disable(&churned[i]);
	/* Without those probes; what is left of them does harm here. */
	poll(NULL, 0, 4);
}

static struct pe_outcome compare_churned(const struct churned *one)
{
	struct pe_outcome outcome = { .symptom = PE_OK };
	long got = one->probe.kind == 'p' ? pe_uprobe_hits(&one->probe) :
					    one->gone;

	if (got >= one->least && got <= one->most)
		return outcome;
	outcome.symptom = got < one->least ? PE_LOST_HIT : PE_EXTRA_HIT;
	outcome.has_values = true;
	outcome.expected = got < one->least ? one->least : one->most;
	outcome.got = got < 0 ? 0 : got;
	snprintf(outcome.what, sizeof(outcome.what), "%s", one->probe.name);
	return outcome;
}

static void compare_hits(bool known, uint32_t number)
{
	for (size_t i = 0; i < STAYING + CHURNED; i++) {
		const char *name = i < STAYING ? "staying-hits" :
						 "churned-hits";
		struct pe_outcome outcome;
		long calls = 0;

		if (!known) {
			pe_not_reached(name, number, "a process is gone");
			continue;
		}
		if (i < STAYING) {
			/* Two of them are on the first function. */
			for (int j = 0; j < WORKERS; j++)
				calls += shared->begun[j][i / 2];
			outcome = pe_counter_between(&counters[i], calls,
						     calls);
		} else {
			outcome = compare_churned(&churned[i - STAYING]);
		}
		pe_result(name, number, &outcome);
	}
}

#define TESTS (WORKERS + STAYING + CHURNED)

static void skip(uint32_t from, uint32_t number, const char *why)
{
	for (uint32_t i = from; i < TESTS; i++)
		pe_skip("calls", number, why);
}

static void repetition(struct pe_rng *rng, uint32_t number)
{
	struct pe_child children[WORKERS];
	struct pe_outcome outcome;
	bool known = true;

	pe_noise_parent(rng);
	shared->stop = shared->next_worker = 0;
	for (int i = 0; i < WORKERS; i++)
		if (pe_child_exec(&children[i], pe_rng_next(rng))) {
			count(&shared->stop);
			while (i--)
				pe_child_finish(&children[i], &outcome);
			skip(0, number, "cannot fork");
			return;
		}
	churn(rng);
	count(&shared->stop);
	for (int i = 0; i < WORKERS; i++) {
		known = pe_child_outcome(&children[i], &outcome) &&
			!outcome.has_pc && known;
		pe_child_finish(&children[i], &outcome);
		pe_result("calls", number, &outcome);
	}
	if (refused)
		skip(WORKERS, number, pe_error);
	else
		compare_hits(known, number);
}

static int set_up(const struct pe_args *args)
{
	(void)args;
	shared = pe_share(sizeof(*shared));
	if (!shared || pe_uprobe_prepare(64))
		return -1;
	for (size_t i = 0; i < CHURNED; i++)
		if (churned[i].probe.kind == 'p' &&
		    pe_uprobe_create(&churned[i].probe))
			return -1;
	return 0;
}

static int arm(const struct pe_args *args)
{
	(void)args;
	for (size_t i = 0; i < STAYING; i++)
		if (pe_counter_open(&counters[i], &staying[i]))
			return -1;
	return 0;
}

static void tear_down(void)
{
	for (size_t i = 0; i < STAYING; i++)
		pe_counter_close(&counters[i]);
	for (size_t i = 0; i < CHURNED; i++)
		if (churned[i].probe.kind == 'p')
			pe_uprobe_remove(&churned[i].probe);
}

PE_TESTCASE = {
	.name = "t11-probe-churn",
	.child = worker,
	.setup = set_up,
	.arm = arm,
	.tests = TESTS,
	.repetition = repetition,
	.teardown = tear_down,
};
