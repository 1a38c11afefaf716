/* SPDX-License-Identifier: MIT
 *
 * The Tao client; tao.h is its manual. One file on purpose, though long: people copy it into their programs. For
 * the same reason the few protobuf messages of the protocol are read and written here by hand and not by a
 * library: the file must stand alone, and all it needs is varints and length-prefixed fields.
 *
 * From bottom to top: memory, protobuf, names, errors, the stream, requests, methods.
 * The host is trusted with our secrets but not with our memory: whatever it sends is parsed within bounds.
 */
#if !defined(_POSIX_C_SOURCE) && !defined(_GNU_SOURCE)
#define _POSIX_C_SOURCE 200809L
#endif

#include "tao.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

/* A response header holds a method's name, a number and an error text; this is ample. */
#define HEADER_MAX ((size_t)64 << 10)
/* Answers to requests that somebody else on this channel sent and did not live to read. Each takes a process
 * killed at the wrong moment, so more than a few in a row mean that the host makes them up. */
#define STRAY_MAX 64
/* Holds every answer that is not sealed data or an attestation, so that one read(2) gets it. */
#define BUFFER_MIN ((size_t)4096)
/* A larger buffer is given back after the call. */
#define BUFFER_KEPT ((size_t)64 << 10)
/* Longer error texts are cut. */
#define ERROR_TEXT_MAX 512
/* As in the host: deeper than any honest name (one level a host), shallow enough for a small stack. */
#define NAME_DEPTH_MAX 32

struct tao_host {
	int read_fd, write_fd;
	int is_socket;
	int broken;	  /* the error after which the stream cannot be trusted; 0 while it can */
	int error;	  /* what error_text is about */
	int timeout;	  /* of a call, in ms; 0: for ever */
	int64_t deadline; /* of this call, by now_ms() */
	uint32_t calls;
	unsigned char *in; /* what was read and not yet used is [in_used, in_size) */
	size_t in_used, in_size, in_cap;
	char error_text[ERROR_TEXT_MAX];
};

/* ---- Memory ---- */

static void wipe(void *p, size_t n)
{
	/* Through a volatile pointer, or the compiler drops it before a free(). */
	static void *(*const volatile set)(void *, int, size_t) = memset;
	if (n > 0)
		(void)set(p, 0, n);
}

static int bytes_copy(struct tao_bytes *to, const unsigned char *p, size_t n)
{
	unsigned char *copy = malloc(n > 0 ? n : 1);
	if (copy == NULL)
		return TAO_E_MEMORY;
	if (n > 0)
		memcpy(copy, p, n);
	to->data = copy;
	to->size = n;
	return TAO_OK;
}

void tao_bytes_free(struct tao_bytes *bytes)
{
	if (bytes == NULL || bytes->data == NULL)
		return;
	wipe(bytes->data, bytes->size);
	free(bytes->data);
	bytes->data = NULL;
	bytes->size = 0;
}

/* ---- Protobuf, reading ---- */

struct reader {
	const unsigned char *p;
	size_t n;
	int bad; /* sticky: nothing is left then */
};

struct slice {
	const unsigned char *p;
	size_t n;
};

static struct reader reader_from(const void *p, size_t n)
{
	struct reader r = { (const unsigned char *)p, n, 0 };
	return r;
}

static void reader_fail(struct reader *r)
{
	r->bad = 1;
	r->n = 0;
}

static struct slice read_bytes(struct reader *r, uint64_t n)
{
	struct slice s = { r->p, 0 };
	if (n > r->n) {
		reader_fail(r);
		return s;
	}
	s.n = (size_t)n;
	r->p += s.n;
	r->n -= s.n;
	return s;
}

static uint64_t read_varint(struct reader *r)
{
	uint64_t v = 0;
	for (unsigned shift = 0; shift < 64; shift += 7) {
		struct slice b = read_bytes(r, 1);
		if (b.n == 0)
			return 0;
		v |= (uint64_t)(b.p[0] & 0x7f) << shift;
		if (b.p[0] < 0x80)
			return v;
	}
	reader_fail(r);
	return 0;
}

static struct slice read_var_bytes(struct reader *r)
{
	return read_bytes(r, read_varint(r));
}

enum wire_type { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5 };

struct field {
	uint64_t key; /* number << 3 | wire type */
	uint64_t number;
	struct slice bytes;
};

/* The next field; 0 at the end and on malformed input. Fields that the caller does not know are for it to ignore. */
static int read_field(struct reader *r, struct field *f)
{
	if (r->n == 0)
		return 0;
	memset(f, 0, sizeof *f);
	f->key = read_varint(r);
	if (f->key >> 3 == 0 || f->key > UINT32_MAX)
		reader_fail(r);
	switch (f->key & 7) {
	case WIRE_VARINT:
		f->number = read_varint(r);
		break;
	case WIRE_64:
		(void)read_bytes(r, 8);
		break;
	case WIRE_BYTES:
		f->bytes = read_var_bytes(r);
		break;
	case WIRE_32:
		(void)read_bytes(r, 4);
		break;
	default: /* groups, which nobody uses here */
		reader_fail(r);
	}
	return !r->bad;
}

#define KEY(field, type) ((unsigned)(field) << 3 | (unsigned)(type))

/* ---- Names as text ---- */

