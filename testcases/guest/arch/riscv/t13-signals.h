// SPDX-License-Identifier: GPL-2.0-or-later
/* The probed functions of t13-signals, for RISC-V. */
__asm__(
PE_PROBED_BEGIN
PE_PROBED(t13_function_0,
"	addi	sp, sp, -32\n"
"	sw	a0, 4(sp)\n"
"	lw	a0, 4(sp)\n"
"	addiw	a0, a0, 0x30\n"
"	addi	sp, sp, 32\n"
"	ret\n")
PE_PROBED(t13_function_1,
"	xori	a0, a0, 0x31\n"
"	ret\n")
PE_PROBED(t13_function_2,
"	negw	a0, a0\n"
"	addiw	a0, a0, 0x32\n"
"	ret\n")
PE_PROBED(t13_function_3,
"	lw	a0, 0(a0)\n"
"	addiw	a0, a0, 0x33\n"
"	ret\n")
PE_PROBED_END
);
