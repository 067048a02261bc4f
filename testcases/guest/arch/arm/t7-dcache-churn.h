// SPDX-License-Identifier: GPL-2.0-or-later
/* The probed functions of t7-dcache-churn, for ARM. */
__asm__(
PE_PROBED_BEGIN
PE_PROBED(t7_function,
"	push	{r4, lr}\n"
"	ldr	r1, 3f\n"
"	ldr	r1, [r1]\n"
"	ldr	r2, 4f\n"
"	ldr	r2, [r2]\n"
"	add	r4, r0, #0x17\n"
"	b	2f\n"
"1:	str	r4, [r1], #" PE_STRING(LINE_BYTES) "\n"
"2:	cmp	r1, r2\n"
"	bne	1b\n"
"	add	r4, r4, r4\n"
"	eor	r0, r4, #0x5a\n"
"	pop	{r4, pc}\n"
"3:	.word	t7_begin\n"
"4:	.word	t7_end\n")
PE_PROBED_END
);