enum name_tag { TAG_PRIN = 1, TAG_TAIL, TAG_STR, TAG_BYTES, TAG_INT, TAG_VAR, TAG_SUBPRIN = 17, TAG_EXT };

/* Counts what it is given; writes it too where there is room to. */
struct text {
	char *p;
	size_t n;
};

static void put_text(struct text *t, const void *p, size_t n)
{
	if (t->p != NULL && n > 0)
		memcpy(t->p + t->n, p, n);
	t->n += n;
}

static void put_string(struct text *t, const char *s)
{
	put_text(t, s, strlen(s));
}

static int is_word(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static int is_upper(unsigned char c)
{
	return c >= 'A' && c <= 'Z';
}

/* An identifier. Anything else is refused, so that a name cannot bring control characters to a terminal. */
static void put_word(struct text *t, struct reader *r, int upper)
{
	struct slice s = read_var_bytes(r);
	size_t i = 0;
	while (i < s.n && is_word(s.p[i]))
		i++;
	if (s.n == 0 || i < s.n || is_upper(s.p[0]) != upper)
		reader_fail(r);
	else
		put_text(t, s.p, s.n);
}

static void put_quoted(struct text *t, struct slice s)
{
	static const char hex[] = "0123456789abcdef";
	put_text(t, "\"", 1);
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = s.p[i];
		char escaped[4] = { '\\', 'x', hex[c >> 4], hex[c & 15] };
		if (c == '\n')
			put_text(t, "\\n", 2);
		else if (c == '\t')
			put_text(t, "\\t", 2);
		else if (c < 0x20 || c > 0x7e)
			put_text(t, escaped, 4);
		else {
			if (c == '"' || c == '\\')
				put_text(t, "\\", 1);
			put_text(t, s.p + i, 1);
		}
	}
	put_text(t, "\"", 1);
}

static void put_hex(struct text *t, struct slice s)
{
	static const char hex[] = "0123456789abcdef";
	put_text(t, "[", 1);
	for (size_t i = 0; i < s.n; i++) {
		char pair[2] = { hex[s.p[i] >> 4], hex[s.p[i] & 15] };
		put_text(t, pair, 2);
	}
	put_text(t, "]", 1);
}

static void put_int(struct text *t, uint64_t bits)
{
	char digits[32];
	/* The int64 of that bit pattern, without the conversion that C leaves to the compiler. */
	int negative = bits >> 63 != 0;
	(void)snprintf(digits, sizeof digits, "%s%llu", negative ? "-" : "",
		       (unsigned long long)(negative ? 0 - bits : bits));
	put_string(t, digits);
}

static void put_subprin(struct text *t, struct reader *r, int depth);

static void put_term(struct text *t, struct reader *r, int depth)
{
	if (depth > NAME_DEPTH_MAX) {
		reader_fail(r);
		return;
	}
	switch (read_varint(r)) {
	case TAG_PRIN:
		put_word(t, r, 0);
		put_text(t, "(", 1);
		put_term(t, r, depth + 1);
		put_text(t, ")", 1);
		put_subprin(t, r, depth);
		break;
	case TAG_TAIL:
		put_string(t, "ext");
		put_subprin(t, r, depth);
		break;
	case TAG_STR:
		put_quoted(t, read_var_bytes(r));
		break;
	case TAG_BYTES:
		put_hex(t, read_var_bytes(r));
		break;
	case TAG_INT:
		put_int(t, read_varint(r));
		break;
	case TAG_VAR:
		put_word(t, r, 1);
		break;
	default:
		reader_fail(r);
	}
}

/* Counts are the sender's word, but each turn of a loop consumes a byte or fails. */
static void put_subprin(struct text *t, struct reader *r, int depth)
{
	if (read_varint(r) != TAG_SUBPRIN)
		reader_fail(r);
	for (uint64_t extensions = read_varint(r); extensions > 0 && !r->bad; extensions--) {
		if (read_varint(r) != TAG_EXT)
			reader_fail(r);
		put_text(t, ".", 1);
		put_word(t, r, 1);
		put_text(t, "(", 1);
		uint64_t terms = read_varint(r);
		for (uint64_t i = 0; i < terms && !r->bad; i++) {
			put_text(t, ", ", i > 0 ? 2 : 0);
			put_term(t, r, depth + 1);
		}
		put_text(t, ")", 1);
	}
}

static int name_text(const void *name, size_t size, struct text *t)
{
	struct reader r = reader_from(name, size);
	if (size > 0 && *(const unsigned char *)name == TAG_SUBPRIN)
		put_subprin(t, &r, 0);
	else if (size > 0 && *(const unsigned char *)name == TAG_PRIN)
		put_term(t, &r, 0);
	else
		reader_fail(&r);
	return r.bad || r.n > 0 ? TAO_E_MALFORMED : TAO_OK;
}

int tao_name_text(const void *name, size_t size, char **text)
{
	struct text t = { NULL, 0 };
	int rc = size > TAO_MESSAGE_MAX ? TAO_E_TOO_LARGE : name_text(name, size, &t);
	if (rc != TAO_OK)
		return rc;
	t.p = malloc(t.n + 1);
	if (t.p == NULL)
		return TAO_E_MEMORY;
	t.n = 0;
	(void)name_text(name, size, &t);
	t.p[t.n] = '\0';
	*text = t.p;
	return TAO_OK;
}

