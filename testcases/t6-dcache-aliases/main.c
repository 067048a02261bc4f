// SPDX-License-Identifier: GPL-2.0-or-later
/* t6-dcache-aliases: the XOL page at user addresses of different colours. */
#define _GNU_SOURCE
#include <sys/mman.h>

#include "../guest/shared.h"
#include "../guest/six.h"

#define CHILDREN 4

/* What the children leave for the parent, whatever becomes of them. */
struct shared {
	uint32_t calls[PE_SIX];
	uint32_t shift;		/* pages that the next child maps */
};

static struct shared *shared;

/* ---- in the child ------------------------------------------------------- */

/*
 * The kernel would like to have the XOL page in the last page of user space; on a
 * MIPS with aliases that is free. Then it would always have the same colour.
 */
#if defined(__mips__)
#define LAST_PAGE 0x7ffff000
#elif defined(__arm__)
#define LAST_PAGE 0xbefff000
#endif

static void *map_nothing(uintptr_t where, uint32_t pages, int flags)
{
	/* Not accessible, so that it merges with nothing else. */
	return mmap((void *)where, pages * sysconf(_SC_PAGESIZE), PROT_NONE,
		    MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
}

/*
 * Mappings grow downwards then, and private ones follow no colour (COLOUR_ALIGN in
 * arch/mips/mm/mmap.c is for shared and file mappings): the XOL page moves by as
 * many pages.
 */
static void shift_xol_page(uint32_t pages)
{
	/* Refused where something else is there, which does as well. */
	map_nothing(LAST_PAGE, 1, MAP_FIXED_NOREPLACE);
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

static int fresh_process(uint64_t seed)
{
	struct pe_rng rng = { seed };
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

int main(int argc, char **argv)
{
	struct pe_args args;
	struct pe_rng rng;

	pe_parse_args(&args, argc, argv);
	if (args.child)
		return fresh_process(args.seed);

	rng.state = args.seed;
	pe_marker(PE_MARK_SETUP, 0);
	shared = pe_share(sizeof(*shared));
	if (!shared)
		return pe_skip_all("t6-dcache-aliases", "no shared memory");
	pe_marker(PE_MARK_ARMED, 0);
	if (pe_six_open())
		return pe_skip_all("t6-dcache-aliases", pe_uprobe_error);
	pe_plan(TESTS * args.repetitions);
	pe_marker(PE_MARK_RUN, 0);
	for (uint32_t i = 1; i <= args.repetitions; i++)
		repetition(&rng, i);
	pe_marker(PE_MARK_TEARDOWN, 0);
	return pe_exit_status();
}
