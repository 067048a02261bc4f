// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The probed functions of t11-probe-churn, for RISC-V. The third begins with an ADDIW of
 * four bytes: the kernel takes C.ADDIW for the C.JAL of RV32, and refuses it
 * (riscv_probe_decode_insn() in arch/riscv/kernel/probes/decode-insn.c, 6.1).
 */
#define MOVES_SP(name, addend) PE_PROBED(name,				\
"	addi	sp, sp, -32\n"						\
"	sw	a0, 4(sp)\n"						\
"	lw	a0, 4(sp)\n"						\
"	addiw	a0, a0, " #addend "\n"					\
"	addi	sp, sp, 32\n"						\
"	ret\n")
#define COMPUTES(name, first) PE_PROBED(name,				\
"	" first "\n"							\
"	ret\n")
__asm__(
PE_PROBED_BEGIN
MOVES_SP(t11_function_0, 0x10)
COMPUTES(t11_function_1, "xori a0, a0, 0x11")
COMPUTES(t11_function_2, ".insn i 0x1b, 0, a0, a0, 0x12")
MOVES_SP(t11_function_3, 0x13)
COMPUTES(t11_function_4, "not a0, a0")
PE_PROBED_END
);
