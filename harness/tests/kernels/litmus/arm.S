/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Litmus rows on an ARM virt board without a kernel: see mips.S. The program switches the MMU on, since the plugin takes
 * everything for uncached before, and maps the targets a second time, at a page's distance in colour.
 */
#include "geometry.h"
#include "arm-mmu.h"

#define STEP_SHIFT 5
#define FR 0x18
#define FR_TXFF 0x20

	.syntax	unified
	.arm
	.text
	.globl	_start
_start:
	map
	ldr	r2, =targets
	orr	r2, r2, #PAGE_NORMAL
	mov	r3, #(PAIRS * 2)
1:	str	r2, [r1, #4]!		/* from the second page on */
	add	r2, r2, #0x1000
	subs	r3, r3, #1
	bne	1b
	mmu_on

	ldr	r4, =rows
	ldr	r8, =rows_end
	ldr	r6, =targets
	ldr	r7, =WINDOW + 0x1000
	ldr	r9, =UART
	ldr	r10, =steps
	ldr	r11, =0xe3a00031	/* mov r0, #'1' */
	ldr	r0, =CR_ON
	str	r0, [r9, #CR]
	b	next_row
	.ltorg

	.balign	1024
next_row:
	cmp	r4, r8
	beq	done
	ldr	r5, [r4], #4
next:
	and	r0, r5, #15
	lsr	r5, r5, #4
	dsb
	isb
	add	pc, r10, r0, lsl #STEP_SHIFT
	.macro	step
	.balign	1 << STEP_SHIFT
	.endm
	/* All ways of the set that an address names. */
	.macro	set	address
	ubfx	r0, \address, #D_LINE_SHIFT, #D_SET_BITS
	lsl	r0, r0, #D_LINE_SHIFT
	mov	r1, #D_WAYS
	b	clean_ways
	.endm

	step				/* 0: the end of the row */
steps:	add	r6, r6, #STRIDE
	add	r7, r7, #STRIDE
	b	next_row
	step				/* 1: fetch */
	blx	r6
1:	ldr	r1, [r9, #FR]
	tst	r1, #FR_TXFF
	bne	1b
	str	r0, [r9]
	b	next
	step				/* 2: store */
	str	r11, [r6]
	b	next
	step				/* 3: store through the other address */
	str	r11, [r7]
	b	next
	step				/* 4: clean by address: DCCMVAU */
	mcr	p15, 0, r6, c7, c11, 1
	b	next
	step				/* 5: clean by the other address */
	mcr	p15, 0, r7, c7, c11, 1
	b	next
	step				/* 6: clean by set and way: DCCSW */
	set	r6
	step				/* 7: clean by the other set */
	set	r7
	step				/* 8: clean all */
	mov	r2, #0
	b	clean_all
	step				/* 9: invalidate by address: ICIMVAU */
	mcr	p15, 0, r6, c7, c5, 1
	b	next
	step				/* 10: invalidate by the other address */
	mcr	p15, 0, r7, c7, c5, 1
	b	next
	/*
	 * The barrier ends QEMU's block: without it, what follows in the block would count as fetched before the
	 * invalidation, and the lines filled would depend on how QEMU cuts blocks.
	 */
	step				/* 11: ICIALLU */
	mcr	p15, 0, r0, c7, c5, 0
	isb
	b	next
	step				/* 12: ICIALLUIS */
	mcr	p15, 0, r0, c7, c1, 0
	isb
	b	next
	step				/* 13: not on ARM */
	udf	#0
	step				/* 14: DCCMVAC */
	mcr	p15, 0, r6, c7, c10, 1
	b	next
	step				/* 15: DCCIMVAC by the other address */
	mcr	p15, 0, r7, c7, c14, 1
	b	next
	step
	/* Ways are in the upper bits, and r0 wraps around after the last. */
clean_ways:
	mcr	p15, 0, r0, c7, c10, 2
	add	r0, r0, #(1 << (32 - D_WAY_BITS))
	subs	r1, r1, #1
	bne	clean_ways
	b	next
clean_all:
	mov	r1, #D_WAYS
	lsl	r0, r2, #D_LINE_SHIFT
1:	mcr	p15, 0, r0, c7, c10, 2
	add	r0, r0, #(1 << (32 - D_WAY_BITS))
	subs	r1, r1, #1
	bne	1b
	add	r2, r2, #1
	cmp	r2, #D_SETS
	bne	clean_all
	b	next
	/* Refused if the code has two lines in one set. */
	.org	next_row + 1024

	/* END, as the last instruction of a line: the plugin counts what it enters at once as a whole. */
done:	.rept	STRIDE / 4 - 1
	nop
	.endr
	orr	r6, r6, r6
1:	b	1b

	.section .rodata
	.balign	4
rows:
	.include "rows.inc"
rows_end:

	.section .targets, "ax", %progbits
	.balign	0x10000
targets:
	.rept	ROWS
	mov	r0, #'0'
	bx	lr
	.balign	STRIDE
	.endr

	tables
