/* SPDX-License-Identifier: MIT
 *
 * The admin server: clients of the admin channel, each with a bounded buffer and a deadline, one request each a
 * turn.
 */
#include <errno.h>
#include <pb_decode.h>
#include <pb_encode.h>
#include <stdio.h>
#include <sys/epoll.h>

#include "admin_host.h"
#include "admin_peer.h"
#include "log.h"
#include "rpc.h"
#include "sys.h"
#include "transport.h"

/* A client that says nothing, or does not read its answer, holds its place no longer than this. */
#define CLIENT_TIMEOUT (30 * NS_PER_S)
/* Requests name a service and a word. */
#define ADMIN_BODY_MAX 4096

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
			continue;
		}
		env->listener_of[env->n_listeners] = list[i];
		env->listeners[env->n_listeners] = fd;
		loop_add(&env->loop, SOURCE_LISTENER, (uint32_t)env->n_listeners++, fd, EPOLLIN);
	}
	return 0;
}

static void drop_fds(struct admin_client *client)
{
	while (client->n_fds > 0)
		sys_close(client->fds[--client->n_fds]);
}

static void close_client(struct env *env, uint32_t c)
{
	struct admin_client *client = &env->clients[c];
	loop_cancel(&env->loop, TIMER_CLIENT(env, c));
	loop_remove(&env->loop, client->stream.fd);
	stream_close(&client->stream, &env->pool);
	drop_fds(client);
	memset(client, 0, sizeof *client);
	if (env->clients_n-- == ADMIN_CLIENTS_MAX)
		for (int i = 0; i < env->n_listeners; i++)
			loop_change(&env->loop, SOURCE_LISTENER, (uint32_t)i, env->listeners[i], EPOLLIN);
}

void admin_accept(struct env *env, uint32_t listener)
{
	struct transport_peer who;
	uint32_t c = 0;
	while (c < ADMIN_CLIENTS_MAX && env->clients[c].open)
		c++;
	if (c == ADMIN_CLIENTS_MAX)
		return;
	int fd = env->listener_of[listener].transport->accept(env->listeners[listener], &who);
	if (fd < 0)
		return;
	struct admin_client *client = &env->clients[c];
	*client = (struct admin_client){ .open = true, .waits_for = -1 };
	admin_peer_find(env, &env->listener_of[listener], fd, &who, &client->peer);
	stream_open(&client->stream, fd);
	loop_add(&env->loop, SOURCE_CLIENT, c, fd, EPOLLIN);
	loop_timer(&env->loop, TIMER_CLIENT(env, c), sys_now() + CLIENT_TIMEOUT);
	if (++env->clients_n == ADMIN_CLIENTS_MAX)
		/* Who comes now waits in the kernel's queue until somebody has left or was timed out. */
		for (int i = 0; i < env->n_listeners; i++)
			loop_change(&env->loop, SOURCE_LISTENER, (uint32_t)i, env->listeners[i], 0);
}

void admin_timer(struct env *env, uint32_t c)
{
	if (env->clients[c].open)
		close_client(env, c);
}

static void send_answer(struct env *env, uint32_t c, const struct wr *out)
{
	struct admin_client *client = &env->clients[c];
	if (out->err != ERR_NONE || stream_send(&client->stream, &env->pool, wr_span(out)) < 0) {
		close_client(env, c);
		return;
	}
	loop_timer(&env->loop, TIMER_CLIENT(env, c), sys_now() + CLIENT_TIMEOUT);
	if (stream_is_sending(&client->stream))
		loop_change(&env->loop, SOURCE_CLIENT, c, client->stream.fd, EPOLLOUT);
	if (out->n > STREAM_CHUNK)
		sys_forget(env->answer, env->answer_cap);
}

/* ---- answers ---- */

static void fill_status(const struct env *env, uint16_t u, tao_ServiceStatus *status)
{
	const struct service *s = &env->manifest.services[u];
	const struct unit *unit = &env->units[u];
	snprintf(status->name, sizeof status->name, "%s", s->name);
	snprintf(status->state, sizeof status->state, "%s", unit_state_text(unit->state));
	snprintf(status->type, sizeof status->type, "%s", s->type == SERVICE_ONESHOT ? "oneshot" : "daemon");
	status->has_type = true;
	status->has_pid = unit->pid > 0;
	status->pid = unit->pid;
	status->has_since = true;
	status->since = sys_realtime() - (sys_now() - unit->since);
	status->has_restarts = true;
	status->restarts = unit->restarts;
	status->has_status = unit->ended;
	status->status = unit->status;
	status->has_essential = true;
	status->essential = s->essential;
	status->has_uid = true;
	status->uid = (int32_t)s->uid;
	if (unit->refused && unit_at_rest(unit) &&
	    (unit->reason == NULL || strncmp(unit->reason, "the policy", 10) != 0)) {
		status->has_reason = true;
		snprintf(status->reason, sizeof status->reason,
			 "the policy does not let it run, or what it requires");
	} else if (unit->reason != NULL &&
		   (unit->status_said || (unit->state != UNIT_UP && unit->state != UNIT_DONE))) {
		status->has_reason = true;
		snprintf(status->reason, sizeof status->reason, "%s", unit->reason);
	}
}

