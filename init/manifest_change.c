/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "log.h"
#include "manifest_change.h"
#include "output.h"
#include "root_worker.h"
#include "sys.h"

/* A disk that takes longer is taken for one that never answers. */
#define READ_TIMEOUT (30 * NS_PER_S)

/* What becomes of a place. */
enum fate { FATE_SAME, FATE_NEW, FATE_CHANGED, FATE_GONE };

/* Stands in its own arena, which the worker that fills it shares; from its end on it is PID 1's alone. At the end of the
 * arena are the texts of both manifests, as manifest_load() keeps them, until then. */
struct manifest_next {
	struct arena arena;
	struct manifest manifest;
	uint16_t *successors;
	uint32_t *successor_at;
	int *sockets;
	uint8_t *fate, *back; /* of each place; back: it is to run again */
	struct span was, is;
	const char *changes; /* lines */
	int kept;	     /* a memfd with is; -1: not yet */
	bool done;	     /* the worker has come to an end, good or bad … */
	bool begun; /* … it was good, and services are stopped for it: from here on nothing can be refused */
	char problem[512], warnings[2048];
};

/* ---- the worker ---- */

static void why_not(struct manifest_next *next, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(next->problem, sizeof next->problem, format, args);
	va_end(args);
}

/* The line at from of the changes, NUL-terminated, and what comes after it; NULL: there is none. */
static const char *line_at(const char *from, char *line, size_t cap)
{
	size_t n = strcspn(from, "\n");
	if (n == 0)
		return NULL;
	snprintf(line, cap, "%.*s", (int)n, from);
	return from + n + (from[n] == '\n');
}

static struct span keep_text(struct arena *arena, struct span text)
{
	uint8_t *at = arena->base + arena->cap - text.n;
	if (text.n > arena->cap - arena->n)
		return span_of(NULL, 0);
	memcpy(at, text.p, text.n);
	arena->cap -= text.n;
	return span_of(at, text.n);
}

/* What the host is stays as it is while it runs; on one with a TPM, where its keys are and what opens them does. */
static bool may_change(const struct env *env, const char *line)
{
	if (env->identity.name_n > 0)
		return false;
	static const char *const later[] = { "host.root.domain_key", "host.root.authorization",
					     "host.root.on_root_failure", "host.root.counter_interval" };
	if (env->manifest.host.root_device == NULL || strncmp(line, "host", 4) != 0)
		return strncmp(line, "host", 4) != 0 && strcmp(line, MANIFEST_DIFF_MORE) != 0;
	for (size_t i = 0; i < sizeof later / sizeof later[0]; i++)
		if (strncmp(line, later[i], strlen(later[i])) == 0)
			return true;
	return strncmp(line, "host.root", 9) != 0 && strcmp(line, "host (new)") != 0 &&
	       strcmp(line, "host (taken out)") != 0;
}

static bool find_changes(const struct env *env, struct manifest_next *next, struct span is)
{
	uint8_t *text = sys_map(MANIFEST_DIFF_MAX);
	struct wr w = wr_to(text, MANIFEST_DIFF_MAX - 1);
	next->is = keep_text(&next->arena, is);
	if (text != NULL && next->is.p != NULL && manifest_diff_files(next->was, is, &w) == 0) {
		char *copy = arena_alloc(&next->arena, w.n + 1, 1);
		if (copy != NULL)
			next->changes = memcpy(copy, text, w.n + 1);
	}
	if (next->changes == NULL) {
		why_not(next, "no memory for it");
		return false;
	}
	char line[300];
	for (const char *at = next->changes; (at = line_at(at, line, sizeof line)) != NULL;)
		if (!may_change(env, line)) {
			why_not(next,
				env->identity.name_n > 0
					? "%s: the manifest's hash stands in the name that the Tao below vouches "
					  "for; restart taoinit with the other one"
				: env->manifest.host.root_device != NULL
					? "%s would leave the keys where they are, unsealed; take that back"
					: "%s cannot change while the host runs; take that back, or reboot",
				line);
			return false;
		}
	return true;
}

/* ---- where the root is a TPM: from the next boot on ---- */

static void reseal(struct env *env, struct manifest_next *next, int socket)
{
	struct host *host = &env->manifest.host; /* of this process */
	struct root_report report = { "" };
	uint8_t file_key[32];
	next->manifest.host.root_log = host->root_log;
	next->manifest.host.firmware_log = host->firmware_log;
	next->manifest.host.manifest_path = host->manifest_path;
	*host = next->manifest.host;
	if (environment_name_guard(env) < 0 ||
	    sys_recv_wait(socket, file_key, sizeof file_key, NULL, 0, NULL) != (ssize_t)sizeof file_key)
		why_not(next, "the keys are not to be had");
	else if (root_reseal(host, file_key, &report) < 0)
		why_not(next, "the keys could not be sealed to it: %s", report.text);
	wipe(file_key, sizeof file_key);
}

