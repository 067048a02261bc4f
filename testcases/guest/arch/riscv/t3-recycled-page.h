// SPDX-License-Identifier: GPL-2.0-or-later
/* The probed function of t3-recycled-page, and the end of its program, for RISC-V. */

/*
 * Pages that are freed after the program's, and so would be taken before it: the page
 * directory, when its last user has been switched from.
 */
#define FREED_LATER 1

__asm__(
PE_PROBED_BEGIN
PE_PROBED(t3_function,
"	addi	sp, sp, -32\n"
"	sd	ra, 24(sp)\n"
"	sd	s0, 16(sp)\n"
"	xori	s0, a0, 0x33\n"
"	addiw	a0, s0, 0x71\n"
"	ld	s0, 16(sp)\n"
"	ld	ra, 24(sp)\n"
"	addi	sp, sp, 32\n"
"	ret\n")
PE_PROBED_END
);
#define ENDING_WORDS 4
static const uint32_t ending[ENDING_WORDS] = {
	0x00000513,		/* li a0, status */
	0x05e00893,		/* li a7, 94: exit_group */
	0x00000073,		/* ecall */
	0x00100073,		/* ebreak */
};
