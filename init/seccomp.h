/* SPDX-License-Identifier: MIT
 *
 * System call filters made of named sets (syscall.def). A program for the kernel's filter machine: another
 * architecture's calls, x32's among them, kill the process; a call that the table does not know is refused with
 * ENOSYS, so that libraries fall back to older ones; one of a set that is not allowed, with EPERM.
 */
#ifndef TAO_SECCOMP_H
#define TAO_SECCOMP_H

#include <linux/filter.h>

#include "../crypto/base.h"

enum syscall_set {
	SYSCALL_SET_none, /* of calls that are in no set */
#define SYSCALL_SET(set, help) SYSCALL_SET_##set,
#define SYSCALL(set, name)
#include "syscall.def"
#undef SYSCALL_SET
#undef SYSCALL
	SYSCALL_SETS
};
#define SYSCALL_BIT(set) (1U << SYSCALL_SET_##set)
#define SYSCALL_ALL ((1U << SYSCALL_SETS) - 2)
/* "@service": what a daemon does that has its files, sockets and processes. */
#define SYSCALL_SERVICE                                                                                           \
	(SYSCALL_BIT(basic) | SYSCALL_BIT(files) | SYSCALL_BIT(network) | SYSCALL_BIT(process) |                  \
	 SYSCALL_BIT(resources) | SYSCALL_BIT(ipc))

/* Two instructions for each run of numbers that are treated alike, of which there are fewer than 160, and the rest. */
#define SECCOMP_PROGRAM_MAX 400

/* allowed: bits of sets. The number of instructions; 0 where this architecture has no table. */
size_t seccomp_build(unsigned allowed, struct sock_filter program[static SECCOMP_PROGRAM_MAX]);

#endif