/* ---- elsewhere: at once ---- */

/* The place of the service that a path below "services." leads to, and what stands behind its name there. */
static uint16_t place_of(const struct env *env, const struct manifest *m, const char *path, const char **rest)
{
	size_t longest = 0;
	uint16_t place = 0;
	for (uint16_t u = 0; u < m->n_services; u++) {
		const struct service *s =
			m->services[u].name[0] != '\0' ? &m->services[u] : &env->manifest.services[u];
		size_t n = strlen(s->name);
		if (n > longest && strncmp(path, s->name, n) == 0 && strchr(". ", path[n]) != NULL) {
			longest = n;
			place = u;
		}
	}
	*rest = path + longest;
	return place;
}

static void judge(const struct env *env, struct manifest_next *next, const char *line)
{
	/* A process that runs does not see these. */
	static const char *const outside[] = { "after",		 "requires",	     "wants",
					       "restart",	 "restart_delay",    "max_restarts",
					       "restart_window", "start_timeout",    "stop",
					       "on_failure",	 "on_policy_change", "on_channel_error",
					       "essential" };
	const char *rest;
	if (strncmp(line, "services.", 9) != 0)
		return;
	uint8_t *fate = &next->fate[place_of(env, &next->manifest, line + 9, &rest)];
	size_t n = rest[0] == '.' ? strcspn(rest + 1, ". ") : 0;
	for (size_t i = 0; i < sizeof outside / sizeof outside[0] && n > 0; i++)
		if (strlen(outside[i]) == n && strncmp(rest + 1, outside[i], n) == 0)
			return;
	if (*fate == FATE_SAME)
		*fate = FATE_CHANGED;
}

/* What runs keeps its user. */
static bool same_user(const struct service *a, const struct service *b)
{
	return a->uid == b->uid && a->gid == b->gid && a->own_uid == b->own_uid;
}

static bool find_fates(const struct env *env, struct manifest_next *next)
{
	struct manifest *m = &next->manifest;
	if (manifest_give_places(m, &env->manifest, &next->arena) < 0) {
		why_not(next, "has no place for more services (host.max_services); take some out, or reboot");
		return false;
	}
	next->fate = arena_alloc(&next->arena, m->n_services, 1);
	next->back = arena_alloc(&next->arena, m->n_services, 1);
	next->sockets = arena_alloc(&next->arena, m->n_sockets * sizeof *next->sockets, sizeof *next->sockets);
	if (next->fate == NULL || next->back == NULL || next->sockets == NULL ||
	    manifest_successors(m, &next->arena, &next->successors, &next->successor_at) < 0) {
		why_not(next, "no memory for it");
		return false;
	}
	for (uint16_t u = 0; u < m->n_services; u++) {
		const struct service *was = &env->manifest.services[u], *is = &m->services[u];
		const struct program *p = u >= first_program(env) ? &env->started[u - first_program(env)] : NULL;
		bool had = was->name[0] != '\0', has = is->name[0] != '\0';
		next->fate[u] = (uint8_t)(had == has ? FATE_SAME : has ? FATE_NEW : FATE_GONE);
		if (p == NULL && had && has && !same_user(was, is))
			next->fate[u] = FATE_CHANGED;
		/* It has had its own since it was first started. */
		if (p != NULL && p->number > 0 && env->can_setuid && p->uid != is->uid) {
			why_not(next, "gives a service the uid of %s, which was started at run time; reboot",
				is->name);
			return false;
		}
	}
	char line[300];
	for (const char *at = next->changes; (at = line_at(at, line, sizeof line)) != NULL;)
		judge(env, next, line);
	return true;
}

static int manifest_worker(int socket, void *arg)
{
	struct env *env = arg;
	struct manifest_next *next = env->manifest_next;
	struct diag diag = { "" };
	struct wr warn = wr_to(next->warnings, sizeof next->warnings - 1);
	bool can_setuid = env->can_setuid;
	struct span is;
	sys_die_with_parent();
	if (manifest_load(env->manifest_path, &next->arena, &next->manifest, &can_setuid, &diag, &warn, &is) < 0)
		why_not(next, "%s", diag.text);
	else if (find_changes(env, next, is) && env->manifest.host.root_device != NULL)
		reseal(env, next, socket);
	else if (next->problem[0] == '\0')
		find_fates(env, next);
	next->done = true;
	return 0;
}

/* ---- in PID 1 ---- */

static void forget(struct env *env)
{
	struct manifest_next *next = env->manifest_next;
	uint8_t *base = next->arena.base;
	if (next->kept >= 0)
		sys_close(next->kept);
	env->manifest_next = NULL;
	env->admin_check = true;
	sys_unmap(base, MANIFEST_ARENA);
}

