// SPDX-License-Identifier: GPL-2.0-or-later
/* MIPS32, o32. What is defined here is explained in arch.h. */
#ifndef PATCHEVAL_CPU_H
#define PATCHEVAL_CPU_H

#include <sys/syscall.h>
#include <ucontext.h>

/* "lui $zero, 0x5ae0 + kind", argument in $a0. */
#define pe_marker(kind, argument) do {						\
	register unsigned long pe_arg_ __asm__("$4") = (argument);		\
	__asm__ volatile(".word 0x3c005ae0 + %0"				\
			 : : "i" (kind), "r" (pe_arg_) : "memory");		\
} while (0)

#define PE_HOST_REGISTERS 12
#define PE_CALLEE_SAVED 9
#define PE_CALLEE_SAVED_NAMES \
	{ "s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7", "fp" }

static inline uintptr_t pe_context_pc(const ucontext_t *context)
{
	return (uintptr_t)context->uc_mcontext.pc;
}

static inline long pe_fork(void)
{
	register long result __asm__("$2") = SYS_fork;
	register long failed __asm__("$7");

	__asm__ volatile("syscall"
			 : "+r" (result), "=r" (failed)
			 :
			 : "$1", "$3", "$8", "$9", "$10", "$11", "$12", "$13",
			   "$14", "$15", "$24", "$25", "hi", "lo", "memory");
	return failed ? -result : result;
}

#define PE_PROBED_BEGIN								\
	PE_PROBED_SECTION							\
	".set push\n"								\
	".set noreorder\n"							\
	".set nomips16\n"
#define PE_PROBED_END								\
	PE_PROBED_SECTION_END("break")						\
	".set pop\n"

/* break 0 */
#define PE_BREAKPOINT 0x0000000d

#define PE_LAST_PAGE 0x7ffff000

/*
 * Malta without a power-off driver halts for ever in RB_POWER_OFF, so restart
 * there; "qemu -no-reboot" ends at a restart.
 */
#define PE_POWER_OFF RB_AUTOBOOT

#endif
