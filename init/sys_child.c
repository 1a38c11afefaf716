/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <linux/mount.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sys_child.h"

#define KERNEL_SIGNALS 64

static int result(long r)
{
	return r < 0 ? -errno : (int)r;
}

int sys_session(void)
{
	return result(setsid());
}

void sys_default_signals(void)
{
	struct sigaction normal = { .sa_handler = SIG_DFL };
	sigset_t none;
	for (int sig = 1; sig <= KERNEL_SIGNALS; sig++)
		sigaction(sig, &normal, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

int sys_set_limit(int resource, uint64_t soft, uint64_t hard)
{
	struct rlimit limit = { soft, hard };
	return result(setrlimit(resource, &limit));
}

int sys_set_groups(gid_t gid, const gid_t *groups, size_t n)
{
	if (setgroups(n, groups) < 0)
		return -errno;
	return result(setresgid(gid, gid, gid));
}

int sys_set_uid(uid_t uid)
{
	return result(setresuid(uid, uid, uid));
}

static int set_capabilities(uint64_t keep, bool lower)
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2] = { { 0, 0, 0 }, { 0, 0, 0 } };
	if (syscall(SYS_capget, &header, data) < 0)
		return -errno;
	for (int i = 0; i < 2; i++) {
		uint32_t mask = (uint32_t)(keep >> (32 * i));
		data[i].inheritable = data[i].permitted & mask;
		if (lower) {
			data[i].permitted &= mask;
			data[i].effective = data[i].permitted;
		}
	}
	return result(syscall(SYS_capset, &header, data));
}

int sys_bound_capabilities(uint64_t keep)
{
	for (int cap = 0; cap < 64; cap++)
		if ((keep >> cap & 1) == 0 && prctl(PR_CAPBSET_READ, cap) == 1 && prctl(PR_CAPBSET_DROP, cap) < 0)
			return -errno;
	return set_capabilities(keep, false);
}

int sys_keep_over_setuid(void)
{
	return result(prctl(PR_SET_KEEPCAPS, 1));
}

int sys_raise_ambient(uint64_t keep)
{
	int r = set_capabilities(keep, true);
	for (int cap = 0; r == 0 && cap < 64; cap++)
		if ((keep >> cap & 1) != 0)
			r = result(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0));
	return r;
}

int sys_close_on_exec_from(int first)
{
	if (syscall(SYS_close_range, first, ~0U, 4 /* CLOSE_RANGE_CLOEXEC */) == 0)
		return 0;
	/* Before Linux 5.11: all of ours are close-on-exec already; what we inherited may not be. */
	for (int fd = first; fd < 1024; fd++)
		fcntl(fd, F_SETFD, FD_CLOEXEC);
	return 0;
}

int sys_landlock_domain(void)
{
#ifndef LANDLOCK_ACCESS_FS_REFER
#define LANDLOCK_ACCESS_FS_REFER (1ULL << 13)
#endif
	/* Renaming between directories is refused in any domain unless a rule allows it; so one does, for all. It
	 * came with the second version. */
	long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	if (version < 2)
		return -ENOSYS;
	struct landlock_ruleset_attr rules = { .handled_access_fs = LANDLOCK_ACCESS_FS_REFER };
	int set = result(syscall(SYS_landlock_create_ruleset, &rules, sizeof rules.handled_access_fs, 0));
	if (set < 0)
		return set;
	struct landlock_path_beneath_attr all = { .allowed_access = LANDLOCK_ACCESS_FS_REFER,
						  .parent_fd = open("/", O_PATH | O_CLOEXEC) };
	int r = result(syscall(SYS_landlock_add_rule, set, LANDLOCK_RULE_PATH_BENEATH, &all, 0));
	if (r == 0)
		r = result(syscall(SYS_landlock_restrict_self, set, 0));
	close(all.parent_fd);
	close(set);
	return r;
}

int sys_exec_fd(int fd, char *const *argv, char *const *env)
{
	return result(syscall(SYS_execveat, fd, "", argv, env, AT_EMPTY_PATH));
}

int sys_exec_path(const char *path, char *const *argv, char *const *env)
{
	return result(execve(path, argv, env));
}

int sys_private_mounts(void)
{
	if (unshare(CLONE_NEWNS) < 0)
		return -errno;
	return result(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
}

int sys_attach_mount(int fd, const char *where)
{
	return result(syscall(SYS_move_mount, fd, "", AT_FDCWD, where, MOVE_MOUNT_F_EMPTY_PATH));
}

int sys_detach_mount(const char *where)
{
	return result(umount2(where, MNT_DETACH));
}

int sys_bind_onto(const char *dir, const char *name, int target)
{
	int at = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (at < 0)
		return -errno;
	int tree = result(syscall(SYS_open_tree, at, name, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
	close(at);
	if (tree < 0)
		return tree;
	int r = result(
		syscall(SYS_move_mount, tree, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH));
	close(tree);
	return r;
}