/* ---- Names, writing ---- */

static size_t varint_to(unsigned char *p, uint64_t v)
{
	size_t n = 0;
	for (; v >= 0x80; v >>= 7)
		p[n++] = (unsigned char)(v | 0x80);
	p[n++] = (unsigned char)v;
	return n;
}

static void put_varint(struct text *t, uint64_t v)
{
	unsigned char b[10];
	put_text(t, b, varint_to(b, v));
}

static void put_var_string(struct text *t, const char *s)
{
	put_varint(t, strlen(s));
	put_string(t, s);
}

static void subprin_to(struct text *t, const char *extension, const char *const *arguments, size_t count)
{
	put_varint(t, TAG_SUBPRIN);
	put_varint(t, 1);
	put_varint(t, TAG_EXT);
	put_var_string(t, extension);
	put_varint(t, count);
	for (size_t i = 0; i < count; i++) {
		put_varint(t, TAG_STR);
		put_var_string(t, arguments[i]);
	}
}

int tao_subprin(const char *extension, const char *const *arguments, size_t count, struct tao_bytes *subprin)
{
	struct text t = { NULL, 0 };
	if (!is_upper((unsigned char)extension[0]))
		return TAO_E_MALFORMED;
	for (const char *c = extension; *c != '\0'; c++)
		if (!is_word((unsigned char)*c))
			return TAO_E_MALFORMED;
	subprin_to(&t, extension, arguments, count);
	unsigned char *bytes = malloc(t.n);
	if (bytes == NULL)
		return TAO_E_MEMORY;
	t.p = (char *)bytes;
	t.n = 0;
	subprin_to(&t, extension, arguments, count);
	subprin->data = bytes;
	subprin->size = t.n;
	return TAO_OK;
}

/* ---- Errors ---- */

static const char *error_sentence(int error)
{
	switch ((enum tao_error)error) {
	case TAO_OK:
		return "no error";
	case TAO_E_REFUSED:
		return "the host refused and gave no reason";
	case TAO_E_NO_CHANNEL:
		return "no channel to a Tao host: neither CLOUDPROXY_TAO_HOST_SPEC nor TAO_CHANNEL_FD is set";
	case TAO_E_BAD_CHANNEL:
		return "the channel that CLOUDPROXY_TAO_HOST_SPEC or TAO_CHANNEL_FD names is not understood or "
		       "not open";
	case TAO_E_CLOSED:
		return "the host closed the channel";
	case TAO_E_IO:
		return "reading from or writing to the channel failed";
	case TAO_E_PROTOCOL:
		return "the host's answer is malformed";
	case TAO_E_TOO_LARGE:
		return "more data than one message holds";
	case TAO_E_MEMORY:
		return "out of memory";
	case TAO_E_MALFORMED:
		return "not a well-formed name";
	}
	return "unknown error";
}

const char *tao_host_error(const struct tao_host *host, int error)
{
	if (host != NULL && host->error == error && host->error_text[0] != '\0')
		return host->error_text;
	return error_sentence(error);
}

/* Keeps the text, made fit for a terminal. */
static int fail_with(struct tao_host *host, int error, const void *text, size_t n)
{
	host->error = error;
	if (n >= sizeof host->error_text)
		n = sizeof host->error_text - 1;
	if (n > 0)
		memcpy(host->error_text, text, n);
	host->error_text[n] = '\0';
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)host->error_text[i] < 0x20 || (unsigned char)host->error_text[i] >= 0x7f)
			host->error_text[i] = '?';
	return error;
}

static int fail(struct tao_host *host, int error, const char *text)
{
	return fail_with(host, error, text, strlen(text));
}

/* After these the stream cannot be trusted. */
static int break_off(struct tao_host *host, int error, const char *text)
{
	host->broken = fail(host, error, text);
	return error;
}

static int fail_errno(struct tao_host *host, const char *doing)
{
	char text[ERROR_TEXT_MAX];
	int error = errno == EPIPE || errno == ECONNRESET ? TAO_E_CLOSED : TAO_E_IO;
	(void)snprintf(text, sizeof text, "%s the channel: %s", doing,
		       error == TAO_E_CLOSED ? error_sentence(error) : strerror(errno));
	return break_off(host, error, text);
}

/* ---- The stream ---- */

