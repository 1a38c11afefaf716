/* SPDX-License-Identifier: MIT
 * An admin client's bytes, through the real transport, streams, parser, guard and handlers; units, launches and records
 * are variables here. The first byte: 1, as nobody in particular, else as root; 2, a descriptor comes along; 4, what is
 * waited for happens; 8, the rest is the stream as it is. Otherwise the second byte is the method, and the rest the body
 * of a request.
 * Invariants: nothing that is done is done for nobody in particular; each request has one answer, whole and of its own number, or
 * is waited for, or ends the connection; and then no descriptor, memory, timer or place is left. */
/* link: init/admin.c init/admin_client.c init/admin_host.c init/rpc.c init/rpc_call.c init/rpc_init.c init/events.c init/stream.c init/boundary.c init/loop.c init/sys.c init/sys_socket.c init/transport_fd.c init/transport_unix.c init/proto/rpc.pb.c policy crypto/base.c */
#include <errno.h>
#include <pb_decode.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "../../init/admin_client.h"
#include "../../init/audit.h"
#include "../../init/events.h"
#include "../../init/log.h"
#include "../../init/output.h"
#include "../../init/manifest_change.h"
#include "../../init/policy_change.h"
#include "../../init/rpc.h"
#include "../../init/sys.h"
#include "../../init/transport.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

#define SERVICES 3
#define PROGRAMS 2
#define UNITS (SERVICES + PROGRAMS)

static struct env env;
static struct unit units[UNITS];
static unsigned done; /* things that a handler did */

static void must(bool holds)
{
	if (!holds)
		abort();
}

/* ---- what the handlers reach ---- */

void log_line(enum log_level level, const char *format, ...)
{
	(void)level, (void)format;
}

const char *unit_state_text(enum unit_state state)
{
	return state == UNIT_UP ? "up" : "down";
}

bool unit_at_rest(const struct unit *unit)
{
	return unit->state == UNIT_DOWN || unit->state == UNIT_DONE || unit->state == UNIT_FAILED;
}

static int begin(struct env *e, uint16_t u, enum unit_state state)
{
	must(u < UNITS);
	done++;
	e->units[u].state = (uint8_t)state;
	return 0;
}

int unit_start(struct env *e, uint16_t u)
{
	return begin(e, u, UNIT_STARTING);
}

int unit_stop(struct env *e, uint16_t u)
{
	return begin(e, u, UNIT_STOPPING);
}

int unit_restart(struct env *e, uint16_t u)
{
	must(u < SERVICES);
	return begin(e, u, UNIT_STOPPING);
}

void reaper_tell(struct env *e, uint16_t u, int signal)
{
	(void)e, (void)signal;
	must(u < UNITS);
	done++;
}

void reaper_kill_all(struct env *e, uint16_t u)
{
	reaper_tell(e, u, 9);
}

void environment_stop(struct env *e, enum ending ending, int exit_code)
{
	(void)exit_code;
	must(ending != END_NONE);
	e->stopping = true;
	done++;
}

int policy_reload(struct env *e)
{
	done++;
	return e->policy_asked % 3 == 2 ? ERR_UNSUPPORTED : (int)++e->policy_asked;
}

int manifest_reload(struct env *e)
{
	done++;
	if (e->manifest_next != NULL)
		return ERR_BUSY;
	e->manifest_next = (struct manifest_next *)&done; /* nobody looks into it */
	return 0;
}

bool environment_turn_is_long(const struct env *e)
{
	return (e->policy_asked & 1) != 0;
}

void launch_subprin(const struct env *e, uint16_t u, struct wr *out)
{
	must(u < e->manifest.n_services);
	wr_u8(out, (uint8_t)('a' + u));
}

void launch_name(const struct env *e, uint16_t u, bool extended, struct wr *out)
{
	launch_subprin(e, u, out);
	wr_u8(out, extended);
}

int cgroup_unit_of(const struct env *e, pid_t pid)
{
	(void)e, (void)pid;
	return -1;
}

