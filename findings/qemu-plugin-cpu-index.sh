#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# With one thread for all CPUs, QEMU gives a plugin the number of the CPU that translated a block, not of the one that
# executes it.
#
# Expected: the callback of a memory access gets "the executing vCPU" (include/plugins/qemu-plugin.h), with one thread for
# each CPU and with one for all.
# Seen: with QEMU 11.1.3 (Debian) the index is right with `-accel tcg,thread=multi`. With `thread=single`, and so with
# `-icount`, all executions of a translation block report one index, whichever CPU executes it: of two CPUs that
# store 1,001 times each in one loop, at least 1,000 stores come with the other CPU's index.
# Consequence: the plugin reads a register that Linux keeps different on each CPU. MIPS has none that QEMU lists, so that CPUs
# with caches of their own are modelled on ARM only (ARCHITECTURE, Several CPUs).
set -euo pipefail
here=$(realpath "${0%.sh}")
. "$here/../packages.sh"

packages qemu-system-arm=$qemu_version binutils-arm-linux-gnueabihf
inside arm-linux-gnueabihf-as -o "$scratch/probe.o" "$here/probe.S"
inside arm-linux-gnueabihf-ld -Ttext=0x40100000 -o "$scratch/probe.elf" "$scratch/probe.o"
cc -shared -fPIC -o "$scratch/count.so" "$here/count.c"

# stores OPTION...: prints the stores by CPU 0 with the indices 0 and 1, and those by CPU 1 with the indices 0 and 1.
stores() {
	inside timeout 60 qemu-system-arm -M virt -cpu cortex-a15 -smp 2 -m 64 "$@" -kernel "$scratch/probe.elf" \
		-plugin "$scratch/count.so" -display none -vga none -net none -serial none -monitor none 2>&1 |
		sed -n 's/^stores: //p'
}

# verdict COUNTS: whether each store had the index of the CPU that stored.
verdict() {
	local counts
	read -r -a counts <<<"$1"
	if ((counts[0] + counts[1] != 1001 || counts[2] + counts[3] != 1001)); then
		echo "lost stores: $1"
	elif ((counts[1] + counts[2] == 0)); then
		echo right
	elif ((counts[1] + counts[2] >= 1000)); then
		echo wrong
	else
		echo "sometimes wrong: $1"
	fi
}

expect "CPU index with a thread for each CPU" right "$(verdict "$(stores -accel tcg,thread=multi)")"
expect "CPU index with one thread" wrong "$(verdict "$(stores -accel tcg,thread=single)")"
expect "CPU index with -icount" wrong "$(verdict "$(stores -icount shift=7)")"
