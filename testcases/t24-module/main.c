// SPDX-License-Identifier: GPL-2.0-or-later
/* t24-module: a module of the kernel that is loaded, run and unloaded. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../guest/testcase.h"

/* Says "Hello, world" when it is loaded, and "Goodbye" when it is unloaded. */
#define MODULE "/kernel/lib/test_module.ko"
#define NAME "test_module"
#define MOST_LOADS 4

static int module = -1;
static int messages = -1;

static int set_up(const struct pe_args *args)
{
	(void)args;
	module = open(MODULE, O_RDONLY | O_CLOEXEC);
	messages = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (module >= 0 && messages >= 0)
		return 0;
	snprintf(pe_error, sizeof(pe_error), "cannot open %s: %s",
		 module < 0 ? MODULE : "/dev/kmsg", strerror(errno));
	return -1;
}

/* Messages with this text since the last call. */
static uint32_t said(const char *text)
{
	uint32_t count = 0;
	char line[1024];
	ssize_t length;

	/* Each read gives one message, and EPIPE where some were overwritten. */
	while ((length = read(messages, line, sizeof(line) - 1)) > 0 ||
	       (length < 0 && errno == EPIPE)) {
		line[length < 0 ? 0 : length] = 0;
		count += strstr(line, text) != NULL;
	}
	return count;
}

static bool expect(struct pe_outcome *outcome, const char *what, uint32_t got,
		   uint32_t expected)
{
	if (got == expected)
		return true;
	*outcome = (struct pe_outcome){ .symptom = PE_WRONG_RESULT,
					.has_values = true,
					.expected = expected,
					.got = got };
	snprintf(outcome->what, sizeof(outcome->what), "%s", what);
	return false;
}

/* What is loaded is executed by the same system call. */
static bool load_once(struct pe_outcome *outcome)
{
	long loaded = syscall(SYS_finit_module, module, "", 0);

	return expect(outcome, "init", loaded ? errno : 0, 0) &&
	       expect(outcome, "hello", said(NAME ": Hello, world"), 1) &&
	       expect(outcome, "exit",
		      syscall(SYS_delete_module, NAME, O_NONBLOCK) ? errno : 0,
		      0) &&
	       expect(outcome, "goodbye", said(NAME ": Goodbye"), 1);
}

static void repetition(struct pe_rng *rng, uint32_t number)
{
	uint32_t loads = 1 + pe_rng_below(rng, MOST_LOADS);
	struct pe_outcome outcome = { .symptom = PE_OK };

	said(NAME);
	while (loads-- && outcome.symptom == PE_OK) {
		pe_noise_parent(rng);
		load_once(&outcome);
	}
	pe_result("load", number, &outcome);
}

PE_TESTCASE = {
	.name = "t24-module",
	.setup = set_up,
	.tests = 1,
	.repetition = repetition,
};