int signal_find(const char *text)
{
	return text[0] == 'T' ? 15 : 0;
}

const char *environment_version(void)
{
	return "0";
}

int output_read(const struct env *e, uint16_t u, uint64_t position, int64_t since, uint32_t lines,
		struct span *text, uint64_t *next)
{
	(void)since;
	must(u < UNITS);
	done++;
	*next = position;
	/* As much as is asked for, so that there are answers which no socket takes at once. */
	memset(e->data, 'x', e->data_cap);
	*text = span_of(e->data, lines < e->data_cap / 2 ? lines : e->data_cap / 2);
	return u == 0 ? -1 : 0;
}

const char *output_where(const struct env *e, uint16_t u)
{
	(void)e, (void)u;
	return "none";
}

void audit_decision(struct env *e, const struct audit_caller *caller, enum verb verb, const struct ask *ask,
		    enum verdict verdict, const struct why *why)
{
	(void)e, (void)verb, (void)ask;
	must(!caller->admin || caller->uid == 0 || verdict == DENY);
	must(why->rule[0] != '\0');
}

void audit_again(struct env *e, uint16_t u, enum verb verb)
{
	(void)e, (void)u, (void)verb;
}

void audit_list(const struct env *e, struct wr *out)
{
	(void)e;
	done++;
	wr_u8(out, '\n');
}

void audit_explain(const struct env *e, struct wr *out)
{
	audit_list(e, out);
}

void audit_put(struct wr *w, const char *text)
{
	wr_span_bytes(w, span_str(text));
}

void audit_put_string(struct wr *w, const char *key, const char *text)
{
	audit_put(w, key);
	audit_put(w, text);
}

void audit_put_time(struct wr *w, const char *key, int64_t ns)
{
	(void)ns;
	audit_put(w, key);
}

bool audit_write(const struct env *e, uint64_t seq, struct wr *out)
{
	(void)e;
	wr_u8(out, '!');
	return (seq & 1) == 0;
}

void usage_read(const struct env *e, uint16_t u, uint64_t usage[static USAGES])
{
	(void)e;
	must(u < UNITS);
	for (unsigned i = 0; i < USAGES; i++)
		usage[i] = i & u;
}

/* Only a channel's requests get here, not a client's. */
#undef RPC
#define RPC(service, method, verb, handler) RPC_##service(handler)
#define RPC_TAO(handler)                                                                                          \
	void handler(struct rpc_call *call)                                                                       \
	{                                                                                                         \
		(void)call;                                                                                       \
		abort();                                                                                          \
	}
#define RPC_INIT(handler)
#define RPC_HOST(handler)
#include "../../init/rpc.def"
#undef RPC
#undef RPC_INIT
#undef RPC_HOST

int counter_ask(struct env *e, uint16_t u, enum counter_op op, struct span label, int64_t value)
{
	(void)e, (void)u, (void)op, (void)label, (void)value;
	abort();
}

int counter_ask_of(struct env *e, uint16_t u, const uint8_t owner[static 32], enum counter_op op,
		   struct span label, int64_t value)
{
	(void)owner;
	return counter_ask(e, u, op, label, value);
}

/* ---- a host ---- */

#define RPC(service, method, verb, handler) RPC_NAME_##service(method)
#define RPC_NAME_TAO(method)
#define RPC_NAME_INIT(method) "TaoInit." method,
#define RPC_NAME_HOST(method) "LinuxHost." method,
static const char *const ops[] = {
#include "../../init/rpc.def"
	"TaoInit.None",
	"Tao.GetTaoName",
	"",
	"LinuxHost.",
};
#define OPS (sizeof ops / sizeof ops[0])