int manifest_reload(struct env *env)
{
	struct worker *worker = &env->workers[WORKER_MANIFEST];
	struct arena arena = { NULL, 0, MANIFEST_ARENA };
	struct stat st;
	if (!env->booted || env->stopping)
		return ERR_STATE;
	if (env->manifest_next != NULL)
		return ERR_BUSY;
	arena.base = sys_fstat(env->manifest_kept, &st) < 0 ? NULL : sys_map_shared(arena.cap);
	if (arena.base == NULL)
		return ERR_NO_SPACE;
	struct manifest_next *next = arena_alloc(&arena, sizeof *next, _Alignof(struct manifest_next));
	arena.cap -= (size_t)st.st_size; /* MANIFEST_BYTES_MAX at most */
	next->was = span_of(arena.base + arena.cap, (size_t)st.st_size);
	next->arena = arena;
	next->kept = -1;
	env->manifest_next = next;
	*worker = worker_made("tao-manifest", manifest_worker, env);
	if (sys_pread(env->manifest_kept, arena.base + arena.cap, next->was.n, 0) != (ssize_t)next->was.n ||
	    worker_start(worker) < 0) {
		forget(env);
		return ERR_NO_SPACE;
	}
	sys_keep_from_children(arena.base, MANIFEST_ARENA);
	if (env->manifest.host.root_device != NULL)
		sys_send(worker->fd, core_file_key(env->core), NULL, 0);
	pid_add(env, worker->pid, PID_WORKER, WORKER_MANIFEST);
	loop_timer(&env->loop, TIMER_WORKER(env, WORKER_MANIFEST), sys_now() + READ_TIMEOUT);
	return 0;
}

void manifest_timer(struct env *env)
{
	if (env->workers[WORKER_MANIFEST].pid > 0)
		sys_kill(env->workers[WORKER_MANIFEST].pid, SIGKILL); /* its end is told, then */
}

static void refuse(struct env *env, const char *why)
{
	bool named = strncmp(why, env->manifest_path, strlen(env->manifest_path)) == 0; /* as the parser does it */
	snprintf(env->manifest_problem, sizeof env->manifest_problem,
		 "%.100s%s%s; the old manifest stays in force", named ? "" : env->manifest_path, named ? "" : ": ",
		 why);
	log_error("%s", env->manifest_problem);
	forget(env);
}

/* All that cannot go on as it is is stopped, with what requires it. */
static void begin(struct env *env)
{
	struct manifest_next *next = env->manifest_next;
	next->begun = true;
	log_warnings(next->warnings);
	for (uint16_t u = 0; u < next->manifest.n_services; u++) {
		if (next->fate[u] != FATE_CHANGED && next->fate[u] != FATE_GONE)
			continue;
		/* A reason to mend a manifest. */
		next->back[u] = env->units[u].state == UNIT_FAILED;
		unit_stop_for(env, u, next->back);
	}
}

static void keep_arena(struct env *env)
{
	const struct manifest_next *next = env->manifest_next;
	/* The first one's, in which the host's part stands, is env->arena, and stays. */
	if (env->manifest_arena.base != NULL)
		sys_unmap(env->manifest_arena.base, MANIFEST_ARENA);
	env->manifest_arena = next->arena;
	env->manifest_changes = span_str(next->changes);
	env->manifest_next = NULL;
	env->manifest_problem[0] = '\0';
	env->admin_check = true;
}

/* All is done that is done before the next boot. */
static void wait_for_boot(struct env *env)
{
	sys_close(env->manifest_next->kept);
	log_warnings(env->manifest_next->warnings);
	log_info("the keys are sealed to the manifest as it is now; reboot to put it in force");
	keep_arena(env);
}

void manifest_worker_ended(struct env *env)
{
	struct manifest_next *next = env->manifest_next;
	worker_ended(&env->workers[WORKER_MANIFEST]);
	loop_cancel(&env->loop, TIMER_WORKER(env, WORKER_MANIFEST));
	if (!next->done)
		refuse(env, "the worker that reads it has died, or took too long");
	else if (next->problem[0] != '\0')
		refuse(env, next->problem);
	else if ((next->kept = manifest_keep(next->is)) < 0 || environment_make_room(env, &next->manifest) < 0 ||
		 sys_map_private(next->arena.base, MANIFEST_ARENA, next->arena.n) < 0)
		refuse(env, "no memory for it");
	else if (env->manifest.host.root_device == NULL)
		begin(env);
	else
		wait_for_boot(env);
}

/* ---- the old one's place ---- */

