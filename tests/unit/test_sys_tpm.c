/* SPDX-License-Identifier: MIT
 *
 * The way to a TPM: what init/sys_tpm.c makes of software TPMs of all kinds of behaviour, each a process here.
 * link: init crypto */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../init/sys_tpm.h"
#include "test.h"

#define MS ((int64_t)1000000)
/* Where an answer will come. */
#define LONG (60000 * MS)

static char directory[64], spec[128], path[96];
static pid_t server;

static const uint8_t command[] = { 0x80, 1, 0, 0, 0, 12, 0, 0, 1, 0x44, 0, 0 };
static const uint8_t good[] = { 0x80, 1, 0, 0, 0, 14, 0, 0, 0, 0, 1, 2, 3, 4 };
static const uint8_t retry[] = { 0x80, 1, 0, 0, 0, 10, 0, 0, 9, 0x22 };

static void say(int fd, const void *p, size_t n)
{
	if (write(fd, p, n) != (ssize_t)n)
		_exit(1);
}

/* Reads the command, or ends where it is not the one. */
static void hear(int fd)
{
	uint8_t got[sizeof command];
	for (size_t n = 0; n < sizeof got;) {
		ssize_t k = read(fd, got + n, sizeof got - n);
		if (k <= 0)
			_exit(1);
		n += (size_t)k;
	}
	if (memcmp(got, command, sizeof got) != 0)
		_exit(1);
}

static void answer(int fd, int connection)
{
	(void)connection;
	hear(fd);
	say(fd, good, sizeof good);
}

static void answer_in_pieces(int fd, int connection)
{
	(void)connection;
	hear(fd);
	for (size_t i = 0; i < sizeof good; i++)
		say(fd, good + i, 1);
}

static void answer_third(int fd, int connection)
{
	hear(fd);
	say(fd, connection < 2 ? retry : good, connection < 2 ? sizeof retry : sizeof good);
}

static void always_retry(int fd, int connection)
{
	(void)connection;
	hear(fd);
	say(fd, retry, sizeof retry);
}

/* Holds the line until the client gives up. */
static void silent(int fd, int connection)
{
	char c;
	(void)connection;
	hear(fd);
	(void)!read(fd, &c, 1);
}

static void half_silent(int fd, int connection)
{
	char c;
	(void)connection;
	hear(fd);
	say(fd, good, 12);
	(void)!read(fd, &c, 1);
}

static void hang_up(int fd, int connection)
{
	(void)connection;
	hear(fd);
}

static void half_hang_up(int fd, int connection)
{
	(void)connection;
	hear(fd);
	say(fd, good, 5);
}

static void tiny(int fd, int connection)
{
	static const uint8_t lie[] = { 0x80, 1, 0, 0, 0, 9, 0, 0, 0, 0 };
	(void)connection;
	hear(fd);
	say(fd, lie, sizeof lie);
}

static void huge(int fd, int connection)
{
	static const uint8_t lie[] = { 0x80, 1, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0 };
	(void)connection;
	hear(fd);
	say(fd, lie, sizeof lie);
}

static int listening(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 4) < 0) {
		perror(path);
		exit(99);
	}
	return fd;
}

static void serve(void (*behave)(int fd, int connection))
{
	int listener = listening();
	fflush(stdout);
	server = fork();
	if (server != 0) {
		close(listener);
		return;
	}
	signal(SIGPIPE, SIG_IGN);
	for (int connection = 0;; connection++) {
		int fd = accept(listener, NULL, NULL);
		if (fd < 0)
			_exit(1);
		behave(fd, connection);
		close(fd);
	}
}

static void stop(void)
{
	kill(server, SIGKILL);
	waitpid(server, NULL, 0);
	unlink(path);
}

/* What one command gets. */
static int ask(struct sys_tpm *tpm, uint8_t *response, size_t cap)
{
	return tpm->platform.transmit(tpm->platform.ctx, span_of(command, sizeof command), response, cap);
}

