// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Where a uprobe on RISC-V does not do what the instruction does. The kernel executes
 * the probed instruction out of line, or simulates it: jumps, branches and AUIPC; fences
 * and system instructions it refuses (arch/riscv/kernel/probes/decode-insn.c, 6.1).
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <unistd.h>

#include "../../offset.h"
#include "../../patcheval.h"

/* In the file, as the kernel reads it: memory may have a breakpoint there. */
const char *pe_probe_refusal(const void *address)
{
	long offset = file_offset(address);
	uint16_t halves[2] = { 0 };
	uint32_t word;
	ssize_t length;
	int fd;

	if ((uintptr_t)address & 1)
		return "not an address of an instruction";
	fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	length = offset < 0 ? -1 : pread(fd, halves, sizeof(halves), offset);
	close(fd);
	if (length != sizeof(halves))
		return "not in the program's file";
	word = halves[0] | (uint32_t)halves[1] << 16;
	/* LR.W, LR.D, SC.W, SC.D: major opcode AMO, function 00010 or 00011. */
	if ((word & 0x7f) == 0x2f && (word >> 28) == 1)
		return "lr or sc: the exception ends the atomic sequence, which "
		       "never succeeds";
	return NULL;
}
