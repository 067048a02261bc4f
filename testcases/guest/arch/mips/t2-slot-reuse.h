// SPDX-License-Identifier: GPL-2.0-or-later
/* The probed functions of t2-slot-reuse, for MIPS. */
#define MOVES_SP(name, bytes, addend) PE_PROBED(name,			\
"	addiu	$sp, $sp, -" #bytes "\n"				\
"	sw	$4, 4($sp)\n"						\
"	lw	$2, 4($sp)\n"						\
"	addiu	$2, $2, " #addend "\n"					\
"	addiu	$sp, $sp, " #bytes "\n"					\
"	jr	$ra\n"							\
"	 nop\n")
#define COMPUTES(name, first, second) PE_PROBED(name,			\
"	" first "\n"							\
"	" second "\n"							\
"	jr	$ra\n"							\
"	 nop\n")
__asm__(
PE_PROBED_BEGIN
MOVES_SP(t2_function_0, 16, 0x10)
COMPUTES(t2_function_1, "addiu $2, $4, 0x1f0", "nop")
MOVES_SP(t2_function_2, 32, 0x20)
COMPUTES(t2_function_3, "xori $2, $4, 0x33", "nop")
MOVES_SP(t2_function_4, 48, 0x30)
COMPUTES(t2_function_5, "sll $2, $4, 3", "nop")
MOVES_SP(t2_function_6, 64, 0x40)
COMPUTES(t2_function_7, "subu $2, $0, $4", "addiu $2, $2, 0x12")
MOVES_SP(t2_function_8, 80, 0x50)
COMPUTES(t2_function_9, "nor $2, $4, $0", "nop")
PE_PROBED_END
);
