/* SPDX-License-Identifier: MIT
 * The tao command against a host of ours: what it asks, what it prints, how it ends. */
/* link: init/cmd_tao.c init/tao_io.c init/tao_methods.c client/tao.c init/sys.c policy crypto/base.c */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

#include "../../init/command.h"
#include "../../init/tao_cmd.h"

/* Out of the way of what the test itself opens. */
#define CHANNEL 50

#define NAME "\x01\x03key\x04\x02\xab\xcd\x11\x01\x12\x07Program\x01\x04\x01\x74" /* key([abcd]).Program([74]) */

/* ---- The host ---- */

static size_t recv_all(int fd, uint8_t *p, size_t n)
{
	size_t have = 0;
	while (have < n) {
		ssize_t r = read(fd, p + have, n - have);
		if (r <= 0)
			break;
		have += (size_t)r;
	}
	return have;
}

static size_t recv_frame(int fd, uint8_t *p, size_t cap)
{
	uint8_t length[4];
	if (recv_all(fd, length, 4) != 4)
		_exit(0);
	size_t n = (size_t)length[0] << 24 | (size_t)length[1] << 16 | (size_t)length[2] << 8 | length[3];
	if (n > cap || recv_all(fd, p, n) != n)
		_exit(1);
	return n;
}

static size_t put_field(uint8_t *to, uint8_t key, const void *p, size_t n)
{
	size_t at = 0;
	to[at++] = key;
	if (n >= 128)
		to[at++] = (uint8_t)(n | 0x80);
	to[at++] = (uint8_t)(n < 128 ? n : n >> 7);
	memcpy(to + at, p, n);
	return at + n;
}

static void send_frame(int fd, const uint8_t *p, size_t n)
{
	uint8_t length[4] = { (uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n };
	if (write(fd, length, 4) != 4 || write(fd, p, n) != (ssize_t)n)
		_exit(2);
}

/* What the host says to an op, in body; its error text or NULL. Seal and Attest give back the whole request, so that
 * the test sees what was asked. */
static const char *host_answers(const char *op, const uint8_t *request, size_t n, uint8_t *body, size_t *size)
{
	uint8_t bytes[16];
	*size = 0;
	for (unsigned i = 0; i < sizeof bytes; i++)
		bytes[i] = (uint8_t)(0xf0 + i);
	if (strcmp(op, "Tao.GetTaoName") == 0)
		*size = put_field(body, 0x0a, NAME, sizeof NAME - 1);
	else if (strcmp(op, "Tao.GetRandomBytes") == 0 || strcmp(op, "Tao.GetSharedSecret") == 0)
		*size = put_field(body, 0x0a, bytes, request[1] > 16 ? 16 : request[1]);
	else if (strstr(op, "Unseal") != NULL) {
		if (n > 2 && request[2] == 'X')
			return "principal not authorized\033 for unseal";
		*size = put_field(body, 0x0a, request + 2, n - 2);
		*size += put_field(body + *size, 0x12, op, strlen(op));
	} else if (strcmp(op, "Tao.GetCounter") == 0) {
		memcpy(body, "\x18\xf9\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11);
		*size = 11;
	} else if (strstr(op, "Seal") != NULL || strcmp(op, "Tao.Attest") == 0)
		*size = put_field(body, 0x0a, request, n);
	else if (strcmp(op, "Tao.ExtendTaoName") == 0 && n > 20)
		return "name too long";
	return NULL;
}

/* label or policy "garbage": an answer that is none; "bye": the end. */
static void serve(int fd)
{
	static uint8_t header[4096], request[65536], body[65536 + 4096];
	for (;;) {
		char op[64] = "";
		size_t size, n_header = recv_frame(fd, header, sizeof header - 512);
		size_t n = recv_frame(fd, request, sizeof request);
		memcpy(op, header + 2, header[1] < sizeof op ? header[1] : 0);
		if (memmem(request, n, "bye", 3) != NULL)
			_exit(0);
		const char *error = host_answers(op, request, n, body, &size);
		if (memmem(request, n, "garbage", 7) != NULL)
			size = put_field(body, 0x0a, "x", 1) - 1;
		if (error != NULL)
			n_header += put_field(header + n_header, 0x1a, error, strlen(error));
		send_frame(fd, header, n_header);
		send_frame(fd, body, size);
	}
}

/* ---- One run ---- */

struct outcome {
	int status;
	size_t n; /* of out */
	char out[70000], err[4096];
};

static size_t slurp(int fd, char *p, size_t cap)
{
	ssize_t n = pread(fd, p, cap - 1, 0);
	p[n > 0 ? n : 0] = '\0';
	return n > 0 ? (size_t)n : 0;
}

static pid_t start_host(int *client_end)
{
	int s[2];
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, s) < 0)
		exit(99);
	pid_t pid = fork();
	if (pid == 0) {
		(void)close(s[0]);
		serve(s[1]);
	}
	(void)close(s[1]);
	*client_end = s[0];
	return pid;
}

