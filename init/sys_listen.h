/* SPDX-License-Identifier: MIT
 *
 * The kernel seam: what PID 1 listens on for services. Descriptors, close-on-exec and blocking, as programs expect
 * those that they are given; or -errno.
 */
#ifndef TAO_SYS_LISTEN_H
#define TAO_SYS_LISTEN_H

#include <sys/socket.h>
#include <sys/types.h>

#include "../crypto/base.h"

struct sys_owner {
	mode_t mode;
	bool change; /* to these; else it stays ours */
	uid_t uid;
	gid_t gid;
};

/* An address that no interface has yet will do. */
int sys_listen_inet(const struct sockaddr *address, bool stream);
/* A stream socket at a path; one that was left there goes, anything else is in the way. */
int sys_listen_at(const char *path, const struct sys_owner *owner);
/* Made if it is missing; open for reading and writing, so that its end of file never comes. */
int sys_open_fifo(const char *path, const struct sys_owner *owner);

#endif
