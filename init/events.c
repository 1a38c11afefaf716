/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>

#include "audit.h"
#include "events.h"
#include "sys.h"

/* Lines that one answer has at the most: a turn is not to be made of them. */
#define LINES_MAX 128

int events_begin(struct env *env, uint64_t *position)
{
	if (env->events == NULL)
		env->events = sys_map_own(sizeof *env->events);
	if (env->events == NULL)
		return -ENOMEM;
	if (*position == 0 || *position > env->events->n)
		*position = env->events->n + 1;
	return 0;
}

static void write_state(const struct env *env, const struct event *event, struct wr *out)
{
	const struct unit *unit = &env->units[event->unit];
	int64_t since = (int64_t)event->what;
	audit_put(out, "{\"state\":\"");
	audit_put(out, unit_state_text((enum unit_state)event->state));
	audit_put(out, "\"");
	audit_put_time(out, "time", sys_realtime() - (sys_now() - since));
	audit_put_string(out, "service", env->manifest.services[event->unit].name);
	/* A reason is that of the present state. */
	if (unit->reason != NULL && unit->state == event->state && unit->since == since && unit->state != UNIT_UP)
		audit_put_string(out, "reason", unit->reason);
	audit_put(out, "}\n");
}

void events_write(const struct env *env, uint64_t *position, struct wr *out)
{
	const struct events *events = env->events;
	uint64_t at = *position - 1, lost = 0;
	if (events->n - at > EVENTS_MAX) {
		lost = events->n - EVENTS_MAX - at;
		at += lost;
	}
	for (int i = 0; i < LINES_MAX && at < events->n && out->cap - out->n > 2 * AUDIT_LINE_MAX; i++, at++) {
		const struct event *event = &events->at[at % EVENTS_MAX];
		if (event->state != UNIT_STATES)
			write_state(env, event, out);
		else if (!audit_write(env, event->what, out))
			lost++;
	}
	if (lost > 0) {
		audit_put(out, "{\"lost\":");
		wr_decimal(out, lost);
		audit_put(out, "}\n");
	}
	*position = at + 1;
}