static void child(char **argv, int channel, int in, int out, int err)
{
	int argc = 0;
	while (argv[argc] != NULL)
		argc++;
	(void)unsetenv("CLOUDPROXY_TAO_HOST_SPEC");
	if (channel >= 0) {
		(void)setenv("TAO_CHANNEL_FD", "50", 1);
		(void)dup2(channel, CHANNEL);
	}
	(void)dup2(in, 0);
	(void)dup2(out, 1);
	(void)dup2(err, 2);
	int status = cmd_tao(argc, argv);
	(void)fflush(stdout);
	_exit(status);
}

static struct outcome outcome;

/* Words are split at blanks; "~" stands for a blank in one. terminal: a descriptor for standard output, or -1. */
static void run_on(int terminal, bool host, const char *input, size_t n_input, const char *words)
{
	static char text[4096];
	char *argv[32], *save = NULL;
	int argc = 0, status = 0, channel = -1, in = memfd_create("in", 0), out = memfd_create("out", 0),
	    err = memfd_create("err", 0);
	(void)snprintf(text, sizeof text, "tao %s", words);
	for (char *w = strtok_r(text, " ", &save); w != NULL && argc < 31; w = strtok_r(NULL, " ", &save)) {
		for (char *c = w; *c != '\0'; c++)
			*c = *c == '~' ? ' ' : *c;
		argv[argc++] = w;
	}
	argv[argc] = NULL;
	CHECK(write(in, input, n_input) == (ssize_t)n_input && lseek(in, 0, SEEK_SET) == 0);
	(void)fflush(stdout); /* or the child would print it, too */
	pid_t host_pid = host ? start_host(&channel) : -1, pid = fork();
	if (pid == 0)
		child(argv, channel, in, terminal >= 0 ? terminal : out, err);
	(void)close(channel);
	CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
	if (host)
		CHECK(waitpid(host_pid, NULL, 0) == host_pid);
	outcome.status = WEXITSTATUS(status);
	outcome.n = slurp(out, outcome.out, sizeof outcome.out);
	(void)slurp(err, outcome.err, sizeof outcome.err);
	(void)close(in);
	(void)close(out);
	(void)close(err);
}

static void show(const char *words, const char *what)
{
	printf("# tao %s: %s; status %d, out \"%s\", err \"%s\"\n", words, what, outcome.status, outcome.out,
	       outcome.err);
	test_bad = 1;
}

/* Ends with 0, this output exactly, and no complaint. */
static void gives(const char *words, const char *input, const void *out, size_t n)
{
	run_on(-1, true, input, strlen(input), words);
	if (outcome.status != 0 || outcome.err[0] != '\0' || outcome.n != n || memcmp(outcome.out, out, n) != 0)
		show(words, "another answer");
}

/* Ends with this status, this in its complaint, and no output. */
static void fails(const char *words, const char *input, int status, const char *complaint)
{
	run_on(-1, true, input, strlen(input), words);
	if (outcome.status != status || strstr(outcome.err, complaint) == NULL || outcome.n != 0)
		show(words, complaint);
	if (strncmp(outcome.err, "tao: ", 5) != 0 || memchr(outcome.err, '\033', strlen(outcome.err)) != NULL)
		show(words, "an unfit complaint");
}

#define GIVES(words, input, out) gives(words, input, out, sizeof(out) - 1)

/* ---- Tests ---- */

TEST(names)
{
	GIVES("name", "", "key([abcd]).Program([74])\n");
	GIVES("name --hex", "", "01036b65790402abcd1101120750726f6772616d01040174\n");
	GIVES("name --base64", "", "AQNrZXkEAqvNEQESB1Byb2dyYW0BBAF0\n");
	GIVES("name --binary", "", NAME);
	GIVES("extend .Phase(\"a\",~2)", "", "");
	fails("extend .Phase(\"abcdefghijklmn\")", "", 1, "tao: extend: the host refused: name too long");
	fails("extend Phase(\"a\")", "", 2, "not a subprincipal");
	fails("extend .Phase(", "", 2, "\n  .Phase(\n         ^");
	fails("extend key([ab])", "", 2, "not a subprincipal");
	fails("extend", "", 2, "argument missing: SUBPRIN\nTry: tao extend --help");
	fails("extend .A() .B()", "", 2, "too many arguments: .B()");
	fails("name --policy self", "", 2, "unknown option: --policy");
}

