// SPDX-License-Identifier: GPL-2.0-or-later
/* t3-recycled-page: an XOL page in which a process before executed something else. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../guest/jit.h"
#include "../guest/testcase.h"

/*
 * A ramfs takes its pages from where the XOL page comes from: both are asked for
 * as GFP_HIGHUSER. Pages of tmpfs and of processes are movable, and those are
 * kept apart.
 */
#define DIRECTORY "/t3-ramfs"
#define PROGRAM DIRECTORY "/program"

/* The programs end with this status and the next few. */
#define STATUS 32
#define STATUSES 64

/*
 * Statuses of a child from which nothing follows: its XOL page is another page,
 * and all was well, or a signal came; or the program could not be run.
 */
#define OTHER_PAGE 28
#define OTHER_FAULT 29
#define NOT_SET_UP 30

/* So many children are tried for one whose XOL page was the program's. */
#define ATTEMPTS 6

/* The most of FREED_LATER: if it is wrong, the next child takes another number. */
#define MAX_LATER 4

#include "t3-recycled-page.h"

uint32_t t3_function(uint32_t argument);

static const struct pe_probe entry = { 'p', "t3_entry", t3_function };
static const struct pe_probe returned = { 'r', "t3_return", t3_function };

static uint32_t expected(uint32_t argument)
{
	return (argument ^ 0x33) + 0x71;
}

/* The physical page at an address of this process, 0 where nobody knows. */
static uint64_t page_frame(uintptr_t address)
{
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	uint64_t item = 0;
	off_t where = address / sysconf(_SC_PAGESIZE) * sizeof(item);

	if (fd < 0)
		return 0;
	if (pread(fd, &item, sizeof(item), where) != sizeof(item))
		item = 0;
	close(fd);
	return item & ((UINT64_C(1) << 55) - 1);
}

static uintptr_t xol_address(void)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	uintptr_t address = 0;
	char line[160];

	if (!maps)
		return 0;
	while (!address && fgets(line, sizeof(line), maps))
		if (strstr(line, "[uprobes]"))
			address = strtoul(line, NULL, 16);
	fclose(maps);
	return address;
}

/* Where the program lay; shared, so that it can tell. */
static volatile uint64_t *frame;

/*
 * A file of one page. At its beginning is
 * the end of the program, where an XOL page has its breakpoint.
 */
static int write_program(uint32_t status, uint32_t function,
			 uint32_t *sum, struct pe_rng *rng)
{
	size_t bytes = sysconf(_SC_PAGESIZE);
	static uint32_t page[16384 / 4];
	int fd = open(PROGRAM, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);

	if (fd < 0 || bytes > sizeof(page))
		_exit(NOT_SET_UP);
	memcpy(page, ending, sizeof(ending));
	page[0] |= status;
	*sum = pe_emit(page + function, rng);
	if (write(fd, page, bytes) != (ssize_t)bytes)
		_exit(NOT_SET_UP);
	/* Now the page goes with the process that maps it. */
	unlink(PROGRAM);
	return fd;
}

/*
 * The program: is mapped, flushed, and executed, the last time from its first
 * instruction on. Ends without unmapping, which would invalidate the
 * instruction cache on MIPS.
 */
static void execute(uint32_t status, struct pe_rng *rng)
{
	size_t bytes = sysconf(_SC_PAGESIZE);
	uint32_t function = 64 + pe_rng_below(rng, bytes / 4 - 64 - PE_JIT_WORDS);
	uint32_t argument = pe_rng_next(rng);
	uint32_t sum;
	int fd = write_program(status, function, &sum, rng);
	volatile uint32_t *code = mmap(NULL, bytes, PROT_READ | PROT_EXEC,
				       MAP_PRIVATE, fd, 0);
	pe_function begin = (pe_function)(uintptr_t)code;
	pe_function inner = (pe_function)(uintptr_t)(code + function);

	if (code == MAP_FAILED)
		_exit(NOT_SET_UP);
	close(fd);
	pe_flush(code, bytes / 4);
	*frame = page_frame((uintptr_t)code + (code[0] & 0));
	if (inner(argument) != (argument ^ sum))
		_exit(NOT_SET_UP);
	begin(0);
}

static bool is_recycled(void)
{
	uint64_t now = page_frame(xol_address());

	return now && now == *frame;
}

/* How a fault in another page shows is not for this testcase to say. */
static struct sigaction inherited[_NSIG];

static void on_signal(int number, siginfo_t *info, void *context)
{
	if (!is_recycled())
		_exit(OTHER_FAULT);
	inherited[number].sa_sigaction(number, info, context);
}

static void catch_signals(void)
{
	static const int numbers[] = { SIGILL, SIGTRAP, SIGSEGV, SIGBUS,
				       PE_WHERE_ARE_YOU };

	pe_child_begin();
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
		struct sigaction *old = &inherited[numbers[i]];
		struct sigaction action;

		sigaction(numbers[i], NULL, old);
		action = *old;
		action.sa_sigaction = on_signal;
		sigaction(numbers[i], &action, NULL);
	}
}

