// SPDX-License-Identifier: GPL-2.0-or-later
/* The probed functions of t2-slot-reuse, for ARM. */
#define MOVES_SP(name, down, up, addend) PE_PROBED(name,		\
"	" down "\n"							\
"	add	r0, r0, #" #addend "\n"					\
"	" up "\n"							\
"	bx	lr\n")
#define COMPUTES(name, first) PE_PROBED(name,				\
"	" first "\n"							\
"	bx	lr\n")
__asm__(
PE_PROBED_BEGIN
MOVES_SP(t2_function_0, "push {r4, lr}", "pop {r4, lr}", 0x10)
COMPUTES(t2_function_1, "add r0, r0, #0x1f0")
MOVES_SP(t2_function_2, "sub sp, sp, #32", "add sp, sp, #32", 0x20)
COMPUTES(t2_function_3, "eor r0, r0, #0x33")
MOVES_SP(t2_function_4, "push {r4, r5, r6, lr}", "pop {r4, r5, r6, lr}", 0x30)
COMPUTES(t2_function_5, "lsl r0, r0, #3")
MOVES_SP(t2_function_6, "sub sp, sp, #64", "add sp, sp, #64", 0x40)
COMPUTES(t2_function_7, "rsb r0, r0, #0x12")
MOVES_SP(t2_function_8, "str r4, [sp, #-8]!", "ldr r4, [sp], #8", 0x50)
COMPUTES(t2_function_9, "mvn r0, r0")
PE_PROBED_END
);
