// SPDX-License-Identifier: GPL-2.0-or-later
/* Results as KTAP, version 1 (Documentation/dev-tools/ktap.rst). */
#define _GNU_SOURCE
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "patcheval.h"

char pe_error[160];

static uint32_t tests;
static bool failed;

/*
 * One line, out of the machine before the program goes on: printk writes to the
 * port directly, and would otherwise land in the middle of a line that still
 * waits in the terminal's buffer.
 */
static void line(const char *format, ...)
{
	char text[256];
	va_list list;
	int length;

	va_start(list, format);
	length = vsnprintf(text, sizeof(text) - 1, format, list);
	va_end(list);
	if (length > (int)sizeof(text) - 2)
		length = sizeof(text) - 2;
	text[length++] = '\n';
	if (write(STDOUT_FILENO, text, length) < 0)
		failed = true;
	tcdrain(STDOUT_FILENO);
}

void pe_plan(uint32_t count)
{
	line("KTAP version 1");
	line("1..%" PRIu32, count);
}

static const char *symptom_name(enum pe_symptom symptom)
{
	static const char *const names[] = {
		[PE_OK] = "none",
		[PE_SIGILL] = "SIGILL",
		[PE_SIGTRAP] = "SIGTRAP",
		[PE_SIGSEGV] = "SIGSEGV",
		[PE_SIGBUS] = "SIGBUS",
		[PE_WRONG_RESULT] = "wrong-result",
		[PE_LOST_HIT] = "lost-hit",
		[PE_EXTRA_HIT] = "extra-hit",
		[PE_LIVELOCK] = "livelock",
	};

	return names[symptom];
}

/* Appends to a diagnostic line that is known to be long enough. */
static void append(char *text, size_t size, const char *format, ...)
{
	size_t length = strlen(text);
	va_list list;

	va_start(list, format);
	vsnprintf(text + length, size - length, format, list);
	va_end(list);
}

static void diagnose(const struct pe_outcome *outcome)
{
	bool counts = outcome->symptom == PE_LOST_HIT ||
		      outcome->symptom == PE_EXTRA_HIT;
	char text[200] = "";

	if (outcome->has_pc)
		append(text, sizeof(text), " pc=0x%08" PRIx64 " xol=%s",
		       outcome->pc, outcome->xol ? "yes" : "no");
	if (outcome->what[0])
		append(text, sizeof(text), " %s=%s",
		       counts ? "probe" : "what", outcome->what);
	if (outcome->has_values && counts)
		append(text, sizeof(text),
		       " expected=%" PRIu64 " got=%" PRIu64,
		       outcome->expected, outcome->got);
	else if (outcome->has_values)
		append(text, sizeof(text),
		       " expected=0x%" PRIx64 " got=0x%" PRIx64,
		       outcome->expected, outcome->got);
	if (outcome->has_calls)
		append(text, sizeof(text), " calls=%" PRIu32, outcome->calls);
	line("# symptom=%s%s", symptom_name(outcome->symptom), text);
}

void pe_result(const char *name, uint32_t number,
	       const struct pe_outcome *outcome)
{
	tests++;
	if (outcome->symptom == PE_OK) {
		line("ok %" PRIu32 " %s-%" PRIu32, tests, name, number);
		return;
	}
	failed = true;
	diagnose(outcome);
	line("not ok %" PRIu32 " %s-%" PRIu32 " # %s", tests, name, number,
	     symptom_name(outcome->symptom));
}

void pe_skip(const char *name, uint32_t number, const char *why)
{
	tests++;
	line("ok %" PRIu32 " %s-%" PRIu32 " # SKIP %s", tests, name, number,
	     why);
}

void pe_not_reached(const char *name, uint32_t number, const char *why)
{
	tests++;
	failed = true;
	line("not ok %" PRIu32 " %s-%" PRIu32 " # not reached: %s", tests,
	     name, number, why);
}

int pe_skip_all(const char *name, const char *why)
{
	pe_plan(1);
	line("ok 1 %s # SKIP %s", name, why);
	return 0;
}

struct pe_outcome pe_compare_hits(const struct pe_probe *probe, long expected)
{
	struct pe_outcome outcome = { .symptom = PE_OK };
	long got = pe_uprobe_hits(probe);

	if (got == expected)
		return outcome;
	outcome.symptom = got < expected ? PE_LOST_HIT : PE_EXTRA_HIT;
	outcome.has_values = true;
	outcome.expected = expected;
	outcome.got = got < 0 ? 0 : got;
	snprintf(outcome.what, sizeof(outcome.what), "%s", probe->name);
	return outcome;
}

int pe_exit_status(void)
{
	return failed;
}