/* Each first byte in a pipe takes a page from where the XOL page comes from. */
static void take_pages(int pipes[][2], uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (write(pipes[i][1], "", 1) != 1)
			_exit(NOT_SET_UP);
}

/* Little happens between the end of the program and the call. */
static int fresh_process(const struct pe_args *args)
{
	uint32_t later = args->seed % MAX_LATER;
	struct pe_rng rng = { args->seed / MAX_LATER };
	uint32_t argument = pe_rng_next(&rng);
	uint32_t expect = STATUS + pe_rng_below(&rng, STATUSES);
	int pipes[MAX_LATER][2];
	siginfo_t end;
	pid_t pid;

	frame = mmap(NULL, sizeof(*frame), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (frame == MAP_FAILED)
		return NOT_SET_UP;
	for (int i = 0; i < MAX_LATER; i++)
		if (pipe2(pipes[i], O_CLOEXEC))
			return NOT_SET_UP;
	catch_signals();
	pe_noise_child(&rng);
	pid = fork();
	if (!pid)
		execute(expect, &rng);
	/* Not reaped: what that frees would come back first. */
	if (pid < 0 || waitid(P_PID, pid, &end, WEXITED | WNOWAIT))
		return NOT_SET_UP;
	take_pages(pipes, later);
	pe_checked_call(t3_function, argument, expected(argument));
	if (end.si_status != (int)expect)
		return NOT_SET_UP;
	if (!is_recycled())
		return OTHER_PAGE;
	pe_report();
	return 0;
}

/* What became of a repetition: calls begun, -1 where nobody knows. */
struct attempts {
	long calls;
	bool recycled;
};

static void attempt(struct pe_rng *rng, uint32_t later,
		    struct pe_outcome *outcome, struct attempts *so_far)
{
	struct pe_child child;
	uint64_t status;

	*outcome = (struct pe_outcome){ .symptom = PE_WRONG_RESULT };
	pe_noise_parent(rng);
	if (pe_child_exec(&child, pe_rng_next(rng) * MAX_LATER + later))
		return;
	pe_child_outcome(&child, outcome);
	pe_child_finish(&child, outcome);
	status = outcome->has_pc ? 0 : outcome->got >> 8;
	so_far->recycled = outcome->symptom == PE_OK ||
			   status < OTHER_PAGE || status > NOT_SET_UP;
	if (so_far->recycled ? !outcome->has_calls : status != OTHER_PAGE)
		so_far->calls = -1;
	else if (so_far->calls >= 0)
		so_far->calls++;
}

static struct attempts all = { 0, true };

/* A page that does not come back proves nothing, so there is no verdict. */
static void repetition(struct pe_rng *rng, uint32_t number)
{
	struct attempts so_far = { 0, false };
	struct pe_outcome outcome;

	for (int i = 0; i < ATTEMPTS && !so_far.recycled; i++)
		attempt(rng, (FREED_LATER + i) % MAX_LATER, &outcome, &so_far);
	if (so_far.recycled)
		pe_result("return", number, &outcome);
	else
		pe_skip("return", number, "the XOL page is another page");
	all.calls = so_far.calls < 0 || all.calls < 0 ?
			    -1 : all.calls + so_far.calls;
	all.recycled = all.recycled && so_far.recycled;
}

static void compare_hits(const struct pe_probe *probe, const char *name)
{
	struct pe_outcome outcome;

	if (all.calls < 0 && all.recycled) {
		pe_not_reached(name, 1, "number of calls unknown");
		return;
	}
	if (all.calls < 0) {
		pe_skip(name, 1, "number of calls unknown");
		return;
	}
	outcome = pe_compare_hits(probe, all.calls);
	pe_result(name, 1, &outcome);
}

static void tear_down(void)
{
	compare_hits(&entry, "entry-hits");
	compare_hits(&returned, "return-hits");
	pe_uprobe_enable(&returned, false);
	pe_uprobe_enable(&entry, false);
	pe_uprobe_remove(&returned);
	pe_uprobe_remove(&entry);
}

static int set_up(const struct pe_args *args)
{
	if ((mkdir(DIRECTORY, 0755) && errno != EEXIST) ||
	    mount("ramfs", DIRECTORY, "ramfs", 0, NULL)) {
		snprintf(pe_error, sizeof(pe_error), "no ramfs");
		return -1;
	}
	return pe_uprobe_prepare(ATTEMPTS * args->repetitions) ||
	       pe_uprobe_create(&entry) || pe_uprobe_create(&returned);
}

static int arm(const struct pe_args *args)
{
	(void)args;
	return pe_uprobe_enable(&entry, true) ||
	       pe_uprobe_enable(&returned, true);
}

PE_TESTCASE = {
	.name = "t3-recycled-page",
	.child = fresh_process,
	.setup = set_up,
	.arm = arm,
	.tests = 1,
	.tests_once = 2,
	.repetition = repetition,
	.teardown = tear_down,
};
