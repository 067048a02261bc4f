// SPDX-License-Identifier: GPL-2.0-or-later
/* t13-signals: signals while probed instructions are single-stepped. */
#define _GNU_SOURCE
#include <poll.h>
#include <sys/mman.h>
#include <sys/time.h>

/* Handlers run on the stack of what they interrupt. */
#define PE_REENTRANT_STACK 16384

#include "../guest/perf.h"
#include "../guest/reentrant.h"
#include "../guest/shared.h"
#include "../guest/testcase.h"

/* The last function loads from the page that cannot always be read. */
#include "t13-signals.h"

uint32_t t13_function_0(uint32_t x), t13_function_1(uint32_t x);
uint32_t t13_function_2(uint32_t x), t13_function_3(uint32_t x);

#define FUNCTIONS 4
#define LOADS 3			/* the function that loads */
#define GUARDED 0x12345678	/* what it loads */

static const struct pe_probe probes[2 * FUNCTIONS] = {
	{ 'p', "t13_entry_0", t13_function_0 },
	{ 'p', "t13_entry_1", t13_function_1 },
	{ 'p', "t13_entry_2", t13_function_2 },
	{ 'p', "t13_entry_3", t13_function_3 },
	{ 'r', "t13_return_0", t13_function_0 },
	{ 'r', "t13_return_1", t13_function_1 },
	{ 'r', "t13_return_2", t13_function_2 },
	{ 'r', "t13_return_3", t13_function_3 },
};

static struct pe_counter counters[2 * FUNCTIONS];

static uint32_t expected(unsigned int index, uint32_t x)
{
	switch (index) {
	case 0:
		return x + 0x30;
	case 1:
		return x ^ 0x31;
	case 2:
		return 0x32 - x;
	default:
		return GUARDED + 0x33;
	}
}

/* Calls go on until as many signals have met a step, but not for ever. */
#define LEAST_CALLS 40
#define MOST_CALLS 160
#define MEETINGS 3

/* What the child leaves for the parent, whatever becomes of it. */
struct shared {
	uint32_t hits[FUNCTIONS];	/* that its calls must have made */
	uint32_t met;		/* signals delivered right behind a step */
};

static volatile struct shared *shared;

/* ---- in the child ------------------------------------------------------- */

/* Frames of the calls by the program, and by a handler at each depth. */
#define DEPTHS 3
static struct pe_reentrant frames[DEPTHS];
static volatile int depth;
static struct pe_rng handler_rng;
static volatile uint32_t *guarded;
static size_t page_bytes;
static struct sigaction fatal;

/* A handler may come between a load and its store. */
static void count(volatile uint32_t *counter)
{
	__atomic_fetch_add(counter, 1, __ATOMIC_SEQ_CST);
}

static void call(unsigned int index, uint32_t x)
{
	count(&shared->hits[index]);
	pe_reentrant_call(&frames[depth],
			  (pe_function)(uintptr_t)probes[index].function, x,
			  expected(index, x));
}

static void on_signal(int number, siginfo_t *info, void *context)
{
	uintptr_t pc = pe_context_pc(context);
	uint64_t random = pe_rng_next(&handler_rng);

	(void)number;
	(void)info;
	for (int i = 0; i < FUNCTIONS; i++)
		if (pc == (uintptr_t)probes[i].function + 4)
			count(&shared->met);
	depth++;
	call(random % LOADS, random >> 32);
	depth--;
}

/* The access that a probed instruction was denied, or a real fault. */
static void on_fault(int number, siginfo_t *info, void *context)
{
	if (info->si_addr == (void *)guarded &&
	    pe_context_pc(context) == (uintptr_t)probes[LOADS].function) {
		/* The instruction is executed again, breakpoint and all. */
		count(&shared->hits[LOADS]);
		mprotect((void *)guarded, page_bytes, PROT_READ);
		return;
	}
	signal(number, SIG_DFL);
	fatal.sa_sigaction(number, info, context);
}

