// SPDX-License-Identifier: GPL-2.0-or-later
/* The probed function of first_return.h, for ARM. */
#define PE_FIRST_RETURN(name, between) __asm__(				\
PE_PROBED_BEGIN								\
PE_PROBED(name,								\
"	push	{r4, lr}\n"						\
"	add	r4, r0, #0x17\n"					\
between									\
"	add	r4, r4, r4\n"						\
"	eor	r0, r4, #0x5a\n"					\
"	pop	{r4, pc}\n")						\
PE_PROBED_END								\
)
