/* SPDX-License-Identifier: MIT
 *
 * The kernel seam: what containers are made of. As in sys.h: zero or positive, or -errno. File systems are made
 * as mounts that are nowhere yet; places for them are found below the descriptor of a root, without following a
 * symbolic link: what stands there is an image's.
 */
#ifndef TAO_SYS_CONTAINER_H
#define TAO_SYS_CONTAINER_H

#include <sys/types.h>

#include "../crypto/base.h"

/* ids 0 to count - 1 of the user namespace that pid has made become those from base on. Its maker alone may do that, or
 * who may set uids; groups: may those in it set their groups? Linux wants that not to be so where the maker may not. */
int sys_map_ids(pid_t pid, uint32_t uid, uint32_t gid, uint32_t count, bool groups);
int sys_become_root(void); /* of the user namespace that one is in */
int sys_join_network(const char *path);
int sys_dumpable(void);
int sys_own_keyring(void);

/* A file system of this type; options as in mount(8), separated by commas; flags: MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC. */
int sys_make_fs(const char *type, const char *options, unsigned long flags);
/* A copy of what is mounted at and below a path; the flags are added. */
int sys_copy_mount(const char *path, unsigned long flags);
/* O_PATH; a path with or without / before it. -ELOOP for a symbolic link. */
int sys_open_below(int root, const char *path);
/* The same; made if it is missing: directories, and a file at the end if that is wanted. */
int sys_make_below(int root, const char *path, bool file);
int sys_link_below(int root, const char *target, const char *path); /* a symbolic link */
int sys_chdir_fd(int fd);
int sys_chroot_here(void); /* the working directory becomes / */
/* Where / cannot be left by pivot_root, as an initramfs: a copy of it becomes /. */
int sys_cover_root(void);
/* A mount becomes /, and all that was / before is gone from this mount namespace. */
int sys_enter_root(int mount);

#endif
