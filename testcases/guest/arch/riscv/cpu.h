// SPDX-License-Identifier: GPL-2.0-or-later
/* RISC-V, RV64GC, LP64D. What is defined here is explained in arch.h. */
#ifndef PATCHEVAL_CPU_H
#define PATCHEVAL_CPU_H

#include <signal.h>
#include <sys/syscall.h>
#include <ucontext.h>

/* "lui zero, 0x5ae0 + kind", a HINT; argument in a0. */
#define pe_marker(kind, argument) do {						\
	register unsigned long pe_arg_ __asm__("a0") = (argument);		\
	__asm__ volatile(".word 0x05ae0037 + (%0 << 12)"			\
			 : : "i" (kind), "r" (pe_arg_) : "memory");		\
} while (0)

/* ra and sp beside them. */
#define PE_HOST_REGISTERS 14
#define PE_CALLEE_SAVED 12
#define PE_CALLEE_SAVED_NAMES \
	{ "s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11" }

static inline uintptr_t pe_context_pc(const ucontext_t *context)
{
	return (uintptr_t)context->uc_mcontext.__gregs[REG_PC];
}

static inline long pe_fork(void)
{
	register long result __asm__("a0") = SIGCHLD;
	register long stack __asm__("a1") = 0;
	register long parent __asm__("a2") = 0;
	register long tls __asm__("a3") = 0;
	register long child __asm__("a4") = 0;
	register long number __asm__("a7") = SYS_clone;

	__asm__ volatile("ecall"
			 : "+r" (result)
			 : "r" (stack), "r" (parent), "r" (tls), "r" (child),
			   "r" (number)
			 : "memory");
	return result;
}

#define PE_PROBED_BEGIN								\
	PE_PROBED_SECTION							\
	".option push\n"							\
	".option norelax\n"
#define PE_PROBED_END								\
	PE_PROBED_SECTION_END("unimp")						\
	".option pop\n"

/* ebreak, of four bytes */
#define PE_BREAKPOINT 0x00100073

/* of Sv39 */
#define PE_LAST_PAGE 0x3ffffff000

#define PE_POWER_OFF RB_POWER_OFF

/* Saves, loads or stores s0 to s11 at offsets of 8 bytes from one register. */
#define PE_EACH_SAVED(instruction, base, at)					\
"	" instruction "	s0, " #at " + 0(" base ")\n"				\
"	" instruction "	s1, " #at " + 8(" base ")\n"				\
"	" instruction "	s2, " #at " + 16(" base ")\n"				\
"	" instruction "	s3, " #at " + 24(" base ")\n"				\
"	" instruction "	s4, " #at " + 32(" base ")\n"				\
"	" instruction "	s5, " #at " + 40(" base ")\n"				\
"	" instruction "	s6, " #at " + 48(" base ")\n"				\
"	" instruction "	s7, " #at " + 56(" base ")\n"				\
"	" instruction "	s8, " #at " + 64(" base ")\n"				\
"	" instruction "	s9, " #at " + 72(" base ")\n"				\
"	" instruction "	s10, " #at " + 80(" base ")\n"				\
"	" instruction "	s11, " #at " + 88(" base ")\n"

#endif
