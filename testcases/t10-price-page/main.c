// SPDX-License-Identifier: GPL-2.0-or-later
/* t10-price-page: file pages mapped executable by page faults, none of them probed. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/mman.h>

#include "../guest/price.h"

/* Pages that one mapping has; the program itself is larger. */
#define PAGES 64

static int file = -1;

static int prepare(uint32_t count)
{
	(void)count;
	file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	if (file < 0)
		snprintf(pe_error, sizeof(pe_error),
			 "cannot open the program");
	return file < 0 ? -1 : 0;
}

/*
 * A page in a mapping begun afresh every PAGES pages. How many of them one
 * fault maps is the kernel's affair: all are asked for in the end.
 */
static bool once(uint32_t number)
{
	static volatile unsigned char *mapped;
	size_t size = sysconf(_SC_PAGESIZE);
	uint32_t page = number % PAGES;
	unsigned char byte = 0;

	if (!page) {
		if (mapped)
			munmap((void *)mapped, PAGES * size);
		mapped = mmap(NULL, PAGES * size, PROT_READ | PROT_EXEC,
			      MAP_PRIVATE, file, 0);
		if (mapped == MAP_FAILED)
			return false;
	}
	return pread(file, &byte, 1, page * size) == 1 &&
	       mapped[page * size] == byte;
}

static const struct pe_price pe_price = { .prepare = prepare, .once = once };

PE_TESTCASE = {
	.name = "t10-price-page",
	.tests_once = 1,
	PE_PRICE_STEPS,
};
