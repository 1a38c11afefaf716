/* SPDX-License-Identifier: MIT */
/* link: init/stream.c init/sys.c init/sys_socket.c crypto/base.c */
/* Frames over a real socketpair: whole, in pieces, too many at once, too large, and what no peer should send. */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../init/stream.h"
#include "../../init/sys.h"
#include "test.h"

static struct stream_pool pool;
static struct stream stream;
static int peer;

static void set_up(void)
{
	int fds[2];
	if (pool.chunk == NULL)
		CHECK_INT(stream_pool_open(&pool), 0);
	CHECK_INT(sys_socketpair(SOCK_STREAM, fds), 0);
	sys_nonblock(fds[0]);
	stream_open(&stream, fds[0]);
	peer = fds[1];
}

static void tear_down(void)
{
	stream_close(&stream, &pool);
	if (peer >= 0)
		sys_close(peer);
	CHECK_INT(pool.used, 0);
}

static size_t frame(uint8_t *to, size_t cap, const char *header, const void *body, size_t n)
{
	struct wr w = wr_to(to, cap);
	wr_be32(&w, (uint32_t)strlen(header));
	wr_bytes(&w, header, strlen(header));
	wr_be32(&w, (uint32_t)n);
	wr_bytes(&w, body, n);
	CHECK_INT(w.err, 0);
	return w.n;
}

static bool is(struct span s, const char *text)
{
	return span_equal(s, span_str(text));
}

TEST(a_whole_request_needs_no_memory)
{
	uint8_t b[64];
	struct stream_request r;
	set_up();
	sys_write(peer, b, frame(b, sizeof b, "head", "body", 4));
	CHECK_INT(stream_take(&stream, &pool, 100, &r), STREAM_REQUEST);
	CHECK(is(r.header, "head") && is(r.body, "body"));
	stream_done(&stream, &pool);
	CHECK_INT(pool.used, 0);
	CHECK(!stream_is_half(&stream));
	CHECK_INT(stream_take(&stream, &pool, 100, &r), STREAM_MORE);
	tear_down();
}

TEST(byte_by_byte_is_the_same)
{
	uint8_t b[64];
	struct stream_request r;
	set_up();
	size_t n = frame(b, sizeof b, "head", "body", 4);
	for (size_t i = 0; i < n; i++) {
		CHECK(stream_is_half(&stream) == (i > 0));
		sys_write(peer, b + i, 1);
		CHECK_INT(stream_take(&stream, &pool, 100, &r), i + 1 < n ? STREAM_MORE : STREAM_REQUEST);
	}
	CHECK(is(r.header, "head") && is(r.body, "body"));
	stream_done(&stream, &pool);
	tear_down();
}

TEST(several_at_once_come_one_by_one)
{
	uint8_t b[256];
	struct stream_request r;
	set_up();
	size_t n = frame(b, 64, "a", "1", 1);
	n += frame(b + n, 64, "b", "", 0);
	n += frame(b + n, 64, "c", "333", 3);
	sys_write(peer, b, n - 1);
	CHECK_INT(stream_take(&stream, &pool, 100, &r), STREAM_REQUEST);
	CHECK(is(r.header, "a") && is(r.body, "1"));
	stream_done(&stream, &pool);
	CHECK(stream_has_more(&stream));
	CHECK_INT(stream_take(&stream, &pool, 100, &r), STREAM_REQUEST);
	CHECK(is(r.header, "b") && r.body.n == 0);
	stream_done(&stream, &pool);
	CHECK(!stream_has_more(&stream));
	CHECK_INT(stream_take(&stream, &pool, 100, &r), STREAM_MORE);
	sys_write(peer, b + n - 1, 1);
	CHECK_INT(stream_take(&stream, &pool, 100, &r), STREAM_REQUEST);
	CHECK(is(r.header, "c") && is(r.body, "333"));
	stream_done(&stream, &pool);
	tear_down();
}

TEST(what_no_peer_should_send_is_told_apart)
{
	static const uint8_t huge_header[] = { 0xff, 0xff, 0xff, 0xff };
	static const uint8_t huge_body[] = { 0, 0, 0, 1, 'h', 0xff, 0xff, 0xff, 0xff };
	struct stream_request r;
	set_up();
	sys_write(peer, huge_header, sizeof huge_header);
	CHECK_INT(stream_take(&stream, &pool, 100, &r), STREAM_BROKEN);
	tear_down();
	set_up();
	sys_write(peer, huge_body, sizeof huge_body);
	CHECK_INT(stream_take(&stream, &pool, 100, &r), STREAM_TOO_LARGE);
	CHECK(is(r.header, "h"));
	tear_down();
	set_up();
	sys_write(peer, huge_header, 2);
	CHECK_INT(stream_take(&stream, &pool, 100, &r), STREAM_MORE);
	sys_close(peer);
	peer = -1;
	CHECK_INT(stream_take(&stream, &pool, 100, &r), STREAM_END);
	tear_down();
}

