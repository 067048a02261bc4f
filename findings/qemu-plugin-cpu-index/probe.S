@ SPDX-License-Identifier: GPL-2.0-or-later
@
@ Two CPUs of an ARM virt board execute the same loop, in which each stores 1,000 times to a word of its own: CPU 0 to
@ 0x40200000, CPU 1 to 0x40200004. CPU 0 then waits for CPU 1, and switches the board off.
	.arch	armv7-a
	.arch_extension virt
	.text
	.globl	_start
_start:
	ldr	r0, =0x84000003		@ PSCI CPU_ON: CPU 1, at `work`
	mov	r1, #1
	ldr	r2, =work
	mov	r3, #0
	hvc	#0
work:
	mrc	p15, 0, r4, c0, c0, 5	@ MPIDR: the number of this CPU
	and	r4, r4, #3
	ldr	r5, =0x40200000
	add	r5, r5, r4, lsl #2
	ldr	r6, =1000
1:	str	r6, [r5]
	subs	r6, r6, #1
	bne	1b
	str	r6, [r5]
	mov	r7, #1
	str	r7, [r5, #16]		@ done
	cmp	r4, #0
2:	wfene
	bne	2b
3:	ldr	r7, [r5, #20]
	cmp	r7, #1
	bne	3b
	ldr	r0, =0x84000008		@ PSCI SYSTEM_OFF
	hvc	#0
4:	b	4b
