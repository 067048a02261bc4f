// SPDX-License-Identifier: GPL-2.0-or-later
/* The probed functions of t13-signals, for ARM. */
__asm__(
PE_PROBED_BEGIN
PE_PROBED(t13_function_0,
"	push	{r4, lr}\n"
"	mov	r4, r0\n"
"	add	r0, r4, #0x30\n"
"	pop	{r4, pc}\n")
PE_PROBED(t13_function_1,
"	eor	r0, r0, #0x31\n"
"	bx	lr\n")
PE_PROBED(t13_function_2,
"	rsb	r0, r0, #0x32\n"
"	bx	lr\n")
PE_PROBED(t13_function_3,
"	ldr	r0, [r0]\n"
"	add	r0, r0, #0x33\n"
"	bx	lr\n")
PE_PROBED_END
);
