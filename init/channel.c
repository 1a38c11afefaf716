/* SPDX-License-Identifier: MIT
 *
 * The hosted channel server: what services say to the Tao. A malformed, oversized or late frame ends that
 * channel and nothing else; each turn of the loop does at most one request a channel.
 */
#include <pb_decode.h>
#include <stdio.h>
#include <sys/epoll.h>

#include "boundary.h"
#include "log.h"
#include "rpc.h"
#include "sys.h"

/* Who has begun a frame must finish it within this. */
#define HALF_FRAME_TIMEOUT (10 * NS_PER_S)

static const struct service *service_of(const struct env *env, uint16_t u)
{
	return &env->manifest.services[u];
}

void channel_open(struct env *env, uint16_t u, int fd)
{
	stream_open(&env->units[u].channel, fd);
	loop_add(&env->loop, SOURCE_CHANNEL, u, fd, EPOLLIN);
}

static void set_runnable(struct env *env, uint16_t u, bool runnable)
{
	struct unit *unit = &env->units[u];
	if (unit->runnable != runnable)
		env->runnable_n += runnable ? 1 : (uint32_t)-1;
	unit->runnable = runnable;
}

static bool is_waiting(const struct unit *unit)
{
	return unit->waiting_memory || unit->waiting_counter;
}

static void set_waiting(struct env *env, uint16_t u, bool waiting)
{
	struct unit *unit = &env->units[u];
	if (unit->waiting_memory != waiting)
		env->waiting_memory_n += waiting ? 1 : (uint32_t)-1;
	unit->waiting_memory = waiting;
}

/* What the loop waits for on it: to read, unless an answer is unsent or not there yet, or there is no memory for more. */
static void listen_to(struct env *env, uint16_t u)
{
	struct unit *unit = &env->units[u];
	uint32_t events = stream_is_sending(&unit->channel) ? EPOLLOUT : is_waiting(unit) ? 0 : EPOLLIN;
	loop_change(&env->loop, SOURCE_CHANNEL, u, unit->channel.fd, events);
}

void channel_close(struct env *env, uint16_t u)
{
	struct unit *unit = &env->units[u];
	set_runnable(env, u, false);
	set_waiting(env, u, false);
	if (unit->waiting_counter)
		counter_forget(env, u);
	unit->waiting_counter = false;
	loop_cancel(&env->loop, TIMER_CHANNEL(env, u));
	if (unit->channel.fd >= 0)
		loop_remove(&env->loop, unit->channel.fd);
	stream_close(&unit->channel, &env->pool);
}

static void channel_fail(struct env *env, uint16_t u, const char *why)
{
	const struct service *s = service_of(env, u);
	bool restart = s->on_channel_error == CHANNEL_ERROR_RESTART;
	log_warning("%s: its channel is closed: %s%s", s->name, why, restart ? "; restarting it" : "");
	channel_close(env, u);
	if (restart)
		unit_restart(env, u);
}

/* ---- one request ---- */

static bool decode(struct rpc_call *call, struct span body)
{
	pb_istream_t in = pb_istream_from_buffer(body.p, body.n);
	call->request.data = rpc_span_in(&call->data);
	call->request.issuer = rpc_span_in(&call->issuer);
	call->request.policy = rpc_span_in(&call->policy);
	call->request.label = rpc_span_in(&call->label);
	return pb_decode_noinit(&in, tao_RpcRequest_fields, &call->request); /* zeros are its defaults */
}

static bool allowed(struct rpc_call *call)
{
	const struct rpc_method *method = call->method;
	struct env *env = call->env;
	const struct matter matter = { .extension = call->data,
				       .policy = call->policy,
				       .label = call->label,
				       .issuer = call->issuer,
				       .form = call->data };
	struct why why = { .rule = "" };
	if (boundary_may_call(env, call->unit, method->verb, &matter, &why) == ALLOW)
		return true;
	snprintf(call->error, sizeof call->error, "not authorized: %s", verb_text(method->verb));
	return false;
}

/* What was asked for has come, or not. */
struct counted {
	int err;
	int64_t value;
};

/* No answer may leave its bytes behind; a large one's pages stay for the next, for a while. */
static void clear(struct env *env, const struct rpc_call *call)
{
	wipe(env->data, call->out.n);
	if (call->out.n > STREAM_CHUNK || call->data.n > STREAM_CHUNK)
		env->data_warm = true;
}

/* counted is NULL when the request is new. */
static void answer(struct env *env, uint16_t u, const struct stream_request *request,
		   const struct counted *counted)
{
	tao_RpcRequestHeader header = tao_RpcRequestHeader_init_zero;
	struct rpc_call call = { .env = env, .unit = u, .out = wr_to(env->data, env->data_cap) };
	struct rpc_answer out;
	struct unit *unit = &env->units[u];
	if (!rpc_read_header(request->header, &header)) {
		channel_fail(env, u, "malformed request header");
		return;
	}
	call.method = rpc_find(RPC_TAO, header.op, call.error, sizeof call.error);
	if (call.method != NULL && !decode(&call, request->body)) {
		channel_fail(env, u, "malformed request");
		return;
	}
	if (counted != NULL) {
		call.counted = true;
		call.counter = counted->value;
	}
	if (counted != NULL && counted->err < 0)
		rpc_fail_counter(&call, counted->err);
	else if (call.method != NULL && (counted != NULL || allowed(&call)))
		call.method->tao(&call);
	if (call.later && stream_hold(&unit->channel, &env->pool) == 0) {
		unit->waiting_counter = true;
		return;
	}
	stream_done(&unit->channel, &env->pool);
	if (call.later || rpc_write_answer(&out, &call, header.op, header.seq) < 0 ||
	    stream_send_parts(&unit->channel, &env->pool, out.parts, out.n_parts) < 0)
		channel_fail(env, u, "the answer could not be sent");
	wipe(out.head, sizeof out.head);
	clear(env, &call);
}

