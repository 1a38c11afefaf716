/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <pb_decode.h>
#include <pb_encode.h>
#include <stdio.h>

#include "admin_host.h"
#include "factory.h"
#include "log.h"
#include "sys.h"

static struct program *program_of(const struct env *env, uint16_t u)
{
	return u >= first_program(env) ? &env->started[u - first_program(env)] : NULL;
}

bool program_is_there(const struct env *env, uint16_t u)
{
	const struct program *p = program_of(env, u);
	return p != NULL ? p->used : env->manifest.services[u].name[0] != '\0';
}

/* ---- requests ---- */

static bool string_in(pb_istream_t *stream, const pb_field_t *field, void **arg)
{
	struct strings *s = *arg;
	(void)field;
	if (s->n < LAUNCH_ARGS_MAX)
		s->at[s->n] = span_of(stream->state, stream->bytes_left); /* as span_in, in rpc.c */
	s->n += s->n <= LAUNCH_ARGS_MAX;
	return pb_read(stream, NULL, stream->bytes_left);
}

bool host_decode(struct host_call *host, pb_istream_t *in)
{
	tao_HostRequest *q = &host->request;
	q->subprin = rpc_span_in(&host->subprin);
	q->path = rpc_span_in(&host->path);
	q->dir = rpc_span_in(&host->dir);
	q->args = (pb_callback_t){ .funcs.decode = string_in, .arg = &host->args };
	q->container_args = (pb_callback_t){ .funcs.decode = string_in, .arg = &host->container_args };
	return pb_decode(in, tao_HostRequest_fields, q);
}

static void fail(struct admin_call *call, const char *text)
{
	snprintf(call->error, sizeof call->error, "%s", text);
}

/* ---- answers ---- */

/* The one that the answer is about, or all that run. */
static bool write_children(pb_ostream_t *stream, const pb_field_t *field, void *const *arg)
{
	const struct admin_call *call = *arg;
	const struct env *env = call->env;
	for (uint16_t u = 0; u < env->manifest.n_services; u++) {
		const struct unit *unit = &env->units[u];
		if (call->only >= 0 ? call->only != u : unit->pid <= 0 || !unit->added)
			continue;
		struct wr name = wr_to(env->scratch->name, LAUNCH_NAME_MAX);
		launch_subprin(env, u, &name);
		struct span subprin = wr_span(&name);
		tao_HostedProgram child = { .subprin = rpc_span_out(&subprin),
					    .pid = unit->pid > 0 ? unit->pid : unit->last_pid };
		if (!pb_encode_tag_for_field(stream, field) ||
		    !pb_encode_submessage(stream, tao_HostedProgram_fields, &child))
			return false;
	}
	return true;
}

static void give_children(struct admin_call *call)
{
	call->host->response.child = (pb_callback_t){ .funcs.encode = write_children, .arg = call };
}

bool host_waited(struct admin_call *call, bool start)
{
	const struct env *env = call->env;
	const struct unit *unit = &env->units[call->only];
	struct program *p = program_of(env, (uint16_t)call->only);
	bool rest = unit_at_rest(unit);
	bool runs =
		unit->state == UNIT_UP ? unit->pid > 0 : unit->ended && !unit->exec_failed && unit->last_pid > 0;
	if (!rest && !(start && runs))
		return false;
	if (start && runs) {
		give_children(call);
		return true;
	}
	p->used = false;
	if (start) {
		fail(call,
		     unit->reason != NULL && unit->reason[0] != '\0' ? unit->reason : "it could not be started");
	} else {
		call->host->response.has_status = true;
		call->host->response.status = unit->status;
	}
	return true;
}

/* ---- starting ---- */

static bool is_waited_for(const struct env *env, uint16_t u)
{
	for (uint32_t c = 0; c < ADMIN_CLIENTS_MAX; c++)
		if (env->clients[c].open && env->clients[c].waits_for == u)
			return true;
	return false;
}

/* A free place, else that of the program which has ended first and that nobody waits for; -1: there is none. */
static int find_place(const struct env *env)
{
	int found = -1;
	uint64_t least = UINT64_MAX;
	for (uint16_t u = first_program(env); u < env->manifest.n_services; u++) {
		const struct program *p = program_of(env, u);
		uint64_t number = p != NULL && p->used ? p->number : 0;
		if (number < least && unit_at_rest(&env->units[u]) && !is_waited_for(env, u)) {
			least = number;
			found = u;
		}
	}
	return found;
}

