/* SPDX-License-Identifier: MIT */
/* link: init/channel.c init/proto/rpc.pb.c crypto/base.c */
/* How channels share the loop: the clock, the requests and what they cost are variables here. */
#include <pb_decode.h>

#include "../../init/boundary.h"
#include "../../init/counter.h"
#include "../../init/environment.h"
#include "../../init/log.h"
#include "../../init/rpc.h"
#include "../../init/sys.h"
#include "test.h"

#define N 8
#define LONG (5 * NS_PER_MS)

static struct env env;
static struct service services[N];
static struct unit units[N];

static struct {
	int64_t now;
	int64_t cost; /* of a request */
	unsigned pending[N], served[N];
} world;

/* ---- the world's side of the seams ---- */

static unsigned unit_of(const struct stream *stream)
{
	return (unsigned)((size_t)((const char *)stream - (const char *)units) / sizeof units[0]);
}

int64_t sys_now(void)
{
	return world.now;
}

bool environment_turn_is_long(const struct env *e)
{
	return world.now - e->turn_began > LONG;
}

enum stream_state stream_take(struct stream *stream, struct stream_pool *pool, size_t max_body,
			      struct stream_request *request)
{
	unsigned u = unit_of(stream);
	(void)pool, (void)max_body;
	*request = (struct stream_request){ .header = span_str("h") };
	if (world.pending[u] == 0)
		return STREAM_MORE;
	world.pending[u]--;
	world.served[u]++;
	world.now += world.cost;
	return STREAM_REQUEST;
}

bool stream_has_more(const struct stream *stream)
{
	return world.pending[unit_of(stream)] > 0;
}

bool rpc_read_header(struct span header, tao_RpcRequestHeader *out)
{
	(void)header, (void)out;
	return true;
}

/* ---- what is not in question ---- */

void log_line(enum log_level level, const char *format, ...)
{
	(void)level, (void)format;
}
const struct rpc_method *rpc_find(enum rpc_service service, const char *op, char *error, size_t cap)
{
	(void)service, (void)op, (void)error, (void)cap;
	return NULL;
}
int rpc_write_answer(struct rpc_answer *answer, const struct rpc_call *call, const char *op, uint64_t seq)
{
	(void)call, (void)op, (void)seq;
	answer->n_parts = 0;
	return 0;
}
size_t rpc_write(struct wr *out, const char *op, uint64_t seq, const char *error, const pb_msgdesc_t *fields,
		 const void *message)
{
	(void)out, (void)op, (void)seq, (void)error, (void)fields, (void)message;
	return 0;
}

enum verdict boundary_may_call(struct env *e, uint16_t u, enum verb verb, const struct matter *matter,
			       struct why *why)
{
	(void)e, (void)u, (void)verb, (void)matter, (void)why;
	return DENY;
}

const char *verb_text(enum verb verb)
{
	return verb == VERB_NONE ? "" : "verb";
}

/* These do nothing, and say that nothing failed. */
#define QUIET(type, name, ...)                                                                                    \
	type name(__VA_ARGS__)                                                                                    \
	{                                                                                                         \
		return (type)0;                                                                                   \
	}
#define SILENT(name, ...)                                                                                         \
	void name(__VA_ARGS__)                                                                                    \
	{                                                                                                         \
	}
#pragma GCC diagnostic ignored "-Wunused-parameter"
SILENT(counter_forget, struct env *e, uint16_t u)
QUIET(int, loop_add, struct loop *loop, uint32_t source, uint32_t index, int fd, uint32_t events)
QUIET(int, loop_change, struct loop *loop, uint32_t source, uint32_t index, int fd, uint32_t events)
QUIET(bool, loop_is_set, const struct loop *loop, uint32_t timer)
SILENT(loop_cancel, struct loop *loop, uint32_t timer)
SILENT(loop_remove, struct loop *loop, int fd)
SILENT(loop_timer, struct loop *loop, uint32_t timer, int64_t when)
SILENT(rpc_fail_counter, struct rpc_call *call, int err)
SILENT(stream_open, struct stream *stream, int fd)
SILENT(stream_close, struct stream *stream, struct stream_pool *pool)
SILENT(stream_done, struct stream *stream, struct stream_pool *pool)
QUIET(int, stream_flush, struct stream *stream, struct stream_pool *pool)
QUIET(int, stream_hold, struct stream *stream, struct stream_pool *pool)
QUIET(bool, stream_is_half, const struct stream *stream)
QUIET(bool, stream_is_sending, const struct stream *stream)
QUIET(int, stream_send_parts, struct stream *stream, struct stream_pool *pool, const struct span *parts,
      unsigned n)
QUIET(ssize_t, sys_send, int fd, struct span bytes, const int *fds, int n_fds)
QUIET(int, unit_restart, struct env *e, uint16_t u)

pb_callback_t rpc_span_in(struct span *span)
{
	return (pb_callback_t){ .arg = span };
}

/* ---- tests ---- */

static void begin(unsigned pending, int64_t cost)
{
	memset(&world, 0, sizeof world);
	memset(&env, 0, sizeof env);
	memset(units, 0, sizeof units);
	env.manifest.services = services;
	env.manifest.n_services = N;
	env.units = units;
	world.cost = cost;
	for (unsigned u = 0; u < N; u++)
		world.pending[u] = pending;
}

/* As environment.c has it: what is left from earlier turns, then what the sockets say. How many were served. */
static unsigned turn(void)
{
	unsigned before = 0, after = 0;
	for (unsigned u = 0; u < N; u++)
		before += world.served[u];
	env.turn_began = world.now;
	channel_turn(&env);
	for (uint16_t u = 0; u < N; u++)
		if (world.pending[u] > 0)
			channel_event(&env, u, 1);
	for (unsigned u = 0; u < N; u++)
		after += world.served[u];
	return after - before;
}

TEST(a_turn_that_has_taken_its_time_begins_no_request)
{
	begin(3, 3 * NS_PER_MS);
	CHECK_INT(turn(), 2);
	CHECK_INT(world.now, 6 * NS_PER_MS);
	CHECK_INT(env.runnable_n, N);
	/* One that costs more than a turn has one of its own. */
	begin(3, 6 * NS_PER_MS);
	CHECK_INT(turn(), 1);
	CHECK_INT(turn(), 1);
	/* What costs nothing is done at once. */
	begin(1, 0);
	CHECK_INT(turn(), N);
	CHECK_INT(env.runnable_n, 0);
}

TEST(each_is_served_as_often_as_the_others)
{
	begin(1000, 3 * NS_PER_MS);
	for (int i = 0; i < 400 && !test_bad; i++)
		CHECK_INT(turn(), 2);
	for (unsigned u = 0; u < N; u++)
		CHECK(world.served[u] >= 99 && world.served[u] <= 101);
}

int main(void)
{
	RUN(a_turn_that_has_taken_its_time_begins_no_request);
	RUN(each_is_served_as_often_as_the_others);
	return test_end();
}
