// SPDX-License-Identifier: GPL-2.0-or-later
/* t1-first-return: a return probe, hit for the first time in a fresh process. */
#define _GNU_SOURCE
#include "../guest/first_return.h"

PE_FIRST_RETURN(t1_function, "");

uint32_t t1_function(uint32_t argument);

static const struct pe_first_return pe_first_return = {
	.entry = { 'p', "t1_entry", t1_function },
	.returned = { 'r', "t1_return", t1_function },
};

PE_TESTCASE = { .name = "t1-first-return", PE_FIRST_RETURN_STEPS };
