// SPDX-License-Identifier: GPL-2.0-or-later
/* t5-fork-and-threads: processes forked, and threads, inside a probed function. */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>

/* Threads are started on the stack of a call. */
#define PE_REENTRANT_STACK 16384

#include "../guest/first_return.h"
#include "../guest/reentrant.h"
#include "../guest/shared.h"
#include "../guest/six.h"
#include "../guest/testcase.h"

/* What is between the hit and the return; `argument` is where its plan lies. */
#include "t5-fork-and-threads.h"

uint32_t t5_function(uint32_t argument);

static const struct pe_probe probes[] = {
	{ 'p', "t5_entry", t5_function },
	{ 'r', "t5_return", t5_function },
};

static struct pe_counter counters[2];

#define MAX_DEEPER 3
#define MAX_FORKS 3
#define MAX_THREADS 7
/* Forked processes whose children fork again after their return. */
#define GENERATIONS 2

/* What the processes leave for the parent, whatever becomes of them. */
struct shared {
	uint32_t entries;	/* of the function that forks */
	uint32_t returns;	/* from it, in all processes */
	uint32_t six[PE_SIX];	/* calls of the others */
	uint32_t forked;
	uint32_t came_back;	/* and were right */
	uint32_t refused;	/* forks and threads that were */
	pid_t group;
};

static struct shared *shared;

/* ---- in the children ---------------------------------------------------- */

/* What one call does between its hit and its return. */
struct plan {
	uint32_t deeper;	/* calls within calls, before all else */
	uint32_t threads;	/* to start and to wait for */
	uint32_t yields;	/* to threads with calls of their own */
	uint32_t forks;
	uint32_t chain;		/* bit n: fork n + 1 is its child's */
	uint64_t seed;		/* of the threads */
	struct pe_mismatch wrong;	/* in a call within */
};

struct worker {
	struct pe_reentrant frame;
	uint64_t seed;
};

static struct pe_reentrant first_frame;
static struct worker workers[MAX_THREADS];
static int done[2];		/* a token from each thread that has ended */

static void count(uint32_t *counter, uint32_t by)
{
	__atomic_fetch_add(counter, by, __ATOMIC_SEQ_CST);
}

static void run_threads(uint32_t threads, uint64_t seed);

/*
 * From a fork to the return nothing is stored: each store would be a fault that
 * copies a page, and a few of them evict the line of the new area's slot 0.
 */
static void fork_all(const struct plan *plan)
{
	uint32_t forks = plan->forks, chain = plan->chain;

	for (; forks; forks--, chain >>= 1) {
		long pid = pe_fork();

		if (pid < 0)
			count(&shared->refused, 1);
		/* The other one of the two returns. */
		if ((pid == 0) != (chain & 1))
			return;
	}
}

void t5_between(struct plan *plan)
{
	uint32_t argument = (uintptr_t)plan;

	if (plan->deeper) {
		uint32_t right = pe_first_return_of(argument), got;

		plan->deeper--;
		got = t5_function(argument);
		if (got != right)
			plan->wrong = (struct pe_mismatch){ "result", right,
							    got };
		return;
	}
	if (plan->threads)
		run_threads(plan->threads, plan->seed);
	for (; plan->yields; plan->yields--)
		sched_yield();
	fork_all(plan);
}

static void call_one_of_six(struct pe_reentrant *frame, struct pe_rng *rng)
{
	unsigned int index = pe_rng_below(rng, PE_SIX);
	uint32_t x = pe_rng_next(rng);

	count(&shared->six[index], 1);
	pe_reentrant_call(frame,
			  (pe_function)(uintptr_t)pe_six_probes[index].function,
			  x, pe_six_of(index, x));
}

/* Waits for the children of this thread, which have reported themselves. */
static void reap(void)
{
	while (waitpid(-1, NULL, __WNOTHREAD) > 0)
		;
}

