// SPDX-License-Identifier: GPL-2.0-or-later
/* pe_call_asm() of call.c, for RISC-V. */
_Static_assert(offsetof(struct frame, in) == 112, "offsets in the assembly");
_Static_assert(offsetof(struct frame, out) == 216, "offsets in the assembly");
/*
 * a0 has the argument, as its result has where the function begins with neither: a
 * function that computes nothing returns it, and none of the probed ones does.
 */
__asm__(
"	.pushsection .text\n"
"	.globl pe_call_asm\n"
"	.type pe_call_asm, @function\n"
"pe_call_asm:\n"
"	lla	t0, pe_frame\n"
PE_EACH_SAVED("sd", "t0", 0)
"	sd	sp, 96(t0)\n"
"	sd	ra, 104(t0)\n"
PE_EACH_SAVED("ld", "t0", 112)
"	ld	sp, 208(t0)\n"
"	mv	t1, a0\n"
"	mv	a0, a1\n"
"	jalr	t1\n"
"	lla	t0, pe_frame\n"
PE_EACH_SAVED("sd", "t0", 216)
"	sd	sp, 312(t0)\n"
PE_EACH_SAVED("ld", "t0", 0)
"	ld	sp, 96(t0)\n"
"	ld	ra, 104(t0)\n"
"	ret\n"
"	.size pe_call_asm, . - pe_call_asm\n"
"	.popsection\n"
);
