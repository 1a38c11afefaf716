/* SPDX-License-Identifier: MIT */
/* link: init/audit.c init/output_line.c policy crypto bearssl nanopb */
/* Records of decisions: what is folded, what is displaced, what is sent. Clock, guard and socket are variables here. */
#include <errno.h>

#include "../../init/audit.h"
#include "../../init/environment.h"
#include "../../init/events.h"
#include "../../init/log.h"
#include "../../init/sys.h"
#include "test.h"

#define N 8

static struct env env;
static struct service services[N];

static struct {
	int64_t now, real;
	bool full, timer;
	unsigned sent;
	char line[AUDIT_LINE_MAX + 1], logged[256];
} world;

/* ---- the world's side of the seams ---- */

static void *map;

void *sys_map_own(size_t n)
{
	return map = calloc(1, n);
}

ssize_t sys_read_file(const char *path, void *p, size_t cap)
{
	(void)path;
	snprintf(p, cap, "the-boot\n");
	return 9;
}

int64_t sys_now(void)
{
	return world.now;
}

int64_t sys_realtime(void)
{
	return world.real;
}

ssize_t sys_send(int fd, struct span bytes, const int *fds, int n_fds)
{
	(void)fd, (void)fds, (void)n_fds;
	if (world.full)
		return -EAGAIN;
	memcpy(world.line, bytes.p, bytes.n);
	world.line[bytes.n] = '\0';
	world.sent++;
	return (ssize_t)bytes.n;
}

ssize_t sys_recv(int fd, void *p, size_t cap, int *fds, int cap_fds, int *n_fds)
{
	(void)fd, (void)cap, (void)fds, (void)cap_fds, (void)n_fds;
	memcpy(p, "no room", 7);
	return 7;
}

void log_line(enum log_level level, const char *format, ...)
{
	(void)level;
	snprintf(world.logged, sizeof world.logged, "%s", format);
}

void loop_timer(struct loop *loop, uint32_t timer, int64_t when)
{
	(void)loop, (void)when;
	CHECK_INT(timer, TIMER_AUDIT(&env));
	world.timer = true;
}

bool loop_is_set(const struct loop *loop, uint32_t timer)
{
	(void)loop, (void)timer;
	return world.timer;
}

const char *verb_text(enum verb verb)
{
	return verb == VERB_Seal ? "Seal" : "Other";
}

/* ---- help ---- */

static void begin(const char *where)
{
	static const char *const names[N] = { "a", "b", "c", "d", "e", "f", "g", "h" };
	free(map);
	memset(&world, 0, sizeof world);
	memset(&env, 0, sizeof env);
	world.now = NS_PER_S;
	world.real = 1795478400LL * NS_PER_S + 5 * NS_PER_MS;
	for (int i = 0; i < N; i++)
		services[i].name = names[i];
	env.manifest.services = services;
	env.manifest.n_services = N;
	env.manifest.host.audit = where;
	env.workers[WORKER_AUDIT].fd = 9;
	CHECK_INT(audit_open(&env), 0);
}

static void decide(int unit, bool admin, enum verb verb, enum verdict verdict, unsigned n, const char *rule)
{
	uint8_t term[4] = { (uint8_t)n, (uint8_t)(n >> 8), 1, 2 };
	const struct audit_caller caller = { .unit = unit, .admin = admin };
	const struct ask ask = { .principal = span_str("p"),
				 .args = { span_of(term, 2), span_of(term + 2, 2) },
				 .n_args = 2 };
	struct why why = { .rule = "" };
	snprintf(why.rule, sizeof why.rule, "%s", rule);
	audit_decision(&env, &caller, verb, &ask, verdict, &why);
}

static const char *listed(void)
{
	static char text[1 << 18];
	struct wr w = wr_to(text, sizeof text - 1);
	audit_list(&env, &w);
	CHECK_INT(w.err, ERR_NONE);
	text[w.n] = '\0';
	return text;
}

static unsigned lines(const char *text, const char *with)
{
	unsigned n = 0;
	for (const char *at = text; (at = strstr(at, with)) != NULL; at++)
		n++;
	return n;
}

/* ---- tests ---- */

TEST(a_record_is_a_line_of_json)
{
	begin(NULL);
	decide(1, false, VERB_Seal, DENY, 0, "it's \"so\" \\ \n");
	CHECK_STR(listed(),
		  "{\"seq\":1,\"time\":\"2026-11-24T00:00:00.005Z\",\"boot\":\"the-boot\",\"service\":\"b\","
		  "\"principal\":\"148de9c5a7a44d19\",\"verb\":\"Seal\",\"arguments\":\"6b0271f8cc97121c\","
		  "\"verdict\":\"deny\",\"rule\":\"it's \\\"so\\\" \\\\ ?\"}\n");
	/* An admin client, of no service; a leap day. */
	world.real = 1709164799LL * NS_PER_S;
	decide(-1, true, VERB_Stop, ALLOW, 0, "r");
	CHECK(strstr(listed(), "\"time\":\"2024-02-28T23:59:59.000Z\"") != NULL);
	CHECK(strstr(listed(), "\"boot\":\"the-boot\",\"uid\":0,\"gid\":0,") != NULL);
	world.real += NS_PER_S;
	decide(-1, true, VERB_Stop, ALLOW, 0, "r");
	CHECK(strstr(listed(), "\"time\":\"2024-02-29T00:00:00.000Z\"") != NULL);
	/* Nowhere to write them. */
	audit_turn(&env);
	CHECK_INT(world.sent, 0);
	CHECK(!world.timer);
}