TEST(a_body_of_exactly_the_limit_is_taken)
{
	static uint8_t b[1 << 20], body[(1 << 20) - 64];
	struct stream_request r;
	enum stream_state state = STREAM_MORE;
	set_up();
	memset(body, 'x', sizeof body);
	size_t n = frame(b, sizeof b, "h", body, sizeof body), at = 0;
	sys_nonblock(peer);
	while (state == STREAM_MORE) {
		ssize_t k = at < n ? sys_write(peer, b + at, n - at) : 0;
		at += k > 0 ? (size_t)k : 0;
		state = stream_take(&stream, &pool, sizeof body, &r);
	}
	CHECK_INT(state, STREAM_REQUEST);
	CHECK(r.body.n == sizeof body && memcmp(r.body.p, body, sizeof body) == 0);
	stream_done(&stream, &pool);
	tear_down();
}

TEST(memory_is_kept_for_the_next_wiped_and_given_back_at_rest)
{
	static uint8_t b[100000], body[90000];
	struct stream_request r;
	const uint8_t *used[2];
	memset(body, 's', sizeof body);
	size_t n = frame(b, sizeof b, "h", body, sizeof body);
	stream_pool_give_back(&pool);
	for (int i = 0; i < 2; i++) {
		set_up();
		CHECK_INT(sys_write(peer, b, n), (long)n);
		CHECK_INT(stream_take(&stream, &pool, sizeof body, &r), STREAM_MORE);
		CHECK_INT(stream_take(&stream, &pool, sizeof body, &r), STREAM_REQUEST);
		used[i] = stream.in;
		size_t size = stream.in_cap, left = 0;
		stream_done(&stream, &pool);
		CHECK(stream_pool_has_spares(&pool));
		for (size_t k = 0; k < size; k++)
			left += used[i][k] != 0;
		CHECK_INT(left, 0);
		tear_down();
	}
	CHECK(used[0] == used[1]);
	stream_pool_give_back(&pool);
	CHECK(!stream_pool_has_spares(&pool));
}

TEST(who_finds_the_pool_full_waits_and_loses_nothing)
{
	static uint8_t b[300000], body[200000];
	struct stream_request r;
	size_t cap = pool.cap;
	set_up();
	memset(body, 'y', sizeof body);
	size_t n = frame(b, sizeof b, "h", body, sizeof body), at = 0;
	pool.cap = STREAM_CHUNK;
	sys_nonblock(peer);
	at = (size_t)sys_write(peer, b, 1000);
	CHECK_INT(stream_take(&stream, &pool, sizeof body, &r), STREAM_WAIT);
	CHECK_INT(stream_take(&stream, &pool, sizeof body, &r), STREAM_WAIT);
	pool.cap = cap;
	enum stream_state state = STREAM_MORE;
	while (state == STREAM_MORE) {
		ssize_t k = at < n ? sys_write(peer, b + at, n - at) : 0;
		at += k > 0 ? (size_t)k : 0;
		state = stream_take(&stream, &pool, sizeof body, &r);
	}
	CHECK_INT(state, STREAM_REQUEST);
	CHECK(r.body.n == sizeof body && memcmp(r.body.p, body, sizeof body) == 0);
	stream_done(&stream, &pool);
	tear_down();
}

TEST(an_answer_that_is_not_read_is_kept)
{
	static uint8_t big[1 << 20], got[1 << 20];
	size_t n = 0;
	set_up();
	for (size_t i = 0; i < sizeof big; i++)
		big[i] = (uint8_t)(i * 7);
	CHECK_INT(stream_send(&stream, &pool, span_of(big, sizeof big)), 0);
	CHECK(stream_is_sending(&stream));
	CHECK_INT(stream_send(&stream, &pool, span_of(big, 1)), -EINVAL);
	sys_nonblock(peer);
	while (n < sizeof got) {
		ssize_t k = sys_read(peer, got + n, sizeof got - n);
		if (k > 0)
			n += (size_t)k;
		if (stream_is_sending(&stream))
			CHECK(stream_flush(&stream, &pool) >= 0);
	}
	CHECK(!stream_is_sending(&stream));
	CHECK(memcmp(big, got, sizeof got) == 0);
	tear_down();
}

int main(void)
{
	RUN(a_whole_request_needs_no_memory);
	RUN(byte_by_byte_is_the_same);
	RUN(several_at_once_come_one_by_one);
	RUN(what_no_peer_should_send_is_told_apart);
	RUN(a_body_of_exactly_the_limit_is_taken);
	RUN(memory_is_kept_for_the_next_wiped_and_given_back_at_rest);
	RUN(who_finds_the_pool_full_waits_and_loses_nothing);
	RUN(an_answer_that_is_not_read_is_kept);
	return test_end();
}
