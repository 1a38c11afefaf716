/* SPDX-License-Identifier: MIT */
/* link: policy crypto */
/* A recorded session of a client, replayed against build/taoinit as one of its services (guard allow): an answer of the
 * same shape to every request, byte for byte where nothing random or private is in it.
 *
 * What the recorded host made up is replaced in requests: its program's name by ours wherever it stands, and sealed data
 * by what ours answered to the same request. */
#include <cJSON.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../crypto/verify.h"
#include "../../policy/name.h"
#include "../unit/hex.h"

#define CASES_MAX 4096
#define MESSAGE_MAX ((size_t)1 << 20)
#define PATIENCE_MS 60000

enum part { REQUEST_HEADER, REQUEST_BODY, RESPONSE_HEADER, RESPONSE_BODY, PARTS };
static const char *const part_names[PARTS] = { "request_header", "request_body", "response_header",
					       "response_body" };

struct recorded {
	struct span part[PARTS];
	struct span answer; /* ours: the body */
};

static struct recorded cases[CASES_MAX];
static struct span their_name, our_name;
static char dir[] = "/tmp/tao-wire-XXXXXX", path[64], detail[256];
static int channel = -1;
static pid_t host;

static struct span copy(struct span s)
{
	uint8_t *p = malloc(s.n + 1);
	if (s.n > 0)
		memcpy(p, s.p, s.n);
	return span_of(p, s.n);
}

static void give_up(const char *why)
{
	fprintf(stderr, "vectors_wire_session: %s\n", why);
	if (host > 0)
		kill(host, SIGKILL);
	exit(2);
}

/* ---- protobuf, as far as needed ---- */

struct field {
	uint64_t number, wire;
	struct span bytes; /* wire 2 */
	uint64_t value;	   /* wire 0 */
};

static bool next_field(struct rd *r, struct field *f)
{
	if (r->n == 0 || r->err != ERR_NONE)
		return false;
	uint64_t key = rd_varint(r);
	f->number = key >> 3;
	f->wire = key & 7;
	f->value = f->wire == 0 ? rd_varint(r) : 0;
	f->bytes = f->wire == 2 ? rd_var_bytes(r) : span_of(NULL, 0);
	if (f->wire != 0 && f->wire != 2)
		rd_fail(r, ERR_MALFORMED);
	return r->err == ERR_NONE;
}

/* The last field of this number; false if there is none. */
static bool find_field(struct span body, uint64_t number, struct field *found)
{
	struct rd r = rd_from(body);
	struct field f;
	bool has = false;
	while (next_field(&r, &f))
		if (f.number == number)
			*found = f, has = true;
	return has;
}

static struct span data_of(struct span body)
{
	struct field f = { 0 };
	return find_field(body, 1, &f) ? f.bytes : span_of(NULL, 0);
}

/* ---- substitution ---- */

static void put_without_their_name(struct wr *out, struct span s)
{
	for (size_t i = 0; i < s.n;) {
		if (their_name.n > 0 && s.n - i >= their_name.n &&
		    memcmp(s.p + i, their_name.p, their_name.n) == 0) {
			wr_span_bytes(out, our_name);
			i += their_name.n;
		} else {
			wr_u8(out, s.p[i++]);
		}
	}
}

/* What ours answered where the recorded host answered this; the recorded bytes, with names replaced, if it did not. */
static void put_substitute(struct wr *out, struct span recorded, size_t before)
{
	for (size_t i = before; i-- > 0;) {
		struct span theirs = data_of(cases[i].part[RESPONSE_BODY]);
		if (recorded.n > 16 && span_equal(theirs, recorded)) {
			wr_span_bytes(out, data_of(cases[i].answer));
			return;
		}
	}
	put_without_their_name(out, recorded);
}

static struct span substitute(struct span body, size_t at)
{
	static uint8_t whole[MESSAGE_MAX], piece[MESSAGE_MAX];
	struct wr out = wr_to(whole, sizeof whole);
	struct rd r = rd_from(body);
	struct field f;
	while (next_field(&r, &f)) {
		struct wr p = wr_to(piece, sizeof piece);
		wr_varint(&out, f.number << 3 | f.wire);
		if (f.wire == 0) {
			wr_varint(&out, f.value);
			continue;
		}
		put_substitute(&p, f.bytes, at);
		wr_var_bytes(&out, wr_span(&p));
	}
	return rd_end(&r) == ERR_NONE ? wr_span(&out) : body;
}

