// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A branch on a condition of the FPU, for MIPS. Without an FPU the kernel emulates
 * the branch, and executes what is in its delay slot from a page of the process
 * (arch/mips/math-emu/dsemul.c).
 */
#define T19_WORDS 8
#define T19_ADDENDS 0x8000

static inline void emit_branch(volatile uint32_t *code, uint32_t addend)
{
	code[0] = 0x44800000;		/* mtc1 $zero, $f0 */
	code[1] = 0x46000032;		/* c.eq.s $f0, $f0 */
	code[2] = 0x45010002;		/* bc1t to 5 */
	code[3] = 0x24820000 | addend;	/* addiu $v0, $a0, addend */
	code[4] = 0x24427000;		/* addiu $v0, $v0, 0x7000 */
	code[5] = 0x03e00008;		/* jr $ra */
	code[6] = 0;
}
