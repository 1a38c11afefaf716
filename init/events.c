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

static void write_number(struct wr *out, const char *key, uint64_t n)
{
	wr_span_bytes(out, span_str(key));
	wr_decimal(out, n);
}

static void write_lost(struct wr *out, uint64_t *lost)
{
	if (*lost == 0)
		return;
	write_number(out, "{\"lost\":", *lost);
	wr_span_bytes(out, span_str("}\n"));
	*lost = 0;
}

static void write_state(const struct env *env, const struct event *event, struct wr *out)
{
	const struct unit *unit = &env->units[event->unit];
	int64_t since = (int64_t)event->what;
	wr_span_bytes(out, span_str("{\"state\":\""));
	wr_span_bytes(out, span_str(unit_state_text((enum unit_state)event->state)));
	wr_u8(out, '"');
	audit_put_time(out, "time", sys_realtime() - (sys_now() - since));
	audit_put_string(out, "service", env->manifest.services[event->unit].name);
	/* What is known of it is known of its present state. */
	if (unit->state == event->state && unit->since == since) {
		if (unit->pid > 0)
			write_number(out, ",\"pid\":", (uint64_t)unit->pid);
		if (unit->reason != NULL && unit->state != UNIT_UP && unit->state != UNIT_DONE)
			audit_put_string(out, "reason", unit->reason);
	}
	wr_span_bytes(out, span_str("}\n"));
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
		bool decision = event->state == UNIT_STATES;
		if (decision && !audit_write(env, event->what, NULL)) {
			lost++;
			continue;
		}
		write_lost(out, &lost);
		if (decision)
			audit_write(env, event->what, out);
		else
			write_state(env, event, out);
	}
	write_lost(out, &lost);
	*position = at + 1;
}
