// SPDX-License-Identifier: GPL-2.0-or-later
/* t15-clean-userland: code written at run time by a program that flushes. */
#define _GNU_SOURCE
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <unistd.h>

#include "../guest/jit.h"
#include "../guest/testcase.h"

#define ROUNDS 24
#define PAGES 4

static size_t page_bytes(void)
{
	return sysconf(_SC_PAGESIZE);
}

/* Exits where there is no memory: a test that could not be done has failed. */
static volatile uint32_t *map(size_t bytes, int rights)
{
	void *pages = mmap(NULL, bytes, rights, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			   0);

	if (pages == MAP_FAILED)
		_exit(1);
	return pages;
}

static void allow(volatile uint32_t *pages, size_t bytes, int rights)
{
	if (mprotect((void *)pages, bytes, rights))
		_exit(1);
}

/* A random place for a function in some pages. */
static volatile uint32_t *place(volatile uint32_t *pages, size_t bytes,
				struct pe_rng *rng)
{
	return pages + pe_rng_below(rng, bytes / 4 - PE_JIT_WORDS);
}

/* A compiler's buffer: always writable, always executable. */
static void jit(struct pe_rng *rng)
{
	size_t bytes = PAGES * page_bytes();
	volatile uint32_t *pages = map(bytes, PROT_READ | PROT_WRITE |
					      PROT_EXEC);

	for (int i = 0; i < ROUNDS; i++) {
		volatile uint32_t *code = place(pages, bytes, rng);
		uint32_t sum = pe_emit(code, rng);

		pe_flush(code, PE_JIT_WORDS);
		pe_call_emitted(code, sum, rng);
	}
	munmap((void *)pages, bytes);
}

/* A compiler that never has a page writable and executable. */
static void jit_mprotect(struct pe_rng *rng)
{
	size_t bytes = PAGES * page_bytes();
	volatile uint32_t *pages = map(bytes, PROT_READ | PROT_WRITE);

	for (int i = 0; i < ROUNDS; i++) {
		volatile uint32_t *code = place(pages, bytes, rng);
		uint32_t sum = pe_emit(code, rng);

		/* Before and after are both right: ARM and MIPS flush by address. */
		if (i % 2)
			pe_flush(code, PE_JIT_WORDS);
		allow(pages, bytes, PROT_READ | PROT_EXEC);
		if (i % 2 == 0)
			pe_flush(code, PE_JIT_WORDS);
		pe_call_emitted(code, sum, rng);
		allow(pages, bytes, PROT_READ | PROT_WRITE);
	}
	munmap((void *)pages, bytes);
}

/* Copies a function into a page that is new to the program. */
static volatile uint32_t *copy_one(struct pe_rng *rng)
{
	static uint32_t model[PE_JIT_WORDS];
	size_t bytes = page_bytes();
	volatile uint32_t *page = map(bytes, PROT_READ | PROT_WRITE);
	volatile uint32_t *code = place(page, bytes, rng);
	uint32_t sum = pe_emit(model, rng);

	memcpy((void *)code, model, sizeof(model));
	pe_flush(code, PE_JIT_WORDS);
	allow(page, bytes, PROT_READ | PROT_EXEC);
	pe_call_emitted(code, sum, rng);
	return page;
}

static void copy_fresh(struct pe_rng *rng)
{
	volatile uint32_t *pages[ROUNDS];

	for (int i = 0; i < ROUNDS; i++)
		pages[i] = copy_one(rng);
	for (int i = 0; i < ROUNDS; i++)
		munmap((void *)pages[i], page_bytes());
}

/* The page that was given back last is the one that is handed out next. */
static void copy_recycled(struct pe_rng *rng)
{
	for (int i = 0; i < ROUNDS; i++)
		munmap((void *)copy_one(rng), page_bytes());
}

