// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The probed functions of t2-slot-reuse, for RISC-V. First instructions have two bytes or
 * four, so that the breakpoint behind them moves as well.
 */
#define MOVES_SP(name, bytes, addend) PE_PROBED(name,			\
"	addi	sp, sp, -" #bytes "\n"					\
"	sw	a0, 4(sp)\n"						\
"	lw	a0, 4(sp)\n"						\
"	addiw	a0, a0, " #addend "\n"					\
"	addi	sp, sp, " #bytes "\n"					\
"	ret\n")
#define COMPUTES(name, first, second) PE_PROBED(name,			\
"	" first "\n"							\
"	" second "\n"							\
"	ret\n")
__asm__(
PE_PROBED_BEGIN
MOVES_SP(t2_function_0, 16, 0x10)
COMPUTES(t2_function_1, "addiw a0, a0, 0x1f0", "nop")
MOVES_SP(t2_function_2, 32, 0x20)
COMPUTES(t2_function_3, "xori a0, a0, 0x33", "nop")
MOVES_SP(t2_function_4, 48, 0x30)
COMPUTES(t2_function_5, "slliw a0, a0, 3", "nop")
MOVES_SP(t2_function_6, 64, 0x40)
COMPUTES(t2_function_7, "negw a0, a0", "addiw a0, a0, 0x12")
MOVES_SP(t2_function_8, 80, 0x50)
COMPUTES(t2_function_9, "not a0, a0", "nop")
PE_PROBED_END
);
