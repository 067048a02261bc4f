/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Prints how many registers QEMU lists to a plugin. The declarations are those of include/plugins/qemu-plugin.h. */
#include <stdint.h>
#include <stdio.h>

typedef struct { char *data; unsigned len; } GArray;	/* as in GLib */
typedef uint64_t qemu_plugin_id_t;
void qemu_plugin_register_vcpu_init_cb(qemu_plugin_id_t, void (*)(unsigned, void *), void *);
GArray *qemu_plugin_get_registers(void);

int qemu_plugin_version = 7;

static void started(unsigned index, void *data)
{
	GArray *registers = qemu_plugin_get_registers();

	fprintf(stderr, "registers: %u\n", registers ? registers->len : 0);
}

int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc, char **argv)
{
	qemu_plugin_register_vcpu_init_cb(id, started, NULL);
	return 0;
}
