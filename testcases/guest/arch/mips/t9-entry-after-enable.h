// SPDX-License-Identifier: GPL-2.0-or-later
/* One of the probed functions of t9-entry-after-enable, for MIPS. */
#define COPY(name, addend)						\
".balign 512\n"								\
".skip 192\n"								\
PE_PROBED(name,								\
"	addiu	$sp, $sp, -32\n"					\
"	sw	$4, 4($sp)\n"						\
"	lw	$2, 4($sp)\n"						\
"	addu	$2, $2, $2\n"						\
"	addiu	$2, $2, " #addend "\n"					\
"	addiu	$sp, $sp, 32\n"						\
"	jr	$ra\n"							\
"	 nop\n")