/* Behind *at, with its end; NULL if it has a NUL in it. What a request can say fits. */
static char *keep(char **at, struct span s)
{
	char *kept = *at;
	if (s.n > 0 && memchr(s.p, 0, s.n) != NULL)
		return NULL;
	if (s.n > 0)
		memcpy(kept, s.p, s.n);
	kept[s.n] = '\0';
	*at += s.n + 1;
	return kept;
}

static bool keep_list(char **at, const struct strings *from, char **argv, int *n)
{
	for (unsigned i = 0; i < from->n; i++)
		if (*n > LAUNCH_ARGS_MAX || (argv[(*n)++] = keep(at, from->at[i])) == NULL)
			return false;
	return true;
}

/* What it is told are container_args, of which the first is its name, and args. */
static bool keep_texts(struct program *p, const struct host_call *host, struct service *s)
{
	char *at = p->text;
	int n = 1;
	memset(p->argv, 0, sizeof p->argv);
	p->argv[0] = keep(&at, host->path);
	if (host->container_args.n == 0)
		p->argv[n++] = p->argv[0];
	bool good = keep_list(&at, &host->container_args, p->argv, &n) && keep_list(&at, &host->args, p->argv, &n);
	s->cwd = host->dir.n > 0 ? keep(&at, host->dir) : "/";
	s->exec = p->argv;
	s->argv = p->argv + 1;
	s->n_exec = n;
	return good && p->argv[0] != NULL && s->cwd != NULL && s->cwd[0] == '/';
}

/* Its rights are the client's; root's program has a uid of its own, as a service has. */
static bool take_rights(const struct env *env, const struct admin_peer *peer, struct program *p, struct service *s)
{
	if (!env->can_setuid)
		return peer->uid == env->own_uid || peer->uid == 0;
	if (p->number == 0) {
		p->uid = s->uid;
		p->gid = s->gid;
	}
	s->as_root = s->own_uid = peer->uid == 0;
	s->uid = s->as_root ? p->uid : peer->uid;
	s->gid = s->as_root ? p->gid : peer->gid;
	return true;
}

static bool take_fds(struct admin_client *client, struct program *p, const tao_HostRequest *q)
{
	const int32_t asked[3] = { q->has_fd_in ? q->fd_in : -1, q->has_fd_out ? q->fd_out : -1,
				   q->has_fd_err ? q->fd_err : -1 };
	for (int i = 0; i < 3; i++) {
		if (asked[i] >= client->n_fds)
			return false;
		p->std[i] = (int8_t)(asked[i] < 0 ? -1 : asked[i]);
	}
	memcpy(p->fds, client->fds, sizeof p->fds);
	p->n_fds = (uint8_t)client->n_fds;
	client->n_fds = 0;
	return true;
}

void program_set_fds(const struct env *env, uint16_t u, struct start_plan *plan)
{
	const struct program *p = program_of(env, u);
	if (p == NULL || p->n_fds == 0)
		return;
	plan->in = p->std[0] < 0 ? -1 : p->fds[p->std[0]];
	plan->out = p->std[1] < 0 ? -1 : p->fds[p->std[1]];
	plan->err = p->std[2] < 0 ? -1 : p->fds[p->std[2]];
}

void program_close_fds(struct env *env, uint16_t u)
{
	struct program *p = program_of(env, u);
	while (p != NULL && p->n_fds > 0)
		sys_close(p->fds[--p->n_fds]);
}

static void begin(struct admin_call *call, struct program *p)
{
	struct env *env = call->env;
	struct unit *unit = &env->units[call->only];
	unit->ended = unit->exec_failed = unit->refused = false;
	unit->restarts = 0;
	unit->last_pid = 0;
	if (unit->reason != NULL)
		unit->reason[0] = '\0';
	p->used = true;
	p->number = ++env->launches;
	log_info("%s: %s, as uid %u asks", env->manifest.services[call->only].name, p->argv[0],
		 (unsigned)env->clients[call->client].peer.uid);
	unit_start(env, (uint16_t)call->only);
	admin_wait_for(call, WAITS_PROGRAM_START);
}

