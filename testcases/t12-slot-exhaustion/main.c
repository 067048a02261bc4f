// SPDX-License-Identifier: GPL-2.0-or-later
/* t12-slot-exhaustion: more threads in probed instructions than XOL slots. */
#define _GNU_SOURCE
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <time.h>

#include "../guest/perf.h"
#include "../guest/reentrant.h"
#include "../guest/shared.h"
#include "../guest/testcase.h"

/*
 * First instructions that fault in the page that the argument is in, whose words
 * are all zero. No branches: where the original of a probed branch goes on is
 * kept once for all threads (resume_epc in arch/mips/include/asm/uprobes.h).
 */
#include "t12-slot-exhaustion.h"

uint32_t t12_function_0(uint32_t x), t12_function_1(uint32_t x);
uint32_t t12_function_2(uint32_t x), t12_function_3(uint32_t x);
uint32_t t12_function_4(uint32_t x);

#define FUNCTIONS 5

static const struct pe_probe probes[2 * FUNCTIONS] = {
	{ 'p', "t12_entry_0", t12_function_0 },
	{ 'p', "t12_entry_1", t12_function_1 },
	{ 'p', "t12_entry_2", t12_function_2 },
	{ 'p', "t12_entry_3", t12_function_3 },
	{ 'p', "t12_entry_4", t12_function_4 },
	{ 'r', "t12_return_0", t12_function_0 },
	{ 'r', "t12_return_1", t12_function_1 },
	{ 'r', "t12_return_2", t12_function_2 },
	{ 'r', "t12_return_3", t12_function_3 },
	{ 'r', "t12_return_4", t12_function_4 },
};

static struct pe_counter counters[2 * FUNCTIONS];

static uint32_t expected(unsigned int index, uint32_t x)
{
	switch (index) {
	case 1:
		return x + 0x121;
	case 4:
		return (x & 0xffff) + 0x124;
	default:
		return 0x120 + index;
	}
}

/* More than slots: enough of them to wait, of a number that the seed draws. */
#define MORE_THREADS 16
#define MAX_THREADS (4096 / SLOT_BYTES + MORE_THREADS)
#define STACK_BYTES 131072
/* Rounds with all threads, and how often to try for one that exhausts. */
#define ROUNDS 2
#define MORE_ROUNDS 4
/* Pages in the hole: one for each thread, and enough for the punch to last. */
#define PAGES 256

/* What the child leaves for the parent, whatever becomes of it. */
struct shared {
	uint32_t calls[FUNCTIONS];
	uint32_t rounds;
	uint32_t exhausted;
};

static struct shared *shared;

/* ---- in the child ------------------------------------------------------- */

struct worker {
	struct pe_reentrant frame;
	pthread_t thread;
	pid_t tid;
	uint64_t seed;
	uint32_t page;
};

static struct worker workers[MAX_THREADS];
static uint32_t threads;
static int file, go[2], done[2], punch[2], punched[2];
static unsigned char *hole;
static size_t page_bytes;

/* What a thread cannot be denied here ends the child as a failure. */
static void must(bool worked)
{
	if (!worked)
		_exit(1);
}

static void pass(int fd, uint32_t bytes)
{
	static const char tokens[MAX_THREADS];

	must(write(fd, tokens, bytes) == (ssize_t)bytes);
}

static void take(int fd)
{
	char token;

	must(read(fd, &token, 1) == 1);
}

/*
 * Workers before the first thread, that one before the thread that punches: a
 * worker that has been woken runs until it sleeps again.
 */
static void run_before_others(int priority)
{
	struct sched_param param = { .sched_priority = priority };

	must(!sched_setscheduler(0, SCHED_FIFO, &param));
}

static void *work(void *argument)
{
	struct worker *worker = argument;
	struct pe_rng rng = { worker->seed };

	pe_reentrant_begin(&worker->frame);
	run_before_others(2);
	worker->tid = syscall(SYS_gettid);
	pass(done[1], 1);
	for (;;) {
		unsigned int index = pe_rng_below(&rng, FUNCTIONS);
		unsigned char *place = hole + worker->page * page_bytes +
				       64 * pe_rng_below(&rng, 32);
		uint32_t x = (uintptr_t)place;

		take(go[0]);
		__atomic_fetch_add(&shared->calls[index], 1, __ATOMIC_SEQ_CST);
		pe_reentrant_call(&worker->frame,
				  (pe_function)(uintptr_t)probes[index].function,
				  x, expected(index, x));
		pass(done[1], 1);
	}
	return NULL;
}

static void punch_hole(void)
{
	must(!fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
			PAGES * page_bytes));
}

static void *punch_at_each_go(void *unused)
{
	(void)unused;
	for (;;) {
		take(punch[0]);
		punch_hole();
		pass(punched[1], 1);
	}
	return NULL;
}

/* Fills the hole with pages again; what is in them belongs to nobody. */
static void fill_hole(void)
{
	must(!fallocate(file, 0, 0, PAGES * page_bytes));
}

static int now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec % 1000000 * 1000 + now.tv_nsec / 1000000;
}

static bool sleeps(pid_t tid)
{
	char path[48], text[64];
	ssize_t length;
	const char *name_end;
	int fd;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	must(fd >= 0);
	length = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[length < 0 ? 0 : length] = 0;
	/* "<tid> (<name>) <state>", D if no signal can wake it. */
	name_end = strrchr(text, ')');
	return name_end && name_end[1] && name_end[2] == 'D';
}

