/* SPDX-License-Identifier: MIT
 *
 * File systems: mounted before the root of trust is opened, whose files may stand on one, and taken off at the end.
 * A disk can keep whoever asks waiting for ever, so that all of this is done by processes of their own.
 */
#ifndef TAO_MOUNTS_H
#define TAO_MOUNTS_H

#include "manifest.h"

/* The worker's one message. */
struct mounts_made {
	int32_t error; /* -errno of the one that failed */
	/* Of the device under host.switch_root, where that is one of dm-verity: its root hash. */
	uint32_t verity_n;
	uint8_t verity[64];
	char text[512];
};

/* The life of the worker that loads modules, mounts, and makes way for another root (initramfs.h); arg is the struct host
 * of the manifest. Blocks. */
int mount_worker(int socket, void *arg);

/* Swap off, then every file system that is on a device off, the last mounted first; what is busy is made read-only.
 * Blocks: for a child of PID 1, at its end. */
void mounts_leave(void);

#endif
