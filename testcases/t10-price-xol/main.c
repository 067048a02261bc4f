// SPDX-License-Identifier: GPL-2.0-or-later
/* t10-price-xol: processes each of which needs an XOL page, for one hit. */
#define _GNU_SOURCE
#include "../guest/price.h"

#if defined(__mips__)
__asm__(
PE_PROBED_BEGIN
PE_PROBED(t10_function,
"	addiu	$2, $4, 0x22\n"
"	jr	$ra\n"
"	 nop\n")
PE_PROBED_END
);
#elif defined(__arm__)
__asm__(
PE_PROBED_BEGIN
PE_PROBED(t10_function,
"	add	r0, r0, #0x22\n"
"	bx	lr\n")
PE_PROBED_END
);
#endif

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

int main(int argc, char **argv)
{
	static const struct pe_price price = { .name = "t10-price-xol",
					       .prepare = prepare,
					       .once = once,
					       .finish = finish,
					       .tests = 1 };
	struct pe_args args;

	pe_parse_args(&args, argc, argv);
	if (args.child)
		return call(&args);
	return pe_price_run(&price, &args);
}
