/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An ARM virt board without a kernel, whose memory is mapped where it lies, and in small pages once more at WINDOW. The plugin
 * takes everything for uncached before the MMU is on.
 */
#define UART 0x09000000		/* PL011 (DDI 0183) */
#define CR 0x30
#define CR_ON 0x301		/* UARTEN, TXE, RXE */
#define WINDOW 0x10000000

/* Short descriptors (DDI 0406C, B3.5): normal memory, write-back, write-allocate, for privileged and user accesses. */
#define SECTION_NORMAL 0x1c0e
#define SECTION_DEVICE 0x0c16
#define PAGE_NORMAL 0x007e
#define TABLE 0x0001

	/* Leaves the table of the sections in r0, and that of the window's pages, to be filled, in r1. */
	.macro	map
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
	.endm

	/* With the table of the sections in r0. SCTLR.A stays clear: accesses may be unaligned. */
	.macro	mmu_on
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
	orr	r1, r1, #0x5		/* C and M */
	mcr	p15, 0, r1, c1, c0, 0
	isb
	.endm

	.macro	tables
	.bss
	.balign	0x4000
level1:	.space	0x4000
level2:	.space	0x400
	.endm
