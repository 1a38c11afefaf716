/* SPDX-License-Identifier: MIT
 * The client library against a host that is ours: recorded, hostile, slow, shared. Its answers are mostly put into the
 * socket before the call, so that nothing needs a second process or a clock. */
/* link: client/tao.c */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

#include "../../client/tao.h"

#define VECTORS "tests/vectors/wire-session.json"

/* ---- The fake host ---- */

struct fake {
	int fd; /* its end */
	int client_fd;
	struct tao_host *host;
	uint64_t seq; /* of the client's next request */
};

struct bytes {
	size_t n;
	uint8_t b[4096];
};

static void die(const char *what)
{
	perror(what);
	exit(99);
}

static struct fake fake_open(void)
{
	struct fake f;
	int s[2];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s) < 0)
		die("socketpair");
	f.fd = s[1];
	f.client_fd = s[0];
	f.seq = (uint64_t)getpid() << 32;
	if (tao_host_connect_fds(&f.host, s[0], s[0]) != TAO_OK)
		die("tao_host_connect_fds");
	return f;
}

static void fake_close(struct fake *f)
{
	tao_host_close(f->host);
	(void)close(f->fd);
}

static void add(struct bytes *to, const void *p, size_t n)
{
	if (n > sizeof to->b - to->n)
		die("test buffer");
	if (n > 0)
		memcpy(to->b + to->n, p, n);
	to->n += n;
}

static void add_varint(struct bytes *to, uint64_t v)
{
	do {
		uint8_t b = (uint8_t)((v & 0x7f) | (v >= 0x80 ? 0x80 : 0));
		add(to, &b, 1);
		v >>= 7;
	} while (v != 0);
}

static void add_field(struct bytes *to, uint8_t key, const void *p, size_t n)
{
	add(to, &key, 1);
	add_varint(to, n);
	add(to, p, n);
}

