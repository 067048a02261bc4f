// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Probed functions are called in children only, so that what a stale
 * instruction does ends there. A child reports through a pipe: after its calls,
 * or from a signal handler on a stack of its own, which knows the pc.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "patcheval.h"

/* Words of a child's command line, more than a command has. */
#define MAX_WORDS 16

/* How long it may take to say where it is. */
#define WHERE_LIMIT_MS 200

/* ---- in the child ------------------------------------------------------- */

static struct pe_outcome pending;
static unsigned char signal_stack[16384] __attribute__((aligned(16)));

static uintptr_t parse_hex(const char **text)
{
	uintptr_t value = 0;

	for (;; ++*text) {
		char c = **text;

		if (c >= '0' && c <= '9')
			value = value << 4 | (c - '0');
		else if (c >= 'a' && c <= 'f')
			value = value << 4 | (c - 'a' + 10);
		else
			return value;
	}
}

/* Is the address in [uprobes]? Without stdio: this runs in a signal handler. */
static bool in_xol_page(uintptr_t address)
{
	static char maps[8192];
	int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	const char *name, *line;
	uintptr_t first, last;
	size_t length = 0;
	ssize_t got;

	if (fd < 0)
		return false;
	while ((got = read(fd, maps + length, sizeof(maps) - 1 - length)) > 0)
		length += got;
	close(fd);
	maps[length] = 0;

	name = strstr(maps, "[uprobes]");
	if (!name)
		return false;
	for (line = name; line > maps && line[-1] != '\n'; line--)
		;
	first = parse_hex(&line);
	line++;			/* the hyphen of "first-last" */
	last = parse_hex(&line);
	return address >= first && address < last;
}

static enum pe_symptom symptom_of(int number)
{
	switch (number) {
	case SIGILL:
		return PE_SIGILL;
	case SIGTRAP:
		return PE_SIGTRAP;
	case SIGSEGV:
		return PE_SIGSEGV;
	case SIGBUS:
		return PE_SIGBUS;
	case PE_WHERE_ARE_YOU:
		return PE_LIVELOCK;
	default:
		return PE_WRONG_RESULT;
	}
}

static void on_signal(int number, siginfo_t *info, void *context)
{
	struct pe_outcome outcome = {
		.symptom = symptom_of(number),
		.has_calls = true,
		.calls = pending.calls,
		.has_pc = true,
		.pc = pe_context_pc(context),
	};

	(void)info;
	outcome.xol = in_xol_page(outcome.pc);
	if (write(PE_REPORT_FD, &outcome, sizeof(outcome)) < 0)
		_exit(126);
	/*
	 * Die of it now. Returning would execute the same address again, by
	 * then perhaps with the right bytes in the instruction cache.
	 */
	kill(getpid(), number);
}

void pe_child_begin(void)
{
	static const int numbers[] = { SIGILL, SIGTRAP, SIGSEGV, SIGBUS,
				       PE_WHERE_ARE_YOU };
	stack_t stack = { .ss_sp = signal_stack,
			  .ss_size = sizeof(signal_stack) };
	struct sigaction action = { .sa_sigaction = on_signal,
				    .sa_flags = SA_SIGINFO | SA_ONSTACK |
						SA_RESETHAND | SA_NODEFER };

	sigaltstack(&stack, NULL);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		sigaction(numbers[i], &action, NULL);
}

bool pe_wait_for_go(void)
{
	char byte;

	return read(PE_COMMAND_FD, &byte, 1) == 1;
}

bool pe_checked_call(pe_function function, uint32_t argument, uint32_t expected)
{
	struct pe_mismatch wrong;

	/* Counted before: a handler must know that the call had begun. */
	pending.calls++;
	wrong = pe_call(function, argument, expected);
	if (!wrong.what)
		return true;
	if (pending.symptom == PE_OK) {
		pending.symptom = PE_WRONG_RESULT;
		pending.has_values = true;
		pending.expected = wrong.expected;
		pending.got = wrong.got;
		snprintf(pending.what, sizeof(pending.what), "%s", wrong.what);
	}
	return false;
}

void pe_report(void)
{
	pending.has_calls = true;
	if (write(PE_REPORT_FD, &pending, sizeof(pending)) < 0)
		_exit(126);
	pending = (struct pe_outcome){ .calls = pending.calls };
}

/* ---- in the parent ------------------------------------------------------ */