static bool write_after(pb_ostream_t *stream, const pb_field_t *field, void *const *arg)
{
	const struct service *s = *arg;
	for (uint16_t i = 0; i < s->n_after; i++)
		if (!pb_encode_tag_for_field(stream, field) || !pb_encode_varint(stream, s->after[i]))
			return false;
	return true;
}

static void fill_graph(const struct env *env, uint16_t u, tao_ServiceStatus *status)
{
	struct service *s = &env->manifest.services[u];
	status->after = (pb_callback_t){ .funcs.encode = write_after, .arg = s };
	status->has_requires = status->has_wants = true;
	status->requires = s->n_requires;
	status->wants = s->n_wants;
	status->moments_count = UNIT_MOMENTS;
	memcpy(status->moments, env->units[u].moments, sizeof status->moments);
}

static bool write_services(pb_ostream_t *stream, const pb_field_t *field, void *const *arg)
{
	const struct admin_call *call = *arg;
	struct env *env = call->env;
	uint16_t first = call->only >= 0 ? (uint16_t)call->only : 0;
	uint16_t end = call->only >= 0 ? (uint16_t)(first + 1) : env->manifest.n_services;
	for (uint16_t u = first; u < end; u++) {
		if (!program_is_there(env, u))
			continue;
		tao_ServiceStatus status = tao_ServiceStatus_init_zero;
		static const struct digest none = { { 0 } };
		struct span program = span_of(NULL, 0), principal = span_of(NULL, 0);
		struct wr name = wr_to(env->scratch->name, LAUNCH_NAME_MAX);
		fill_status(env, u, &status);
		if (call->with_graph)
			fill_graph(env, u, &status);
		else if (memcmp(&env->programs[u], &none, sizeof none) != 0) {
			launch_name(env, u, true, &name);
			program = span_of(env->programs[u].b, 32);
			principal = name.err == ERR_NONE ? wr_span(&name) : principal;
		}
		status.program = rpc_span_out(&program);
		status.principal = rpc_span_out(&principal);
		if (!pb_encode_tag_for_field(stream, field) ||
		    !pb_encode_submessage(stream, tao_ServiceStatus_fields, &status))
			return false;
	}
	return true;
}

static void fill_host(struct admin_call *call, struct span *principal)
{
	static const char *const places[] = { "process", "container", "machine" };
	struct env *env = call->env;
	tao_HostStatus *host = &call->response.host;
	call->response.has_host = true;
	*principal = span_of(env->host_name_n > 0 ? env->host_name : NULL, env->host_name_n);
	host->principal = rpc_span_out(principal);
	host->has_place = true;
	snprintf(host->place, sizeof host->place, "%s", places[env->place]);
	host->has_problem = env->problem[0] != '\0';
	snprintf(host->problem, sizeof host->problem, "%s", env->problem);
	host->has_version = true;
	snprintf(host->version, sizeof host->version, "%s", environment_version());
}

static void write_answer(struct admin_call *call, const char *op, uint64_t seq)
{
	struct env *env = call->env;
	struct wr out = wr_to(env->answer, env->answer_cap);
	struct span principal = span_of(NULL, 0);
	if (call->with_host)
		fill_host(call, &principal);
	call->response.text = rpc_span_out(&call->text);
	if (call->with_services)
		call->response.service = (pb_callback_t){ .funcs.encode = write_services, .arg = call };
	if (call->host != NULL)
		rpc_write(&out, op, seq, call->error, tao_HostResponse_fields, &call->host->response);
	else
		rpc_write(&out, op, seq, call->error, tao_InitResponse_fields, &call->response);
	send_answer(env, call->client, &out);
	if (call->text.n > STREAM_CHUNK)
		sys_forget(env->data, env->data_cap);
}

/* ---- requests ---- */

