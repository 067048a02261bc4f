// SPDX-License-Identifier: GPL-2.0-or-later
/* refuses: which addresses the guest library refuses. Nothing here is probed, or called. */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>

#include "../guest/testcase.h"

/* An address, and a part of the reason; NULL where a probe is right. */
struct expected {
	const char *name;
	const void *address;
	const char *reason;
};

extern const uint32_t code[] __attribute__((visibility("hidden")));

#if defined(__mips__)
__asm__(
PE_PROBED_BEGIN
PE_PROBED(code,
"	.set	push\n"
"	.set	mips32r2\n"
"	.set	hardfloat\n"
"	addiu	$2, $4, 1\n"		/*  0 */
"	beql	$4, $5, 1f\n"		/*  1 */
"	 addiu	$2, $2, 1\n"		/*  2 */
"	bltzl	$4, 1f\n"		/*  3 */
"	 nop\n"				/*  4 */
"	bgezall	$4, 1f\n"		/*  5 */
"	 nop\n"				/*  6 */
"	mtc1	$4, $f0\n"		/*  7 */
"	add.s	$f0, $f0, $f0\n"	/*  8 */
"	bc1t	1f\n"			/*  9 */
"	 nop\n"				/* 10 */
"	bc1tl	1f\n"			/* 11 */
"	 nop\n"				/* 12 */
"	ll	$8, 0($4)\n"		/* 13 */
"	sc	$8, 0($4)\n"		/* 14 */
"	beq	$4, $5, 1f\n"		/* 15 */
"	 nop\n"				/* 16 */
"	.word	0x0c000000\n"		/* 17: jal */
"	 nop\n"				/* 18 */
"	teq	$0, $2\n"		/* 19 */
"	lw	$2, 0($4)\n"		/* 20 */
"	lwc1	$f0, 0($4)\n"		/* 21 */
"1:	jr	$31\n"			/* 22 */
"	 nop\n"				/* 23 */
"	.set	pop\n")
PE_PROBED_END
);

static const struct expected expected[] = {
	{ "addiu", code, NULL },
	{ "beql", code + 1, "branch-likely" },
	{ "beql-slot", code + 2, "delay slot" },
	{ "bltzl", code + 3, "branch-likely" },
	{ "bgezall", code + 5, "branch-likely" },
	{ "mtc1", code + 7, "coprocessor 1" },
	{ "add.s", code + 8, "coprocessor 1" },
	{ "bc1t", code + 9, NULL },
	{ "bc1tl", code + 11, "branch-likely" },
	{ "ll", code + 13, "atomic" },
	{ "sc", code + 14, "atomic" },
	{ "beq", code + 15, NULL },
	{ "beq-slot", code + 16, "delay slot" },
	{ "jal", code + 17, NULL },
	{ "jal-slot", code + 18, "delay slot" },
	{ "after-teq", code + 20, NULL },
	{ "lwc1", code + 21, NULL },
	{ "jr", code + 22, NULL },
	{ "jr-slot", code + 23, "delay slot" },
	{ "odd", (const char *)code + 1, "MIPS32" },
};
#elif defined(__arm__)
__asm__(
PE_PROBED_BEGIN
PE_PROBED(code,
"	add	r0, r0, #1\n"		/* 0 */
"	bx	lr\n"			/* 1 */
"	.word	0x12345678\n"		/* 2 */
"	.thumb\n"
"	nop\n"				/* 3 */
"	bx	lr\n"
"	.arm\n"
"	mov	r0, r0\n")		/* 4 */
PE_PROBED_END
);

static const struct expected expected[] = {
	{ "add", code, NULL },
	{ "bx", code + 1, NULL },
	{ "word", code + 2, "data" },
	{ "thumb", code + 3, "multiple of four" },
	{ "thumb-pointer", (const char *)(code + 3) + 1, "Thumb" },
	{ "thumb-second", (const char *)(code + 3) + 2, "Thumb" },
	{ "mov", code + 4, NULL },
};
#endif

#define TESTS (sizeof(expected) / sizeof(*expected))

static void check(const struct expected *one, uint32_t number)
{
	const char *reason = pe_probe_refusal(one->address);
	struct pe_outcome outcome = { .symptom = PE_OK };

	if (!reason != !one->reason ||
	    (reason && !strstr(reason, one->reason))) {
		outcome.symptom = PE_WRONG_RESULT;
		snprintf(outcome.what, sizeof(outcome.what), "%s",
			 reason ? reason : "accepted");
	}
	pe_result(one->name, number, &outcome);
}

/* The functions that set probes ask, and say why they refuse. */
static void check_create(uint32_t number)
{
	struct pe_outcome outcome = { .symptom = PE_OK };

	for (size_t i = 0; i < TESTS; i++) {
		const struct pe_probe probe = { 'p', "refused", expected[i].address };

		if (!expected[i].reason)
			continue;
		pe_error[0] = 0;
		if (!pe_uprobe_create(&probe) ||
		    !strstr(pe_error, expected[i].reason))
			outcome.symptom = PE_WRONG_RESULT;
	}
	pe_result("create", number, &outcome);
}

static void repetition(struct pe_rng *rng, uint32_t number)
{
	(void)rng;
	for (size_t i = 0; i < TESTS; i++)
		check(&expected[i], number);
	check_create(number);
}

PE_TESTCASE = {
	.name = "refuses",
	.tests = TESTS + 1,
	.repetition = repetition,
};
