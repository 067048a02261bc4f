#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# QEMU's MIPS cache instructions by address never raise a TLB exception.
#
# Expected: CACHE by address translates its address, and raises TLB Refill or TLB Invalid where the TLB has no entry for it, as
# a load does (MIPS32 Architecture For Programmers, volume II, CACHE). The kernel then writes the entry, and the
# operation is executed again.
# Seen: QEMU 11.1.3 (Debian) executes Hit_Writeback_Inv_D and Hit_Invalidate_I on such an address without an
# exception, where a load raises one. Code that flushes through a missing mapping never fails there, and the TLB never gets the
# entry by which a plugin could find the operation's physical address.
# Consequence: the plugin executes a load of the same address in place of the instruction (ARCHITECTURE, Refills).
set -euo pipefail
here=$(realpath "${0%.sh}")
. "$here/../packages.sh"

packages qemu-system-mips=$qemu_version binutils-mips-linux-gnu
inside mips-linux-gnu-as -o "$scratch/probe.o" "$here/probe.S"
inside mips-linux-gnu-ld -e __start --section-start=.vector=0x80000000 -Ttext=0x80100000 \
	-o "$scratch/probe.elf" "$scratch/probe.o"
for cpu in 24Kf 24Kc P5600; do
	expect "$cpu: exceptions of a load, Hit_Writeback_Inv_D, Hit_Invalidate_I" 100 "$(
		inside timeout 60 qemu-system-mips -M malta -cpu "$cpu" -m 64 -kernel "$scratch/probe.elf" -no-reboot \
			-display none -vga none -net none -monitor none -serial stdio
	)"
done
