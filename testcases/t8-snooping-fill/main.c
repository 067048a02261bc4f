// SPDX-License-Identifier: GPL-2.0-or-later
/* t8-snooping-fill: T1 where the I-cache fills from the D-cache. */
#define _GNU_SOURCE
#include "../guest/first_return.h"

PE_FIRST_RETURN(t8_function, "");

uint32_t t8_function(uint32_t argument);

static const struct pe_first_return pe_first_return = {
	.entry = { 'p', "t8_entry", t8_function },
	.returned = { 'r', "t8_return", t8_function },
};

PE_TESTCASE = { .name = "t8-snooping-fill", PE_FIRST_RETURN_STEPS };
