/* SPDX-License-Identifier: MIT
 *
 * What a call of each method of the Tao takes a program, by client/tao.c, and how many a second a host answers; and
 * what a bare echo takes that carries as many bytes each way over the same kind of socket.
 *
 *	calls N TAOINIT MANIFEST    N programs call it at once; then N processes the echo. Writes MANIFEST.
 *		A line a method: name, p50 µs, p99 µs, calls a second, and the same three of the echo.
 *
 * As a service: calls client TIME. All clients call the same method at the same time: each has its slot, counted from
 * TIME (of CLOCK_MONOTONIC, ns). What they measured they write to fd 1 when all is over.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "../../client/tao.h"
#include "bench.h"

#define KIB ((size_t)1024)
#define MIB ((size_t)1 << 20)
#define CLIENTS_MAX 64
#define SLOT 400000000	   /* ns; first what it needs is made ready */
#define MEASURED 250000000 /* the end of the slot */
#define SAMPLES_MAX 50000
#define MESSAGE_MAX (2 * MIB)

struct client {
	struct tao_host *host;
	size_t size; /* of what is sealed */
	int64_t counter;
	char *data;
	struct tao_bytes sealed, name;
};

/* A method: each call is one round trip, and gives back what it got. */
struct method {
	const char *text, *op;
	size_t size;	/* of its data, where it takes any */
	size_t out;	/* about so many bytes are in a request and */
	size_t in;	/* in an answer, besides op and number */
	size_t at_most; /* calls; 0: as many as fit */
	int (*prepare)(struct client *c);
	int (*call)(struct client *c);
};

static int nothing(struct client *c)
{
	(void)c;
	return TAO_OK;
}

static int drop(int r, struct tao_bytes *bytes)
{
	if (r == TAO_OK)
		tao_bytes_free(bytes);
	return r;
}

static int name(struct client *c)
{
	struct tao_bytes name;
	return drop(tao_host_name(c->host, &name), &name);
}

static int extend(struct client *c)
{
	struct tao_bytes subprin;
	int r = tao_subprin("E", NULL, 0, &subprin);
	return r == TAO_OK ? drop(tao_host_extend_name(c->host, subprin.data, subprin.size), &subprin) : r;
}

static int randoms(struct client *c)
{
	char bytes[32];
	return tao_host_random(c->host, bytes, sizeof bytes);
}

static int secret(struct client *c)
{
	char bytes[32];
	return tao_host_shared_secret(c->host, "self", bytes, sizeof bytes);
}

static int attest(struct client *c)
{
	static const char ready[] = "\7\5Ready"; /* a predicate without arguments: 0 of them, which is the NUL */
	struct tao_bytes attestation;
	return drop(tao_host_attest(c->host, ready, sizeof ready, NULL, &attestation), &attestation);
}

static int seal(struct client *c)
{
	struct tao_bytes sealed;
	return drop(tao_host_seal(c->host, "self", c->data, c->size, &sealed), &sealed);
}

static int make_sealed(struct client *c)
{
	tao_bytes_free(&c->sealed);
	return tao_host_seal(c->host, "self", c->data, c->size, &c->sealed);
}

static int unseal(struct client *c)
{
	struct tao_bytes data;
	return drop(tao_host_unseal(c->host, c->sealed.data, c->sealed.size, &data, NULL), &data);
}

/* A label of this process's own: by its name it is one program with all other clients. */
static const char *own_label(void)
{
	static char label[32];
	snprintf(label, sizeof label, "%d", (int)getpid());
	return label;
}

static int init_counter(struct client *c)
{
	return tao_host_init_counter(c->host, own_label(), ++c->counter);
}

static int get_counter(struct client *c)
{
	int64_t value;
	return tao_host_counter(c->host, own_label(), &value);
}

static int protected_seal(struct client *c)
{
	struct tao_bytes sealed;
	return drop(tao_host_protected_seal(c->host, own_label(), "self", c->data, c->size, &sealed), &sealed);
}

static int make_protected(struct client *c)
{
	tao_bytes_free(&c->sealed);
	return tao_host_protected_seal(c->host, own_label(), "self", c->data, c->size, &c->sealed);
}

static int protected_unseal(struct client *c)
{
	struct tao_bytes data;
	return drop(tao_host_protected_unseal(c->host, c->sealed.data, c->sealed.size, &data, NULL), &data);
}

