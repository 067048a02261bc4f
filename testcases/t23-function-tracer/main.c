// SPDX-License-Identifier: GPL-2.0-or-later
/* t23-function-tracer: the call at the beginning of a function, patched in and out. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../guest/toggle.h"

static int prepare(void)
{
	return pe_write_file(PE_TRACEFS "/set_ftrace_filter", O_TRUNC,
			     "sys_getuid\n");
}

static int set(bool on)
{
	return pe_write_file(PE_TRACEFS "/current_tracer", 0,
			     on ? "function\n" : "nop\n");
}

static void call(void)
{
	syscall(SYS_getuid);
}

static const struct pe_toggle pe_toggle = {
	.prepare = prepare,
	.set = set,
	.call = call,
	.pattern = ": sys_getuid <-",
};

PE_TESTCASE = { .name = "t23-function-tracer", PE_TOGGLE_STEPS };
