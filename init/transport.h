/* SPDX-License-Identifier: MIT
 *
 * How admin clients reach us. One const struct transport_class a kind, in transport_<kind>.c, with one row in
 * transport.def. None of these calls blocks.
 */
#ifndef TAO_TRANSPORT_H
#define TAO_TRANSPORT_H

#include "manifest.h"

/* Who a client is, as the kernel said when it came, or the manifest; pid 0: that is not known. */
struct transport_peer {
	uid_t uid;
	gid_t gid;
	pid_t pid;
};

struct transport_class {
	const char *name;
	bool inherited; /* open gives the connection of the one client there is, which accept takes */
	/* Begins to listen: a descriptor, or -errno. */
	int (*open)(const struct admin_listener *listener);
	/* Takes one client: a non-blocking stream socket, or -errno. */
	int (*accept)(const struct admin_listener *listener, int fd, struct transport_peer *who);
	void (*close)(const struct admin_listener *listener, int fd); /* of what listens */
};

#define TRANSPORT(id) extern const struct transport_class transport_##id;
#include "transport.def"
#undef TRANSPORT

#endif
