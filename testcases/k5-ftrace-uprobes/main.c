// SPDX-License-Identifier: GPL-2.0-or-later
/* k5-ftrace-uprobes: the kernel's own scripts about uprobe events. */
#define _GNU_SOURCE
#include "../guest/selftest.h"

static const char *const patterns[] = {
	"test.d/kprobe/uprobe*.tc",
	"test.d/dynevent/*uprobe*.tc",
	NULL,
};

static const struct pe_selftests pe_selftests = {
	.patterns = patterns,
};

PE_TESTCASE = { .name = "k5-ftrace-uprobes", PE_SELFTEST_STEPS };
