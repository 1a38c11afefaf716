/* SPDX-License-Identifier: MIT
 *
 * What happens, for taoctl events: changes of units' states, and decisions. A ring that PID 1 writes from the first time
 * that somebody asks; each who asks brings along the position where it was. So nobody is waited for, and nothing is kept
 * of anybody: who is slow finds that the ring has gone on without him, and by how much.
 */
#ifndef TAO_EVENTS_H
#define TAO_EVENTS_H

#include "environment.h"

/* 16 KiB: a boot of 250 services, or what the 1000 of a large host do when they are stopped. */
#define EVENTS_MAX 1024U

struct event {
	uint64_t what; /* the state's since, or the number of the decision's record */
	uint16_t unit;
	uint8_t state; /* UNIT_STATES: it is a decision */
};

struct events {
	uint64_t n; /* of all events; the next one's position is 1 more */
	struct event at[EVENTS_MAX];
};

static inline void events_add(struct env *env, struct event event)
{
	struct events *events = env->events;
	if (events == NULL)
		return;
	events->at[events->n++ % EVENTS_MAX] = event;
	env->admin_check = true;
}

/* Position 0: from now on. -ENOMEM when there is no room for the ring. */
int events_begin(struct env *env, uint64_t *position);
/* From *position on, as lines of JSON, as many as there is room for; moves it on. What the ring has lost is counted in a
 * line. Nothing is written when nothing has come. */
void events_write(const struct env *env, uint64_t *position, struct wr *out);

#endif
