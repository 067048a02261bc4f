// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The kernel's own tests of tracing, tools/testing/selftests/ftrace: shell
 * scripts, run as they are, by one call of ftracetest.
 */
#ifndef PATCHEVAL_SELFTEST_H
#define PATCHEVAL_SELFTEST_H

#include <fnmatch.h>
#include <glob.h>
#include <libgen.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "testcase.h"

/* Where the guest has the files of the kernel's source. */
#define PE_FTRACE "/kernel/tools/testing/selftests/ftrace"

/* Lines of a failed script's log that are shown: the last, where it stopped. */
#define PE_LOG_LINES 12
#define PE_LOG_WIDTH 160

/* More scripts than there are. */
#define PE_MAX_SCRIPTS 64
#define PE_PATH_SIZE 128

/* pe_selftest - where ftracetest is in its list, and what it has said. */
struct pe_selftest {
	char *scripts[PE_MAX_SCRIPTS];
	size_t count;
	/* scripts whose results have been printed */
	size_t done;
	uint32_t repetition;
	/* the word for the result of the next, "" while it has none */
	char word[24];
	/* the last lines that were no results */
	char log[PE_LOG_LINES][PE_LOG_WIDTH];
	unsigned int lines;
};

static inline void pe_selftest_show(const struct pe_selftest *test)
{
	unsigned int line = test->lines < PE_LOG_LINES ?
				    0 :
				    test->lines - PE_LOG_LINES;

	for (; line < test->lines; line++) {
		dprintf(STDOUT_FILENO, "# %s\n",
			test->log[line % PE_LOG_LINES]);
		/* Out of the machine before printk writes to the port. */
		tcdrain(STDOUT_FILENO);
	}
}

/* The log of a script that has failed comes after its result. */
static inline void pe_selftest_report(struct pe_selftest *test)
{
	struct pe_outcome outcome = { .symptom = PE_OK };
	const char *name = basename(test->scripts[test->done++]);

	if (!strcmp(test->word, "FAIL") || !strcmp(test->word, "UNDEFINED")) {
		pe_selftest_show(test);
		outcome.symptom = PE_WRONG_RESULT;
		snprintf(outcome.what, sizeof(outcome.what), "%s", test->word);
	}
	if (outcome.symptom == PE_OK && strcmp(test->word, "PASS"))
		pe_skip(name, test->repetition, test->word);
	else
		pe_result(name, test->repetition, &outcome);
	test->word[0] = 0;
	test->lines = 0;
}

/* A result is a line "[number] title<tab>[WORD]". */
static inline void pe_selftest_line(struct pe_selftest *test, const char *line)
{
	const char *word = strstr(line, "\t[");

	if (line[0] == '[' && word) {
		if (test->word[0])
			pe_selftest_report(test);
		word += 2;
		snprintf(test->word, sizeof(test->word), "%.*s",
			 (int)strcspn(word, "]"), word);
		test->lines = 0;
	} else if (line[0] && strncmp(line, "# of ", 5)) {
		snprintf(test->log[test->lines++ % PE_LOG_LINES], PE_LOG_WIDTH,
			 "%.*s", PE_LOG_WIDTH - 1, line);
	}
}

/* What ended ftracetest before all had a result, unless it ended by itself. */
static inline void pe_selftest_end(struct pe_selftest *test, int status)
{
	struct pe_outcome outcome = {
		.symptom = PE_WRONG_RESULT,
		.what = "killed",
	};

	if (test->word[0])
		pe_selftest_report(test);
	if (test->done == test->count)
		return;
	pe_selftest_show(test);
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGILL)
		outcome.symptom = PE_SIGILL;
	else if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV)
		outcome.symptom = PE_SIGSEGV;
	if (WIFSIGNALED(status))
		pe_result(basename(test->scripts[test->done++]),
			  test->repetition, &outcome);
	while (test->done < test->count)
		pe_skip(basename(test->scripts[test->done++]),
			test->repetition, "ftracetest says nothing of it");
}

static inline void pe_selftest_run(struct pe_selftest *test)
{
	/* Verbose, it shows the log of a script that has failed. */
	static const char ftracetest[] =
		"cd " PE_FTRACE
		" && exec /bin/sh ./ftracetest -v -l /tmp/selftest </dev/null 2>&1";
	char command[sizeof(ftracetest) + PE_MAX_SCRIPTS * PE_PATH_SIZE];
	size_t length = sizeof(ftracetest) - 1;
	char line[1024];
	FILE *output;

	memcpy(command, ftracetest, sizeof(ftracetest));
	for (size_t i = 0; i < test->count; i++)
		length += snprintf(command + length, PE_PATH_SIZE, " %s",
				   test->scripts[i]);
	output = popen(command, "r");
	if (!output) {
		pe_selftest_end(test, 0);
		return;
	}
	while (fgets(line, sizeof(line), output)) {
		line[strcspn(line, "\n")] = 0;
		pe_selftest_line(test, line);
	}
	pe_selftest_end(test, pclose(output));
}

/*
 * pe_selftests - what a testcase defines: it runs the scripts that match the
 * patterns below PE_FTRACE, and not the pattern `but` unless it is NULL, in an
 * order that the seed decides.
 */
struct pe_selftests {
	const char *const *patterns;
	const char *but;
};

static const struct pe_selftests pe_selftests;

static glob_t pe_selftest_found;
static size_t pe_selftest_count;

static inline int pe_selftest_set_up(const struct pe_args *args)
{
	glob_t *found = &pe_selftest_found;
	const char *but = pe_selftests.but;

	(void)args;
	for (const char *const *next = pe_selftests.patterns; *next; next++) {
		char pattern[PE_PATH_SIZE];

		snprintf(pattern, sizeof(pattern), PE_FTRACE "/%s", *next);
		glob(pattern, GLOB_APPEND, NULL, found);
	}
	for (size_t i = 0; i < found->gl_pathc; i++) {
		char *path = found->gl_pathv[i];

		if (pe_selftest_count < PE_MAX_SCRIPTS &&
		    strlen(path) < PE_PATH_SIZE - 2 &&
		    !(but && !fnmatch(but, basename(path), 0)))
			found->gl_pathv[pe_selftest_count++] = path;
	}
	snprintf(pe_error, sizeof(pe_error), "this kernel has no such scripts");
	return pe_selftest_count ? 0 : -1;
}

static inline int pe_selftest_arm(const struct pe_args *args)
{
	(void)args;
	return 0;
}

static inline uint32_t pe_selftest_plan(const struct pe_args *args,
					struct pe_rng *rng)
{
	(void)rng;
	return args->repetitions * pe_selftest_count;
}

static inline void pe_selftest_once(struct pe_rng *rng, uint32_t number)
{
	unsigned int order[PE_MAX_SCRIPTS];
	static struct pe_selftest test;

	test = (struct pe_selftest){ .count = pe_selftest_count,
				     .repetition = number };
	pe_shuffle(rng, order, test.count);
	for (size_t i = 0; i < test.count; i++)
		test.scripts[i] = pe_selftest_found.gl_pathv[order[i]];
	pe_selftest_run(&test);
}

/* PE_SELFTEST_STEPS - what PE_TESTCASE says beside the name. */
#define PE_SELFTEST_STEPS							\
	.setup = pe_selftest_set_up,						\
	.arm = pe_selftest_arm,							\
	.plan = pe_selftest_plan,						\
	.repetition = pe_selftest_once

#endif
