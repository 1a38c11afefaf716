/* SPDX-License-Identifier: MIT
 *
 * Who an admin client is: what the kernel says of the other end of its socket, and in which service it runs.
 */
#include <errno.h>

#include "admin_peer.h"
#include "sys.h"

/* What the kernel says instead of an id that a user namespace does not map. */
#define OVERFLOW_ID 65534

/* Is the id one of ours, not the stand-in? Where all ids are mapped, there is somebody of that number. */
static bool is_mapped(const char *map, uint32_t id)
{
	char text[256];
	if (id != OVERFLOW_ID)
		return id != UINT32_MAX;
	return sys_read_file(map, text, sizeof text) > 0 && strstr(text, " 4294967295\n") != NULL;
}

/* A service's own uid is nobody else's, and its cgroup holds whatever it started. */
static int unit_of(const struct env *env, const struct transport_peer *who)
{
	for (uint16_t u = 0; u < env->manifest.n_services; u++)
		if (env->manifest.services[u].own_uid && env->manifest.services[u].uid == who->uid)
			return u;
	/* A process outside of our pid namespace is in none of our services. */
	return who->pid > 0 ? cgroup_unit_of(env, who->pid) : -1;
}

void admin_peer_find(const struct env *env, const struct admin_listener *listener, int fd,
		     const struct transport_peer *who, struct admin_peer *peer)
{
	int unit = unit_of(env, who);
	*peer = (struct admin_peer){ .uid = who->uid, .gid = who->gid, .unit = unit >= 0 ? unit : -1 };
	/* Who is gone before it can be looked at may have been in a service. */
	peer->known = unit != -ENOENT && is_mapped("/proc/self/uid_map", who->uid) &&
		      is_mapped("/proc/self/gid_map", who->gid);
	peer->owner = who->uid == 0 || who->uid == env->own_uid;
	peer->in_group =
		listener->has_group && (who->gid == listener->gid || sys_peer_in_group(fd, listener->gid));
}
