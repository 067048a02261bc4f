// SPDX-License-Identifier: GPL-2.0-or-later
/* The probed function of t10-price-xol, for MIPS. */
__asm__(
PE_PROBED_BEGIN
PE_PROBED(t10_function,
"	addiu	$2, $4, 0x22\n"
"	jr	$ra\n"
"	 nop\n")
PE_PROBED_END
);
