/* SPDX-License-Identifier: MIT
 *
 * What a service says of itself: datagrams on a socket of its own, in the format of sd_notify(3), and a newline on
 * a pipe. One socket a service: who says it needs no proof, and it is gone when the service is.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "environment.h"
#include "log.h"
#include "sys.h"

/* A datagram longer than this is dropped whole. */
#define DATAGRAM_MAX 4096
/* Of one start, lines of the log about what is not understood: a flood of them would be a way to drown others'. */
#define COMPLAINTS_MAX 8
/* Of what a service calls things, in a line of the log. */
#define KEY_SHOWN 40
/* No extension is longer: as start_timeout. */
#define EXTENSION_MAX_US (24ULL * 3600 * 1000000)

static const struct service *service_of(const struct env *env, uint16_t u)
{
	return &env->manifest.services[u];
}

/* ---- making and closing ---- */

bool notify_wanted(const struct service *s)
{
	return s->ready == READY_NOTIFY || s->watchdog > 0;
}

static void directory(const struct env *env, char *path, size_t cap)
{
	snprintf(path, cap, "%s/notify.%d", env->manifest.host.runtime, (int)sys_getpid());
}

void notify_path(const struct env *env, uint16_t u, char *path, size_t cap)
{
	snprintf(path, cap, "%s/notify.%d/%u", env->manifest.host.runtime, (int)sys_getpid(), u);
}

static int open_socket(struct env *env, uint16_t u)
{
	const struct service *s = service_of(env, u);
	char path[128];
	sys_mkdir(env->manifest.host.runtime, 0755);
	directory(env, path, sizeof path);
	sys_mkdir(path, 0711);
	notify_path(env, u, path, sizeof path);
	int fd = sys_bind_datagram(path, 0600);
	if (fd < 0)
		return fd;
	int r = s->uid == env->own_uid ? 0 : sys_chown(path, s->uid, s->gid);
	if (r == 0)
		r = loop_add(&env->loop, SOURCE_NOTIFY, u, fd, EPOLLIN);
	if (r < 0) {
		sys_close(fd);
		sys_unlink(path);
		return r;
	}
	env->units[u].notify = fd;
	return 0;
}

static int open_pipe(struct env *env, uint16_t u, int *ready_end)
{
	int ends[2];
	int r = sys_pipe(ends);
	if (r < 0)
		return r;
	sys_nonblock(ends[0]);
	r = loop_add(&env->loop, SOURCE_READY, u, ends[0], EPOLLIN);
	if (r < 0) {
		sys_close(ends[0]);
		sys_close(ends[1]);
		return r;
	}
	env->units[u].ready = ends[0];
	*ready_end = ends[1];
	return 0;
}

int notify_open(struct env *env, uint16_t u, int *ready_end)
{
	const struct service *s = service_of(env, u);
	struct unit *unit = &env->units[u];
	int r = 0;
	*ready_end = -1;
	unit->complaints = 0;
	if (notify_wanted(s)) {
		r = open_socket(env, u);
		if (r < 0)
			unit_say(unit, "cannot make a socket to notify on in %s: %s; see host.runtime",
				 env->manifest.host.runtime, strerror(-r));
	}
	if (r == 0 && s->ready == READY_FD) {
		r = open_pipe(env, u, ready_end);
		if (r < 0)
			unit_say(unit, "cannot make a pipe to be ready on: %s", strerror(-r));
	}
	if (r < 0)
		notify_close(env, u);
	return r;
}

static void close_one(struct env *env, int *fd)
{
	if (*fd < 0)
		return;
	loop_remove(&env->loop, *fd);
	sys_close(*fd);
	*fd = -1;
}

void notify_close(struct env *env, uint16_t u)
{
	char path[128];
	if (env->units[u].notify >= 0) {
		notify_path(env, u, path, sizeof path);
		sys_unlink(path);
	}
	close_one(env, &env->units[u].notify);
	close_one(env, &env->units[u].ready);
}

void notify_close_all(struct env *env)
{
	char path[128];
	if (!env->have_manifest)
		return;
	directory(env, path, sizeof path);
	sys_rmdir(path);
}

/* ---- the pipe ---- */

static bool may_be_blamed(const struct unit *unit)
{
	return unit->state == UNIT_STARTING || unit->state == UNIT_UP;
}

void notify_ready_event(struct env *env, uint16_t u)
{
	struct unit *unit = &env->units[u];
	char text[256];
	if (unit->ready < 0)
		return;
	ssize_t n = sys_read(unit->ready, text, sizeof text);
	if (n == -EAGAIN || (n > 0 && memchr(text, '\n', (size_t)n) == NULL))
		return;
	/* The end may be that of a child that did not get to its program: that has its own reason. */
	if (n <= 0)
		launch_exec_event(env, u);
	close_one(env, &unit->ready);
	if (n > 0) {
		unit_event(env, u, ON_READY);
	} else if (may_be_blamed(unit)) {
		unit_say(unit, "closed its TAO_READY_FD without a newline");
		unit_event(env, u, ON_BLAMED);
	}
}

