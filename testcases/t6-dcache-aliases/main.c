// SPDX-License-Identifier: GPL-2.0-or-later
/* t6-dcache-aliases: the XOL page at user addresses of different colours. */
#define _GNU_SOURCE
#include <sys/mman.h>

#include "../guest/shared.h"
#include "../guest/six.h"
#include "../guest/testcase.h"

#define CHILDREN 4

/* What the children leave for the parent, whatever becomes of them. */
struct shared {
	uint32_t calls[PE_SIX];
	uint32_t shift;		/* pages that the next child maps */
};

static struct shared *shared;

/* ---- in the child ------------------------------------------------------- */

static void *map_nothing(uintptr_t where, uint32_t pages, int flags)
{
	/* Not accessible, so that it merges with nothing else. */
	return mmap((void *)where, pages * sysconf(_SC_PAGESIZE), PROT_NONE,
		    MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
}

/*
 * The kernel would like to have the XOL page in the last page of user space; on a
 * MIPS with aliases that is free. Then it would always have the same colour.
 * Mappings grow downwards otherwise, and private ones follow no colour (COLOUR_ALIGN in
 * arch/mips/mm/mmap.c is for shared and file mappings): the XOL page moves by as
 * many pages.
 */
static void shift_xol_page(uint32_t pages)
{
	/* Refused where something else is there, which does as well. */
	map_nothing(PE_LAST_PAGE, 1, MAP_FIXED_NOREPLACE);
	if (pages && map_nothing(0, pages, 0) == MAP_FAILED)
		_exit(1);
}

/*
 * The kernel copies the page into a pipe, from the program's address: unlike a
 * load of the program's own this cannot end it, if the page is not readable.
 */
static void read_xol_page(void)
{
	uintptr_t page = pe_xol_page();
	char bytes[256];
	int ends[2];

	if (!page || pipe(ends))
		return;
	for (int i = 0; i < 4; i++)
		if (write(ends[1], (void *)(page + i * sizeof(bytes)),
			  sizeof(bytes)) != sizeof(bytes) ||
		    read(ends[0], bytes, sizeof(bytes)) < 0)
			break;
	close(ends[0]);
	close(ends[1]);
}

static int fresh_process(const struct pe_args *args)
{
	struct pe_rng rng = { args->seed };
	bool reads = pe_rng_below(&rng, 2);

	shared = pe_shared(sizeof(*shared));
	pe_child_begin();
	pe_noise_child(&rng);
	shift_xol_page(shared->shift);
	pe_six_calls(&rng, shared->calls, reads ? read_xol_page : NULL);
	return 0;
}

/* ---- in the parent ------------------------------------------------------ */

#define TESTS (CHILDREN + 2 * PE_SIX)

static void repetition(struct pe_rng *rng, uint32_t number)
{
	uint32_t shift = pe_rng_below(rng, 16);
	bool known = true;

	for (int i = 0; i < CHILDREN; i++) {
		struct pe_outcome outcome;
		struct pe_child child;

		pe_noise_parent(rng);
		/* One page more each time: another colour, up to four of them. */
		shared->shift = shift + i;
		if (pe_child_exec(&child, pe_rng_next(rng))) {
			pe_skip("calls", number, "cannot fork");
			known = false;
			continue;
		}
		known = pe_child_outcome(&child, &outcome) &&
			!outcome.has_pc && known;
		pe_child_finish(&child, &outcome);
		pe_result("calls", number, &outcome);
	}
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
	.name = "t6-dcache-aliases",
	.child = fresh_process,
	.setup = set_up,
	.arm = arm,
	.tests = TESTS,
	.repetition = repetition,
};
