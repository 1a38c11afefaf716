/* SPDX-License-Identifier: MIT
 *
 * Orders to units, and how their changes reach their neighbours.
 */
#include "environment.h"
#include "log.h"
#include "unit.h"

static const struct service *service_of(const struct env *env, uint16_t u)
{
	return &env->manifest.services[u];
}

void unit_settle_all(struct env *env)
{
	/* Each unit comes to rest or up after boundedly many changes; the bound is for what nobody foresaw. */
	for (uint32_t budget = 64 * (uint32_t)env->manifest.n_services; env->changed_n > 0 && budget > 0;
	     budget--) {
		uint16_t u = env->changed[env->changed_head];
		const struct service *s = service_of(env, u);
		env->changed_head = (env->changed_head + 1) % env->manifest.n_services;
		env->changed_n--;
		env->units[u].queued = false;
		if (env->units[u].call_help) {
			env->units[u].call_help = false;
			log_info("%s has failed: starting %s", s->name,
				 service_of(env, (uint16_t)(s->failure_start - 1))->name);
			unit_start(env, (uint16_t)(s->failure_start - 1));
		}
		for (uint32_t i = env->successor_at[u]; i < env->successor_at[u + 1]; i++)
			unit_event(env, env->successors[i], ON_DEPS);
		for (uint16_t i = 0; i < s->n_after; i++)
			unit_event(env, s->after[i], ON_DEPS);
	}
}

/* ---- orders ---- */

/* Marks u and all that it reaches over requires and wants (up) or that requires it (down): a worklist, because chains may
 * be as long as the manifest. No cell that ON_START or ON_STOP can reach gives another order of this kind. */
static size_t reach(struct env *env, uint16_t u, bool up)
{
	uint16_t *list = env->reach_list;
	uint8_t *seen = env->reach_seen;
	size_t n = 0;
	memset(seen, 0, env->manifest.n_services);
	list[n++] = u;
	seen[u] = 1;
	for (size_t i = 0; i < n; i++) {
		uint16_t at = list[i];
		const struct service *s = service_of(env, at);
		if (up) {
			for (uint16_t k = 0; k < s->n_requires + s->n_wants; k++)
				if (!seen[s->requires[k]]) {
					seen[s->requires[k]] = 1;
					list[n++] = s->requires[k];
				}
			continue;
		}
		for (uint32_t k = env->successor_at[at]; k < env->successor_at[at + 1]; k++) {
			uint16_t other = env->successors[k];
			if (!seen[other] && unit_requires(service_of(env, other), at)) {
				seen[other] = 1;
				list[n++] = other;
			}
		}
	}
	return n;
}

int unit_start(struct env *env, uint16_t u)
{
	const uint16_t *list = env->reach_list;
	if (env->stopping)
		return ERR_STATE;
	size_t n = reach(env, u, true);
	/* Wanted first, started then: none sees a requirement that is down and not wanted. */
	for (size_t i = 0; i < n; i++)
		if (env->units[list[i]].state != UNIT_DONE || list[i] == u)
			env->units[list[i]].wanted = true;
	for (size_t i = n; i-- > 0;)
		if (env->units[list[i]].state != UNIT_DONE || list[i] == u)
			unit_event(env, list[i], ON_START);
	return 0;
}

/* Whom the policy takes down, and whom it had taken down, comes back when it is allowed; who is stopped by hand does not. */
static void take_down(struct env *env, uint16_t u, bool by_policy, uint8_t *back)
{
	const uint16_t *list = env->reach_list;
	size_t n = reach(env, u, false);
	for (size_t i = 0; i < n; i++) {
		struct unit *unit = &env->units[list[i]];
		bool was_up = unit->wanted || unit->again || unit->state == UNIT_DONE;
		unit->refused = by_policy && (was_up || unit->refused);
		if (back != NULL && was_up)
			back[list[i]] = 1;
		unit->wanted = false;
		unit->again = false;
	}
	for (size_t i = n; i-- > 0;)
		unit_event(env, list[i], ON_STOP);
}

int unit_stop(struct env *env, uint16_t u)
{
	take_down(env, u, false, NULL);
	return 0;
}

void unit_refuse(struct env *env, uint16_t u)
{
	take_down(env, u, true, NULL);
}

void unit_stop_for(struct env *env, uint16_t u, uint8_t *back)
{
	take_down(env, u, false, back);
}

int unit_restart(struct env *env, uint16_t u)
{
	struct unit *unit = &env->units[u];
	if (env->stopping)
		return ERR_STATE;
	if (unit_at_rest(unit) || unit->state == UNIT_BACKOFF)
		return unit_start(env, u);
	/* What requires it stays: it comes back at once. */
	if (unit->state == UNIT_EXECUTING || unit->state == UNIT_STARTING || unit->state == UNIT_UP) {
		unit_begin_stop(env, u);
		unit->again = true;
	} else if (unit->state == UNIT_STOPPING || unit->state == UNIT_CLEANING) {
		unit->again = true;
	}
	return 0;
}
