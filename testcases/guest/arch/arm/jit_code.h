// SPDX-License-Identifier: GPL-2.0-or-later
/* Instructions that jit.h writes, for ARM. */
#define PE_JIT_BEGIN	0xe1a00000	/* mov r0, r0 */
#define PE_JIT_XOR	0xe2200000	/* eor r0, r0, #... */
#define PE_JIT_MASK	0xff
#define PE_JIT_NUMBER(number)	(number)
#define PE_JIT_RETURN	0xe12fff1e	/* bx lr */
#define PE_JIT_END	0xe1a00000
