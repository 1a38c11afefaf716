/* SPDX-License-Identifier: MIT */
/* link: init/counter.c crypto bearssl nanopb */
/* PID 1's side of the counters, in a world of its own: the worker, its socket and the clock are variables here. */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>

#include "../../crypto/sha256.h"
#include "../../init/clock.h"
#include "../../init/counter.h"
#include "../../init/log.h"
#include "../../init/policy_change.h"
#include "../../init/root_worker.h"
#include "../../init/sys.h"
#include "test.h"

#define N 100
#define WORKER_PID 77

static struct env env;
static struct launch_scratch scratch;
static struct service services[N];

static struct {
	int64_t now, counter_at, start_at; /* timers; 0: not set */
	bool full;			   /* the socket takes no more */
	bool killed, closed, no_kek;
	struct root_question sent[4 * N];
	size_t n_sent, n_taken;
	struct root_answer answers[4 * N];
	size_t n_answers, n_read;
	int heard[N]; /* answers to each unit, and the last one */
	int err[N];
	int64_t value[N];
	bool asks_again; /* whoever hears asks at once */
	unsigned lines;
	char line[512];
	bool core_closed;
	int stored, stored_err; /* answers about the policy's version, and the last one */
} world;

/* ---- the world's side of the seams ---- */

static void *maps[4];
static int n_maps;

void *sys_map(size_t n)
{
	if (n_maps == 4)
		abort();
	return maps[n_maps++] = calloc(1, n);
}

static void unmap(void)
{
	while (n_maps > 0)
		free(maps[--n_maps]);
}

int64_t sys_now(void)
{
	return world.now;
}

int sys_close(int fd)
{
	CHECK_INT(fd, 5);
	world.closed = true;
	return 0;
}

int sys_kill(pid_t pid, int sig)
{
	CHECK_INT(pid, WORKER_PID);
	CHECK_INT(sig, SIGKILL);
	world.killed = true;
	return 0;
}

ssize_t sys_send(int fd, struct span bytes, const int *fds, int n_fds)
{
	CHECK(fd == 5 && fds == NULL && n_fds == 0);
	if (bytes.n == 32) {
		CHECK_INT(world.n_sent, world.n_taken);
		world.no_kek = false;
		return 32;
	}
	CHECK(!world.no_kek);
	CHECK_INT(bytes.n, sizeof world.sent[0]);
	if (world.full)
		return -EAGAIN;
	memcpy(&world.sent[world.n_sent++], bytes.p, bytes.n);
	return (ssize_t)bytes.n;
}

ssize_t sys_recv(int fd, void *p, size_t cap, int *fds, int cap_fds, int *n_fds)
{
	CHECK(fd == 5 && fds == NULL && cap_fds == 0 && n_fds == NULL);
	CHECK_INT(cap, sizeof world.answers[0]);
	if (world.n_read == world.n_answers)
		return -EAGAIN;
	memcpy(p, &world.answers[world.n_read++], cap);
	return (ssize_t)cap;
}

static int64_t *timer_of(uint32_t timer)
{
	if (timer == TIMER_COUNTER(&env))
		return &world.counter_at;
	CHECK_INT(timer, TIMER_WORKER(&env, WORKER_ROOT));
	return &world.start_at;
}

void loop_timer(struct loop *loop, uint32_t timer, int64_t when)
{
	(void)loop;
	*timer_of(timer) = when;
}

bool loop_is_set(const struct loop *loop, uint32_t timer)
{
	(void)loop;
	return *timer_of(timer) != 0;
}

void loop_remove(struct loop *loop, int fd)
{
	(void)loop;
	CHECK_INT(fd, 5);
}

void log_line(enum log_level level, const char *format, ...)
{
	va_list args;
	(void)level;
	va_start(args, format);
	vsnprintf(world.line, sizeof world.line, format, args);
	va_end(args);
	world.lines++;
}

bool core_ready(const struct core *core)
{
	(void)core;
	return !world.core_closed;
}

struct span core_kek(const struct core *core)
{
	static const uint8_t kek[32];
	(void)core;
	return span_of(kek, sizeof kek);
}

void launch_subprin(const struct env *e, uint16_t u, struct wr *out)
{
	CHECK(e == &env);
	wr_bytes(out, "program", 7);
	wr_be16(out, u);
}

