# SPDX-License-Identifier: GPL-2.0-or-later
#
# Counts the TLB exceptions of a load and of two cache instructions, all on one address without a TLB entry, and
# writes the three counts to the first serial port of a Malta board.
	.set	noreorder
	.set	mips32r2

	.section .vector, "ax"		# TLB refill exception, at 0x80000000: count it in $k0, skip the instruction
	addiu	$k0, $k0, 1
	mfc0	$k1, $14		# EPC
	addiu	$k1, $k1, 4
	mtc0	$k1, $14
	ehb
	eret

	.text
	.globl	__start
__start:
	mtc0	$zero, $12		# Status: kernel mode, exception vectors in RAM, no interrupts
	ehb
	li	$s0, 0xb80003f8		# the serial port
	li	$s1, 0xc0001000		# kseg2 is mapped by the TLB, which is empty

	li	$k0, 0
	lw	$t0, 0($s1)
	addiu	$t1, $k0, '0'
	sb	$t1, 0($s0)

	li	$k0, 0
	cache	0x15, 0($s1)		# Hit_Writeback_Inv_D
	addiu	$t1, $k0, '0'
	sb	$t1, 0($s0)

	li	$k0, 0
	cache	0x10, 0($s1)		# Hit_Invalidate_I
	addiu	$t1, $k0, '0'
	sb	$t1, 0($s0)

	li	$t1, '\n'
	sb	$t1, 0($s0)
	li	$t0, 0xbf000500		# soft reset, which ends a QEMU with -no-reboot
	li	$t1, 0x42
	sw	$t1, 0($t0)
1:	b	1b
	nop