static int ask_once(void (*behave)(int, int), int64_t patience, uint8_t response[static 64], char why[static 256])
{
	struct sys_tpm tpm;
	serve(behave);
	CHECK_INT(sys_tpm_open(&tpm, spec), 0);
	tpm.patience = patience;
	int n = ask(&tpm, response, 64);
	memcpy(why, tpm.why, sizeof tpm.why);
	sys_tpm_close(&tpm);
	stop();
	return n;
}

static void expect_good(void (*behave)(int, int))
{
	uint8_t response[64];
	char why[256];
	CHECK_INT(ask_once(behave, LONG, response, why), sizeof good);
	CHECK(memcmp(response, good, sizeof good) == 0);
	CHECK_STR(why, "");
}

static void expect_bad(void (*behave)(int, int), int64_t patience, int r, const char *text)
{
	uint8_t response[64];
	char why[256];
	CHECK_INT(ask_once(behave, patience, response, why), r);
	if (strstr(why, text) == NULL)
		CHECK_STR(why, text);
}

TEST(answers)
{
	expect_good(answer);
	expect_good(answer_in_pieces);
}

TEST(asks_again_when_the_TPM_says_so)
{
	expect_good(answer_third);
}

TEST(but_not_for_ever)
{
	uint8_t response[64];
	char why[256];
	/* Asked at 2130 ms for the last time: the next would be at 2630. */
	CHECK_INT(ask_once(always_retry, 2600 * MS, response, why), sizeof retry);
	CHECK(memcmp(response, retry, sizeof retry) == 0);
}

TEST(silence_has_an_end)
{
	expect_bad(silent, 30 * MS, ERR_TIMEOUT, "no answer in 30 ms");
	expect_bad(half_silent, 30 * MS, ERR_TIMEOUT, "no answer in 30 ms");
}

TEST(hanging_up_is_an_error)
{
	expect_bad(hang_up, LONG, ERR_IO, "closed");
	expect_bad(half_hang_up, LONG, ERR_IO, "closed");
}

TEST(sizes_that_cannot_be)
{
	expect_bad(tiny, LONG, ERR_MALFORMED, "");
	expect_bad(huge, LONG, ERR_TOO_LARGE, "");
}

/* Otherwise closing would wait once more for each thing to flush. */
TEST(after_silence_nothing_is_waited_for_again)
{
	struct sys_tpm tpm;
	uint8_t response[64];
	serve(silent);
	CHECK_INT(sys_tpm_open(&tpm, spec), 0);
	tpm.patience = 30 * MS;
	CHECK_INT(ask(&tpm, response, sizeof response), ERR_TIMEOUT);
	stop();
	serve(answer);
	tpm.patience = LONG;
	CHECK_INT(ask(&tpm, response, sizeof response), ERR_TIMEOUT);
	sys_tpm_close(&tpm);
	CHECK(ask(&tpm, response, sizeof response) < 0);
	stop();
}

/* A full queue gives no event; the server takes nobody. */
TEST(a_queue_that_stays_full_is_silence)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct sys_tpm tpm;
	uint8_t response[64];
	int waiting[64], n = 0, listener = listening();
	snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
	for (; n < 64; n++) {
		waiting[n] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
		if (connect(waiting[n], (const struct sockaddr *)&address, sizeof address) < 0)
			break;
	}
	CHECK(n < 64);
	CHECK_INT(sys_tpm_open(&tpm, spec), 0);
	tpm.patience = 30 * MS;
	CHECK_INT(ask(&tpm, response, sizeof response), ERR_TIMEOUT);
	for (; n >= 0; n--)
		close(waiting[n]);
	close(listener);
	unlink(path);
}

