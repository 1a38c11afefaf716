/* SPDX-License-Identifier: MIT
 *
 * A connection that was there before us: one end of a pair whose other end whoever started us has, or gave away. The
 * kernel knows no more than who made the pair, so the manifest says who that is.
 */
#include <errno.h>

#include "sys.h"
#include "transport.h"

static int fd_open(const struct admin_listener *listener)
{
	int fd = sys_take_inherited(listener->fd);
	if (fd >= 0)
		sys_nonblock(fd);
	return fd;
}

static int fd_accept(const struct admin_listener *listener, int fd, struct transport_peer *who)
{
	*who = (struct transport_peer){ listener->uid, listener->gid, 0 };
	return fd;
}

const struct transport_class transport_fd = { "fd", true, fd_open, fd_accept, NULL };