/* One instruction is changed again and again, and executed each time. */
static void self_modifying(struct pe_rng *rng)
{
	size_t bytes = page_bytes();
	volatile uint32_t *page = map(bytes, PROT_READ | PROT_WRITE |
					     PROT_EXEC);
	volatile uint32_t *code = place(page, bytes, rng);

	code[0] = PE_JIT_BEGIN;
	code[2] = PE_JIT_RETURN;
	code[3] = PE_JIT_END;
	code[1] = PE_JIT_XOR;
	pe_flush(code, 4);
	for (int i = 0; i < 4 * ROUNDS; i++) {
		uint32_t number = pe_rng_next(rng) & PE_JIT_MASK;

		code[1] = PE_JIT_XOR | number;
		pe_flush(code + 1, 1);
		pe_call_emitted(code, number, rng);
	}
	munmap((void *)page, bytes);
}

static volatile sig_atomic_t handled;

static void on_signal(int number, siginfo_t *info, void *context)
{
	(void)context;
	handled += info->si_signo == number;
}

static void signals(struct pe_rng *rng)
{
	struct sigaction action = { .sa_sigaction = on_signal,
				    .sa_flags = SA_SIGINFO };
	uint32_t count = 1 + pe_rng_below(rng, ROUNDS);

	sigaction(SIGUSR2, &action, NULL);
	handled = 0;
	for (uint32_t i = 0; i < count; i++)
		raise(SIGUSR2);
	pe_check(handled, count);
}

/* Not inlined, so that gcc must make a pointer to the nested function. */
static uint32_t __attribute__((noinline))
apply(uint32_t (*function)(uint32_t), uint32_t argument)
{
	__asm__ volatile("" : "+r" (function));
	return function(argument);
}

/* gcc flushes the trampoline itself. It is at another place each time. */
static uint32_t __attribute__((noinline)) nested(uint32_t bytes, uint32_t sum)
{
	volatile char moved[bytes];

	uint32_t __attribute__((noinline)) function(uint32_t argument)
	{
		return argument ^ sum;
	}
	moved[0] = 0;
	return apply(function, bytes) + moved[0];
}

static void trampolines(struct pe_rng *rng)
{
	for (int i = 0; i < ROUNDS; i++) {
		uint32_t bytes = 1 + pe_rng_below(rng, 4096);
		uint32_t sum = pe_rng_next(rng);

		pe_check(nested(bytes, sum), bytes ^ sum);
	}
}

static const struct {
	const char *name;
	void (*work)(struct pe_rng *rng);
} tests[] = {
	{ "jit", jit },
	{ "jit-mprotect", jit_mprotect },
	{ "copy-fresh", copy_fresh },
	{ "copy-recycled", copy_recycled },
	{ "self-modifying", self_modifying },
	{ "signals", signals },
	{ "trampolines", trampolines },
};

#define TESTS (sizeof(tests) / sizeof(*tests))

static int fresh_process(const struct pe_args *args)
{
	struct pe_rng rng = { args->seed };

	/*
	 * Trampolines ask for an executable stack, and that makes all mappings
	 * executable on some architectures. Not the later ones, please.
	 */
	personality(personality(0xffffffff) & ~READ_IMPLIES_EXEC);
	pe_child_begin();
	pe_noise_child(&rng);
	for (size_t i = 0; i < TESTS; i++) {
		tests[i].work(&rng);
		pe_report();
	}
	return 0;
}

static void repetition(struct pe_rng *rng, uint32_t number)
{
	struct pe_outcome outcome;
	struct pe_child child;
	bool alive = true;

	pe_noise_parent(rng);
	if (pe_child_exec(&child, pe_rng_next(rng))) {
		for (size_t i = 0; i < TESTS; i++)
			pe_skip(tests[i].name, number, "cannot fork");
		return;
	}
	for (size_t i = 0; i < TESTS; i++) {
		if (!alive) {
			pe_not_reached(tests[i].name, number,
				       "the process is gone");
			continue;
		}
		alive = pe_child_outcome(&child, &outcome) && !outcome.has_pc;
		if (!alive || i == TESTS - 1)
			pe_child_finish(&child, &outcome);
		pe_result(tests[i].name, number, &outcome);
	}
}

PE_TESTCASE = {
	.name = "t15-clean-userland",
	.child = fresh_process,
	.tests = TESTS,
	.repetition = repetition,
};
