/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A store across the end of a page, on an ARM virt board without a kernel. The pages lie side by side in virtual memory and
 * not in physical: its second half goes to the first instruction of a function, which prints 1 from then on in place of 0.
 */
#include "geometry.h"

#define UART 0x09000000		/* PL011 (DDI 0183) */
#define CR 0x30
#define CR_ON 0x301		/* UARTEN, TXE, RXE */
#define WINDOW 0x10000000

/* Short descriptors, as in arm.S. */
#define SECTION_NORMAL 0x1c0e
#define SECTION_DEVICE 0x0c16
#define PAGE_NORMAL 0x007e
#define TABLE 0x0001

	.syntax	unified
	.arm
	.text
	.globl	_start
_start:
	ldr	r0, =level1
	ldr	r1, =SECTION_DEVICE
	ldr	r2, =SECTION_NORMAL
	mov	r3, #0
1:	cmp	r3, #0x400		/* RAM begins at 1 GB */
	orrlt	r4, r1, r3, lsl #20
	orrge	r4, r2, r3, lsl #20
	str	r4, [r0, r3, lsl #2]
	add	r3, r3, #1
	cmp	r3, #0x1000
	bne	1b
	ldr	r1, =level2
	orr	r2, r1, #TABLE
	str	r2, [r0, #(WINDOW >> 20) * 4]
	ldr	r2, =before + PAGE_NORMAL
	str	r2, [r1]
	ldr	r2, =function + PAGE_NORMAL
	str	r2, [r1, #4]
	mov	r1, #0
	mcr	p15, 0, r1, c8, c7, 0	/* TLBIALL */
	mcr	p15, 0, r1, c2, c0, 2	/* TTBCR */
	mcr	p15, 0, r0, c2, c0, 0	/* TTBR0 */
	mov	r1, #1
	mcr	p15, 0, r1, c3, c0, 0	/* DACR: domain 0 is a client */
	dsb
	isb
	mrc	p15, 0, r1, c1, c0, 0
	orr	r1, r1, #0x1000		/* SCTLR.I */
	orr	r1, r1, #0x5		/* C and M; A stays clear, so that accesses may be unaligned */
	mcr	p15, 0, r1, c1, c0, 0
	isb

	ldr	r9, =UART
	ldr	r0, =CR_ON
	str	r0, [r9, #CR]
	ldr	r7, =WINDOW + 0x1000
	blx	r7
	str	r0, [r9]
	ldr	r1, =0x00310000		/* the lower half of `mov r0, #'1'`, in the upper one */
	str	r1, [r7, #-2]
	dsb
	isb
	blx	r7
	str	r0, [r9]
	mcr	p15, 0, r7, c7, c11, 1	/* DCCMVAU */
	dsb
	mcr	p15, 0, r7, c7, c5, 1	/* ICIMVAU */
	dsb
	isb
	blx	r7
	str	r0, [r9]
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
function:
	mov	r0, #'0'
	bx	lr
	.balign	0x4000
before:	.space	0x1000
	/* Where the store would go, did physical memory go on as virtual memory does. */
	.space	0x1000

	.bss
	.balign	0x4000
level1:	.space	0x4000
level2:	.space	0x400
