// SPDX-License-Identifier: GPL-2.0-or-later
/* The probed functions of t5-fork-and-threads, for RISC-V. */
PE_FIRST_RETURN(t5_function,
"	call	t5_between\n");
