#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# QEMU lists no registers of a MIPS CPU to plugins.
#
# Expected: qemu_plugin_get_registers() lists the registers that the same QEMU shows to GDB, for each of its targets.
# (Its description says "potentially empty", and not where.)
# Seen: with QEMU 11.1.3 (Debian) the list has 196 entries for a Cortex-A15, and none for a 24Kf.
# Consequence: the plugin forms the handles of MIPS registers by itself, and proves them by the addresses of loads and
# stores (ARCHITECTURE, Registers).
set -euo pipefail
here=$(realpath "${0%.sh}")
. "$here/../packages.sh"

packages qemu-system-mips=$qemu_version qemu-system-arm=$qemu_version
cc -shared -fPIC -o "$scratch/count.so" "$here/count.c"

# registers PROGRAM BOARD CPU: prints what the plugin prints, once per CPU, before the first instruction.
registers() {
	inside timeout 60 "$1" -M "$2" -cpu "$3" -m 64 -S -plugin "$scratch/count.so" \
		-display none -vga none -net none -serial none -monitor stdio 2>&1 <<<quit | sed -n 's/^registers: //p'
}
expect "registers of a 24Kf" 0 "$(registers qemu-system-mips malta 24Kf)"
expect "registers of a Cortex-A15" 196 "$(registers qemu-system-arm virt cortex-a15)"
