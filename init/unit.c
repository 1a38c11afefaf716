/* SPDX-License-Identifier: MIT
 *
 * What a unit does: read it from the bottom up. The matrix is the behaviour; its cells are small functions that
 * act and name the next state.
 */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "environment.h"
#include "events.h"
#include "log.h"
#include "sys.h"

/* After this long up, earlier failures no longer count. */
#define GOOD_LIFE (10 * NS_PER_S)
/* The longest wait between two starts. */
#define BACKOFF_MAX (60 * NS_PER_S)
/* A fork or exec that failed for want of memory or processes is tried again after 0.1 s, then each 0.2 s: whatever was
 * short, it is used within a quarter of a second. */
#define RETRY_FIRST (100 * NS_PER_MS)
#define RETRY_MAX (200 * NS_PER_MS)
/* A disk may be slow to give a program, or a child to get to its exec: not slower than this. */
#define MEASURE_TIMEOUT (60 * NS_PER_S)
#define EXEC_TIMEOUT (10 * NS_PER_S)
/* SIGKILL needs no time, except in the kernel (an NFS server that is gone): then again, and again. */
#define KILL_AGAIN NS_PER_S

/* The status of an essential service that could not be run: what shells and container runtimes say then. */
#define EXIT_NOT_RUN 126

static const struct service *service_of(const struct env *env, uint16_t u)
{
	return &env->manifest.services[u];
}

static const char *name_of(const struct env *env, uint16_t u)
{
	return env->manifest.services[u].name;
}

const char *unit_state_text(enum unit_state state)
{
	static const char *const texts[] = {
#define STATE(id, text, meaning) text,
#define EVENT(id, meaning)
#include "unit.def"
#undef STATE
#undef EVENT
	};
	return state < UNIT_STATES ? texts[state] : "?";
}

void unit_say(struct unit *unit, const char *format, ...)
{
	va_list args;
	char *reason = unit->reason != NULL ? unit->reason : malloc(UNIT_REASON_MAX);
	if (reason == NULL)
		return;
	va_start(args, format);
	vsnprintf(reason, UNIT_REASON_MAX, format, args);
	va_end(args);
	unit->reason = reason;
}

void unit_init(struct unit *unit)
{
	*unit = (struct unit){ .notify = -1, .ready = -1, .keeper_fd = -1, .exec_error = -1, .cgroup_events = -1 };
	unit->channel.fd = -1;
	unit->since = sys_now();
}

