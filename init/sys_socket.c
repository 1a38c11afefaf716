/* SPDX-License-Identifier: MIT
 *
 * The kernel seam: sockets and descriptors sent over them.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "sys.h"

/* Linux carries at most 253 (SCM_MAX_FD); we never send more than three. */
#define FDS_MAX 8

int sys_socketpair(int type, int fds[2])
{
	return socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, fds) < 0 ? -errno : 0;
}

static ssize_t transmit(int fd, const struct msghdr *m, int flags)
{
	ssize_t r;
	do
		r = sendmsg(fd, m, MSG_NOSIGNAL | flags);
	while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : r;
}

static ssize_t transmit_fds(int fd, struct span bytes, const int *fds, int n_fds, int flags)
{
	union {
		struct cmsghdr align;
		char b[CMSG_SPACE(FDS_MAX * sizeof(int))];
	} control;
	struct iovec iov = { (void *)(uintptr_t)bytes.p, bytes.n };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	if (n_fds > FDS_MAX)
		return -EINVAL;
	if (n_fds > 0) {
		memset(&control, 0, sizeof control);
		m.msg_control = control.b;
		m.msg_controllen = (socklen_t)CMSG_SPACE((size_t)n_fds * sizeof(int));
		struct cmsghdr *c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = (socklen_t)CMSG_LEN((size_t)n_fds * sizeof(int));
		memcpy(CMSG_DATA(c), fds, (size_t)n_fds * sizeof(int));
	}
	return transmit(fd, &m, flags);
}

/* CMSG_NXTHDR of musl mixes signs in its arithmetic. */
static struct cmsghdr *next_header(struct msghdr *m, struct cmsghdr *c)
{
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsign-conversion"
	return CMSG_NXTHDR(m, c);
#pragma GCC diagnostic pop
}

ssize_t sys_send(int fd, struct span bytes, const int *fds, int n_fds)
{
	return transmit_fds(fd, bytes, fds, n_fds, MSG_DONTWAIT);
}

ssize_t sys_recv_bytes(int fd, void *p, size_t cap)
{
	ssize_t r;
	do
		r = recv(fd, p, cap, MSG_DONTWAIT);
	while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : r;
}

ssize_t sys_send_parts(int fd, const struct span *parts, unsigned n)
{
	struct iovec iov[SYS_PARTS_MAX];
	struct msghdr m = { .msg_iov = iov };
	ssize_t r;
	if (n == 1) {
		do
			r = send(fd, parts[0].p, parts[0].n, MSG_NOSIGNAL | MSG_DONTWAIT);
		while (r < 0 && errno == EINTR);
		return r < 0 ? -errno : r;
	}
	if (n > SYS_PARTS_MAX)
		return -EINVAL;
	for (unsigned i = 0; i < n; i++, m.msg_iovlen++)
		iov[i] = (struct iovec){ (void *)(uintptr_t)parts[i].p, parts[i].n };
	return transmit(fd, &m, MSG_DONTWAIT);
}

ssize_t sys_send_wait(int fd, struct span bytes, const int *fds, int n_fds)
{
	return transmit_fds(fd, bytes, fds, n_fds, 0);
}

static void take_fds(struct msghdr *m, int *fds, int cap_fds, int *n_fds)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c != NULL; c = next_header(m, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			int fd;
			memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
			if (*n_fds < cap_fds)
				fds[(*n_fds)++] = fd;
			else
				close(fd);
		}
	}
}

static ssize_t receive(int fd, void *p, size_t cap, int *fds, int cap_fds, int *n_fds, int flags)
{
	union {
		struct cmsghdr align;
		char b[CMSG_SPACE(FDS_MAX * sizeof(int))];
	} control;
	struct iovec iov = { p, cap };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	int none = 0;
	if (n_fds == NULL)
		n_fds = &none;
	*n_fds = 0;
	/* Without room for them the kernel drops descriptors itself. */
	if (cap_fds > 0) {
		m.msg_control = control.b;
		m.msg_controllen = sizeof control.b;
	}
	ssize_t r;
	do
		r = recvmsg(fd, &m, MSG_CMSG_CLOEXEC | flags);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return -errno;
	take_fds(&m, fds, cap_fds, n_fds);
	return (m.msg_flags & MSG_TRUNC) != 0 ? -EMSGSIZE : r;
}

