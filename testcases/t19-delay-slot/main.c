// SPDX-License-Identifier: GPL-2.0-or-later
/* t19-delay-slot: delay slots of branches that the kernel emulates for lack of an FPU. */
#define _GNU_SOURCE
#include <sys/mman.h>
#include <unistd.h>

#include "../guest/jit.h"
#include "../guest/one_child.h"

#include "t19-delay-slot.h"

#define FUNCTIONS 16
#define CALLS 48

/*
 * The functions are written and flushed once. What the kernel writes for each
 * call lies in a page of its own, always at the same address.
 */
static void pe_one_child_work(struct pe_rng *rng)
{
	uint32_t addends[FUNCTIONS];
	volatile uint32_t *code = mmap(NULL, sysconf(_SC_PAGESIZE),
				       PROT_READ | PROT_WRITE | PROT_EXEC,
				       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (code == MAP_FAILED)
		_exit(1);
	for (int i = 0; i < FUNCTIONS; i++) {
		addends[i] = pe_rng_below(rng, T19_ADDENDS);
		emit_branch(code + i * T19_WORDS, addends[i]);
	}
	pe_flush(code, FUNCTIONS * T19_WORDS);
	for (int i = 0; i < CALLS; i++) {
		uint32_t index = pe_rng_below(rng, FUNCTIONS);
		uint32_t x = pe_rng_next(rng);

		if (!pe_checked_call((pe_function)(uintptr_t)
				     (code + index * T19_WORDS),
				     x, x + addends[index]))
			break;
	}
}

PE_TESTCASE = { .name = "t19-delay-slot", PE_ONE_CHILD_STEPS };