int unit_exit_code(int wait_status)
{
	return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

bool unit_at_rest(const struct unit *unit)
{
	return unit->state == UNIT_DOWN || unit->state == UNIT_DONE || unit->state == UNIT_FAILED;
}

static bool is_ready(const struct unit *unit)
{
	return unit->state == UNIT_UP || unit->state == UNIT_DONE;
}

/* ---- neighbours ---- */

bool unit_requires(const struct service *service, uint16_t other)
{
	for (uint16_t i = 0; i < service->n_requires; i++)
		if (service->requires[i] == other)
			return true;
	return false;
}

enum readiness { NOT_YET, GO, NEVER };

/* May it start now, as far as others are concerned? */
static enum readiness readiness(struct env *env, uint16_t u)
{
	const struct service *s = service_of(env, u);
	enum readiness answer = GO;
	for (uint16_t i = 0; i < s->n_after; i++) {
		const struct unit *other = &env->units[s->after[i]];
		if (is_ready(other))
			continue;
		if (unit_requires(s, s->after[i])) {
			if (unit_at_rest(other) && !other->wanted) {
				unit_say(&env->units[u], "requires %s, which is %s", name_of(env, s->after[i]),
					 unit_state_text(other->state));
				env->units[u].refused = other->refused;
				return NEVER;
			}
			answer = NOT_YET;
		} else if (other->wanted && (!unit_at_rest(other) || other->state == UNIT_DOWN) &&
			   other->state != UNIT_BACKOFF) {
			/* Order alone waits for an attempt, not for success: also for one that is wanted and whose turn
			 * comes later in this round, as at boot. */
			answer = NOT_YET;
		}
	}
	return answer;
}

/* Do none that come after it, and are being stopped too, still run? */
static bool may_stop(const struct env *env, uint16_t u)
{
	for (uint32_t i = env->successor_at[u]; i < env->successor_at[u + 1]; i++) {
		const struct unit *other = &env->units[env->successors[i]];
		if (!other->wanted && !unit_at_rest(other))
			return false;
	}
	return true;
}

static void queue(struct env *env, uint16_t u)
{
	if (env->units[u].queued)
		return;
	env->units[u].queued = true;
	env->changed[(env->changed_head + env->changed_n++) % env->manifest.n_services] = u;
}

/* ---- entering a state ---- */

/* The times of the first start, at boot; the last of them ends it. */
static void note_moment(const struct env *env, struct unit *unit)
{
	static const uint8_t moment_of[UNIT_STATES] = {
		[UNIT_WAITING] = 1, [UNIT_MEASURING] = 2, [UNIT_EXECUTING] = 3, [UNIT_STARTING] = 3,
		[UNIT_UP] = 4,	    [UNIT_DONE] = 4,	  [UNIT_FAILED] = 4,
	};
	unsigned i = moment_of[unit->state];
	/* A start that is none of the boot's would stretch its picture to hours. */
	if (!unit->at_boot && unit->moments[0] == 0 && unit->moments[1] == 0)
		return;
	if (i > 0 && unit->moments[i - 1] == 0 && unit->moments[UNIT_MOMENTS - 1] == 0)
		unit->moments[i - 1] = 1 + (uint32_t)((unit->since - env->began) / NS_PER_MS);
}

static void enter(struct env *env, uint16_t u, enum unit_state state)
{
	struct unit *unit = &env->units[u];
	if (unit->state == state)
		return;
	unit->state = (uint8_t)state;
	unit->since = sys_now();
	note_moment(env, unit);
	loop_cancel(&env->loop, TIMER_UNIT(env, u));
	queue(env, u);
	events_add(env, (struct event){ .what = (uint64_t)unit->since, .unit = u, .state = (uint8_t)state });
	env->admin_check = true;
}

static void timer(struct env *env, uint16_t u, int64_t from_now)
{
	loop_timer(&env->loop, TIMER_UNIT(env, u), sys_now() + from_now);
}

static int exit_code(const struct unit *unit, enum unit_state state)
{
	return unit->ended && !unit->exec_failed ? unit_exit_code(unit->status)
	       : state == UNIT_FAILED		 ? EXIT_NOT_RUN
						 : 0;
}

/* on_failure. What it starts is started when the turn's changes are told: no cell gives an order up. */
static void failed(struct env *env, uint16_t u)
{
	const struct service *s = service_of(env, u);
	struct unit *unit = &env->units[u];
	unit->call_help = s->failure_start > 0;
	if (s->failure_action == FAILURE_NOTHING)
		return;
	env->exit_decided = true;
	log_info("%s has failed: stopping", s->name);
	environment_stop(env, s->failure_action == FAILURE_REBOOT ? END_REBOOT : END_POWEROFF,
			 exit_code(unit, UNIT_FAILED));
}

/* It rests for good unless somebody starts it: the essential one takes the host with it. */
static void rest(struct env *env, uint16_t u, enum unit_state state)
{
	struct unit *unit = &env->units[u];
	bool by_itself = unit->wanted;
	unit->wanted = false;
	unit->again = false;
	launch_forget(env, u);
	enter(env, u, state);
	if (state == UNIT_FAILED)
		log_error("%s: %s", name_of(env, u), unit->reason != NULL ? unit->reason : "failed");
	if (state == UNIT_FAILED && by_itself && !env->stopping)
		failed(env, u);
	if (!service_of(env, u)->essential)
		return;
	int code = exit_code(unit, state);
	if (!env->stopping && by_itself) {
		env->exit_decided = true;
		log_info("%s, which is essential, is %s: stopping", name_of(env, u), unit_state_text(state));
		environment_stop(env, env->place == PLACE_MACHINE ? END_POWEROFF : END_EXIT, code);
	} else if (env->stopping && !env->exit_decided && unit->ended) {
		env->exit_code = code;
	}
}

static void try_start(struct env *env, uint16_t u)
{
	struct unit *unit = &env->units[u];
	switch (readiness(env, u)) {
	case GO:
		unit->launch = ++env->launches;
		unit->killing = false;
		unit->exec_failed = false;
		unit->retry = false;
		unit->blamed = unit->ready_said = unit->status_said = unit->reloading = false;
		enter(env, u, UNIT_MEASURING);
		timer(env, u, MEASURE_TIMEOUT);
		launch_ask(env, u);
		break;
	case NOT_YET:
		enter(env, u, UNIT_WAITING);
		break;
	case NEVER:
		rest(env, u, UNIT_DOWN);
		break;
	}
}

/* Delays are 0, d, 2d, 4d … up to a minute. */
static int64_t backoff(const struct service *service, uint32_t streak)
{
	int64_t d = service->restart_delay;
	if (streak < 2 || d == 0)
		return 0;
	for (uint32_t i = 2; i < streak && d < BACKOFF_MAX; i++)
		d *= 2;
	return d < BACKOFF_MAX ? d : BACKOFF_MAX;
}

/* For want of memory, processes, descriptors: again and again, with one line in the log, and one when it works. */
static void try_again(struct env *env, uint16_t u)
{
	struct unit *unit = &env->units[u];
	int64_t d = RETRY_FIRST;
	for (uint32_t i = 0; i < unit->tries && d < RETRY_MAX; i++)
		d *= 2;
	if (unit->tries++ == 0)
		log_warning("%s: %s; trying again until it works", name_of(env, u), unit->reason);
	enter(env, u, UNIT_BACKOFF);
	timer(env, u, d < RETRY_MAX ? d : RETRY_MAX);
}

static void wait_and_start(struct env *env, uint16_t u, int64_t delay)
{
	if (delay == 0) {
		try_start(env, u);
		return;
	}
	enter(env, u, UNIT_BACKOFF);
	timer(env, u, delay);
}

/* max_restarts in restart_window: false when it must give up. */
static bool may_restart(struct env *env, uint16_t u)
{
	const struct service *s = service_of(env, u);
	struct unit *unit = &env->units[u];
	int64_t now = sys_now();
	if (s->max_restarts == 0)
		return true;
	if (unit->in_window == 0 || now - unit->window_start > s->restart_window) {
		unit->window_start = now;
		unit->in_window = 0;
	}
	if (unit->in_window >= s->max_restarts) {
		unit_say(unit,
			 "gave up: %u restarts within %lld s (max_restarts); start it by hand: taoctl start %s",
			 (unsigned)unit->in_window, (long long)(s->restart_window / NS_PER_S), s->name);
		return false;
	}
	unit->in_window++;
	return true;
}

static void describe_end(struct env *env, uint16_t u)
{
	struct unit *unit = &env->units[u];
	unit->status_said = false;
	if (unit->exec_failed || unit->blamed)
		return;
	if (WIFSIGNALED(unit->status))
		unit_say(unit, "ended by signal %d%s", WTERMSIG(unit->status),
			 WCOREDUMP(unit->status) ? " (core dumped)" : "");
	else
		unit_say(unit, "ended with status %d", WEXITSTATUS(unit->status));
}

/* Everything of it is gone: what now? */
static void settle(struct env *env, uint16_t u)
{
	const struct service *s = service_of(env, u);
	struct unit *unit = &env->units[u];
	bool success = unit->ended && !unit->exec_failed && !unit->blamed && WIFEXITED(unit->status) &&
		       WEXITSTATUS(unit->status) == 0;
	cgroup_unwatch(env, u);
	unit->killing = false;
	if (unit->again && !env->stopping) {
		unit->again = false;
		unit->wanted = true;
		unit->streak = 0;
		try_start(env, u);
		return;
	}
	if (!unit->wanted || env->stopping) {
		rest(env, u, UNIT_DOWN);
		return;
	}
	if (unit->exec_failed && unit->retry) {
		try_again(env, u);
		return;
	}
	if (unit->exec_failed) {
		rest(env, u, UNIT_FAILED);
		return;
	}
	if (s->restart == RESTART_ALWAYS || (s->restart == RESTART_ON_FAILURE && !success)) {
		if (!may_restart(env, u)) {
			rest(env, u, UNIT_FAILED);
			return;
		}
		unit->restarts++;
		int64_t delay = backoff(s, unit->streak);
		log_warning("%s: %s; starting it again%s", s->name, unit->reason,
			    delay > 0 ? " after a while" : "");
		wait_and_start(env, u, delay);
		return;
	}
	if (s->type == SERVICE_ONESHOT && success) {
		rest(env, u, UNIT_DONE);
		return;
	}
	rest(env, u, success ? UNIT_DOWN : UNIT_FAILED);
}

/* ---- cells ---- */

static void nothing(struct env *env, uint16_t u)
{
	(void)env, (void)u;
}

static void rest_start(struct env *env, uint16_t u)
{
	struct unit *unit = &env->units[u];
	unit->wanted = true;
	unit->streak = unit->tries = 0;
	unit->in_window = 0;
	try_start(env, u);
}

static void rest_stop(struct env *env, uint16_t u)
{
	env->units[u].wanted = false;
	enter(env, u, UNIT_DOWN);
}

static void waiting_stop(struct env *env, uint16_t u)
{
	rest(env, u, UNIT_DOWN);
}

static void waiting_deps(struct env *env, uint16_t u)
{
	try_start(env, u);
}

static void measuring_deps(struct env *env, uint16_t u)
{
	if (readiness(env, u) == NEVER)
		rest(env, u, UNIT_DOWN);
}

static void measuring_refused(struct env *env, uint16_t u)
{
	env->units[u].exec_failed = true; /* nothing ran: the last end says nothing of this start */
	rest(env, u, UNIT_FAILED);
}

/* The image is there, with launch.c; start it. */
static void measuring_measured(struct env *env, uint16_t u)
{
	enter(env, u, UNIT_EXECUTING);
	/* Most of a container's start comes before its program. */
	const struct service *s = service_of(env, u);
	int64_t timeout = s->container != NULL ? s->start_timeout : EXEC_TIMEOUT;
	if (timeout > 0)
		timer(env, u, timeout);
}

static void measuring_timer(struct env *env, uint16_t u)
{
	struct unit *unit = &env->units[u];
	unit_say(unit, "its program could not be read within %lld s", (long long)(MEASURE_TIMEOUT / NS_PER_S));
	unit->launch = 0;
	/* A worker that waits for a dead disk helps nobody else either. */
	if (env->workers[WORKER_MEASURE].pid > 0)
		sys_kill(env->workers[WORKER_MEASURE].pid, SIGKILL);
	try_again(env, u);
}

/* A start that did not get as far as a process: out of memory or processes. */
static void measuring_failed(struct env *env, uint16_t u)
{
	try_again(env, u);
}

static void become_up(struct env *env, uint16_t u)
{
	const struct service *s = service_of(env, u);
	enter(env, u, UNIT_UP);
	if (s->watchdog > 0)
		timer(env, u, s->watchdog);
}

static void executing_ok(struct env *env, uint16_t u)
{
	const struct service *s = service_of(env, u);
	if (env->units[u].tries > 0)
		log_info("%s: runs after %u tries", s->name, (unsigned)env->units[u].tries + 1);
	env->units[u].tries = 0;
	if (s->ready == READY_EXEC || env->units[u].ready_said) {
		become_up(env, u);
		return;
	}
	enter(env, u, UNIT_STARTING);
	if (s->start_timeout > 0)
		timer(env, u, s->start_timeout);
}

static void executing_ready(struct env *env, uint16_t u)
{
	env->units[u].ready_said = true;
}

static void starting_ready(struct env *env, uint16_t u)
{
	if (service_of(env, u)->type == SERVICE_DAEMON)
		become_up(env, u);
}

static void up_ready(struct env *env, uint16_t u)
{
	struct unit *unit = &env->units[u];
	unit->status_said = unit->status_said && !unit->reloading;
	unit->reloading = false;
}

static void up_alive(struct env *env, uint16_t u)
{
	if (service_of(env, u)->watchdog > 0)
		timer(env, u, service_of(env, u)->watchdog);
}

/* Never less time than there is, and none where there is no limit. */
static void extend(struct env *env, uint16_t u)
{
	int64_t when = loop_when(&env->loop, TIMER_UNIT(env, u)), more = sys_now() + env->extension;
	if (when != 0 && more > when && !env->units[u].killing)
		loop_timer(&env->loop, TIMER_UNIT(env, u), more);
}

/* Said; its end follows. */
static void executing_failed(struct env *env, uint16_t u)
{
	env->units[u].exec_failed = true;
}

static void executing_timer(struct env *env, uint16_t u)
{
	struct unit *unit = &env->units[u];
	if (service_of(env, u)->container != NULL) {
		unit_say(unit, "its container was not made within its start_timeout");
		unit->blamed = true;
	} else {
		unit_say(unit, "did not reach its program within %lld s", (long long)(EXEC_TIMEOUT / NS_PER_S));
		unit->exec_failed = true;
		unit->retry = true;
	}
	reaper_kill_all(env, u);
	timer(env, u, KILL_AGAIN);
}

/* An end that nobody ordered counts against it. */
static void count_end(struct unit *unit)
{
	unit->streak = sys_now() - unit->since > GOOD_LIFE && unit->state == UNIT_UP ? 1 : unit->streak + 1;
}

void unit_begin_stop(struct env *env, uint16_t u)
{
	const struct service *s = service_of(env, u);
	enter(env, u, UNIT_STOPPING);
	reaper_tell(env, u, s->stop_signal);
	/* A process that was stopped would never act on it. */
	reaper_tell(env, u, SIGCONT);
	timer(env, u, s->stop_timeout);
}

/* Stopped for its own fault; what follows is what would follow its own end. */
static void blame(struct env *env, uint16_t u)
{
	struct unit *unit = &env->units[u];
	unit->blamed = true;
	unit->status_said = false;
	log_warning("%s: %s: stopping it", name_of(env, u), unit->reason);
	count_end(unit);
	unit_begin_stop(env, u);
}

static void starting_timer(struct env *env, uint16_t u)
{
	unit_say(&env->units[u], "was not ready within %lld ms (start_timeout)",
		 (long long)(service_of(env, u)->start_timeout / NS_PER_MS));
	blame(env, u);
}

/* It does not answer: no use in asking it to end. */
static void up_timer(struct env *env, uint16_t u)
{
	struct unit *unit = &env->units[u];
	unit_say(unit, "gave no sign of life within %lld ms (watchdog)",
		 (long long)(service_of(env, u)->watchdog / NS_PER_MS));
	log_warning("%s: %s: killing it", name_of(env, u), unit->reason);
	unit->blamed = true;
	unit->status_said = false;
	count_end(unit);
	enter(env, u, UNIT_STOPPING);
	reaper_kill_all(env, u);
	timer(env, u, KILL_AGAIN);
}

/* It ends by itself and says so: it has the time to stop, and its end is its own. */
static void leaving(struct env *env, uint16_t u)
{
	count_end(&env->units[u]);
	enter(env, u, UNIT_STOPPING);
	timer(env, u, service_of(env, u)->stop_timeout);
}

static void running_stop(struct env *env, uint16_t u)
{
	env->units[u].wanted = false;
	if (may_stop(env, u))
		unit_begin_stop(env, u);
}

static void running_start(struct env *env, uint16_t u)
{
	env->units[u].wanted = true;
}

static void running_deps(struct env *env, uint16_t u)
{
	const struct unit *unit = &env->units[u];
	const struct service *s = service_of(env, u);
	if (!unit->wanted) {
		if (may_stop(env, u))
			unit_begin_stop(env, u);
		return;
	}
	for (uint16_t i = 0; i < s->n_requires; i++) {
		const struct unit *other = &env->units[s->requires[i]];
		if (!unit_at_rest(other) || other->wanted || other->state == UNIT_DONE)
			continue;
		log_info("%s: stopping, because %s, which it requires, is %s", s->name,
			 name_of(env, s->requires[i]), unit_state_text(other->state));
		if (other->refused)
			unit_refuse(env, u);
		else
			unit_stop(env, u);
		return;
	}
}

/* The main process has ended by itself: what it left behind is nobody's and goes at once. */
static void running_ended(struct env *env, uint16_t u)
{
	struct unit *unit = &env->units[u];
	if (!unit->exec_failed || !unit->retry)
		count_end(unit);
	describe_end(env, u);
	if (reaper_is_empty(env, u)) {
		settle(env, u);
		return;
	}
	enter(env, u, UNIT_CLEANING);
	cgroup_watch(env, u);
	reaper_kill_all(env, u);
	timer(env, u, KILL_AGAIN);
}

/* It was told to stop: what it left behind may finish until the deadline, where we can see it finish. */
static void stopping_ended(struct env *env, uint16_t u)
{
	struct unit *unit = &env->units[u];
	int64_t deadline = loop_when(&env->loop, TIMER_UNIT(env, u));
	describe_end(env, u);
	if (reaper_is_empty(env, u)) {
		settle(env, u);
		return;
	}
	enter(env, u, UNIT_CLEANING);
	bool watched = unit->keeper > 0 || cgroup_watch(env, u) == 0;
	if (!watched || unit->killing)
		reaper_kill_all(env, u);
	int64_t left = deadline - sys_now();
	timer(env, u, watched && !unit->killing && left > 0 ? left : KILL_AGAIN);
}

static void stopping_start(struct env *env, uint16_t u)
{
	env->units[u].again = true;
}

static void stopping_stop(struct env *env, uint16_t u)
{
	env->units[u].again = false;
	env->units[u].wanted = false;
}

static void kill_timer(struct env *env, uint16_t u)
{
	struct unit *unit = &env->units[u];
	if (!unit->killing)
		log_warning("%s: did not stop within %lld ms: killing it", name_of(env, u),
			    (long long)(service_of(env, u)->stop_timeout / NS_PER_MS));
	reaper_kill_all(env, u);
	timer(env, u, KILL_AGAIN);
}

static void cleaning_empty(struct env *env, uint16_t u)
{
	if (reaper_is_empty(env, u))
		settle(env, u);
}

static void cleaning_timer(struct env *env, uint16_t u)
{
	if (reaper_is_empty(env, u)) {
		settle(env, u);
		return;
	}
	reaper_kill_all(env, u);
	timer(env, u, KILL_AGAIN);
}

static void backoff_timer(struct env *env, uint16_t u)
{
	try_start(env, u);
}

static void backoff_start(struct env *env, uint16_t u)
{
	env->units[u].wanted = true;
	try_start(env, u);
}

/* ---- the matrix ---- */

typedef void cell(struct env *env, uint16_t u);

/* clang-format off */
#define REST_ROW { \
	[ON_START] = rest_start,     [ON_STOP] = rest_stop,        [ON_DEPS] = nothing, \
	[ON_MEASURED] = nothing,     [ON_REFUSED] = nothing, \
	[ON_EXEC_OK] = nothing,      [ON_EXEC_FAILED] = nothing, \
	[ON_READY] = nothing,        [ON_LEAVING] = nothing,       [ON_ALIVE] = nothing, \
	[ON_EXTENDED] = nothing,     [ON_BLAMED] = nothing, \
	[ON_ENDED] = nothing,        [ON_EMPTY] = nothing,         [ON_TIMER] = nothing }

