// SPDX-License-Identifier: GPL-2.0-or-later
/* restarts: the machine begins again. */
#include <sys/reboot.h>

int main(void)
{
	return reboot(RB_AUTOBOOT);
}
