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

int main(int argc, char **argv)
{
	static const struct pe_price price = { .name = "t10-price-exec",
					       .once = once };
	struct pe_args args;

	pe_parse_args(&args, argc, argv);
	if (args.child)
		_exit(pe_parameter("code", 127));
	return pe_price_run(&price, &args);
}
