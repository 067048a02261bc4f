// SPDX-License-Identifier: GPL-2.0-or-later
/* The probed functions of six.h, for MIPS. */
#define PE_SIX_MOVES_SP(name, bytes, addend) PE_PROBED(name,		\
"	addiu	$sp, $sp, -" #bytes "\n"				\
"	sw	$4, 4($sp)\n"						\
"	lw	$2, 4($sp)\n"						\
"	addiu	$2, $2, " #addend "\n"					\
"	addiu	$sp, $sp, " #bytes "\n"					\
"	jr	$ra\n"							\
"	 nop\n")
#define PE_SIX_COMPUTES(name, first) PE_PROBED(name,				\
"	" first "\n"							\
"	jr	$ra\n"							\
"	 nop\n")
__asm__(
PE_PROBED_BEGIN
PE_SIX_MOVES_SP(pe_six_0, 16, 0x10)
PE_SIX_COMPUTES(pe_six_1, "addiu $2, $4, 0x1f0")
PE_SIX_MOVES_SP(pe_six_2, 32, 0x20)
PE_SIX_COMPUTES(pe_six_3, "xori $2, $4, 0x33")
PE_SIX_MOVES_SP(pe_six_4, 48, 0x30)
PE_SIX_COMPUTES(pe_six_5, "nor $2, $4, $0")
PE_PROBED_END
);