ssize_t sys_recv(int fd, void *p, size_t cap, int *fds, int cap_fds, int *n_fds)
{
	return receive(fd, p, cap, fds, cap_fds, n_fds, MSG_DONTWAIT);
}

ssize_t sys_recv_of(int fd, void *p, size_t cap, pid_t *sender)
{
	union {
		struct cmsghdr align;
		char b[CMSG_SPACE(sizeof(struct ucred))];
	} control;
	struct iovec iov = { p, cap };
	struct msghdr m = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.b, .msg_controllen = sizeof control.b
	};
	struct ucred who = { 0 };
	ssize_t r;
	do
		r = recvmsg(fd, &m, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	while (r < 0 && errno == EINTR);
	const struct cmsghdr *c = r < 0 ? NULL : CMSG_FIRSTHDR(&m);
	if (c != NULL && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_CREDENTIALS)
		memcpy(&who, CMSG_DATA(c), sizeof who);
	*sender = who.pid;
	return r < 0 ? -errno : r;
}

int sys_tell_senders(int fd)
{
	static const int on = 1;
	return setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof on) < 0 ? -errno : 0;
}

ssize_t sys_recv_wait(int fd, void *p, size_t cap, int *fds, int cap_fds, int *n_fds)
{
	return receive(fd, p, cap, fds, cap_fds, n_fds, 0);
}

static int unix_address(const char *path, struct sockaddr_un *a)
{
	memset(a, 0, sizeof *a);
	a->sun_family = AF_UNIX;
	if (strlen(path) >= sizeof a->sun_path)
		return -ENAMETOOLONG;
	strcpy(a->sun_path, path);
	return 0;
}

int sys_connect_unix(const char *path)
{
	struct sockaddr_un a;
	int error = unix_address(path, &a);
	if (error < 0)
		return error;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&a, sizeof a) < 0) {
		error = -errno;
		close(fd);
		return error;
	}
	return fd;
}

static int bind_unix(int type, const char *path, mode_t mode)
{
	struct sockaddr_un a;
	int error = unix_address(path, &a);
	if (error < 0)
		return error;
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	unlink(path); /* left over from a run that was killed */
	/* The mode must hold from the first moment, and fchmod does nothing for a socket's name. */
	mode_t old = umask(0777 & ~mode);
	int r = bind(fd, (struct sockaddr *)&a, sizeof a);
	error = -errno;
	umask(old);
	if (r == 0)
		return fd;
	close(fd);
	return error;
}

int sys_listen_unix(const char *path, mode_t mode)
{
	int fd = bind_unix(SOCK_STREAM, path, mode);
	if (fd < 0 || listen(fd, 64) == 0)
		return fd;
	int error = -errno;
	close(fd);
	return error;
}

int sys_bind_datagram(const char *path, mode_t mode)
{
	return bind_unix(SOCK_DGRAM, path, mode);
}

int sys_accept(int fd)
{
	int r;
	do
		r = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : r;
}

int sys_peer(int fd, struct ucred *who)
{
	socklen_t n = sizeof *who;
	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, who, &n) < 0 ? -errno : 0;
}

bool sys_peer_in_group(int fd, gid_t gid)
{
	gid_t groups[256];
	socklen_t n = sizeof groups;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &n) < 0)
		return false;
	for (size_t i = 0; i < n / sizeof groups[0]; i++)
		if (groups[i] == gid)
			return true;
	return false;
}

int sys_take_inherited(int fd)
{
	int type = 0;
	socklen_t n = sizeof type;
	if (fcntl(fd, F_GETFD) != 0)
		return -EBADF;
	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &n) < 0 || type != SOCK_STREAM)
		return -ENOTSOCK;
	int high = sys_dup_high(fd);
	if (high >= 0)
		close(fd);
	return high;
}