TEST(nobody_there)
{
	struct sys_tpm tpm;
	uint8_t response[64];
	CHECK_INT(sys_tpm_open(&tpm, spec), 0);
	CHECK_INT(ask(&tpm, response, sizeof response), ERR_IO);
	CHECK(strstr(tpm.why, "no such socket; start swtpm with") != NULL);
	close(listening());
	CHECK_INT(sys_tpm_open(&tpm, spec), 0);
	CHECK_INT(ask(&tpm, response, sizeof response), ERR_IO);
	CHECK(strstr(tpm.why, "nobody listens there") != NULL);
	unlink(path);
}

TEST(specs)
{
	static const struct {
		const char *spec, *path;
		bool device;
	} rows[] = {
		{ "swtpm:/a/b", "/a/b", false },    { "swtpm:path=/a/b", "/a/b", false },
		{ "swtpm:a b", "a b", false },	    { "device:/dev/null", "/dev/null", true },
		{ "/dev/null", "/dev/null", true },
	};
	static const char *const wrong[] = { "",	"swtpm", "swtpm:",	 "swtpm:path=",
					     "device:", "tpm0",	 "mssim:port=1", "SWTPM:/a" };
	struct sys_tpm tpm;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		CHECK_INT(sys_tpm_open(&tpm, rows[i].spec), 0);
		CHECK_STR(tpm.path, rows[i].path);
		CHECK_INT(tpm.device, rows[i].device);
		sys_tpm_close(&tpm);
	}
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		CHECK_INT(sys_tpm_open(&tpm, wrong[i]), -EINVAL);
		CHECK(strstr(tpm.why, "not the place of a TPM; say /dev/tpmrm0, or swtpm:SOCKET") != NULL);
	}
	char text[200] = "swtpm:";
	memset(text + 6, 'a', 108);
	CHECK_INT(sys_tpm_open(&tpm, text), -ENAMETOOLONG);
	text[6 + 107] = '\0';
	CHECK_INT(sys_tpm_open(&tpm, text), 0);
}

/* No TPM device stands here; but what is none must be told, without hanging on it. */
TEST(devices)
{
	struct sys_tpm tpm;
	uint8_t response[64];
	CHECK_INT(sys_tpm_open(&tpm, "/dev/no-such-tpm"), -ENOENT);
	CHECK(strstr(tpm.why, "no such device; there is no TPM") != NULL);
	close(open(path, O_CREAT | O_WRONLY, 0600));
	CHECK_INT(sys_tpm_open(&tpm, path), -ENOTTY);
	CHECK(strstr(tpm.why, "is no device; for swtpm's socket, say swtpm:") != NULL);
	unlink(path);
	mkfifo(path, 0600);
	CHECK_INT(sys_tpm_open(&tpm, path), -ENOTTY);
	unlink(path);
	CHECK_INT(sys_tpm_open(&tpm, "/dev/null"), 0);
	CHECK_INT(ask(&tpm, response, sizeof response), ERR_IO);
	CHECK_STR(tpm.why, "/dev/null: read: closed");
	sys_tpm_close(&tpm);
	CHECK_INT(sys_tpm_open(&tpm, "/dev/full"), 0);
	CHECK_INT(ask(&tpm, response, sizeof response), ERR_IO);
	CHECK(strstr(tpm.why, "/dev/full: write: ") != NULL);
	sys_tpm_close(&tpm);
}

int main(void)
{
	snprintf(directory, sizeof directory, "/tmp/test_sys_tpm.XXXXXX");
	if (mkdtemp(directory) == NULL)
		return 99;
	snprintf(path, sizeof path, "%s/s", directory);
	snprintf(spec, sizeof spec, "swtpm:%s", path);
	RUN(answers);
	RUN(asks_again_when_the_TPM_says_so);
	RUN(but_not_for_ever);
	RUN(silence_has_an_end);
	RUN(hanging_up_is_an_error);
	RUN(sizes_that_cannot_be);
	RUN(after_silence_nothing_is_waited_for_again);
	RUN(a_queue_that_stays_full_is_silence);
	RUN(nobody_there);
	RUN(specs);
	RUN(devices);
	rmdir(directory);
	return test_end();
}