/* ---- what an answer must be ---- */

static bool say(const char *why)
{
	snprintf(detail, sizeof detail, "%s", why);
	return false;
}

/* The recorded name is that of call 0 and something behind: so is ours. */
static bool same_name(struct span theirs, struct span ours)
{
	static uint8_t want[MESSAGE_MAX], tail[MESSAGE_MAX];
	static struct node nodes[4096];
	struct node_pool pool = { .nodes = nodes, .cap = 4096 };
	struct node *all, *first;
	struct wr sub = wr_to(tail, sizeof tail), w = wr_to(want, sizeof want);
	if (!name_is_subprin(theirs, their_name) || name_decode(theirs, NAME_PRIN, &pool, &all) < 0 ||
	    name_decode(their_name, NAME_PRIN, &pool, &first) < 0)
		return say("the recorded name is none");
	struct node *ext = all->kids->next->kids;
	uint32_t n = first->kids->next->count, more = all->kids->next->count - n;
	for (uint32_t i = 0; i < n; i++)
		ext = ext->next;
	wr_varint(&sub, NODE_SUBPRIN);
	wr_varint(&sub, more);
	for (; ext != NULL; ext = ext->next)
		name_encode(ext, &sub);
	if (name_extend(our_name, wr_span(&sub), &w) < 0)
		return say("ours cannot be extended so");
	return span_equal(wr_span(&w), ours) || say("another name");
}

/* Our first name: a key's, the guard's, the program's. */
static bool good_first_name(struct span name)
{
	char text[1024], hash[65], guard[40];
	struct wr t = wr_to(text, sizeof text - 1);
	int end = 0;
	if (name_print_binary(name, NAME_PRIN, &t) < 0)
		return say("our name is none");
	text[t.n] = '\0';
	return (sscanf(text, "key([%64[0-9a-f]]).TrivialGuard(\"%39[A-Za-z]\").Program([%64[0-9a-f]])%n", hash,
		       guard, hash, &end) == 3 &&
		end > 0 && text[end] == '\0') ||
	       say(text);
}

static bool same_attestation(struct span theirs, struct span ours, struct span request)
{
	static struct node nodes[8192];
	static uint8_t issuer[MESSAGE_MAX], form[MESSAGE_MAX];
	struct node_pool pool = { .nodes = nodes, .cap = 8192 };
	struct verify_chain chain;
	struct field their, time, expiration;
	struct node *a, *b;
	struct wr i = wr_to(issuer, sizeof issuer), f = wr_to(form, sizeof form);
	if (verify_attestation(sha256_bearssl(), ours, &chain) < 0)
		return say("the attestation is not well signed");
	if (!find_field(theirs, 1, &their) || name_decode(their.bytes, NAME_FORM, &pool, &a) < 0 ||
	    name_decode(chain.link[0].statement, NAME_FORM, &pool, &b) < 0 || a->kind != NODE_SAYS)
		return say("no statement");
	if (b->kind != NODE_SAYS || name_encode(b->kids, &i) < 0 || name_encode(b->kids->next, &f) < 0)
		return say("it says nothing");
	struct field asked = { 0 };
	struct span want = find_field(request, 6, &asked) ? asked.bytes : our_name;
	if (!name_is_subprin(wr_span(&i), our_name) || (asked.number == 6 && !span_equal(want, wr_span(&i))))
		return say("another issuer");
	if (!span_equal(wr_span(&f), data_of(request)))
		return say("another form");
	if (!b->has_time || !b->has_expiration)
		return say("no times");
	if (find_field(request, 4, &time) && (uint64_t)b->number != time.value)
		return say("another time");
	if (find_field(request, 5, &expiration) && (uint64_t)b->expiration != expiration.value)
		return say("another expiration");
	return find_field(request, 4, &time) || find_field(request, 5, &expiration) ||
	       b->expiration - b->number == a->expiration - a->number || say("another validity");
}