void channel_counter_answered(struct env *e, uint16_t u, int err, int64_t value)
{
	if (e != &env || u >= N)
		abort();
	world.heard[u]++;
	world.err[u] = err;
	world.value[u] = value;
	if (world.asks_again)
		CHECK_INT(counter_ask(&env, u, COUNTER_GET, span_str("again"), 0), 0);
}

int64_t clock_now(const struct env *e)
{
	CHECK(e == &env);
	return 1700000000 * NS_PER_S + world.now;
}

void policy_stored(struct env *e, int err)
{
	CHECK(e == &env);
	world.stored++;
	world.stored_err = err;
}

/* ---- what happens ---- */

static void begin(bool ephemeral)
{
	unmap();
	memset(&world, 0, sizeof world);
	memset(&env, 0, sizeof env);
	world.now = 1000;
	env.scratch = &scratch;
	env.manifest.services = services;
	env.manifest.n_services = N;
	env.manifest.host.root_ephemeral = ephemeral;
	env.manifest.host.root_file = "/keys";
	env.workers[WORKER_ROOT].fd = -1;
	CHECK_INT(counter_open(&env), 0);
}

static int ask(uint16_t u, enum counter_op op, int64_t value)
{
	int heard = world.heard[u];
	int r = counter_ask(&env, u, op, span_str("label"), value);
	CHECK_INT(world.heard[u], heard); /* never from within the call */
	return r;
}

static void start_worker(void)
{
	CHECK(counter_wants_worker(&env));
	world.start_at = 0;
	world.closed = world.killed = false;
	world.no_kek = true;
	env.workers[WORKER_ROOT].fd = 5;
	env.workers[WORKER_ROOT].pid = WORKER_PID;
	counter_worker_started(&env);
	CHECK(!world.no_kek);
}

static void end_worker(void)
{
	counter_worker_ended(&env);
	env.workers[WORKER_ROOT].fd = -1;
	env.workers[WORKER_ROOT].pid = 0;
	world.n_taken = world.n_sent;
}

/* The worker answers the oldest question. */
static void reply(int err, int64_t value, const char *text)
{
	CHECK(world.n_taken < world.n_sent);
	struct root_answer *a = &world.answers[world.n_answers++];
	memset(a, 0, sizeof *a);
	a->id = world.sent[world.n_taken++].id;
	a->error = err;
	a->value = value;
	snprintf(a->report.text, sizeof a->report.text, "%s", text);
}

TEST(the_worker_is_started_for_a_question_and_ended_later)
{
	uint8_t digest[32];
	begin(false);
	CHECK(!counter_wants_worker(&env));
	CHECK_INT(ask(3, COUNTER_INIT, 12), 0);
	CHECK(world.start_at == world.now && world.counter_at > world.now);
	start_worker();
	CHECK_INT(world.n_sent, 1);
	CHECK(world.sent[0].question.op == COUNTER_INIT && world.sent[0].question.value == 12);
	sha256_of(sha256_bearssl(), span_of("program\0\3", 9), digest);
	CHECK(memcmp(world.sent[0].question.program, digest, 32) == 0);
	sha256_of(sha256_bearssl(), span_str("label"), digest);
	CHECK(memcmp(world.sent[0].question.label, digest, 32) == 0);
	CHECK_INT(ask(3, COUNTER_GET, 0), ERR_BUSY);
	CHECK_INT(ask(4, COUNTER_NEXT, 0), 0);
	CHECK_INT(world.n_sent, 2);
	reply(0, 12, "");
	reply(ERR_NOT_FOUND, 0, "");
	counter_reply(&env);
	CHECK(world.heard[3] == 1 && world.err[3] == 0 && world.value[3] == 12);
	CHECK(world.heard[4] == 1 && world.err[4] == ERR_NOT_FOUND);
	/* Nobody asks. */
	world.now = world.counter_at;
	counter_timer(&env);
	CHECK(world.closed && !world.killed);
	env.workers[WORKER_ROOT].deaths = 3;
	/* A question while it ends waits for the next one, and is neither lost nor an error. */
	CHECK_INT(ask(3, COUNTER_GET, 0), 0);
	CHECK_INT(world.start_at, 0);
	end_worker();
	CHECK_INT(env.workers[WORKER_ROOT].deaths, 0);
	CHECK_INT(world.lines, 0);
	CHECK_INT(world.heard[3], 1);
	start_worker();
	reply(0, 12, "");
	counter_reply(&env);
	CHECK_INT(world.heard[3], 2);
}

