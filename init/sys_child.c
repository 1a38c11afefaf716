/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <linux/mount.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sys.h"
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

int sys_take_terminal(int fd)
{
	return ioctl(fd, TIOCSCTTY, 0) < 0 ? -errno : 0;
}

/* The system call itself: musl keeps three signals to itself and would leave them ignored, where somebody had
 * that before us. */
void sys_default_actions(void)
{
	/* struct sigaction as the kernel has it is no larger than this: handler, flags, restorer, mask. */
	static const unsigned long normal[4];
	static const uint64_t none;
	for (int sig = 1; sig <= KERNEL_SIGNALS; sig++)
		syscall(SYS_rt_sigaction, sig, normal, NULL, sizeof none);
}

void sys_default_signals(void)
{
	static const uint64_t none;
	sys_default_actions();
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, sizeof none);
}

int sys_set_limit(int resource, uint64_t soft, uint64_t hard)
{
	struct rlimit limit = { soft, hard };
	return result(prlimit(0, resource, &limit, NULL)); /* as sys_setuid_only() */
}

int sys_set_groups(gid_t gid, const gid_t *groups, size_t n)
{
	/* Not through musl, which would tell all threads, of which there are none. */
	if (syscall(SYS_setgroups, n, groups) < 0)
		return -errno;
	return result(syscall(SYS_setresgid, gid, gid, gid));
}

int sys_set_uid(uid_t uid)
{
	return result(syscall(SYS_setresuid, uid, uid, uid));
}

static int set_capabilities(uint64_t keep, bool lower)
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2] = { { 0, 0, 0 }, { 0, 0, 0 } };
	if (syscall(SYS_capget, &header, data) < 0)
		return -errno;
	for (int i = 0; i < 2; i++) {
		uint32_t mask = (uint32_t)(keep >> (32 * i));
		if ((mask & ~data[i].permitted) != 0)
			return -EPERM; /* what we have not got we cannot give */
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
	/* Ours, if whoever started us gave us some. */
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	int r = set_capabilities(keep, false);
	for (int cap = 0; r == 0 && cap < 64; cap++) {
		int has = prctl(PR_CAPBSET_READ, cap);
		if (has < 0)
			break; /* this kernel's last one was the one before */
		if (has > 0 && (keep >> cap & 1) == 0)
			r = result(prctl(PR_CAPBSET_DROP, cap));
	}
	return r;
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

#ifndef LANDLOCK_ACCESS_FS_REFER
#define LANDLOCK_ACCESS_FS_REFER (1ULL << 13)
#endif

int sys_landlock_rules(void)
{
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
	int r = result(all.parent_fd);
	if (r >= 0)
		r = result(syscall(SYS_landlock_add_rule, set, LANDLOCK_RULE_PATH_BENEATH, &all, 0));
	if (all.parent_fd >= 0)
		close(all.parent_fd);
	if (r < 0)
		close(set);
	return r < 0 ? r : set;
}

int sys_landlock_enter(int rules)
{
	return result(syscall(SYS_landlock_restrict_self, rules, 0));
}

static bool oom_protected = true;

void sys_learn_oom_score(void)
{
	char text[16];
	oom_protected = sys_read_file("/proc/self/oom_score_adj", text, sizeof text) < 0 || text[0] == '-';
}

void sys_reset_oom_score(void)
{
	/* Only what protects PID 1 goes; what a container's runtime has set for all of it stays. If it cannot go, that
	 * is no reason not to run the program. */
	if (oom_protected)
		sys_write_file("/proc/self/oom_score_adj", "0");
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

int sys_detach_mount(int fd)
{
	/* "." is the mount itself, even where the path that it covers still leads below it. */
	if (fchdir(fd) < 0)
		return -errno;
	int r = result(umount2(".", MNT_DETACH));
	return chdir("/") < 0 ? -errno : r;
}

int sys_bind_onto(int dir, const char *name, int target)
{
	int tree = result(syscall(SYS_open_tree, dir, name, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
	if (tree < 0)
		return tree;
	int r = result(
		syscall(SYS_move_mount, tree, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH));
	close(tree);
	return r;
}
