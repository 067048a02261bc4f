// SPDX-License-Identifier: GPL-2.0-or-later
/* t25-file-data: data that are loaded as soon as they have been written to a file. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../guest/jit.h"
#include "../guest/one_child.h"

#define FILES 8
#define PAGES 4
#define WORDS 4096		/* of the largest page that is supported, 16 KiB */
#define LOADS 16
#define PATH "/tmp/t25-data"
#define ODD "/tmp/t25-odd"

/*
 * Takes a page for good, or not: pages that follow each other in memory as they
 * do in the file have the colours at which they are mapped, each of them.
 */
static void shift_colours(struct pe_rng *rng, const void *page, size_t bytes)
{
	int fd;

	if (pe_rng_below(rng, 2))
		return;
	fd = open(ODD, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0700);
	if (fd < 0 || write(fd, page, bytes) != (ssize_t)bytes)
		_exit(1);
	close(fd);
}

/*
 * Nothing here flushes: that is the kernel's part, when it maps a page at an
 * address of another colour than its own (update_mmu_cache()).
 */
static void write_and_load(struct pe_rng *rng)
{
	size_t bytes = sysconf(_SC_PAGESIZE);
	int fd = open(PATH, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0700);
	uint32_t salt = pe_rng_next(rng);
	static uint32_t page[WORDS];
	volatile uint32_t *mapped;

	/* A test that could not be done has failed. */
	if (fd < 0 || bytes > sizeof(page))
		_exit(1);
	shift_colours(rng, page, bytes);
	for (uint32_t i = 0; i < PAGES; i++) {
		for (uint32_t word = 0; word < bytes / 4; word++)
			page[word] = salt + i * WORDS + word;
		if (write(fd, page, bytes) != (ssize_t)bytes)
			_exit(1);
	}
	mapped = mmap(NULL, PAGES * bytes, PROT_READ, MAP_SHARED, fd, 0);
	if (mapped == MAP_FAILED)
		_exit(1);
	close(fd);
	for (uint32_t load = 0; load < LOADS; load++) {
		uint32_t i = pe_rng_below(rng, PAGES);
		uint32_t word = pe_rng_below(rng, bytes / 4);

		pe_check(mapped[i * bytes / 4 + word], salt + i * WORDS + word);
	}
	munmap((void *)mapped, PAGES * bytes);
	unlink(PATH);
}

static void pe_one_child_work(struct pe_rng *rng)
{
	uint32_t files = 1 + pe_rng_below(rng, FILES);

	while (files--)
		write_and_load(rng);
}

PE_TESTCASE = { .name = "t25-file-data", PE_ONE_CHILD_STEPS };