static int64_t now_ms(void)
{
	struct timespec now;
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Waits until the descriptor may be used: 1; 0: errno is a failure, or there was no answer in time. */
static int ready(const struct tao_host *host, int fd, short events)
{
	struct pollfd p = { fd, events, 0 };
	int64_t left = host->timeout > 0 ? host->deadline - now_ms() : -1;
	if (host->timeout > 0 && left < 0)
		left = 0;
	int n = poll(&p, 1, (int)left);
	if (n == 0)
		errno = ETIMEDOUT;
	return n > 0 || (n < 0 && errno == EINTR);
}

/* 1: try again; 0: errno is a failure. The descriptor may be non-blocking if its maker wanted that. */
static int wait_for(const struct tao_host *host, int fd, short events)
{
	if (errno == EINTR)
		return 1;
	if (errno != EAGAIN && errno != EWOULDBLOCK)
		return 0;
	return ready(host, fd, events);
}

static ssize_t write_some(const struct tao_host *host, struct iovec *iov, int n_iov)
{
	struct msghdr message;
	if (!host->is_socket)
		return writev(host->write_fd, iov, n_iov);
	if (n_iov == 1)
		return send(host->write_fd, iov->iov_base, iov->iov_len, MSG_NOSIGNAL);
	memset(&message, 0, sizeof message);
	message.msg_iov = iov;
	message.msg_iovlen = (unsigned char)n_iov; /* an int here, a size_t there: this suits both */
	/* A host that is gone must not kill the program by SIGPIPE. */
	return sendmsg(host->write_fd, &message, MSG_NOSIGNAL);
}

/* Header and body in one write(2) where the kernel takes them in one. */
static int write_all(struct tao_host *host, struct iovec *iov, int n_iov)
{
	while (n_iov > 0) {
		if (host->timeout > 0 && !ready(host, host->write_fd, POLLOUT))
			return fail_errno(host, "writing to");
		ssize_t written = write_some(host, iov, n_iov);
		if (written < 0) {
			if (wait_for(host, host->write_fd, POLLOUT))
				continue;
			return fail_errno(host, "writing to");
		}
		size_t left = (size_t)written;
		for (; n_iov > 0 && left >= iov->iov_len; n_iov--)
			left -= iov++->iov_len;
		if (n_iov > 0) {
			iov->iov_base = (char *)iov->iov_base + left;
			iov->iov_len -= left;
		}
	}
	return TAO_OK;
}

/* Room for more, never for more than twice what has arrived: a length alone takes no memory. */
static int buffer_grow(struct tao_host *host, size_t need)
{
	size_t cap = host->in_cap < BUFFER_MIN ? BUFFER_MIN : 2 * host->in_cap;
	if (cap > need && need > BUFFER_MIN)
		cap = need;
	unsigned char *bigger = malloc(cap);
	if (bigger == NULL)
		return break_off(host, TAO_E_MEMORY, error_sentence(TAO_E_MEMORY));
	if (host->in_size > 0)
		memcpy(bigger, host->in, host->in_size);
	wipe(host->in, host->in_size);
	free(host->in);
	host->in = bigger;
	host->in_cap = cap;
	return TAO_OK;
}

/* Reads until n bytes are there that have not been used. */
static int read_until(struct tao_host *host, size_t n)
{
	while (host->in_size - host->in_used < n) {
		if (host->in_size == host->in_cap && buffer_grow(host, host->in_used + n) != TAO_OK)
			return host->broken;
		if (host->timeout > 0 && !ready(host, host->read_fd, POLLIN))
			return fail_errno(host, "reading from");
		ssize_t got = read(host->read_fd, host->in + host->in_size, host->in_cap - host->in_size);
		if (got > 0)
			host->in_size += (size_t)got;
		else if (got == 0)
			return break_off(host, TAO_E_CLOSED,
					 host->in_size > host->in_used
						 ? "the host closed the channel in the middle of a message"
						 : error_sentence(TAO_E_CLOSED));
		else if (!wait_for(host, host->read_fd, POLLIN))
			return fail_errno(host, "reading from");
	}
	return TAO_OK;
}

/* One message of the stream; it stands in the buffer until the next read. */
static int read_message(struct tao_host *host, size_t max, struct slice *message)
{
	message->p = NULL;
	message->n = 0;
	if (read_until(host, 4) != TAO_OK)
		return host->broken;
	const unsigned char *p = host->in + host->in_used;
	size_t n = (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
	if (n > max)
		return break_off(host, TAO_E_PROTOCOL, "the host's answer is larger than any message may be");
	if (read_until(host, 4 + n) != TAO_OK)
		return host->broken;
	message->p = host->in + host->in_used + 4;
	message->n = n;
	host->in_used += 4 + n;
	return TAO_OK;
}

/* What was used may have been secret. What is left over is the start of something nobody waits for. */
static void buffer_done(struct tao_host *host)
{
	size_t left = host->in_size - host->in_used;
	if (left > 0)
		memmove(host->in, host->in + host->in_used, left);
	if (host->in != NULL)
		wipe(host->in + left, host->in_size - left);
	host->in_used = 0;
	host->in_size = left;
	if (left == 0 && host->in_cap > BUFFER_KEPT) {
		free(host->in);
		host->in = NULL;
		host->in_cap = 0;
	}
}

/* Takes turns with other processes on this channel. Where the kernel refuses such locks we go on without:
 * a program that is alone on its channel, which is the rule, needs none. */
static void channel_lock(const struct tao_host *host, short type)
{
	struct flock lock;
	memset(&lock, 0, sizeof lock);
	lock.l_type = type;
	lock.l_whence = SEEK_SET;
	while (fcntl(host->write_fd, F_SETLKW, &lock) < 0 && errno == EINTR)
		;
}

/* ---- Requests and responses ---- */

/* Fields of RPCRequest, and of RPCResponse as bits of what is there. */
enum { REQ_DATA = 1, REQ_SIZE, REQ_POLICY, REQ_TIME, REQ_EXPIRATION, REQ_ISSUER, REQ_LABEL, REQ_COUNTER };
enum { RES_DATA = 1 << 1, RES_POLICY = 1 << 2, RES_COUNTER = 1 << 3 };

/* The small parts (frame lengths, header, tags, numbers) stand in small, the caller's bytes where they are; at
 * most four of them alternate with five runs of small parts. */
struct request {
	struct tao_host *host;
	const char *op;
	uint64_t seq;
	struct iovec iov[9];
	int n_iov;
	int seek;    /* somebody else may have left the stream in the middle of an answer */
	size_t body; /* bytes of the body so far */
	size_t n, run;
	/* 2 lengths, 43 for the header, 11 for each of 8 fields */
	unsigned char small[4 + 43 + 4 + 8 * 11];
};

struct response {
	unsigned have;
	struct slice data, policy;
	int64_t counter;
};

static void put_be32(unsigned char *p, size_t v)
{
	p[0] = (unsigned char)(v >> 24);
	p[1] = (unsigned char)(v >> 16);
	p[2] = (unsigned char)(v >> 8);
	p[3] = (unsigned char)v;
}

/* op is "Tao." and a method, at most 29 bytes. */
static void request_begin(struct request *q, struct tao_host *host, const char *op)
{
	size_t op_size = strlen(op), at = 4;
	memset(q, 0, sizeof *q);
	q->host = host;
	q->op = op;
	/* Requests of different processes on one channel differ in seq, so that nobody takes for its own the answer
	 * to a request whose sender was killed before it came. */
	q->seq = (uint64_t)getpid() << 32 | host->calls++;
	q->small[at++] = KEY(1, WIRE_BYTES);
	q->small[at++] = (unsigned char)op_size;
	memcpy(q->small + at, op, op_size);
	at += op_size;
	q->small[at++] = KEY(2, WIRE_VARINT);
	at += varint_to(q->small + at, q->seq);
	put_be32(q->small, at - 4);
	q->n = at + 4;
}

static void request_part(struct request *q, const void *p, size_t n)
{
	if (n == 0)
		return;
	/* sendmsg() does not write to what it sends, whatever struct iovec says. */
	q->iov[q->n_iov].iov_base = (void *)(uintptr_t)p;
	q->iov[q->n_iov++].iov_len = n;
}

static void request_end_run(struct request *q)
{
	request_part(q, q->small + q->run, q->n - q->run);
	q->run = q->n;
}

/* Saturates, so that absurd sizes cannot wrap to small ones; call() refuses them. */
static void request_count(struct request *q, size_t n)
{
	q->body = n > SIZE_MAX - q->body ? SIZE_MAX : q->body + n;
}

static void request_int(struct request *q, unsigned field, uint64_t v)
{
	size_t before = q->n;
	q->small[q->n++] = (unsigned char)KEY(field, WIRE_VARINT);
	q->n += varint_to(q->small + q->n, v);
	request_count(q, q->n - before);
}

static void request_bytes(struct request *q, unsigned field, const void *p, size_t n)
{
	size_t before = q->n;
	q->small[q->n++] = (unsigned char)KEY(field, WIRE_BYTES);
	q->n += varint_to(q->small + q->n, n);
	request_count(q, q->n - before);
	request_count(q, n);
	if (n == 0)
		return;
	request_end_run(q);
	request_part(q, p, n);
}

static void request_string(struct request *q, unsigned field, const char *s)
{
	request_bytes(q, field, s, strlen(s));
}

/* 1: the answer to q, with *error its error text; 0: to something else; -1: malformed. */
static int parse_header(const struct request *q, struct slice message, struct slice *error)
{
	struct reader r = reader_from(message.p, message.n);
	struct field f;
	struct slice op = { NULL, 0 };
	uint64_t seq = 0;
	int have_seq = 0;
	while (read_field(&r, &f)) {
		switch (f.key) {
		case KEY(1, WIRE_BYTES):
			op = f.bytes;
			break;
		case KEY(2, WIRE_VARINT):
			seq = f.number;
			have_seq = 1;
			break;
		case KEY(3, WIRE_BYTES):
			*error = f.bytes;
			break;
		default:
			if (f.key >> 3 <= 3)
				return -1; /* a field we know, of a type it cannot have */
		}
	}
	if (r.bad || !have_seq || op.p == NULL)
		return -1;
	if (seq != q->seq)
		return 0;
	return op.n == strlen(q->op) && memcmp(op.p, q->op, op.n) == 0 ? 1 : -1;
}

static int parse_body(struct slice message, struct response *response)
{
	struct reader r = reader_from(message.p, message.n);
	struct field f;
	while (read_field(&r, &f)) {
		switch (f.key) {
		case KEY(1, WIRE_BYTES):
			response->data = f.bytes;
			break;
		case KEY(2, WIRE_BYTES):
			response->policy = f.bytes;
			break;
		case KEY(3, WIRE_VARINT):
			memcpy(&response->counter, &f.number, sizeof f.number);
			break;
		default:
			if (f.key >> 3 <= 3)
				return -1;
			continue;
		}
		response->have |= 1u << (f.key >> 3);
	}
	return r.bad ? -1 : 0;
}

/* Takes the error text out of the header, after the body was read (or not: a host that closes after its error may
 * leave out the empty body). at: where the text stands in the buffer, which may have moved meanwhile. */
static int refused(struct tao_host *host, int read_body, size_t at, size_t n)
{
	if (read_body != TAO_OK && read_body != TAO_E_CLOSED)
		return read_body;
	return fail_with(host, TAO_E_REFUSED, host->in + at, n);
}

static size_t header_size(const struct request *q)
{
	return (size_t)q->small[2] << 8 | q->small[3];
}

/* Skips what comes before our answer, whose header begins as the request's: op, then seq, which nobody else's has. */
static int seek_answer(struct request *q)
{
	struct tao_host *host = q->host;
	size_t n = 4 + header_size(q);
	for (;;) {
		for (; host->in_size - host->in_used >= n; host->in_used++)
			if (memcmp(host->in + host->in_used + 4, q->small + 4, n - 4) == 0)
				return TAO_OK;
		buffer_done(host);
		if (read_until(host, n) != TAO_OK)
			return host->broken;
	}
}

/* Reads answers until ours. */
static int receive(struct request *q, struct response *response)
{
	struct tao_host *host = q->host;
	if (q->seek && seek_answer(q) != TAO_OK)
		return host->broken;
	for (int i = 0; i < STRAY_MAX; i++) {
		struct slice message, error = { NULL, 0 };
		if (read_message(host, HEADER_MAX, &message) != TAO_OK)
			return host->broken;
		int ours = parse_header(q, message, &error);
		if (ours < 0)
			return break_off(host, TAO_E_PROTOCOL, "the header of the host's answer is malformed");
		size_t at = error.n > 0 ? (size_t)(error.p - host->in) : 0;
		int rc = read_message(host, TAO_MESSAGE_MAX, &message);
		if (ours > 0 && error.n > 0)
			return refused(host, rc, at, error.n);
		if (rc != TAO_OK)
			return rc;
		if (ours > 0)
			return parse_body(message, response) == 0
				       ? TAO_OK
				       : break_off(host, TAO_E_PROTOCOL,
						   "the body of the host's answer is malformed");
		buffer_done(host);
	}
	return break_off(host, TAO_E_PROTOCOL, "the host answers what nobody asked");
}

/* Sends the request and gets its answer, which stands in the buffer until call_end(). fields: what a right answer
 * has, no more and no less. */
static int call(struct request *q, unsigned fields, struct response *response)
{
	struct tao_host *host = q->host;
	size_t header = 4 + header_size(q);
	int rc;
	memset(response, 0, sizeof *response);
	if (host->broken != 0)
		return host->broken;
	host->error = 0;
	host->error_text[0] = '\0';
	if (q->body > TAO_MESSAGE_MAX)
		return fail(host, TAO_E_TOO_LARGE, "more data than one message holds (20 MiB)");
	put_be32(q->small + header, q->body);
	request_end_run(q);
	host->deadline = host->timeout > 0 ? now_ms() + host->timeout : 0;
	channel_lock(host, F_WRLCK);
	rc = write_all(host, q->iov, q->n_iov);
	if (rc == TAO_OK || rc == TAO_E_CLOSED) {
		/* Even a host that has closed may have said before why (such as: message too large). */
		int answer = receive(q, response);
		if (answer != TAO_OK)
			rc = answer;
	}
	channel_lock(host, F_UNLCK);
	if (rc == TAO_OK && response->have != fields)
		return break_off(host, TAO_E_PROTOCOL,
				 "the host's answer does not have the fields that it must have");
	return rc;
}

/* The answer's data for the caller: a large one in the very buffer that it stands in, instead of a copy, of which each
 * page would be a new one. Nothing else may be in the buffer then, and little be left of it. */
static int take_data(struct tao_host *host, struct slice data, struct tao_bytes *out)
{
	if (host->in_cap <= BUFFER_KEPT || host->in_used != host->in_size || data.n < host->in_cap / 4 * 3)
		return bytes_copy(out, data.p, data.n);
	memmove(host->in, data.p, data.n);
	wipe(host->in + data.n, host->in_size - data.n);
	out->data = host->in;
	out->size = data.n;
	host->in = NULL;
	host->in_used = host->in_size = host->in_cap = 0;
	return TAO_OK;
}

/* call() for answers that are bytes alone. */
static int call_bytes(struct request *q, struct tao_bytes *out)
{
	struct response response;
	int rc = call(q, RES_DATA, &response);
	if (rc == TAO_OK)
		rc = take_data(q->host, response.data, out);
	buffer_done(q->host);
	return rc;
}

/* call() for answers that say nothing. */
static int call_nothing(struct request *q)
{
	struct response response;
	int rc = call(q, 0, &response);
	buffer_done(q->host);
	return rc;
}

/* call() for answers whose size the caller knows. */
static int call_fixed(struct request *q, void *out, size_t size)
{
	struct response response;
	int rc = call(q, RES_DATA, &response);
	if (rc == TAO_OK && response.data.n != size)
		rc = break_off(q->host, TAO_E_PROTOCOL,
			       "the host sent another number of bytes than was asked for");
	if (rc == TAO_OK && size > 0)
		memcpy(out, response.data.p, size);
	buffer_done(q->host);
	return rc;
}

static int copy_string(struct tao_host *host, struct slice s, char **out)
{
	if (s.n > 0 && memchr(s.p, '\0', s.n) != NULL)
		return break_off(host, TAO_E_PROTOCOL, "the policy in the host's answer is not a text");
	*out = malloc(s.n + 1);
	if (*out == NULL)
		return TAO_E_MEMORY;
	if (s.n > 0)
		memcpy(*out, s.p, s.n);
	(*out)[s.n] = '\0';
	return TAO_OK;
}

/* call() for both ways to unseal. */
static int call_unseal(struct request *q, struct tao_bytes *data, char **policy)
{
	struct response response;
	char *text = NULL;
	int rc = call(q, RES_DATA | RES_POLICY, &response);
	if (rc == TAO_OK)
		rc = copy_string(q->host, response.policy, &text);
	if (rc == TAO_OK)
		rc = take_data(q->host, response.data, data);
	if (rc == TAO_OK && policy != NULL)
		*policy = text;
	else
		free(text);
	buffer_done(q->host);
	return rc;
}

/* ---- Methods ---- */

int tao_host_name(struct tao_host *host, struct tao_bytes *name)
{
	struct request q;
	request_begin(&q, host, "Tao.GetTaoName");
	return call_bytes(&q, name);
}

int tao_host_resume(struct tao_host *host, struct tao_bytes *name)
{
	struct request q;
	struct timespec now;
	/* Our process id may be that of the last user, in another namespace or before us. */
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	host->calls = (uint32_t)now.tv_nsec;
	request_begin(&q, host, "Tao.GetTaoName");
	q.seek = 1;
	return call_bytes(&q, name);
}

int tao_host_extend_name(struct tao_host *host, const void *subprin, size_t size)
{
	struct request q;
	request_begin(&q, host, "Tao.ExtendTaoName");
	request_bytes(&q, REQ_DATA, subprin, size);
	return call_nothing(&q);
}

int tao_host_random(struct tao_host *host, void *bytes, size_t size)
{
	struct request q;
	if (size > TAO_MESSAGE_MAX)
		return fail(host, TAO_E_TOO_LARGE, "more random bytes than one message holds (20 MiB)");
	request_begin(&q, host, "Tao.GetRandomBytes");
	request_int(&q, REQ_SIZE, size);
	return call_fixed(&q, bytes, size);
}

int tao_host_shared_secret(struct tao_host *host, const char *policy, void *secret, size_t size)
{
	struct request q;
	if (size > TAO_MESSAGE_MAX)
		return fail(host, TAO_E_TOO_LARGE, "a longer secret than one message holds (20 MiB)");
	request_begin(&q, host, "Tao.GetSharedSecret");
	request_int(&q, REQ_SIZE, size);
	request_string(&q, REQ_POLICY, policy);
	return call_fixed(&q, secret, size);
}

int tao_host_attest(struct tao_host *host, const void *form, size_t size, const struct tao_attest_options *options,
		    struct tao_bytes *attestation)
{
	struct request q;
	request_begin(&q, host, "Tao.Attest");
	request_bytes(&q, REQ_DATA, form, size);
	if (options != NULL && options->time != 0)
		request_int(&q, REQ_TIME, (uint64_t)options->time);
	if (options != NULL && options->expiration != 0)
		request_int(&q, REQ_EXPIRATION, (uint64_t)options->expiration);
	if (options != NULL && options->issuer_size != 0)
		request_bytes(&q, REQ_ISSUER, options->issuer, options->issuer_size);
	return call_bytes(&q, attestation);
}

int tao_host_seal(struct tao_host *host, const char *policy, const void *data, size_t size,
		  struct tao_bytes *sealed)
{
	struct request q;
	request_begin(&q, host, "Tao.Seal");
	request_bytes(&q, REQ_DATA, data, size);
	request_string(&q, REQ_POLICY, policy);
	return call_bytes(&q, sealed);
}

int tao_host_unseal(struct tao_host *host, const void *sealed, size_t size, struct tao_bytes *data, char **policy)
{
	struct request q;
	request_begin(&q, host, "Tao.Unseal");
	request_bytes(&q, REQ_DATA, sealed, size);
	return call_unseal(&q, data, policy);
}

int tao_host_init_counter(struct tao_host *host, const char *label, int64_t value)
{
	struct request q;
	request_begin(&q, host, "Tao.InitCounter");
	request_string(&q, REQ_LABEL, label);
	request_int(&q, REQ_COUNTER, (uint64_t)value);
	return call_nothing(&q);
}

int tao_host_counter(struct tao_host *host, const char *label, int64_t *value)
{
	struct request q;
	struct response response;
	request_begin(&q, host, "Tao.GetCounter");
	request_string(&q, REQ_LABEL, label);
	int rc = call(&q, RES_COUNTER, &response);
	if (rc == TAO_OK)
		*value = response.counter;
	buffer_done(host);
	return rc;
}

int tao_host_protected_seal(struct tao_host *host, const char *label, const char *policy, const void *data,
			    size_t size, struct tao_bytes *sealed)
{
	struct request q;
	request_begin(&q, host, "Tao.RollbackProtectedSeal");
	request_bytes(&q, REQ_DATA, data, size);
	request_string(&q, REQ_POLICY, policy);
	request_string(&q, REQ_LABEL, label);
	return call_bytes(&q, sealed);
}

int tao_host_protected_unseal(struct tao_host *host, const void *sealed, size_t size, struct tao_bytes *data,
			      char **policy)
{
	struct request q;
	request_begin(&q, host, "Tao.RollbackProtectedUnseal");
	request_bytes(&q, REQ_DATA, sealed, size);
	return call_unseal(&q, data, policy);
}

/* ---- Connecting ---- */

/* A decimal descriptor number, with spaces around it. -1 if there is none; *text is moved past it. */
static int parse_fd(const char **text)
{
	const char *s = *text;
	int fd = 0, digits = 0;
	while (*s == ' ')
		s++;
	for (; *s >= '0' && *s <= '9' && digits < 7; s++, digits++)
		fd = fd * 10 + (*s - '0');
	while (*s == ' ')
		s++;
	*text = s;
	return digits > 0 ? fd : -1;
}

/* "tao::RPC+tao::KindMessageChannel(" and ")" around *argument; 0: it is another kind. */
static int parse_kind(const char *spec, const char *kind, const char **argument, size_t *n)
{
	static const char prefix[] = "tao::RPC+tao::", middle[] = "MessageChannel(";
	size_t kind_n = strlen(kind), head = sizeof prefix - 1 + kind_n + sizeof middle - 1, all = strlen(spec);
	if (all <= head || spec[all - 1] != ')' || strncmp(spec, prefix, sizeof prefix - 1) != 0 ||
	    strncmp(spec + sizeof prefix - 1, kind, kind_n) != 0 ||
	    strncmp(spec + sizeof prefix - 1 + kind_n, middle, sizeof middle - 1) != 0)
		return 0;
	*argument = spec + head;
	*n = all - head - 1;
	return 1;
}

static int open_file(const char *path)
{
	return open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
}

static int open_unix(const char *path)
{
	struct sockaddr_un address;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	memset(&address, 0, sizeof address);
	address.sun_family = AF_UNIX;
	memcpy(address.sun_path, path, strlen(path));
	if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof address) < 0) {
		(void)close(fd);
		fd = -1;
	}
	return fd;
}

