/* SPDX-License-Identifier: MIT
 *
 * A world for the matrix of units: processes, workers and clocks are numbers here. What may happen are functions,
 * and what must always hold is check_world().
 */
#ifndef UNIT_WORLD_H
#define UNIT_WORLD_H

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

#include "../../init/environment.h"
#include "../../init/log.h"
#include "../../init/sys.h"
#include "test.h"

#define N 3

static struct {
	int64_t now;
	int64_t timer[N]; /* 0: not set */
	int64_t shutdown_at;
	bool asked[N], alive[N], exec_pending[N], stray[N], term[N], killed[N];
	unsigned starts[N], added[N], removed[N];
	bool no_cgroup;
	unsigned started_while_stopping;
} world;

static struct env env;
static struct service services[N];

/* ---- the world's side of the seams ---- */

void log_line(enum log_level level, const char *format, ...)
{
	(void)level, (void)format;
}

int64_t sys_now(void)
{
	return world.now;
}

int sys_kill(pid_t pid, int sig)
{
	(void)pid, (void)sig;
	return 0;
}

void loop_timer(struct loop *loop, uint32_t timer, int64_t when)
{
	(void)loop;
	if (timer < N)
		world.timer[timer] = when;
	else
		world.shutdown_at = when;
}

void loop_cancel(struct loop *loop, uint32_t timer)
{
	(void)loop;
	if (timer < N)
		world.timer[timer] = 0;
}

int64_t loop_when(const struct loop *loop, uint32_t timer)
{
	(void)loop;
	return world.timer[timer];
}

void launch_ask(struct env *e, uint16_t u)
{
	world.asked[u] = true;
	world.starts[u]++;
	if (e->stopping)
		world.started_while_stopping++;
}

void launch_forget(struct env *e, uint16_t u)
{
	(void)e, (void)u;
}

int cgroup_watch(struct env *e, uint16_t u)
{
	(void)e, (void)u;
	return world.no_cgroup ? -ENOENT : 0;
}

void cgroup_unwatch(struct env *e, uint16_t u)
{
	(void)e, (void)u;
}

void reaper_kill_all(struct env *e, uint16_t u)
{
	e->units[u].killing = true;
	world.killed[u] = true;
}

bool reaper_is_empty(struct env *e, uint16_t u)
{
	(void)e;
	return !world.alive[u] && !world.stray[u];
}

void reaper_tell(struct env *e, uint16_t u, int sig)
{
	(void)e;
	if (sig == SIGTERM)
		world.term[u] = true;
}

/* ---- what may happen ---- */

static void set_up(void)
{
	static struct unit units[N];
	static uint16_t changed[N], list[N], successors[N * N], requires[N][N], after[N][N];
	static uint32_t at[N + 1];
	static uint8_t seen[N];
	memset(&world, 0, sizeof world);
	memset(&env, 0, sizeof env);
	for (int u = 0; u < N; u++)
		free(units[u].reason);
	memset(units, 0, sizeof units);
	memset(services, 0, sizeof services);
	world.now = NS_PER_S;
	env.manifest.services = services;
	env.manifest.n_services = N;
	env.units = units;
	env.changed = changed;
	env.reach_list = list;
	env.reach_seen = seen;
	env.successors = successors;
	env.successor_at = at;
	for (uint16_t u = 0; u < N; u++) {
		static const char *const names[N] = { "a", "b", "c" };
		struct service *s = &services[u];
		s->name = names[u];
		s->stop_signal = SIGTERM;
		s->stop_timeout = 7 * NS_PER_S;
		s->restart_delay = 100 * NS_PER_MS;
		s->restart_window = 60 * NS_PER_S;
		s->restart = RESTART_ON_FAILURE;
		s->after = after[u];
		s->requires = requires[u];
		units[u].exec_error = units[u].cgroup_events = -1;
	}
}

static void depend(uint16_t u, uint16_t on, bool needs)
{
	struct service *s = &services[u];
	((uint16_t *)(uintptr_t)s->after)[s->n_after++] = on;
	if (needs)
		((uint16_t *)(uintptr_t)s->requires)[s->n_requires++] = on;
}

/* After all that u requires. */
static void want(uint16_t u, uint16_t other)
{
	struct service *s = &services[u];
	((uint16_t *)(uintptr_t)s->after)[s->n_after++] = other;
	((uint16_t *)(uintptr_t)s->requires)[s->n_requires + s->n_wants++] = other;
}

