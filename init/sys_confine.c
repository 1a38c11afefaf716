/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sys_confine.h"

static int result(long r)
{
	return r < 0 ? -errno : (int)r;
}

int sys_unshare(unsigned namespaces)
{
	return result(unshare((int)namespaces));
}

int sys_set_nice(int nice)
{
	return result(setpriority(PRIO_PROCESS, 0, nice));
}

int sys_set_scheduler(int policy, int priority)
{
	/* musl's own refuses: it means processes, the kernel means threads. Here there is one. */
	struct sched_param param = { .sched_priority = priority };
	return result(syscall(SYS_sched_setscheduler, 0, policy, &param));
}

int sys_set_oom_score(int score)
{
	char text[16];
	int n = snprintf(text, sizeof text, "%d", score);
	int fd = result(open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC));
	if (fd < 0)
		return fd;
	int r = result(write(fd, text, (size_t)n));
	close(fd);
	return r < 0 ? r : 0;
}

int sys_filter_calls(struct sock_filter *program, size_t n)
{
	struct sock_fprog filter = { .len = (unsigned short)n, .filter = program };
	return result(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter));
}

int sys_open_straight(const char *path)
{
	struct open_how how = { .flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_NO_SYMLINKS };
	return result(syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how));
}

int sys_copy_tree(int at)
{
	return result(syscall(SYS_open_tree, at, "",
			      OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE | AT_EMPTY_PATH));
}

int sys_make_tmpfs(const char *mode, bool read_only)
{
	unsigned attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
	int fs = result(syscall(SYS_fsopen, "tmpfs", FSOPEN_CLOEXEC));
	if (fs < 0)
		return fs;
	int r = result(syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, "mode", mode, 0));
	if (r == 0)
		r = result(syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0));
	if (r == 0)
		r = result(syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC,
				   attributes | (read_only ? MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOEXEC : 0)));
	close(fs);
	return r;
}

int sys_move_onto(int mount, int target)
{
	return result(
		syscall(SYS_move_mount, mount, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH));
}

int sys_make_read_only(const char *path)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY };
	return result(syscall(SYS_mount_setattr, AT_FDCWD, path, AT_RECURSIVE, &attr, sizeof attr));
}
