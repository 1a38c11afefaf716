/* SPDX-License-Identifier: MIT
 *
 * Ended processes, and the ending of processes: every child and orphan is reaped here, and a service's last
 * processes are killed here.
 */
#include <errno.h>
#include <signal.h>

#include "container.h"
#include "environment.h"
#include "factory.h"
#include "keeper.h"
#include "rescue.h"
#include "sys.h"

/* One turn reaps at most so many; a flood of orphans then shares the loop with everybody else. */
#define REAP_MAX 256
/* A millisecond each. */
#define KILL_ROUNDS 1000

static uint32_t slot_of(const struct env *env, pid_t pid)
{
	/* Pids are handed out in order; the multiplication spreads what steps in powers of two. */
	return ((uint32_t)pid * 2654435761U) & (env->pids_cap - 1);
}

void pid_add(struct env *env, pid_t pid, enum pid_role role, uint16_t index)
{
	uint32_t i = slot_of(env, pid);
	while (env->pids[i].role != PID_NONE)
		i = (i + 1) & (env->pids_cap - 1);
	env->pids[i] = (struct pid_entry){ pid, index, (uint8_t)role };
}

struct pid_entry pid_take(struct env *env, pid_t pid)
{
	struct pid_entry none = { 0, 0, PID_NONE };
	uint32_t mask = env->pids_cap - 1, i = slot_of(env, pid);
	while (env->pids[i].role != PID_NONE && env->pids[i].pid != pid)
		i = (i + 1) & mask;
	struct pid_entry found = env->pids[i];
	if (found.role == PID_NONE)
		return none;
	/* Close the gap: whoever could stand here moves up. */
	for (uint32_t k = (i + 1) & mask; env->pids[k].role != PID_NONE; k = (k + 1) & mask) {
		uint32_t home = slot_of(env, env->pids[k].pid);
		if (((k - home) & mask) >= ((k - i) & mask)) {
			env->pids[i] = env->pids[k];
			i = k;
		}
	}
	env->pids[i] = none;
	return found;
}

/* ---- killing ---- */

/* In a pid namespace of our own: outside, the uid, which follows from the name, can be that of another host's service. */
static bool by_uid(const struct env *env, uint16_t u)
{
	const struct service *s = &env->manifest.services[u];
	return env->place != PLACE_PROCESS && env->can_setuid && s->own_uid && s->uid != 0 && s->container == NULL;
}

/* The killer: as the service's own uid it can reach the service's processes and nothing else. */
static _Noreturn void kill_uid(uid_t uid)
{
	sys_process_name("tao-kill");
	sys_die_with_parent();
	if (sys_setuid_only(uid) < 0)
		sys_exit(1);
	/* Until nobody is left; who forks faster than this is met again. What has been killed is there until PID 1
	 * has reaped it, which takes a moment; what the kernel holds ends this round, and another follows. */
	for (int i = 0; i < KILL_ROUNDS; i++) {
		sys_kill(-1, SIGKILL);
		if (sys_reaches_any() <= 0)
			sys_exit(0);
		sys_sleep(NS_PER_MS);
	}
	sys_exit(1);
}

static bool is_container(const struct env *env, uint16_t u)
{
	return env->manifest.services[u].container != NULL;
}

static void ask_keeper(const struct unit *unit, enum keeper_word word, int value)
{
	struct keeper_message message = { (int32_t)word, value };
	sys_send(unit->keeper_fd, span_of(&message, sizeof message), NULL, 0);
}

bool reaper_wants_keeper(const struct env *env, uint16_t u, int cgroup)
{
	return (cgroup < 0 || !env->cgroup_kills) && !by_uid(env, u);
}

void reaper_tell(struct env *env, uint16_t u, int signal)
{
	struct unit *unit = &env->units[u];
	/* What is not a program yet is to be no more: nothing of a container outlives its keeper. */
	if (unit->keeper > 0 && unit->pid == 0 && is_container(env, u))
		sys_kill(unit->keeper, SIGKILL);
	else if (unit->keeper > 0)
		ask_keeper(unit, KEEPER_SIGNAL, signal);
	else if (unit->pid > 0)
		env->manifest.services[u].factory->signal(unit->pid, signal);
}