TEST(repeats_are_counted)
{
	begin(NULL);
	for (int i = 0; i < 5; i++)
		decide(1, false, VERB_Seal, ALLOW, 0, "r");
	decide(1, false, VERB_Seal, ALLOW, 1, "r");   /* other arguments */
	decide(1, false, VERB_Unseal, ALLOW, 0, "r"); /* another verb */
	decide(2, false, VERB_Seal, ALLOW, 0, "r");   /* another caller */
	decide(1, false, VERB_Seal, ALLOW, 0, "s");   /* another rule */
	decide(1, false, VERB_Seal, DENY, 0, "r");    /* another verdict */
	env.policy_changes++;
	decide(1, false, VERB_Seal, ALLOW, 0, "r"); /* under another policy */
	CHECK_INT(lines(listed(), "\"seq\""), 7);
	CHECK_INT(lines(listed(), "\"count\":5"), 1);
	audit_again(&env, 1, VERB_Seal);
	CHECK_INT(lines(listed(), "\"count\":2"), 1);
	audit_again(&env, 3, VERB_Seal); /* displaced meanwhile: nothing to count in */
	/* What admin clients do is not; what they are refused, and that they look, is. */
	for (int i = 0; i < 3; i++) {
		decide(-1, true, VERB_Stop, ALLOW, 0, "r");
		decide(-1, true, VERB_Stop, DENY, 0, "r");
		decide(-1, true, VERB_Status, ALLOW, 0, "r");
	}
	CHECK_INT(lines(listed(), "\"seq\""), 7 + 3 + 1 + 1);
}

TEST(decisions_are_events)
{
	static struct events events;
	begin(NULL);
	decide(1, false, VERB_Seal, ALLOW, 0, "before somebody asks");
	env.events = &events;
	/* A repeat is one when its line would be written anew; who follows them makes none by that. */
	for (int i = 0; i < 5; i++) {
		decide(1, false, VERB_Seal, ALLOW, 1, "r");
		decide(-1, true, VERB_Events, ALLOW, 1, "r");
	}
	CHECK_INT(events.n, 3);
	for (unsigned i = 0; i < 3; i++)
		CHECK(events.at[i].what == 2 && events.at[i].state == UNIT_STATES);
	/* Records are found by their numbers in both tables. */
	decide(2, false, VERB_Seal, DENY, 1, "r");
	CHECK_INT(events.at[3].what, 4);
	char text[AUDIT_LINE_MAX];
	struct wr w = wr_to(text, sizeof text - 1);
	CHECK(audit_write(&env, 2, &w) && audit_write(&env, 4, &w));
	text[w.n] = '\0';
	CHECK_INT(lines(text, "\n"), 2);
	CHECK_INT(lines(text, "{\"seq\":2,"), 1);
	CHECK_INT(lines(text, "\"count\":5"), 1);
	CHECK_INT(lines(text, "{\"seq\":4,"), 1);
	CHECK(audit_write(&env, 3, &w) && !audit_write(&env, 5, &w));
	CHECK_INT(lines(listed(), "\"count\":5"), 2);
}

TEST(allows_displace_no_denial)
{
	begin(NULL);
	decide(0, false, VERB_Seal, DENY, 7, "kept");
	decide(-1, true, VERB_Stop, ALLOW, 7, "kept");
	for (unsigned i = 0; i < 1000; i++)
		decide(1, false, VERB_Seal, ALLOW, i, "r");
	CHECK_INT(lines(listed(), "kept"), 2);
	CHECK(lines(listed(), "\"seq\"") >= 100);
	/* The last are there, in order. */
	CHECK(strstr(listed(), "\"seq\":1002,") != NULL);
	CHECK(strstr(listed(), "\"seq\":1002,") > strstr(listed(), "\"seq\":1001,"));
}

TEST(who_fills_the_table_displaces_his_own)
{
	begin(NULL);
	decide(0, false, VERB_Seal, DENY, 7, "kept");
	for (int k = 2; k < N; k++)
		for (unsigned i = 0; i < 15; i++)
			decide(k, false, VERB_Seal, DENY, i, "kept");
	for (unsigned i = 0; i < 1000; i++)
		decide(1, false, VERB_Seal, DENY, i, "r");
	CHECK_INT(lines(listed(), "\"seq\""), 128);
	/* A quarter is his; before he has it he takes from the oldest. */
	CHECK(lines(listed(), "\"rule\":\"r\"") <= 128 / 4 + 1 + 6);
	CHECK(lines(listed(), "kept") >= 91);
}

