/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sys.h"
#include "sys_child.h"
#include "sys_confine.h"
#include "sys_container.h"

/* Of a path in a container, and of a file system's options. */
#define PATH_BYTES 4096
#define OPTIONS_BYTES 1024

static int result(long r)
{
	return r < 0 ? -errno : (int)r;
}

/* ---- ids and rights ---- */

static int write_map(pid_t pid, const char *file, uint32_t base, uint32_t count)
{
	char path[48], text[40];
	snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, file);
	snprintf(text, sizeof text, "0 %u %u", (unsigned)base, (unsigned)count);
	return sys_write_file(path, text);
}

int sys_map_ids(pid_t pid, uint32_t uid, uint32_t gid, uint32_t count, bool groups)
{
	char path[48];
	int r = 0;
	snprintf(path, sizeof path, "/proc/%d/setgroups", (int)pid);
	if (!groups)
		r = sys_write_file(path, "deny");
	if (r >= 0)
		r = write_map(pid, "gid_map", gid, count);
	return r < 0 ? r : write_map(pid, "uid_map", uid, count);
}

int sys_become_root(void)
{
	/* Not where the groups are those of an ordinary user, who keeps them. */
	if (syscall(SYS_setgroups, 0, NULL) < 0 && errno != EPERM)
		return -errno;
	if (syscall(SYS_setresgid, 0, 0, 0) < 0)
		return -errno;
	return result(syscall(SYS_setresuid, 0, 0, 0));
}

int sys_join_network(const char *path)
{
	int fd = sys_open(path, O_RDONLY, 0);
	if (fd < 0)
		return fd;
	int r = result(setns(fd, CLONE_NEWNET));
	close(fd);
	return r;
}

int sys_dumpable(void)
{
	return result(prctl(PR_SET_DUMPABLE, 1));
}

int sys_own_keyring(void)
{
	long r = syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL, 0, 0, 0);
	return r < 0 && errno != ENOSYS && errno != EPERM ? -errno : 0;
}

/* ---- mounts ---- */

/* "size=1M,nr_inodes=7,noswap" */
static int configure(int fs, const char *options)
{
	char text[OPTIONS_BYTES];
	size_t n = strlen(options);
	if (n >= sizeof text)
		return -E2BIG;
	memcpy(text, options, n + 1);
	for (char *rest = text, *word; (word = strtok_r(rest, ",", &rest)) != NULL;) {
		char *value = strchr(word, '=');
		if (value != NULL)
			*value++ = '\0';
		int r = result(syscall(SYS_fsconfig, fs, value != NULL ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG,
				       word, value, 0));
		if (r < 0)
			return r;
	}
	return result(syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0));
}

/* These are the same bits for mount(2) and for fsmount(2). */
_Static_assert(MS_RDONLY == MOUNT_ATTR_RDONLY && MS_NOSUID == MOUNT_ATTR_NOSUID && MS_NODEV == MOUNT_ATTR_NODEV &&
		       MS_NOEXEC == MOUNT_ATTR_NOEXEC,
	       "one set of flags");
#define FLAGS (MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC)

int sys_make_fs(const char *type, const char *options, unsigned long flags)
{
	int fs = result(syscall(SYS_fsopen, type, FSOPEN_CLOEXEC));
	if (fs < 0)
		return fs;
	int r = configure(fs, options);
	if (r >= 0)
		r = result(syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, flags & FLAGS));
	close(fs);
	return r;
}

int sys_copy_mount(const char *path, unsigned long flags)
{
	struct mount_attr attr = { .attr_set = flags & FLAGS };
	int tree =
		result(syscall(SYS_open_tree, AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE));
	if (tree < 0 || attr.attr_set == 0)
		return tree;
	int r = result(syscall(SYS_mount_setattr, tree, "", AT_RECURSIVE | AT_EMPTY_PATH, &attr, sizeof attr));
	if (r < 0)
		close(tree);
	return r < 0 ? r : tree;
}

static const char *relative(const char *path)
{
	path += strspn(path, "/");
	return path[0] != '\0' ? path : ".";
}

int sys_open_below(int root, const char *path)
{
	struct open_how how = { .flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH };
	return result(syscall(SYS_openat2, root, relative(path), &how, sizeof how));
}

static int make_one(int root, const char *path, bool file)
{
	const char *from = relative(path);
	if (file)
		return result(mknodat(root, from, S_IFREG | 0644, 0));
	return result(mkdirat(root, from, 0755));
}

/* Each part is looked at, and so is no link, before the next one is made in it: nobody else works in here. */
int sys_make_below(int root, const char *path, bool file)
{
	char part[PATH_BYTES];
	size_t n = strlen(path);
	int fd = sys_open_below(root, path);
	if (fd != -ENOENT)
		return fd;
	if (n >= sizeof part)
		return -ENAMETOOLONG;
	for (size_t i = 1; i <= n; i++) {
		if (path[i] != '/' && path[i] != '\0')
			continue;
		memcpy(part, path, i);
		part[i] = '\0';
		fd = sys_open_below(root, part);
		int r = fd == -ENOENT ? make_one(root, part, file && i == n) : fd;
		if (r < 0)
			return r;
		if (fd >= 0)
			close(fd);
	}
	return sys_open_below(root, path);
}

int sys_link_below(int root, const char *target, const char *path)
{
	return result(symlinkat(target, root, relative(path)));
}

int sys_chdir_fd(int fd)
{
	return result(fchdir(fd));
}

int sys_chroot_here(void)
{
	return result(chroot("."));
}

int sys_cover_root(void)
{
	int tree = sys_copy_mount("/", 0);
	int r = tree < 0 ? tree : sys_attach_mount(tree, "/");
	if (r >= 0)
		r = result(fchdir(tree));
	if (r >= 0)
		r = result(chroot("."));
	if (tree >= 0)
		close(tree);
	return r;
}

int sys_enter_root(int mount)
{
	if (fchdir(mount) < 0)
		return -errno;
	/* The old root is put over the new one, from where it is taken away. */
	if (syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		return -errno;
	return 0;
}
