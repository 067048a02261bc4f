// SPDX-License-Identifier: GPL-2.0-or-later
/* The probed function of first_return.h, for RISC-V. */
#define PE_FIRST_RETURN(name, between) __asm__(				\
PE_PROBED_BEGIN								\
PE_PROBED(name,								\
"	addi	sp, sp, -32\n"						\
"	sd	ra, 24(sp)\n"						\
"	sd	s0, 16(sp)\n"						\
"	addiw	s0, a0, 0x17\n"						\
between									\
"	addw	s0, s0, s0\n"						\
"	xori	a0, s0, 0x5a\n"						\
"	ld	s0, 16(sp)\n"						\
"	ld	ra, 24(sp)\n"						\
"	addi	sp, sp, 32\n"						\
"	ret\n")								\
PE_PROBED_END								\
)
