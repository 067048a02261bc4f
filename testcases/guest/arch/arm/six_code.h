// SPDX-License-Identifier: GPL-2.0-or-later
/* The probed functions of six.h, for ARM. */
#define PE_SIX_MOVES_SP(name, down, up, addend) PE_PROBED(name,		\
"	" down "\n"							\
"	add	r0, r0, #" #addend "\n"					\
"	" up "\n"							\
"	bx	lr\n")
#define PE_SIX_COMPUTES(name, first) PE_PROBED(name,				\
"	" first "\n"							\
"	bx	lr\n")
__asm__(
PE_PROBED_BEGIN
PE_SIX_MOVES_SP(pe_six_0, "push {r4, lr}", "pop {r4, lr}", 0x10)
PE_SIX_COMPUTES(pe_six_1, "add r0, r0, #0x1f0")
PE_SIX_MOVES_SP(pe_six_2, "sub sp, sp, #32", "add sp, sp, #32", 0x20)
PE_SIX_COMPUTES(pe_six_3, "eor r0, r0, #0x33")
PE_SIX_MOVES_SP(pe_six_4, "push {r4, r5, r6, lr}", "pop {r4, r5, r6, lr}", 0x30)
PE_SIX_COMPUTES(pe_six_5, "mvn r0, r0")
PE_PROBED_END
);
