// SPDX-License-Identifier: GPL-2.0-or-later
/* t18-ptrace: a debugger sets breakpoints in another process, and removes them. */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../guest/jit.h"
#include "../guest/one_child.h"

#define ROUNDS 12
#define FUNCTIONS 4

/* Statuses as wait() gives them. */
#define STOPPED(number) ((number) << 8 | 0x7f)

/* What the debugged process calls; each on a page that has its own copy. */
#define FUNCTION(name, addend)							\
static uint32_t __attribute__((noinline, noclone, aligned(64)))		\
name(uint32_t argument)								\
{										\
	__asm__ volatile("" : "+r" (argument));					\
	return (argument ^ 0x5a) + (addend);					\
}
FUNCTION(function_0, 0x10)
FUNCTION(function_1, 0x11)
FUNCTION(function_2, 0x12)
FUNCTION(function_3, 0x13)

static const pe_function functions[FUNCTIONS] = {
	function_0, function_1, function_2, function_3,
};

/* Stops before the first call and after each; ends at a wrong result. */
__attribute__((noreturn))
static void be_debugged(void)
{
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL))
		_exit(2);
	for (uint32_t i = 0;; i++) {
		uint32_t index = i % FUNCTIONS;

		raise(SIGSTOP);
		if (functions[index](i) != (i ^ 0x5a) + 0x10 + index)
			_exit(3);
	}
}

/* Lets it go on, and compares where it stops next. */
static bool stops_with(pid_t pid, int status)
{
	int found = 0;

	if (ptrace(PTRACE_CONT, pid, NULL, NULL) ||
	    waitpid(pid, &found, 0) != pid)
		_exit(1);
	return pe_check(found, status);
}

static bool poke(pid_t pid, pe_function function, long word)
{
	return !ptrace(PTRACE_POKETEXT, pid, (void *)function, (void *)word);
}

/* One call by the process, with a breakpoint at the function or without. */
static bool one_call(pid_t pid, pe_function function, bool breakpoint)
{
	long word;

	if (!breakpoint)
		return stops_with(pid, STOPPED(SIGSTOP));
	errno = 0;
	word = ptrace(PTRACE_PEEKTEXT, pid, (void *)function, NULL);
	if (errno || !poke(pid, function, PE_BREAKPOINT))
		_exit(1);
	if (!stops_with(pid, STOPPED(SIGTRAP)))
		return false;
	if (!poke(pid, function, word))
		_exit(1);
	return stops_with(pid, STOPPED(SIGSTOP));
}

static void pe_one_child_work(struct pe_rng *rng)
{
	pid_t pid = fork();
	bool good = true;
	int status = 0;

	if (!pid)
		be_debugged();
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		_exit(1);
	pe_check(status, STOPPED(SIGSTOP));
	if (ptrace(PTRACE_SETOPTIONS, pid, NULL, (void *)PTRACE_O_EXITKILL))
		_exit(1);
	for (uint32_t i = 0; good && i < ROUNDS; i++)
		good = one_call(pid, functions[i % FUNCTIONS],
				pe_rng_below(rng, 3));
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
}

PE_TESTCASE = { .name = "t18-ptrace", PE_ONE_CHILD_STEPS };
