// SPDX-License-Identifier: GPL-2.0-or-later
/* The probed function of t10-price-hit, for RISC-V. */
__asm__(
PE_PROBED_BEGIN
PE_PROBED(t10_function,
"	addiw	a0, a0, 0x21\n"
"	ret\n")
PE_PROBED_END
);
