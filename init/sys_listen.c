/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "sys_listen.h"

/* As many as the kernel allows (net.core.somaxconn). */
#define BACKLOG 4096

static int result(int r)
{
	return r < 0 ? -errno : r;
}

static int set(int fd, int level, int option, int value)
{
	return result(setsockopt(fd, level, option, &value, sizeof value));
}

static int closed(int fd, int r)
{
	if (r < 0)
		close(fd);
	return r < 0 ? r : fd;
}

int sys_listen_inet(const struct sockaddr *address, bool stream)
{
	bool six = address->sa_family == AF_INET6;
	int fd = result(socket(address->sa_family, (stream ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0));
	if (fd < 0)
		return fd;
	/* [::] takes IPv4 as well, whatever the machine's default is. */
	int r = six ? set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0) : 0;
	if (r >= 0 && stream)
		r = set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (r >= 0)
		r = set(fd, IPPROTO_IP, IP_FREEBIND, 1);
	if (r >= 0)
		r = result(bind(fd, address, six ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in)));
	if (r >= 0 && stream)
		r = result(listen(fd, BACKLOG));
	return closed(fd, r);
}

/* What stands there now, if it is what we have made, and no link to something else. */
static int give_away(const char *path, const struct sys_owner *owner)
{
	struct stat st;
	if (!owner->change)
		return 0;
	int fd = result(open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC));
	if (fd < 0)
		return fd;
	int r = result(fstat(fd, &st));
	if (r >= 0 && (!S_ISSOCK(st.st_mode) || st.st_uid != geteuid()))
		r = -ESTALE;
	if (r >= 0)
		r = result(fchownat(fd, "", owner->uid, owner->gid, AT_EMPTY_PATH));
	close(fd);
	return r;
}

int sys_listen_at(const char *path, const struct sys_owner *owner)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	struct stat st;
	if (strlen(path) >= sizeof a.sun_path)
		return -ENAMETOOLONG;
	strcpy(a.sun_path, path);
	int fd = result(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
	if (fd < 0)
		return fd;
	if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode))
		unlink(path);
	/* The mode must hold from the first moment. */
	mode_t old = umask(0777 & ~owner->mode);
	int r = result(bind(fd, (struct sockaddr *)&a, sizeof a));
	umask(old);
	if (r >= 0)
		r = give_away(path, owner);
	if (r >= 0)
		r = result(listen(fd, BACKLOG));
	return closed(fd, r);
}

int sys_open_fifo(const char *path, const struct sys_owner *owner)
{
	struct stat st;
	if (mkfifo(path, 0600) < 0 && errno != EEXIST)
		return -errno;
	int fd = result(open(path, O_RDWR | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC));
	if (fd < 0)
		return fd;
	int r = result(fstat(fd, &st));
	if (r >= 0 && !S_ISFIFO(st.st_mode))
		r = -EEXIST;
	if (r >= 0 && owner->change)
		r = result(fchown(fd, owner->uid, owner->gid));
	if (r >= 0)
		r = result(fchmod(fd, owner->mode));
	if (r >= 0)
		r = result(fcntl(fd, F_SETFL, O_RDWR));
	return closed(fd, r);
}
