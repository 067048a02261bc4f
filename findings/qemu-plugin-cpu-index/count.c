/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Counts the stores to each of two words by the CPU index that QEMU gives to the callback. The declarations are those
 * of include/plugins/qemu-plugin.h.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

typedef uint64_t qemu_plugin_id_t;
typedef uint32_t qemu_plugin_meminfo_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *, size_t);
void qemu_plugin_register_vcpu_mem_cb(struct qemu_plugin_insn *,
		void (*)(unsigned, qemu_plugin_meminfo_t, uint64_t, void *), int flags, int rw, void *);
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t,
		void (*)(struct qemu_plugin_tb *, void *), void *);
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t, void (*)(void *), void *);

int qemu_plugin_version = 7;

enum { WRITES = 2 };
static const uint64_t words = 0x40200000;
static unsigned stores[2][2];		/* by the CPU that stored, by the index that the callback got */

static void store(unsigned index, qemu_plugin_meminfo_t info, uint64_t address, void *data)
{
	if (address - words < 8 && index < 2)
		stores[(address - words) / 4][index]++;
}

static void translated(struct qemu_plugin_tb *block, void *data)
{
	for (size_t n = 0; n < qemu_plugin_tb_n_insns(block); n++)
		qemu_plugin_register_vcpu_mem_cb(qemu_plugin_tb_get_insn(block, n), store, 0, WRITES, NULL);
}

static void ended(void *data)
{
	fprintf(stderr, "stores: %u %u %u %u\n", stores[0][0], stores[0][1], stores[1][0], stores[1][1]);
}

int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc, char **argv)
{
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated, NULL);
	qemu_plugin_register_atexit_cb(id, ended, NULL);
	return 0;
}
