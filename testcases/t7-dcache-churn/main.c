// SPDX-License-Identifier: GPL-2.0-or-later
/* t7-dcache-churn: t1-first-return with a function that churns the data cache. */
#define _GNU_SOURCE
#include <string.h>

#include "../guest/first_return.h"

/*
 * Several times any data cache that the study knows, in lines of its smallest.
 * Parameter `kib` names another number; with 0 this is t1-first-return.
 */
#define CHURN_KIB 256
#define CHURN_MAX_KIB 1024
#define LINE_BYTES 16

/* Outside the function: its address would not fit into one instruction. */
unsigned char t7_buffer[CHURN_MAX_KIB * 1024] __attribute__((aligned(4096)));
const unsigned char *t7_end = t7_buffer;
const unsigned char *t7_begin = t7_buffer;

/*
 * The first instruction moves sp, as in most real functions: executed a second
 * time, out of slot 1, it leaves a trace. The loop stores into each line, so that
 * each of them takes a place in the data cache from a line that was there.
 */
#include "t7-dcache-churn.h"

uint32_t t7_function(uint32_t argument);

/* Mapped beforehand: faults would churn by themselves, and take long. */
static bool prepare(void)
{
	uint32_t kib = pe_parameter("kib", CHURN_KIB);

	if (kib > CHURN_MAX_KIB)
		return false;
	t7_end = t7_buffer + 1024 * kib;
	memset(t7_buffer, 1, 1024 * kib);
	return true;
}

static const struct pe_first_return pe_first_return = {
	.entry = { 'p', "t7_entry", t7_function },
	.returned = { 'r', "t7_return", t7_function },
	.prepare = prepare,
};

PE_TESTCASE = { .name = "t7-dcache-churn", PE_FIRST_RETURN_STEPS };
