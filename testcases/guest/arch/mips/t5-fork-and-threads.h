// SPDX-License-Identifier: GPL-2.0-or-later
/* The probed functions of t5-fork-and-threads, for MIPS. */
PE_FIRST_RETURN(t5_function,
"	lui	$25, %hi(t5_between)\n"
"	addiu	$25, $25, %lo(t5_between)\n"
"	jalr	$25\n"
"	 nop\n");