static void answer_too_large(struct env *env, uint16_t u, struct span raw_header)
{
	tao_RpcRequestHeader header = tao_RpcRequestHeader_init_zero;
	char error[96];
	struct wr out = wr_to(env->answer, env->answer_cap);
	if (rpc_read_header(raw_header, &header)) {
		snprintf(error, sizeof error, "message too large: at most %zu bytes (tao.max_message)",
			 service_of(env, u)->max_message);
		rpc_write(&out, header.op, header.seq, error, NULL, NULL);
		sys_send(env->units[u].channel.fd, wr_span(&out), NULL, 0);
	}
	channel_fail(env, u, "message too large");
}

/* After something was done with it: what is next? */
static void settle(struct env *env, uint16_t u)
{
	struct unit *unit = &env->units[u];
	if (unit->channel.fd < 0)
		return;
	bool sending = stream_is_sending(&unit->channel), waiting = is_waiting(unit);
	if (sending || waiting)
		listen_to(env, u);
	set_runnable(env, u, !sending && !waiting && stream_has_more(&unit->channel));
	if (!stream_is_half(&unit->channel) || unit->runnable || sending || waiting)
		loop_cancel(&env->loop, TIMER_CHANNEL(env, u));
	else if (!loop_is_set(&env->loop, TIMER_CHANNEL(env, u)))
		loop_timer(&env->loop, TIMER_CHANNEL(env, u), sys_now() + HALF_FRAME_TIMEOUT);
}

void channel_counter_answered(struct env *env, uint16_t u, int err, int64_t value)
{
	struct unit *unit = &env->units[u];
	const struct counted counted = { err, value };
	struct stream_request request;
	if (!unit->waiting_counter)
		return;
	unit->waiting_counter = false;
	if (stream_take(&unit->channel, &env->pool, service_of(env, u)->max_message, &request) == STREAM_REQUEST) {
		answer(env, u, &request, &counted);
		if (unit->channel.fd >= 0)
			listen_to(env, u);
		settle(env, u);
	} else {
		channel_fail(env, u, "a request was lost");
	}
}

static void serve(struct env *env, uint16_t u)
{
	struct unit *unit = &env->units[u];
	struct stream_request request;
	set_runnable(env, u, false);
	if (environment_turn_is_long(env)) {
		set_runnable(env, u, true); /* its turn comes */
		return;
	}
	switch (stream_take(&unit->channel, &env->pool, service_of(env, u)->max_message, &request)) {
	case STREAM_REQUEST:
		loop_cancel(&env->loop, TIMER_CHANNEL(env, u));
		answer(env, u, &request, NULL);
		break;
	case STREAM_TOO_LARGE:
		answer_too_large(env, u, request.header);
		break;
	case STREAM_END:
		channel_close(env, u);
		break;
	case STREAM_BROKEN:
		channel_fail(env, u, "malformed frame");
		break;
	case STREAM_WAIT:
		set_waiting(env, u, true);
		break;
	case STREAM_MORE:
		break;
	}
	settle(env, u);
}

void channel_event(struct env *env, uint16_t u, uint32_t events)
{
	struct unit *unit = &env->units[u];
	if (unit->channel.fd < 0)
		return;
	if (stream_is_sending(&unit->channel)) {
		int r = (events & (EPOLLHUP | EPOLLERR)) != 0 ? -1 : stream_flush(&unit->channel, &env->pool);
		if (r < 0)
			channel_close(env, u); /* it has closed its end without reading: nobody is there to tell */
		if (r <= 0)
			return;
		listen_to(env, u);
		set_runnable(env, u, stream_has_more(&unit->channel));
		return;
	}
	if (is_waiting(unit) && (events & (EPOLLHUP | EPOLLERR)) != 0) {
		channel_close(env, u);
		return;
	}
	if (!is_waiting(unit))
		serve(env, u);
}

void channel_timer(struct env *env, uint16_t u)
{
	if (env->units[u].channel.fd >= 0)
		channel_fail(env, u, "half a frame, and then nothing for 10 s");
}

void channel_turn(struct env *env)
{
	bool room = env->waiting_memory_n > 0 && env->pool.used < env->pool.cap / 2;
	if (env->runnable_n == 0 && !room)
		return;
	uint16_t n = env->manifest.n_services, first = env->turn_first;
	for (uint16_t i = 0; i < n; i++) {
		uint16_t u = (uint16_t)((first + i) % n);
		struct unit *unit = &env->units[u];
		if (environment_turn_is_long(env)) {
			env->turn_first = u;
			return;
		}
		if (room && unit->waiting_memory) {
			set_waiting(env, u, false);
			listen_to(env, u);
			serve(env, u);
		} else if (unit->runnable) {
			serve(env, u);
		}
	}
}