TEST(a_death_is_an_error_for_what_was_asked_only)
{
	begin(false);
	CHECK_INT(ask(1, COUNTER_NEXT, 0), 0);
	start_worker();
	CHECK_INT(ask(2, COUNTER_NEXT, 0), 0);
	world.full = true;
	CHECK_INT(ask(3, COUNTER_NEXT, 0), 0);
	reply(0, 5, ""); /* said before it died */
	end_worker();
	CHECK(world.heard[1] == 1 && world.err[1] == 0 && world.value[1] == 5);
	CHECK(world.heard[2] == 1 && world.err[2] == ERR_IO);
	CHECK_INT(world.heard[3], 0);
	CHECK_INT(world.lines, 1);
	CHECK(counter_wants_worker(&env));
	world.full = false;
	start_worker();
	CHECK_INT(world.n_sent, 3);
	reply(0, 1, "");
	counter_reply(&env);
	CHECK(world.heard[3] == 1 && world.err[3] == 0);
	/* Who asks after a death, while the next start is delayed, does not hasten it. */
	end_worker();
	world.start_at = world.now + 99;
	CHECK_INT(ask(1, COUNTER_GET, 0), 0);
	CHECK_INT(world.start_at, world.now + 99);
}

TEST(no_more_are_under_way_than_a_batch)
{
	begin(false);
	for (uint16_t u = 0; u < N; u++)
		CHECK_INT(ask(u, COUNTER_NEXT, 0), 0);
	start_worker();
	CHECK_INT(world.n_sent, ROOT_BATCH);
	for (int i = 0; i < ROOT_BATCH; i++)
		reply(0, i, "");
	counter_reply(&env);
	CHECK_INT(world.n_sent, N);
	for (int i = ROOT_BATCH; i < N; i++)
		reply(0, i, "");
	counter_reply(&env);
	for (uint16_t u = 0; u < N; u++)
		CHECK(world.heard[u] == 1 && world.value[u] == u);
}

TEST(a_forgotten_question_is_answered_to_nobody)
{
	begin(false);
	CHECK_INT(ask(1, COUNTER_NEXT, 0), 0);
	start_worker();
	counter_forget(&env, 1);
	counter_forget(&env, 1);
	/* The program runs again and asks before the old answer comes. */
	CHECK_INT(ask(1, COUNTER_GET, 0), 0);
	reply(0, 1, "");
	counter_reply(&env);
	CHECK_INT(world.heard[1], 0);
	reply(0, 2, "");
	counter_reply(&env);
	CHECK(world.heard[1] == 1 && world.value[1] == 2);
	/* Forgotten before it was sent, asked again, however often: one place in the ring, one question. */
	end_worker();
	CHECK_INT(ask(2, COUNTER_GET, 0), 0);
	for (int i = 0; i < 3 * N; i++) {
		CHECK_INT(ask(1, COUNTER_GET, 0), 0);
		counter_forget(&env, 1);
	}
	CHECK_INT(ask(1, COUNTER_INIT, 9), 0);
	size_t before = world.n_sent;
	start_worker();
	CHECK_INT(world.n_sent - before, 2);
	CHECK_INT(world.sent[before + 1].question.value, 9);
	reply(0, 3, "");
	reply(0, 9, "");
	counter_reply(&env);
	CHECK(world.heard[1] == 2 && world.heard[2] == 1 && world.value[2] == 3);
}

TEST(answers_that_nobody_asked_for_are_dropped)
{
	begin(false);
	CHECK_INT(ask(1, COUNTER_NEXT, 0), 0);
	start_worker();
	struct root_answer *a = &world.answers[world.n_answers++];
	memset(a, 0xff, sizeof *a); /* unit 65535, and text without an end */
	a = &world.answers[world.n_answers++];
	memset(a, 0, sizeof *a);
	a->id = 2;
	counter_reply(&env);
	CHECK(world.heard[1] == 0 && world.heard[2] == 0);
	reply(0, 1, "");
	counter_reply(&env);
	CHECK_INT(world.heard[1], 1);
}