static void link_successors(void)
{
	uint32_t n = 0;
	for (uint16_t u = 0; u < N; u++) {
		env.successor_at[u] = n;
		for (uint16_t v = 0; v < N; v++)
			for (uint16_t i = 0; i < services[v].n_after; i++)
				if (services[v].after[i] == u)
					env.successors[n++] = v;
	}
	env.successor_at[N] = n;
}

static void boot(void)
{
	link_successors();
	for (uint16_t u = 0; u < N; u++)
		env.units[u].wanted = !services[u].on_call;
	for (uint16_t u = 0; u < N; u++)
		if (env.units[u].wanted)
			unit_event(&env, u, ON_START);
	unit_settle_all(&env);
}

static void measured(uint16_t u)
{
	world.asked[u] = false;
	if (env.units[u].state != UNIT_MEASURING)
		return; /* launch.c drops late answers */
	CHECK(!world.alive[u] && !world.stray[u]);
	world.alive[u] = world.exec_pending[u] = true;
	world.term[u] = world.killed[u] = false;
	world.added[u]++;
	env.units[u].pid = u + 1;
	env.units[u].refused = false; /* as launch.c has it */
	unit_event(&env, u, ON_MEASURED);
}

static void exec_ok(uint16_t u)
{
	world.exec_pending[u] = false;
	unit_event(&env, u, ON_EXEC_OK);
}

static void end(uint16_t u, int status, bool leaves_stray)
{
	world.alive[u] = world.exec_pending[u] = false;
	world.stray[u] = leaves_stray;
	world.removed[u]++;
	env.units[u].pid = 0;
	env.units[u].status = status;
	env.units[u].ended = true;
	unit_event(&env, u, ON_ENDED);
}

static void stray_ends(uint16_t u)
{
	world.stray[u] = false;
	unit_event(&env, u, ON_EMPTY);
}

static void fire(uint16_t u)
{
	if (world.timer[u] > world.now)
		world.now = world.timer[u];
	world.timer[u] = 0;
	unit_event(&env, u, ON_TIMER);
}

static void refused(uint16_t u, bool passing)
{
	world.asked[u] = false;
	if (env.units[u].state == UNIT_MEASURING)
		unit_event(&env, u, passing ? ON_EXEC_FAILED : ON_REFUSED);
}

static void denied(uint16_t u)
{
	env.units[u].refused = true;
	refused(u, false);
}

/* What policy_change.c does with each unit when there is a new policy. */
static void policy_stops(uint16_t u)
{
	enum unit_state state = (enum unit_state)env.units[u].state;
	if (state == UNIT_EXECUTING || state == UNIT_STARTING || state == UNIT_UP)
		unit_refuse(&env, u);
}

static void policy_allows(void)
{
	for (uint16_t u = 0; u < N; u++)
		if (env.units[u].refused)
			unit_start(&env, u);
}

/* ---- what must hold ---- */

static void check_unit(uint16_t u)
{
	const struct unit *unit = &env.units[u];
	bool needs_deadline = unit->state == UNIT_MEASURING || unit->state == UNIT_EXECUTING ||
			      unit->state == UNIT_STOPPING || unit->state == UNIT_CLEANING ||
			      unit->state == UNIT_BACKOFF ||
			      (unit->state == UNIT_STARTING && services[u].start_timeout > 0) ||
			      (unit->state == UNIT_UP && services[u].watchdog > 0);
	if (needs_deadline)
		CHECK(world.timer[u] != 0);
	if (env.stopping)
		CHECK(world.shutdown_at != 0);
	if (unit_at_rest(unit)) {
		CHECK(!world.alive[u] && !world.stray[u]);
		CHECK(!unit->wanted);
		CHECK(world.timer[u] == 0);
	}
	if (unit->state == UNIT_UP || unit->state == UNIT_STARTING || unit->state == UNIT_EXECUTING)
		CHECK(world.alive[u]);
	if (unit->state == UNIT_CLEANING)
		CHECK(!world.alive[u]);
	if (unit->state == UNIT_WAITING) {
		bool cause = false;
		for (uint16_t i = 0; i < services[u].n_after; i++) {
			const struct unit *other = &env.units[services[u].after[i]];
			cause = cause || (other->state != UNIT_UP && other->state != UNIT_DONE);
		}
		CHECK(cause);
	}
	CHECK(world.added[u] - world.removed[u] == (world.alive[u] ? 1u : 0u));
	CHECK(!unit->queued);
}

static void check_world(void)
{
	for (uint16_t u = 0; u < N; u++)
		check_unit(u);
	CHECK(world.started_while_stopping == 0);
	CHECK(env.changed_n == 0);
}

#endif
