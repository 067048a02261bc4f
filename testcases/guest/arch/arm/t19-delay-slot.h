// SPDX-License-Identifier: GPL-2.0-or-later
/* A branch, for ARM: it has no delay slots, so that nothing is emulated. */
#define T19_WORDS 8
#define T19_ADDENDS 0x100

static inline void emit_branch(volatile uint32_t *code, uint32_t addend)
{
	code[0] = 0xe2800000 | addend;	/* add r0, r0, #addend */
	code[1] = 0xea000000;		/* b to 3 */
	code[2] = 0xe2800070;		/* add r0, r0, #0x70 */
	code[3] = 0xe12fff1e;		/* bx lr */
}