static void call_and_fork(struct pe_reentrant *frame, struct pe_rng *rng,
			  struct plan *plan, uint32_t generation);

/* The life of a process after it has returned from the call that forked it. */
__attribute__((noreturn))
static void forked(struct pe_reentrant *frame, struct pe_rng *rng,
		   uint32_t generation)
{
	for (uint32_t calls = pe_rng_below(rng, 4); calls; calls--)
		call_one_of_six(frame, rng);
	if (generation < GENERATIONS && pe_rng_below(rng, 2)) {
		struct plan plan = { .deeper = pe_rng_below(rng, 2),
				     .forks = 1 };

		pe_noise_child(rng);
		call_and_fork(frame, rng, &plan, generation + 1);
	}
	reap();
	if (frame->wrong.what) {
		pe_reentrant_report(frame);
		pe_report();
	} else {
		count(&shared->came_back, 1);
	}
	_exit(0);
}

/* Returns in the process that called it only. */
static void call_and_fork(struct pe_reentrant *frame, struct pe_rng *rng,
			  struct plan *plan, uint32_t generation)
{
	uint32_t argument = (uintptr_t)plan, calls = 1 + plan->deeper;
	struct pe_rng own = { pe_rng_next(rng) };
	pid_t self = getpid();

	/*
	 * A fork copies the returns that are pending (dup_utask() in
	 * kernel/events/uprobes.c), and each process takes its own.
	 */
	count(&shared->entries, calls);
	count(&shared->returns, calls * (1 + plan->forks));
	count(&shared->forked, plan->forks);
	pe_reentrant_call(frame, t5_function, argument,
			  pe_first_return_of(argument));
	if (!frame->wrong.what)
		frame->wrong = plan->wrong;
	if (getpid() != self)
		forked(frame, &own, generation);
	reap();
}

static void *work(void *argument)
{
	struct worker *worker = argument;
	struct pe_rng rng = { worker->seed };

	pe_reentrant_begin(&worker->frame);
	for (uint32_t calls = 2 + pe_rng_below(&rng, 5); calls; calls--) {
		struct plan plan = { .deeper = pe_rng_below(&rng, 2),
				     .yields = pe_rng_below(&rng, 3),
				     .forks = pe_rng_below(&rng, 2) };

		if (pe_rng_below(&rng, 3))
			call_one_of_six(&worker->frame, &rng);
		else
			call_and_fork(&worker->frame, &rng, &plan, GENERATIONS);
		if (pe_rng_below(&rng, 2))
			sched_yield();
	}
	if (write(done[1], "d", 1) != 1)
		_exit(1);
	return NULL;
}

/* Not pthread_join(), which needs futexes; small kernels have none. */
static void run_threads(uint32_t threads, uint64_t seed)
{
	struct pe_rng rng = { seed };
	uint32_t started = 0;
	pthread_t thread;
	char token;

	while (started < threads) {
		workers[started].seed = pe_rng_next(&rng);
		if (pthread_create(&thread, NULL, work,
				   &workers[started])) {
			count(&shared->refused, 1);
			break;
		}
		started++;
	}
	while (started--)
		if (read(done[0], &token, 1) != 1)
			_exit(1);
}

/* Threads outside of the function, or inside; or forks only. */
static void step(struct pe_rng *rng, bool with_threads)
{
	uint32_t threads = 2 + pe_rng_below(rng, MAX_THREADS - 1);
	struct plan plan = {
		.deeper = pe_rng_below(rng, MAX_DEEPER + 1),
		.forks = 1 + pe_rng_below(rng, MAX_FORKS),
		.chain = pe_rng_below(rng, 1u << MAX_FORKS),
		.seed = pe_rng_next(rng),
	};

	if (with_threads && pe_rng_below(rng, 2)) {
		run_threads(threads, plan.seed);
		return;
	}
	if (with_threads) {
		plan.threads = threads;
		plan.forks = 0;
	}
	call_and_fork(&first_frame, rng, &plan, 0);
}