/* ---- datagrams ---- */

static void complain(struct env *env, uint16_t u, const char *what, struct span key)
{
	struct unit *unit = &env->units[u];
	const char *name = service_of(env, u)->name;
	size_t n = key.n < KEY_SHOWN ? key.n : KEY_SHOWN;
	if (unit->complaints > COMPLAINTS_MAX)
		return;
	if (unit->complaints++ == COMPLAINTS_MAX)
		log_warning("%s: notifies more that has no effect here; not said again", name);
	else
		log_warning("%s: notifies %.*s%s, which %s", name, (int)n, (const char *)key.p,
			    key.n > n ? "…" : "", what);
}

/* For terminals, and JSON: what is not plain text is shown as such. */
static void say_status(struct unit *unit, struct span text)
{
	char plain[UNIT_REASON_MAX];
	size_t n = text.n < sizeof plain ? text.n : sizeof plain - 1;
	for (size_t i = 0; i < n; i++)
		plain[i] = text.p[i] >= ' ' && text.p[i] <= '~' ? (char)text.p[i] : '?';
	unit_say(unit, "%.*s", (int)n, plain);
	unit->status_said = true;
	unit->reloading = false;
}

static bool is(struct span a, const char *b)
{
	return a.n == strlen(b) && memcmp(a.p, b, a.n) == 0;
}

static void take_watchdog(struct env *env, uint16_t u, struct span value)
{
	struct unit *unit = &env->units[u];
	if (is(value, "1")) {
		unit_event(env, u, ON_ALIVE);
	} else if (!is(value, "trigger")) {
		complain(env, u, "is no value of WATCHDOG", value);
	} else if (may_be_blamed(unit)) {
		unit_say(unit, "pulled the trigger of its own watchdog");
		unit_event(env, u, ON_BLAMED);
	}
}

static void take_extension(struct env *env, uint16_t u, struct span value)
{
	uint64_t us = 0;
	for (size_t i = 0; i < value.n; i++) {
		if (value.p[i] < '0' || value.p[i] > '9' || us > EXTENSION_MAX_US) {
			complain(env, u, "is no time in EXTEND_TIMEOUT_USEC", value);
			return;
		}
		us = us * 10 + (uint64_t)(value.p[i] - '0');
	}
	env->extension = (int64_t)(us < EXTENSION_MAX_US ? us : EXTENSION_MAX_US) * 1000;
	unit_event(env, u, ON_EXTENDED);
}

static void take(struct env *env, uint16_t u, struct span key, struct span value)
{
	struct unit *unit = &env->units[u];
	if (is(key, "READY")) {
		unit_event(env, u, ON_READY);
	} else if (is(key, "STATUS")) {
		say_status(unit, value);
	} else if (is(key, "WATCHDOG")) {
		take_watchdog(env, u, value);
	} else if (is(key, "EXTEND_TIMEOUT_USEC")) {
		take_extension(env, u, value);
	} else if (is(key, "RELOADING")) {
		if (unit->state == UNIT_UP)
			say_status(unit, span_str("reloading"));
		unit->reloading = unit->state == UNIT_UP;
	} else if (is(key, "STOPPING")) {
		unit_event(env, u, ON_LEAVING);
	} else if (!is(key, "BARRIER") && !is(key, "MONOTONIC_USEC")) {
		/* The end of a barrier is the closing of its descriptor, which is done; the time belongs to RELOADING. */
		complain(env, u, "is not supported", key);
	}
}

static void take_line(struct env *env, uint16_t u, struct span line)
{
	const uint8_t *sign = line.n > 0 ? memchr(line.p, '=', line.n) : NULL;
	if (sign == NULL) {
		if (line.n > 0)
			complain(env, u, "is no KEY=value", line);
		return;
	}
	size_t n = (size_t)(sign - line.p);
	take(env, u, span_of(line.p, n), span_of(sign + 1, line.n - n - 1));
}

/* One datagram a turn: the loop comes back for more, after all others. */
void notify_event(struct env *env, uint16_t u)
{
	uint8_t text[DATAGRAM_MAX];
	if (env->units[u].notify < 0)
		return;
	/* No room for descriptors: the kernel closes them. */
	ssize_t n = sys_recv(env->units[u].notify, text, sizeof text, NULL, 0, NULL);
	if (n == -EMSGSIZE)
		complain(env, u, "is too long", span_str("more than 4096 bytes"));
	for (size_t at = 0; n > 0 && at < (size_t)n;) {
		const uint8_t *end = memchr(text + at, '\n', (size_t)n - at);
		size_t length = end != NULL ? (size_t)(end - text) - at : (size_t)n - at;
		take_line(env, u, span_of(text + at, length));
		at += length + 1;
	}
}
