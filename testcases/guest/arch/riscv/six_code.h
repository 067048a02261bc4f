// SPDX-License-Identifier: GPL-2.0-or-later
/* The probed functions of six.h, for RISC-V. */
#define PE_SIX_MOVES_SP(name, bytes, addend) PE_PROBED(name,		\
"	addi	sp, sp, -" #bytes "\n"					\
"	sw	a0, 4(sp)\n"						\
"	lw	a0, 4(sp)\n"						\
"	addiw	a0, a0, " #addend "\n"					\
"	addi	sp, sp, " #bytes "\n"					\
"	ret\n")
#define PE_SIX_COMPUTES(name, first) PE_PROBED(name,				\
"	" first "\n"							\
"	ret\n")
__asm__(
PE_PROBED_BEGIN
PE_SIX_MOVES_SP(pe_six_0, 16, 0x10)
PE_SIX_COMPUTES(pe_six_1, "addiw a0, a0, 0x1f0")
PE_SIX_MOVES_SP(pe_six_2, 32, 0x20)
PE_SIX_COMPUTES(pe_six_3, "xori a0, a0, 0x33")
PE_SIX_MOVES_SP(pe_six_4, 48, 0x30)
PE_SIX_COMPUTES(pe_six_5, "not a0, a0")
PE_PROBED_END
);
