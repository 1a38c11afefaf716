/* SPDX-License-Identifier: MIT
 *
 * What an initramfs is for: the modules that it takes to mount a machine's disks, and giving way to what is on one.
 * All of it blocks and is done by the worker that mounts, but for the one step that PID 1 has to do for itself.
 */
#ifndef TAO_INITRAMFS_H
#define TAO_INITRAMFS_H

#include "mounts.h"

/* host.modules. made->error is the first that the kernel did not take, or 0. */
void initramfs_modules(const struct host *host, struct mounts_made *made);
/* The root hash into made, of a dm-verity device's table (Documentation/admin-guide/device-mapper/verity.rst, without the
 * name of the type). False: it has none, or lets pass what it finds changed, so that it says nothing. */
bool initramfs_verity(const char *table, struct mounts_made *made);
/* host.switch_root, first: is the new root one, and may this one go? /proc, /sys, /dev and /run move. */
void initramfs_leave(const struct host *host, struct mounts_made *made);
/* Second, in PID 1: the new root is /. Does not wait for a disk. 0 or -errno. */
int initramfs_switch(const struct host *host);
/* Last, in the worker, which still sees the old root: gives its memory back. */
void initramfs_remove(void);

#endif
