/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>

#include "log.h"
#include "output.h"
#include "output_line.h"
#include "sys.h"
#include "sys_output.h"

/* How long the end waits for the worker to hand on what is left. */
#define END_TRIES 400
#define END_STEP (5 * NS_PER_MS)

/* Of one service; -1: not made yet. With "none", write has /dev/null, twice. */
struct output_pipes {
	int read[OUTPUT_STREAMS], write[OUTPUT_STREAMS], memory;
	bool sent;
};

static const struct output_pipes no_pipes = { { -1, -1 }, { -1, -1 }, -1, false };

const char *output_where(const struct env *env, uint16_t u)
{
	const char *of_service = env->manifest.services[u].log, *of_host = env->manifest.host.log;
	if (of_service != NULL)
		return of_service;
	return of_host != NULL ? of_host : env->place == PLACE_MACHINE ? "console" : "inherit";
}

bool output_is_kept(const char *where)
{
	return strcmp(where, "inherit") != 0 && strcmp(where, "none") != 0;
}

bool output_wants_worker(const struct env *env)
{
	for (uint16_t u = 0; u < env->manifest.n_services; u++)
		if (output_is_kept(output_where(env, u)))
			return true;
	return false;
}

int output_open(struct env *env)
{
	uint16_t n = env->manifest.n_services;
	bool wanted = false;
	for (uint16_t u = 0; u < n && !wanted; u++)
		wanted = strcmp(output_where(env, u), "inherit") != 0;
	if (!wanted)
		return 0;
	env->outputs = sys_map_own(n * sizeof *env->outputs);
	for (uint16_t u = 0; u < n && env->outputs != NULL; u++)
		env->outputs[u] = no_pipes;
	return env->outputs != NULL ? 0 : -ENOMEM;
}

/* ---- a service's pipes ---- */

static void close_pipes(struct output_pipes *p)
{
	for (int i = 0; i < OUTPUT_STREAMS; i++) {
		if (p->read[i] >= 0)
			sys_close(p->read[i]);
		if (p->write[i] >= 0)
			sys_close(p->write[i]);
		p->read[i] = p->write[i] = -1;
	}
}

static int make_pipes(struct env *env, uint16_t u, struct output_pipes *p)
{
	const struct service *s = &env->manifest.services[u];
	int r = 0;
	for (int i = 0; i < OUTPUT_STREAMS && r >= 0; i++) {
		int ends[2];
		r = sys_pipe(ends);
		if (r < 0)
			break;
		p->read[i] = ends[0];
		p->write[i] = ends[1];
		r = sys_nonblock(ends[0]);
		/* So that it can open /dev/stderr. */
		if (r >= 0 && env->can_setuid)
			r = sys_fchown(ends[1], s->uid, s->gid);
	}
	p->memory = r < 0 ? r : sys_memory("tao-log", OUTPUT_RING_AT + env->manifest.host.log_ring);
	return p->memory < 0 ? p->memory : 0;
}

static int make_none(struct output_pipes *p)
{
	for (int i = 0; i < OUTPUT_STREAMS; i++)
		p->write[i] = sys_open("/dev/null", O_WRONLY | O_NOCTTY, 0);
	return p->write[0] < 0 ? p->write[0] : p->write[1] < 0 ? p->write[1] : 0;
}

/* 0 if it has room for more. */
static int offer(struct env *env, uint16_t u)
{
	struct output_pipes *p = &env->outputs[u];
	const struct output_message message = { u, OUTPUT_NEW };
	const int fds[OUTPUT_FDS] = { p->read[OUTPUT_OUT], p->read[OUTPUT_ERR], p->memory };
	struct worker *worker = &env->workers[WORKER_OUTPUT];
	if (worker->fd < 0 || p->sent || p->memory < 0)
		return 0;
	ssize_t r = sys_send(worker->fd, span_of(&message, sizeof message), fds, OUTPUT_FDS);
	p->sent = r >= 0;
	if (r == -EAGAIN)
		loop_change(&env->loop, SOURCE_WORKER, WORKER_OUTPUT, worker->fd, EPOLLIN | EPOLLOUT);
	else if (r < 0)
		loop_timer(&env->loop, TIMER_WORKER(env, WORKER_OUTPUT), sys_now() + NS_PER_S / 10);
	return r < 0 ? (int)r : 0;
}