/* All threads call while the hole is punched. */
static void round_of_calls(int punch_ms)
{
	uint32_t asleep = 0;

	fill_hole();
	pass(punch[1], 1);
	/* Not nanosleep(), whose 32-bit system call small kernels lack. */
	poll(NULL, 0, punch_ms / 4 ? punch_ms / 4 : 1);
	pass(go[1], threads);
	while (asleep < threads && sleeps(workers[asleep].tid))
		asleep++;
	/* No call has ended, then, and each has a slot or waits for one. */
	shared->exhausted += asleep == threads;
	shared->rounds++;
	for (uint32_t i = 0; i < threads; i++)
		take(done[0]);
	take(punched[0]);
}

static void start(pthread_t *thread, void *(*routine)(void *), void *argument,
		  unsigned char *stack)
{
	pthread_attr_t attr;

	pthread_attr_init(&attr);
	pthread_attr_setstack(&attr, stack, STACK_BYTES);
	must(!pthread_create(thread, &attr, routine, argument));
	pthread_attr_destroy(&attr);
}

static void start_all(struct pe_rng *rng)
{
	size_t slots = page_bytes / SLOT_BYTES;
	unsigned char *stacks = mmap(NULL, (MAX_THREADS + 1) * STACK_BYTES,
				     PROT_READ | PROT_WRITE,
				     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unsigned int pages[MAX_THREADS];
	pthread_t puncher;

	must(stacks != MAP_FAILED && slots + MORE_THREADS <= MAX_THREADS);
	threads = slots + 1 + pe_rng_below(rng, MORE_THREADS);
	pe_shuffle(rng, pages, threads);
	start(&puncher, punch_at_each_go, NULL, stacks);
	run_before_others(1);
	for (uint32_t i = 0; i < threads; i++) {
		workers[i].seed = pe_rng_next(rng);
		/* All over the hole. */
		workers[i].page = pages[i] * (PAGES / MAX_THREADS);
		start(&workers[i].thread, work, &workers[i],
		      stacks + (i + 1) * STACK_BYTES);
		take(done[0]);
	}
}

static int fresh_process(const struct pe_args *args)
{
	struct pe_rng rng = { args->seed };
	int punch_ms;

	shared = pe_shared(sizeof(*shared));
	page_bytes = sysconf(_SC_PAGESIZE);
	pe_child_begin();
	pe_noise_child(&rng);
	file = memfd_create("hole", MFD_CLOEXEC);
	must(file >= 0 && !ftruncate(file, PAGES * page_bytes));
	hole = mmap(NULL, PAGES * page_bytes, PROT_READ | PROT_WRITE,
		    MAP_SHARED, file, 0);
	must(hole != MAP_FAILED);
	must(!pipe(go) && !pipe(done) && !pipe(punch) && !pipe(punched));
	start_all(&rng);

	fill_hole();
	punch_ms = now_ms();
	punch_hole();
	punch_ms = now_ms() - punch_ms;
	for (int i = 0; i < ROUNDS ||
			(i < ROUNDS + MORE_ROUNDS && !shared->exhausted); i++)
		round_of_calls(punch_ms);
	for (uint32_t i = 0; i < threads; i++)
		pe_reentrant_report(&workers[i].frame);
	pe_report();
	return 0;
}

/* ---- in the parent ------------------------------------------------------ */

#define TESTS (2 + 2 * FUNCTIONS)

static void compare_hits(bool known, uint32_t number)
{
	for (unsigned int i = 0; i < 2 * FUNCTIONS; i++) {
		const char *name = i < FUNCTIONS ? "entry-hits" : "return-hits";
		long calls = shared->calls[i % FUNCTIONS];
		struct pe_outcome outcome;

		if (!known) {
			pe_not_reached(name, number, "the process is gone");
			continue;
		}
		outcome = pe_counter_between(&counters[i], calls, calls);
		pe_result(name, number, &outcome);
	}
}

static void repetition(struct pe_rng *rng, uint32_t number)
{
	struct pe_outcome outcome, exhausted = { .symptom = PE_OK };
	struct pe_child child;
	bool alive;

	pe_noise_parent(rng);
	shared->rounds = shared->exhausted = 0;
	if (pe_child_exec(&child, pe_rng_next(rng))) {
		for (int i = 0; i < TESTS; i++)
			pe_skip("calls", number, "cannot fork");
		return;
	}
	alive = pe_child_outcome(&child, &outcome) && !outcome.has_pc;
	pe_child_finish(&child, &outcome);
	/* The calls are counted elsewhere. */
	outcome.has_calls = false;
	pe_result("calls", number, &outcome);
	if (!alive)
		pe_not_reached("slots-exhausted", number,
			       "the process is gone");
	else if (shared->exhausted)
		pe_result("slots-exhausted", number, &exhausted);
	else
		pe_skip("slots-exhausted", number, "the hole fills too fast");
	compare_hits(alive, number);
}

static int set_up(const struct pe_args *args)
{
	(void)args;
	/* A probed function gets an address in its argument, of 32 bits. */
	if (sizeof(void *) > sizeof(uint32_t)) {
		snprintf(pe_error, sizeof(pe_error),
			 "an address has more bits than an argument");
		return -1;
	}
	shared = pe_share(sizeof(*shared));
	return shared ? 0 : -1;
}

static int arm(const struct pe_args *args)
{
	(void)args;
	for (int i = 0; i < 2 * FUNCTIONS; i++)
		if (pe_counter_open(&counters[i], &probes[i]))
			return -1;
	return 0;
}

PE_TESTCASE = {
	.name = "t12-slot-exhaustion",
	.child = fresh_process,
	.setup = set_up,
	.arm = arm,
	.tests = TESTS,
	.repetition = repetition,
};
