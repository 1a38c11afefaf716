/* SPDX-License-Identifier: MIT
 *
 * The kernel seam: namespaces, mounts and scheduling of a child. As in sys.h: zero or positive, or -errno.
 */
#ifndef TAO_SYS_CONFINE_H
#define TAO_SYS_CONFINE_H

#include "../crypto/base.h"

int sys_unshare(unsigned namespaces); /* CLONE_NEW* */
int sys_set_nice(int nice);
int sys_set_scheduler(int policy, int priority);
int sys_set_oom_score(int score);

struct sock_filter;
/* For all system calls from now on; with no_new_privs. */
int sys_filter_calls(struct sock_filter *program, size_t n);

/* O_PATH; -ELOOP where a symbolic link stands anywhere on the way. Linux 5.6. */
int sys_open_straight(const char *path);
/* A mount that is nowhere yet: a copy of what is at and below an O_PATH descriptor, or a new tmpfs. */
int sys_copy_tree(int at);
int sys_make_tmpfs(const char *mode, bool read_only);
int sys_move_onto(int mount, int target);
/* With all that is mounted below. Linux 5.12. */
int sys_make_read_only(const char *path);

#endif
