// SPDX-License-Identifier: GPL-2.0-or-later
/* The command line and the random numbers that its seed stands for. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "patcheval.h"

static char **arguments;

void pe_parse_args(struct pe_args *args, int argc, char **argv)
{
	arguments = argv;
	*args = (struct pe_args){ .seed = 1, .repetitions = 1 };
	for (int i = 1; i < argc; i++) {
		if (!strncmp(argv[i], "seed=", 5))
			args->seed = strtoull(argv[i] + 5, NULL, 10);
		else if (!strncmp(argv[i], "repetitions=", 12))
			args->repetitions = strtoul(argv[i] + 12, NULL, 10);
		else if (!strcmp(argv[i], "child"))
			args->child = true;
	}
}

uint32_t pe_parameter(const char *name, uint32_t otherwise)
{
	size_t length = strlen(name);

	for (char **word = arguments + 1; *word; word++)
		if (!strncmp(*word, name, length) && (*word)[length] == '=')
			return strtoul(*word + length + 1, NULL, 10);
	return otherwise;
}

char **pe_arguments(void)
{
	return arguments;
}

/*
 * splitmix64, by Sebastiano Vigna: neighbouring seeds give unrelated sequences,
 * which matters because trials are seeded 1, 2, 3...
 */
uint64_t pe_rng_next(struct pe_rng *rng)
{
	uint64_t z = rng->state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

uint32_t pe_rng_below(struct pe_rng *rng, uint32_t bound)
{
	/* The bias of a multiplication is below bound / 2^32: nothing here. */
	return (uint32_t)(((pe_rng_next(rng) >> 32) * bound) >> 32);
}

void pe_shuffle(struct pe_rng *rng, unsigned int *order, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		unsigned int j = pe_rng_below(rng, i + 1);

		order[i] = order[j];
		order[j] = i;
	}
}
