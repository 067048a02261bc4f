// SPDX-License-Identifier: GPL-2.0-or-later
/* The probed functions of t12-slot-exhaustion, for ARM. */
#define SLOT_BYTES 64		/* UPROBE_XOL_SLOT_BYTES */
#define TOUCHES(name, first, second, addend) PE_PROBED(name,		\
"	" first "\n"							\
"	" second "\n"							\
"	add	r0, r0, #0x120\n"					\
"	add	r0, r0, #(" #addend " - 0x120)\n"			\
"	bx	lr\n")
__asm__(
PE_PROBED_BEGIN
TOUCHES(t12_function_0, "ldr r0, [r0]", "nop", 0x120)
TOUCHES(t12_function_1, "str r0, [r0, #4]", "ldr r0, [r0, #4]", 0x121)
TOUCHES(t12_function_2, "ldr r1, [r0, #8]", "mov r0, r1", 0x122)
TOUCHES(t12_function_3, "ldrb r2, [r0, #12]", "mov r0, r2", 0x123)
TOUCHES(t12_function_4, "strh r0, [r0, #16]", "ldrh r0, [r0, #16]", 0x124)
PE_PROBED_END
);