/* Sockets on which nothing changes stay open: whoever has connected meanwhile is not turned away. */
static int find_socket(const struct service *was, const struct service_socket *socket, const struct service *is)
{
	for (uint32_t i = 0; i < is->n_sockets && same_user(was, is); i++)
		if (is->sockets[i].kind == socket->kind && strcmp(is->sockets[i].at, socket->at) == 0 &&
		    is->sockets[i].mode == socket->mode && is->sockets[i].gid == socket->gid)
			return (int)i;
	return -1;
}

static void hand_over_sockets(struct env *env, uint16_t u, const struct service *is, int *sockets)
{
	const struct service *was = &env->manifest.services[u];
	for (uint32_t i = 0; i < was->n_sockets; i++) {
		int to = find_socket(was, &was->sockets[i], is);
		if (to >= 0)
			sockets[is->first_socket + (uint32_t)to] = env->sockets[was->first_socket + i];
		else
			sockets_close(env, was, i);
	}
}

/* A place of a program keeps what it was started with, which stands in env->started. */
static void hand_over_program(const struct env *env, uint16_t u, struct service *is)
{
	const struct service *was = &env->manifest.services[u];
	if (env->started[u - first_program(env)].number == 0)
		return;
	is->exec = was->exec;
	is->argv = was->argv;
	is->n_exec = was->n_exec;
	is->cwd = was->cwd;
	is->uid = was->uid;
	is->gid = was->gid;
	is->own_uid = was->own_uid;
	is->as_root = was->as_root;
}

/* Whoever reads its last lines goes on. */
static bool same_output(const struct service *was, const struct service *is)
{
	return is->name[0] != '\0' && same_user(was, is) &&
	       (was->log == is->log || (was->log != NULL && is->log != NULL && strcmp(was->log, is->log) == 0));
}

static void clear_place(struct env *env, uint16_t u)
{
	free(env->units[u].reason);
	unit_init(&env->units[u]);
	memset(&env->programs[u], 0, sizeof env->programs[u]);
	memset(&env->files[u], 0, sizeof env->files[u]);
	memset(&env->parts[u], 0, sizeof env->parts[u]);
}

static void start_all(struct env *env, const struct manifest_next *next)
{
	uint16_t n = first_program(env);
	/* All are wanted before the first is asked to start: it waits for those that it comes after. */
	for (int pass = 0; pass < 2; pass++)
		for (uint16_t u = 0; u < n; u++) {
			bool is_new = next->fate[u] == FATE_NEW && !env->manifest.services[u].on_call;
			if (next->fate[u] == FATE_GONE || !(is_new || next->back[u]))
				continue;
			if (pass == 0)
				env->units[u].wanted = true;
			else
				unit_start(env, u);
		}
	for (uint16_t u = 0; u < n; u++)
		unit_event(env, u, ON_DEPS);
}

static void take_place(struct env *env)
{
	struct manifest_next *next = env->manifest_next;
	struct manifest *m = &next->manifest;
	unsigned count[4] = { 0 };
	for (uint32_t i = 0; i < m->n_sockets; i++)
		next->sockets[i] = -1;
	for (uint16_t u = 0; u < m->n_services; u++) {
		hand_over_sockets(env, u, &m->services[u], next->sockets);
		if (u >= first_program(env))
			hand_over_program(env, u, &m->services[u]);
		if (next->fate[u] == FATE_GONE)
			clear_place(env, u);
		if (!same_output(&env->manifest.services[u], &m->services[u]))
			output_forget(env, u);
		count[next->fate[u]]++;
	}
	env->manifest.services = m->services;
	env->manifest.n_sockets = m->n_sockets;
	env->manifest.sha256 = m->sha256;
	env->successors = next->successors;
	env->successor_at = next->successor_at;
	env->sockets = next->sockets;
	sys_close(env->manifest_kept);
	env->manifest_kept = next->kept;
	keep_arena(env);
	log_info("another manifest is in force: of its services %u are new, %u have changed and %u are gone",
		 count[FATE_NEW], count[FATE_CHANGED], count[FATE_GONE]);
	output_change(env);
	sockets_open_all(env);
	start_all(env, next);
}

void manifest_turn(struct env *env)
{
	struct manifest_next *next = env->manifest_next;
	bool rest = true;
	if (next == NULL || !next->begun)
		return;
	if (env->stopping) {
		refuse(env, "the host ends");
		return;
	}
	for (uint16_t u = 0; u < next->manifest.n_services; u++) {
		const struct unit *unit = &env->units[u];
		if (next->fate[u] != FATE_CHANGED && next->fate[u] != FATE_GONE)
			continue;
		rest = rest && unit_at_rest(unit);
		/* Whoever wanted it meanwhile has to wait. */
		if (unit->wanted || unit->again)
			unit_stop_for(env, u, next->back);
	}
	if (rest)
		take_place(env);
}
