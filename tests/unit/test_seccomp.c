/* SPDX-License-Identifier: MIT */
/* link: init/seccomp.c */
/* System call filters: what the programs answer, by a machine that runs them as the kernel does. */
#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <string.h>

#include <asm/unistd.h>

#include "../../init/seccomp.h"
#include "test.h"

#define STEPS_MAX 1000
#define BROKEN 0xbadU

static struct sock_filter program[SECCOMP_PROGRAM_MAX];
static size_t length;

static uint32_t load_word(const struct seccomp_data *data, uint32_t at)
{
	uint32_t word = 0;
	CHECK(at % 4 == 0 && at + 4 <= sizeof *data);
	if (at + 4 <= sizeof *data)
		memcpy(&word, (const char *)data + at, 4);
	return word;
}

/* Jumps go forward only, and every way ends in an answer: what the kernel's checker wants. */
static uint32_t run(const struct seccomp_data *data)
{
	uint32_t a = 0;
	for (size_t pc = 0; pc < length; pc++) {
		const struct sock_filter *f = &program[pc];
		bool yes;
		switch (f->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			a = load_word(data, f->k);
			continue;
		case BPF_RET | BPF_K:
			return f->k;
		case BPF_JMP | BPF_JEQ | BPF_K:
			yes = a == f->k;
			break;
		case BPF_JMP | BPF_JGE | BPF_K:
			yes = a >= f->k;
			break;
		case BPF_JMP | BPF_JSET | BPF_K:
			yes = (a & f->k) != 0;
			break;
		default:
			return BROKEN;
		}
		pc += yes ? f->jt : f->jf;
	}
	return BROKEN;
}

static uint32_t ask(uint32_t number, uint64_t arg)
{
	struct seccomp_data data = { .nr = (int)number, .arch = AUDIT_ARCH_X86_64, .args = { arg } };
	return run(&data);
}

static const struct {
	const char *name;
	uint32_t number;
	enum syscall_set set;
} calls[] = {
#define SYSCALL_SET(set, help)
#define SYSCALL(set, name) { #name, __NR_##name, SYSCALL_SET_##set },
#include "../../init/syscall.def"
#undef SYSCALL_SET
#undef SYSCALL
};

#define ALLOW SECCOMP_RET_ALLOW
#define NO (SECCOMP_RET_ERRNO | EPERM)
#define NONE (SECCOMP_RET_ERRNO | ENOSYS)

static void check_all(unsigned allowed)
{
	length = seccomp_build(allowed, program);
	CHECK(length > 0 && length <= SECCOMP_PROGRAM_MAX);
	bool guarded = (allowed & SYSCALL_BIT(process)) != 0 && (allowed & SYSCALL_BIT(namespaces)) == 0;
	for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
		uint32_t want = (allowed >> calls[i].set & 1) != 0 ? ALLOW : NO;
		if (guarded && calls[i].number == __NR_clone3)
			want = NONE;
		uint32_t got = ask(calls[i].number, 17);
		if (got != want)
			printf("# %s: %#x, not %#x\n", calls[i].name, got, want);
		CHECK(got == want);
	}
}

TEST(each_set_alone)
{
	for (unsigned set = 1; set < SYSCALL_SETS; set++)
		check_all(1U << set);
	check_all(0);
	check_all(SYSCALL_SERVICE);
	for (unsigned set = 1; set < SYSCALL_SETS; set++)
		check_all(SYSCALL_ALL & ~(1U << set));
}

/* Every number that Linux 6.1 has is in a set; what is beyond is not there. */
TEST(complete)
{
	length = seccomp_build(SYSCALL_ALL, program);
	for (uint32_t number = 0; number < 700; number++) {
		bool known = number <= 334 || (number >= 424 && number <= 450);
		bool newer = number > 450 || number == 335 || number == 336;
		uint32_t got = ask(number, 0);
		if (known)
			CHECK_INT(got, ALLOW);
		else if (newer)
			CHECK(got == ALLOW || got == NONE);
		else
			CHECK_INT(got, NONE);
	}
	CHECK_INT(ask(0x3fffffff, 0), NONE);
}

TEST(other_architectures)
{
	static const uint32_t others[] = { AUDIT_ARCH_I386, AUDIT_ARCH_ARM, AUDIT_ARCH_AARCH64, 0 };
	length = seccomp_build(SYSCALL_ALL, program);
	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
		struct seccomp_data data = { .nr = __NR_read, .arch = others[i] };
		CHECK(run(&data) == SECCOMP_RET_KILL_PROCESS);
	}
	CHECK(ask(0x40000000U, 0) == SECCOMP_RET_KILL_PROCESS);
	CHECK(ask(0x40000000U + __NR_write, 0) == SECCOMP_RET_KILL_PROCESS);
	CHECK(ask(0xffffffffU, 0) == SECCOMP_RET_KILL_PROCESS);
}

TEST(namespaces_by_clone)
{
	static const uint64_t flags[] = { 0x20000,    0x2000000,  0x4000000, 0x8000000,
					  0x10000000, 0x20000000, 0x40000000 };
	length = seccomp_build(SYSCALL_SERVICE, program);
	for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++)
		CHECK_INT(ask(__NR_clone, flags[i] | 17), NO);
	CHECK_INT(ask(__NR_clone, 0x3d0f00), ALLOW); /* a thread */
	CHECK_INT(ask(__NR_clone3, 0), NONE);
	CHECK_INT(ask(__NR_unshare, 0x20000), NO);
	length = seccomp_build(SYSCALL_SERVICE | SYSCALL_BIT(namespaces), program);
	CHECK_INT(ask(__NR_clone, flags[0] | 17), ALLOW);
	CHECK_INT(ask(__NR_clone3, 0), ALLOW);
	length = seccomp_build(SYSCALL_BIT(basic), program);
	CHECK_INT(ask(__NR_clone, 17), NO);
	CHECK_INT(ask(__NR_execveat, 0), ALLOW);
	CHECK_INT(ask(__NR_execve, 0), ALLOW);
}

int main(void)
{
	RUN(each_set_alone);
	RUN(complete);
	RUN(other_architectures);
	RUN(namespaces_by_clone);
	return test_end();
}
