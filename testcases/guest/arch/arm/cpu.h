// SPDX-License-Identifier: GPL-2.0-or-later
/* ARM, 32 bits, EABI. What is defined here is explained in arch.h. */
#ifndef PATCHEVAL_CPU_H
#define PATCHEVAL_CPU_H

#include <sys/syscall.h>
#include <ucontext.h>

/* "orr rN, rN, rN" with N = 1 + kind, argument in r0. */
#define pe_marker(kind, argument) do {						\
	register unsigned long pe_arg_ __asm__("r0") = (argument);		\
	__asm__ volatile(".word 0xe1800000 + (1 + %c0) * 0x11001"		\
			 : : "i" (kind), "r" (pe_arg_) : "memory");		\
} while (0)

#define PE_HOST_REGISTERS 12
#define PE_CALLEE_SAVED 8
#define PE_CALLEE_SAVED_NAMES \
	{ "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11" }

static inline uintptr_t pe_context_pc(const ucontext_t *context)
{
	return (uintptr_t)context->uc_mcontext.arm_pc;
}

static inline long pe_fork(void)
{
	register long result __asm__("r0");
	register long number __asm__("r7") = SYS_fork;

	__asm__ volatile("svc #0" : "=r" (result) : "r" (number) : "memory");
	return result;
}

#define PE_PROBED_BEGIN								\
	PE_PROBED_SECTION							\
	".syntax unified\n"							\
	".arm\n"
#define PE_PROBED_END								\
	PE_PROBED_SECTION_END("udf #0")

/* udf #16: ARM_BREAKPOINT_INSN of the kernel, arch/arm/kernel/ptrace.c */
#define PE_BREAKPOINT 0xe7f001f0

#define PE_LAST_PAGE 0xbefff000

#define PE_POWER_OFF RB_POWER_OFF

#endif
