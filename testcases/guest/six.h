// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Six functions whose first instructions differ, as T2's do, with an entry and a
 * return probe each: called in a fresh process they execute slot 0 first of all,
 * and put six instructions into slot 1. For testcases that vary where the XOL
 * page is. A header, as jit.h is: it leaves the others alone.
 */
#ifndef PATCHEVAL_SIX_H
#define PATCHEVAL_SIX_H

#include <stdio.h>
#include <string.h>

#include "perf.h"

#define PE_SIX 6

#include "six_code.h"

uint32_t pe_six_0(uint32_t x), pe_six_1(uint32_t x);
uint32_t pe_six_2(uint32_t x), pe_six_3(uint32_t x);
uint32_t pe_six_4(uint32_t x), pe_six_5(uint32_t x);

static const struct pe_probe pe_six_probes[2 * PE_SIX] = {
	{ 'p', "six_entry_0", pe_six_0 },
	{ 'p', "six_entry_1", pe_six_1 },
	{ 'p', "six_entry_2", pe_six_2 },
	{ 'p', "six_entry_3", pe_six_3 },
	{ 'p', "six_entry_4", pe_six_4 },
	{ 'p', "six_entry_5", pe_six_5 },
	{ 'r', "six_return_0", pe_six_0 },
	{ 'r', "six_return_1", pe_six_1 },
	{ 'r', "six_return_2", pe_six_2 },
	{ 'r', "six_return_3", pe_six_3 },
	{ 'r', "six_return_4", pe_six_4 },
	{ 'r', "six_return_5", pe_six_5 },
};

static struct pe_counter pe_six_counters[2 * PE_SIX];

/* pe_six_of - what they return. */
static uint32_t pe_six_of(unsigned int index, uint32_t x)
{
	switch (index) {
	case 1:
		return x + 0x1f0;
	case 3:
		return x ^ 0x33;
	case 5:
		return ~x;
	default:
		return x + 0x10 + 8 * index;
	}
}

/* pe_xol_page - the address of this process's XOL page, or 0. */
static inline uintptr_t pe_xol_page(void)
{
	unsigned long first = 0, found = 0;
	FILE *maps = fopen("/proc/self/maps", "re");
	char line[256];

	while (maps && fgets(line, sizeof(line), maps))
		if (strstr(line, "[uprobes]") &&
		    sscanf(line, "%lx-", &first) == 1)
			found = first;
	if (maps)
		fclose(maps);
	return found;
}

/*
 * pe_six_calls - call all in random order, counting, and report; after each call
 * that was right, do what the testcase does in between.
 */
static inline void pe_six_calls(struct pe_rng *rng, uint32_t *calls,
				void (*between)(void))
{
	unsigned int order[PE_SIX];

	pe_shuffle(rng, order, PE_SIX);
	for (unsigned int i = 0; i < PE_SIX; i++) {
		pe_function function =
			(pe_function)(uintptr_t)pe_six_probes[order[i]].function;
		uint32_t x = pe_rng_next(rng);

		calls[order[i]]++;
		if (!pe_checked_call(function, x, pe_six_of(order[i], x)))
			break;
		if (between)
			between();
	}
	pe_report();
}

/* pe_six_open - set all probes; returns as pe_counter_open() does. */
static inline int pe_six_open(void)
{
	for (int i = 0; i < 2 * PE_SIX; i++)
		if (pe_counter_open(&pe_six_counters[i], &pe_six_probes[i]))
			return -1;
	return 0;
}

/* pe_six_hits - print the results of comparing hits with calls. */
static inline void pe_six_hits(const uint32_t *calls, bool known,
			       uint32_t number)
{
	for (unsigned int i = 0; i < 2 * PE_SIX; i++) {
		const char *name = i < PE_SIX ? "entry-hits" : "return-hits";
		long hits = calls[i % PE_SIX];
		struct pe_outcome outcome;

		if (!known) {
			pe_not_reached(name, number, "a process is gone");
			continue;
		}
		outcome = pe_counter_between(&pe_six_counters[i], hits, hits);
		pe_result(name, number, &outcome);
	}
}

#endif
