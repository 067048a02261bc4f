// SPDX-License-Identifier: GPL-2.0-or-later
/* The probed functions of t7-dcache-churn, for RISC-V. */
__asm__(
PE_PROBED_BEGIN
PE_PROBED(t7_function,
"	addi	sp, sp, -32\n"
"	sd	ra, 24(sp)\n"
"	lla	t0, t7_begin\n"
"	ld	t0, 0(t0)\n"
"	lla	t1, t7_end\n"
"	ld	t1, 0(t1)\n"
"	addiw	a0, a0, 0x17\n"
"	j	2f\n"
"1:	sw	a0, 0(t0)\n"
"	addi	t0, t0, " PE_STRING(LINE_BYTES) "\n"
"2:	bne	t0, t1, 1b\n"
"	addw	a0, a0, a0\n"
"	xori	a0, a0, 0x5a\n"
"	ld	ra, 24(sp)\n"
"	addi	sp, sp, 32\n"
"	ret\n")
PE_PROBED_END
);
