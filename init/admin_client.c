/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "admin_client.h"
#include "log.h"
#include "sys.h"
#include "transport.h"

/* A client that says nothing, or does not read its answer, holds its place no longer than this. */
#define CLIENT_TIMEOUT (30 * NS_PER_S)
/* Places of those who are not the owner of the host, all together: whatever they wait for, he is answered. */
#define OTHERS_MAX (ADMIN_CLIENTS_MAX / 2)
/* What the kernel says instead of an id that a user namespace does not map. */
#define OVERFLOW_ID 65534

/* ---- who it is: what the kernel says of the other end, or the manifest, and in which service it runs ---- */

/* Is the id one of ours, not the stand-in? Where all ids are mapped, there is somebody of that number. */
static bool is_mapped(const char *map, uint32_t id)
{
	char text[256];
	if (id != OVERFLOW_ID)
		return id != UINT32_MAX;
	return sys_read_file(map, text, sizeof text) > 0 && text_find(text, " 4294967295\n") != NULL;
}

static bool has_uid(const struct service *s, uid_t uid)
{
	bool range = s->container != NULL && s->container->uid_base != 0;
	return s->own_uid && uid - s->uid < (range ? CONTAINER_IDS : 1);
}

/* A service's own uid is nobody else's, and its cgroup holds whatever it started. */
static int unit_of(const struct env *env, const struct transport_peer *who)
{
	for (uint16_t u = 0; u < env->manifest.n_services; u++)
		if (has_uid(&env->manifest.services[u], who->uid))
			return u;
	/* A process outside of our pid namespace is in none of our services. */
	return who->pid > 0 ? cgroup_unit_of(env, who->pid) : -1;
}

/* Asked once, when it comes. Reads /proc. */
static struct admin_peer find_peer(const struct env *env, const struct admin_listener *listener, int fd,
				   const struct transport_peer *who)
{
	int unit = unit_of(env, who);
	return (struct admin_peer){
		.uid = who->uid,
		.gid = who->gid,
		.unit = unit >= 0 ? unit : -1,
		/* Who is gone before it can be looked at may have been in a service. */
		.known = unit != -ENOENT && is_mapped("/proc/self/uid_map", who->uid) &&
			 is_mapped("/proc/self/gid_map", who->gid),
		.owner = who->uid == 0 || who->uid == env->own_uid,
		.in_group =
			listener->has_group && (who->gid == listener->gid || sys_peer_in_group(fd, listener->gid)),
	};
}

/* ---- coming, staying, going ---- */

void admin_client_deadline(struct env *env, uint32_t c)
{
	const struct admin_client *client = &env->clients[c];
	/* There is no second connection where the first was inherited: it may be silent for as long as it likes. */
	if (client->inherited && !stream_is_half(&client->stream) && !stream_is_sending(&client->stream))
		loop_cancel(&env->loop, TIMER_CLIENT(env, c));
	else
		loop_timer(&env->loop, TIMER_CLIENT(env, c), sys_now() + CLIENT_TIMEOUT);
}

void admin_client_drop_fds(struct admin_client *client)
{
	while (client->n_fds > 0)
		sys_close(client->fds[--client->n_fds]);
}

void admin_client_close(struct env *env, uint32_t c)
{
	struct admin_client *client = &env->clients[c];
	if (client->inherited)
		log_info("the inherited connection has ended");
	loop_cancel(&env->loop, TIMER_CLIENT(env, c));
	loop_remove(&env->loop, client->stream.fd);
	stream_close(&client->stream, &env->pool);
	admin_client_drop_fds(client);
	memset(client, 0, sizeof *client);
	env->clients_n--;
}

/* A place that is free, or can be made so; -1: none. */
static int find_place(const struct env *env, bool owner)
{
	int free = -1, least = -1;
	uint32_t others = 0;
	for (uint32_t c = 0; c < ADMIN_CLIENTS_MAX; c++) {
		const struct admin_client *client = &env->clients[c];
		int64_t when = loop_when(&env->loop, TIMER_CLIENT(env, c));
		others += client->open && !client->peer.owner;
		if (!client->open)
			free = (int)c;
		else if (!admin_client_waits(client) && !client->inherited && (owner || !client->peer.owner) &&
			 (least < 0 || when < loop_when(&env->loop, TIMER_CLIENT(env, least))))
			least = (int)c;
	}
	return free >= 0 && (owner || others < OTHERS_MAX) ? free : least;
}

static void take(struct env *env, const struct admin_listener *listener, int fd)
{
	struct transport_peer who;
	int client_fd = listener->transport->accept(listener, fd, &who);
	if (client_fd < 0)
		return;
	struct admin_peer peer = find_peer(env, listener, client_fd, &who);
	int c = find_place(env, peer.owner);
	if (c < 0) {
		sys_close(client_fd);
		return;
	}
	struct admin_client *client = &env->clients[c];
	if (client->open)
		admin_client_close(env, (uint32_t)c);
	/* All else is zero, as it was closed, or never open. */
	client->open = true;
	client->inherited = listener->transport->inherited;
	client->peer = peer;
	client->waits_for = -1;
	env->clients_n++;
	stream_open(&client->stream, client_fd);
	admin_client_deadline(env, (uint32_t)c);
	loop_add(&env->loop, SOURCE_CLIENT, (uint32_t)c, client_fd, EPOLLIN);
}

void admin_accept(struct env *env, uint32_t listener)
{
	take(env, &env->listener_of[listener], env->listeners[listener]);
}

void admin_timer(struct env *env, uint32_t c)
{
	if (env->clients[c].open && admin_client_waits(&env->clients[c]))
		admin_time_is_up(env, c);
	else if (env->clients[c].open)
		admin_client_close(env, c);
}

/* ---- all ---- */

int admin_open(struct env *env)
{
	static const struct admin_listener at_default = { .transport = &transport_unix,
							  .path = "/run/tao/admin_socket" };
	const struct admin_listener *list = env->have_manifest ? env->manifest.host.admin : &at_default;
	int n = env->have_manifest ? env->manifest.host.n_admin : 1;
	for (int i = 0; i < n && i < ADMIN_LISTENERS_MAX; i++) {
		int fd = list[i].transport->open(&list[i]);
		if (fd < 0) {
			log_warning("admin channel %s: %s; taoctl cannot reach this taoinit there", list[i].path,
				    strerror(-fd));
		} else if (list[i].transport->inherited) {
			take(env, &list[i], fd);
		} else {
			env->listener_of[env->n_listeners] = list[i];
			env->listeners[env->n_listeners] = fd;
			loop_add(&env->loop, SOURCE_LISTENER, (uint32_t)env->n_listeners++, fd, EPOLLIN);
		}
	}
	return 0;
}

void admin_close(struct env *env)
{
	for (uint32_t c = 0; c < ADMIN_CLIENTS_MAX; c++)
		if (env->clients[c].open)
			admin_client_close(env, c);
	for (int i = 0; i < env->n_listeners; i++)
		env->listener_of[i].transport->close(&env->listener_of[i], env->listeners[i]);
	env->n_listeners = 0;
}
