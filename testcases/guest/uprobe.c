// SPDX-License-Identifier: GPL-2.0-or-later
/* Uprobe events through tracefs, on functions of the running program. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "offset.h"
#include "patcheval.h"

#define TRACEFS PE_TRACEFS
#define GROUP "patcheval"

static int failed(const char *action, const char *object)
{
	snprintf(pe_error, sizeof(pe_error), "cannot %s %s: %s",
		 action, object, strerror(errno));
	return -1;
}

int pe_write_file(const char *path, int flags, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC | flags);
	ssize_t length = strlen(text);

	if (fd < 0)
		return failed("open", path);
	if (write(fd, text, length) != length) {
		failed("write", path);
		close(fd);
		return -1;
	}
	return close(fd) ? failed("close", path) : 0;
}

/*
 * pe_uprobe_prepare - check for tracefs and make a trace buffer that holds
 * expected_hits records. The default of 1.4 MiB a CPU would be allocated and
 * cleared when the first event is enabled, in the middle of what is measured.
 */
int pe_uprobe_prepare(uint32_t expected_hits)
{
	char kib[16];

	if (access(TRACEFS "/uprobe_events", W_OK))
		return failed("use", TRACEFS "/uprobe_events");
	snprintf(kib, sizeof(kib), "%u\n", 32 + expected_hits / 16);
	if (pe_write_file(TRACEFS "/buffer_size_kb", 0, kib))
		return -1;
	return pe_write_file(TRACEFS "/trace", O_TRUNC, "\n");
}

int pe_probe_check(const struct pe_probe *probe)
{
	const char *why = pe_probe_refusal(probe->function);

	if (why)
		snprintf(pe_error, sizeof(pe_error), "%s cannot be probed: %s",
			 probe->name, why);
	return why ? -1 : 0;
}

int pe_uprobe_create(const struct pe_probe *probe)
{
	long offset = file_offset(probe->function);
	char path[64], text[160];
	ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 1);

	if (pe_probe_check(probe))
		return -1;
	if (length < 0)
		return failed("read", "/proc/self/exe");
	path[length] = 0;
	if (offset < 0) {
		errno = ENOENT;
		return failed("find the file offset of", probe->name);
	}
	snprintf(text, sizeof(text), "%c:" GROUP "/%s %s:0x%lx\n", probe->kind,
		 probe->name, path, offset);
	return pe_write_file(TRACEFS "/uprobe_events", O_APPEND, text);
}

int pe_uprobe_enable(const struct pe_probe *probe, bool on)
{
	char path[96];

	snprintf(path, sizeof(path), TRACEFS "/events/" GROUP "/%s/enable",
		 probe->name);
	return pe_write_file(path, 0, on ? "1\n" : "0\n");
}

int pe_uprobe_remove(const struct pe_probe *probe)
{
	char text[64];

	snprintf(text, sizeof(text), "-:" GROUP "/%s\n", probe->name);
	return pe_write_file(TRACEFS "/uprobe_events", O_APPEND, text);
}

/* "<file> <event> <hits>", one line for each probe. */
static long profile_hits(FILE *profile, const char *name)
{
	char event[64];
	long hits;

	while (fscanf(profile, "%*s %63s %ld", event, &hits) == 2)
		if (!strcmp(event, name))
			return hits;
	return -1;
}

long pe_trace_lines(const char *pattern)
{
	FILE *trace = fopen(TRACEFS "/trace", "re");
	char line[256];
	long lines = 0;

	if (!trace)
		return -1;
	while (fgets(line, sizeof(line), trace))
		if (strstr(line, pattern))
			lines++;
	fclose(trace);
	return lines;
}

long pe_uprobe_hits(const struct pe_probe *probe)
{
	/*
	 * For a return probe uprobe_profile counts entries as well
	 * (uprobe_dispatcher() increments nhit, uretprobe_dispatcher() does
	 * not), so its returns must be counted in the trace.
	 */
	bool returns = probe->kind == 'r';
	char pattern[64];
	FILE *file;
	long hits;

	/* "... <event>: (0x<function> <- 0x<caller>)", a line for each hit. */
	snprintf(pattern, sizeof(pattern), " %s: (", probe->name);
	if (returns)
		return pe_trace_lines(pattern);
	file = fopen(TRACEFS "/uprobe_profile", "re");
	if (!file)
		return -1;
	hits = profile_hits(file, probe->name);
	fclose(file);
	return hits;
}