static int fresh_process(const struct pe_args *args)
{
	struct pe_rng rng = { args->seed };
	uint32_t steps = 2 + pe_rng_below(&rng, 3);
	uint32_t with_threads = pe_rng_below(&rng, steps);

	shared = pe_shared(sizeof(*shared));
	setpgid(0, 0);
	shared->group = getpid();
	pe_child_begin();
	if (pipe(done))
		return 1;
	for (uint32_t i = 0; i < steps; i++) {
		/* Each time anew: children of one layout tend to fare alike. */
		pe_noise_child(&rng);
		step(&rng, i == with_threads);
		/* One is enough, and what failed should be among the last. */
		if (shared->came_back != shared->forked)
			break;
	}
	pe_reentrant_report(&first_frame);
	for (int i = 0; i < MAX_THREADS; i++)
		pe_reentrant_report(&workers[i].frame);
	pe_report();
	return 0;
}

/* ---- in the parent ------------------------------------------------------ */

#define TESTS (2 + 2 + 2 * PE_SIX)

static struct pe_outcome compare_forked(void)
{
	struct pe_outcome outcome = { .symptom = PE_OK };

	if (shared->came_back == shared->forked)
		return outcome;
	outcome.symptom = PE_WRONG_RESULT;
	outcome.has_values = true;
	outcome.expected = shared->forked;
	outcome.got = shared->came_back;
	snprintf(outcome.what, sizeof(outcome.what), "processes");
	return outcome;
}

static void compare_hits(bool known, uint32_t number)
{
	struct pe_outcome outcome;

	if (!known) {
		pe_not_reached("entry-hits", number, "a process is gone");
		pe_not_reached("return-hits", number, "a process is gone");
	} else {
		outcome = pe_counter_between(&counters[0], shared->entries,
					     shared->entries);
		pe_result("entry-hits", number, &outcome);
		outcome = pe_counter_between(&counters[1], shared->returns,
					     shared->returns);
		pe_result("return-hits", number, &outcome);
	}
	pe_six_hits(shared->six, known, number);
}

static void skip(uint32_t from, uint32_t number, const char *why)
{
	for (uint32_t i = from; i < TESTS; i++)
		pe_skip("calls", number, why);
}

static void repetition(struct pe_rng *rng, uint32_t number)
{
	struct pe_outcome outcome;
	struct pe_child child;
	bool known;

	pe_noise_parent(rng);
	shared->forked = shared->came_back = shared->group = 0;
	if (pe_child_exec(&child, pe_rng_next(rng))) {
		skip(0, number, "cannot fork");
		return;
	}
	known = pe_child_outcome(&child, &outcome) && !outcome.has_pc;
	pe_child_finish(&child, &outcome);
	/* What runs in a circle may be one that it has forked. */
	if (shared->group)
		kill(-shared->group, SIGKILL);
	/* The calls are counted elsewhere. */
	outcome.has_calls = false;
	pe_result("calls", number, &outcome);
	if (shared->refused) {
		skip(1, number, "no more processes or threads");
		return;
	}
	outcome = compare_forked();
	pe_result("forked-returns", number, &outcome);
	compare_hits(known && outcome.symptom == PE_OK, number);
}

static int arm(const struct pe_args *args)
{
	(void)args;
	/* Else the pipes, opened after the counters, would be given these. */
	if (dup2(PE_SHARED_FD, PE_REPORT_FD) < 0 ||
	    dup2(PE_SHARED_FD, PE_COMMAND_FD) < 0)
		return pe_counter_failed("hold", "files for a child");
	for (int i = 0; i < 2; i++)
		if (pe_counter_open(&counters[i], &probes[i]))
			return -1;
	return pe_six_open();
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

PE_TESTCASE = {
	.name = "t5-fork-and-threads",
	.child = fresh_process,
	.setup = set_up,
	.arm = arm,
	.tests = TESTS,
	.repetition = repetition,
};