TEST(random_and_secret)
{
	GIVES("random 3", "", "\xf0\xf1\xf2");
	GIVES("random --hex 2", "", "f0f1\n");
	GIVES("random 1 --base64", "", "8A==\n");
	GIVES("random 2 --base64", "", "8PE=\n");
	GIVES("random 3 --base64", "", "8PHy\n");
	GIVES("random 4 --base64", "", "8PHy8w==\n");
	GIVES("random --hex -- 1", "", "f0\n");
	GIVES("secret --hex --policy=any 4", "", "f0f1f2f3\n");
	fails("random", "", 2, "argument missing");
	fails("random 3x", "", 2, "3x: not a number of bytes");
	fails("random -3", "", 2, "-3: not a number of bytes");
	fails("random 99999999999999999999", "", 2, "not a number of bytes");
	fails("random 20971521", "", 2, "not a number of bytes");
	fails("random 100", "", 4, "another number of bytes");
	fails("random --hex --base64 3", "", 2, "two encodings");
	fails("random --hex=1 3", "", 2, "--hex");
	fails("random --hexx 3", "", 2, "unknown option: --hexx");
	fails("secret 3 --policy", "", 2, "needs a value: --policy");
	fails("secret 3 --policy bye", "", 4, "the host closed the channel");
}

TEST(seal)
{
	GIVES("seal", "abc",
	      "\x0a\x03"
	      "abc\x1a\x04self");
	GIVES("seal -", "", "\x0a\x00\x1a\x04self");
	GIVES("seal --policy any --in-hex", " 61 6\n2 ",
	      "\x0a\x02"
	      "ab\x1a\x03"
	      "any");
	GIVES("seal --in-base64 --counter c", "YWI=\n",
	      "\x0a\x02"
	      "ab\x1a\x04self\x3a\x01"
	      "c");
	GIVES("seal --in-base64", "YQ",
	      "\x0a\x01"
	      "a\x1a\x04self");
	fails("seal --in-base64", "YQ=", 2, "not base64");
	fails("seal --in-base64", "Y", 2, "not base64");
	fails("seal --in-base64", "YQ==YQ==", 2, "not base64");
	fails("seal --in-base64", "Y*", 2, "not base64");
	fails("seal --in-hex", "616", 2, "not hex");
	fails("seal --in-hex", "6g", 2, "not hex");
	fails("seal /nonexistent", "", 4, "/nonexistent: No such file");
	fails("seal /", "", 4, "/: Is a directory");
	fails("seal a b", "", 2, "too many arguments: b");
	fails("seal --protected", "", 2, "unknown option: --protected");
	fails("seal --policy garbage", "x", 4, "malformed");
}

TEST(unseal)
{
	GIVES("unseal", "abc", "abc");
	GIVES("unseal --hex --protected", "abc", "616263\n");
	fails("unseal", "X", 1, "the host refused: principal not authorized? for unseal");
	run_on(-1, true, "abc", 3, "unseal --show-policy");
	CHECK_STR(outcome.err, "policy: Tao.Unseal\n");
	run_on(-1, true, "abc", 3, "unseal --show-policy --protected");
	CHECK_STR(outcome.err, "policy: Tao.RollbackProtectedUnseal\n");
	CHECK_STR(outcome.out, "abc");
}

TEST(attest)
{
	GIVES("attest A()", "",
	      "\x0a\x04\x07\x01"
	      "A\x00");
	GIVES("attest -", "A()\n",
	      "\x0a\x04\x07\x01"
	      "A\x00");
	GIVES("attest A() --time 5 --expiration=6 --issuer key([ab])", "",
	      "\x0a\x04\x07\x01"
	      "A\x00\x20\x05\x28\x06\x32\x0a\x01\x03key\x04\x01\xab\x11\x00");
	GIVES("attest Ready(\"db\")", "",
	      "\x0a\x0c\x07\x05Ready\x01\x03\x02"
	      "db");
	GIVES("attest not~A()~and~true", "", "\x0a\x09\x0a\x02\x09\x07\x01\x41\x00\x08\x01");
	fails("attest A(", "", 2,
	      "not a statement (such as Ready(\"db\")): truncated at character 3\n  A(\n    ^");
	fails("attest A()~and~b", "", 2, "\n  A() and b\n           ^");
	fails("attest -", "A() and\nor", 2, "at character 9");
	fails("attest A()~extra", "", 2, "\n  A() extra\n      ^");
	fails("attest -1", "", 2, "\n  -1\n    ^");
	fails("attest -", "\"\xff\"", 2, "not a statement");
	fails("attest A() --time 0", "", 2, "not a time");
	fails("attest A() --time 5s", "", 2, "not a time");
	fails("attest A() --issuer .A()", "", 2, "not a principal");
}

