// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * main() of a testcase. A testcase fills in what it does in each phase:
 *
 *	PE_TESTCASE = {
 *		.name = "t0-example",
 *		.child = fresh_process,
 *		.tests = 1,
 *		.repetition = repetition,
 *	};
 */
#ifndef PATCHEVAL_TESTCASE_H
#define PATCHEVAL_TESTCASE_H

#include "patcheval.h"

/* pe_testcase - what is NULL or 0 is left out. */
struct pe_testcase {
	const char *name;
	/* the whole life of a process that pe_child_exec() has started */
	int (*child)(const struct pe_args *args);
	/*
	 * The phases setup and armed. They return 0, or -1 with a reason in
	 * pe_error, which skips everything. Without arm there is no such phase.
	 */
	int (*setup)(const struct pe_args *args);
	int (*arm)(const struct pe_args *args);
	/* results that each repetition prints, and that are printed besides */
	uint32_t tests;
	uint32_t tests_once;
	/* or how many there are in all, where the seed decides that */
	uint32_t (*plan)(const struct pe_args *args, struct pe_rng *rng);
	/* the phase run: once for each repetition, or all of it */
	void (*repetition)(struct pe_rng *rng, uint32_t number);
	void (*run)(const struct pe_args *args, struct pe_rng *rng);
	/* the phase teardown */
	void (*teardown)(void);
	/* the repetition announces its phases itself */
	bool own_phases;
};

/* pe_main - run a testcase (main.c); returns its exit status. */
int pe_main(const struct pe_testcase *test, int argc, char **argv);

#define PE_TESTCASE								\
	static const struct pe_testcase pe_testcase;				\
	int main(int argc, char **argv)						\
	{									\
		return pe_main(&pe_testcase, argc, argv);			\
	}									\
	static const struct pe_testcase pe_testcase

#endif
