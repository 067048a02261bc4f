// SPDX-License-Identifier: GPL-2.0-or-later
/* The probed function of t3-recycled-page, and the end of its program, for MIPS. */

/*
 * Pages that are freed after the program's, and so would be taken before it: the page
 * directory, when its last user has been switched from.
 */
#define FREED_LATER 1

__asm__(
PE_PROBED_BEGIN
PE_PROBED(t3_function,
"	addiu	$sp, $sp, -32\n"
"	sw	$ra, 28($sp)\n"
"	sw	$16, 24($sp)\n"
"	xori	$16, $4, 0x33\n"
"	addiu	$2, $16, 0x71\n"
"	lw	$16, 24($sp)\n"
"	lw	$ra, 28($sp)\n"
"	addiu	$sp, $sp, 32\n"
"	jr	$ra\n"
"	 nop\n")
PE_PROBED_END
);
#define ENDING_WORDS 4
static const uint32_t ending[ENDING_WORDS] = {
	0x24040000,		/* addiu $a0, $zero, status */
	0x24021096,		/* addiu $v0, $zero, 4246: exit_group */
	0x0000000c,		/* syscall */
	0x0000000d,		/* break */
};
