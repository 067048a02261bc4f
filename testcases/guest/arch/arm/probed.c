// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Where a uprobe on ARM does not do what the instruction does. The kernel knows
 * probes on ARM code only, and tells Thumb code by an odd halfword alone: at a
 * multiple of four it writes an ARM breakpoint into Thumb code, which is executed
 * as two other instructions (arch/arm/probes/uprobes/core.c, 6.1 and 6.12). What ARM
 * instruction it does not support it refuses by itself.
 */
#define _GNU_SOURCE
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../patcheval.h"

static const Elf32_Shdr *symbols_of(const char *file)
{
	const Elf32_Ehdr *header = (const void *)file;
	const Elf32_Shdr *sections = (const void *)(file + header->e_shoff);

	for (int i = 0; i < header->e_shnum; i++)
		if (sections[i].sh_type == SHT_SYMTAB)
			return &sections[i];
	return NULL;
}

/*
 * Mapping symbols ($a, $t, $d) say where code of which kind begins (ELF for the
 * Arm Architecture, 5.5.5); the last one up to an address counts.
 */
static char kind_in(const char *file, uintptr_t address)
{
	const Elf32_Shdr *table = symbols_of(file);
	const Elf32_Shdr *sections = (const void *)
		(file + ((const Elf32_Ehdr *)(const void *)file)->e_shoff);
	const Elf32_Sym *symbols;
	uintptr_t last = 0;
	const char *names;
	char kind = 0;

	if (!table)
		return 0;
	symbols = (const void *)(file + table->sh_offset);
	names = file + sections[table->sh_link].sh_offset;
	for (size_t i = 0; i < table->sh_size / sizeof(*symbols); i++) {
		const char *name = names + symbols[i].st_name;

		if (name[0] == '$' && strchr("atd", name[1]) &&
		    (!name[2] || name[2] == '.') &&
		    symbols[i].st_value <= address &&
		    symbols[i].st_value >= last) {
			last = symbols[i].st_value;
			kind = name[1];
		}
	}
	return kind;
}

/* The kind of what is at an address of this program: a, t, d, or 0. */
static char kind_of(uintptr_t address)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	struct stat status;
	char kind = 0;
	void *file;

	if (fd < 0)
		return 0;
	if (!fstat(fd, &status)) {
		file = mmap(NULL, status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
		if (file != MAP_FAILED) {
			kind = kind_in(file, address);
			munmap(file, status.st_size);
		}
	}
	close(fd);
	return kind;
}

const char *pe_probe_refusal(const void *address)
{
	uintptr_t where = (uintptr_t)address;

	if (where & 3)
		return "Thumb code: the kernel's breakpoints are ARM instructions";
	switch (kind_of(where)) {
	case 't':
		return "Thumb code at a multiple of four: the breakpoint is "
		       "executed as two other instructions, and never hit";
	case 'd':
		return "data, not an instruction";
	default:
		return NULL;
	}
}
