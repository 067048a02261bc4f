// SPDX-License-Identifier: GPL-2.0-or-later
/* The probed functions of t14-migration, for RISC-V. */
__asm__(
PE_PROBED_BEGIN
PE_PROBED(t14_function,
"	addi	sp, sp, -32\n"
"	sd	ra, 24(sp)\n"
"	sw	a0, 16(sp)\n"
"	lw	a0, 16(sp)\n"
"	addiw	a0, a0, 0x14\n"
"	ld	ra, 24(sp)\n"
"	addi	sp, sp, 32\n"
"	ret\n")
PE_PROBED_END
);
