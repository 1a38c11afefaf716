/* SPDX-License-Identifier: MIT
 *
 * Socket activation as systemd's protocol has it: PID 1 listens, from before the first service starts until the end,
 * so that who connects waits for a service that is not up yet, or is being restarted.
 */
#include <errno.h>

#include "environment.h"
#include "log.h"
#include "sys.h"
#include "sys_listen.h"

static int open_one(const struct env *env, const struct service *s, const struct service_socket *socket)
{
	struct sys_owner owner = { .mode = socket->mode, .change = env->can_setuid, .uid = s->uid };
	owner.gid = socket->group != NULL ? socket->gid : s->gid;
	switch (socket->kind) {
	case SOCKET_TCP:
	case SOCKET_UDP:
		return sys_listen_inet(&socket->address.any, socket->kind == SOCKET_TCP);
	case SOCKET_UNIX:
		return sys_listen_at(socket->at, &owner);
	case SOCKET_FIFO:
		return sys_open_fifo(socket->at, &owner);
	case SOCKET_NONE:
	default:
		return -EINVAL;
	}
}

int sockets_open(struct env *env, uint16_t u)
{
	const struct service *s = &env->manifest.services[u];
	for (uint32_t i = 0; i < s->n_sockets; i++) {
		int *fd = &env->sockets[s->first_socket + i];
		if (*fd < 0)
			*fd = open_one(env, s, &s->sockets[i]);
		if (*fd < 0) {
			unit_say(&env->units[u], "cannot listen on %s: %s", s->sockets[i].at, strerror(-*fd));
			return *fd;
		}
	}
	return 0;
}

void sockets_open_all(struct env *env)
{
	for (uint16_t u = 0; u < env->manifest.n_services; u++)
		if (sockets_open(env, u) < 0)
			log_warning("%s: %s", env->manifest.services[u].name, env->units[u].reason);
}

void sockets_close(struct env *env, const struct service *s, uint32_t i)
{
	int *fd = &env->sockets[s->first_socket + i];
	if (*fd < 0)
		return;
	sys_close(*fd);
	*fd = -1;
	if (s->sockets[i].kind == SOCKET_UNIX)
		sys_unlink(s->sockets[i].at);
}

void sockets_close_all(struct env *env)
{
	for (uint16_t u = 0; u < env->manifest.n_services; u++) {
		const struct service *s = &env->manifest.services[u];
		for (uint32_t i = 0; i < s->n_sockets; i++)
			sockets_close(env, s, i);
	}
}