static void make_host(void)
{
	static struct service services[UNITS];
	static const char *const names[UNITS] = { "a", "b", "c", "@1", "@2" };
	static struct admin_client clients[ADMIN_CLIENTS_MAX];
	static struct program started[PROGRAMS];
	static struct digest programs[UNITS];
	static struct launch_scratch scratch;
	static uint8_t answer[1 << 16], data[1 << 18];
	static uint16_t after[2] = { 0, 1 }, reach_list[UNITS];
	env.place = PLACE_PROCESS;
	env.own_uid = 1;
	env.have_manifest = env.booted = env.can_setuid = true;
	env.manifest.services = services;
	env.manifest.n_services = UNITS;
	env.manifest.host.max_programs = PROGRAMS;
	env.guard.class = &guard_allow;
	env.host_name_n = 1;
	env.units = units;
	env.reach_list = reach_list;
	env.programs = programs;
	env.clients = clients;
	env.started = started;
	env.scratch = &scratch;
	env.answer = answer;
	env.answer_cap = sizeof answer;
	env.data = data;
	env.data_cap = sizeof data;
	programs[1].b[0] = 1;
	for (uint16_t u = 0; u < UNITS; u++) {
		services[u].name = names[u];
		services[u].uid = 1000U + u;
		services[u].after = after;
	}
	services[2].n_after = 2;
	services[2].n_requires = 1;
	must(loop_open(&env.loop, TIMER_COUNT(&env)) == 0 && stream_pool_open(&env.pool) == 0);
}

static void reset(void)
{
	memset(units, 0, sizeof units);
	memset(env.started, 0, PROGRAMS * sizeof *env.started);
	for (uint16_t u = 0; u < UNITS; u++)
		env.manifest.services[u].uid = 1000U + u;
	units[1].state = units[3].state = UNIT_UP;
	units[1].pid = 77;
	units[3].pid = 78;
	units[1].added = units[3].added = env.started[0].used = true;
	env.stopping = false;
	env.policy_asked = env.policy_done = 0;
	env.manifest_next = NULL;
	done = 0;
}

/* ---- a client ---- */

static uint8_t answers[1 << 20];
static size_t answers_n;

static void read_answers(int fd)
{
	ssize_t n;
	while (answers_n < sizeof answers &&
	       (n = recv(fd, answers + answers_n, sizeof answers - answers_n, MSG_DONTWAIT)) > 0)
		answers_n += (size_t)n;
}

/* Everything that can be done now. */
static void turn(int fd)
{
	struct loop_event events[LOOP_EVENTS_MAX];
	for (int i = 0; i < 2000; i++) {
		int n = loop_wait(&env.loop, events, false);
		for (int k = 0; k < n; k++)
			if (events[k].source == SOURCE_CLIENT)
				admin_event(&env, events[k].index, events[k].events);
		admin_turn(&env);
		read_answers(fd);
		if (n == 0 && !env.admin_check && !admin_is_busy(&env))
			return;
	}
	abort();
}

/* What is waited for happens: what begins is there, all else ends. */
static void happen(void)
{
	for (uint16_t u = 0; u < UNITS; u++) {
		struct unit *unit = &units[u];
		bool up = unit->state == UNIT_STARTING;
		if (!up && unit->state != UNIT_STOPPING && unit->state != UNIT_UP)
			continue;
		unit->last_pid = unit->pid;
		unit->pid = up ? 80 + u : 0;
		unit->added = up;
		unit->ended = !up;
		unit->state = up ? UNIT_UP : UNIT_DOWN;
	}
	env.policy_done = env.policy_asked;
	env.manifest_next = NULL;
	env.manifest_changes = span_str("services.a (new)\n");
	env.manifest_problem[0] = done % 2 != 0 ? '?' : '\0';
	env.admin_check = true;
	if (env.events != NULL)
		events_add(&env, (struct event){ .unit = 1, .state = done % 2 != 0 ? UNIT_UP : UNIT_STATES });
}

/* Who waits for something that does not come waits no longer than he said. */
static void time_is_up(void)
{
	for (uint32_t c = 0; c < ADMIN_CLIENTS_MAX; c++)
		if (env.clients[c].open && admin_client_waits(&env.clients[c]))
			admin_timer(&env, c);
}

