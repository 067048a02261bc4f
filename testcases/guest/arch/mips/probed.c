// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Where a uprobe on MIPS32 does not do what the instruction does. The kernel
 * executes the probed instruction out of line; of a branch it executes the delay
 * slot there, and emulates the branch (arch/mips/kernel/uprobes.c, 6.1 and 6.12).
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <unistd.h>

#include "../../offset.h"
#include "../../patcheval.h"

/* Major opcodes, and what tells instructions of one apart (MIPS32, volume II). */
enum {
	SPECIAL = 0x00,
	REGIMM = 0x01,
	J = 0x02,
	JAL = 0x03,
	BEQ = 0x04,
	BGTZ = 0x07,
	COP1 = 0x11,
	COP2 = 0x12,
	BEQL = 0x14,
	BGTZL = 0x17,
	JALX = 0x1d,
	LL = 0x30,
	SC = 0x38,
	SPECIAL_JR = 0x08,
	SPECIAL_JALR = 0x09,
	COP_BC = 0x08,
};

static unsigned int opcode(uint32_t word)
{
	return word >> 26;
}

/* BC1F, BC1T, BC2F and BC2T, which are likely where bit 17 is set. */
static bool is_condition(uint32_t word)
{
	return (opcode(word) == COP1 || opcode(word) == COP2) &&
	       (word >> 21 & 0x1f) == COP_BC;
}

/* BLTZL, BGEZL, BLTZALL, BGEZALL: rt is 00010, 00011, 10010 or 10011. */
static bool is_likely(uint32_t word)
{
	if (opcode(word) == REGIMM)
		return (word >> 16 & 0x0e) == 0x02;
	if (is_condition(word))
		return word >> 17 & 1;
	return opcode(word) >= BEQL && opcode(word) <= BGTZL;
}

static bool has_delay_slot(uint32_t word)
{
	unsigned int function = word & 0x3f, rt = word >> 16 & 0x1f;

	switch (opcode(word)) {
	case SPECIAL:
		return function == SPECIAL_JR || function == SPECIAL_JALR;
	case REGIMM:
		/* The rest are traps, SYNCI, and BPOSGE32, which has one. */
		return (rt & 0x0c) == 0 || rt == 0x1c;
	case J:
	case JAL:
	case JALX:
		return true;
	default:
		return (opcode(word) >= BEQ && opcode(word) <= BGTZ) ||
		       is_condition(word) || is_likely(word);
	}
}

static const char *refusal_of(uint32_t word, uint32_t before)
{
	if (has_delay_slot(before))
		return "a delay slot: the exception names the branch, where no "
		       "probe is, and the program never goes on";
	if (is_likely(word))
		return "a branch-likely: its delay slot is executed where it is "
		       "not taken";
	if (opcode(word) == COP1 && !is_condition(word))
		return "an instruction of coprocessor 1: taken for a branch on "
		       "its condition";
	if (opcode(word) == JALX || (opcode(word) == COP2 && is_condition(word)))
		return "jalx or bc2: not taken for a branch, so its delay slot "
		       "is the breakpoint";
	if (opcode(word) == LL || opcode(word) == SC)
		return "ll or sc: the exception ends the atomic sequence, which "
		       "never succeeds";
	return NULL;
}

/* In the file, as the kernel reads it: memory may have a breakpoint there. */
const char *pe_probe_refusal(const void *address)
{
	long offset = file_offset(address);
	uint32_t words[2];
	ssize_t length;
	int fd;

	/* MIPS16 or microMIPS. */
	if ((uintptr_t)address & 3)
		return "not an address of a MIPS32 instruction";
	fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	length = pread(fd, words, sizeof(words), offset - 4);
	close(fd);
	if (offset < 4 || length != sizeof(words))
		return "not in the program's file";
	return refusal_of(words[1], words[0]);
}
