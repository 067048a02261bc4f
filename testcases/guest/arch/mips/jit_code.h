// SPDX-License-Identifier: GPL-2.0-or-later
/* Instructions that jit.h writes, for MIPS. */
#define PE_JIT_BEGIN	0x00801025	/* or $v0, $a0, $zero */
#define PE_JIT_XOR	0x38420000	/* xori $v0, $v0, ... */
#define PE_JIT_MASK	0xffff
#define PE_JIT_NUMBER(number)	(number)
#define PE_JIT_RETURN	0x03e00008	/* jr $ra */
#define PE_JIT_END	0x00000000	/* its delay slot */
