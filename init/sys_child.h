/* SPDX-License-Identifier: MIT
 *
 * The kernel seam: what a child does to itself between fork and exec. Nothing here allocates. As in sys.h: zero
 * or positive, or -errno.
 */
#ifndef TAO_SYS_CHILD_H
#define TAO_SYS_CHILD_H

#include <sys/types.h>

#include "../crypto/base.h"

int sys_session(void);
int sys_take_terminal(int fd); /* as the session's controlling terminal */
/* Default action for every signal; before PID 1 sets its own few, so that its children, of which exec takes these
 * back, need not do it again. */
void sys_default_actions(void);
/* Default action for every signal, nothing blocked. SIG_IGN would survive exec. */
void sys_default_signals(void);
int sys_set_limit(int resource, uint64_t soft, uint64_t hard);
int sys_set_groups(gid_t gid, const gid_t *groups, size_t n);
int sys_set_uid(uid_t uid);
/* Bounding set and inheritable set become these, the ambient set empty. Before the uid changes. -EPERM if the
 * bounding set is ours, but not ours to change. */
int sys_bound_capabilities(uint64_t keep);
/* The uid may change without their going; then they are made ambient, and survive exec. */
int sys_keep_over_setuid(void);
int sys_raise_ambient(uint64_t keep);
int sys_close_on_exec_from(int first);
/* A Landlock domain of its own forbids nothing but mounting, and tracing what is outside. First its rules (a
 * descriptor; -ENOSYS where the kernel has none), then, with no_new_privs, into it. */
int sys_landlock_rules(void);
int sys_landlock_enter(int rules);
/* Takes back a protection from the OOM killer that was PID 1's own. */
void sys_learn_oom_score(void); /* in PID 1, which asks once for all children */
void sys_reset_oom_score(void);
int sys_exec_fd(int fd, char *const *argv, char *const *env);
int sys_exec_path(const char *path, char *const *argv, char *const *env);

/* A mount namespace of one's own, from which nothing spreads. */
int sys_private_mounts(void);
/* Attaches a mount that is nowhere yet (descriptor) to a directory. */
int sys_attach_mount(int mount, const char *where);
int sys_detach_mount(int mount); /* and changes the directory to / */
/* A copy of the mount of dir/name, and its move onto target (O_PATH). */
int sys_bind_onto(int dir, const char *name, int target);

#endif
