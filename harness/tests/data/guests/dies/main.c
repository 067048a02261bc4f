// SPDX-License-Identifier: GPL-2.0-or-later
/* dies: makes an undefined instruction of all of init's code. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(void)
{
	static char code[4096];
	unsigned long start, end;
	FILE *maps = fopen("/proc/1/maps", "r");
	int fd = open("/proc/1/mem", O_WRONLY);

	memset(code, 0xff, sizeof(code));
	/* The first mapping of a static program is its text. */
	if (!maps || fscanf(maps, "%lx-%lx", &start, &end) != 2)
		return 1;
	for (; start < end; start += sizeof(code))
		if (pwrite(fd, code, sizeof(code), start) < 0)
			return 1;
	return 0;
}