/* A name of about 130 bytes; what sealing adds; an attestation. */
#define NAME 130
#define ADDED (NAME + 130)
/* clang-format off */
static const struct method methods[] = {
	{ "GetTaoName", "Tao.GetTaoName", 0, 0, NAME, 0, nothing, name },
	{ "GetRandomBytes, 32 B", "Tao.GetRandomBytes", 0, 2, 34, 0, nothing, randoms },
	{ "GetSharedSecret, 32 B", "Tao.GetSharedSecret", 0, 8, 34, 0, nothing, secret },
	{ "Attest", "Tao.Attest", 0, 10, 500, 0, nothing, attest },
	{ "Seal, 1 KiB", "Tao.Seal", KIB, 9, ADDED, 0, nothing, seal },
	{ "Unseal, 1 KiB", "Tao.Unseal", KIB, ADDED, 9, 0, make_sealed, unseal },
	{ "Seal, 1 MiB", "Tao.Seal", MIB, 9, ADDED, 0, nothing, seal },
	{ "Unseal, 1 MiB", "Tao.Unseal", MIB, ADDED, 9, 0, make_sealed, unseal },
	{ "InitCounter", "Tao.InitCounter", 0, 10, 0, 0, nothing, init_counter },
	{ "GetCounter", "Tao.GetCounter", 0, 7, 3, 0, init_counter, get_counter },
	{ "RollbackProtectedSeal, 1 KiB", "Tao.RollbackProtectedSeal", KIB, 16, ADDED + 50, 0, init_counter, protected_seal },
	{ "RollbackProtectedUnseal, 1 KiB", "Tao.RollbackProtectedUnseal", KIB, ADDED + 50, 9, 0, make_protected, protected_unseal },
	/* The last: it makes names longer, and is limited. */
	{ "ExtendTaoName", "Tao.ExtendTaoName", 0, 7, 0, 300, nothing, extend },
};
/* clang-format on */
#define METHODS (sizeof methods / sizeof methods[0])

/* Whole messages: lengths, and a header of op and number. */
static size_t request_size(const struct method *m)
{
	return 8 + 2 + strlen(m->op) + 7 + m->size + m->out;
}

static size_t answer_size(const struct method *m)
{
	return 8 + 2 + strlen(m->op) + 7 + m->size + m->in;
}

/* ---- a client, of either kind ---- */

#define RECORD_SAMPLES 500
struct record {
	uint32_t method, n, took_us; /* took_us 0: the client says good-bye */
	uint32_t ns[RECORD_SAMPLES];
};

static void sleep_until(int64_t t)
{
	struct timespec at = { t / 1000000000, t % 1000000000 };
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) != 0)
		;
}

static void tell(const struct record *record)
{
	if (write(1, record, sizeof *record) != (ssize_t)sizeof *record) /* below PIPE_BUF: in one piece */
		die("write");
}

static void tell_all(uint32_t *samples[METHODS], const size_t n[METHODS], const int64_t took[METHODS])
{
	static struct record record;
	for (size_t m = 0; m < METHODS; m++) {
		for (size_t i = 0; i < n[m]; i += record.n) {
			record.method = (uint32_t)m;
			record.n = (uint32_t)(n[m] - i < RECORD_SAMPLES ? n[m] - i : RECORD_SAMPLES);
			record.took_us = i == 0 ? (uint32_t)(took[m] / 1000) + 1 : 0;
			memcpy(record.ns, samples[m] + i, record.n * sizeof *samples[m]);
			tell(&record);
		}
	}
	memset(&record, 0, sizeof record);
	tell(&record);
}

/* Calls each method as often as its slot allows; call gets what it is given. */
static int measure(int64_t from, int (*prepare)(void *arg, const struct method *),
		   int (*call)(void *arg, const struct method *), void *arg)
{
	static uint32_t *samples[METHODS];
	static size_t n[METHODS];
	static int64_t took[METHODS];
	for (size_t m = 0; m < METHODS; m++) {
		int64_t start = from + (int64_t)m * SLOT + SLOT - MEASURED, end = start + MEASURED - 10000000, t;
		size_t most = methods[m].at_most > 0 ? methods[m].at_most : SAMPLES_MAX;
		samples[m] = calloc(SAMPLES_MAX, sizeof *samples[m]);
		if (samples[m] == NULL)
			die("calloc");
		sleep_until(start - MEASURED / 2);
		int r = prepare(arg, &methods[m]);
		if (r == 0)
			r = call(arg, &methods[m]);
		sleep_until(start);
		int64_t first = t = now();
		while (r == 0 && n[m] < most && t < end) {
			r = call(arg, &methods[m]);
			int64_t after = now();
			samples[m][n[m]++] = after - t < UINT32_MAX ? (uint32_t)(after - t) : UINT32_MAX;
			t = after;
		}
		took[m] = t - first;
		if (r != 0) {
			static const struct record failed = { .method = METHODS };
			tell(&failed);
			return r;
		}
	}
	tell_all(samples, n, took);
	return 0;
}

