// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What depends on the architecture: this file has what all have in common, cpu.h
 * of arch/<name>/ the rest. That directory also has the assembly: probed functions
 * of testcases, and calls of them.
 */
#ifndef PATCHEVAL_ARCH_H
#define PATCHEVAL_ARCH_H

#include <stdint.h>

/*
 * Kinds of markers. A marker is an instruction that changes no architectural
 * state, so the same binary runs on real hardware; an instrument below the
 * guest recognises the encoding and reads the argument from a fixed register.
 */
enum pe_marker_kind {
	PE_MARK_COMMAND = 0,	/* argument: address of the command buffer */
	PE_MARK_SETUP = 1,	/* phases: argument 0 */
	PE_MARK_ARMED = 2,
	PE_MARK_RUN = 3,
	PE_MARK_TEARDOWN = 4,
	PE_MARK_END = 5,	/* argument: wait status of the testcase */
};

/*
 * Probed functions stand between PE_PROBED_BEGIN and PE_PROBED_END, at top
 * level, less than 4 KiB of them, in a section that begins and ends on a page
 * boundary for every page size up to 16 KiB. Without a coherent breakpoint page
 * (uprobe_write_opcode() copies the whole page) anything beside a probed
 * function may turn into garbage, and that must not be the testcase's own code.
 * What slides off the end of the functions meets a trap, not that code.
 */
#define PE_PROBED_ALIGN 16384
#define PE_STRING_(text) #text
#define PE_STRING(text) PE_STRING_(text)
#define PE_PROBED_SECTION							\
	".pushsection .text.patcheval_probed, \"ax\", %progbits\n"		\
	".balign " PE_STRING(PE_PROBED_ALIGN) "\n"
#define PE_PROBED_SECTION_END(trap)						\
	".balign 4096\n"							\
	trap "\n"								\
	".balign " PE_STRING(PE_PROBED_ALIGN) "\n"				\
	".popsection\n"

/* PE_PROBED - one probed function: its name and its body in assembly. */
#define PE_PROBED(name, body)							\
	".balign 64\n"								\
	".globl " #name "\n"							\
	".type " #name ", %function\n"						\
	#name ":\n"								\
	body									\
	".size " #name ", . - " #name "\n"

/*
 * cpu.h defines:
 *
 * pe_marker(kind, argument)	execute the marker of a kind, a constant; its memory
 *				clobber keeps the compiler from moving loads and
 *				stores of one phase into another
 * PE_HOST_REGISTERS	how many registers of its caller pe_call() keeps
 * PE_CALLEE_SAVED, PE_CALLEE_SAVED_NAMES
 *				callee-saved integer registers that pe_call()
 *				checks, by psABI name
 * pe_context_pc(context)	the pc at which a signal interrupted the program
 * pe_fork()			fork() without what the C library does before and
 *				after it, which stores into memory; returns what
 *				the system call does, or a negative number
 * PE_PROBED_BEGIN, PE_PROBED_END
 *				see above
 * PE_BREAKPOINT		the instruction that a debugger puts into a program
 * PE_LAST_PAGE			last page of user space
 * PE_POWER_OFF			the command of reboot() that ends the machine
 */
#include "cpu.h"

#endif