static void handle(int number, void (*handler)(int, siginfo_t *, void *),
		   bool alone)
{
	struct sigaction action = { .sa_sigaction = handler,
				    .sa_flags = SA_SIGINFO | SA_RESTART };

	if (alone) {
		/* What reports a real fault must be able to die of it. */
		action.sa_flags |= SA_ONSTACK | SA_NODEFER;
		sigaddset(&action.sa_mask, SIGALRM);
		sigaddset(&action.sa_mask, SIGUSR2);
	}
	sigaction(number, &action, number == SIGSEGV ? &fatal : NULL);
}

/* The other process: sends signals until it is killed, or nobody is there. */
static pid_t start_sender(struct pe_rng *rng)
{
	struct pe_rng own = { pe_rng_next(rng) };
	pid_t target = getpid();
	pid_t pid = fork();

	if (pid < 0)
		_exit(1);
	if (pid)
		return pid;
	do
		poll(NULL, 0, 5 + pe_rng_below(&own, 9));
	while (!kill(target, SIGUSR2) && getppid() == target);
	_exit(0);
}

/* Between 3 and 9 ms: a call with its hits takes one or two in emulation. */
static void start_timer(struct pe_rng *rng)
{
	struct timeval interval = { .tv_usec = 3000 + pe_rng_below(rng, 6000) };
	struct itimerval timer = { interval, interval };

	setitimer(ITIMER_REAL, &timer, NULL);
}

static void one_call(struct pe_rng *rng)
{
	unsigned int index = pe_rng_below(rng, FUNCTIONS);
	uint32_t x = pe_rng_next(rng);

	if (index == LOADS) {
		x = (uintptr_t)guarded;
		if (pe_rng_below(rng, 2))
			mprotect((void *)guarded, page_bytes, PROT_NONE);
	}
	call(index, x);
}

static int fresh_process(const struct pe_args *args)
{
	struct itimerval off = { 0 };
	struct pe_rng rng = { args->seed };
	uint32_t calls = 0;
	pid_t sender;

	shared = pe_shared(sizeof(*shared));
	page_bytes = sysconf(_SC_PAGESIZE);
	pe_child_begin();
	pe_noise_child(&rng);
	guarded = mmap(NULL, page_bytes, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (guarded == MAP_FAILED)
		_exit(1);
	*guarded = GUARDED;
	handler_rng.state = pe_rng_next(&rng);
	handle(SIGSEGV, on_fault, true);
	/* A handler of one may be interrupted by the other, and no further. */
	handle(SIGALRM, on_signal, false);
	handle(SIGUSR2, on_signal, false);
	sender = start_sender(&rng);
	start_timer(&rng);
	while (calls < LEAST_CALLS ||
	       (calls < MOST_CALLS && shared->met < MEETINGS)) {
		one_call(&rng);
		calls++;
	}
	setitimer(ITIMER_REAL, &off, NULL);
	kill(sender, SIGKILL);
	for (int i = 0; i < DEPTHS; i++)
		pe_reentrant_report(&frames[i]);
	pe_report();
	return 0;
}

/* ---- in the parent ------------------------------------------------------ */

#define TESTS (2 + 2 * FUNCTIONS)

static void compare_hits(bool known, uint32_t number)
{
	for (unsigned int i = 0; i < 2 * FUNCTIONS; i++) {
		const char *name = i < FUNCTIONS ? "entry-hits" : "return-hits";
		long hits = shared->hits[i % FUNCTIONS];
		struct pe_outcome outcome;

		if (!known) {
			pe_not_reached(name, number, "the process is gone");
			continue;
		}
		outcome = pe_counter_between(&counters[i], hits, hits);
		pe_result(name, number, &outcome);
	}
}

static void repetition(struct pe_rng *rng, uint32_t number)
{
	struct pe_outcome outcome, met = { .symptom = PE_OK };
	struct pe_child child;
	bool alive;

	pe_noise_parent(rng);
	shared->met = 0;
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
		pe_not_reached("signals-met-steps", number,
			       "the process is gone");
	else if (shared->met)
		pe_result("signals-met-steps", number, &met);
	else
		pe_skip("signals-met-steps", number, "no signal met a step");
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
	.name = "t13-signals",
	.child = fresh_process,
	.setup = set_up,
	.arm = arm,
	.tests = TESTS,
	.repetition = repetition,
};
