// SPDX-License-Identifier: GPL-2.0-or-later
/* A branch, for RISC-V: it has no delay slots, so that nothing is emulated. */
#define T19_WORDS 8
#define T19_ADDENDS 0x400

static inline void emit_branch(volatile uint32_t *code, uint32_t addend)
{
	code[0] = 0x0005051b | addend << 20;	/* addiw a0, a0, addend */
	code[1] = 0x0080006f;			/* j to 3 */
	code[2] = 0x0705051b;			/* addiw a0, a0, 0x70 */
	code[3] = 0x00008067;			/* ret */
}
