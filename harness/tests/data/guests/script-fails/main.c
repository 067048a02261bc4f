// SPDX-License-Identifier: GPL-2.0-or-later
/* Three scripts in the form of the kernel's: one passes, one fails, one is not for this kernel. */
#define _GNU_SOURCE
#include "../guest/selftest.h"

static void script(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	if (!file)
		return;
	fputs(text, file);
	fclose(file);
}

static const char *const patterns[] = {
	"../../../../../tmp/*.tc",
	NULL,
};

static const struct pe_selftests pe_selftests = {
	.patterns = patterns,
	.but = "left-out.tc",
};

static int set_up(const struct pe_args *args)
{
	script("/tmp/passes.tc", "# description: passes\ntrue\n");
	script("/tmp/fails.tc",
	       "# description: fails\necho the last words\nfalse\n");
	script("/tmp/asks.tc",
	       "# description: asks\n# requires: there_is_no_such_file\ntrue\n");
	script("/tmp/left-out.tc", "# description: left out\nfalse\n");
	return pe_selftest_set_up(args);
}

PE_TESTCASE = {
	.name = "script-fails",
	.setup = set_up,
	.arm = pe_selftest_arm,
	.plan = pe_selftest_plan,
	.repetition = pe_selftest_once,
};
