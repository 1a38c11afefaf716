/* SPDX-License-Identifier: MIT
 *
 * The admin server: requests of the admin channel's clients, one each a turn, and their answers.
 */
#include <errno.h>
#include <pb_decode.h>
#include <pb_encode.h>
#include <stdio.h>
#include <sys/epoll.h>

#include "admin_client.h"
#include "admin_host.h"
#include "events.h"
#include "log.h"
#include "rpc.h"
#include "sys.h"

/* Requests name a service and a word. */
#define ADMIN_BODY_MAX 4096

static void send_answer(struct env *env, uint32_t c, const struct wr *out)
{
	struct admin_client *client = &env->clients[c];
	if (out->err != ERR_NONE || stream_send(&client->stream, &env->pool, wr_span(out)) < 0) {
		admin_client_close(env, c);
		return;
	}
	admin_client_deadline(env, c);
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

/* A service whose order is told, and the numbers that those have who stand in the answer. */
struct graph_row {
	const struct service *service;
	const uint16_t *number;
};

static bool write_after(pb_ostream_t *stream, const pb_field_t *field, void *const *arg)
{
	const struct graph_row *row = *arg;
	const struct service *s = row->service;
	for (uint16_t i = 0; i < s->n_after; i++)
		if (!pb_encode_tag_for_field(stream, field) || !pb_encode_varint(stream, row->number[s->after[i]]))
			return false;
	return true;
}

static void number_all(const struct env *env, uint16_t *number)
{
	uint16_t next = 0;
	for (uint16_t u = 0; u < env->manifest.n_services; u++) {
		number[u] = next;
		next = (uint16_t)(next + program_is_there(env, u));
	}
}

static void fill_graph(const struct env *env, uint16_t u, struct graph_row *row, tao_ServiceStatus *status)
{
	const struct service *s = &env->manifest.services[u];
	*row = (struct graph_row){ s, env->reach_list };
	status->after = (pb_callback_t){ .funcs.encode = write_after, .arg = row };
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
	uint32_t first = call->only >= 0 ? (uint32_t)call->only : call->first, n = env->manifest.n_services;
	uint32_t end = call->only >= 0 ? first + 1 : call->with_usage ? first + USAGE_PAGE : n;
	struct graph_row row;
	if (call->with_graph)
		number_all(env, env->reach_list); /* no order is being given now */
	for (uint16_t u = (uint16_t)first; u < end && u < n; u++) {
		if (!program_is_there(env, u))
			continue;
		tao_ServiceStatus status = tao_ServiceStatus_init_zero;
		static const struct digest none = { { 0 } };
		struct span program = span_of(NULL, 0), principal = span_of(NULL, 0);
		struct wr name = wr_to(env->scratch->name, LAUNCH_NAME_MAX);
		fill_status(env, u, &status);
		if (call->with_usage) {
			status.usage_count = USAGES;
			usage_read(env, u, status.usage);
		}
		if (call->with_graph)
			fill_graph(env, u, &row, &status);
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
		admin_client_close(env, c);
		return;
	}
	const struct rpc_method *method =
		rpc_find(call.host != NULL ? RPC_HOST : RPC_INIT, header.op, call.error, sizeof call.error);
	if (method != NULL && (call.host != NULL || (find_service(&call) && allowed(&call, method))))
		method->init(&call); /* those of the host ask when they know about whom */
	stream_done(&client->stream, &env->pool);
	admin_client_drop_fds(client);
	if (method != NULL && call.later) {
		client->wait_seq = header.seq;
		client->wait_op = method->op;
		env->admin_check = true;
		if (call.request.has_timeout && call.request.timeout < INT64_MAX / 2)
			loop_timer(&env->loop, TIMER_CLIENT(env, c), sys_now() + (int64_t)call.request.timeout);
		else
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
	if (admin_client_waits(client)) {
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
		if (client->inherited && !loop_is_set(&env->loop, TIMER_CLIENT(env, c)))
			admin_client_deadline(env, c);
		return;
	case STREAM_END:
	case STREAM_BROKEN:
	case STREAM_TOO_LARGE:
	case STREAM_WAIT: /* cannot be: a request of this size always has room */
		admin_client_close(env, c);
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
	/* Of one that could be read from, reading tells; the event may be about whoever had its place before. */
	if ((events & (EPOLLERR | EPOLLHUP | EPOLLRDHUP)) != 0 &&
	    (admin_client_waits(client) || stream_is_sending(&client->stream))) {
		admin_client_close(env, c);
		return;
	}
	if (stream_is_sending(&client->stream)) {
		int r = stream_flush(&client->stream, &env->pool);
		if (r < 0)
			admin_client_close(env, c);
		if (r <= 0)
			return;
		loop_change(&env->loop, SOURCE_CLIENT, c, client->stream.fd, EPOLLIN);
		admin_client_deadline(env, c);
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

/* Has what a client waits for come? Then its answer is in the call. late: its time is up. */

static bool check_policy(struct admin_call *call)
{
	const struct env *env = call->env;
	struct admin_client *client = &env->clients[call->client];
	if ((int32_t)(env->policy_done - client->waits_policy) < 0)
		return false;
	client->waits_policy = 0;
	snprintf(call->error, sizeof call->error, "%s", env->policy_problem);
	return true;
}

static bool check_program(struct admin_call *call, bool start)
{
	static struct host_call host; /* of one answer: large */
	memset(&host, 0, sizeof host);
	call->host = &host;
	return host_waited(call, start);
}

static bool check_events(struct admin_call *call, bool late)
{
	struct env *env = call->env;
	struct admin_client *client = &env->clients[call->client];
	struct wr w = wr_to(env->data, env->data_cap);
	events_write(env, &client->wait_position, &w);
	call->text = wr_span(&w);
	call->response.has_position = true;
	call->response.position = client->wait_position;
	call->response.has_missed = late;
	call->response.missed = WAIT_LATE;
	return w.n > 0 || late;
}

static bool check_manifest(struct admin_call *call)
{
	const struct env *env = call->env;
	if (env->manifest_next != NULL)
		snprintf(call->error, sizeof call->error, "not yet: services are being stopped for it");
	else if (env->manifest_problem[0] != '\0')
		snprintf(call->error, sizeof call->error, "%s", env->manifest_problem);
	else
		call->text = env->manifest_changes;
	call->response.has_missed = env->manifest.host.root_device != NULL;
	call->response.missed = WAIT_BOOT;
	return env->manifest_next == NULL;
}

static bool check_states(struct admin_call *call, bool late)
{
	const struct env *env = call->env;
	const struct admin_client *client = &env->clients[call->client];
	const struct unit *unit = &env->units[call->only];
	bool ordered = client->waits_how == WAITS_ORDERED, come = (client->wait_states & 1U << unit->state) != 0;
	/* Whoever is at rest stays so, unless somebody orders otherwise; but before the boot all are. */
	bool rest = unit_at_rest(unit) && (ordered || env->booted || env->stopping);
	call->with_services = true;
	call->response.has_missed = !come;
	call->response.missed = rest ? WAIT_NEVER : WAIT_LATE;
	if (ordered && !come)
		snprintf(call->error, sizeof call->error, "%s is %s: %.100s",
			 env->manifest.services[call->only].name, unit_state_text(unit->state),
			 unit->reason != NULL ? unit->reason : "");
	return come || rest || late;
}

static bool has_come(struct admin_call *call, bool late)
{
	const struct admin_client *client = &call->env->clients[call->client];
	if (client->waits_policy != 0)
		return check_policy(call);
	switch (client->waits_how) {
	case WAITS_EVENTS:
		return check_events(call, late);
	case WAITS_MANIFEST:
		return check_manifest(call) || late;
	case WAITS_PROGRAM_START:
	case WAITS_PROGRAM_END:
		return check_program(call, client->waits_how == WAITS_PROGRAM_START);
	case WAITS_ORDERED:
	case WAITS_STATES:
		break;
	}
	return check_states(call, late);
}

static void check_wait(struct env *env, uint32_t c, bool late)
{
	struct admin_client *client = &env->clients[c];
	struct admin_call call = { .env = env, .client = c, .only = client->waits_for };
	if (!has_come(&call, late))
		return;
	client->waits_for = -1;
	loop_change(&env->loop, SOURCE_CLIENT, c, client->stream.fd, EPOLLIN);
	write_answer(&call, client->wait_op, client->wait_seq);
}

void admin_time_is_up(struct env *env, uint32_t c)
{
	check_wait(env, c, true);
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
		if (check && env->clients[c].open && admin_client_waits(&env->clients[c]))
			check_wait(env, c, false);
	}
}

bool admin_is_busy(const struct env *env)
{
	for (uint32_t c = 0; c < ADMIN_CLIENTS_MAX && env->clients_n > 0; c++)
		if (env->clients[c].open && env->clients[c].runnable)
			return true;
	return false;
}