void host_start(struct admin_call *call)
{
	static char path[sizeof((struct program *)0)->text];
	struct env *env = call->env;
	struct host_call *host = call->host;
	struct admin_client *client = &env->clients[call->client];
	char *at = path;
	if (host->path.n == 0 || host->path.p[0] != '/' || keep(&at, host->path) == NULL) {
		fail(call, "the path of the program is not absolute");
		return;
	}
	if (!admin_may(call, VERB_StartProgram, path))
		return;
	int u = find_place(env);
	if (u < 0 || !env->booted || env->stopping) {
		fail(call, u >= 0			     ? "not now: the host begins or ends"
			   : env->manifest.host.max_programs ? "host.max_programs of them run already"
							     : "host.max_programs is 0 in the manifest");
		return;
	}
	struct program *p = program_of(env, (uint16_t)u);
	struct service *s = &env->manifest.services[u];
	p->used = false;
	if (!take_rights(env, &client->peer, p, s)) {
		fail(call, "this taoinit cannot take other users' rights");
	} else if (!keep_texts(p, host, s)) {
		fail(call, "too many arguments, one with a NUL in it, or a dir that is not absolute");
	} else if (!take_fds(client, p, &host->request)) {
		fail(call, "stdin, stdout or stderr is the number of no descriptor that came along");
	} else {
		call->only = u;
		begin(call, p);
	}
}

/* ---- ending ---- */

/* Which run under that name? A program that has extended its name keeps the one it was started with for that. */
static bool is_named(const struct env *env, uint16_t u, struct span subprin)
{
	struct wr name = wr_to(env->scratch->name, LAUNCH_NAME_MAX);
	if (unit_at_rest(&env->units[u]) || !env->units[u].added)
		return false;
	launch_subprin(env, u, &name);
	return span_equal(wr_span(&name), subprin);
}

static void end(struct admin_call *call, bool kill)
{
	struct env *env = call->env;
	bool found = false;
	for (uint16_t u = 0; u < env->manifest.n_services; u++) {
		if (!is_named(env, u, call->host->subprin))
			continue;
		found = true;
		call->only = u;
		if (!admin_may(call, VERB_Stop, NULL))
			return;
	}
	call->only = -1;
	if (!found && admin_may(call, VERB_Stop, NULL))
		fail(call, "no such hosted program");
	for (uint16_t u = 0; u < env->manifest.n_services && found; u++) {
		if (!is_named(env, u, call->host->subprin))
			continue;
		log_info("%s: %s, as uid %u asks", env->manifest.services[u].name, kill ? "kill" : "stop",
			 (unsigned)env->clients[call->client].peer.uid);
		if (kill)
			reaper_kill_all(env, u);
		unit_stop(env, u);
	}
}

void host_stop(struct admin_call *call)
{
	end(call, false);
}

void host_kill(struct admin_call *call)
{
	end(call, true);
}

void host_wait(struct admin_call *call)
{
	struct env *env = call->env;
	const struct host_call *host = call->host;
	for (uint16_t u = first_program(env); u < env->manifest.n_services && call->only < 0; u++) {
		const struct unit *unit = &env->units[u];
		struct wr name = wr_to(env->scratch->name, LAUNCH_NAME_MAX);
		if (!program_is_there(env, u) || (unit->pid > 0 ? unit->pid : unit->last_pid) != host->request.pid)
			continue;
		launch_subprin(env, u, &name);
		if (host->request.pid > 0 && span_equal(wr_span(&name), host->subprin))
			call->only = u;
	}
	if (!admin_may(call, VERB_Status, NULL))
		return;
	if (call->only < 0)
		fail(call, "no such hosted program");
	else
		admin_wait_for(call, WAITS_PROGRAM_END);
}

/* ---- looking ---- */

void host_list(struct admin_call *call)
{
	if (admin_may(call, VERB_Status, NULL))
		give_children(call);
}

void host_name(struct admin_call *call)
{
	if (!admin_may(call, VERB_Status, NULL))
		return;
	call->host->prin = span_of(call->env->base_name, call->env->base_name_n);
	call->host->response.prin = rpc_span_out(&call->host->prin);
}

void host_shutdown(struct admin_call *call)
{
	if (admin_may(call, VERB_Shutdown, NULL))
		admin_shutdown(call);
}