static uint32_t be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* How many whole answers came; each must be one. number: of all requests; 0: any. */
static unsigned count_answers(const char *op, uint64_t number, bool refused)
{
	unsigned n = 0;
	size_t at = 0;
	while (at < answers_n) {
		tao_RpcResponseHeader header = tao_RpcResponseHeader_init_zero;
		must(answers_n - at >= 4);
		uint32_t header_n = be32(answers + at);
		must(answers_n - at >= 8 + (size_t)header_n);
		pb_istream_t in = pb_istream_from_buffer(answers + at + 4, header_n);
		must(pb_decode(&in, tao_RpcResponseHeader_fields, &header));
		must(number == 0 || (header.seq == number && strcmp(header.op, op) == 0));
		must(!refused || header.has_error);
		at += 4 + header_n;
		at += 4 + (size_t)be32(answers + at);
		n++;
	}
	must(at == answers_n);
	return n;
}

static void send_all(int fd, const uint8_t *p, size_t n, bool with_fd)
{
	const int sent[1] = { 0 };
	bool first = true;
	while (n > 0) {
		size_t some = n < 1000 ? n : 1000;
		ssize_t r = sys_send(fd, span_of(p, some), sent, with_fd && first);
		if (r <= 0)
			return; /* it was thrown out */
		first = false;
		p += r;
		n -= (size_t)r;
		turn(fd);
	}
}

static size_t frame(uint8_t *out, size_t cap, const char *op, struct span body)
{
	struct wr w = wr_to(out, cap);
	wr_be32(&w, (uint32_t)(2 + strlen(op) + 2));
	wr_u8(&w, 0x0a);
	wr_var_bytes(&w, span_str(op));
	wr_u8(&w, 0x10);
	wr_u8(&w, 7);
	wr_be32(&w, (uint32_t)body.n);
	wr_span_bytes(&w, body);
	return w.n;
}

static int lowest_free(void)
{
	int fd = dup(0);
	must(fd >= 0 && close(fd) == 0);
	return fd;
}

static bool is_there(void)
{
	return env.clients_n > 0;
}

static bool is_waited_for(void)
{
	for (uint32_t c = 0; c < ADMIN_CLIENTS_MAX; c++)
		if (env.clients[c].open && admin_client_waits(&env.clients[c]))
			return true;
	return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	static uint8_t framed[8192];
	int s[2];
	if (size < 2 || size > 4000)
		return 0;
	if (env.units == NULL)
		make_host();
	reset();
	bool nobody = (input[0] & 1) != 0, raw = (input[0] & 8) != 0;
	int free_before = lowest_free();
	must(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
	struct admin_listener listener = { .transport = &transport_fd, .path = "", .fd = s[0], .has_uid = true };
	listener.uid = nobody ? 1234 : 0;
	env.manifest.host.admin = &listener;
	env.manifest.host.n_admin = 1;
	admin_open(&env);
	must(env.clients_n == 1);
	const char *op = ops[input[1] % OPS];
	answers_n = 0;
	if (raw)
		send_all(s[1], input + 1, size - 1, (input[0] & 2) != 0);
	else
		send_all(s[1], framed, frame(framed, sizeof framed, op, span_of(input + 2, size - 2)),
			 (input[0] & 2) != 0);
	turn(s[1]);
	if ((input[0] & 4) != 0) {
		happen();
		turn(s[1]);
		/* One request may wait behind the other. */
		for (unsigned i = 0; is_waited_for(); i++) {
			must(i < sizeof framed);
			time_is_up();
			happen();
			turn(s[1]);
		}
	}
	must(!nobody || done == 0);
	unsigned n = count_answers(op, raw ? 0 : 7, nobody);
	must(raw || n + (is_waited_for() || !is_there()) == 1);
	must(close(s[1]) == 0);
	turn(-1);
	must(env.clients_n == 0 && env.pool.used == 0 && env.loop.heap_n == 0);
	for (uint16_t u = SERVICES; u < UNITS; u++)
		program_close_fds(&env, u);
	stream_pool_give_back(&env.pool);
	must(lowest_free() == free_before);
	return 0;
}
