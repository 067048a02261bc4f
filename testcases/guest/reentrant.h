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
	uint32_t host[12];		/* the caller's registers */
	uint32_t in[PE_CALLEE_SAVED + 1];	/* patterns, then sp */
	uint32_t out[PE_CALLEE_SAVED + 1];	/* what came back */
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
#if defined(__mips__)
_Static_assert(offsetof(struct pe_reentrant, out) == 88, "offsets");
__asm__(
"	.pushsection .text\n"
"	.set push\n"
"	.set noreorder\n"
"	.set noat\n"
"	.set nomips16\n"
"	.globl pe_reentrant_asm\n"
"	.type pe_reentrant_asm, @function\n"
"pe_reentrant_asm:\n"
"	sw	$16, 0($6)\n"
"	sw	$17, 4($6)\n"
"	sw	$18, 8($6)\n"
"	sw	$19, 12($6)\n"
"	sw	$20, 16($6)\n"
"	sw	$21, 20($6)\n"
"	sw	$22, 24($6)\n"
"	sw	$23, 28($6)\n"
"	sw	$30, 32($6)\n"
"	sw	$29, 36($6)\n"
"	sw	$31, 40($6)\n"
"	sw	$28, 44($6)\n"
"	lw	$16, 48($6)\n"
"	lw	$17, 52($6)\n"
"	lw	$18, 56($6)\n"
"	lw	$19, 60($6)\n"
"	lw	$20, 64($6)\n"
"	lw	$21, 68($6)\n"
"	lw	$22, 72($6)\n"
"	lw	$23, 76($6)\n"
"	lw	$30, 80($6)\n"
"	lw	$29, 84($6)\n"
"	move	$25, $4\n"
"	move	$4, $5\n"
"	lui	$2, 0xdead\n"
"	lui	$3, 0xdead\n"
"	jalr	$25\n"
"	 lui	$8, 0xdead\n"
"	.set push\n"
"	.set mips32r2\n"
"	rdhwr	$3, $29\n"
"	.set pop\n"
"	lui	$8, %tprel_hi(pe_reentrant_frame)\n"
"	addu	$8, $8, $3\n"
"	lw	$8, %tprel_lo(pe_reentrant_frame)($8)\n"
"	sw	$16, 88($8)\n"
"	sw	$17, 92($8)\n"
"	sw	$18, 96($8)\n"
"	sw	$19, 100($8)\n"
"	sw	$20, 104($8)\n"
"	sw	$21, 108($8)\n"
"	sw	$22, 112($8)\n"
"	sw	$23, 116($8)\n"
"	sw	$30, 120($8)\n"
"	sw	$29, 124($8)\n"
"	lw	$16, 0($8)\n"
"	lw	$17, 4($8)\n"
"	lw	$18, 8($8)\n"
"	lw	$19, 12($8)\n"
"	lw	$20, 16($8)\n"
"	lw	$21, 20($8)\n"
"	lw	$22, 24($8)\n"
"	lw	$23, 28($8)\n"
"	lw	$30, 32($8)\n"
"	lw	$29, 36($8)\n"
"	lw	$31, 40($8)\n"
"	lw	$28, 44($8)\n"
"	jr	$31\n"
"	 nop\n"
"	.size pe_reentrant_asm, . - pe_reentrant_asm\n"
"	.set pop\n"
"	.popsection\n"
);
#elif defined(__arm__)
_Static_assert(offsetof(struct pe_reentrant, out) == 84, "offsets");
__asm__(
"	.pushsection .text\n"
"	.syntax unified\n"
"	.arm\n"
"	.balign 4\n"
"	.globl pe_reentrant_asm\n"
"	.type pe_reentrant_asm, %function\n"
"pe_reentrant_asm:\n"
"	str	sp, [r2, #36]\n"
"	str	lr, [r2, #40]\n"
"	stm	r2, {r4-r11}\n"
"	add	r2, r2, #48\n"
"	ldm	r2!, {r4-r11}\n"
"	ldr	sp, [r2]\n"
"	mov	r12, r0\n"
"	mov	r0, r1\n"
"	mov	r1, #0xde000000\n"
"	mov	r2, #0xde000000\n"
"	mov	r3, #0xde000000\n"
"	blx	r12\n"
/* Clobbers r0, r12 and lr only, and needs no stack (run-time ABI, 5.3.5). */
"	mov	r1, r0\n"
"	bl	__aeabi_read_tp\n"
"	ldr	r12, 1f\n"
"	ldr	r12, [r0, r12]\n"
"	mov	r0, r1\n"
"	str	sp, [r12, #116]\n"
"	add	r12, r12, #84\n"
"	stm	r12, {r4-r11}\n"
"	sub	r12, r12, #84\n"
"	ldm	r12, {r4-r11}\n"
"	ldr	sp, [r12, #36]\n"
"	ldr	lr, [r12, #40]\n"
"	bx	lr\n"
"1:	.word	pe_reentrant_frame(tpoff)\n"
"	.size pe_reentrant_asm, . - pe_reentrant_asm\n"
"	.popsection\n"
);
#endif

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
	frame->in[PE_CALLEE_SAVED] = (uint32_t)(uintptr_t)top;

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
