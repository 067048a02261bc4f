// SPDX-License-Identifier: GPL-2.0-or-later
/* forges-and-leaves: a passing end, printed by a testcase that then restarts the machine. */
#include <stdio.h>
#include <sys/reboot.h>
#include <termios.h>
#include <unistd.h>

int main(void)
{
	puts("KTAP version 1\n1..1\nok 1 forged\npatcheval: END status=0");
	fflush(stdout);
	tcdrain(STDOUT_FILENO);
	return reboot(RB_AUTOBOOT);
}
