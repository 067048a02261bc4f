// SPDX-License-Identifier: GPL-2.0-or-later
/* t3-recycled-page: an XOL page in which a process before executed something else. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../guest/jit.h"

/*
 * A ramfs takes its pages from where the XOL page comes from: both are asked for
 * as GFP_HIGHUSER. Pages of tmpfs and of processes are movable, and those are
 * kept apart.
 */
#define DIRECTORY "/t3-ramfs"
#define PROGRAM DIRECTORY "/program"

/* At most this many programs are executed and end before the call. */
#define PROGRAMS 3

/* The programs end with this status and the next few. */
#define STATUS 32
#define STATUSES 64

#if defined(__mips__)
__asm__(
PE_PROBED_BEGIN
PE_PROBED(t3_function,
"	addiu	$sp, $sp, -32\n"
"	sw	$ra, 28($sp)\n"
"	sw	$16, 24($sp)\n"
"	xori	$16, $4, 0x33\n"
"	addiu	$2, $16, 0x71\n"
"	lw	$16, 24($sp)\n"
"	lw	$ra, 28($sp)\n"
"	addiu	$sp, $sp, 32\n"
"	jr	$ra\n"
"	 nop\n")
PE_PROBED_END
);
#define ENDING_WORDS 4
static const uint32_t ending[ENDING_WORDS] = {
	0x24040000,		/* addiu $a0, $zero, status */
	0x24021096,		/* addiu $v0, $zero, 4246: exit_group */
	0x0000000c,		/* syscall */
	0x0000000d,		/* break */
};
#elif defined(__arm__)
__asm__(
PE_PROBED_BEGIN
PE_PROBED(t3_function,
"	push	{r4, lr}\n"
"	eor	r4, r0, #0x33\n"
"	add	r0, r4, #0x71\n"
"	pop	{r4, pc}\n")
PE_PROBED_END
);
#define ENDING_WORDS 4
static const uint32_t ending[ENDING_WORDS] = {
	0xe3a00000,		/* mov r0, #status */
	0xe3a070f8,		/* mov r7, #248: exit_group */
	0xef000000,		/* svc #0 */
	0xe7f000f0,		/* udf #0 */
};
#endif

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

/* Where the programs of this process lay; shared, so that they can tell. */
static volatile uint64_t *frames;

/*
 * A file of one page. At its beginning, where the XOL page has its breakpoint, is
 * the end of the program; somewhere behind it a function.
 */
static int write_program(uint32_t status, uint32_t function,
			 uint32_t *sum, struct pe_rng *rng)
{
	size_t bytes = sysconf(_SC_PAGESIZE);
	static uint32_t page[16384 / 4];
	int fd = open(PROGRAM, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);

	if (fd < 0 || bytes > sizeof(page))
		_exit(1);
	memcpy(page, ending, sizeof(ending));
	page[0] |= status;
	*sum = pe_emit(page + function, rng);
	if (write(fd, page, bytes) != (ssize_t)bytes)
		_exit(1);
	return fd;
}

/*
 * The program: is mapped, flushed, and executed, the last time from its first
 * instruction on. Ends without unmapping, which would invalidate the
 * instruction cache on MIPS.
 */
static void execute(int fd, int number, uint32_t function, uint32_t sum,
		    struct pe_rng *rng)
{
	size_t bytes = sysconf(_SC_PAGESIZE);
	volatile uint32_t *code = mmap(NULL, bytes, PROT_READ | PROT_EXEC,
				       MAP_SHARED, fd, 0);
	uint32_t argument = pe_rng_next(rng);
	pe_function begin = (pe_function)(uintptr_t)code;
	pe_function inner = (pe_function)(uintptr_t)(code + function);

	if (code == MAP_FAILED)
		_exit(1);
	pe_flush(code, bytes / 4);
	frames[number] = page_frame((uintptr_t)code + (code[0] & 0));
	if (inner(argument) != (argument ^ sum))
		_exit(2);
	begin(0);
}

/* One program comes, is executed, and is gone with its page. */
static void run_program(int number, struct pe_rng *rng)
{
	uint32_t words = sysconf(_SC_PAGESIZE) / 4;
	uint32_t expect = STATUS + pe_rng_below(rng, STATUSES);
	uint32_t function = 64 + pe_rng_below(rng, words - 64 - PE_JIT_WORDS);
	bool early = pe_rng_below(rng, 2);
	int status = -1;
	uint32_t sum;
	pid_t pid;
	int fd = write_program(expect, function, &sum, rng);

	/* With its last name goes the page, or with the last process. */
	if (early)
		unlink(PROGRAM);
	pid = fork();
	if (!pid)
		execute(fd, number, function, sum, rng);
	close(fd);
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		_exit(1);
	if (!early)
		unlink(PROGRAM);
	pe_check(WEXITSTATUS(status), expect);
}

