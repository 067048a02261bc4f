// SPDX-License-Identifier: GPL-2.0-or-later
/* The probed functions of t11-probe-churn, for ARM. */
#define MOVES_SP(name, addend) PE_PROBED(name,				\
"	push	{r4, lr}\n"						\
"	add	r0, r0, #" #addend "\n"					\
"	pop	{r4, pc}\n")
#define COMPUTES(name, first) PE_PROBED(name,				\
"	" first "\n"							\
"	bx	lr\n")
__asm__(
PE_PROBED_BEGIN
MOVES_SP(t11_function_0, 0x10)
COMPUTES(t11_function_1, "eor r0, r0, #0x11")
COMPUTES(t11_function_2, "add r0, r0, #0x12")
MOVES_SP(t11_function_3, 0x13)
COMPUTES(t11_function_4, "mvn r0, r0")
PE_PROBED_END
);
