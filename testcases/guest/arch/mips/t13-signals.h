// SPDX-License-Identifier: GPL-2.0-or-later
/* The probed functions of t13-signals, for MIPS. */
__asm__(
PE_PROBED_BEGIN
PE_PROBED(t13_function_0,
"	addiu	$sp, $sp, -32\n"
"	sw	$4, 4($sp)\n"
"	lw	$2, 4($sp)\n"
"	addiu	$2, $2, 0x30\n"
"	addiu	$sp, $sp, 32\n"
"	jr	$ra\n"
"	 nop\n")
PE_PROBED(t13_function_1,
"	xori	$2, $4, 0x31\n"
"	jr	$ra\n"
"	 nop\n")
PE_PROBED(t13_function_2,
"	subu	$2, $0, $4\n"
"	jr	$ra\n"
"	 addiu	$2, $2, 0x32\n")
PE_PROBED(t13_function_3,
"	lw	$2, 0($4)\n"
"	addiu	$2, $2, 0x33\n"
"	jr	$ra\n"
"	 nop\n")
PE_PROBED_END
);
