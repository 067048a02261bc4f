// SPDX-License-Identifier: GPL-2.0-or-later
/* The kernel's struct sigaction, for MIPS, where handlers return by the vdso. */
static inline long handle_without_library(int number, void (*handler)(int))
{
	struct {
		unsigned int flags;
		void (*handler)(int);
		unsigned long mask[4];
	} action = { .flags = SA_ONSTACK, .handler = handler };

	return syscall(SYS_rt_sigaction, number, &action, NULL,
		       sizeof(action.mask));
}
