/* SPDX-License-Identifier: MIT
 *
 * The kernel seam: the Tao that this host itself runs on, as what crypto/ sees of it, platform.parent. The channel is the
 * one that the environment variables name which taoinit was started with (PROTOCOL, section 3); on a machine without any
 * the virtio-serial port of the name "tao".
 *
 * All but sys_parent_take() block, 20 s for a call at most: for the root worker. After a call without an answer, or with
 * one that cannot be read, all further ones fail; the next worker begins anew.
 */
#ifndef TAO_SYS_PARENT_H
#define TAO_SYS_PARENT_H

#include "../crypto/root.h"

struct tao_host;

struct sys_parent {
	struct platform platform; /* sys_platform and parent; its ctx is this struct: it must stay where it is */
	struct tao_host *host;
	bool dead; /* since a call failed so */
	size_t name_n;
	uint8_t name[ROOT_NAME_MAX]; /* what it calls us, binary Prin */
};

/* PID 1, when it begins: which channel, for sys_parent_open(); NULL if none is named. keep: the descriptors that the root
 * worker is to have as 4 and 5, high ones; 0: none. "": the port of a machine. */
const char *sys_parent_take(bool machine, int keep[2]);
/* Connects, and learns our name. What others left on the channel is skipped. ERR_IO, ERR_DENIED, ERR_TOO_LARGE; words: why,
 * and the remedy. */
int sys_parent_open(struct sys_parent *parent, const char *channel, struct wr *words);
/* Makes our name longer by a binary SubPrin, and learns it. */
int sys_parent_extend(struct sys_parent *parent, struct span subprin, struct wr *words);

/* PID 1: has whoever started us asked to be told when we are up: by $TAO_READY_FD, which becomes *fd, a high one, or -1; by
 * $NOTIFY_SOCKET; or by a machine's virtio-serial port of the name "tao.ready"? */
bool sys_ready_take(bool machine, int *fd);
/* Tells it. A newline, or READY=1. */
void sys_ready_tell(bool machine, int fd);

#endif
