// SPDX-License-Identifier: GPL-2.0-or-later
/* t10-price-exec: programs started one after the other, none of them probed. */
#define _GNU_SOURCE
#include "../guest/price.h"

static bool once(uint32_t number)
{
	char code[24];
	pid_t pid;

	snprintf(code, sizeof(code), "code=%u", number & 0x7f);
	pid = fork();
	if (!pid) {
		execl("/proc/self/exe", "t10-price-exec", "child", code, NULL);
		_exit(127);
	}
	return pe_price_reaped(pid, number);
}

static int child(const struct pe_args *args)
{
	(void)args;
	_exit(pe_parameter("code", 127));
}

static const struct pe_price pe_price = { .once = once };

PE_TESTCASE = {
	.name = "t10-price-exec",
	.child = child,
	.tests_once = 1,
	PE_PRICE_STEPS,
};
