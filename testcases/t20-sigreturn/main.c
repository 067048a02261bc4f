// SPDX-License-Identifier: GPL-2.0-or-later
/* t20-sigreturn: handlers that return by the kernel's own code, not the C library's. */
#define _GNU_SOURCE
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../guest/jit.h"
#include "../guest/one_child.h"

#include "t20-sigreturn.h"

#define ROUNDS 16
#define STACK_BYTES 65536
#define MOVES 512

static volatile uint32_t handled;

static void on_signal(int number)
{
	handled += number == SIGUSR2;
}

/*
 * A stack that can be executed: kernels have put the code there, and where one
 * does, it must be flushed.
 */
static unsigned char *map_stack(void)
{
	void *stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE | PROT_EXEC,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (stack == MAP_FAILED)
		_exit(1);
	return stack;
}

static void pe_one_child_work(struct pe_rng *rng)
{
	unsigned char *memory = map_stack();

	if (handle_without_library(SIGUSR2, on_signal))
		_exit(1);
	for (uint32_t i = 1; i <= ROUNDS; i++) {
		/* At another place each time. */
		stack_t stack = { .ss_sp = memory };

		stack.ss_size = STACK_BYTES / 2 + 64 * pe_rng_below(rng, MOVES);
		if (sigaltstack(&stack, NULL) || raise(SIGUSR2))
			_exit(1);
		if (!pe_check(handled, i))
			break;
	}
}

PE_TESTCASE = { .name = "t20-sigreturn", PE_ONE_CHILD_STEPS };