static int connect_path(struct tao_host **host, const char *argument, size_t n, int (*open_path)(const char *))
{
	char path[sizeof((struct sockaddr_un *)NULL)->sun_path];
	if (n == 0 || n >= sizeof path)
		return TAO_E_BAD_CHANNEL;
	memcpy(path, argument, n);
	path[n] = '\0';
	int fd = open_path(path);
	int rc = fd < 0 ? TAO_E_BAD_CHANNEL : tao_host_connect_fds(host, fd, fd);
	if (fd >= 0 && rc != TAO_OK)
		(void)close(fd);
	return rc;
}

/* A script may have put a file of its own on the number of our channel: requests must not go into that. */
static int check_fd(int fd, int *is_socket)
{
	struct stat st;
	int flags;
	if (fstat(fd, &st) < 0 || S_ISREG(st.st_mode) || S_ISDIR(st.st_mode))
		return TAO_E_BAD_CHANNEL;
	*is_socket = S_ISSOCK(st.st_mode);
	flags = fcntl(fd, F_GETFD);
	return flags < 0 || fcntl(fd, F_SETFD, flags | FD_CLOEXEC) < 0 ? TAO_E_BAD_CHANNEL : TAO_OK;
}

int tao_host_connect_fds(struct tao_host **host, int read_fd, int write_fd)
{
	struct tao_host *h;
	int is_socket = 0;
	*host = NULL;
	if (check_fd(read_fd, &is_socket) != TAO_OK || check_fd(write_fd, &is_socket) != TAO_OK)
		return TAO_E_BAD_CHANNEL;
	h = calloc(1, sizeof *h);
	if (h == NULL)
		return TAO_E_MEMORY;
	h->read_fd = read_fd;
	h->write_fd = write_fd;
	h->is_socket = is_socket;
	*host = h;
	return TAO_OK;
}

