/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/mount.h>
#include <poll.h>
#include <signal.h>
#include <sys/fsuid.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sys.h"
#include "sys_measure.h"

/* Newer than the headers of the oldest system that we build on. */
#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif
#ifndef F_SEAL_EXEC
#define F_SEAL_EXEC 0x0020
#endif
#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)
/* Young files whose images are kept, at once; the others are only hashed again. */
#define LEASES_MAX 32

static int result(long r)
{
	return r < 0 ? -errno : (int)r;
}

int sys_memfd(const char *name)
{
	const unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	int fd = memfd_create(name, flags | MFD_EXEC);
	if (fd < 0 && errno == EINVAL) /* before Linux 6.3 */
		fd = memfd_create(name, flags);
	return result(fd);
}

int sys_seal(int fd)
{
	if (fcntl(fd, F_ADD_SEALS, SEALS | F_SEAL_EXEC) == 0)
		return 0;
	return result(fcntl(fd, F_ADD_SEALS, SEALS));
}

bool sys_is_sealed(int fd)
{
	int seals = fcntl(fd, F_GET_SEALS);
	return seals >= 0 && (seals & SEALS) == SEALS;
}

int sys_fchmod(int fd, mode_t mode)
{
	return result(fchmod(fd, mode));
}

int sys_openat(int dir, const char *path, int flags, mode_t mode)
{
	return result(openat(dir, path, flags | O_CLOEXEC, mode));
}

ssize_t sys_send_file(int to, int from, off_t at, size_t n)
{
	ssize_t r;
	do
		r = sendfile(to, from, &at, n);
	while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : r;
}

/* faccessat2, because only it takes an empty path; AT_EACCESS, so that the file system ids count. */
static int may(int fd, int what)
{
	return result(syscall(SYS_faccessat2, fd, "", what, AT_EMPTY_PATH | AT_EACCESS));
}

int sys_may_execute(int fd)
{
	return may(fd, X_OK);
}

int sys_may_read(int fd)
{
	return may(fd, R_OK);
}

int sys_as_user(uid_t uid, gid_t gid, const gid_t *groups, size_t n)
{
	/* Not through musl, which would tell all threads, of which there are none. */
	if (syscall(SYS_setgroups, n, groups) < 0)
		return -errno;
	setfsgid(gid);
	setfsuid(uid);
	/* The kernel takes back what shall happen at the parent's death whenever an id changes. */
	sys_die_with_parent();
	/* They report the former id and never fail: asking again tells. */
	return (uid_t)setfsuid((uid_t)-1) == uid && (gid_t)setfsgid((gid_t)-1) == gid ? 0 : -EPERM;
}

const uint8_t *sys_map_file(int fd, size_t n)
{
	void *p = mmap(NULL, n, PROT_READ, MAP_PRIVATE, fd, 0);
	return p == MAP_FAILED ? NULL : p;
}

/* ---- mounts ---- */

int sys_new_tmpfs(void)
{
	int fs = result(syscall(SYS_fsopen, "tmpfs", FSOPEN_CLOEXEC));
	if (fs < 0)
		return fs;
	int r = result(syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, "mode", "0755", 0));
	if (r == 0)
		r = result(syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0));
	if (r == 0)
		r = result(syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV));
	close(fs);
	return r;
}

int sys_tmpfs_read_only(int mount)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV };
	int fs = result(syscall(SYS_fspick, mount, "", FSPICK_CLOEXEC | FSPICK_EMPTY_PATH));
	if (fs < 0)
		return fs;
	int r = result(syscall(SYS_fsconfig, fs, FSCONFIG_SET_FLAG, "ro", NULL, 0));
	if (r == 0)
		r = result(syscall(SYS_fsconfig, fs, FSCONFIG_CMD_RECONFIGURE, NULL, NULL, 0));
	close(fs);
	if (r < 0)
		return r;
	return result(syscall(SYS_mount_setattr, mount, "", AT_EMPTY_PATH, &attr, sizeof attr));
}

int sys_clone_mount(int mount)
{
	return result(syscall(SYS_open_tree, mount, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH));
}

/* ---- leases ---- */

/* Descriptor + 1; zero is free. Written by the main program, and only read by the handler. */
static volatile sig_atomic_t leases[LEASES_MAX];

static void give_up_leases(int signal)
{
	int saved = errno;
	(void)signal;
	for (int i = 0; i < LEASES_MAX; i++)
		if (leases[i] != 0)
			fcntl((int)leases[i] - 1, F_SETLEASE, F_UNLCK);
	errno = saved;
}

int sys_lease(int fd)
{
	int i = 0;
	while (i < LEASES_MAX && leases[i] != 0)
		i++;
	if (i == LEASES_MAX)
		return -EMFILE;
	/* Before the first lease: SIGIO would end us otherwise. */
	int r = sys_signal_handler(SIGIO, give_up_leases);
	if (r < 0)
		return r;
	leases[i] = fd + 1;
	r = result(fcntl(fd, F_SETLEASE, F_RDLCK));
	if (r < 0)
		leases[i] = 0;
	return r;
}

bool sys_lease_held(int fd)
{
	return fcntl(fd, F_GETLEASE) == F_RDLCK;
}

void sys_lease_end(int fd)
{
	for (int i = 0; i < LEASES_MAX; i++)
		if (leases[i] == fd + 1)
			leases[i] = 0;
	fcntl(fd, F_SETLEASE, F_UNLCK);
}

/* ---- the worker itself ---- */

int sys_wait_readable(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int r = poll(&p, 1, ms);
	return r < 0 && errno == EINTR ? 0 : result(r);
}

bool sys_hung_up(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLRDHUP };
	return poll(&p, 1, 0) > 0 && (p.revents & (POLLHUP | POLLRDHUP | POLLERR | POLLNVAL)) != 0;
}

int sys_keep_capabilities(uint64_t keep)
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2] = { { 0, 0, 0 }, { 0, 0, 0 } };
	for (int cap = 0; cap <= 63; cap++)
		if ((keep >> cap & 1) == 0 && prctl(PR_CAPBSET_READ, cap) == 1)
			prctl(PR_CAPBSET_DROP, cap);
	if (syscall(SYS_capget, &header, data) < 0)
		return -errno;
	for (int i = 0; i < 2; i++) {
		uint32_t mask = (uint32_t)(keep >> (32 * i));
		data[i].permitted &= mask;
		data[i].effective &= mask;
		data[i].inheritable = 0;
	}
	return result(syscall(SYS_capset, &header, data));
}
