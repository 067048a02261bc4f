// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Functions written at run time, for testcases that do so. A header and not a
 * source: what is linked into all testcases would move the code of the others,
 * and with it what their seeds stand for.
 */
#ifndef PATCHEVAL_JIT_H
#define PATCHEVAL_JIT_H

#include "patcheval.h"

/* Words of the longest function that pe_emit() writes. */
#define PE_JIT_WORDS 48

#include "jit_code.h"

/*
 * pe_emit - write a function of random length and contents. Returns the number
 * that it adds to its argument by exclusive or. Flushes nothing.
 */
static inline uint32_t pe_emit(volatile uint32_t *code, struct pe_rng *rng)
{
	uint32_t steps = 1 + pe_rng_below(rng, PE_JIT_WORDS - 3);
	uint32_t sum = 0;

	*code++ = PE_JIT_BEGIN;
	while (steps--) {
		uint32_t number = pe_rng_next(rng) & PE_JIT_MASK;

		*code++ = PE_JIT_XOR | PE_JIT_NUMBER(number);
		sum ^= number;
	}
	*code++ = PE_JIT_RETURN;
	*code++ = PE_JIT_END;
	return sum;
}

/* pe_flush - what userland owes the machine after it has written code. */
static inline void pe_flush(volatile uint32_t *code, uint32_t words)
{
	char *begin = (char *)code;

	__builtin___clear_cache(begin, begin + 4 * words);
}

/* pe_call_emitted - call it with a random argument; true if all was right. */
static inline bool pe_call_emitted(volatile uint32_t *code, uint32_t sum,
				   struct pe_rng *rng)
{
	uint32_t argument = pe_rng_next(rng);

	return pe_checked_call((pe_function)(uintptr_t)code, argument,
			       argument ^ sum);
}

/* pe_check - compare numbers as the result of a call is compared. */
static inline uint32_t pe_same(uint32_t argument)
{
	return argument;
}

static inline bool pe_check(uint32_t got, uint32_t expected)
{
	return pe_checked_call(pe_same, got, expected);
}

#endif
