// SPDX-License-Identifier: GPL-2.0-or-later
/* t16-kernel-probes: kprobes on system calls, each hit right after it is set. */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../guest/kernel_probe.h"
#include "../guest/shared.h"
#include "../guest/testcase.h"

/*
 * Calls that change nothing, and whose results are known beforehand. The first
 * instruction of none is a branch: the kernel emulates a branch, and executes no
 * slot for it.
 */
static const struct {
	const char *function;
	long number;
} calls[] = {
	{ "sys_getpid", SYS_getpid },	  { "sys_getppid", SYS_getppid },
	{ "sys_gettid", SYS_gettid },	  { "sys_getuid", SYS_getuid },
	{ "sys_geteuid", SYS_geteuid },	  { "sys_getgid", SYS_getgid },
	{ "sys_getegid", SYS_getegid },
};

#define CALLS (sizeof(calls) / sizeof(*calls))
#define MOST_TIMES 4

/* What a child counts; -1 while there is no count. */
struct counted {
	long hits;
	/* It could not set the probe. */
	bool unable;
};

static uint32_t do_call(uint32_t call)
{
	return syscall(calls[call].number);
}

/* The seed is that of the calls: which one, and how often. */
static int child(const struct pe_args *args)
{
	struct counted *counted = pe_shared(sizeof(*counted));
	uint32_t call = args->seed % CALLS;
	uint32_t expected = do_call(call);
	int probe;

	pe_child_begin();
	if (!pe_wait_for_go())
		return 1;
	probe = pe_kernel_probe(calls[call].function);
	counted->unable = probe < 0;
	for (uint32_t times = args->seed / CALLS; times && probe >= 0; times--)
		pe_checked_call(do_call, call, expected);
	counted->hits = pe_kernel_probe_hits(probe);
	pe_report();
	return 0;
}

/* Returns whether all was well. */
static bool probe_and_call(struct pe_rng *rng, struct counted *counted,
			   unsigned int call, uint32_t number)
{
	uint32_t times = 1 + pe_rng_below(rng, MOST_TIMES);
	struct pe_outcome outcome;
	struct pe_child process;

	*counted = (struct counted){ .hits = -1 };
	if (pe_child_exec(&process, call + CALLS * times)) {
		pe_skip("call", number, "cannot fork");
		return true;
	}
	pe_child_go(&process);
	pe_child_outcome(&process, &outcome);
	pe_child_finish(&process, &outcome);
	if (counted->unable) {
		pe_skip("call", number, "cannot set a kprobe");
		return true;
	}
	if (outcome.symptom == PE_OK && counted->hits != (long)times) {
		outcome.symptom = counted->hits < (long)times ? PE_LOST_HIT :
								PE_EXTRA_HIT;
		outcome.has_values = true;
		outcome.expected = times;
		outcome.got = counted->hits < 0 ? 0 : counted->hits;
		snprintf(outcome.what, sizeof(outcome.what), "%s",
			 calls[call].function);
	}
	pe_result("call", number, &outcome);
	return outcome.symptom == PE_OK;
}

static struct counted *counted;
static uint32_t count;

static void run(const struct pe_args *args, struct pe_rng *rng)
{
	unsigned int order[CALLS];
	uint32_t number = 0;
	bool good = true;

	(void)args;
	pe_shuffle(rng, order, CALLS);
	pe_marker(PE_MARK_RUN, 0);
	while (good && number < count) {
		pe_noise_parent(rng);
		good = probe_and_call(rng, counted, order[number], number + 1);
		number++;
	}
	pe_marker(PE_MARK_TEARDOWN, 0);
	while (number < count)
		pe_not_reached("call", ++number, "an earlier call has failed");
}

static int set_up(const struct pe_args *args)
{
	(void)args;
	counted = pe_share(sizeof(*counted));
	if (!counted)
		return -1;
	/*
	 * The first event of all has the kernel clear 32 KiB of buffers, and with
	 * them a D-cache. This one is never hit and stays until the end.
	 */
	if (pe_kernel_probe("sys_sethostname") >= 0)
		return 0;
	snprintf(pe_error, sizeof(pe_error), "no kprobes");
	return -1;
}

static uint32_t plan(const struct pe_args *args, struct pe_rng *rng)
{
	(void)args;
	pe_marker(PE_MARK_ARMED, 0);
	count = 1 + pe_rng_below(rng, CALLS);
	return count;
}

PE_TESTCASE = {
	.name = "t16-kernel-probes",
	.child = child,
	.setup = set_up,
	.plan = plan,
	.run = run,
	.own_phases = true,
};