int tao_host_connect_spec(struct tao_host **host, const char *spec)
{
	const char *argument;
	size_t n;
	*host = NULL;
	if (parse_kind(spec, "File", &argument, &n))
		return connect_path(host, argument, n, open_file);
	if (parse_kind(spec, "Unix", &argument, &n))
		return connect_path(host, argument, n, open_unix);
	if (!parse_kind(spec, "FD", &argument, &n))
		return TAO_E_BAD_CHANNEL;
	int read_fd = parse_fd(&argument);
	if (read_fd < 0 || *argument++ != ',')
		return TAO_E_BAD_CHANNEL;
	int write_fd = parse_fd(&argument);
	return write_fd >= 0 && strcmp(argument, ")") == 0 ? tao_host_connect_fds(host, read_fd, write_fd)
							   : TAO_E_BAD_CHANNEL;
}

int tao_host_connect(struct tao_host **host)
{
	const char *spec = getenv("CLOUDPROXY_TAO_HOST_SPEC");
	const char *number = getenv("TAO_CHANNEL_FD");
	*host = NULL;
	if (spec != NULL)
		return tao_host_connect_spec(host, spec);
	if (number == NULL)
		return TAO_E_NO_CHANNEL;
	int fd = parse_fd(&number);
	return fd >= 0 && *number == '\0' ? tao_host_connect_fds(host, fd, fd) : TAO_E_BAD_CHANNEL;
}

void tao_host_timeout(struct tao_host *host, int milliseconds)
{
	host->timeout = milliseconds;
}

void tao_host_close(struct tao_host *host)
{
	if (host == NULL)
		return;
	(void)close(host->read_fd);
	if (host->write_fd != host->read_fd)
		(void)close(host->write_fd);
	wipe(host->in, host->in_size);
	free(host->in);
	free(host);
}
