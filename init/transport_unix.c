/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>

#include "sys.h"
#include "transport.h"

/* The socket's directory is made where it is missing; deeper ones are the image's business. */
static void make_parent(const char *path)
{
	char parent[256];
	const char *slash = strrchr(path, '/');
	if (slash == NULL || slash == path || (size_t)(slash - path) >= sizeof parent)
		return;
	snprintf(parent, sizeof parent, "%.*s", (int)(slash - path), path);
	sys_mkdir(parent, 0755);
}

static int unix_open(const struct admin_listener *listener)
{
	make_parent(listener->path);
	int fd = sys_listen_unix(listener->path, 0600);
	if (fd < 0 || !listener->has_group)
		return fd;
	/* The group first: a mode that lets it in would let another one in before. */
	int r = sys_chown(listener->path, (uid_t)-1, listener->gid);
	if (r >= 0)
		r = sys_chmod(listener->path, 0660);
	if (r < 0)
		sys_close(fd);
	return r < 0 ? r : fd;
}

static int unix_accept(const struct admin_listener *listener, int fd, struct transport_peer *who)
{
	(void)listener;
	struct ucred peer;
	int client = sys_accept(fd);
	if (client < 0)
		return client;
	int r = sys_peer(client, &peer);
	if (r < 0) {
		sys_close(client);
		return r;
	}
	*who = (struct transport_peer){ peer.uid, peer.gid, peer.pid };
	return client;
}

static void unix_close(const struct admin_listener *listener, int fd)
{
	sys_unlink(listener->path);
	sys_close(fd);
}

const struct transport_class transport_unix = { "unix", false, unix_open, unix_accept, unix_close };