TEST(what_is_wrong_is_said_once)
{
	begin(false);
	CHECK_INT(ask(1, COUNTER_GET, 0), 0);
	start_worker();
	for (int i = 0; i < 3; i++) {
		reply(ERR_LOST, 0, "gone");
		counter_reply(&env);
		CHECK_INT(world.err[1], ERR_LOST);
		CHECK_INT(ask(1, COUNTER_GET, 0), 0);
	}
	CHECK_INT(world.lines, 1);
	CHECK_STR(world.line, "gone");
	/* Something else is said at once. */
	reply(ERR_NOT_FOUND, 0, "given up");
	counter_reply(&env);
	CHECK_INT(ask(1, COUNTER_GET, 0), 0);
	CHECK_INT(world.lines, 2);
	CHECK_STR(world.line, "given up");
	reply(0, 1, "");
	counter_reply(&env);
	CHECK_INT(ask(1, COUNTER_GET, 0), 0);
	reply(ERR_IO, 0, "broken");
	counter_reply(&env);
	CHECK_INT(world.lines, 3);
}

TEST(a_disk_that_hangs_is_an_error_for_all)
{
	begin(false);
	CHECK_INT(ask(1, COUNTER_NEXT, 0), 0);
	start_worker();
	world.full = true;
	CHECK_INT(ask(2, COUNTER_NEXT, 0), 0);
	world.now = world.counter_at;
	world.counter_at = 0;
	counter_timer(&env);
	CHECK(world.killed && world.closed);
	CHECK(world.err[1] == ERR_TIMEOUT && world.err[2] == ERR_TIMEOUT);
	/* It is not gone yet; who asks now waits, but not for ever. */
	CHECK_INT(ask(3, COUNTER_NEXT, 0), 0);
	CHECK(world.counter_at > world.now);
	counter_timer(&env);
	CHECK_INT(world.err[3], ERR_TIMEOUT);
	end_worker();
	CHECK(world.heard[1] == 1 && world.heard[2] == 1 && world.heard[3] == 1);
	world.full = false;
	CHECK_INT(ask(1, COUNTER_GET, 0), 0);
	start_worker();
	reply(0, 1, "");
	counter_reply(&env);
	CHECK(world.heard[1] == 2 && world.err[1] == 0);
}

TEST(who_hears_may_ask_again)
{
	begin(false);
	world.asks_again = true;
	for (uint16_t u = 0; u < 3; u++)
		CHECK_INT(ask(u, COUNTER_GET, 0), 0);
	start_worker();
	for (int i = 0; i < 3; i++)
		reply(0, 1, "");
	counter_reply(&env);
	CHECK_INT(world.n_sent, 6);
	end_worker(); /* each hears an error, and asks again */
	CHECK(world.heard[0] == 2 && world.err[0] == ERR_IO);
	start_worker();
	CHECK_INT(world.n_sent, 9);
	world.now = world.counter_at;
	counter_timer(&env);
	CHECK(world.heard[2] == 3 && world.err[2] == ERR_TIMEOUT);
}

TEST(an_ephemeral_root_has_no_worker)
{
	begin(true);
	CHECK_INT(ask(1, COUNTER_INIT, 4), 0);
	CHECK_INT(ask(2, COUNTER_NEXT, 0), 0);
	CHECK_INT(ask(3, COUNTER_NEXT, 0), 0);
	counter_forget(&env, 3);
	CHECK(counter_is_busy(&env) && !counter_wants_worker(&env));
	CHECK_INT(ask(1, COUNTER_GET, 0), ERR_BUSY);
	counter_turn(&env);
	CHECK(world.heard[1] == 1 && world.err[1] == 0 && world.value[1] == 4);
	CHECK(world.heard[2] == 1 && world.err[2] == ERR_NOT_FOUND);
	CHECK_INT(world.heard[3], 0);
	CHECK(!counter_is_busy(&env));
	CHECK_INT(ask(1, COUNTER_NEXT, 0), 0);
	counter_turn(&env);
	CHECK_INT(world.value[1], 5);
	CHECK(world.start_at == 0 && world.n_sent == 0);
	world.asks_again = true;
	CHECK_INT(ask(1, COUNTER_NEXT, 0), 0);
	counter_turn(&env);
	CHECK_INT(world.heard[1], 3); /* what it asks then is for the next turn */
	CHECK(counter_is_busy(&env));
}

