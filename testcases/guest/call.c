// SPDX-License-Identifier: GPL-2.0-or-later
/* Calling a probed function so that whatever it breaks is seen. */
#define _GNU_SOURCE
#include <string.h>

#include "patcheval.h"

/* Bytes above the initial sp that a function which loses its place may use. */
#define HEADROOM 512
#define STACK_BYTES 4096

/*
 * Everything that pe_call_asm() needs after the call lies at a fixed address,
 * because afterwards no register can be trusted. The assembly below knows the
 * offsets.
 */
struct frame {
	uintptr_t host[PE_HOST_REGISTERS];		/* the caller's registers */
	uintptr_t in[PE_CALLEE_SAVED + 1];	/* patterns, then sp */
	uintptr_t out[PE_CALLEE_SAVED + 1];	/* after them: what came back */
};

struct frame pe_frame;
uint32_t pe_call_asm(pe_function function, uint32_t argument);

/* Bytes that pe_move_stack() asked for, a multiple of the alignment of sp. */
static uint32_t moved;

/* Its own stack: its caller's frame survives, and a lost sp stays close. */
static unsigned char call_stack[STACK_BYTES] __attribute__((aligned(4096)));

#include "call_code.h"

void pe_move_stack(uint32_t bytes)
{
	moved = bytes <= PE_STACK_MOVE ? bytes & ~15u : 0;
}

struct pe_mismatch pe_call(pe_function function, uint32_t argument,
			   uint32_t expected)
{
	static const char *const names[] = PE_CALLEE_SAVED_NAMES;
	unsigned char *top = call_stack + STACK_BYTES - HEADROOM - moved;
	uint32_t result;

	memset(top, 0, HEADROOM);
	for (int i = 0; i < PE_CALLEE_SAVED; i++)
		pe_frame.in[i] = 0x5a000001u * (i + 1) ^ argument;
	pe_frame.in[PE_CALLEE_SAVED] = (uintptr_t)top;

	result = pe_call_asm(function, argument);

	if (pe_frame.out[PE_CALLEE_SAVED] != pe_frame.in[PE_CALLEE_SAVED])
		return (struct pe_mismatch){ "sp", pe_frame.in[PE_CALLEE_SAVED],
					     pe_frame.out[PE_CALLEE_SAVED] };
	for (int i = 0; i < PE_CALLEE_SAVED; i++)
		if (pe_frame.out[i] != pe_frame.in[i])
			return (struct pe_mismatch){ names[i], pe_frame.in[i],
						     pe_frame.out[i] };
	if (result != expected)
		return (struct pe_mismatch){ "result", expected, result };
	return (struct pe_mismatch){ 0 };
}
