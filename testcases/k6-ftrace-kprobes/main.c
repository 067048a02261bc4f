// SPDX-License-Identifier: GPL-2.0-or-later
/* k6-ftrace-kprobes: the kernel's own scripts about probes on its functions. */
#define _GNU_SOURCE
#include "../guest/selftest.h"

/*
 * That one sets 256 probes at once, on whatever comes first in kallsyms, also on
 * what the handler of kprobes needs: neither a MIPS nor an ARM kernel survives
 * that, with coherent caches either.
 */
#define LEFT_OUT "multiple_kprobes.tc"

static const char *const patterns[] = {
	"test.d/kprobe/[!u]*.tc",
	"test.d/dynevent/*kprobe*.tc",
	NULL,
};

static const struct pe_selftests pe_selftests = {
	.patterns = patterns,
	.but = LEFT_OUT,
};

PE_TESTCASE = { .name = "k6-ftrace-kprobes", PE_SELFTEST_STEPS };
