// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The probed functions of t12-slot-exhaustion, for RISC-V. Their argument is an address
 * below 2 GB, so that its sign extension is the address.
 */
#define SLOT_BYTES 8		/* UPROBE_XOL_SLOT_BYTES */
#define TOUCHES(name, first, second, addend) PE_PROBED(name,		\
"	" first "\n"							\
"	" second "\n"							\
"	addiw	a0, a0, " #addend "\n"					\
"	ret\n")
__asm__(
PE_PROBED_BEGIN
TOUCHES(t12_function_0, "lw a0, 0(a0)", "nop", 0x120)
TOUCHES(t12_function_1, "sw a0, 4(a0)", "lw a0, 4(a0)", 0x121)
TOUCHES(t12_function_2, "lw a1, 8(a0)", "mv a0, a1", 0x122)
TOUCHES(t12_function_3, "lbu t0, 12(a0)", "mv a0, t0", 0x123)
TOUCHES(t12_function_4, "sh a0, 16(a0)", "lhu a0, 16(a0)", 0x124)
PE_PROBED_END
);
