// SPDX-License-Identifier: GPL-2.0-or-later
/* The probed function of first_return.h, for MIPS. */
#define PE_FIRST_RETURN(name, between) __asm__(				\
PE_PROBED_BEGIN								\
PE_PROBED(name,								\
"	addiu	$sp, $sp, -32\n"					\
"	sw	$ra, 28($sp)\n"						\
"	sw	$16, 24($sp)\n"						\
"	addiu	$16, $4, 0x17\n"					\
between									\
"	addu	$16, $16, $16\n"					\
"	xori	$2, $16, 0x5a\n"					\
"	lw	$16, 24($sp)\n"						\
"	lw	$ra, 28($sp)\n"						\
"	addiu	$sp, $sp, 32\n"						\
"	jr	$ra\n"							\
"	 nop\n")							\
PE_PROBED_END								\
)
