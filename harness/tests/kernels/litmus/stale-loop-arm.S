/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Loops on stale lines, on an ARM virt board without a kernel: see stale-loop-mips.S, whose counter is r0 here. */
#include "geometry.h"
#include "arm-mmu.h"

#ifndef TURNS
#define TURNS 100000
#endif

	.syntax	unified
	.arm

	/* Replaces the word at an address by `add r0, r0, #2`, and forgets what was counted. */
	.macro	replace	address
	ldr	r1, =\address
	ldr	r2, =0xe2800002
	str	r2, [r1]
	dsb
	isb
	mov	r0, #0
	.endm
	.macro	print
	mov	r2, #'?'
	cmp	r0, r8
	moveq	r2, #'0'
	cmp	r0, r8, lsl #1
	moveq	r2, #'1'
	str	r2, [r9]
	.endm

	.text
	.globl	_start
_start:
	map
	mmu_on
	ldr	r9, =UART
	ldr	r0, =CR_ON
	str	r0, [r9, #CR]
	ldr	r8, =TURNS

	/* A loop within one line. */
	mov	r3, #1
	bl	spin
	replace	spin_old
	mov	r3, r8
	bl	spin
	print
	/* A function that is called again and again. */
	bl	called
	replace	called
	mov	r4, r8
1:	bl	called
	subs	r4, r4, #1
	bne	1b
	print
	/* A line in the middle of a block that is entered before it. */
	mov	r3, #1
	bl	middle
	replace	middle_old
	mov	r3, r8
	bl	middle
	print
	/* A Thumb function, and an IT block that begins in the line before. */
	mov	r3, #1
	blx	thumb
	ldr	r1, =thumb_old
	movw	r2, #0x3002		/* adds r0, #2; in the IT block `addeq` */
	strh	r2, [r1]
	dsb
	isb
	mov	r0, #0
	mov	r3, r8
	blx	thumb
	print
	/* The line is invalidated: the new instruction comes. */
	ldr	r1, =spin
	mcr	p15, 0, r1, c7, c11, 1	/* DCCMVAU */
	dsb
	mcr	p15, 0, r1, c7, c5, 1	/* ICIMVAU */
	dsb
	isb
	mov	r0, #0
	mov	r3, r8
	bl	spin
	print
	b	done
	.ltorg
	/* END, as the last instruction of a line. */
	.balign	STRIDE
done:	.rept	STRIDE / 4 - 1
	nop
	.endr
	orr	r6, r6, r6
1:	b	1b

	.section .pages, "ax", %progbits
	.balign	0x10000
spin:	subs	r3, r3, #1
spin_old:
	add	r0, r0, #1
	bne	spin
	bx	lr

	.balign	STRIDE
called:	add	r0, r0, #1
	bx	lr

	.balign	STRIDE
	.space	STRIDE - 8
middle:	subs	r3, r3, #1
	mov	r2, r3
middle_old:
	add	r0, r0, #1
	bne	middle
	bx	lr

	.thumb
	.balign	STRIDE
	.space	STRIDE - 4
	.thumb_func
thumb:	cmp	r0, r0
	it	eq
thumb_old:
	addeq	r0, #1
	subs	r3, #1
	bne	thumb
	bx	lr

	tables
