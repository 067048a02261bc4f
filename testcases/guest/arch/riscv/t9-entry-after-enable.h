// SPDX-License-Identifier: GPL-2.0-or-later
/* One of the probed functions of t9-entry-after-enable, for RISC-V. */
#define COPY(name, addend)						\
".balign 512\n"								\
".skip 192\n"								\
PE_PROBED(name,								\
"	addi	sp, sp, -32\n"						\
"	sw	a0, 4(sp)\n"						\
"	lw	a0, 4(sp)\n"						\
"	addw	a0, a0, a0\n"						\
"	addiw	a0, a0, " #addend "\n"					\
"	addi	sp, sp, 32\n"						\
"	ret\n")
