// SPDX-License-Identifier: GPL-2.0-or-later
/* @NAME@: code that a program writes, flushes and calls. */
#define _GNU_SOURCE
#include <sys/mman.h>
#include <unistd.h>

#include "../guest/jit.h"
#include "../guest/one_child.h"

#define ROUNDS 8

/*
 * What a fresh process does. Everything random comes from rng. A result that is
 * not the expected one is the symptom wrong-result, a signal is one by its name.
 */
static void pe_one_child_work(struct pe_rng *rng)
{
	size_t bytes = sysconf(_SC_PAGESIZE);
	volatile uint32_t *code = mmap(NULL, bytes,
				       PROT_READ | PROT_WRITE | PROT_EXEC,
				       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (code == MAP_FAILED)
		_exit(1);
	for (int i = 0; i < ROUNDS; i++) {
		uint32_t sum = pe_emit(code, rng);

		pe_flush(code, PE_JIT_WORDS);
		if (!pe_call_emitted(code, sum, rng))
			break;
	}
	munmap((void *)code, bytes);
}

/* testcase.h says what else there can be: phases, several results, a plan. */
PE_TESTCASE = { .name = "@NAME@", PE_ONE_CHILD_STEPS };
