// SPDX-License-Identifier: GPL-2.0-or-later
/* t10-price-xol: processes each of which needs an XOL page, for one hit. */
#define _GNU_SOURCE
#include "../guest/price.h"

#include "t10-price-xol.h"

uint32_t t10_function(uint32_t argument);

static const struct pe_probe entry = { 'p', "t10_entry", t10_function };

static int prepare(uint32_t count)
{
	if (pe_uprobe_prepare(count) || pe_uprobe_create(&entry))
		return -1;
	return pe_uprobe_enable(&entry, true);
}

static bool once(uint32_t number)
{
	struct pe_outcome outcome = { .symptom = PE_WRONG_RESULT };
	struct pe_child child;

	if (pe_child_exec(&child, number))
		return false;
	pe_child_outcome(&child, &outcome);
	pe_child_finish(&child, &outcome);
	return outcome.symptom == PE_OK && outcome.calls == 1;
}

static void finish(uint32_t done)
{
	struct pe_outcome outcome = pe_compare_hits(&entry, done);

	pe_result("entry-hits", 1, &outcome);
	pe_uprobe_enable(&entry, false);
	pe_uprobe_remove(&entry);
}

static int call(const struct pe_args *args)
{
	uint32_t argument = args->seed;

	pe_child_begin();
	pe_checked_call(t10_function, argument, argument + 0x22);
	pe_report();
	return 0;
}

static const struct pe_price pe_price = {
	.prepare = prepare,
	.once = once,
	.finish = finish,
};

PE_TESTCASE = {
	.name = "t10-price-xol",
	.child = call,
	.tests_once = 2,
	PE_PRICE_STEPS,
};