TEST(counters)
{
	GIVES("counter c", "", "-7\n");
	GIVES("counter c 7", "", "");
	GIVES("counter c -7", "", "");
	fails("counter c x", "", 2, "x: not a number");
	fails("counter garbage", "", 4, "malformed");
	fails("counter garbage 7", "", 4, "malformed");
}

TEST(large_input)
{
	static char input[60000];
	memset(input, 'i', sizeof input);
	run_on(-1, true, input, sizeof input, "seal");
	CHECK_INT(outcome.status, 4); /* our host counts to 16383 only */
	run_on(-1, true, input, 16000, "unseal");
	CHECK_INT(outcome.status, 0);
}

TEST(help_and_usage)
{
	GIVES("extend .A()", "", "");
	run_on(-1, false, "", 0, "--help");
	CHECK_INT(outcome.status, 0);
	CHECK(outcome.err[0] == '\0');
#define TAO_CMD(name, arguments, least, most, options, help) CHECK(strstr(outcome.out, "\n  " #name) != NULL);
#include "../../init/tao_cmd.def"
#undef TAO_CMD
	run_on(-1, false, "", 0, "seal --policy x --help");
	CHECK_INT(outcome.status, 0);
	CHECK(strncmp(outcome.out, "usage: tao seal [OPTION...] [FILE]\n", 35) == 0);
	CHECK(strstr(outcome.out, "--counter LABEL") != NULL && strstr(outcome.out, "--issuer") == NULL);
	fails("", "", 2, "no command given\nTry: tao --help");
	fails("nme", "", 2, "unknown command: nme");
}

TEST(no_channel)
{
	run_on(-1, false, "", 0, "name");
	CHECK_INT(outcome.status, 3);
	CHECK(strstr(outcome.err, "TAO_CHANNEL_FD") != NULL && strstr(outcome.err, "taoinit -f") != NULL);
	(void)setenv("TAO_CHANNEL_FD", "51", 1);
	run_on(-1, false, "", 0, "random 1");
	CHECK_INT(outcome.status, 3);
	CHECK(strstr(outcome.err, "TAO_CHANNEL_FD=51 names no open channel") != NULL);
	(void)unsetenv("TAO_CHANNEL_FD");
	/* What can be found wrong without a host is found first. */
	run_on(-1, false, "", 0, "random x");
	CHECK_INT(outcome.status, 2);
}

TEST(output_that_fails)
{
	int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
	static const char *const runs[] = { "random 3", "random 3 --hex", "name", "counter c", "--help" };
	for (size_t i = 0; i < sizeof runs / sizeof runs[0]; i++) {
		run_on(full, true, "", 0, runs[i]);
		CHECK_INT(outcome.status, 4);
	}
	(void)close(full);
}

TEST(terminals)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (master < 0 || grantpt(master) != 0 || unlockpt(master) != 0) {
		printf("# no terminals here: %s\n", strerror(errno));
		return;
	}
	int terminal = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	static const struct {
		const char *words;
		int status;
	} runs[] = {
		{ "random 3", 2 },  { "random 3 --binary", 2 }, { "random 3 --hex", 0 }, { "random 3 --force", 0 },
		{ "name", 0 },	    { "name --binary", 2 },	{ "seal", 2 },		 { "unseal --base64", 0 },
		{ "counter c", 0 },
	};
	for (size_t i = 0; i < sizeof runs / sizeof runs[0]; i++) {
		run_on(terminal, true, "abc", 3, runs[i].words);
		CHECK_INT(outcome.status, runs[i].status);
		CHECK((outcome.status == 2) == (strstr(outcome.err, "say --hex, --base64 or --force") != NULL));
	}
	(void)close(terminal);
	(void)close(master);
}

int main(void)
{
	(void)unsetenv("TAO_CHANNEL_FD");
	RUN(names);
	RUN(random_and_secret);
	RUN(seal);
	RUN(unseal);
	RUN(attest);
	RUN(counters);
	RUN(large_input);
	RUN(help_and_usage);
	RUN(no_channel);
	RUN(output_that_fails);
	RUN(terminals);
	return test_end();
}
