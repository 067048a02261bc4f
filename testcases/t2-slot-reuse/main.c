// SPDX-License-Identifier: GPL-2.0-or-later
/* t2-slot-reuse: ten probed instructions one after the other in one XOL slot. */
#define _GNU_SOURCE
#include "../guest/patcheval.h"

#define FUNCTIONS 10

/*
 * Ten first instructions, no two alike, and each does something that the
 * caller can see. Half of them move sp: an old instruction executed in the
 * place of such a one, or such a one in the place of another, leaves sp wrong,
 * which is how this failure was first reported for ARM in 2014.
 */
#if defined(__mips__)
#define MOVES_SP(name, bytes, addend) PE_PROBED(name,			\
"	addiu	$sp, $sp, -" #bytes "\n"				\
"	sw	$4, 4($sp)\n"						\
"	lw	$2, 4($sp)\n"						\
"	addiu	$2, $2, " #addend "\n"					\
"	addiu	$sp, $sp, " #bytes "\n"					\
"	jr	$ra\n"							\
"	 nop\n")
#define COMPUTES(name, first, second) PE_PROBED(name,			\
"	" first "\n"							\
"	" second "\n"							\
"	jr	$ra\n"							\
"	 nop\n")
__asm__(
PE_PROBED_BEGIN
MOVES_SP(t2_function_0, 16, 0x10)
COMPUTES(t2_function_1, "addiu $2, $4, 0x1f0", "nop")
MOVES_SP(t2_function_2, 32, 0x20)
COMPUTES(t2_function_3, "xori $2, $4, 0x33", "nop")
MOVES_SP(t2_function_4, 48, 0x30)
COMPUTES(t2_function_5, "sll $2, $4, 3", "nop")
MOVES_SP(t2_function_6, 64, 0x40)
COMPUTES(t2_function_7, "subu $2, $0, $4", "addiu $2, $2, 0x12")
MOVES_SP(t2_function_8, 80, 0x50)
COMPUTES(t2_function_9, "nor $2, $4, $0", "nop")
PE_PROBED_END
);
#elif defined(__arm__)
#define MOVES_SP(name, down, up, addend) PE_PROBED(name,		\
"	" down "\n"							\
"	add	r0, r0, #" #addend "\n"					\
"	" up "\n"							\
"	bx	lr\n")
#define COMPUTES(name, first) PE_PROBED(name,				\
"	" first "\n"							\
"	bx	lr\n")
__asm__(
PE_PROBED_BEGIN
MOVES_SP(t2_function_0, "push {r4, lr}", "pop {r4, lr}", 0x10)
COMPUTES(t2_function_1, "add r0, r0, #0x1f0")
MOVES_SP(t2_function_2, "sub sp, sp, #32", "add sp, sp, #32", 0x20)
COMPUTES(t2_function_3, "eor r0, r0, #0x33")
MOVES_SP(t2_function_4, "push {r4, r5, r6, lr}", "pop {r4, r5, r6, lr}", 0x30)
COMPUTES(t2_function_5, "lsl r0, r0, #3")
MOVES_SP(t2_function_6, "sub sp, sp, #64", "add sp, sp, #64", 0x40)
COMPUTES(t2_function_7, "rsb r0, r0, #0x12")
MOVES_SP(t2_function_8, "str r4, [sp, #-8]!", "ldr r4, [sp], #8", 0x50)
COMPUTES(t2_function_9, "mvn r0, r0")
PE_PROBED_END
);
#endif

uint32_t t2_function_0(uint32_t x), t2_function_1(uint32_t x);
uint32_t t2_function_2(uint32_t x), t2_function_3(uint32_t x);
uint32_t t2_function_4(uint32_t x), t2_function_5(uint32_t x);
uint32_t t2_function_6(uint32_t x), t2_function_7(uint32_t x);
uint32_t t2_function_8(uint32_t x), t2_function_9(uint32_t x);

static const struct pe_probe probes[FUNCTIONS] = {
	{ 'p', "t2_entry_0", t2_function_0 },
	{ 'p', "t2_entry_1", t2_function_1 },
	{ 'p', "t2_entry_2", t2_function_2 },
	{ 'p', "t2_entry_3", t2_function_3 },
	{ 'p', "t2_entry_4", t2_function_4 },
	{ 'p', "t2_entry_5", t2_function_5 },
	{ 'p', "t2_entry_6", t2_function_6 },
	{ 'p', "t2_entry_7", t2_function_7 },
	{ 'p', "t2_entry_8", t2_function_8 },
	{ 'p', "t2_entry_9", t2_function_9 },
};

