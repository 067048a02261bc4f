// SPDX-License-Identifier: GPL-2.0-or-later
/* The probed functions of t14-migration, for MIPS. */
__asm__(
PE_PROBED_BEGIN
PE_PROBED(t14_function,
"	addiu	$sp, $sp, -32\n"
"	sw	$ra, 28($sp)\n"
"	sw	$4, 24($sp)\n"
"	lw	$2, 24($sp)\n"
"	addiu	$2, $2, 0x14\n"
"	lw	$ra, 28($sp)\n"
"	addiu	$sp, $sp, 32\n"
"	jr	$ra\n"
"	 nop\n")
PE_PROBED_END
);
