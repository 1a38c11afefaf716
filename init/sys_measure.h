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
/* What to open, by descriptor of a directory. */
int sys_openat(int dir, const char *path, int flags, mode_t mode);
/* From from's byte at on to to's position, at most n, inside the kernel; 0 at the end. */
ssize_t sys_send_file(int to, int from, off_t at, size_t n);
/* May the caller's file system ids execute, or read, what fd (O_PATH) stands for? Mount options count. */
int sys_may_execute(int fd);
int sys_may_read(int fd);
/* From now on files are looked up and opened as this user; back with uid 0. Root's file capabilities go and
 * come with it. */
int sys_as_user(uid_t uid, gid_t gid, const gid_t *groups, size_t n);
/* n bytes of a file for reading, which may yet grow to that size; NULL on failure. sys_unmap frees it. */
const uint8_t *sys_map_file(int fd, size_t n);

/* A tmpfs that is mounted nowhere yet: its descriptor. -EPERM without CAP_SYS_ADMIN. */
int sys_new_tmpfs(void);
/* The file system and its mount become read-only, for good as far as services without CAP_SYS_ADMIN go. */
int sys_tmpfs_read_only(int mount);
/* One more mount of the same, mounted nowhere yet. -EINVAL before Linux 6.15. */
int sys_clone_mount(int mount);

/* Leases: while one is held, nobody can open the file for writing, or cut it, without it being lost first (the
 * worker's SIGIO handler gives all of them up at once, so writers wait for microseconds). sys_lease fails where
 * somebody has the file open for writing, and on file systems that cannot. */
int sys_lease(int fd);
bool sys_lease_held(int fd);
void sys_lease_end(int fd); /* before fd is closed */

/* 1: something to read, or the end; 0: not within ms milliseconds (or a signal came). */
int sys_wait_readable(int fd, int ms);
/* Has the peer of a socket gone? (An empty message reads like an end.) */
bool sys_hung_up(int fd);
/* Gives up every capability but these (bits CAP_x), the bounding set's included. */
int sys_keep_capabilities(uint64_t keep);

#endif
