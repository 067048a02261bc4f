// SPDX-License-Identifier: GPL-2.0-or-later
/* The kernel's struct sigaction, for RISC-V, where handlers return by the vdso. */
static inline long handle_without_library(int number, void (*handler)(int))
{
	struct {
		void (*handler)(int);
		unsigned long flags;
		unsigned long mask[1];
	} action = { .handler = handler, .flags = SA_ONSTACK };

	return syscall(SYS_rt_sigaction, number, &action, NULL,
		       sizeof(action.mask));
}
