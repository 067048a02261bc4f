// SPDX-License-Identifier: GPL-2.0-or-later
/* t22-static-keys: a tracepoint, behind a branch that is patched in and out. */
#define _GNU_SOURCE
#include <sys/prctl.h>

#include "../guest/toggle.h"

#define EVENT PE_TRACEFS "/events/task/task_rename/enable"

static int set(bool on)
{
	return pe_write_file(EVENT, 0, on ? "1\n" : "0\n");
}

static void call(void)
{
	prctl(PR_SET_NAME, "t22");
}

static const struct pe_toggle pe_toggle = {
	.set = set,
	.call = call,
	.pattern = " task_rename: ",
};

PE_TESTCASE = { .name = "t22-static-keys", PE_TOGGLE_STEPS };
