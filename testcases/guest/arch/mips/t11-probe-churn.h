// SPDX-License-Identifier: GPL-2.0-or-later
/* The probed functions of t11-probe-churn, for MIPS. */
#define MOVES_SP(name, addend) PE_PROBED(name,				\
"	addiu	$sp, $sp, -32\n"					\
"	sw	$4, 4($sp)\n"						\
"	lw	$2, 4($sp)\n"						\
"	addiu	$2, $2, " #addend "\n"					\
"	addiu	$sp, $sp, 32\n"						\
"	jr	$ra\n"							\
"	 nop\n")
#define COMPUTES(name, first) PE_PROBED(name,				\
"	" first "\n"							\
"	jr	$ra\n"							\
"	 nop\n")
__asm__(
PE_PROBED_BEGIN
MOVES_SP(t11_function_0, 0x10)
COMPUTES(t11_function_1, "xori $2, $4, 0x11")
COMPUTES(t11_function_2, "addiu $2, $4, 0x12")
MOVES_SP(t11_function_3, 0x13)
COMPUTES(t11_function_4, "nor $2, $4, $0")
PE_PROBED_END
);
