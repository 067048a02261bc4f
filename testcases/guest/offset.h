// SPDX-License-Identifier: GPL-2.0-or-later
/* Where a function of the running program lies in the program's file. */
#ifndef PATCHEVAL_OFFSET_H
#define PATCHEVAL_OFFSET_H

#include <link.h>
#include <stdint.h>
#include <sys/auxv.h>

/* file_offset - offset in the program's file of an address of the program, or -1. */
static inline long file_offset(const void *address)
{
	const ElfW(Phdr) *header = (const void *)getauxval(AT_PHDR);
	unsigned long count = getauxval(AT_PHNUM);
	uintptr_t where = (uintptr_t)address;

	/* Linked statically at a fixed address: p_vaddr needs no load bias. */
	for (; header && count; header++, count--)
		if (header->p_type == PT_LOAD && where >= header->p_vaddr &&
		    where - header->p_vaddr < header->p_filesz)
			return where - header->p_vaddr + header->p_offset;
	return -1;
}

#endif