/* Same fields; where nothing is random or private the same bytes. */
static bool same_body(const char *op, struct span theirs, struct span ours, struct span request)
{
	bool sealed = strcmp(op, "Tao.Seal") == 0 || strcmp(op, "Tao.RollbackProtectedSeal") == 0;
	bool random = strcmp(op, "Tao.GetRandomBytes") == 0 || strcmp(op, "Tao.GetSharedSecret") == 0;
	struct rd a = rd_from(theirs), b = rd_from(ours);
	struct field f, g;
	for (;;) {
		bool more = next_field(&a, &f), also = next_field(&b, &g);
		if (more != also)
			return say("other fields");
		if (!more)
			return a.err == ERR_NONE && b.err == ERR_NONE;
		if (f.number != g.number || f.wire != g.wire || f.value != g.value)
			return say("other fields or numbers");
		if (f.number != 1) {
			if (!span_equal(f.bytes, g.bytes))
				return say("other text");
		} else if (strcmp(op, "Tao.GetTaoName") == 0) {
			if (!same_name(f.bytes, g.bytes))
				return false;
		} else if (strcmp(op, "Tao.Attest") == 0) {
			if (!same_attestation(f.bytes, g.bytes, request))
				return false;
		} else if (random   ? f.bytes.n != g.bytes.n
			   : sealed ? g.bytes.n == 0
				    : !span_equal(f.bytes, g.bytes)) {
			return say("other data");
		}
	}
}

/* ---- the host ---- */

static void start_host(void)
{
	char manifest[256], command[512];
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	if (mkdtemp(dir) == NULL || chmod(dir, 0711) < 0)
		give_up("no directory");
	snprintf(path, sizeof path, "%s/socket", dir);
	snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(listener, (struct sockaddr *)&a, sizeof a) < 0 || listen(listener, 1) < 0 ||
	    chmod(path, 0777) < 0)
		give_up("no socket");
	snprintf(command, sizeof command, "${MUSL_CC:-musl-gcc} -static -Os -w -o %s/relay tests/helpers/relay.c",
		 dir);
	if (system(command) != 0)
		give_up("tests/helpers/relay.c does not compile");
	snprintf(manifest, sizeof manifest, "%s/manifest.json", dir);
	FILE *file = fopen(manifest, "w");
	fprintf(file,
		"{\"version\": 1, \"host\": {\"root\": {\"type\": \"soft\", \"file\": \"%s/keys\"}, \"guard\": "
		"{\"type\": \"allow\"}, "
		"\"admin\": []},\n \"services\": {\"c\": {\"exec\": [\"%s/relay\", \"%s\"], \"type\": "
		"\"oneshot\"}}}\n",
		dir, dir, path);
	fclose(file);
	const char *o = getenv("O");
	snprintf(command, sizeof command, "%s/taoinit", o != NULL ? o : "build");
	host = fork();
	if (host == 0) {
		dup2(2, 1); /* its words are no TAP */
		execl(command, command, "-f", manifest, (char *)NULL);
		_exit(127);
	}
	struct pollfd p = { .fd = listener, .events = POLLIN };
	if (poll(&p, 1, PATIENCE_MS) != 1)
		give_up("the service did not come up");
	channel = accept(listener, NULL, NULL);
	close(listener);
}

static void stop_host(void)
{
	char command[64];
	close(channel);
	kill(host, SIGTERM);
	waitpid(host, NULL, 0);
	snprintf(command, sizeof command, "rm -rf %s", dir);
	(void)!system(command);
}

static void send_frame(struct span s)
{
	uint8_t length[4];
	struct wr w = wr_to(length, 4);
	wr_be32(&w, (uint32_t)s.n);
	if (send(channel, length, 4, MSG_NOSIGNAL) != 4 ||
	    (s.n > 0 && send(channel, s.p, s.n, MSG_NOSIGNAL) != (ssize_t)s.n))
		give_up("the channel is closed");
}

