// SPDX-License-Identifier: GPL-2.0-or-later
/* Calling a probed function so that whatever it breaks is seen. */
#define _GNU_SOURCE
#include <string.h>

#include "patcheval.h"

/* Bytes above the initial sp that a function which loses its place may use. */
#define HEADROOM 512
#define STACK_BYTES 4096

/*
 * Everything that pe_call_asm() needs after the call lies at a fixed address,
 * because afterwards no register can be trusted. The assembly below knows the
 * offsets.
 */
struct frame {
	uint32_t host[12];		/* 0: the caller's registers */
	uint32_t in[PE_CALLEE_SAVED + 1];	/* 48: patterns, then sp */
	uint32_t out[PE_CALLEE_SAVED + 1];	/* after them: what came back */
};

struct frame pe_frame;
uint32_t pe_call_asm(pe_function function, uint32_t argument);

/* Bytes that pe_move_stack() asked for, a multiple of the alignment of sp. */
static uint32_t moved;

/* Its own stack: its caller's frame survives, and a lost sp stays close. */
static unsigned char call_stack[STACK_BYTES] __attribute__((aligned(4096)));

#if defined(__mips__)
_Static_assert(offsetof(struct frame, out) == 88, "offsets in the assembly");
/*
 * $v0 is loaded with a value that no probed function returns, so that one which
 * never sets it is noticed. $gp is the caller's to save under o32.
 */
__asm__(
"	.pushsection .text\n"
"	.set push\n"
"	.set noreorder\n"
"	.set noat\n"
"	.set nomips16\n"
"	.globl pe_call_asm\n"
"	.type pe_call_asm, @function\n"
"pe_call_asm:\n"
"	lui	$8, %hi(pe_frame)\n"
"	addiu	$8, $8, %lo(pe_frame)\n"
"	sw	$16, 0($8)\n"
"	sw	$17, 4($8)\n"
"	sw	$18, 8($8)\n"
"	sw	$19, 12($8)\n"
"	sw	$20, 16($8)\n"
"	sw	$21, 20($8)\n"
"	sw	$22, 24($8)\n"
"	sw	$23, 28($8)\n"
"	sw	$30, 32($8)\n"
"	sw	$29, 36($8)\n"
"	sw	$31, 40($8)\n"
"	sw	$28, 44($8)\n"
"	lw	$16, 48($8)\n"
"	lw	$17, 52($8)\n"
"	lw	$18, 56($8)\n"
"	lw	$19, 60($8)\n"
"	lw	$20, 64($8)\n"
"	lw	$21, 68($8)\n"
"	lw	$22, 72($8)\n"
"	lw	$23, 76($8)\n"
"	lw	$30, 80($8)\n"
"	lw	$29, 84($8)\n"
"	move	$25, $4\n"
"	move	$4, $5\n"
"	lui	$2, 0xdead\n"
"	jalr	$25\n"
"	 nop\n"
"	lui	$8, %hi(pe_frame)\n"
"	addiu	$8, $8, %lo(pe_frame)\n"
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
"	.size pe_call_asm, . - pe_call_asm\n"
"	.set pop\n"
"	.popsection\n"
);
#elif defined(__arm__)
_Static_assert(offsetof(struct frame, out) == 84, "offsets in the assembly");
__asm__(
"	.pushsection .text\n"
"	.syntax unified\n"
"	.arm\n"
"	.balign 4\n"
"	.globl pe_call_asm\n"
"	.type pe_call_asm, %function\n"
"pe_call_asm:\n"
"	ldr	r12, =pe_frame\n"
"	str	sp, [r12, #36]\n"
"	str	lr, [r12, #40]\n"
"	stm	r12, {r4-r11}\n"
"	add	r12, r12, #48\n"
"	ldm	r12!, {r4-r11}\n"
"	ldr	sp, [r12]\n"
"	mov	r12, r0\n"
"	mov	r0, r1\n"
"	blx	r12\n"
"	ldr	r12, =pe_frame\n"
"	str	sp, [r12, #116]\n"
"	add	r12, r12, #84\n"
"	stm	r12, {r4-r11}\n"
"	sub	r12, r12, #84\n"
"	ldm	r12, {r4-r11}\n"
"	ldr	sp, [r12, #36]\n"
"	ldr	lr, [r12, #40]\n"
"	bx	lr\n"
"	.ltorg\n"
"	.size pe_call_asm, . - pe_call_asm\n"
"	.popsection\n"
);
#endif

void pe_move_stack(uint32_t bytes)
{
	moved = bytes <= PE_STACK_MOVE ? bytes & ~15u : 0;
}

struct pe_mismatch pe_call(pe_function function, uint32_t argument,
			   uint32_t expected)
{
	static const char *const names[] = PE_CALLEE_SAVED_NAMES;
	unsigned char *top = call_stack + STACK_BYTES - HEADROOM - moved;
	uint32_t result;

	memset(top, 0, HEADROOM);
	for (int i = 0; i < PE_CALLEE_SAVED; i++)
		pe_frame.in[i] = 0x5a000001u * (i + 1) ^ argument;
	pe_frame.in[PE_CALLEE_SAVED] = (uint32_t)(uintptr_t)top;

	result = pe_call_asm(function, argument);

	if (pe_frame.out[PE_CALLEE_SAVED] != pe_frame.in[PE_CALLEE_SAVED])
		return (struct pe_mismatch){ "sp", pe_frame.in[PE_CALLEE_SAVED],
					     pe_frame.out[PE_CALLEE_SAVED] };
	for (int i = 0; i < PE_CALLEE_SAVED; i++)
		if (pe_frame.out[i] != pe_frame.in[i])
			return (struct pe_mismatch){ names[i], pe_frame.in[i],
						     pe_frame.out[i] };
	if (result != expected)
		return (struct pe_mismatch){ "result", expected, result };
	return (struct pe_mismatch){ 0 };
}
