/* SPDX-License-Identifier: MIT
 *
 * The output worker: lines from the services' pipes to where they go. It reads one service a little at a time, so that
 * who floods delays nobody; what passes the limit, and what cannot be written, is counted, and nobody waits for it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "output.h"
#include "output_line.h"
#include "sys.h"
#include "sys_output.h"

/* So long a console may keep a line waiting; then lines are lost until it takes some again. */
#define SINK_TIMEOUT NS_PER_S
/* Files of the past that are kept beside each: .1 is the youngest. */
#define OLD_FILES 4
#define PATH_BYTES 4200
/* The kernel's log takes lines of a KiB, all told. */
#define KMSG_TEXT_MAX 800
/* A pipe has 64 KiB: so many reads empty one whose writer has gone. */
#define READS_TO_EMPTY 16
#define EVENTS_MAX 16

enum { EVENT_SOCKET = 1, EVENT_TIMER, EVENT_SOURCE };

/* Where lines go; several services may go to one. */
struct sink {
	const char *where;
	int fd[OUTPUT_STREAMS]; /* -1: not open */
	off_t size;		/* of a file */
	uint32_t lost;		/* lines, since it last took one */
	bool ill;		/* it did not take the last one */
	bool torn;		/* … whole */
};

struct flow {
	struct output_shared *shared; /* NULL: not known yet */
	int fd[OUTPUT_STREAMS];
	struct sink *sink; /* NULL: the ring alone */
};

static struct {
	const struct env *env;
	const struct host *host;
	int socket, ep, timer;
	bool timer_set;
	struct flow *sources;
	struct sink *sinks;
	unsigned n_sinks;
	char clean[OUTPUT_LINE_MAX];
	char line[TIME_TEXT_MAX + SERVICE_NAME_MAX + 16 + OUTPUT_LINE_MAX];
} desk;

/* ---- sinks ---- */

static bool is_file(const struct sink *sink)
{
	return sink->where[0] == '/';
}

static bool is_console(const struct sink *sink)
{
	return sink->where[0] == 'c';
}

