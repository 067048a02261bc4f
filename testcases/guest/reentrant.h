// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Checked calls that may happen at the same time: in several threads, and in
 * signal handlers that interrupt others. pe_call() has one frame at one address;
 * here the caller brings it, and a thread finds it through its thread pointer,
 * the only thing that a probed function cannot lose. A header, as jit.h is: it
 * leaves the other testcases alone.
 */
#ifndef PATCHEVAL_REENTRANT_H
#define PATCHEVAL_REENTRANT_H

#include <signal.h>
#include <string.h>

#include "patcheval.h"

/* A testcase whose calls are interrupted defines more before it includes this. */
#ifndef PE_REENTRANT_STACK
#define PE_REENTRANT_STACK 4096
#endif
/* Bytes above the initial sp that a function which loses its place may use. */
#define PE_REENTRANT_HEADROOM 512

/* pe_reentrant - one call at a time; the assembly knows the offsets. */
struct pe_reentrant {
	uintptr_t host[PE_HOST_REGISTERS];		/* the caller's registers */
	uintptr_t in[PE_CALLEE_SAVED + 1];	/* patterns, then sp */
	uintptr_t out[PE_CALLEE_SAVED + 1];	/* what came back */
	struct pe_mismatch wrong;	/* the first thing that was */
	/* for what the fatal signals' handler needs, see pe_reentrant_begin() */
	unsigned char signals[8192] __attribute__((aligned(16)));
	unsigned char stack[PE_REENTRANT_STACK] __attribute__((aligned(16)));
};

__thread struct pe_reentrant *pe_reentrant_frame;
uint32_t pe_reentrant_asm(pe_function function, uint32_t argument,
			  struct pe_reentrant *frame);

/*
 * Registers in which functions compute begin with values that no probed function
 * returns, so that an instruction which sets the wrong one is noticed.
 */
#include "reentrant_code.h"

/*
 * pe_reentrant_begin - in each thread but the first: handlers of fatal signals
 * run on a stack of their own, which a thread has to bring along.
 */
static inline void pe_reentrant_begin(struct pe_reentrant *frame)
{
	stack_t stack = { .ss_sp = frame->signals,
			  .ss_size = sizeof(frame->signals) };

	sigaltstack(&stack, NULL);
}

/* What came back in registers, compared with what has to come back. */
static inline void pe_reentrant_compare(struct pe_reentrant *frame,
					uint32_t result, uint32_t expected)
{
	static const char *const names[] = PE_CALLEE_SAVED_NAMES;
	int sp = PE_CALLEE_SAVED;

	if (frame->wrong.what)
		return;
	if (frame->out[sp] != frame->in[sp])
		frame->wrong = (struct pe_mismatch){ "sp", frame->in[sp],
						     frame->out[sp] };
	for (int i = 0; i < sp && !frame->wrong.what; i++)
		if (frame->out[i] != frame->in[i])
			frame->wrong = (struct pe_mismatch){
				names[i], frame->in[i], frame->out[i] };
	if (!frame->wrong.what && result != expected)
		frame->wrong = (struct pe_mismatch){ "result", expected,
						     result };
}

/* pe_reentrant_call - as pe_call(); true if nothing has been wrong so far. */
static inline bool pe_reentrant_call(struct pe_reentrant *frame,
				     pe_function function, uint32_t argument,
				     uint32_t expected)
{
	struct pe_reentrant *interrupted = pe_reentrant_frame;
	unsigned char *top = frame->stack + PE_REENTRANT_STACK -
			     PE_REENTRANT_HEADROOM;
	uint32_t result;

	memset(top, 0, PE_REENTRANT_HEADROOM);
	for (int i = 0; i < PE_CALLEE_SAVED; i++)
		frame->in[i] = 0x5a000001u * (i + 1) ^ argument;
	frame->in[PE_CALLEE_SAVED] = (uintptr_t)top;

	pe_reentrant_frame = frame;
	result = pe_reentrant_asm(function, argument, frame);
	pe_reentrant_frame = interrupted;
	pe_reentrant_compare(frame, result, expected);
	return !frame->wrong.what;
}

static inline uint32_t pe_reentrant_same(uint32_t argument)
{
	return argument;
}

/* pe_reentrant_report - hand what was wrong to the next pe_report(). */
static inline void pe_reentrant_report(const struct pe_reentrant *frame)
{
	if (frame->wrong.what)
		pe_checked_call(pe_reentrant_same, frame->wrong.got,
				frame->wrong.expected);
}

#endif