/* Returns what fork() does; both sides are left with their own ends only. */
static pid_t start(struct pe_child *child)
{
	int reports[2], commands[2];

	if (pipe2(reports, O_CLOEXEC))
		return -1;
	if (pipe2(commands, O_CLOEXEC)) {
		close(reports[0]);
		close(reports[1]);
		return -1;
	}
	*child = (struct pe_child){ -1, reports[0], commands[1] };
	fflush(stdout);
	child->pid = fork();
	if (!child->pid) {
		dup2(reports[1], PE_REPORT_FD);
		dup2(commands[0], PE_COMMAND_FD);
		close(reports[0]);
		close(commands[1]);
	}
	close(reports[1]);
	close(commands[0]);
	return child->pid;
}

int pe_child_exec(struct pe_child *child, uint64_t seed)
{
	char *words[MAX_WORDS + 1] = { NULL };
	pid_t pid = start(child);
	char text[32];
	int count = 0;

	if (pid)
		return pid < 0 ? -1 : 0;
	snprintf(text, sizeof(text), "seed=%llu", (unsigned long long)seed);
	/* As its parent's, but for the seed. */
	words[count++] = program_invocation_name;
	words[count++] = "child";
	words[count++] = text;
	for (char **word = pe_arguments() + 1; *word && count < MAX_WORDS; word++)
		if (strncmp(*word, "seed=", 5) && strcmp(*word, "child"))
			words[count++] = *word;
	execv("/proc/self/exe", words);
	_exit(127);
}

void pe_child_go(struct pe_child *child)
{
	/* If the child is gone, its report will say so. */
	if (write(child->commands, "g", 1) < 0)
		return;
}

enum answer { ANSWER_REPORT, ANSWER_END, ANSWER_NONE };

static enum answer listen(struct pe_child *child, struct pe_outcome *outcome,
			  int limit_ms)
{
	struct pollfd wait = { .fd = child->reports, .events = POLLIN };
	int ready;

	do
		ready = poll(&wait, 1, limit_ms);
	while (ready < 0 && errno == EINTR);
	if (ready <= 0)
		return ANSWER_NONE;
	if (read(child->reports, outcome, sizeof(*outcome)) !=
	    sizeof(*outcome))
		return ANSWER_END;
	return ANSWER_REPORT;
}

/* It runs in a circle: ask where, then end it. */
static void stop(struct pe_child *child, struct pe_outcome *outcome)
{
	*outcome = (struct pe_outcome){ .symptom = PE_LIVELOCK };
	kill(child->pid, PE_WHERE_ARE_YOU);
	listen(child, outcome, WHERE_LIMIT_MS);
	kill(child->pid, SIGKILL);
}

bool pe_child_outcome(struct pe_child *child, struct pe_outcome *outcome)
{
	*outcome = (struct pe_outcome){ .symptom = PE_WRONG_RESULT,
					.what = "report" };
	switch (listen(child, outcome, PE_TIME_LIMIT_MS)) {
	case ANSWER_REPORT:
		return true;
	case ANSWER_NONE:
		stop(child, outcome);
		return false;
	default:
		return false;
	}
}

void pe_child_finish(struct pe_child *child, struct pe_outcome *outcome)
{
	bool unknown = outcome->symptom == PE_WRONG_RESULT &&
		       !outcome->has_values && !outcome->has_pc;
	struct pe_outcome last = *outcome;
	int status = 0;

	close(child->commands);
	while (last.symptom != PE_LIVELOCK) {
		enum answer answer = listen(child, &last, PE_TIME_LIMIT_MS);

		if (answer == ANSWER_NONE)
			stop(child, &last);
		if (answer != ANSWER_REPORT)
			break;
	}
	close(child->reports);
	waitpid(child->pid, &status, 0);
	if (outcome->symptom != PE_OK && !unknown)
		return;
	*outcome = last;
	if (outcome->symptom != PE_OK && !unknown)
		return;
	if (WIFSIGNALED(status) && outcome->symptom != PE_LIVELOCK)
		outcome->symptom = symptom_of(WTERMSIG(status));
	else if (WIFEXITED(status) && WEXITSTATUS(status))
		outcome->symptom = PE_WRONG_RESULT;
	if (outcome->symptom == PE_WRONG_RESULT && status) {
		outcome->has_values = true;
		outcome->got = status;
		snprintf(outcome->what, sizeof(outcome->what), "wait-status");
	}
}
