// SPDX-License-Identifier: GPL-2.0-or-later
/* The probed function of t10-price-hit, for ARM. */
__asm__(
PE_PROBED_BEGIN
PE_PROBED(t10_function,
"	add	r0, r0, #0x21\n"
"	bx	lr\n")
PE_PROBED_END
);
