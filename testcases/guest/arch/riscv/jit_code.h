// SPDX-License-Identifier: GPL-2.0-or-later
/* Instructions that jit.h writes, for RISC-V. */
#define PE_JIT_BEGIN	0x0005051b	/* sext.w a0, a0 */
#define PE_JIT_XOR	0x00054513	/* xori a0, a0, ... */
#define PE_JIT_MASK	0x7ff
#define PE_JIT_NUMBER(number)	((number) << 20)
#define PE_JIT_RETURN	0x00008067	/* ret */
#define PE_JIT_END	0x00000013	/* nop */
