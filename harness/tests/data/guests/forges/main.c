// SPDX-License-Identifier: GPL-2.0-or-later
/* forges: a passing end, printed by a testcase that then dies. */
#include <stdio.h>
#include <stdlib.h>

int main(void)
{
	puts("KTAP version 1\n1..1\nok 1 forged\npatcheval: END status=0");
	fflush(stdout);
	abort();
}