static bool find_service(struct admin_call *call)
{
	call->only = -1;
	if (!call->request.has_service || call->request.service[0] == '\0')
		return true;
	for (uint16_t u = 0; u < call->env->manifest.n_services && call->only < 0; u++)
		if (program_is_there(call->env, u) &&
		    strcmp(call->env->manifest.services[u].name, call->request.service) == 0)
			call->only = u;
	if (call->only < 0)
		snprintf(call->error, sizeof call->error, "no such service: %s", call->request.service);
	return call->only >= 0;
}

bool admin_may(struct admin_call *call, enum verb verb, const char *about)
{
	const struct admin_client *client = &call->env->clients[call->client];
	const char *service =
		about != NULL || call->only < 0 ? about : call->env->manifest.services[call->only].name;
	struct why why = { .rule = "" };
	if (boundary_may_admin(call->env, &client->peer, verb, service, &why) == ALLOW)
		return true;
	snprintf(call->error, sizeof call->error, "not authorized: %s (%.80s)", verb_text(verb), why.rule);
	log_warning("admin: uid %u: %s%s%s is denied (%s)", (unsigned)client->peer.uid, verb_text(verb),
		    service != NULL ? " " : "", service != NULL ? service : "", why.rule);
	return false;
}

static bool allowed(struct admin_call *call, const struct rpc_method *method)
{
	/* A restart is a stop, too. */
	return (method->init != admin_restart || admin_may(call, VERB_Stop, NULL)) &&
	       admin_may(call, method->verb, NULL);
}

/* False: malformed. */
static bool decode(struct admin_call *call, const char *op, struct span body)
{
	pb_istream_t in = pb_istream_from_buffer(body.p, body.n);
	if (strncmp(op, "LinuxHost.", 10) != 0) {
		call->request.terms = rpc_span_in(&call->terms);
		return pb_decode(&in, tao_InitRequest_fields, &call->request);
	}
	static struct host_call host; /* of one request: large */
	memset(&host, 0, sizeof host);
	call->host = &host;
	call->only = -1;
	return host_decode(&host, &in);
}

static void answer(struct env *env, uint32_t c, const struct stream_request *request)
{
	struct admin_client *client = &env->clients[c];
	tao_RpcRequestHeader header = tao_RpcRequestHeader_init_zero;
	struct admin_call call = { .env = env, .client = c };
	if (!rpc_read_header(request->header, &header) || !decode(&call, header.op, request->body)) {
		close_client(env, c);
		return;
	}
	const struct rpc_method *method =
		rpc_find(call.host != NULL ? RPC_HOST : RPC_INIT, header.op, call.error, sizeof call.error);
	if (method != NULL && (call.host != NULL || (find_service(&call) && allowed(&call, method))))
		method->init(&call); /* those of the host ask when they know about whom */
	stream_done(&client->stream, &env->pool);
	drop_fds(client);
	if (method != NULL && call.later) {
		client->wait_seq = header.seq;
		client->wait_op = method->op;
		env->admin_check = true;
		loop_cancel(&env->loop, TIMER_CLIENT(env, c));
		return;
	}
	write_answer(&call, header.op, header.seq);
}

static void serve(struct env *env, uint32_t c)
{
	struct admin_client *client = &env->clients[c];
	struct stream_request request;
	client->runnable = false;
	if (client->waits_for >= 0 || client->waits_policy != 0) {
		/* It waits for an answer; only its going away matters. Pipelined requests wait in the socket. */
		loop_change(&env->loop, SOURCE_CLIENT, c, client->stream.fd, EPOLLRDHUP);
		return;
	}
	env->pool.fds = client->fds;
	env->pool.n_fds = client->n_fds;
	env->pool.fds_cap = ADMIN_FDS_MAX;
	enum stream_state state = stream_take(&client->stream, &env->pool, ADMIN_BODY_MAX, &request);
	client->n_fds = env->pool.n_fds;
	env->pool.fds = NULL;
	switch (state) {
	case STREAM_REQUEST:
		answer(env, c, &request);
		break;
	case STREAM_MORE:
		return;
	case STREAM_END:
	case STREAM_BROKEN:
	case STREAM_TOO_LARGE:
	case STREAM_WAIT: /* cannot be: a request of this size always has room */
		close_client(env, c);
		return;
	}
	if (client->open)
		client->runnable = !stream_is_sending(&client->stream) && stream_has_more(&client->stream);
}

