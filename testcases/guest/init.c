// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Process 1 of the guest: mounts what the testcases need, reads the command that
 * names one, runs it, and powers off. It never carries a probe itself.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/klog.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "arch.h"

#define COMMAND_BYTES 256
/* Testcase, seed, repetitions, and a testcase's parameters, at most eight. */
#define MAX_WORDS 11
#define CASES "/cases/"
#define OPTION "patcheval.run="

/* Only complaints from KERN_ERR upwards may come between lines of results. */
#define CONSOLE_LEVEL 4
#define SYSLOG_ACTION_CONSOLE_LEVEL 8

/*
 * Whoever gives the command writes it here from outside. A page of its own, and
 * not zero-initialised storage that might still be the shared zero page.
 */
static char command[COMMAND_BYTES] __attribute__((aligned(4096)));

static void say(const char *format, const char *a, const char *b)
{
	printf(format, a, b);
	fflush(stdout);
	tcdrain(STDOUT_FILENO);
}

static void mount_at(const char *type, const char *where)
{
	/* devtmpfs may have been mounted by the kernel: EBUSY is success. */
	mkdir(where, 0755);
	if (mount(type, where, type, 0, NULL) && errno != EBUSY)
		say("patcheval: cannot mount %s: %s\n", type, strerror(errno));
}

static void open_console(void)
{
	int fd = open("/dev/console", O_RDWR | O_NOCTTY);

	if (fd < 0)
		return;
	for (int i = 0; i < 3; i++)
		dup2(fd, i);
	if (fd > 2)
		close(fd);
}

/* The command from the kernel command line, commas made blanks; or false. */
static bool command_from_cmdline(void)
{
	static char cmdline[4096];
	int fd = open("/proc/cmdline", O_RDONLY | O_CLOEXEC);
	ssize_t length = fd < 0 ? -1 : read(fd, cmdline, sizeof(cmdline) - 1);
	char *found;

	if (fd >= 0)
		close(fd);
	if (length < 0)
		return false;
	found = strstr(cmdline, OPTION);
	if (!found)
		return false;
	found += strlen(OPTION);
	found[strcspn(found, " \n")] = 0;
	for (char *c = found; *c; c++)
		if (*c == ',')
			*c = ' ';
	snprintf(command, sizeof(command), "%s", found);
	return true;
}

static void wait_for_command(void)
{
	volatile char *first = command;

	*first = 1;
	*first = 0;
	do
		pe_marker(PE_MARK_COMMAND, (unsigned long)command);
	while (!*first);
	command[COMMAND_BYTES - 1] = 0;
}

/* Returns the wait status of the testcase. */
static int run_command(void)
{
	char path[sizeof(CASES) + COMMAND_BYTES] = CASES;
	char *arguments[MAX_WORDS + 1] = { NULL };
	int count = 0, status = 0;
	char *state = NULL;
	pid_t pid;

	for (char *word = strtok_r(command, " ", &state); word && count < MAX_WORDS;
	     word = strtok_r(NULL, " ", &state))
		arguments[count++] = word;
	/* Nothing to run: the kernel has tested itself while it booted. */
	if (!count)
		return 0;
	if (strchr(arguments[0], '/'))
		return 127 << 8;
	strcat(path, arguments[0]);

	pid = fork();
	if (!pid) {
		/* Addresses belong to the seed, not to the kernel's dice. */
		personality(ADDR_NO_RANDOMIZE);
		execv(path, arguments);
		say("patcheval: cannot execute %s: %s\n", path,
		    strerror(errno));
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return 127 << 8;
	return status;
}

static void power_off(void)
{
	sync();
	reboot(PE_POWER_OFF);
	for (;;)
		pause();
}

int main(void)
{
	char text[16];
	int status;

	mount_at("devtmpfs", "/dev");
	open_console();
	mount_at("proc", "/proc");
	mount_at("sysfs", "/sys");
	mount_at("tracefs", "/sys/kernel/tracing");
	klogctl(SYSLOG_ACTION_CONSOLE_LEVEL, NULL, CONSOLE_LEVEL);

	say("patcheval: READY\n%s%s", "", "");
	if (!command_from_cmdline())
		wait_for_command();
	status = run_command();
	snprintf(text, sizeof(text), "%x", (unsigned int)status);
	say("patcheval: END status=%s\n%s", text, "");
	pe_marker(PE_MARK_END, status);
	power_off();
}