static bool is_recycled(void)
{
	uint64_t frame = page_frame(xol_address());

	for (int i = 0; i < PROGRAMS; i++)
		if (frame && frames[i] == frame)
			return true;
	return false;
}

static int fresh_process(uint64_t seed)
{
	struct pe_rng rng = { seed };
	uint32_t argument = pe_rng_next(&rng);
	int programs = 1 + pe_rng_below(&rng, PROGRAMS);

	frames = mmap(NULL, PROGRAMS * sizeof(*frames), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (frames == MAP_FAILED)
		return 1;
	pe_child_begin();
	pe_noise_child(&rng);
	for (int i = 0; i < programs; i++)
		run_program(i, &rng);
	pe_checked_call(t3_function, argument, expected(argument));
	pe_report();
	pe_check(is_recycled(), true);
	pe_report();
	return 0;
}

/* A page that did not come back proves nothing, so there is no verdict. */
static void report_recycled(struct pe_child *child, bool alive, uint32_t number)
{
	struct pe_outcome outcome;

	if (!alive) {
		pe_not_reached("recycled", number, "the process is gone");
		return;
	}
	alive = pe_child_outcome(child, &outcome) && !outcome.has_pc;
	if (alive && outcome.symptom == PE_WRONG_RESULT)
		pe_skip("recycled", number, "the XOL page is another page");
	else
		pe_result("recycled", number, &outcome);
	pe_child_finish(child, &outcome);
}

/* Returns the calls begun, or -1 if nobody knows. */
static long repetition(struct pe_rng *rng, uint32_t number)
{
	struct pe_outcome outcome = { .symptom = PE_WRONG_RESULT };
	struct pe_child child;
	bool alive;

	pe_noise_parent(rng);
	if (pe_child_exec(&child, pe_rng_next(rng))) {
		pe_skip("return", number, "cannot fork");
		pe_skip("recycled", number, "cannot fork");
		return 0;
	}
	alive = pe_child_outcome(&child, &outcome) && !outcome.has_pc;
	if (!alive)
		pe_child_finish(&child, &outcome);
	pe_result("return", number, &outcome);
	report_recycled(&child, alive, number);
	return outcome.has_calls ? 1 : -1;
}

static void compare_hits(const struct pe_probe *probe, const char *name,
			 long calls)
{
	struct pe_outcome outcome;

	if (calls < 0) {
		pe_not_reached(name, 1, "number of calls unknown");
		return;
	}
	outcome = pe_compare_hits(probe, calls);
	pe_result(name, 1, &outcome);
}

static void run(const struct pe_args *args)
{
	struct pe_rng rng = { args->seed };
	long calls = 0;

	pe_marker(PE_MARK_RUN, 0);
	for (uint32_t i = 1; i <= args->repetitions; i++) {
		long more = repetition(&rng, i);

		calls = more < 0 || calls < 0 ? -1 : calls + more;
	}
	pe_marker(PE_MARK_TEARDOWN, 0);
	compare_hits(&entry, "entry-hits", calls);
	compare_hits(&returned, "return-hits", calls);
	pe_uprobe_enable(&returned, false);
	pe_uprobe_enable(&entry, false);
	pe_uprobe_remove(&returned);
	pe_uprobe_remove(&entry);
}

int main(int argc, char **argv)
{
	struct pe_args args;

	pe_parse_args(&args, argc, argv);
	if (args.child)
		return fresh_process(args.seed);

	pe_marker(PE_MARK_SETUP, 0);
	if (mkdir(DIRECTORY, 0755) && errno != EEXIST)
		return pe_skip_all("t3-recycled-page", "no directory");
	if (mount("ramfs", DIRECTORY, "ramfs", 0, NULL))
		return pe_skip_all("t3-recycled-page", "no ramfs");
	if (pe_uprobe_prepare(2 * args.repetitions) ||
	    pe_uprobe_create(&entry) || pe_uprobe_create(&returned))
		return pe_skip_all("t3-recycled-page", pe_uprobe_error);
	pe_marker(PE_MARK_ARMED, 0);
	if (pe_uprobe_enable(&entry, true) || pe_uprobe_enable(&returned, true))
		return pe_skip_all("t3-recycled-page", pe_uprobe_error);
	pe_plan(2 * args.repetitions + 2);
	run(&args);
	return pe_exit_status();
}
