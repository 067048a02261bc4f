// SPDX-License-Identifier: GPL-2.0-or-later
/* flood: the console, without end. */
#include <unistd.h>

int main(void)
{
	static const char text[] = "KTAP version 1\nok 1 1..1 \033[2J\nnot ok 1\n";

	for (;;)
		if (write(STDOUT_FILENO, text, sizeof(text) - 1) < 0)
			return 1;
}
