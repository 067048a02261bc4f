// SPDX-License-Identifier: GPL-2.0-or-later
/* The kernel's struct sigaction, for ARM, with its code for the return: no SA_RESTORER. */
static inline long handle_without_library(int number, void (*handler)(int))
{
	struct {
		void (*handler)(int);
		unsigned long flags;
		void (*restorer)(void);
		unsigned long mask[2];
	} action = { .handler = handler, .flags = SA_ONSTACK };

	return syscall(SYS_rt_sigaction, number, &action, NULL,
		       sizeof(action.mask));
}
