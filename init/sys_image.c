/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "sys_image.h"

#define DIRECTORY (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

static int result(int r)
{
	return r < 0 ? -errno : r;
}

int sys_lstat(const char *path, struct stat *st)
{
	return result(lstat(path, st));
}

int sys_symlink(const char *target, const char *path)
{
	return result(symlink(target, path));
}

int sys_link(const char *target, const char *path)
{
	return result(linkat(AT_FDCWD, target, AT_FDCWD, path, 0));
}

int sys_set_mtime(const char *path, int64_t seconds)
{
	struct timespec times[2] = { { 0, UTIME_NOW }, { (time_t)seconds, 0 } };
	return result(utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW));
}

/* Removes what is in a directory up to the first of its directories that is not empty: a descriptor of that, 0 if there is
 * none. */
static int sweep(DIR *directory)
{
	const struct dirent *entry;
	int fd = dirfd(directory);
	while ((entry = readdir(directory)) != NULL) {
		const char *name = entry->d_name;
		if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || unlinkat(fd, name, 0) == 0)
			continue;
		if (errno == EISDIR && unlinkat(fd, name, AT_REMOVEDIR) == 0)
			continue;
		return errno == ENOTEMPTY ? result(openat(fd, name, DIRECTORY)) : -errno;
	}
	return 0;
}

/* Down into what is not empty, and up again from what is: there it is swept as an empty one. Its depth has no bound (links
 * make it longer than any path), and takes neither stack nor descriptors. */
int sys_empty_directory(const char *path)
{
	int at = result(open(path, DIRECTORY));
	for (unsigned depth = 0; at >= 0;) {
		DIR *directory = fdopendir(at);
		if (directory == NULL) {
			close(at);
			return -ENOMEM;
		}
		int below = sweep(directory);
		bool done = below == 0 && depth == 0;
		if (below == 0 && depth > 0)
			at = result(openat(dirfd(directory), "..", DIRECTORY));
		else
			at = below;
		depth = below > 0 ? depth + 1 : depth - 1;
		closedir(directory);
		if (done)
			return 0;
	}
	return at;
}
