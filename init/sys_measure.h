/* SPDX-License-Identifier: MIT
 *
 * The kernel seam: what the measure worker needs. As in sys.h: zero or positive, or -errno.
 */
#ifndef TAO_SYS_MEASURE_H
#define TAO_SYS_MEASURE_H

#include <sys/stat.h>
#include <sys/types.h>

#include "../crypto/base.h"

/* A memfd that can be sealed and executed, close-on-exec. -EACCES where vm.memfd_noexec forbids it. */
int sys_memfd(const char *name);
/* Seals it against every change, its mode included where the kernel can. */
int sys_seal(int fd);
/* Is it a memfd sealed against writing, growing, shrinking and unsealing? */
bool sys_is_sealed(int fd);
int sys_fchmod(int fd, mode_t mode);
int sys_ftruncate(int fd, off_t size);
/* What to open, by descriptor of a directory. */
int sys_openat(int dir, const char *path, int flags, mode_t mode);
/* May the caller's file system ids execute what fd (O_PATH) stands for? Mount options count. */
int sys_may_execute(int fd);
/* From now on files are looked up and opened as this user; back with uid 0. Root's file capabilities go and
 * come with it. */
int sys_as_user(uid_t uid, gid_t gid, const gid_t *groups, size_t n);
/* The whole of a file for reading, NULL on failure; sys_unmap frees it. */
const uint8_t *sys_map_file(int fd, size_t n);
/* A tmpfs that is mounted nowhere yet: its descriptor. -EPERM without CAP_SYS_ADMIN. */
int sys_new_tmpfs(void);
int sys_tmpfs_read_only(int mount);
/* Gives up every capability but these (bits CAP_x). */
int sys_keep_capabilities(uint64_t keep);

#endif