static uint32_t expected(unsigned int index, uint32_t x)
{
	switch (index) {
	case 1:
		return x + 0x1f0;
	case 3:
		return x ^ 0x33;
	case 5:
		return x << 3;
	case 7:
		return 0x12 - x;
	case 9:
		return ~x;
	default:
		return x + 0x10 + 8 * index;
	}
}

/* The order of calls belongs to the child's seed; parent and child draw it. */
static void draw_order(uint64_t seed, unsigned int *order)
{
	struct pe_rng rng = { ~seed };

	pe_shuffle(&rng, order, FUNCTIONS);
}

static int fresh_process(uint64_t seed)
{
	struct pe_rng rng = { seed };
	unsigned int order[FUNCTIONS];
	uint32_t argument = pe_rng_next(&rng);

	draw_order(seed, order);
	pe_child_begin();
	pe_noise_child(&rng);
	for (unsigned int i = 0; i < FUNCTIONS; i++) {
		pe_function function = probes[order[i]].function;

		if (!pe_checked_call(function, argument,
				     expected(order[i], argument)))
			break;
	}
	pe_report();
	return 0;
}

/* Adds the calls begun to calls[]; returns false if nobody knows. */
static bool repetition(struct pe_rng *rng, uint32_t number, long *calls)
{
	struct pe_outcome outcome = { .symptom = PE_WRONG_RESULT };
	unsigned int order[FUNCTIONS];
	struct pe_child child;
	uint64_t seed;

	pe_noise_parent(rng);
	seed = pe_rng_next(rng);
	if (pe_child_exec(&child, seed)) {
		pe_skip("ten-calls", number, "cannot fork");
		return true;
	}
	pe_child_outcome(&child, &outcome);
	pe_child_finish(&child, &outcome);
	pe_result("ten-calls", number, &outcome);
	draw_order(seed, order);
	for (unsigned int i = 0; i < outcome.calls && i < FUNCTIONS; i++)
		calls[order[i]]++;
	return outcome.has_calls;
}

static void compare_hits(const long *calls, bool known)
{
	for (unsigned int i = 0; i < FUNCTIONS; i++) {
		struct pe_outcome outcome;

		if (!known) {
			pe_not_reached("entry-hits", i,
				       "number of calls unknown");
			continue;
		}
		outcome = pe_compare_hits(&probes[i], calls[i]);
		pe_result("entry-hits", i, &outcome);
	}
}

static void run(const struct pe_args *args)
{
	struct pe_rng rng = { args->seed };
	long calls[FUNCTIONS] = { 0 };
	bool known = true;

	pe_marker(PE_MARK_RUN, 0);
	for (uint32_t i = 1; i <= args->repetitions; i++)
		known = repetition(&rng, i, calls) && known;
	pe_marker(PE_MARK_TEARDOWN, 0);
	compare_hits(calls, known);
	for (unsigned int i = 0; i < FUNCTIONS; i++) {
		pe_uprobe_enable(&probes[i], false);
		pe_uprobe_remove(&probes[i]);
	}
}

int main(int argc, char **argv)
{
	struct pe_args args;

	pe_parse_args(&args, argc, argv);
	if (args.child)
		return fresh_process(args.seed);

	pe_marker(PE_MARK_SETUP, 0);
	if (pe_uprobe_prepare(FUNCTIONS * args.repetitions))
		return pe_skip_all("t2-slot-reuse", pe_uprobe_error);
	for (unsigned int i = 0; i < FUNCTIONS; i++)
		if (pe_uprobe_create(&probes[i]))
			return pe_skip_all("t2-slot-reuse", pe_uprobe_error);
	pe_marker(PE_MARK_ARMED, 0);
	for (unsigned int i = 0; i < FUNCTIONS; i++)
		if (pe_uprobe_enable(&probes[i], true))
			return pe_skip_all("t2-slot-reuse", pe_uprobe_error);
	pe_plan(args.repetitions + FUNCTIONS);
	run(&args);
	return pe_exit_status();
}
