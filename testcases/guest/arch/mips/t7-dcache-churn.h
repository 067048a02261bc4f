// SPDX-License-Identifier: GPL-2.0-or-later
/* The probed functions of t7-dcache-churn, for MIPS. */
__asm__(
PE_PROBED_BEGIN
PE_PROBED(t7_function,
"	addiu	$sp, $sp, -32\n"
"	sw	$ra, 28($sp)\n"
"	lui	$8, %hi(t7_begin)\n"
"	lw	$8, %lo(t7_begin)($8)\n"
"	lui	$9, %hi(t7_end)\n"
"	lw	$9, %lo(t7_end)($9)\n"
"	b	2f\n"
"	 addiu	$2, $4, 0x17\n"
"1:	sw	$2, 0($8)\n"
"	addiu	$8, $8, " PE_STRING(LINE_BYTES) "\n"
"2:	bne	$8, $9, 1b\n"
"	 nop\n"
"	addu	$2, $2, $2\n"
"	lw	$ra, 28($sp)\n"
"	addiu	$sp, $sp, 32\n"
"	jr	$ra\n"
"	 xori	$2, $2, 0x5a\n")
PE_PROBED_END
);