TEST(lines_are_sent_as_the_worker_takes_them)
{
	begin("/file");
	decide(1, false, VERB_Seal, ALLOW, 0, "allowed");
	decide(1, false, VERB_Seal, DENY, 0, "denied");
	world.full = true;
	audit_turn(&env);
	CHECK_INT(world.sent, 0);
	CHECK(world.timer);
	world.full = false;
	world.timer = false;
	audit_turn(&env);
	CHECK_INT(world.sent, 2);
	CHECK(strstr(world.line, "\"allowed\"") != NULL); /* after the denial */
	CHECK(!world.timer);
	/* Repeats at 2, 4, 8 … */
	for (int i = 0; i < 7; i++) {
		decide(1, false, VERB_Seal, DENY, 0, "denied");
		audit_turn(&env);
	}
	CHECK_INT(world.sent, 5);
	CHECK(strstr(world.line, "\"count\":8,\"last\":\"") != NULL);
	/* No worker: they wait, without a timer. */
	env.workers[WORKER_AUDIT].fd = -1;
	decide(2, false, VERB_Seal, DENY, 0, "denied");
	audit_turn(&env);
	CHECK(!world.timer);
	CHECK_INT(world.sent, 5);
	audit_reply(&env);
	CHECK_STR(world.logged, "%.*s");
}

TEST(no_more_a_second_than_so_many_and_what_is_left_out_is_counted)
{
	begin("/file");
	for (unsigned i = 0; i < 2000; i++) {
		decide((int)(i % N), false, VERB_Seal, DENY, i, "r");
		audit_turn(&env);
	}
	CHECK_INT(world.sent, 100);
	CHECK(world.timer);
	world.now += NS_PER_S;
	world.timer = false;
	audit_turn(&env);
	CHECK_INT(world.sent, 200);
	world.now += NS_PER_S;
	audit_turn(&env);
	CHECK_INT(world.sent, 228);
	begin("/file");
	world.full = true;
	for (unsigned i = 0; i < 200; i++)
		decide((int)(i % N), false, VERB_Seal, DENY, i, "r");
	world.full = false;
	audit_turn(&env);
	CHECK_INT(world.sent, 100);
	begin("/file");
	for (unsigned i = 0; i < 129; i++)
		decide((int)(i % N), false, VERB_Seal, DENY, i, "r");
	env.workers[WORKER_AUDIT].fd = -1;
	decide(0, false, VERB_Seal, DENY, 1000, "r");
	env.workers[WORKER_AUDIT].fd = 9;
	world.full = false;
	for (int i = 0; i < 2; i++) {
		audit_turn(&env);
		if (i == 0)
			CHECK_INT(world.sent, 100);
		world.now += NS_PER_S;
	}
	CHECK_INT(world.sent, 128);
}

TEST(derivations_of_the_last_denials)
{
	static char text[1 << 16];
	static uint64_t memory[(5 << 20) / 8];
	begin(NULL);
	env.guard.class = &guard_datalog;
	struct guard_policy policy = { .rules = span_str("Authorized(key([00]), \"Execute\")\n"), .line = 1 };
	struct why why = { .rule = "" };
	CHECK_INT(guard_load(&env.guard, &policy, span_of(memory, sizeof memory), &why), 0);
	for (unsigned i = 0; i < 20; i++)
		decide(1, false, VERB_Seal, DENY, i, "r");
	struct wr w = wr_to(text, sizeof text - 1);
	audit_explain(&env, &w);
	text[w.n] = '\0';
	/* No more a second than ten, of which eight are kept. */
	CHECK_INT(lines(text, "\"seq\":"), 8);
	CHECK(strstr(text, "\"seq\":10,") != NULL && strstr(text, "\"seq\":11,") == NULL);
	CHECK(lines(text, "no rule is about this\n") == 8);
	world.now += NS_PER_S;
	decide(1, false, VERB_Seal, DENY, 100, "r");
	w.n = 0;
	audit_explain(&env, &w);
	text[w.n] = '\0';
	CHECK(strstr(text, "\"seq\":21,") != NULL);
}

int main(void)
{
	RUN(a_record_is_a_line_of_json);
	RUN(repeats_are_counted);
	RUN(decisions_are_events);
	RUN(allows_displace_no_denial);
	RUN(who_fills_the_table_displaces_his_own);
	RUN(lines_are_sent_as_the_worker_takes_them);
	RUN(no_more_a_second_than_so_many_and_what_is_left_out_is_counted);
	RUN(derivations_of_the_last_denials);
	free(map);
	return test_end();
}
