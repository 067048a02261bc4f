// SPDX-License-Identifier: GPL-2.0-or-later
/* The probed functions of t12-slot-exhaustion, for MIPS. */
#define SLOT_BYTES 128		/* UPROBE_XOL_SLOT_BYTES */
#define TOUCHES(name, first, second, addend) PE_PROBED(name,		\
"	" first "\n"							\
"	" second "\n"							\
"	addiu	$2, $2, " #addend "\n"					\
"	jr	$ra\n"							\
"	 nop\n")
__asm__(
PE_PROBED_BEGIN
TOUCHES(t12_function_0, "lw $2, 0($4)", "nop", 0x120)
TOUCHES(t12_function_1, "sw $4, 4($4)", "lw $2, 4($4)", 0x121)
TOUCHES(t12_function_2, "lw $3, 8($4)", "move $2, $3", 0x122)
TOUCHES(t12_function_3, "lbu $8, 12($4)", "move $2, $8", 0x123)
TOUCHES(t12_function_4, "sh $4, 16($4)", "lhu $2, 16($4)", 0x124)
PE_PROBED_END
);
