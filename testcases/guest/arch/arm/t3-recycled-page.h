// SPDX-License-Identifier: GPL-2.0-or-later
/* The probed function of t3-recycled-page, and the end of its program, for ARM. */

/*
 * Pages that are freed after the program's, and so would be taken before it: none: the
 * page directory has four pages, which are kept apart.
 */
#define FREED_LATER 0

__asm__(
PE_PROBED_BEGIN
PE_PROBED(t3_function,
"	push	{r4, lr}\n"
"	eor	r4, r0, #0x33\n"
"	add	r0, r4, #0x71\n"
"	pop	{r4, pc}\n")
PE_PROBED_END
);
#define ENDING_WORDS 4
static const uint32_t ending[ENDING_WORDS] = {
	0xe3a00000,		/* mov r0, #status */
	0xe3a070f8,		/* mov r7, #248: exit_group */
	0xef000000,		/* svc #0 */
	0xe7f000f0,		/* udf #0 */
};
