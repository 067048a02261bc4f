// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The guest library: what the testcases share. A testcase prints KTAP on its
 * standard output, which is the console, and prints nothing that differs
 * between two runs of one seed (no times, no process ids).
 */
#ifndef PATCHEVAL_H
#define PATCHEVAL_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "arch.h"

/*
 * Guest time that a child may take for one call, in milliseconds. A call takes
 * microseconds; what has not returned after this long runs in a circle.
 */
#define PE_TIME_LIMIT_MS 2000

/* pe_error - why something could not be set up, for people (ktap.c). */
extern char pe_error[160];

/* ---- command line and seeded random numbers (rng.c) -------------------- */

/*
 * pe_args - what the command "<testcase> seed=N repetitions=N ..." asks for; what
 * comes then are the parameters that case.yaml states.
 */
struct pe_args {
	uint64_t seed;
	uint32_t repetitions;
	/* set in a fresh process that pe_child_exec() started */
	bool child;
};

/* pe_parse_args - read argv; whatever is missing is seed 1, one repetition. */
void pe_parse_args(struct pe_args *args, int argc, char **argv);
/*
 * pe_parameter - the value of "<name>=N" in argv, after pe_parse_args(). Programs
 * that pe_child_exec() started have the parameters of their parent.
 */
uint32_t pe_parameter(const char *name, uint32_t otherwise);
/* pe_arguments - argv as it was, ended by NULL. */
char **pe_arguments(void);

/* pe_rng - state of splitmix64; any value is a good seed. */
struct pe_rng {
	uint64_t state;
};

uint64_t pe_rng_next(struct pe_rng *rng);
/* pe_rng_below - a number in 0..bound-1; bound must not be 0. */
uint32_t pe_rng_below(struct pe_rng *rng, uint32_t bound);
/* pe_shuffle - put 0..count-1 into order[] in random order. */
void pe_shuffle(struct pe_rng *rng, unsigned int *order, unsigned int count);

/* ---- noise (noise.c) ---------------------------------------------------- */

/* pe_noise_parent - fork and reap a random number of short-lived children. */
void pe_noise_parent(struct pe_rng *rng);
/* pe_noise_child - random mappings, heap lines, and spinning, in a child. */
void pe_noise_child(struct pe_rng *rng);

/* ---- uprobe events (uprobe.c) ------------------------------------------ */

/* pe_probe - one uprobe event in the group "patcheval". */
struct pe_probe {
	char kind;		/* 'p' entry, 'r' return */
	const char *name;	/* event name */
	const void *function;	/* probed address in this program */
};

/*
 * pe_probe_refusal - why a probe at this address of the program would not do what
 * the instruction there does, or NULL (arch/<name>/probed.c). The functions below
 * refuse such a probe; CONTRIBUTING.md has the table.
 */
const char *pe_probe_refusal(const void *address);
/* pe_probe_check - the same: 0, or -1 with the reason in pe_error. */
int pe_probe_check(const struct pe_probe *probe);

/* All return 0, or -1 with a reason in pe_error. */
int pe_uprobe_prepare(uint32_t expected_hits);
int pe_uprobe_create(const struct pe_probe *probe);
int pe_uprobe_enable(const struct pe_probe *probe, bool on);
int pe_uprobe_remove(const struct pe_probe *probe);
/*
 * pe_uprobe_hits - hits since creation: uprobe_profile for an entry probe, the
 * recorded returns for a return probe. -1 where it cannot be read.
 */
long pe_uprobe_hits(const struct pe_probe *probe);

/* ---- files of the kernel (uprobe.c) ------------------------------------- */

#define PE_TRACEFS "/sys/kernel/tracing"

/* pe_write_file - write a text; `flags` for open(). 0, or -1 and pe_error. */
int pe_write_file(const char *path, int flags, const char *text);
/* pe_trace_lines - lines with this text in the trace buffer, or -1. */
long pe_trace_lines(const char *pattern);

/* ---- checked calls (call.c) --------------------------------------------- */

typedef uint32_t (*pe_function)(uint32_t argument);

/* pe_mismatch - the first thing found wrong after a call, NULL if nothing. */
struct pe_mismatch {
	const char *what;	/* "result", "sp", or a register's name */
	uint32_t expected;
	uint32_t got;
};