static void add_frame(struct bytes *to, const void *p, size_t n)
{
	uint8_t length[4] = { (uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n };
	add(to, length, 4);
	add(to, p, n);
}

static struct bytes header_of(const char *op, uint64_t seq, const char *error)
{
	struct bytes h = { 0 };
	add_field(&h, 0x0a, op, strlen(op));
	add(&h, "\x10", 1);
	add_varint(&h, seq);
	if (error != NULL)
		add_field(&h, 0x1a, error, strlen(error));
	return h;
}

static void send_all(int fd, const void *p, size_t n)
{
	for (const uint8_t *b = p; n > 0;) {
		ssize_t w = send(fd, b, n, MSG_NOSIGNAL);
		if (w < 0)
			die("send");
		b += w;
		n -= (size_t)w;
	}
}

static void send_answer(int fd, const char *op, uint64_t seq, const char *error, const void *body, size_t n)
{
	struct bytes h = header_of(op, seq, error), out = { 0 };
	add_frame(&out, h.b, h.n);
	add_frame(&out, body, n);
	send_all(fd, out.b, out.n);
}

/* The answer to the next call. */
static void answer(struct fake *f, const char *op, const char *error, const void *body, size_t n)
{
	send_answer(f->fd, op, f->seq++, error, body, n);
}

static size_t recv_all(int fd, void *p, size_t n)
{
	size_t have = 0;
	while (have < n) {
		ssize_t r = read(fd, (uint8_t *)p + have, n - have);
		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			break;
		have += (size_t)r;
	}
	return have;
}

static size_t frame_size(const uint8_t p[4])
{
	return (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
}

/* A message of at most 4 KiB. False at end of file. */
static int recv_frame(int fd, struct bytes *frame)
{
	uint8_t length[4];
	if (recv_all(fd, length, 4) != 4)
		return 0;
	frame->n = frame_size(length);
	if (frame->n > sizeof frame->b)
		die("frame too large");
	return recv_all(fd, frame->b, frame->n) == frame->n;
}

/* ---- The recorded session ---- */

static size_t unhex(const char *hex, uint8_t *out, size_t cap)
{
	size_t n = 0;
	unsigned byte;
	for (; sscanf(hex, "%2x", &byte) == 1 && n < cap; hex += 2)
		out[n++] = (uint8_t)byte;
	return n;
}

struct record {
	char op[64];
	struct bytes request_header, request_body, response_header, response_body;
};

/* The file has one key a line; "response_body" ends a record. */
static int next_record(FILE *f, struct record *r)
{
	static char line[16384], hex[16384];
	while (fgets(line, sizeof line, f) != NULL) {
		char key[32] = "";
		hex[0] = '\0';
		if (sscanf(line, " \"%31[a-z_]\": \"%16383[^\"]", key, hex) < 1)
			continue;
		struct bytes *to = strcmp(key, "request_header") == 0	 ? &r->request_header
				   : strcmp(key, "request_body") == 0	 ? &r->request_body
				   : strcmp(key, "response_header") == 0 ? &r->response_header
									 : &r->response_body;
		if (strcmp(key, "op") == 0)
			(void)snprintf(r->op, sizeof r->op, "%.63s", hex);
		else
			to->n = unhex(hex, to->b, sizeof to->b);
		if (strcmp(key, "response_body") == 0)
			return 1;
	}
	return 0;
}

struct arguments {
	struct bytes field[9];
	uint64_t number[9];
};

/* Fields with numbers up to 8, of the recorded messages, which are well-formed. */
static void parse(const struct bytes *message, struct arguments *a)
{
	memset(a, 0, sizeof *a);
	for (size_t i = 0; i < message->n;) {
		unsigned field = message->b[i] >> 3, type = message->b[i] & 7, shift = 0;
		uint64_t v = 0;
		do {
			v |= (uint64_t)(message->b[++i] & 0x7f) << shift;
			shift += 7;
		} while (message->b[i] >= 0x80);
		i++;
		a->number[field] = v;
		if (type == 2) {
			add(&a->field[field], message->b + i, (size_t)v);
			i += (size_t)v;
		}
	}
}

static const char *text_of(const struct bytes *b, char *out)
{
	memcpy(out, b->b, b->n);
	out[b->n] = '\0';
	return out;
}

/* Makes the call that the record's request is the bytes of. */
static int call_again(struct tao_host *host, const char *op, const struct arguments *a, struct tao_bytes *data,
		      char **policy, int64_t *counter)
{
	char wanted[64], label[64];
	const struct bytes *in = &a->field[1];
	struct tao_attest_options options = { a->field[6].b, a->field[6].n, 0, 0 };
	size_t size = (size_t)a->number[2];
	text_of(&a->field[3], wanted);
	text_of(&a->field[7], label);
	if (strcmp(op, "Tao.GetTaoName") == 0)
		return tao_host_name(host, data);
	if (strcmp(op, "Tao.ExtendTaoName") == 0)
		return tao_host_extend_name(host, in->b, in->n);
	if (strcmp(op, "Tao.Attest") == 0)
		return tao_host_attest(host, in->b, in->n, &options, data);
	if (strcmp(op, "Tao.Seal") == 0)
		return tao_host_seal(host, wanted, in->b, in->n, data);
	if (strcmp(op, "Tao.Unseal") == 0)
		return tao_host_unseal(host, in->b, in->n, data, policy);
	if (strcmp(op, "Tao.InitCounter") == 0)
		return tao_host_init_counter(host, label, (int64_t)a->number[8]);
	if (strcmp(op, "Tao.GetCounter") == 0)
		return tao_host_counter(host, label, counter);
	if (strcmp(op, "Tao.RollbackProtectedSeal") == 0)
		return tao_host_protected_seal(host, label, wanted, in->b, in->n, data);
	if (strcmp(op, "Tao.RollbackProtectedUnseal") == 0)
		return tao_host_protected_unseal(host, in->b, in->n, data, policy);
	data->data = malloc(size);
	data->size = size;
	if (strcmp(op, "Tao.GetRandomBytes") == 0)
		return tao_host_random(host, data->data, size);
	if (strcmp(op, "Tao.GetSharedSecret") == 0)
		return tao_host_shared_secret(host, wanted, data->data, size);
	return 99;
}

static void replay(struct fake *f, const struct record *r)
{
	static struct arguments in, out, header;
	static struct bytes got_header, got_body;
	struct tao_bytes data = { NULL, 0 };
	char *policy = NULL, error[128];
	int64_t counter = -1;
	uint64_t seq = f->seq;
	parse(&r->request_body, &in);
	parse(&r->response_body, &out);
	parse(&r->response_header, &header);
	text_of(&header.field[3], error);
	answer(f, r->op, error[0] != '\0' ? error : NULL, r->response_body.b, r->response_body.n);
	int rc = call_again(f->host, r->op, &in, &data, &policy, &counter);
	CHECK_INT(rc, error[0] != '\0' ? TAO_E_REFUSED : TAO_OK);
	if (rc == TAO_E_REFUSED)
		CHECK_STR(tao_host_error(f->host, rc), error);
	/* The request, byte for byte; of the header all but seq, which each client counts as it likes. */
	struct bytes want = header_of(r->op, seq, NULL);
	CHECK(recv_frame(f->fd, &got_header) && recv_frame(f->fd, &got_body));
	CHECK(got_header.n == want.n && memcmp(got_header.b, want.b, want.n) == 0);
	CHECK(memcmp(got_header.b, r->request_header.b, r->request_header.n - 1) == 0);
	CHECK(got_body.n == r->request_body.n && memcmp(got_body.b, r->request_body.b, got_body.n) == 0);
	if (rc == TAO_OK && data.data != NULL)
		CHECK(data.size == out.field[1].n && memcmp(data.data, out.field[1].b, data.size) == 0);
	if (policy != NULL)
		CHECK(strlen(policy) == out.field[2].n && memcmp(policy, out.field[2].b, out.field[2].n) == 0);
	CHECK((policy != NULL) == (rc == TAO_OK && strstr(r->op, "nseal") != NULL));
	if (strcmp(r->op, "Tao.GetCounter") == 0)
		CHECK_INT(counter, out.number[3]);
	tao_bytes_free(&data);
	free(policy);
}

TEST(recorded_session)
{
	static struct record r;
	struct fake f = fake_open();
	FILE *file = fopen(VECTORS, "r");
	int n = 0;
	CHECK(file != NULL);
	while (file != NULL && next_record(file, &r)) {
		replay(&f, &r);
		n++;
	}
	CHECK_INT(n, 24);
	if (file != NULL)
		(void)fclose(file);
	fake_close(&f);
}

/* ---- Hostile answers ---- */

static void call_name(struct fake *f, int want, const char *what)
{
	struct tao_bytes name = { NULL, 0 };
	int rc = tao_host_name(f->host, &name);
	if (rc != want) {
		printf("# %s: %d, not %d\n", what, rc, want);
		test_bad = 1;
	}
	CHECK((rc == TAO_OK) == (name.data != NULL));
	tao_bytes_free(&name);
}

/* Raw bytes from the host, then the end of its stream. */
static void hostile(const char *what, const void *bytes, size_t n, int want)
{
	struct fake f = fake_open();
	send_all(f.fd, bytes, n);
	(void)shutdown(f.fd, SHUT_WR);
	call_name(&f, want, what);
	CHECK(strlen(tao_host_error(f.host, want)) > 0);
	/* It sticks, and nothing more is sent. */
	if (want == TAO_E_PROTOCOL || want == TAO_E_CLOSED) {
		struct bytes frame;
		CHECK(recv_frame(f.fd, &frame) && recv_frame(f.fd, &frame));
		call_name(&f, want, what);
		CHECK(recv(f.fd, frame.b, 1, MSG_DONTWAIT) < 0);
	}
	fake_close(&f);
}

#define HOSTILE(what, bytes, want) hostile(what, bytes, sizeof(bytes) - 1, want)

TEST(hostile_frames)
{
	HOSTILE("nothing", "", TAO_E_CLOSED);
	HOSTILE("half a length", "\0\0", TAO_E_CLOSED);
	HOSTILE("half a header", "\0\0\0\x10\x0a\x0e", TAO_E_CLOSED);
	HOSTILE("header of 4 GiB", "\xff\xff\xff\xff", TAO_E_PROTOCOL);
	HOSTILE("header of 64 KiB + 1", "\0\x01\0\x01", TAO_E_PROTOCOL);
	HOSTILE("header of 64 KiB, cut", "\0\x01\0\0", TAO_E_CLOSED);
	HOSTILE("empty header and body", "\0\0\0\0\0\0\0\0", TAO_E_PROTOCOL);
	HOSTILE("text", "HTTP/1.1 400 Bad Request\r\n\r\n", TAO_E_PROTOCOL);
}

static void hostile_header(const char *what, const void *header, size_t n, int want)
{
	struct bytes out = { 0 };
	add_frame(&out, header, n);
	add_frame(&out, "", 0);
	hostile(what, out.b, out.n, want);
}

#define NAME_OP "\x0a\x0eTao.GetTaoName"
#define HEADER(what, bytes) hostile_header(what, bytes, sizeof(bytes) - 1, TAO_E_PROTOCOL)

TEST(hostile_headers)
{
	HEADER("no seq", NAME_OP);
	HEADER("no op", "\x10\x01");
	HEADER("cut op", "\x0a\x0eTao.Get");
	HEADER("op that is longer than memory", "\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01");
	HEADER("op as a number", "\x08\x0e\x10\x01");
	HEADER("seq as a string", NAME_OP "\x12\x01\x01");
	HEADER("field number 0", NAME_OP "\x10\x01\x02\x00");
	HEADER("a group", NAME_OP "\x10\x01\x23\x24");
	HEADER("varint without end", NAME_OP "\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff");
	HEADER("cut varint", NAME_OP "\x10\x80");
	HEADER("cut fixed64", NAME_OP "\x10\x01\x21\x01\x02");
	HEADER("cut fixed32", NAME_OP "\x10\x01\x25\x01\x02");
	struct bytes h = header_of("Tao.Seal", (uint64_t)getpid() << 32, NULL);
	hostile_header("the right seq but another op", h.b, h.n, TAO_E_PROTOCOL);
	h = header_of("Tao.GetTaoName", 77, NULL);
	hostile_header("another seq, then the end", h.b, h.n, TAO_E_CLOSED);
}

static void hostile_body(const char *what, const void *body, size_t n, int want)
{
	struct bytes h = header_of("Tao.GetTaoName", (uint64_t)getpid() << 32, NULL), out = { 0 };
	add_frame(&out, h.b, h.n);
	add_frame(&out, body, n);
	hostile(what, out.b, out.n, want);
}

#define BODY(what, bytes, want) hostile_body(what, bytes, sizeof(bytes) - 1, want)

TEST(hostile_bodies)
{
	BODY("empty", "", TAO_E_PROTOCOL);
	BODY("data that is cut", "\x0a\x05xy", TAO_E_PROTOCOL);
	BODY("data as a number", "\x08\x05", TAO_E_PROTOCOL);
	BODY("policy besides data", "\x0a\x01x\x12\x01y", TAO_E_PROTOCOL);
	BODY("counter besides data", "\x0a\x01x\x18\x01", TAO_E_PROTOCOL);
	BODY("garbage after data", "\x0a\x01x\xff", TAO_E_PROTOCOL);
	BODY("data", "\x0a\x01x", TAO_OK);
	BODY("empty data", "\x0a\x00", TAO_OK);
	BODY("data and a field from the future", "\x0a\x01x\x52\x01z\x58\x07\x61\1\2\3\4\5\6\7\x08\x6d\1\2\3\4",
	     TAO_OK);
	struct bytes h = header_of("Tao.GetTaoName", (uint64_t)getpid() << 32, NULL), out = { 0 };
	add_frame(&out, h.b, h.n);
	struct bytes too_large = out, largest = out;
	add(&too_large, "\x01\x40\0\x01", 4);
	hostile("body of 20 MiB + 1", too_large.b, too_large.n, TAO_E_PROTOCOL);
	add(&largest, "\x01\x40\0\0only this", 13);
	hostile("body of 20 MiB, cut", largest.b, largest.n, TAO_E_CLOSED);
	hostile("no body", out.b, out.n, TAO_E_CLOSED);
}

TEST(wrong_sizes_and_fields)
{
	struct fake f = fake_open();
	uint8_t small[4] = { 9, 9, 9, 9 };
	answer(&f, "Tao.GetRandomBytes", NULL, "\x0a\x05ninja", 7);
	CHECK_INT(tao_host_random(f.host, small, 4), TAO_E_PROTOCOL);
	CHECK(memcmp(small, "\x09\x09\x09\x09", 4) == 0);
	fake_close(&f);
	f = fake_open();
	struct tao_bytes data = { NULL, 0 };
	char *policy = NULL;
	answer(&f, "Tao.Unseal", NULL, "\x0a\x01x", 3);
	CHECK_INT(tao_host_unseal(f.host, "s", 1, &data, &policy), TAO_E_PROTOCOL);
	CHECK(data.data == NULL && policy == NULL);
	fake_close(&f);
	f = fake_open();
	answer(&f, "Tao.Unseal", NULL, "\x0a\x01x\x12\x02s\0", 7);
	CHECK_INT(tao_host_unseal(f.host, "s", 1, &data, &policy), TAO_E_PROTOCOL);
	CHECK(data.data == NULL && policy == NULL);
	fake_close(&f);
	f = fake_open();
	answer(&f, "Tao.Unseal", NULL, "\x0a\x01x\x12\x00", 5);
	CHECK_INT(tao_host_unseal(f.host, "s", 1, &data, NULL), TAO_OK);
	CHECK(data.size == 1 && data.data[0] == 'x');
	tao_bytes_free(&data);
	answer(&f, "Tao.InitCounter", NULL, "\x18\x01", 2);
	CHECK_INT(tao_host_init_counter(f.host, "l", 1), TAO_E_PROTOCOL);
	fake_close(&f);
}

TEST(refusals_keep_the_channel)
{
	struct fake f = fake_open();
	answer(&f, "Tao.GetTaoName", "no\x1b[2Jsuch \x80thing", "", 0);
	call_name(&f, TAO_E_REFUSED, "refused");
	CHECK_STR(tao_host_error(f.host, TAO_E_REFUSED), "no?[2Jsuch ?thing");
	char text[3000];
	memset(text, 'x', sizeof text);
	text[sizeof text - 1] = '\0';
	answer(&f, "Tao.GetTaoName", text, "", 0);
	call_name(&f, TAO_E_REFUSED, "refused at length");
	CHECK(strlen(tao_host_error(f.host, TAO_E_REFUSED)) > 100);
	CHECK(strncmp(tao_host_error(f.host, TAO_E_REFUSED), text, 100) == 0);
	/* Even with a body, which it should not have. */
	answer(&f, "Tao.GetTaoName", "no", "\xff\xff", 2);
	call_name(&f, TAO_E_REFUSED, "refused with a body");
	answer(&f, "Tao.GetTaoName", NULL, "\x0a\x01x", 3);
	call_name(&f, TAO_OK, "after refusals");
	CHECK_STR(tao_host_error(f.host, TAO_OK), "no error");
	/* What is said about the last call is not said about another. */
	CHECK(strstr(tao_host_error(f.host, TAO_E_NO_CHANNEL), "TAO_CHANNEL_FD") != NULL);
	fake_close(&f);
}

TEST(refusal_without_a_body_and_close)
{
	struct fake f = fake_open();
	struct bytes h = header_of("Tao.GetTaoName", f.seq, "message too large"), out = { 0 };
	add_frame(&out, h.b, h.n);
	send_all(f.fd, out.b, out.n);
	(void)shutdown(f.fd, SHUT_WR);
	call_name(&f, TAO_E_REFUSED, "the error comes first");
	CHECK_STR(tao_host_error(f.host, TAO_E_REFUSED), "message too large");
	call_name(&f, TAO_E_CLOSED, "then the end");
	fake_close(&f);
}

TEST(answers_to_others_are_skipped)
{
	struct fake f = fake_open();
	for (unsigned i = 0; i < 63; i++)
		send_answer(f.fd, "Tao.Unseal", i, i % 2 ? "late" : NULL, "garbage", 7);
	answer(&f, "Tao.GetTaoName", NULL, "\x0a\x01x", 3);
	call_name(&f, TAO_OK, "63 strays");
	for (unsigned i = 0; i < 64; i++)
		send_answer(f.fd, "Tao.Unseal", i, NULL, "garbage", 7);
	answer(&f, "Tao.GetTaoName", NULL, "\x0a\x01x", 3);
	call_name(&f, TAO_E_PROTOCOL, "64 strays");
	fake_close(&f);
}

TEST(host_is_gone)
{
	struct fake f = fake_open();
	(void)close(f.fd);
	call_name(&f, TAO_E_CLOSED, "no SIGPIPE");
	call_name(&f, TAO_E_CLOSED, "again");
	f.fd = -1;
	fake_close(&f);
}

TEST(absurd_sizes)
{
	struct fake f = fake_open();
	struct tao_bytes out = { NULL, 0 };
	uint8_t b[1] = { 0 };
	CHECK_INT(tao_host_seal(f.host, "self", b, TAO_MESSAGE_MAX, &out), TAO_E_TOO_LARGE);
	CHECK_INT(tao_host_seal(f.host, "self", b, SIZE_MAX, &out), TAO_E_TOO_LARGE);
	CHECK_INT(tao_host_protected_seal(f.host, "l", "self", b, SIZE_MAX - 10, &out), TAO_E_TOO_LARGE);
	CHECK_INT(tao_host_random(f.host, b, TAO_MESSAGE_MAX + 1), TAO_E_TOO_LARGE);
	CHECK(recv(f.fd, b, 1, MSG_DONTWAIT) < 0);
	fake_close(&f);
}

/* ---- Hosts in a process of their own ---- */

static pid_t host_process(struct fake *f, void (*serve)(int fd))
{
	pid_t pid = fork();
	if (pid < 0)
		die("fork");
	if (pid == 0) {
		tao_host_close(f->host);
		serve(f->fd);
		_exit(0);
	}
	(void)close(f->fd);
	f->fd = -1;
	return pid;
}

static void host_ends(pid_t pid)
{
	int status = -1;
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	CHECK_INT(status, 0);
}

static uint64_t seq_of(const struct bytes *header)
{
	static struct arguments a;
	parse(header, &a);
	return a.number[2];
}

/* One byte at a time. */
static void serve_slowly(int fd)
{
	struct bytes header, body, out = { 0 };
	while (recv_frame(fd, &header) && recv_frame(fd, &body)) {
		struct bytes h = header_of("Tao.GetTaoName", seq_of(&header), NULL);
		out.n = 0;
		add_frame(&out, h.b, h.n);
		add_frame(&out, "\x0a\x05names", 7);
		for (size_t i = 0; i < out.n; i++)
			send_all(fd, out.b + i, 1);
	}
}

static volatile sig_atomic_t ticks;

static void tick(int signal_number)
{
	(void)signal_number;
	ticks++;
}

/* Until a signal has come in the middle, however long that takes. */
TEST(slow_host_and_signals)
{
	struct fake f = fake_open();
	struct sigaction action = { 0 };
	struct itimerval fast = { { 0, 50 }, { 0, 50 } }, off = { { 0, 0 }, { 0, 0 } };
	pid_t pid = host_process(&f, serve_slowly);
	action.sa_handler = tick; /* without SA_RESTART */
	(void)sigaction(SIGALRM, &action, NULL);
	(void)setitimer(ITIMER_REAL, &fast, NULL);
	for (int i = 0; i < 50 || ticks < 20; i++)
		call_name(&f, TAO_OK, "slow");
	(void)setitimer(ITIMER_REAL, &off, NULL);
	fake_close(&f);
	host_ends(pid);
}

#define LARGE ((size_t)3 << 20)

/* Gives Seal's data back as sealed, in the same frame layout: reads and writes of its own sizes. */
static void serve_large(int fd)
{
	static uint8_t buffer[LARGE + 4096];
	struct bytes header;
	uint8_t length[4];
	while (recv_frame(fd, &header) && recv_all(fd, length, 4) == 4) {
		size_t n = frame_size(length);
		if (n > sizeof buffer || recv_all(fd, buffer, n) != n)
			_exit(1);
		n -= 6; /* without the policy "self" */
		struct bytes out = { 0 }, h = header_of("Tao.Seal", seq_of(&header), NULL);
		add_frame(&out, h.b, h.n);
		uint8_t prefix[4] = { (uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n };
		add(&out, prefix, 4);
		send_all(fd, out.b, out.n);
		send_all(fd, buffer, n);
	}
}

static void seal_large(int flags)
{
	struct fake f = fake_open();
	struct tao_bytes sealed = { NULL, 0 };
	uint8_t *data = malloc(LARGE);
	pid_t pid = host_process(&f, serve_large);
	for (size_t i = 0; i < LARGE; i++)
		data[i] = (uint8_t)(i * 7 + i / 251);
	CHECK(fcntl(f.client_fd, F_SETFL, fcntl(f.client_fd, F_GETFL) | flags) == 0);
	for (int i = 0; i < 2; i++) {
		CHECK_INT(tao_host_seal(f.host, "self", data, LARGE, &sealed), TAO_OK);
		CHECK(sealed.size == LARGE && memcmp(sealed.data, data, LARGE) == 0);
		tao_bytes_free(&sealed);
	}
	free(data);
	fake_close(&f);
	host_ends(pid);
}

TEST(large_messages)
{
	seal_large(0);
}

TEST(large_messages_nonblocking)
{
	seal_large(O_NONBLOCK);
}

/* As taoinit does with a message over its limit: answers, and closes without reading the rest. */
static void serve_refusing(int fd)
{
	struct bytes header;
	if (!recv_frame(fd, &header))
		_exit(1);
	send_answer(fd, "Tao.Seal", seq_of(&header), "message too large", "", 0);
}

TEST(refusal_in_the_middle_of_a_request)
{
	struct fake f = fake_open();
	struct tao_bytes sealed = { NULL, 0 };
	uint8_t *data = calloc(1, LARGE);
	pid_t pid = host_process(&f, serve_refusing);
	CHECK_INT(tao_host_seal(f.host, "self", data, LARGE, &sealed), TAO_E_REFUSED);
	CHECK_STR(tao_host_error(f.host, TAO_E_REFUSED), "message too large");
	CHECK_INT(tao_host_seal(f.host, "self", data, LARGE, &sealed), TAO_E_CLOSED);
	free(data);
	fake_close(&f);
	host_ends(pid);
}

/* Every answer is the request's seq. */
static void serve_seq(int fd)
{
	struct bytes header, body;
	while (recv_frame(fd, &header) && recv_frame(fd, &body)) {
		struct bytes out = { 0 };
		uint64_t seq = seq_of(&header);
		add_field(&out, 0x0a, &seq, sizeof seq);
		send_answer(fd, "Tao.GetTaoName", seq, NULL, out.b, out.n);
	}
}

static int ask_often(struct tao_host *host)
{
	for (int i = 0; i < 300; i++) {
		struct tao_bytes name;
		uint64_t seq;
		if (tao_host_name(host, &name) != TAO_OK || name.size != sizeof seq)
			return 1;
		memcpy(&seq, name.data, sizeof seq);
		tao_bytes_free(&name);
		if (seq >> 32 != (uint64_t)getpid())
			return 2;
	}
	return 0;
}

TEST(processes_take_turns)
{
	struct fake f = fake_open();
	pid_t server = host_process(&f, serve_seq), clients[4];
	for (int i = 0; i < 4; i++) {
		clients[i] = fork();
		if (clients[i] == 0)
			_exit(ask_often(f.host));
	}
	for (int i = 0; i < 4; i++)
		host_ends(clients[i]);
	fake_close(&f);
	host_ends(server);
}

TEST(over_two_pipes)
{
	int to_host[2], from_host[2];
	struct tao_host *host;
	if (pipe(to_host) < 0 || pipe(from_host) < 0)
		die("pipe");
	CHECK_INT(tao_host_connect_fds(&host, from_host[0], to_host[1]), TAO_OK);
	struct fake f = { from_host[1], -1, host, (uint64_t)getpid() << 32 };
	struct bytes h = header_of("Tao.GetTaoName", f.seq, NULL), out = { 0 };
	add_frame(&out, h.b, h.n);
	add_frame(&out, "\x0a\x01x", 3);
	CHECK(write(from_host[1], out.b, out.n) == (ssize_t)out.n);
	call_name(&f, TAO_OK, "pipes");
	CHECK(recv_frame(to_host[0], &out) && recv_frame(to_host[0], &out) && out.n == 0);
	fake_close(&f);
	(void)close(to_host[0]);
}

/* ---- After somebody else ---- */

/* The end of an answer, as long as it may be, with what looks like frames in it; an old answer; and ours. */
static void serve_after_others(int fd)
{
	struct bytes header, body;
	static const uint8_t rest[9000] = { 0, 0, 0, 4, 'l', 'e', 'f', 't', 0, 1, 0, 0 };
	if (!recv_frame(fd, &header) || !recv_frame(fd, &body))
		return;
	uint64_t seq = seq_of(&header);
	send_all(fd, rest, sizeof rest);
	send_all(fd, "\0\0\0\x10\x0a", 5);
	send_answer(fd, "Tao.GetTaoName", seq - 1, NULL, "\x0a\x05other", 7);
	send_answer(fd, "Tao.GetTaoName", seq, NULL, "\x0a\x03us.", 5);
	if (recv_frame(fd, &header) && recv_frame(fd, &body))
		send_answer(fd, "Tao.GetTaoName", seq_of(&header), NULL, "\x0a\x05names", 7);
}

TEST(what_others_left_is_skipped)
{
	struct fake f = fake_open();
	struct tao_bytes name = { NULL, 0 };
	pid_t server = host_process(&f, serve_after_others);
	CHECK_INT(tao_host_resume(f.host, &name), TAO_OK);
	CHECK(name.size == 3 && memcmp(name.data, "us.", 3) == 0);
	tao_bytes_free(&name);
	CHECK_INT(tao_host_name(f.host, &name), TAO_OK);
	CHECK(name.size == 5 && memcmp(name.data, "names", 5) == 0);
	tao_bytes_free(&name);
	tao_host_close(f.host);
	host_ends(server);
}

TEST(a_host_that_says_nothing_in_time)
{
	struct fake f = fake_open();
	struct tao_bytes name = { NULL, 0 };
	tao_host_timeout(f.host, 60000);
	answer(&f, "Tao.GetTaoName", NULL, "\x0a\x03us.", 5);
	CHECK_INT(tao_host_name(f.host, &name), TAO_OK);
	tao_bytes_free(&name);
	tao_host_timeout(f.host, 1);
	CHECK_INT(tao_host_resume(f.host, &name), TAO_E_IO);
	CHECK(strstr(tao_host_error(f.host, TAO_E_IO), "timed out") != NULL);
	/* Half an answer is none; and what comes later is not for us. */
	CHECK_INT(tao_host_name(f.host, &name), TAO_E_IO);
	fake_close(&f);
	f = fake_open();
	tao_host_timeout(f.host, 1);
	send_all(f.fd, "\0\0\0\x10\x0a", 5);
	CHECK_INT(tao_host_name(f.host, &name), TAO_E_IO);
	fake_close(&f);
}

/* ---- The environment ---- */

static int connect_with(const char *spec, const char *number)
{
	struct tao_host *host;
	(void)unsetenv("CLOUDPROXY_TAO_HOST_SPEC");
	(void)unsetenv("TAO_CHANNEL_FD");
	if (spec != NULL)
		(void)setenv("CLOUDPROXY_TAO_HOST_SPEC", spec, 1);
	if (number != NULL)
		(void)setenv("TAO_CHANNEL_FD", number, 1);
	int rc = tao_host_connect(&host);
	CHECK((rc == TAO_OK) == (host != NULL));
	/* The descriptors stay open for the next try: a copy is connected to. */
	if (rc == TAO_OK)
		CHECK((fcntl(100, F_GETFD) & FD_CLOEXEC) != 0);
	tao_host_close(host);
	return rc;
}

static int connect_on(int fd, const char *spec, const char *number)
{
	if (dup2(fd, 100) < 0 || dup2(fd, 101) < 0)
		die("dup2");
	int rc = connect_with(spec, number);
	(void)close(100);
	(void)close(101);
	return rc;
}

#define SPEC "tao::RPC+tao::FDMessageChannel"
#define LONG "/123456789012345678901234567890123456789012345678901234567890"

TEST(environment)
{
	int s[2];
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, s) < 0)
		die("socketpair");
	CHECK_INT(connect_on(s[0], NULL, NULL), TAO_E_NO_CHANNEL);
	CHECK_INT(connect_on(s[0], SPEC "(100, 100)", NULL), TAO_OK);
	CHECK_INT(connect_on(s[0], SPEC "(100,101)", NULL), TAO_OK);
	CHECK_INT(connect_on(s[0], SPEC "( 100 , 101 )", "nonsense"), TAO_OK);
	CHECK_INT(connect_on(s[0], NULL, "100"), TAO_OK);
	CHECK_INT(connect_on(s[0], NULL, "102"), TAO_E_BAD_CHANNEL); /* not open */
	static const char *const bad[] = { "",
					   "tao::RPC+tao::FileMessageChannel(/dev/none)",
					   "tao::RPC+tao::FileMessageChannel(/dev/null",
					   "tao::RPC+tao::FileMessageChannel()",
					   "tao::RPC+tao::FileMessageChannel(/)",
					   "tao::RPC+tao::UnixMessageChannel(/dev/null)",
					   "tao::RPC+tao::UnixMessageChannel(" LONG LONG ")",
					   "tao::RPC+tao::TCPMessageChannel(/dev/null)",
					   "tao::RPC+tao::FD",
					   SPEC,
					   SPEC "(100)",
					   SPEC "(100, 100",
					   SPEC "(100, 100) ",
					   SPEC "(100; 100)",
					   SPEC "(-1, 100)",
					   SPEC "(100, )",
					   SPEC "(99999999999999999999, 100)",
					   SPEC "(100, 102)" };
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		CHECK_INT(connect_on(s[0], bad[i], "100"), TAO_E_BAD_CHANNEL);
	static const char *const bad_numbers[] = { "", "x", "-1", "100x", "4294967396" };
	for (size_t i = 0; i < sizeof bad_numbers / sizeof bad_numbers[0]; i++)
		CHECK_INT(connect_on(s[0], NULL, bad_numbers[i]), TAO_E_BAD_CHANNEL);
	FILE *file = tmpfile();
	CHECK_INT(connect_on(fileno(file), NULL, "100"), TAO_E_BAD_CHANNEL);
	(void)fclose(file);
	(void)close(s[0]);
	(void)close(s[1]);
}

TEST(channels_by_path)
{
	char path[] = "/tmp/tao-client.XXXXXX", spec[128];
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	struct tao_host *host;
	struct tao_bytes name = { NULL, 0 };
	int listener = socket(AF_UNIX, SOCK_STREAM, 0), fd = mkstemp(path);
	if (listener < 0 || fd < 0 || close(fd) < 0 || unlink(path) < 0)
		die(path);
	(void)snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
	if (bind(listener, (struct sockaddr *)&a, sizeof a) < 0 || listen(listener, 1) < 0)
		die("listen");
	(void)snprintf(spec, sizeof spec, "tao::RPC+tao::UnixMessageChannel(%s)", path);
	CHECK_INT(tao_host_connect_spec(&host, spec), TAO_OK);
	int peer = accept(listener, NULL, NULL);
	send_answer(peer, "Tao.GetTaoName", (uint64_t)getpid() << 32, NULL, "\x0a\x03us.", 5);
	CHECK_INT(tao_host_name(host, &name), TAO_OK);
	tao_bytes_free(&name);
	tao_host_close(host);
	(void)close(peer);
	(void)close(listener);
	(void)unlink(path);
	/* A device: a FIFO has a reader and a writer in whoever opens it for both, who hears himself. */
	if (mkfifo(path, 0600) < 0)
		die("mkfifo");
	(void)snprintf(spec, sizeof spec, "tao::RPC+tao::FileMessageChannel(%s)", path);
	CHECK_INT(tao_host_connect_spec(&host, spec), TAO_OK);
	tao_host_timeout(host, 60000);
	/* The request is an answer without the data that it must have. */
	CHECK_INT(tao_host_name(host, &name), TAO_E_PROTOCOL);
	tao_host_close(host);
	(void)unlink(path);
}

/* ---- Names ---- */

static void prints(const char *hex, const char *want)
{
	uint8_t b[512];
	char *text = NULL;
	size_t n = unhex(hex, b, sizeof b);
	int rc = tao_name_text(b, n, &text);
	CHECK_INT(rc, want == NULL ? TAO_E_MALFORMED : TAO_OK);
	if (rc == TAO_OK)
		CHECK_STR(text, want == NULL ? "malformed" : want);
	free(text);
	/* Every shorter form of a good name is malformed, not read past its end (the copy is for the sanitizer). */
	for (size_t i = 0; want != NULL && i < n; i++) {
		uint8_t *cut = malloc(i + 1);
		memcpy(cut, b, i);
		CHECK_INT(tao_name_text(cut, i, &text), TAO_E_MALFORMED);
		free(cut);
	}
}

#define PROGRAM_HEX                                                                                               \
	"01036b65790420e237e778cc5969f84ad03fc300c4e4f83889872772803a6f1d48f94a3f753acf1102"                      \
	"120750726f6772616d0104207426594fa7dfcd824192c14e68aea38d19616fab03506c9d3dcab71d1f1cb70d"                \
	"120441726773020301610503"
#define PROGRAM_TEXT                                                                                              \
	"key([e237e778cc5969f84ad03fc300c4e4f83889872772803a6f1d48f94a3f753acf])"                                 \
	".Program([7426594fa7dfcd824192c14e68aea38d19616fab03506c9d3dcab71d1f1cb70d]).Args(\"a\", 3)"

TEST(name_text)
{
	static const struct {
		const char *hex, *text; /* NULL: malformed */
	} names[] = {
		{ PROGRAM_HEX, PROGRAM_TEXT },
		{ "01036b657904001100", "key([])" },
		{ "1100", "" },
		{ "1101120441726773020301610503", ".Args(\"a\", 3)" },
		{ "11011201410102110112014200", ".A(ext.B())" },
		{ "11011201410106015a", ".A(Z)" },
		{ "110112014102030722095c1b7f80e90500", ".A(\"\\\"\\t\\\\\\x1b\\x7f\\x80\\xe9\", 0)" },
		{ "11011201410205ffffffffffffffffff010580808080808080808001", ".A(-1, -9223372036854775808)" },
		{ "11011201410202110112014200", NULL }, /* two terms are promised, one is there */
		{ "110112014103030161", NULL },
		{ "11ffffffffffffffffff01", NULL }, /* 2^64 - 1 extensions */
		{ "110112016100", NULL },	    /* lower-case extension */
		{ "11011203411b4200", NULL },	    /* escape in a word */
		{ "01034b657904001100", NULL },	    /* upper-case type */
		{ "030161", NULL },		    /* a bare term */
		{ "110000", NULL },		    /* trailing byte */
		{ "", NULL },
	};
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		prints(names[i].hex, names[i].text);
}

TEST(name_text_depth)
{
	uint8_t b[600];
	char *text;
	for (size_t levels = 1; levels < 100; levels++) {
		size_t n = 0;
		for (size_t i = 0; i < levels; i++, n += 3)
			memcpy(b + n, "\x01\x01k", 3);
		memcpy(b + n, "\x03\x00", 2);
		n += 2;
		for (size_t i = 0; i < levels; i++, n += 2)
			memcpy(b + n, "\x11\x00", 2);
		int rc = tao_name_text(b, n, &text);
		CHECK_INT(rc, levels <= 32 ? TAO_OK : TAO_E_MALFORMED);
		if (rc == TAO_OK)
			free(text);
	}
}

TEST(subprin)
{
	static const char *const a[] = { "a" };
	struct tao_bytes s = { NULL, 0 };
	char *text = NULL;
	CHECK_INT(tao_subprin("Args", a, 1, &s), TAO_OK);
	CHECK(s.size == 12 && memcmp(s.data,
				     "\x11\x01\x12\x04"
				     "Args"
				     "\x01\x03\x01"
				     "a",
				     12) == 0);
	CHECK_INT(tao_name_text(s.data, s.size, &text), TAO_OK);
	CHECK_STR(text, ".Args(\"a\")");
	free(text);
	tao_bytes_free(&s);
	tao_bytes_free(&s);
	tao_bytes_free(NULL);
	CHECK_INT(tao_subprin("Phase_2", NULL, 0, &s), TAO_OK);
	tao_bytes_free(&s);
	CHECK_INT(tao_subprin("args", a, 1, &s), TAO_E_MALFORMED);
	CHECK_INT(tao_subprin("", a, 1, &s), TAO_E_MALFORMED);
	CHECK_INT(tao_subprin("A(", a, 1, &s), TAO_E_MALFORMED);
}

int main(void)
{
	RUN(recorded_session);
	RUN(hostile_frames);
	RUN(hostile_headers);
	RUN(hostile_bodies);
	RUN(wrong_sizes_and_fields);
	RUN(refusals_keep_the_channel);
	RUN(refusal_without_a_body_and_close);
	RUN(answers_to_others_are_skipped);
	RUN(host_is_gone);
	RUN(absurd_sizes);
	RUN(slow_host_and_signals);
	RUN(large_messages);
	RUN(large_messages_nonblocking);
	RUN(refusal_in_the_middle_of_a_request);
	RUN(processes_take_turns);
	RUN(over_two_pipes);
	RUN(what_others_left_is_skipped);
	RUN(a_host_that_says_nothing_in_time);
	RUN(environment);
	RUN(channels_by_path);
	RUN(name_text);
	RUN(name_text_depth);
	RUN(subprin);
	return test_end();
}