static void read_all(uint8_t *p, size_t n)
{
	for (size_t at = 0; at < n;) {
		struct pollfd f = { .fd = channel, .events = POLLIN };
		ssize_t k = poll(&f, 1, PATIENCE_MS) == 1 ? read(channel, p + at, n - at) : -1;
		if (k <= 0)
			give_up("no answer");
		at += (size_t)k;
	}
}

static struct span read_frame(void)
{
	uint8_t length[4];
	read_all(length, 4);
	struct rd r = rd_from(span_of(length, 4));
	size_t n = rd_be32(&r);
	uint8_t *p = malloc(n + 1);
	if (n > 4 * MESSAGE_MAX)
		give_up("a huge answer");
	read_all(p, n);
	return span_of(p, n);
}

/* ---- one call ---- */

static bool replay(size_t at)
{
	struct recorded *c = &cases[at];
	struct field op = { 0 };
	char method[128];
	struct span request = copy(substitute(c->part[REQUEST_BODY], at));
	send_frame(c->part[REQUEST_HEADER]);
	send_frame(request);
	struct span header = read_frame();
	c->answer = read_frame();
	find_field(header, 1, &op);
	snprintf(method, sizeof method, "%.*s", (int)op.bytes.n, (const char *)op.bytes.p);
	if (!span_equal(header, c->part[RESPONSE_HEADER])) {
		struct field error = { 0 };
		if (!find_field(header, 3, &error))
			return say("another header, no error");
		snprintf(detail, sizeof detail, "another header, error: %.*s", (int)error.bytes.n,
			 (const char *)error.bytes.p);
		return false;
	}
	if (their_name.n == 0 && strcmp(method, "Tao.GetTaoName") == 0) {
		their_name = data_of(c->part[RESPONSE_BODY]);
		our_name = data_of(c->answer);
		if (!good_first_name(our_name))
			return false;
	}
	return same_body(method, c->part[RESPONSE_BODY], c->answer, request);
}

static size_t load(const char *file)
{
	struct stat st;
	FILE *f = fopen(file, "r");
	if (f == NULL || fstat(fileno(f), &st) < 0)
		give_up("no such file");
	char *text = calloc(1, (size_t)st.st_size + 1);
	if (fread(text, 1, (size_t)st.st_size, f) != (size_t)st.st_size)
		give_up("it cannot be read");
	fclose(f);
	cJSON *json = cJSON_Parse(text);
	const cJSON *list = cJSON_IsArray(json) ? json : cJSON_GetObjectItemCaseSensitive(json, "cases");
	size_t n = 0;
	for (const cJSON *c = list != NULL ? list->child : NULL; c != NULL && n < CASES_MAX; c = c->next, n++)
		for (int part = 0; part < PARTS; part++) {
			const cJSON *hex = cJSON_GetObjectItemCaseSensitive(c, part_names[part]);
			size_t size = cJSON_IsString(hex) ? strlen(hex->valuestring) / 2 : 0;
			uint8_t *p = malloc(size + 1);
			if (!cJSON_IsString(hex) || hex_to(hex->valuestring, p, size) != size)
				give_up("a case is malformed");
			cases[n].part[part] = span_of(p, size);
		}
	if (n == 0)
		give_up("no cases");
	return n;
}

int main(int argc, char **argv)
{
	unsigned failed = 0;
	if (argc != 2)
		give_up("which file?");
	size_t n = load(argv[1]);
	signal(SIGPIPE, SIG_IGN);
	start_host();
	for (size_t i = 0; i < n; i++) {
		struct field op = { 0 };
		detail[0] = '\0';
		bool good = replay(i);
		find_field(cases[i].part[REQUEST_HEADER], 1, &op);
		printf("%sok %zu - call %zu, %.*s\n", good ? "" : "not ", i + 1, i, (int)op.bytes.n,
		       (const char *)op.bytes.p);
		if (!good)
			printf("# %s\n", detail);
		failed += !good;
	}
	printf("1..%zu\n", n);
	fflush(stdout);
	stop_host();
	/* What was read is used to the end; the leak checker need not know. */
	_exit(failed > 125 ? 125 : (int)failed);
}
