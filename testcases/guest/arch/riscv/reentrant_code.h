// SPDX-License-Identifier: GPL-2.0-or-later
/* pe_reentrant_asm() of reentrant.h, for RISC-V. */
_Static_assert(offsetof(struct pe_reentrant, in) == 112, "offsets");
_Static_assert(offsetof(struct pe_reentrant, out) == 216, "offsets");
__asm__(
"	.pushsection .text\n"
"	.globl pe_reentrant_asm\n"
"	.type pe_reentrant_asm, @function\n"
"pe_reentrant_asm:\n"
PE_EACH_SAVED("sd", "a2", 0)
"	sd	sp, 96(a2)\n"
"	sd	ra, 104(a2)\n"
PE_EACH_SAVED("ld", "a2", 112)
"	ld	sp, 208(a2)\n"
"	mv	t1, a0\n"
"	mv	a0, a1\n"
"	lui	a1, 0xdead\n"
"	lui	a2, 0xdead\n"
"	lui	t0, 0xdead\n"
"	jalr	t1\n"
"	lui	t0, %tprel_hi(pe_reentrant_frame)\n"
"	add	t0, t0, tp, %tprel_add(pe_reentrant_frame)\n"
"	ld	t0, %tprel_lo(pe_reentrant_frame)(t0)\n"
PE_EACH_SAVED("sd", "t0", 216)
"	sd	sp, 312(t0)\n"
PE_EACH_SAVED("ld", "t0", 0)
"	ld	sp, 96(t0)\n"
"	ld	ra, 104(t0)\n"
"	ret\n"
"	.size pe_reentrant_asm, . - pe_reentrant_asm\n"
"	.popsection\n"
);
