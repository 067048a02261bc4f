// SPDX-License-Identifier: GPL-2.0-or-later
/* k6-ftrace-kprobes: the kernel's own scripts about probes on its functions. */
#define _GNU_SOURCE
#include "../guest/selftest.h"

int main(int argc, char **argv)
{
	static const char *const patterns[] = {
		"test.d/kprobe/[!u]*.tc",
		"test.d/dynevent/*kprobe*.tc",
		NULL,
	};

	/*
	 * That one sets 256 probes at once, on whatever comes first in kallsyms,
	 * also on what the handler of kprobes needs: neither a MIPS nor an ARM
	 * kernel survives that, with coherent caches either.
	 */
	return pe_selftests(argc, argv, "k6-ftrace-kprobes", patterns,
			    "multiple_kprobes.tc");
}
