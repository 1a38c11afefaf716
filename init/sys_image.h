/* SPDX-License-Identifier: MIT
 *
 * The kernel seam: what unpacking an image needs besides. As in sys.h: zero or positive, or -errno. Symbolic links are
 * followed on the way to a path's last part, never there.
 */
#ifndef TAO_SYS_IMAGE_H
#define TAO_SYS_IMAGE_H

#include <stdint.h>
#include <sys/stat.h>

int sys_lstat(const char *path, struct stat *st);
int sys_symlink(const char *target, const char *path);
int sys_link(const char *target, const char *path);
int sys_set_mtime(const char *path, int64_t seconds);
/* All that is in a directory, however deep; stops at the first failure. Allocates. */
int sys_empty_directory(const char *path);

#endif
