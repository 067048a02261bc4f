// SPDX-License-Identifier: GPL-2.0-or-later
/* hang: waits for what never comes, and says nothing. */
#include <unistd.h>

int main(void)
{
	for (;;)
		pause();
}
