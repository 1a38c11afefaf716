/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sys.h"
#include "sys_platform.h"

static int error_of(int error)
{
	switch (error) {
	case ENOENT:
		return ERR_NOT_FOUND;
	case ENOSPC:
	case EDQUOT:
		return ERR_NO_SPACE;
	case ELOOP: /* a symbolic link where our file should be */
	case EACCES:
	case EPERM:
		return ERR_BAD_MODE;
	default:
		return ERR_IO;
	}
}

static int platform_read(void *ctx, const char *path, uint8_t *dst, size_t cap)
{
	struct stat st;
	(void)ctx;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return error_of(errno);
	int r = 0;
	if (fstat(fd, &st) < 0)
		r = ERR_IO;
	else if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 077) != 0)
		r = ERR_BAD_MODE;
	else if ((uint64_t)st.st_size > cap)
		r = ERR_TOO_LARGE;
	size_t n = 0;
	while (r == 0 && n < cap) {
		ssize_t k = sys_read(fd, dst + n, cap - n);
		if (k < 0)
			r = ERR_IO;
		if (k <= 0)
			break;
		n += (size_t)k;
	}
	close(fd);
	return r < 0 ? r : (int)n;
}

/* Directories above a file of ours are made where they are missing: first boot. */
static int open_for_writing(const char *path)
{
	const int flags = O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY;
	char parent[256];
	int fd = open(path, flags, 0600);
	if (fd >= 0 || errno != ENOENT)
		return fd;
	for (const char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
		int n = snprintf(parent, sizeof parent, "%.*s", (int)(slash - path), path);
		if (n < 0 || (size_t)n >= sizeof parent)
			break;
		mkdir(parent, 0700);
	}
	return open(path, flags, 0600);
}

static int platform_write(void *ctx, const char *path, struct span bytes)
{
	(void)ctx;
	int fd = open_for_writing(path);
	if (fd < 0)
		return error_of(errno);
	int r = 0;
	if (fchmod(fd, 0600) < 0) /* a file that stood there keeps its mode otherwise */
		r = error_of(errno);
	if (r == 0 && (r = sys_write_all(fd, bytes.p, bytes.n)) < 0)
		r = error_of(-r);
	close(fd);
	return r;
}

static int sync_path(const char *path, int flags)
{
	int fd = open(path, flags | O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return error_of(errno);
	int r = fsync(fd) < 0 ? error_of(errno) : 0;
	close(fd);
	return r;
}

static int platform_sync(void *ctx, const char *path)
{
	(void)ctx;
	return sync_path(path, O_NOFOLLOW);
}

static int platform_sync_dir(void *ctx, const char *path)
{
	(void)ctx;
	return sync_path(path, O_DIRECTORY);
}

static int platform_rename(void *ctx, const char *from, const char *to)
{
	(void)ctx;
	return rename(from, to) < 0 ? error_of(errno) : 0;
}

static int platform_remove(void *ctx, const char *path)
{
	(void)ctx;
	return unlink(path) < 0 ? error_of(errno) : 0;
}

static int platform_random(void *ctx, uint8_t *dst, size_t n)
{
	(void)ctx;
	return sys_random(dst, n) < 0 ? ERR_IO : 0;
}

const struct platform sys_platform = {
	.read = platform_read,
	.write = platform_write,
	.sync = platform_sync,
	.sync_dir = platform_sync_dir,
	.rename = platform_rename,
	.remove = platform_remove,
	.random = platform_random,
};
