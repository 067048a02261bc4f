// SPDX-License-Identifier: GPL-2.0-or-later
/* t17-file-code: code that is executed as soon as it has been written to a file. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../guest/jit.h"
#include "../guest/one_child.h"

#define FILES 8
#define MOST_PAGES 4
#define WORDS 4096		/* of the largest page that is supported, 16 KiB */
#define PATH "/tmp/t17-code"

/* A file of a few pages, with a function somewhere in each. */
struct code {
	uint32_t pages;
	size_t bytes;		/* of a page */
	uint32_t where[MOST_PAGES];
	uint32_t sum[MOST_PAGES];
};

/* Exits where a file cannot be had: a test that could not be done has failed. */
static int write_file(struct code *code, struct pe_rng *rng)
{
	int fd = open(PATH, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0700);
	static uint32_t page[WORDS];

	if (fd < 0 || code->bytes > sizeof(page))
		_exit(1);
	for (uint32_t i = 0; i < code->pages; i++) {
		code->where[i] = pe_rng_below(rng, code->bytes / 4 - PE_JIT_WORDS);
		code->sum[i] = pe_emit(page + code->where[i], rng);
		if (write(fd, page, code->bytes) != (ssize_t)code->bytes)
			_exit(1);
	}
	return fd;
}

/*
 * Nothing here flushes: that is the kernel's part, when it maps a page which may
 * be executed (set_pte_at()).
 */
static void write_and_call(struct pe_rng *rng)
{
	struct code code = { .pages = 1 + pe_rng_below(rng, MOST_PAGES),
			     .bytes = sysconf(_SC_PAGESIZE) };
	int shared = pe_rng_below(rng, 2) ? MAP_SHARED : MAP_PRIVATE;
	int fd = write_file(&code, rng);
	volatile uint32_t *mapped = mmap(NULL, code.pages * code.bytes,
					 PROT_READ | PROT_EXEC, shared, fd, 0);
	unsigned int order[MOST_PAGES];

	if (mapped == MAP_FAILED)
		_exit(1);
	close(fd);
	pe_shuffle(rng, order, code.pages);
	for (uint32_t i = 0; i < code.pages; i++) {
		uint32_t page = order[i];

		pe_call_emitted(mapped + page * code.bytes / 4 + code.where[page],
				code.sum[page], rng);
	}
	munmap((void *)mapped, code.pages * code.bytes);
	unlink(PATH);
}

static void pe_one_child_work(struct pe_rng *rng)
{
	uint32_t files = 1 + pe_rng_below(rng, FILES);

	while (files--)
		write_and_call(rng);
}

PE_TESTCASE = { .name = "t17-file-code", PE_ONE_CHILD_STEPS };
