// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Probes on the kernel's own functions, through perf_event_open(). A probe exists
 * from open to close and counts the hits of the process that has opened it; one
 * system call writes its slot and its breakpoint, so that both may be executed a
 * few hundred instructions later.
 */
#ifndef PATCHEVAL_KERNEL_PROBE_H
#define PATCHEVAL_KERNEL_PROBE_H

#include <fcntl.h>
#include <linux/perf_event.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PE_KPROBE_TYPE "/sys/bus/event_source/devices/kprobe/type"

/* pe_kernel_probe - set one at the beginning of a function; -1 if that fails. */
static inline int pe_kernel_probe(const char *function)
{
	struct perf_event_attr attr = { .size = sizeof(attr) };
	char text[16] = "";
	int fd = open(PE_KPROBE_TYPE, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
		return -1;
	close(fd);
	attr.type = strtol(text, NULL, 10);
	attr.config1 = (uintptr_t)function;
	return syscall(SYS_perf_event_open, &attr, 0, -1, -1,
		       PERF_FLAG_FD_CLOEXEC);
}

/* pe_kernel_probe_hits - hits since it was set, or -1. */
static inline long pe_kernel_probe_hits(int fd)
{
	uint64_t hits;

	return read(fd, &hits, sizeof(hits)) == sizeof(hits) ? (long)hits : -1;
}

#endif