static cell *const matrix[UNIT_STATES][UNIT_EVENTS] = {
	[UNIT_DOWN] = REST_ROW,
	[UNIT_DONE] = REST_ROW,
	[UNIT_FAILED] = REST_ROW,
	[UNIT_WAITING] = {
		[ON_START] = nothing,           [ON_STOP] = waiting_stop,       [ON_DEPS] = waiting_deps,
		[ON_MEASURED] = nothing,        [ON_REFUSED] = nothing,
		[ON_EXEC_OK] = nothing,         [ON_EXEC_FAILED] = nothing,
		[ON_READY] = nothing,           [ON_LEAVING] = nothing,         [ON_ALIVE] = nothing,
		[ON_EXTENDED] = nothing,        [ON_BLAMED] = nothing,
		[ON_ENDED] = nothing,           [ON_EMPTY] = nothing,           [ON_TIMER] = nothing },
	[UNIT_MEASURING] = {
		[ON_START] = nothing,           [ON_STOP] = waiting_stop,       [ON_DEPS] = measuring_deps,
		[ON_MEASURED] = measuring_measured, [ON_REFUSED] = measuring_refused,
		[ON_EXEC_OK] = nothing,         [ON_EXEC_FAILED] = measuring_failed,
		[ON_READY] = nothing,           [ON_LEAVING] = nothing,         [ON_ALIVE] = nothing,
		[ON_EXTENDED] = nothing,        [ON_BLAMED] = nothing,
		[ON_ENDED] = nothing,           [ON_EMPTY] = nothing,           [ON_TIMER] = measuring_timer },
	[UNIT_EXECUTING] = {
		[ON_START] = running_start,     [ON_STOP] = running_stop,       [ON_DEPS] = running_deps,
		[ON_MEASURED] = nothing,        [ON_REFUSED] = nothing,
		[ON_EXEC_OK] = executing_ok,    [ON_EXEC_FAILED] = executing_failed,
		[ON_READY] = executing_ready,   [ON_LEAVING] = nothing,         [ON_ALIVE] = nothing,
		[ON_EXTENDED] = nothing,        [ON_BLAMED] = nothing,
		[ON_ENDED] = running_ended,     [ON_EMPTY] = nothing,           [ON_TIMER] = executing_timer },
	[UNIT_STARTING] = {
		[ON_START] = running_start,     [ON_STOP] = running_stop,       [ON_DEPS] = running_deps,
		[ON_MEASURED] = nothing,        [ON_REFUSED] = nothing,
		[ON_EXEC_OK] = nothing,         [ON_EXEC_FAILED] = nothing,
		[ON_READY] = starting_ready,    [ON_LEAVING] = leaving,         [ON_ALIVE] = nothing,
		[ON_EXTENDED] = extend,         [ON_BLAMED] = blame,
		[ON_ENDED] = running_ended,     [ON_EMPTY] = nothing,           [ON_TIMER] = starting_timer },
	[UNIT_UP] = {
		[ON_START] = running_start,     [ON_STOP] = running_stop,       [ON_DEPS] = running_deps,
		[ON_MEASURED] = nothing,        [ON_REFUSED] = nothing,
		[ON_EXEC_OK] = nothing,         [ON_EXEC_FAILED] = nothing,
		[ON_READY] = up_ready,          [ON_LEAVING] = leaving,         [ON_ALIVE] = up_alive,
		[ON_EXTENDED] = nothing,        [ON_BLAMED] = blame,
		[ON_ENDED] = running_ended,     [ON_EMPTY] = nothing,           [ON_TIMER] = up_timer },
	[UNIT_STOPPING] = {
		[ON_START] = stopping_start,    [ON_STOP] = stopping_stop,      [ON_DEPS] = nothing,
		[ON_MEASURED] = nothing,        [ON_REFUSED] = nothing,
		[ON_EXEC_OK] = nothing,         [ON_EXEC_FAILED] = nothing,
		[ON_READY] = nothing,           [ON_LEAVING] = nothing,         [ON_ALIVE] = nothing,
		[ON_EXTENDED] = extend,         [ON_BLAMED] = nothing,
		[ON_ENDED] = stopping_ended,    [ON_EMPTY] = nothing,           [ON_TIMER] = kill_timer },
	[UNIT_CLEANING] = {
		[ON_START] = stopping_start,    [ON_STOP] = stopping_stop,      [ON_DEPS] = nothing,
		[ON_MEASURED] = nothing,        [ON_REFUSED] = nothing,
		[ON_EXEC_OK] = nothing,         [ON_EXEC_FAILED] = nothing,
		[ON_READY] = nothing,           [ON_LEAVING] = nothing,         [ON_ALIVE] = nothing,
		[ON_EXTENDED] = nothing,        [ON_BLAMED] = nothing,
		[ON_ENDED] = nothing,           [ON_EMPTY] = cleaning_empty,    [ON_TIMER] = cleaning_timer },
	[UNIT_BACKOFF] = {
		[ON_START] = backoff_start,     [ON_STOP] = waiting_stop,       [ON_DEPS] = measuring_deps,
		[ON_MEASURED] = nothing,        [ON_REFUSED] = nothing,
		[ON_EXEC_OK] = nothing,         [ON_EXEC_FAILED] = nothing,
		[ON_READY] = nothing,           [ON_LEAVING] = nothing,         [ON_ALIVE] = nothing,
		[ON_EXTENDED] = nothing,        [ON_BLAMED] = nothing,
		[ON_ENDED] = nothing,           [ON_EMPTY] = nothing,           [ON_TIMER] = backoff_timer },
};
/* clang-format on */

void unit_event(struct env *env, uint16_t u, enum unit_event event)
{
	matrix[env->units[u].state][event](env, u);
}
