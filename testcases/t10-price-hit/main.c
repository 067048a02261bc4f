// SPDX-License-Identifier: GPL-2.0-or-later
/* t10-price-hit: an entry probe hit many times by one process. */
#define _GNU_SOURCE
#include "../guest/price.h"

#include "t10-price-hit.h"

uint32_t t10_function(uint32_t argument);

static const struct pe_probe entry = { 'p', "t10_entry", t10_function };
static struct pe_child child;

static int prepare(uint32_t count)
{
	if (pe_uprobe_prepare(count) || pe_uprobe_create(&entry) ||
	    pe_uprobe_enable(&entry, true))
		return -1;
	return pe_child_exec(&child, 1);
}

/* The child makes all its calls at the first go, and reports then. */
static bool once(uint32_t number)
{
	static struct pe_outcome outcome;

	if (!number) {
		pe_child_go(&child);
		pe_child_outcome(&child, &outcome);
		pe_child_finish(&child, &outcome);
	}
	return outcome.symptom == PE_OK && outcome.has_calls &&
	       number < outcome.calls;
}

static void finish(uint32_t done)
{
	struct pe_outcome outcome = pe_compare_hits(&entry, done);

	pe_result("entry-hits", 1, &outcome);
	pe_uprobe_enable(&entry, false);
	pe_uprobe_remove(&entry);
}

static int calls(const struct pe_args *args)
{
	uint32_t count = pe_parameter("count", 10) * args->repetitions;

	pe_child_begin();
	if (!pe_wait_for_go())
		return 1;
	for (uint32_t i = 0; i < count; i++)
		if (!pe_checked_call(t10_function, i, i + 0x21))
			break;
	pe_report();
	return 0;
}

static const struct pe_price pe_price = {
	.prepare = prepare,
	.once = once,
	.finish = finish,
};

PE_TESTCASE = {
	.name = "t10-price-hit",
	.child = calls,
	.tests_once = 2,
	PE_PRICE_STEPS,
};
