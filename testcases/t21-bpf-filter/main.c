// SPDX-License-Identifier: GPL-2.0-or-later
/* t21-bpf-filter: socket filters, which the kernel compiles and runs at once. */
#define _GNU_SOURCE
#include <linux/filter.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../guest/jit.h"
#include "../guest/one_child.h"

#define FILTERS 12
#define MOST_STEPS 24
#define PACKET 64

/* A filter of random length that accepts so many bytes of each packet. */
static unsigned short write_filter(struct sock_filter *filter, uint32_t accept,
				   struct pe_rng *rng)
{
	uint32_t steps = 1 + pe_rng_below(rng, MOST_STEPS), value;
	struct sock_filter *next = filter;

	value = pe_rng_next(rng);
	*next++ = (struct sock_filter)BPF_STMT(BPF_LD | BPF_IMM, value);
	while (steps--) {
		uint32_t number = pe_rng_next(rng);

		*next++ = (struct sock_filter)BPF_STMT(
			BPF_ALU | BPF_XOR | BPF_K, number);
		value ^= number;
	}
	*next++ = (struct sock_filter)BPF_STMT(BPF_ALU | BPF_XOR | BPF_K,
					       value ^ accept);
	*next++ = (struct sock_filter)BPF_STMT(BPF_RET | BPF_A, 0);
	return next - filter;
}

/* Attaches a filter, sends through it, and compares what arrives. */
static bool filter_once(const int ends[2], struct pe_rng *rng)
{
	struct sock_filter filter[MOST_STEPS + 4];
	uint32_t accept = 1 + pe_rng_below(rng, PACKET);
	struct sock_fprog program = { .filter = filter };
	char bytes[PACKET] = { 0 };

	program.len = write_filter(filter, accept, rng);
	if (setsockopt(ends[1], SOL_SOCKET, SO_ATTACH_FILTER, &program,
		       sizeof(program)))
		_exit(1);
	if (send(ends[0], bytes, sizeof(bytes), MSG_DONTWAIT) < 0)
		return pe_check(0, accept);
	return pe_check(recv(ends[1], bytes, sizeof(bytes), MSG_DONTWAIT),
			accept);
}

static void pe_one_child_work(struct pe_rng *rng)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_DGRAM, 0, ends))
		_exit(1);
	for (int i = 0; i < FILTERS; i++)
		if (!filter_once(ends, rng))
			break;
}

static int set_up(const struct pe_args *args)
{
	(void)args;
	return pe_write_file("/proc/sys/net/core/bpf_jit_enable", 0, "1\n");
}

PE_TESTCASE = {
	.name = "t21-bpf-filter",
	.setup = set_up,
	PE_ONE_CHILD_STEPS,
};