TEST(the_host_has_a_question_of_its_own)
{
	static const uint8_t zeros[32];
	begin(false);
	memset(env.manifest.host.guard_key.b, 0x77, 32);
	CHECK_INT(counter_ask_policy(&env, 12), 0);
	CHECK_INT(counter_ask_policy(&env, 13), ERR_BUSY);
	CHECK_INT(ask(N - 1, COUNTER_GET, 0), 0);
	start_worker();
	const struct counter_question *q = &world.sent[0].question;
	CHECK(q->op == COUNTER_INIT && q->value == 12 && memcmp(q->program, counters_host, 32) == 0);
	CHECK(memcmp(q->label, env.manifest.host.guard_key.b, 32) == 0);
	CHECK_INT(world.sent[0].now, 1700000000);
	/* The end comes while it is under way: the time waits for it. */
	CHECK(!counter_keep_time(&env));
	reply(ERR_LOWER, 0, "");
	counter_reply(&env);
	CHECK(world.stored == 1 && world.stored_err == ERR_LOWER && world.heard[N - 1] == 0);
	CHECK(!counter_keep_time(&env));
	CHECK_INT(world.n_sent, 3);
	q = &world.sent[2].question;
	CHECK(q->op == COUNTER_INIT && q->value == 1700000000 && memcmp(q->program, counters_host, 32) == 0);
	CHECK(memcmp(q->label, zeros, 32) == 0);
	CHECK(!counter_keep_time(&env));
	CHECK_INT(world.n_sent, 3);
	reply(0, 5, "");
	reply(0, 1700000000, "");
	counter_reply(&env);
	CHECK(counter_keep_time(&env) && world.heard[N - 1] == 1 && world.stored == 1);
	/* A worker that dies with it does not hold the end up, nor does a disk that hangs. */
	for (int hang = 0; hang < 2; hang++) {
		begin(false);
		CHECK(!counter_keep_time(&env));
		start_worker();
		world.now = world.counter_at;
		if (hang)
			counter_timer(&env);
		else
			end_worker();
		CHECK(counter_keep_time(&env));
	}
	begin(false);
	CHECK_INT(counter_ask_policy(&env, 12), 0);
	start_worker();
	end_worker();
	CHECK(world.stored == 1 && world.stored_err == ERR_IO);
	begin(true);
	CHECK(counter_keep_time(&env));
	CHECK_INT(counter_ask_policy(&env, 12), 0);
	CHECK_INT(world.stored, 0);
	counter_turn(&env);
	CHECK(world.stored == 1 && world.stored_err == 0);
	CHECK_INT(counter_ask_policy(&env, 11), 0);
	counter_turn(&env);
	CHECK(world.stored == 2 && world.stored_err == ERR_LOWER);
	begin(false);
	world.core_closed = true;
	CHECK(counter_keep_time(&env));
	CHECK_INT(counter_ask_policy(&env, 12), ERR_STATE);
}

TEST(before_the_root_is_open_there_are_none)
{
	begin(false);
	world.core_closed = true;
	CHECK_INT(ask(1, COUNTER_GET, 0), ERR_STATE);
	CHECK(!counter_wants_worker(&env));
}

int main(void)
{
	RUN(the_worker_is_started_for_a_question_and_ended_later);
	RUN(a_death_is_an_error_for_what_was_asked_only);
	RUN(no_more_are_under_way_than_a_batch);
	RUN(a_forgotten_question_is_answered_to_nobody);
	RUN(answers_that_nobody_asked_for_are_dropped);
	RUN(what_is_wrong_is_said_once);
	RUN(a_disk_that_hangs_is_an_error_for_all);
	RUN(who_hears_may_ask_again);
	RUN(an_ephemeral_root_has_no_worker);
	RUN(the_host_has_a_question_of_its_own);
	RUN(before_the_root_is_open_there_are_none);
	unmap();
	return test_end();
}