/* A description of our own, that does not block, where there can be one: not of sockets, and of files not needed. */
static int open_console(int fd)
{
	char path[32];
	struct stat st;
	if (sys_fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		return fd;
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	int own = sys_open(path, O_WRONLY | O_APPEND | O_NONBLOCK | O_NOCTTY, 0);
	return own < 0 ? fd : own;
}

static int open_sink(struct sink *sink)
{
	struct stat st;
	if (is_console(sink)) {
		sink->fd[OUTPUT_OUT] = open_console(1);
		sink->fd[OUTPUT_ERR] = open_console(2);
		return 0;
	}
	if (is_file(sink)) {
		sink->fd[0] = sys_open(sink->where, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NOCTTY, 0640);
		sink->size = sink->fd[0] >= 0 && sys_fstat(sink->fd[0], &st) == 0 ? st.st_size : 0;
	} else {
		sink->fd[0] = sys_open("/dev/kmsg", O_WRONLY | O_NOCTTY, 0);
		/* Else it takes ten lines in five seconds. The kernel's command line may say otherwise, for good. */
		sys_write_file("/proc/sys/kernel/printk_devkmsg", "on");
	}
	sink->fd[1] = sink->fd[0];
	return sink->fd[0] < 0 ? sink->fd[0] : 0;
}

static void turn_over(struct sink *sink)
{
	static char from[PATH_BYTES], to[PATH_BYTES];
	for (int i = OLD_FILES; i > 0; i--) {
		snprintf(to, sizeof to, "%s.%d", sink->where, i);
		snprintf(from, sizeof from, i > 1 ? "%s.%d" : "%s", sink->where, i - 1);
		sys_rename(from, to);
	}
	sys_close(sink->fd[0]);
	open_sink(sink);
}

static int write_all(struct sink *sink, int stream, const char *p, size_t n)
{
	int64_t until = sys_now() + (sink->ill ? 0 : SINK_TIMEOUT);
	bool begun = false;
	while (n > 0) {
		ssize_t r = is_console(sink) && !sys_writable(sink->fd[stream])
				    ? -EAGAIN
				    : sys_write(sink->fd[stream], p, n);
		if (r == -EAGAIN && sys_now() < until) {
			sys_sleep(NS_PER_MS);
			continue;
		}
		if (r < 0) {
			sink->torn = sink->torn || begun;
			return (int)r;
		}
		begun = true;
		p += r;
		n -= (size_t)r;
		sink->size += r;
	}
	sink->torn = false;
	return 0;
}

/* Told once until it goes well again: PID 1 has the log. */
static void complain(const struct sink *sink, int error)
{
	char text[256];
	int n = snprintf(text, sizeof text, "output of services: %.160s: %s; lines are lost there", sink->where,
			 strerror(-error));
	sys_send(desk.socket, span_of(text, (size_t)n), NULL, 0);
}

static void hand_on(struct sink *sink, int stream, size_t n)
{
	char lost[80];
	int r = sink->fd[0] < 0 ? open_sink(sink) : 0;
	if (r == 0 && sink->lost > 0) {
		int k = snprintf(lost, sizeof lost, "%s%s%u lines lost here\n", sink->torn ? "\n" : "",
				 is_file(sink) || is_console(sink) ? "taoinit: " : "<28>taoinit: ", sink->lost);
		r = write_all(sink, OUTPUT_ERR, lost, (size_t)k);
		sink->lost = r < 0 ? sink->lost : 0;
	}
	if (r == 0)
		r = write_all(sink, stream, desk.line, n);
	if (r < 0) {
		sink->lost++;
		if (!sink->ill)
			complain(sink, r);
	}
	sink->ill = r < 0;
	if (r == 0 && is_file(sink) && sink->size >= (off_t)desk.host->log_size)
		turn_over(sink);
}

static void put_line(uint16_t u, int stream, int64_t now, struct span text)
{
	struct sink *sink = desk.sources[u].sink;
	const char *name = desk.env->manifest.services[u].name, *tag = stream == OUTPUT_ERR ? "[err]" : "";
	char head[TIME_TEXT_MAX] = "";
	size_t most = sizeof desk.line;
	if (is_file(sink)) {
		time_text(now, head);
	} else if (!is_console(sink)) {
		memcpy(head, stream == OUTPUT_ERR ? "<29>" : "<30>", 5);
		most = KMSG_TEXT_MAX;
	}
	size_t at = (size_t)snprintf(desk.line, sizeof desk.line, "%s%s%s%s: ", head, is_file(sink) ? " " : "",
				     name, tag);
	do {
		size_t n = text.n < most ? text.n : most;
		memcpy(desk.line + at, text.p, n);
		desk.line[at + n] = '\n';
		hand_on(sink, stream, at + n + 1);
		text = span_of(text.p + n, text.n - n);
	} while (text.n > 0);
}

/* ---- lines ---- */

static void emit(uint16_t u, int stream, struct span text)
{
	struct flow *s = &desk.sources[u];
	int64_t now = sys_realtime();
	if (s->sink != NULL)
		put_line(u, stream, now, text);
	output_keep(s->shared, desk.host->log_ring, now, stream, text);
}

static void tell_left_out(uint16_t u)
{
	char text[64];
	struct output_shared *shared = desk.sources[u].shared;
	int n = snprintf(text, sizeof text, "(%u lines left out: host.log_rate)", shared->left_out);
	emit(u, OUTPUT_ERR, span_of(text, (size_t)n));
	shared->left_out = 0;
}

static void set_timer(void)
{
	if (!desk.timer_set)
		sys_timer_set(desk.timer, sys_now() + NS_PER_S);
	desk.timer_set = true;
}

static void take_lines(uint16_t u, int stream, bool cut)
{
	struct output_shared *shared = desk.sources[u].shared;
	struct span line;
	while (output_line(shared, stream, cut, &line)) {
		if (output_pass(shared, sys_now(), desk.host->log_rate)) {
			if (shared->left_out > 0)
				tell_left_out(u);
			emit(u, stream, span_of(desk.clean, output_clean(desk.clean, line)));
		} else {
			set_timer();
		}
		output_done(shared, stream, line);
	}
}

/* True if there was something. */
static bool read_some(uint16_t u, int stream)
{
	struct flow *s = &desk.sources[u];
	char *at;
	size_t room = output_room(s->shared, stream, &at);
	ssize_t n = sys_read(s->fd[stream], at, room);
	output_came(s->shared, stream, n > 0 ? (size_t)n : 0);
	take_lines(u, stream, false);
	return n > 0;
}

/* Its program has ended: all that it left. */
static void empty(uint16_t u)
{
	for (int stream = 0; stream < OUTPUT_STREAMS; stream++) {
		for (int i = 0; i < READS_TO_EMPTY && read_some(u, stream); i++)
			;
		take_lines(u, stream, true);
	}
}

static void tell_all_left_out(void)
{
	uint64_t expirations;
	sys_read(desk.timer, &expirations, sizeof expirations);
	desk.timer_set = false;
	for (uint16_t u = 0; u < desk.env->manifest.n_services; u++) {
		const struct output_shared *shared = desk.sources[u].shared;
		if (shared != NULL && shared->left_out > 0)
			tell_left_out(u);
	}
}

/* ---- what PID 1 says ---- */

static void add(uint16_t u, const int *fds)
{
	struct flow *s = &desk.sources[u];
	s->shared = sys_map_memory(fds[OUTPUT_STREAMS], OUTPUT_RING_AT + desk.host->log_ring);
	if (s->shared == NULL)
		sys_exit(1); /* for another try, with all that is in the pipes */
	for (int stream = 0; stream < OUTPUT_STREAMS; stream++) {
		s->fd[stream] = fds[stream];
		output_recover(s->shared, stream);
		take_lines(u, stream, false);
		sys_epoll_set(desk.ep, EPOLL_CTL_ADD, fds[stream], EPOLLIN,
			      (uint64_t)u << 8 | (uint64_t)(EVENT_SOURCE + stream));
	}
	if (s->shared->left_out > 0)
		set_timer();
	sys_close(fds[OUTPUT_STREAMS]);
}

/* False at the end. */
static bool hear(void)
{
	struct output_message m;
	int fds[OUTPUT_FDS], n_fds = 0;
	ssize_t n = sys_recv(desk.socket, &m, sizeof m, fds, OUTPUT_FDS, &n_fds);
	if (n == -EAGAIN)
		return true;
	if (n != (ssize_t)sizeof m || m.unit >= desk.env->manifest.n_services)
		return false;
	if (m.word == OUTPUT_NEW && n_fds == OUTPUT_FDS)
		add(m.unit, fds);
	else if (m.word == OUTPUT_ENDED && desk.sources[m.unit].shared != NULL)
		empty(m.unit);
	return true;
}

static struct sink *sink_of(const char *where)
{
	unsigned i = 0;
	if (!output_is_kept(where) || where[0] == 'r')
		return NULL;
	while (i < desk.n_sinks && strcmp(desk.sinks[i].where, where) != 0)
		i++;
	if (i == desk.n_sinks)
		desk.sinks[desk.n_sinks++] = (struct sink){ where, { -1, -1 }, 0, 0, false, false };
	return &desk.sinks[i];
}

static bool begin(int socket, const struct env *env)
{
	uint16_t n = env->manifest.n_services;
	desk.env = env;
	desk.host = &env->manifest.host;
	desk.socket = socket;
	desk.sources = calloc(n, sizeof *desk.sources);
	desk.sinks = calloc(n, sizeof *desk.sinks);
	desk.ep = sys_epoll();
	desk.timer = sys_timerfd();
	if (desk.sources == NULL || desk.sinks == NULL || desk.ep < 0 || desk.timer < 0)
		return false;
	for (uint16_t u = 0; u < n; u++)
		desk.sources[u].sink = sink_of(output_where(env, u));
	return sys_epoll_set(desk.ep, EPOLL_CTL_ADD, socket, EPOLLIN, EVENT_SOCKET) == 0 &&
	       sys_epoll_set(desk.ep, EPOLL_CTL_ADD, desk.timer, EPOLLIN, EVENT_TIMER) == 0;
}

int output_worker(int socket, void *arg)
{
	struct epoll_event events[EVENTS_MAX];
	bool more = begin(socket, arg);
	if (!more)
		return 1;
	while (more) {
		int n = sys_epoll_wait(desk.ep, events, EVENTS_MAX, true);
		for (int i = 0; i < n; i++) {
			uint64_t what = events[i].data.u64;
			if (what == EVENT_SOCKET)
				more = hear() && more;
			else if (what == EVENT_TIMER)
				tell_all_left_out();
			else
				read_some((uint16_t)(what >> 8), (int)(what & 0xff) - EVENT_SOURCE);
		}
	}
	for (uint16_t u = 0; u < desk.env->manifest.n_services; u++)
		if (desk.sources[u].shared != NULL)
			empty(u);
	tell_all_left_out();
	return 0;
}
