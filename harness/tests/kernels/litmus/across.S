/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A store across the end of a page, on an ARM virt board without a kernel. The pages lie side by side in virtual memory and
 * not in physical: its second half goes to the first instruction of a function, which prints 1 from then on in place of 0.
 */
#include "geometry.h"
#include "arm-mmu.h"

	.syntax	unified
	.arm
	.text
	.globl	_start
_start:
	map
	ldr	r2, =before + PAGE_NORMAL
	str	r2, [r1]
	ldr	r2, =function + PAGE_NORMAL
	str	r2, [r1, #4]
	mmu_on

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

	tables
