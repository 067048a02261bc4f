// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Everything in the guest that depends on the architecture, apart from the
 * assembly of call.c and of the probed functions themselves.
 */
#ifndef PATCHEVAL_ARCH_H
#define PATCHEVAL_ARCH_H

#include <stdint.h>
#include <sys/syscall.h>
#include <ucontext.h>

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
 * pe_marker - execute the marker of a kind, which must be a constant.
 *
 * MIPS: "lui $zero, 0x5ae0 + kind", argument in $a0. ARM: "orr rN, rN, rN"
 * with N = 1 + kind, argument in r0. The memory clobber keeps the compiler
 * from moving loads and stores of one phase into another.
 */
#if defined(__mips__)
#define pe_marker(kind, argument) do {						\
	register unsigned long pe_arg_ __asm__("$4") = (argument);		\
	__asm__ volatile(".word 0x3c005ae0 + %0"				\
			 : : "i" (kind), "r" (pe_arg_) : "memory");		\
} while (0)
#elif defined(__arm__)
#define pe_marker(kind, argument) do {						\
	register unsigned long pe_arg_ __asm__("r0") = (argument);		\
	__asm__ volatile(".word 0xe1800000 + (1 + %c0) * 0x11001"		\
			 : : "i" (kind), "r" (pe_arg_) : "memory");		\
} while (0)
#else
#error "no marker for this architecture"
#endif

/* Callee-saved integer registers that pe_call() checks, by psABI name. */
#if defined(__mips__)
#define PE_CALLEE_SAVED 9
#define PE_CALLEE_SAVED_NAMES \
	{ "s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7", "fp" }
#elif defined(__arm__)
#define PE_CALLEE_SAVED 8
#define PE_CALLEE_SAVED_NAMES \
	{ "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11" }
#endif

/* pe_context_pc - the pc at which a signal interrupted the program. */
static inline uintptr_t pe_context_pc(const ucontext_t *context)
{
#if defined(__mips__)
	return (uintptr_t)context->uc_mcontext.pc;
#elif defined(__arm__)
	return (uintptr_t)context->uc_mcontext.arm_pc;
#endif
}

/*
 * pe_fork - fork() without what the C library does before and after it, which
 * stores into memory. Returns what the system call does, or a negative number.
 */
static inline long pe_fork(void)
{
#if defined(__mips__)
	register long result __asm__("$2") = SYS_fork;
	register long failed __asm__("$7");

	__asm__ volatile("syscall"
			 : "+r" (result), "=r" (failed)
			 :
			 : "$1", "$3", "$8", "$9", "$10", "$11", "$12", "$13",
			   "$14", "$15", "$24", "$25", "hi", "lo", "memory");
	return failed ? -result : result;
#elif defined(__arm__)
	register long result __asm__("r0");
	register long number __asm__("r7") = SYS_fork;

	__asm__ volatile("svc #0" : "=r" (result) : "r" (number) : "memory");
	return result;
#endif
}

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

#if defined(__mips__)
#define PE_PROBED_BEGIN								\
	PE_PROBED_SECTION							\
	".set push\n"								\
	".set noreorder\n"							\
	".set nomips16\n"
#define PE_PROBED_END								\
	PE_PROBED_SECTION_END("break")						\
	".set pop\n"
#elif defined(__arm__)
#define PE_PROBED_BEGIN								\
	PE_PROBED_SECTION							\
	".syntax unified\n"							\
	".arm\n"
#define PE_PROBED_END								\
	PE_PROBED_SECTION_END("udf #0")
#endif

/* PE_PROBED - one probed function: its name and its body in assembly. */
#define PE_PROBED(name, body)							\
	".balign 64\n"								\
	".globl " #name "\n"							\
	".type " #name ", %function\n"						\
	#name ":\n"								\
	body									\
	".size " #name ", . - " #name "\n"

#endif
