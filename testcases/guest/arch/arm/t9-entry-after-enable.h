// SPDX-License-Identifier: GPL-2.0-or-later
/* One of the probed functions of t9-entry-after-enable, for ARM. */
#define COPY(name, addend)						\
".balign 512\n"								\
".skip 192\n"								\
PE_PROBED(name,								\
"	push	{r4, lr}\n"						\
"	add	r4, r0, r0\n"						\
"	add	r0, r4, #" #addend "\n"				\
"	pop	{r4, pc}\n")
