// SPDX-License-Identifier: GPL-2.0-or-later
/* t10-price-fork: processes forked one after the other, none of them probed. */
#define _GNU_SOURCE
#include "../guest/price.h"

static bool once(uint32_t number)
{
	pid_t pid = fork();

	if (!pid)
		_exit(number & 0x7f);
	return pe_price_reaped(pid, number);
}

static const struct pe_price pe_price = { .once = once };

PE_TESTCASE = {
	.name = "t10-price-fork",
	.tests_once = 1,
	PE_PRICE_STEPS,
};
