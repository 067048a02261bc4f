// SPDX-License-Identifier: GPL-2.0-or-later
/* Memory that a testcase shares with the children that it starts afresh. */
#ifndef PATCHEVAL_SHARED_H
#define PATCHEVAL_SHARED_H

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "patcheval.h"

/* Where a child finds it, across execve() too. */
#define PE_SHARED_FD 22

static inline void *pe_map_shared(size_t bytes)
{
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
			    PE_SHARED_FD, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

/* pe_share - in the parent: memory of zeros; or NULL, with pe_error set. */
static inline void *pe_share(size_t bytes)
{
	int fd = memfd_create("shared", 0);

	snprintf(pe_error, sizeof(pe_error), "no shared memory");
	if (fd < 0 || dup2(fd, PE_SHARED_FD) < 0 || ftruncate(fd, bytes))
		return NULL;
	if (fd != PE_SHARED_FD)
		close(fd);
	return pe_map_shared(bytes);
}

/* pe_shared - in the child: the same memory; a child without it has failed. */
static inline void *pe_shared(size_t bytes)
{
	void *memory = pe_map_shared(bytes);

	if (!memory)
		_exit(1);
	return memory;
}

#endif