static int said(const struct client *c, const struct method *m, int r)
{
	if (r != TAO_OK)
		fprintf(stderr, "calls: %s: %s\n", m->text, tao_host_error(c->host, r));
	return r;
}

static int prepare_hosted(void *arg, const struct method *m)
{
	struct client *c = arg;
	c->size = m->size;
	return said(c, m, m->prepare(c));
}

static int call_hosted(void *arg, const struct method *m)
{
	struct client *c = arg;
	return said(c, m, m->call(c));
}

static int client(int64_t from)
{
	struct client c = { .data = calloc(1, MIB), .counter = now() }; /* counters of an earlier run are lower */
	int r = tao_host_connect(&c.host);
	if (c.data == NULL || r != TAO_OK)
		die("no channel");
	return measure(from, prepare_hosted, call_hosted, &c) == 0 ? 0 : 1;
}

/* ---- the echo: each message starts with its size and that of the answer ---- */

struct echo {
	int fd;
	char *bytes;
};

static int prepare_echo(void *arg, const struct method *m)
{
	(void)arg, (void)m;
	return 0;
}

static int call_echo(void *arg, const struct method *m)
{
	const struct echo *e = arg;
	const uint32_t sizes[2] = { (uint32_t)request_size(m), (uint32_t)answer_size(m) };
	memcpy(e->bytes, sizes, sizeof sizes);
	write_all(e->fd, e->bytes, sizes[0]);
	read_all(e->fd, e->bytes, sizes[1]);
	return 0;
}

static bool echo_once(int fd, char *bytes)
{
	uint32_t sizes[2];
	ssize_t n = read(fd, bytes, MESSAGE_MAX);
	if (n < (ssize_t)sizeof sizes)
		return false;
	memcpy(sizes, bytes, sizeof sizes);
	read_all(fd, bytes + n, sizes[0] - (size_t)n);
	write_all(fd, bytes, sizes[1]);
	return true;
}

/* One process for all of them, as taoinit is; for a single one it need not ask who is next. */
static _Noreturn void serve(const int *fds, size_t n)
{
	char *bytes = calloc(1, MESSAGE_MAX);
	int ep = epoll_create1(0);
	size_t open = n;
	if (bytes == NULL || ep < 0)
		die("serve");
	for (size_t i = 0; i < n; i++) {
		struct epoll_event event = { .events = EPOLLIN, .data.fd = fds[i] };
		epoll_ctl(ep, EPOLL_CTL_ADD, fds[i], &event);
	}
	while (n == 1 && echo_once(fds[0], bytes))
		;
	while (n > 1 && open > 0) {
		struct epoll_event events[CLIENTS_MAX];
		int got = epoll_wait(ep, events, CLIENTS_MAX, -1);
		for (int i = 0; i < got; i++) {
			if (echo_once(events[i].data.fd, bytes))
				continue;
			epoll_ctl(ep, EPOLL_CTL_DEL, events[i].data.fd, NULL);
			open--;
		}
	}
	_exit(0);
}

static pid_t start_echo(size_t n, int out, int64_t from)
{
	int here[CLIENTS_MAX], there[CLIENTS_MAX];
	for (size_t i = 0; i < n; i++) {
		int fds[2];
		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
			die("socketpair");
		here[i] = fds[0];
		there[i] = fds[1];
	}
	pid_t server = fork();
	for (size_t i = 0; i < n; i++)
		close(server == 0 ? there[i] : here[i]);
	if (server == 0) {
		close(out);
		serve(here, n);
	}
	for (size_t i = 0; i < n; i++) {
		if (fork() == 0) {
			struct echo e = { there[i], calloc(1, MESSAGE_MAX) };
			for (size_t k = 0; k < n; k++)
				if (k != i)
					close(there[k]);
			dup2(out, 1);
			_exit(e.bytes == NULL || measure(from, prepare_echo, call_echo, &e) < 0);
		}
	}
	for (size_t i = 0; i < n; i++)
		close(there[i]);
	close(out);
	return server;
}

/* ---- the two side by side ---- */

struct result {
	int64_t *v;
	size_t n, cap;
	double rate;
};

