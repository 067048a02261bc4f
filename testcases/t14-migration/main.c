// SPDX-License-Identifier: GPL-2.0-or-later
/* t14-migration: code and probes that are executed on another CPU. */
#define _GNU_SOURCE
#include <sched.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../guest/jit.h"
#include "../guest/testcase.h"

/* How often code is written, and executed on the other CPU. */
#define ROUNDS 32

#include "t14-migration.h"

uint32_t t14_function(uint32_t argument);

static const struct pe_probe entry = { 'p', "t14_entry", t14_function };
static const struct pe_probe returned = { 'r', "t14_return", t14_function };

/* The first two CPUs that this process may use. */
static int cpus[2];

static bool find_cpus(void)
{
	cpu_set_t set;
	int found = 0;

	/* All that there are: a child inherits the one CPU of its parent. */
	CPU_ZERO(&set);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) ||
	    sched_getaffinity(0, sizeof(set), &set))
		return false;
	for (int cpu = 0; cpu < CPU_SETSIZE && found < 2; cpu++)
		if (CPU_ISSET(cpu, &set))
			cpus[found++] = cpu;
	return found == 2;
}

/*
 * Moves this process, which may always move again. One that cannot ends as a
 * failure.
 */
static void move_to(int which)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpus[which], &set);
	if (sched_setaffinity(0, sizeof(set), &set) ||
	    sched_getcpu() != cpus[which])
		_exit(1);
}

/*
 * Writes on one CPU, executes on the other one. The program's only thread moves:
 * a library's threads need futexes, and small kernels come without.
 */
static void migrate(struct pe_rng *rng)
{
	size_t bytes = sysconf(_SC_PAGESIZE);
	volatile uint32_t *code = mmap(NULL, bytes,
				       PROT_READ | PROT_WRITE | PROT_EXEC,
				       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (code == MAP_FAILED)
		_exit(1);
	for (int i = 0; i < ROUNDS; i++) {
		int writer = pe_rng_below(rng, 2);
		uint32_t sum;

		/*
		 * Not in turns: the flush of one round would do for the other
		 * CPU what the flush of the next round leaves out.
		 */
		move_to(writer);
		sum = pe_emit(code, rng);
		pe_flush(code, PE_JIT_WORDS);
		move_to(1 - writer);
		pe_call_emitted(code, sum, rng);
	}
	munmap((void *)code, bytes);
}

/* The child: migrates by itself, then calls on the second CPU at each go. */
static int long_living(const struct pe_args *args)
{
	struct pe_rng rng = { args->seed };

	if (!find_cpus())
		return 1;
	pe_child_begin();
	pe_noise_child(&rng);
	migrate(&rng);
	pe_report();
	move_to(1);
	do {
		uint32_t value = pe_rng_next(&rng);

		pe_checked_call(t14_function, value, value + 0x14);
		pe_report();
	} while (pe_wait_for_go());
	return 0;
}

/* The kernel refused the probe: no verdict, unlike a process that died. */
static bool refused;

static void missed(const char *name, uint32_t number)
{
	if (refused)
		pe_skip(name, number, pe_error);
	else
		pe_not_reached(name, number, "the process is gone");
}

/* One report of the child. Returns false when the child is gone. */
static bool report(struct pe_child *child, bool alive, const char *name,
		   uint32_t number)
{
	struct pe_outcome outcome;

	if (!alive) {
		missed(name, number);
		return false;
	}
	alive = pe_child_outcome(child, &outcome) && !outcome.has_pc;
	if (!alive)
		pe_child_finish(child, &outcome);
	pe_result(name, number, &outcome);
	return alive;
}

static void compare_hits(const struct pe_probe *probe, bool alive,
			 const char *name, uint32_t number)
{
	struct pe_outcome outcome;

	if (!alive) {
		missed(name, number);
		return;
	}
	outcome = pe_compare_hits(probe, 1);
	pe_result(name, number, &outcome);
}

/* Sets both probes from the first CPU, dead child or not: there may be more. */
static bool set_probes(struct pe_child *child, bool alive, bool on)
{
	struct pe_outcome end = { .symptom = PE_OK };

	if (pe_uprobe_enable(&entry, on) || pe_uprobe_enable(&returned, on)) {
		refused = refused || alive;
		if (alive)
			pe_child_finish(child, &end);
		return false;
	}
	if (alive)
		pe_child_go(child);
	return alive;
}

static const char *const tests[] = {
	"migrated-code", "unprobed-call", "probed-call", "entry-hits",
	"return-hits", "disabled-call", "disabled-hits",
};

#define TESTS (sizeof(tests) / sizeof(*tests))

static void calls(struct pe_child *child, uint32_t number)
{
	struct pe_outcome end = { .symptom = PE_OK };
	bool alive = true;

	alive = report(child, alive, tests[0], number);
	alive = report(child, alive, tests[1], number);
	pe_marker(PE_MARK_ARMED, 0);
	alive = set_probes(child, alive, true);
	pe_marker(PE_MARK_RUN, 0);
	alive = report(child, alive, tests[2], number);
	compare_hits(&entry, alive, tests[3], number);
	compare_hits(&returned, alive, tests[4], number);
	pe_marker(PE_MARK_TEARDOWN, 0);
	alive = set_probes(child, alive, false);
	alive = report(child, alive, tests[5], number);
	compare_hits(&entry, alive, tests[6], number);
	if (alive)
		pe_child_finish(child, &end);
}

static void repetition(struct pe_rng *rng, uint32_t number)
{
	struct pe_child child;

	pe_marker(PE_MARK_SETUP, 0);
	pe_noise_parent(rng);
	if (pe_uprobe_create(&entry) || pe_uprobe_create(&returned) ||
	    pe_child_exec(&child, pe_rng_next(rng))) {
		for (size_t i = 0; i < TESTS; i++)
			pe_skip(tests[i], number, pe_error);
		return;
	}
	move_to(0);
	calls(&child, number);
	pe_uprobe_remove(&returned);
	pe_uprobe_remove(&entry);
}

static int set_up(const struct pe_args *args)
{
	if (find_cpus())
		return pe_uprobe_prepare(4 * args->repetitions);
	snprintf(pe_error, sizeof(pe_error), "there is only one CPU");
	return -1;
}

PE_TESTCASE = {
	.name = "t14-migration",
	.child = long_living,
	.setup = set_up,
	.tests = TESTS,
	.repetition = repetition,
	.own_phases = true,
};