/*
 * pe_call - call a function with known callee-saved registers, on a stack of
 * its own, and compare what comes back: sp, then those registers, then the
 * result. Nothing that the function does to sp or registers reaches the caller.
 */
struct pe_mismatch pe_call(pe_function function, uint32_t argument,
			   uint32_t expected);

/*
 * pe_move_stack - begin the stack of later calls this many bytes lower, so that
 * it uses other cache sets; at most PE_STACK_MOVE.
 */
#define PE_STACK_MOVE 2048
void pe_move_stack(uint32_t bytes);

/* ---- symptoms and children (child.c) ------------------------------------ */

/*
 * Sent to a child that does not come back, to ask where it is: SIGUSR1 is the
 * library's in every child after pe_child_begin(), and by that name nobody
 * else's. Of the signals of a fault, which pe_child_begin() catches too, a
 * testcase may take those that it passes on.
 */
enum { PE_WHERE_ARE_YOU = SIGUSR1 };
#undef SIGUSR1
#pragma GCC poison SIGUSR1

enum pe_symptom {
	PE_OK,
	PE_SIGILL,
	PE_SIGTRAP,
	PE_SIGSEGV,
	PE_SIGBUS,
	PE_WRONG_RESULT,
	PE_LOST_HIT,
	PE_EXTRA_HIT,
	PE_LIVELOCK,
};

/* pe_outcome - what became of a child's work, as far as it is known. */
struct pe_outcome {
	enum pe_symptom symptom;
	bool has_pc;		/* pc and xol are valid */
	uint64_t pc;
	bool xol;		/* pc lies in the mapping named [uprobes] */
	bool has_values;	/* expected and got are valid */
	uint64_t expected;
	uint64_t got;
	bool has_calls;		/* calls is valid */
	uint32_t calls;		/* calls of probed functions begun */
	char what[24];		/* what was compared, "" if nothing */
};

/*
 * Where a child finds its pipes, across execve() too. A parent with so many open
 * files that new ones get these numbers has to hold them beforehand.
 */
#define PE_REPORT_FD 20
#define PE_COMMAND_FD 21

/* pe_child - a child process; only child.c looks inside. */
struct pe_child {
	pid_t pid;
	int reports;
	int commands;
};

/* pe_child_exec - start this program afresh with args.child set and a seed. */
int pe_child_exec(struct pe_child *child, uint64_t seed);
/* pe_child_go - let a child that waits in pe_wait_for_go() continue. */
void pe_child_go(struct pe_child *child);
/* pe_child_outcome - its next report, or its end; false if it has ended. */
bool pe_child_outcome(struct pe_child *child, struct pe_outcome *outcome);
/* pe_child_finish - wait for its end; a bad end replaces a good outcome. */
void pe_child_finish(struct pe_child *child, struct pe_outcome *outcome);

/* In the child: */
void pe_child_begin(void);
/* pe_wait_for_go - false when the parent has closed the pipe. */
bool pe_wait_for_go(void);
/* pe_checked_call - pe_call(), counted; true if all was right. */
bool pe_checked_call(pe_function function, uint32_t argument,
		     uint32_t expected);
/* pe_report - report the first mismatch since the last report, if any. */
void pe_report(void);

/* ---- KTAP (ktap.c) ------------------------------------------------------- */

void pe_plan(uint32_t tests);
/* pe_result - print the next test's result; a failure's symptom comes before. */
void pe_result(const char *name, uint32_t number,
	       const struct pe_outcome *outcome);
/* pe_skip - the next test could not be set up: no verdict. */
void pe_skip(const char *name, uint32_t number, const char *why);
/* pe_not_reached - the next test fell to the failure of an earlier one. */
void pe_not_reached(const char *name, uint32_t number, const char *why);
/* pe_skip_all - nothing could be set up: a plan of one skipped test. */
int pe_skip_all(const char *name, const char *why);
/* pe_compare_hits - the outcome of comparing hit counts. */
struct pe_outcome pe_compare_hits(const struct pe_probe *probe, long expected);
/* pe_exit_status - 0 if no test has failed. */
int pe_exit_status(void);

#endif