int output_give(struct env *env, uint16_t u, int *out, int *err)
{
	struct output_pipes *p = env->outputs != NULL ? &env->outputs[u] : NULL;
	const char *where = output_where(env, u);
	if (p == NULL || strcmp(where, "inherit") == 0)
		return 0;
	if (p->write[OUTPUT_ERR] < 0) {
		int r = output_is_kept(where) ? make_pipes(env, u, p) : make_none(p);
		if (r < 0) {
			close_pipes(p);
			unit_say(&env->units[u], "cannot take its output: %s", strerror(-r));
			return r;
		}
		offer(env, u);
	}
	*out = p->write[OUTPUT_OUT];
	*err = p->write[OUTPUT_ERR];
	return 0;
}

/* ---- the worker ---- */

void output_pump(struct env *env)
{
	struct worker *worker = &env->workers[WORKER_OUTPUT];
	for (uint16_t u = 0; u < env->manifest.n_services; u++)
		if (offer(env, u) < 0)
			return;
	if (worker->fd >= 0)
		loop_change(&env->loop, SOURCE_WORKER, WORKER_OUTPUT, worker->fd, EPOLLIN);
}

void output_ended(struct env *env, uint16_t u)
{
	const struct output_message message = { u, OUTPUT_ENDED };
	if (env->outputs != NULL && env->outputs[u].sent && env->workers[WORKER_OUTPUT].fd >= 0)
		sys_send(env->workers[WORKER_OUTPUT].fd, span_of(&message, sizeof message), NULL, 0);
}

void output_worker_lost(struct env *env)
{
	for (uint16_t u = 0; u < env->manifest.n_services; u++)
		env->outputs[u].sent = false;
}

void output_forget(struct env *env, uint16_t u)
{
	struct output_pipes *p = env->outputs != NULL ? &env->outputs[u] : NULL;
	if (p == NULL)
		return;
	close_pipes(p);
	if (p->memory >= 0)
		sys_close(p->memory);
	*p = no_pipes;
}

void output_change(struct env *env)
{
	const struct worker *worker = &env->workers[WORKER_OUTPUT];
	if (env->outputs == NULL && output_open(env) < 0)
		log_error("no memory for what services write: it goes where ours does");
	env->output_changes = worker->pid > 0;
	if (worker->pid > 0)
		sys_kill(worker->pid, SIGKILL); /* it is started again, and told of all of them */
	else if (env->outputs != NULL && output_wants_worker(env))
		loop_timer(&env->loop, TIMER_WORKER(env, WORKER_OUTPUT), sys_now());
}

void output_reply(struct env *env, uint32_t events)
{
	char text[256];
	ssize_t n = sys_recv(env->workers[WORKER_OUTPUT].fd, text, sizeof text - 1, NULL, 0, NULL);
	if (n > 0)
		log_warning("%.*s", (int)n, text);
	if ((events & EPOLLOUT) != 0)
		output_pump(env);
}

void output_close(struct env *env)
{
	struct worker *worker = &env->workers[WORKER_OUTPUT];
	int status;
	if (worker->pid <= 0)
		return;
	sys_close(worker->fd);
	worker->fd = -1;
	for (int i = 0; i < END_TRIES; i++) {
		pid_t pid = sys_reap(&status);
		if (pid == worker->pid || pid < 0) {
			worker->pid = 0;
			return;
		}
		if (pid == 0)
			sys_sleep(END_STEP);
	}
}

/* ---- for taoctl ---- */

int output_read(const struct env *env, uint16_t u, uint64_t position, int64_t since, uint32_t lines,
		struct span *text, uint64_t *next)
{
	uint32_t ring = env->manifest.host.log_ring;
	uint64_t before = 0, after = 0, begin, from;
	*text = span_of(env->data, 0);
	*next = 0;
	if (!output_is_kept(output_where(env, u)))
		return -ENOENT;
	int fd = env->outputs[u].memory;
	if (fd < 0)
		return 0;
	_Static_assert(offsetof(struct output_shared, head) == 0, "the head stands first");
	sys_pread(fd, &before, sizeof before, 0);
	output_window(before, before, ring, position, &begin);
	size_t n = (size_t)(before - begin), at = (size_t)(begin % ring), first = n < ring - at ? n : ring - at;
	if (n > env->data_cap)
		return -ENOENT; /* cannot be: data has room for a ring */
	sys_pread(fd, env->data, first, (off_t)(OUTPUT_RING_AT + at));
	sys_pread(fd, env->data + first, n - first, OUTPUT_RING_AT);
	/* Meanwhile the worker wrote on. */
	sys_pread(fd, &after, sizeof after, 0);
	output_window(before, after, ring, position, &from);
	const char *bytes = (const char *)env->data + (from - begin);
	n -= (size_t)(from - begin);
	size_t skip = output_select(bytes, n, from == position || from == 0, since, lines);
	*text = span_of(bytes + skip, n - skip);
	*next = before;
	return 0;
}