void reaper_kill_all(struct env *env, uint16_t u)
{
	struct unit *unit = &env->units[u];
	unit->killing = true;
	if (unit->keeper > 0 && is_container(env, u)) {
		sys_kill(unit->keeper, SIGKILL);
		return;
	}
	if (unit->keeper > 0) {
		ask_keeper(unit, KEEPER_KILL, 0);
		return;
	}
	if (cgroup_kill(env, u) == 0)
		return;
	if (unit->pid > 0) {
		sys_kill(-unit->pid, SIGKILL);
		sys_kill(unit->pid, SIGKILL);
	}
	if (!by_uid(env, u) || unit->killer > 0)
		return;
	pid_t pid = sys_fork(-1);
	if (pid == 0)
		kill_uid(env->manifest.services[u].uid);
	if (pid < 0)
		return; /* the unit's timer comes back */
	unit->killer = pid;
	pid_add(env, pid, PID_KILLER, u);
}

bool reaper_is_empty(struct env *env, uint16_t u)
{
	struct unit *unit = &env->units[u];
	if (unit->pid > 0 || unit->killer > 0 || unit->keeper > 0)
		return false;
	if (env->cgroup_base[0] != '\0')
		return cgroup_is_empty(env, u);
	return !by_uid(env, u) || unit->swept;
}

/* ---- reaping ---- */

static void worker_gone(struct env *env, uint16_t w)
{
	struct worker *worker = &env->workers[w];
	if (worker->fd >= 0)
		loop_remove(&env->loop, worker->fd);
	environment_worker_ended(env, w);
}

static void main_gone(struct env *env, uint16_t u, int status)
{
	struct unit *unit = &env->units[u];
	unit->status = status;
	unit->ended = true;
	unit->swept = false;
	launch_ended(env, u);
	unit_event(env, u, ON_ENDED);
}

static void killer_gone(struct env *env, uint16_t u, int status)
{
	struct unit *unit = &env->units[u];
	unit->killer = 0;
	unit->swept = status == 0;
	unit_event(env, u, ON_EMPTY);
}

/* False: there is no more. */
static bool hear_keeper(struct env *env, uint16_t u)
{
	struct unit *unit = &env->units[u];
	struct keeper_message m;
	pid_t sender;
	if (unit->keeper_fd < 0 || sys_recv_of(unit->keeper_fd, &m, sizeof m, &sender) != (ssize_t)sizeof m)
		return false;
	if (m.word == KEEPER_STARTED && unit->added) {
		/* In a namespace of pids it says so itself. */
		unit->pid = is_container(env, u) ? sender : m.value;
		/* A program can be there before the keeper, which forked it, has come to saying so. */
		if (unit->exec_error < 0 && !unit->exec_failed)
			launch_executed(env, u);
	} else if (m.word == KEEPER_IDS && is_container(env, u))
		ask_keeper(unit, KEEPER_IDS, container_give_ids(&env->manifest.services[u], unit->keeper));
	else if (m.word == KEEPER_ENDED && unit->added)
		main_gone(env, u, m.value);
	return true;
}

void reaper_keeper_event(struct env *env, uint16_t u)
{
	while (hear_keeper(env, u))
		;
}

static void keeper_gone(struct env *env, uint16_t u, int status)
{
	struct unit *unit = &env->units[u];
	reaper_keeper_event(env, u);
	loop_remove(&env->loop, unit->keeper_fd);
	sys_close(unit->keeper_fd);
	unit->keeper_fd = -1;
	unit->keeper = 0;
	/* It could not start the program, or was killed: then the program has gone on without it. */
	if (unit->added && unit->pid > 0 && !is_container(env, u)) {
		sys_kill(-unit->pid, SIGKILL);
		sys_kill(unit->pid, SIGKILL);
	}
	if (unit->added)
		main_gone(env, u, status);
	else
		unit_event(env, u, ON_EMPTY);
}

void reaper_signal(struct env *env)
{
	int status, i;
	for (i = 0; i < REAP_MAX; i++) {
		pid_t pid = sys_reap(&status);
		if (pid <= 0)
			break;
		struct pid_entry who = pid_take(env, pid);
		switch ((enum pid_role)who.role) {
		case PID_MAIN:
			main_gone(env, who.index, status);
			break;
		case PID_KEEPER:
			keeper_gone(env, who.index, status);
			break;
		case PID_KILLER:
			killer_gone(env, who.index, status);
			break;
		case PID_WORKER:
			worker_gone(env, who.index);
			break;
		case PID_RESCUE:
			rescue_ended(env);
			break;
		case PID_NONE:
			break; /* an orphan */
		}
	}
	env->reap_more = i == REAP_MAX;
}