static void add(struct result *result, const struct record *record, uint32_t *took_us)
{
	if (result->n + record->n > result->cap) {
		result->cap = 2 * (result->n + record->n);
		result->v = realloc(result->v, result->cap * sizeof *result->v);
		if (result->v == NULL)
			die("realloc");
	}
	for (uint32_t i = 0; i < record->n; i++)
		result->v[result->n++] = record->ns[i];
	if (record->took_us > 0)
		*took_us = record->took_us > *took_us ? record->took_us : *took_us;
}

static bool collect(int fd, size_t clients, struct result results[METHODS])
{
	static struct record record;
	uint32_t took[METHODS] = { 0 };
	while (clients > 0) {
		size_t n = 0;
		struct pollfd p = { .fd = fd, .events = POLLIN };
		for (ssize_t r; n < sizeof record; n += (size_t)r)
			if (poll(&p, 1, 15000) <= 0 || (r = read(fd, (char *)&record + n, sizeof record - n)) <= 0)
				return false;
		if (record.method >= METHODS)
			return false;
		if (record.n == 0)
			clients--;
		else
			add(&results[record.method], &record, &took[record.method]);
	}
	for (size_t m = 0; m < METHODS; m++) {
		struct result *r = &results[m];
		qsort(r->v, r->n, sizeof *r->v, by_size);
		r->rate = took[m] > 0 ? (double)r->n * 1e6 / took[m] : 0;
	}
	return true;
}

static void write_manifest(const char *path, const char *program, size_t n, int64_t from)
{
	FILE *f = fopen(path, "w");
	if (f == NULL)
		die(path);
	fprintf(f,
		"{\"version\": 1, \"host\": {\"root\": {\"type\": \"soft\", \"file\": \"%s.keys\"},\n"
		" \"guard\": {\"type\": \"allow\"}, \"admin\": []},\n \"services\": {\"anchor\": {\"exec\": "
		"[\"%s\", "
		"\"wait\"]}",
		path, program);
	for (size_t i = 0; i < n; i++)
		fprintf(f,
			",\n  \"c%zu\": {\"exec\": [\"%s\", \"client\", \"%lld\"], \"type\": \"oneshot\", "
			"\"tao\": "
			"{\"max_message\": \"2M\"}}",
			i, program, (long long)from);
	fprintf(f, "}}\n");
	if (fclose(f) != 0)
		die(path);
}

static pid_t start_hosted(char *taoinit, char *manifest, int out)
{
	char *argv[] = { taoinit, (char *)"-f", manifest, NULL };
	pid_t pid = fork();
	if (pid == 0) {
		dup2(out, 1);
		execv(argv[0], argv);
		_exit(127);
	}
	close(out);
	return pid;
}

static void print_half(const struct result *r, bool last)
{
	if (r->n == 0)
		exit(1);
	printf(" %.1f %.1f %.0f%s", (double)r->v[r->n / 2] / 1e3, (double)r->v[r->n * 99 / 100] / 1e3, r->rate,
	       last ? "\n" : "");
}

static int compare(char *self, size_t n, char *taoinit, char *manifest)
{
	static struct result hosted[METHODS], bare[METHODS];
	int fds[2];
	int64_t from = now() + 500000000;
	if (n == 0 || n > CLIENTS_MAX || pipe2(fds, O_CLOEXEC) < 0)
		die("pipe");
	write_manifest(manifest, self, n, from);
	pid_t pid = start_hosted(taoinit, manifest, fds[1]);
	bool all = collect(fds[0], n, hosted);
	kill(pid, SIGTERM);
	waitpid(pid, NULL, 0);
	close(fds[0]);
	if (!all)
		return 1;
	if (pipe2(fds, O_CLOEXEC) < 0)
		die("pipe");
	pid = start_echo(n, fds[1], now() + 100000000);
	all = collect(fds[0], n, bare);
	while (wait(NULL) > 0)
		;
	for (size_t m = 0; m < METHODS && all; m++) {
		printf("%s:", methods[m].text);
		print_half(&hosted[m], false);
		print_half(&bare[m], true);
	}
	return all ? 0 : 1;
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "wait") == 0)
		for (;;)
			pause();
	if (argc == 3 && strcmp(argv[1], "client") == 0)
		return client(strtoll(argv[2], NULL, 10));
	if (argc == 4)
		return compare(argv[0], strtoul(argv[1], NULL, 10), argv[2], argv[3]);
	fprintf(stderr, "calls: wrong usage; see the comment at the top of calls.c\n");
	return 2;
}
