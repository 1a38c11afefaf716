/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stddef.h>

#include "seccomp.h"

#ifdef __x86_64__
#include <asm/unistd.h>

#define X32_BIT 0x40000000U
/* Flags of clone that make namespaces. */
#define CLONE_NAMESPACES 0x7e020000U

static const uint8_t set_of[] = {
#define SYSCALL_SET(set, help)
#define SYSCALL(set, name) [__NR_##name] = SYSCALL_SET_##set,
#include "syscall.def"
#undef SYSCALL_SET
#undef SYSCALL
};
#define NUMBERS (sizeof set_of / sizeof set_of[0])

struct out {
	struct sock_filter *program;
	size_t n;
};

static void put(struct out *out, unsigned code, uint8_t yes, uint8_t no, uint32_t k)
{
	if (out->n < SECCOMP_PROGRAM_MAX)
		out->program[out->n] = (struct sock_filter){ (uint16_t)code, yes, no, k };
	out->n++;
}

static void load(struct out *out, size_t offset)
{
	put(out, BPF_LD | BPF_W | BPF_ABS, 0, 0, (uint32_t)offset);
}

static void answer(struct out *out, uint32_t action)
{
	put(out, BPF_RET | BPF_K, 0, 0, action);
}

static uint32_t action_of(unsigned allowed, size_t number)
{
	if (number >= NUMBERS || set_of[number] == SYSCALL_SET_none)
		return SECCOMP_RET_ERRNO | ENOSYS;
	return (allowed >> set_of[number] & 1) != 0 ? SECCOMP_RET_ALLOW : SECCOMP_RET_ERRNO | EPERM;
}

/* clone with flags that make a namespace is refused; those of clone3 stand in memory, where no filter reads. */
static void refuse_namespaces(struct out *out)
{
	put(out, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, __NR_clone3);
	answer(out, SECCOMP_RET_ERRNO | ENOSYS);
	put(out, BPF_JMP | BPF_JEQ | BPF_K, 0, 4, __NR_clone);
	load(out, offsetof(struct seccomp_data, args));
	put(out, BPF_JMP | BPF_JSET | BPF_K, 0, 1, CLONE_NAMESPACES);
	answer(out, SECCOMP_RET_ERRNO | EPERM);
	answer(out, SECCOMP_RET_ALLOW);
}

size_t seccomp_build(unsigned allowed, struct sock_filter program[static SECCOMP_PROGRAM_MAX])
{
	struct out out = { program, 0 };
	load(&out, offsetof(struct seccomp_data, arch));
	put(&out, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, AUDIT_ARCH_X86_64);
	answer(&out, SECCOMP_RET_KILL_PROCESS);
	load(&out, offsetof(struct seccomp_data, nr));
	put(&out, BPF_JMP | BPF_JGE | BPF_K, 0, 1, X32_BIT);
	answer(&out, SECCOMP_RET_KILL_PROCESS);
	if ((allowed & SYSCALL_BIT(process)) != 0 && (allowed & SYSCALL_BIT(namespaces)) == 0)
		refuse_namespaces(&out);
	/* Runs of numbers that are treated alike, from the highest down: what is not below a run's first is in it. */
	for (size_t number = NUMBERS; number > 0; number--)
		if (action_of(allowed, number) != action_of(allowed, number - 1)) {
			put(&out, BPF_JMP | BPF_JGE | BPF_K, 0, 1, (uint32_t)number);
			answer(&out, action_of(allowed, number));
		}
	answer(&out, action_of(allowed, 0));
	return out.n <= SECCOMP_PROGRAM_MAX ? out.n : 0;
}

#else

size_t seccomp_build(unsigned allowed, struct sock_filter program[static SECCOMP_PROGRAM_MAX])
{
	(void)allowed;
	(void)program;
	return 0;
}

#endif
