/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Litmus rows on a MIPS Malta board without a kernel. A row is a word of eight steps, four bits each, the lowest first
 * (their numbers are in steps.rs), and has a line of its own, which holds the old instruction and was never touched.
 * Each fetch prints what was executed, '0' the old instruction or '1' the new one.
 *
 * Between the steps of a row there is no access to memory but theirs, and the code from next_row to the last step is
 * less than a kilobyte in one piece: it has no more than one line in each set of the smallest cache. So nothing but the
 * steps decides what becomes of the row's line.
 */
#include "geometry.h"

#define STEP_SHIFT 5
#define UART 0xb80003f8		/* first port of the board's Super I/O */
#define LSR 5
#define LSR_THRE 0x20
#define WINDOW 0x10000000	/* the other address of the targets is a page above this */

#define Index_Invalidate_I 0x00
#define Index_Writeback_Inv_D 0x01
#define Hit_Invalidate_I 0x10

	.set	noreorder
	.set	noat
	.text
	.globl	__start
__start:
	/* Out of ERL, in which the mapped segment is neither mapped nor cached. */
	li	$t0, 0x10000000
	mtc0	$t0, $12
	ehb
	/* Pages of 4 KB, so that the two addresses of a line have different colours. */
	mtc0	$zero, $5
	la	$t0, targets
	li	$t1, 0x1ffff000
	and	$t0, $t0, $t1
	srl	$t0, $t0, 6
	ori	$t0, $t0, 0x1f		/* cached, dirty, valid, global */
	li	$t1, WINDOW
	li	$t2, 0
1:	addiu	$t3, $t0, -0x40		/* the page before: the window begins in the middle of a pair */
	mtc0	$t3, $2
	mtc0	$t0, $3
	mtc0	$t1, $10
	mtc0	$t2, $0
	ehb
	tlbwi
	addiu	$t0, $t0, 0x80
	addiu	$t2, $t2, 1
	li	$t3, PAIRS
	bne	$t2, $t3, 1b
	 addiu	$t1, $t1, 0x2000

	la	$s0, rows
	la	$s4, rows_end
	la	$s2, targets
	li	$s3, WINDOW + 0x1000
	li	$t8, 0x80001000		/* the same index, for operations that must not fault */
	li	$s5, UART
	la	$s6, steps
	li	$s7, 0x24020031		/* li $v0, '1' */
	j	next_row
	 ehb

	.balign	1024
next_row:
	beq	$s0, $s4, done
	 nop
	lw	$s1, 0($s0)
	addiu	$s0, $s0, 4
next:
	andi	$t0, $s1, 15
	srl	$s1, $s1, 4
	sll	$t0, $t0, STEP_SHIFT
	addu	$t0, $t0, $s6
	sync
	jr.hb	$t0
	 nop
done:
	/* The END marker, as the last instruction of its block: the plugin counts a block as a whole. */
	b	1f
	 lui	$zero, 0x5ae5
1:	b	1b
	 nop

	.macro	step
	.balign	1 << STEP_SHIFT
	.endm
	.macro	next
	b	next
	 nop
	.endm
	/* All ways of the set that an address names. */
	.macro	set	operation, address, ways, way
	li	$t1, \ways
	move	$t2, \address
9:	cache	\operation, 0($t2)
	addiu	$t1, $t1, -1
	bnez	$t1, 9b
	 addiu	$t2, $t2, \way
	next
	.endm
	.macro	whole	operation, lines, line
	li	$t1, \lines
	lui	$t2, 0x8000
9:	cache	\operation, 0($t2)
	addiu	$t1, $t1, -1
	bnez	$t1, 9b
	 addiu	$t2, $t2, \line
	next
	.endm

	step				/* 0: the end of the row */
steps:	addiu	$s2, $s2, STRIDE
	addiu	$s3, $s3, STRIDE
	b	next_row
	 addiu	$t8, $t8, STRIDE
	step				/* 1: fetch */
	jalr	$s2
	 nop
1:	lbu	$t0, LSR($s5)
	andi	$t0, $t0, LSR_THRE
	beqz	$t0, 1b
	 nop
	b	next
	 sb	$v0, 0($s5)
	step				/* 2: store */
	sw	$s7, 0($s2)
	next
	step				/* 3: store through the other address */
	sw	$s7, 0($s3)
	next
	step				/* 4: clean by address */
	cache	HIT_CLEAN, 0($s2)
	next
	step				/* 5: clean by the other address */
	cache	HIT_CLEAN, 0($s3)
	next
	step				/* 6: clean by index */
	set	Index_Writeback_Inv_D, $s2, D_WAYS, D_WAY
	step				/* 7: clean by the other index */
	set	Index_Writeback_Inv_D, $t8, D_WAYS, D_WAY
	step				/* 8: clean all */
	whole	Index_Writeback_Inv_D, D_LINES, D_LINE
	step				/* 9: invalidate by address */
	cache	Hit_Invalidate_I, 0($s2)
	next
	step				/* 10: invalidate by the other address */
	cache	Hit_Invalidate_I, 0($s3)
	next
	step				/* 11: invalidate by index */
	set	Index_Invalidate_I, $s2, I_WAYS, I_WAY
	step				/* 12: invalidate by the other index */
	set	Index_Invalidate_I, $t8, I_WAYS, I_WAY
	step				/* 13: invalidate all */
	whole	Index_Invalidate_I, I_LINES, I_LINE
	step				/* 14: both by address */
	synci	0($s2)
	next
	step				/* 15: both by the other address */
	synci	0($s3)
	next
	/* Refused if the code has two lines in one set. */
	.org	next_row + 1024

	.section .rodata
	.balign	4
rows:
	.include "rows.inc"
rows_end:

	/* Aligned to the largest way: the offset of a line in here is its place in any cache. */
	.section .targets, "ax", %progbits
	.balign	0x10000
targets:
	.rept	ROWS
	li	$v0, '0'
	jr	$ra
	 nop
	.balign	STRIDE
	.endr
