// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What makes one seed a different experiment from another: where the slab
 * allocators and free page lists stand, which data cache sets are recently
 * used, where the stack lies, and when the timer ticks. All of it happens before
 * the probed call. Only up to 8 KiB is touched at a time: half of a data cache
 * of 16 KiB, so that no seed simply flushes what the study is about.
 */
#define _GNU_SOURCE
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "patcheval.h"

#define HEAP_BYTES 8192
#define LINE_BYTES 32

static unsigned char heap[HEAP_BYTES];

static void touch_lines(struct pe_rng *rng)
{
	uint32_t lines = pe_rng_below(rng, HEAP_BYTES / LINE_BYTES + 1);
	volatile unsigned char *bytes = heap;

	while (lines--) {
		uint64_t where = pe_rng_next(rng);

		/* Stores make lines dirty, loads only recently used. */
		if (where >> 63)
			bytes[where % HEAP_BYTES]++;
		else
			(void)bytes[where % HEAP_BYTES];
	}
}

static void spin(uint32_t turns)
{
	while (turns--)
		__asm__ volatile("" : : : "memory");
}

/* Neighbouring mappings with equal rights would merge into one object. */
static void map_pages(struct pe_rng *rng)
{
	uint32_t count = pe_rng_below(rng, 12);

	for (uint32_t i = 0; i < count; i++) {
		int rights = i % 2 ? PROT_READ : PROT_READ | PROT_WRITE;
		size_t bytes = 16384 * (1 + pe_rng_below(rng, 3));
		volatile unsigned char *page;

		page = mmap(NULL, bytes, rights, MAP_PRIVATE | MAP_ANONYMOUS,
			    -1, 0);
		if (page != MAP_FAILED && pe_rng_below(rng, 2))
			(void)page[pe_rng_below(rng, bytes)];
	}
}

void pe_noise_parent(struct pe_rng *rng)
{
	uint32_t children = pe_rng_below(rng, 6);

	for (uint32_t i = 0; i < children; i++) {
		struct pe_rng own = { pe_rng_next(rng) };
		pid_t pid = fork();

		if (!pid) {
			map_pages(&own);
			touch_lines(&own);
			_exit(0);
		}
		if (pid > 0)
			waitpid(pid, NULL, 0);
		touch_lines(rng);
	}
	spin(pe_rng_below(rng, 20000));
}

void pe_noise_child(struct pe_rng *rng)
{
	map_pages(rng);
	spin(pe_rng_below(rng, 20000));
	pe_move_stack(pe_rng_below(rng, PE_STACK_MOVE + 1));
	touch_lines(rng);
}
