// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Probes through perf_event_open(): hits are counted in the kernel, for return
 * probes too, and no trace buffer takes part. A probe exists from open to close.
 * A header and not a source, as jit.h is: it leaves the other testcases alone.
 */
#ifndef PATCHEVAL_PERF_H
#define PATCHEVAL_PERF_H

#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "offset.h"
#include "patcheval.h"

#define PE_PMU "/sys/bus/event_source/devices/uprobe/"
#define PE_COUNTER_CPUS 8

/* pe_counter - a probe that counts its hits in all processes, on each CPU. */
struct pe_counter {
	const struct pe_probe *probe;
	int fds[PE_COUNTER_CPUS];
	int cpus;
};

static inline int pe_counter_failed(const char *action, const char *object)
{
	snprintf(pe_error, sizeof(pe_error), "cannot %s %s: %s",
		 action, object, strerror(errno));
	return -1;
}

/* The number behind a text in a file of the PMU, or -1. */
static inline int pe_pmu_number(const char *path, const char *before)
{
	char text[64];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (fd >= 0)
		close(fd);
	if (length < 0)
		return pe_counter_failed("read", path);
	text[length] = 0;
	if (strncmp(text, before, strlen(before))) {
		errno = EINVAL;
		return pe_counter_failed("understand", path);
	}
	return strtol(text + strlen(before), NULL, 10);
}

static inline void pe_counter_close(struct pe_counter *counter)
{
	while (counter->cpus)
		close(counter->fds[--counter->cpus]);
}

/*
 * pe_counter_open - set the probe, and count from zero. Returns 0, or -1 with a
 * reason in pe_error.
 */
static inline int pe_counter_open(struct pe_counter *counter,
				  const struct pe_probe *probe)
{
	static char program[64];
	ssize_t length = readlink("/proc/self/exe", program,
				  sizeof(program) - 1);
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	int type = pe_pmu_number(PE_PMU "type", "");
	int bit = pe_pmu_number(PE_PMU "format/retprobe", "config:");
	struct perf_event_attr attr = { .size = sizeof(attr) };

	*counter = (struct pe_counter){ .probe = probe };
	if (pe_probe_check(probe))
		return -1;
	if (type < 0 || bit < 0)
		return -1;
	if (length < 0)
		return pe_counter_failed("read", "/proc/self/exe");
	attr.type = type;
	attr.config = probe->kind == 'r' ? 1ULL << bit : 0;
	attr.config1 = (uintptr_t)program;
	attr.config2 = file_offset(probe->function);
	for (int cpu = 0; cpu < cpus && cpu < PE_COUNTER_CPUS; cpu++) {
		int fd = syscall(SYS_perf_event_open, &attr, -1, cpu, -1,
				 PERF_FLAG_FD_CLOEXEC);

		if (fd < 0) {
			pe_counter_failed("open a perf event for", probe->name);
			pe_counter_close(counter);
			return -1;
		}
		counter->fds[counter->cpus++] = fd;
	}
	return 0;
}

/* pe_counter_hits - hits since it was opened, or -1. */
static inline long pe_counter_hits(const struct pe_counter *counter)
{
	long sum = 0;

	for (int i = 0; i < counter->cpus; i++) {
		uint64_t hits;

		if (read(counter->fds[i], &hits, sizeof(hits)) != sizeof(hits))
			return -1;
		sum += hits;
	}
	return sum;
}

/* pe_counter_between - the outcome of comparing hits with bounds. */
static inline struct pe_outcome
pe_counter_between(const struct pe_counter *counter, long least, long most)
{
	struct pe_outcome outcome = { .symptom = PE_OK };
	long got = pe_counter_hits(counter);

	if (got >= least && got <= most)
		return outcome;
	outcome.symptom = got < least ? PE_LOST_HIT : PE_EXTRA_HIT;
	outcome.has_values = true;
	outcome.expected = got < least ? least : most;
	outcome.got = got < 0 ? 0 : got;
	snprintf(outcome.what, sizeof(outcome.what), "%s", counter->probe->name);
	return outcome;
}

#endif
