/* SPDX-License-Identifier: MIT
 *
 * When a service counts as up, as alive and as failed: keys of the manifest, and what has to hold between them.
 */
#include "manifest_read.h"

/* Longer than any start that a host waits for. */
#define START_MAX (24 * 3600 * NS_PER_S)

#define TAKE(object, key) int take_##object##_##key(struct reader *reader, const cJSON *value, void *into)

/* The names become indexes when all services are known (manifest_links.c). */
TAKE(service, wants)
{
	return take_service_after(reader, value, into);
}

TAKE(service, ready)
{
	static const char *const words[] = { "exec", "notify", "fd", "exit", NULL };
	int i = 0, r = read_word(reader, value, words, NULL, &i);
	((struct service *)into)->ready = (enum ready_when)i;
	return r;
}
_Static_assert(READY_EXEC == 0 && READY_NOTIFY == 1 && READY_FD == 2 && READY_EXIT == 3, "the order of the words");

TAKE(service, start_timeout)
{
	return read_duration(reader, value, 0, START_MAX, &((struct service *)into)->start_timeout);
}

TAKE(service, watchdog)
{
	return read_duration(reader, value, 0, START_MAX, &((struct service *)into)->watchdog);
}

TAKE(on_failure, start)
{
	return read_string(reader, value, &((struct service *)into)->failure_name);
}

TAKE(on_failure, action)
{
	static const char *const words[] = { "reboot", "poweroff", NULL };
	int i = 0, r = read_word(reader, value, words, NULL, &i);
	((struct service *)into)->failure_action = i == 0 ? FAILURE_REBOOT : FAILURE_POWEROFF;
	return r;
}

TAKE(service, on_failure)
{
	struct service *s = into;
	int r = read_object(reader, value, OBJECT_on_failure, into);
	if (r == 0 && s->failure_name != NULL && s->failure_action != FAILURE_NOTHING)
		return read_fail(reader, value, ERR_MALFORMED,
				 "starts a service and ends the host; take \"start\" or \"action\" out");
	return r;
}

int read_check_when(struct reader *reader, const cJSON *value, const struct service *s)
{
	const cJSON *ready = cJSON_GetObjectItemCaseSensitive(value, "ready");
	if (s->type == SERVICE_ONESHOT && s->ready != READY_EXIT)
		return read_fail(reader, ready, ERR_MALFORMED,
				 "a oneshot is ready when it has ended with 0; write \"exit\", or take it out");
	if (s->type == SERVICE_DAEMON && s->ready == READY_EXIT)
		return read_fail(reader, ready, ERR_MALFORMED,
				 "a daemon does not end; write exec, notify or fd, or \"type\": \"oneshot\"");
	if (s->type == SERVICE_ONESHOT && s->watchdog != 0)
		return read_fail(reader, cJSON_GetObjectItemCaseSensitive(value, "watchdog"), ERR_MALFORMED,
				 "watches daemons; write \"start_timeout\" to limit a oneshot, or take it out");
	return ERR_NONE;
}
