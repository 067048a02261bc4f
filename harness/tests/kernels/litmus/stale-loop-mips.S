/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Loops on stale lines, on a MIPS Malta board without a kernel. Each line is fetched once, and then one of its instructions is
 * replaced by a store, without maintenance: from there on the I-cache has what was before, for as long as the loop takes.
 * Each loop counts in $v0: 1 a turn for the old instruction, 2 for the new one. It
 * prints 0 where all turns executed the old instruction, 1 where all executed the new one, else ?.
 */
#include "geometry.h"

#define UART 0xb80003f8		/* first port of the board's Super I/O */
#define LSR 5
#define LSR_THRE 0x20
#ifndef TURNS
#define TURNS 100000
#endif
#define NEW 0x24420002		/* addiu $v0, $v0, 2 */

	.set	noreorder
	.set	noat

	/* Replaces the word at an address, and forgets what was counted. */
	.macro	replace	address
	la	$t0, \address
	li	$t1, NEW
	sw	$t1, 0($t0)
	sync
	li	$v0, 0
	.endm
	.macro	print
	li	$t1, TURNS
	li	$t2, '0'
	beq	$v0, $t1, 8f
	 sll	$t1, $t1, 1
	beq	$v0, $t1, 8f
	 li	$t2, '1'
	li	$t2, '?'
8:	lbu	$t0, LSR($s5)
	andi	$t0, $t0, LSR_THRE
	beqz	$t0, 8b
	 nop
	sb	$t2, 0($s5)
	.endm

	.text
	.globl	__start
__start:
	li	$t0, 0x10000000
	mtc0	$t0, $12
	ehb
	li	$s5, UART
	li	$s1, TURNS

	/* A loop within one line. */
	jal	spin
	 li	$a0, 1
	replace	spin_old
	jal	spin
	 move	$a0, $s1
	print
	/* A function that is called again and again. */
	jal	called
	 nop
	replace	called_old
	move	$s0, $s1
1:	jal	called
	 addiu	$s0, $s0, -1
	bnez	$s0, 1b
	 nop
	print
	/* A line that begins with the delay slot of a branch. */
	jal	slot
	 li	$a0, 1
	replace	slot_old
	jal	slot
	 move	$a0, $s1
	print
	/* A line in the middle of a block that is entered before it. */
	jal	middle
	 li	$a0, 1
	replace	middle_old
	jal	middle
	 move	$a0, $s1
	print
	/* The line is invalidated: the new instruction comes. */
	la	$t0, spin
	cache	HIT_CLEAN, 0($t0)
	sync
	cache	0x10, 0($t0)
	sync
	li	$v0, 0
	jal	spin
	 move	$a0, $s1
	print

	/* The END marker, as the last instruction of its block: the plugin counts a block as a whole. */
	b	1f
	 lui	$zero, 0x5ae5
1:	b	1b
	 nop

	.section .targets, "ax", %progbits
	.balign	0x10000
spin:	addiu	$a0, $a0, -1
	bnez	$a0, spin
spin_old:
	 addiu	$v0, $v0, 1
	jr	$ra
	 nop

	.balign	STRIDE
called:	jr	$ra
called_old:
	 addiu	$v0, $v0, 1

	.balign	STRIDE
	.space	STRIDE - 8
slot:	addiu	$a0, $a0, -1
	bnez	$a0, slot
slot_old:
	 addiu	$v0, $v0, 1
	jr	$ra
	 nop

	.balign	STRIDE
	.space	STRIDE - 8
middle:	addiu	$a0, $a0, -1
	addu	$t3, $zero, $a0
middle_old:
	addiu	$v0, $v0, 1
	bnez	$a0, middle
	 nop
	jr	$ra
	 nop
