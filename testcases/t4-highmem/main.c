// SPDX-License-Identifier: GPL-2.0-or-later
/* t4-highmem: the XOL page in memory that the kernel does not map by itself. */
#define _GNU_SOURCE
#include "../guest/shared.h"
#include "../guest/six.h"
#include "../guest/testcase.h"

/* What the child leaves for the parent, whatever becomes of it. */
struct shared {
	uint32_t calls[PE_SIX];
	uint32_t high;		/* the XOL page is in the zone HighMem */
};

static struct shared *shared;

/* ---- in the child ------------------------------------------------------- */

/* The first page frame of the zone HighMem, or 0 without one. */
static unsigned long first_high_frame(void)
{
	FILE *zones = fopen("/proc/zoneinfo", "re");
	unsigned long frame = 0, first = 0;
	bool high = false;
	char line[128];

	while (zones && fgets(line, sizeof(line), zones)) {
		if (!strncmp(line, "Node", 4))
			high = strstr(line, "HighMem");
		if (high && sscanf(line, " start_pfn: %lu", &frame) == 1)
			first = frame;
	}
	if (zones)
		fclose(zones);
	return first;
}

/* The frame of a page that is mapped, or 0 (Documentation/admin-guide/mm). */
static unsigned long frame_of(uintptr_t page)
{
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	uint64_t entry = 0;
	ssize_t length;

	if (fd < 0)
		return 0;
	length = pread(fd, &entry, sizeof(entry),
		       page / sysconf(_SC_PAGESIZE) * sizeof(entry));
	close(fd);
	if (length != sizeof(entry) || !(entry >> 63))
		return 0;
	return entry & ((1ULL << 55) - 1);
}

/* After a call: there was no XOL page before. */
static void look_at_xol_page(void)
{
	uintptr_t page = pe_xol_page();
	unsigned long high = first_high_frame();

	shared->high = page && high && frame_of(page) >= high;
}

static int fresh_process(const struct pe_args *args)
{
	struct pe_rng rng = { args->seed };

	shared = pe_shared(sizeof(*shared));
	pe_child_begin();
	pe_noise_child(&rng);
	pe_six_calls(&rng, shared->calls, look_at_xol_page);
	return 0;
}

/* ---- in the parent ------------------------------------------------------ */

#define TESTS (2 + 2 * PE_SIX)

static void repetition(struct pe_rng *rng, uint32_t number)
{
	struct pe_outcome outcome, high = { .symptom = PE_OK };
	struct pe_child child;
	bool known;

	pe_noise_parent(rng);
	shared->high = 0;
	if (pe_child_exec(&child, pe_rng_next(rng))) {
		for (int i = 0; i < TESTS; i++)
			pe_skip("calls", number, "cannot fork");
		return;
	}
	known = pe_child_outcome(&child, &outcome) && !outcome.has_pc;
	pe_child_finish(&child, &outcome);
	pe_result("calls", number, &outcome);
	if (shared->high)
		pe_result("xol-page-high", number, &high);
	else if (!known)
		pe_not_reached("xol-page-high", number, "the process is gone");
	else
		pe_skip("xol-page-high", number, "the page is not in HighMem");
	pe_six_hits(shared->calls, known, number);
}

static int set_up(const struct pe_args *args)
{
	(void)args;
	shared = pe_share(sizeof(*shared));
	return shared ? 0 : -1;
}

static int arm(const struct pe_args *args)
{
	(void)args;
	return pe_six_open();
}

PE_TESTCASE = {
	.name = "t4-highmem",
	.child = fresh_process,
	.setup = set_up,
	.arm = arm,
	.tests = TESTS,
	.repetition = repetition,
};