void admin_event(struct env *env, uint32_t c, uint32_t events)
{
	struct admin_client *client = &env->clients[c];
	if (!client->open)
		return;
	if ((events & (EPOLLERR | EPOLLHUP | EPOLLRDHUP)) != 0 && (events & EPOLLIN) == 0) {
		close_client(env, c);
		return;
	}
	if (stream_is_sending(&client->stream)) {
		int r = stream_flush(&client->stream, &env->pool);
		if (r < 0)
			close_client(env, c);
		else if (r > 0)
			loop_change(&env->loop, SOURCE_CLIENT, c, client->stream.fd, EPOLLIN);
		return;
	}
	if (environment_turn_is_long(env))
		client->runnable = true; /* its turn comes */
	else
		serve(env, c);
}

void admin_wait_for(struct admin_call *call, enum waits_how how)
{
	struct admin_client *client = &call->env->clients[call->client];
	client->waits_for = call->only;
	client->waits_how = how;
	call->later = true;
}

static void check_policy(struct env *env, uint32_t c)
{
	struct admin_client *client = &env->clients[c];
	struct admin_call call = { .env = env, .client = c, .only = -1 };
	if ((int32_t)(env->policy_done - client->waits_policy) < 0)
		return;
	snprintf(call.error, sizeof call.error, "%s", env->policy_problem);
	client->waits_policy = 0;
	loop_change(&env->loop, SOURCE_CLIENT, c, client->stream.fd, EPOLLIN);
	write_answer(&call, client->wait_op, client->wait_seq);
}

static void check_program(struct env *env, uint32_t c)
{
	struct admin_client *client = &env->clients[c];
	struct host_call host = { .prin = { NULL, 0 } };
	struct admin_call call = { .env = env, .client = c, .only = client->waits_for, .host = &host };
	if (!host_waited(&call, client->waits_how == WAITS_PROGRAM_START))
		return;
	client->waits_for = -1;
	loop_change(&env->loop, SOURCE_CLIENT, c, client->stream.fd, EPOLLIN);
	write_answer(&call, client->wait_op, client->wait_seq);
}

static void check_wait(struct env *env, uint32_t c)
{
	struct admin_client *client = &env->clients[c];
	if (client->waits_policy != 0) {
		check_policy(env, c);
		return;
	}
	if (client->waits_how >= WAITS_PROGRAM_START) {
		check_program(env, c);
		return;
	}
	const struct unit *unit = &env->units[client->waits_for];
	bool up = client->waits_how == WAITS_UP;
	struct admin_call call = { .env = env, .client = c, .only = client->waits_for, .with_services = true };
	bool done = unit_at_rest(unit) || (up && unit->state == UNIT_UP);
	if (!done)
		return;
	if (up && unit->state != UNIT_UP && unit->state != UNIT_DONE)
		snprintf(call.error, sizeof call.error, "%s is %s: %.100s",
			 env->manifest.services[client->waits_for].name, unit_state_text(unit->state),
			 unit->reason != NULL ? unit->reason : "");
	client->waits_for = -1;
	loop_change(&env->loop, SOURCE_CLIENT, c, client->stream.fd, EPOLLIN);
	write_answer(&call, client->wait_op, client->wait_seq);
}

void admin_turn(struct env *env)
{
	bool check = env->admin_check, served = false;
	uint32_t first = env->client_first;
	env->admin_check = false;
	if (env->clients_n == 0)
		return;
	for (uint32_t i = 0; i < ADMIN_CLIENTS_MAX; i++) {
		uint32_t c = (first + i) % ADMIN_CLIENTS_MAX;
		/* One is served in each turn, however long the services took. */
		if (env->clients[c].open && env->clients[c].runnable &&
		    !(served && environment_turn_is_long(env))) {
			serve(env, c);
			served = true;
			env->client_first = c + 1;
		}
		if (check && env->clients[c].open &&
		    (env->clients[c].waits_for >= 0 || env->clients[c].waits_policy != 0))
			check_wait(env, c);
	}
}

bool admin_is_busy(const struct env *env)
{
	for (uint32_t c = 0; c < ADMIN_CLIENTS_MAX && env->clients_n > 0; c++)
		if (env->clients[c].open && env->clients[c].runnable)
			return true;
	return false;
}

void admin_close(struct env *env)
{
	for (uint32_t c = 0; c < ADMIN_CLIENTS_MAX; c++)
		if (env->clients[c].open)
			close_client(env, c);
	for (int i = 0; i < env->n_listeners; i++)
		env->listener_of[i].transport->close(&env->listener_of[i], env->listeners[i]);
	env->n_listeners = 0;
}
