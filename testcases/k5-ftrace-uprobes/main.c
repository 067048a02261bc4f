// SPDX-License-Identifier: GPL-2.0-or-later
/* k5-ftrace-uprobes: the kernel's own scripts about uprobe events. */
#define _GNU_SOURCE
#include "../guest/selftest.h"

int main(int argc, char **argv)
{
	static const char *const patterns[] = {
		"test.d/kprobe/uprobe*.tc",
		"test.d/dynevent/*uprobe*.tc",
		NULL,
	};

	return pe_selftests(argc, argv, "k5-ftrace-uprobes", patterns, NULL);
}
