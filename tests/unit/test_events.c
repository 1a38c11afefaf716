/* SPDX-License-Identifier: MIT */
/* link: init/events.c policy crypto/base.c */
/* What happens, in order and once, and how much of it is lost. Records, clock and memory are variables here. */
#include "../../init/audit.h"
#include "../../init/events.h"
#include "../../init/sys.h"
#include "test.h"

static struct env env;
static struct unit units[2];
static struct service services[2];
static struct events ring;
static bool no_memory;
static uint64_t displaced; /* records of at most this number are gone */
static int64_t now;

/* ---- the world's side of the seams ---- */

void *sys_map_own(size_t n)
{
	CHECK_INT(n, sizeof ring);
	memset(&ring, 0, sizeof ring);
	return no_memory ? NULL : &ring;
}

int64_t sys_now(void)
{
	return now;
}

int64_t sys_realtime(void)
{
	return 1000 + now;
}

const char *unit_state_text(enum unit_state state)
{
	return state == UNIT_UP ? "up" : "other";
}

void audit_put(struct wr *w, const char *part)
{
	wr_span_bytes(w, span_str(part));
}

void audit_put_string(struct wr *w, const char *key, const char *text)
{
	char part[256];
	wr_bytes(w, part, (size_t)snprintf(part, sizeof part, ",%s=%s", key, text));
}

void audit_put_time(struct wr *w, const char *key, int64_t ns)
{
	char part[64];
	wr_bytes(w, part, (size_t)snprintf(part, sizeof part, ",%s=%d", key, (int)ns));
}

bool audit_write(const struct env *e, uint64_t seq, struct wr *out)
{
	(void)e;
	if (seq > displaced)
		wr_bytes(out, seq == 7 ? "seven\n" : "other\n", 6);
	return seq > displaced;
}

/* ---- help ---- */

static void begin(uint64_t *position)
{
	memset(&env, 0, sizeof env);
	memset(units, 0, sizeof units);
	services[0].name = "a";
	services[1].name = "b";
	env.units = units;
	env.manifest.services = services;
	env.manifest.n_services = 2;
	displaced = 0;
	now = 50;
	no_memory = false;
	*position = 0;
	CHECK_INT(events_begin(&env, position), 0);
	CHECK_INT(*position, 1);
}

static void changes(uint16_t u, enum unit_state state)
{
	units[u].state = (uint8_t)state;
	units[u].since = now;
	events_add(&env, (struct event){ .what = (uint64_t)now, .unit = u, .state = (uint8_t)state });
}

static void decides(uint64_t seq)
{
	events_add(&env, (struct event){ .what = seq, .state = UNIT_STATES });
}

static char text[1 << 18];

static const char *since(uint64_t *position)
{
	struct wr w = wr_to(text, sizeof text - 1);
	events_write(&env, position, &w);
	CHECK_INT(w.err, ERR_NONE);
	text[w.n] = '\0';
	return text;
}

/* ---- tests ---- */

TEST(nothing_is_kept_until_somebody_asks)
{
	uint64_t position = 5;
	memset(&env, 0, sizeof env);
	decides(7);
	CHECK(env.events == NULL && !env.admin_check);
	no_memory = true;
	CHECK(events_begin(&env, &position) < 0);
	begin(&position);
	CHECK_STR(since(&position), "");
	CHECK_INT(position, 1);
	decides(7);
	CHECK(env.admin_check);
	/* Who asks now hears of what comes from now on; so does who names a place that is still to come. */
	uint64_t another = 0, strange = 99;
	CHECK_INT(events_begin(&env, &another), 0);
	CHECK_INT(events_begin(&env, &strange), 0);
	CHECK_INT(another, 2);
	CHECK_INT(strange, 2);
	CHECK_STR(since(&another), "");
	CHECK_STR(since(&position), "seven\n");
	CHECK_INT(position, 2);
	CHECK_STR(since(&position), "");
}

TEST(states_and_decisions_in_order)
{
	uint64_t position;
	char why[] = "because";
	begin(&position);
	units[0].reason = units[1].reason = why;
	changes(0, UNIT_UP);
	decides(7);
	changes(1, UNIT_FAILED);
	now += 10;
	CHECK_STR(since(&position), "{\"state\":\"up\",time=1050,service=a}\n"
				    "seven\n"
				    "{\"state\":\"other\",time=1050,service=b,reason=because}\n");
	/* The reason is that of the present state, so that an earlier one has none; up has none either. */
	changes(0, UNIT_STOPPING);
	now += 10;
	changes(0, UNIT_UP);
	changes(1, UNIT_FAILED);
	now += 10;
	changes(1, UNIT_FAILED);
	CHECK_STR(since(&position), "{\"state\":\"other\",time=1060,service=a}\n"
				    "{\"state\":\"up\",time=1070,service=a}\n"
				    "{\"state\":\"other\",time=1070,service=b}\n"
				    "{\"state\":\"other\",time=1080,service=b,reason=because}\n");
}

TEST(what_is_lost_is_counted)
{
	uint64_t position;
	begin(&position);
	for (unsigned i = 1; i <= 5; i++)
		decides(i);
	decides(7);
	displaced = 2;
	CHECK_STR(since(&position), "other\nother\nother\nseven\n{\"lost\":2}\n");
	decides(1);
	CHECK_STR(since(&position), "{\"lost\":1}\n");
	/* The ring has gone round. */
	displaced = 0;
	for (unsigned i = 0; i < EVENTS_MAX + 3; i++)
		decides(9);
	CHECK(strstr(since(&position), "\n{\"lost\":3}\n") != NULL);
}

/* As many as there is room for, and the others next time. */
TEST(in_pieces)
{
	uint64_t position;
	unsigned n = 0, pieces = 0;
	begin(&position);
	for (unsigned i = 0; i < EVENTS_MAX; i++)
		decides(9);
	for (size_t got; (got = strlen(since(&position))) > 0; pieces++) {
		CHECK_INT(got % 6, 0);
		n += (unsigned)got / 6;
	}
	CHECK_INT(n, EVENTS_MAX);
	CHECK(pieces > 1);
	decides(7);
	struct wr small = wr_to(text, 2 * AUDIT_LINE_MAX);
	events_write(&env, &position, &small);
	CHECK_INT(small.n, 0);
	CHECK_STR(since(&position), "seven\n");
}

int main(void)
{
	RUN(nothing_is_kept_until_somebody_asks);
	RUN(states_and_decisions_in_order);
	RUN(what_is_lost_is_counted);
	RUN(in_pieces);
	return test_end();
}
