// SPDX-License-Identifier: GPL-2.0-or-later
/* The probed functions of t14-migration, for ARM. */
__asm__(
PE_PROBED_BEGIN
PE_PROBED(t14_function,
"	push	{r4, lr}\n"
"	mov	r4, r0\n"
"	add	r0, r4, #0x14\n"
"	pop	{r4, pc}\n")
PE_PROBED_END
);
