/* SPDX-License-Identifier: MIT */
/* link: init policy crypto client/tao.c */
/* The real root workers on a real disk: what they say on their socket, and kill -9 at any moment. */
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../../init/manifest.h"
#include "../../init/root_worker.h"
#include "../../init/sys.h"
#include "test.h"

static char dir[64], key_file[96];
static struct host host;
static struct root_opened opened;
static int fd = -1;
static pid_t pid;
static uint64_t id;

static _Noreturn void give_up(const char *what)
{
	printf("Bail out! %s: %s\n", what, strerror(errno));
	exit(99);
}

static void begin(int (*body)(int, void *))
{
	int fds[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
		give_up("socketpair");
	fflush(stdout);
	pid = fork();
	if (pid < 0)
		give_up("fork");
	if (pid == 0) {
		close(fds[0]);
		_exit(body(fds[1], &host));
	}
	close(fds[1]);
	fd = fds[0];
}

static int end(void)
{
	int status;
	close(fd);
	fd = -1;
	if (waitpid(pid, &status, 0) != pid)
		give_up("waitpid");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static void serve(void)
{
	begin(root_counter_worker);
	if (send(fd, opened.kek, sizeof opened.kek, MSG_NOSIGNAL) != (ssize_t)sizeof opened.kek)
		give_up("send");
}

static bool send_question(enum counter_op op, uint8_t label, int64_t value)
{
	struct root_question q;
	memset(&q, 0, sizeof q);
	q.id = ++id;
	q.question.op = op;
	q.question.value = value;
	q.question.label[0] = label;
	return send(fd, &q, sizeof q, MSG_NOSIGNAL) == (ssize_t)sizeof q;
}

static struct root_answer answer;

static bool take_answer(void)
{
	memset(&answer, 0xee, sizeof answer);
	if (recv(fd, &answer, sizeof answer, 0) != (ssize_t)sizeof answer)
		return false;
	CHECK(memchr(answer.report.text, '\0', sizeof answer.report.text) != NULL);
	return true;
}

static int64_t ask(enum counter_op op, uint8_t label, int64_t value)
{
	if (!send_question(op, label, value) || !take_answer())
		give_up("the worker is gone");
	CHECK(answer.id == id);
	return answer.error != 0 ? answer.error : answer.value;
}

TEST(the_first_hands_over_the_keys_and_ends)
{
	begin(root_worker);
	CHECK_INT(recv(fd, &opened, sizeof opened, 0), sizeof opened);
	CHECK_INT(opened.error, 0);
	CHECK(opened.identity.created);
	static const uint8_t zeros[32];
	CHECK(memcmp(opened.kek, zeros, 32) != 0 && memcmp(opened.kek, opened.seed.derive_key, 32) != 0);
	CHECK_INT(end(), 0);
}

TEST(later_ones_answer_about_counters)
{
	serve();
	CHECK_INT(ask(COUNTER_GET, 1, 0), ERR_NOT_FOUND);
	CHECK_INT(ask(COUNTER_INIT, 1, 7), 7);
	CHECK_INT(ask(COUNTER_NEXT, 1, 0), 8);
	CHECK_STR(answer.report.text, "");
	CHECK_INT(end(), 0);
	serve();
	CHECK_INT(ask(COUNTER_INIT, 1, 7), ERR_LOWER);
	CHECK_INT(ask(COUNTER_GET, 1, 0), 8);
	/* More than one write takes, all at once: each is answered once, and in order. */
	uint64_t first = id;
	for (int i = 0; i < 2 * ROOT_BATCH; i++)
		CHECK(send_question(COUNTER_NEXT, 1, 0));
	for (int i = 0; i < 2 * ROOT_BATCH; i++) {
		CHECK(take_answer());
		CHECK(answer.id == first + 1 + (uint64_t)i);
		CHECK_INT(answer.value, 9 + i);
	}
	CHECK_INT(end(), 0);
}

TEST(what_is_no_question_ends_it)
{
	char junk[300] = { 0 };
	serve();
	CHECK(send(fd, junk, 7, MSG_NOSIGNAL) == 7);
	CHECK_INT(recv(fd, junk, sizeof junk, 0), 0);
	CHECK_INT(end(), 0);
	begin(root_counter_worker);
	CHECK(send(fd, junk, 31, MSG_NOSIGNAL) == 31); /* no key */
	CHECK_INT(end(), 1);
}

TEST(another_key_opens_nothing)
{
	uint8_t kek[32];
	memcpy(kek, opened.kek, sizeof kek);
	opened.kek[5] ^= 1;
	serve();
	CHECK_INT(ask(COUNTER_GET, 1, 0), ERR_BAD_SEAL);
	CHECK(strstr(answer.report.text, key_file) != NULL);
	CHECK_INT(ask(COUNTER_INIT, 1, 1000), ERR_BAD_SEAL);
	CHECK_INT(end(), 0);
	memcpy(opened.kek, kek, sizeof kek);
}

/* Three labels are counted, several questions under way, and the worker is killed at a random moment. What was
 * answered stays; what was not may hold, but no more than was asked. */
static void kill_at(unsigned microseconds)
{
	static int64_t heard[3], asked[3];
	uint64_t label_of[2 * ROOT_BATCH];
	uint64_t first = id + 1;
	unsigned sent = 0;
	serve();
	for (uint8_t label = 0; label < 3; label++) {
		int64_t now = ask(COUNTER_GET, (uint8_t)(10 + label), 0);
		if (now == ERR_NOT_FOUND && heard[label] == 0)
			now = ask(COUNTER_INIT, (uint8_t)(10 + label), 0);
		CHECK(now >= heard[label] && now <= asked[label]);
		heard[label] = asked[label] = now; /* whatever was lost of the last round is settled now */
	}
	first = id + 1;
	pid_t killer = fork();
	if (killer == 0) {
		struct timespec t = { 0, (long)microseconds * 1000 };
		nanosleep(&t, NULL);
		kill(pid, SIGKILL);
		_exit(0);
	}
	unsigned answers = 0;
	bool gone = false;
	while (!gone) {
		while (!gone && sent - answers < 8 && sent < 2 * ROOT_BATCH) {
			uint8_t label = (uint8_t)(sent % 3);
			label_of[sent] = label;
			gone = !send_question(COUNTER_NEXT, (uint8_t)(10 + label), 0);
			if (!gone) {
				asked[label]++;
				sent++;
			}
		}
		if (sent == answers)
			break;
		if (!take_answer())
			break;
		uint64_t i = answer.id - first;
		CHECK(i == answers && i < sent);
		CHECK_INT(answer.error, 0);
		CHECK_INT(answer.value, heard[label_of[i]] + 1);
		heard[label_of[i]] = answer.value;
		answers++;
	}
	kill(pid, SIGKILL);
	waitpid(killer, NULL, 0);
	CHECK(end() == 1000 + SIGKILL);
}

TEST(kill_9_loses_nothing_that_was_answered)
{
	const int rounds = getenv("TAO_SOAK") != NULL ? 2000 : 100;
	unsigned random = 1;
	for (int i = 0; i < rounds && !test_bad; i++) {
		random = random * 1103515245 + 12345;
		kill_at(random >> 16 & 4095);
	}
	serve();
	printf("# the first counter stands at %lld after %d kills\n", (long long)ask(COUNTER_GET, 10, 0), rounds);
	CHECK_INT(end(), 0);
}

/* What else stands in the table comes with the keys: the time, which goes with each change, and the policy's version. */
TEST(the_next_boot_knows_the_time_and_the_version)
{
	static struct root_opened again;
	struct root_question q;
	memset(host.guard_key.b, 0x66, sizeof host.guard_key.b);
	host.guard_keyed = true;
	for (int i = 0; i < 2; i++) {
		serve();
		memset(&q, 0, sizeof q);
		q.now = i == 0 ? 4000000000 : 1; /* set back */
		q.question.op = COUNTER_INIT;
		q.question.value = 12;
		memcpy(q.question.program, counters_host, sizeof counters_host);
		memset(q.question.label, 0x66 + i, sizeof q.question.label);
		CHECK(send(fd, &q, sizeof q, MSG_NOSIGNAL) == (ssize_t)sizeof q && take_answer());
		CHECK(answer.error == 0 && answer.value == 12);
		CHECK_INT(end(), 0);
		begin(root_worker);
		CHECK_INT(recv(fd, &again, sizeof again, 0), sizeof again);
		CHECK(again.error == 0 && !again.identity.created);
		CHECK_STR(again.report.text, "");
		CHECK_INT(again.time, 4000000000);
		CHECK_INT(again.policy_version, 12);
		CHECK_INT(end(), 0);
	}
	/* Of another key there is none; with a table that cannot be used nothing is known, and the keys come all the same. */
	host.guard_key.b[0] ^= 1;
	for (int i = 0; i < 2; i++) {
		begin(root_worker);
		CHECK_INT(recv(fd, &again, sizeof again, 0), sizeof again);
		CHECK_INT(again.error, 0);
		CHECK_INT(again.policy_version, 0);
		CHECK_INT(again.time, i == 0 ? 4000000000 : 0);
		CHECK(i == 0 || strstr(again.report.text, "cut short") != NULL);
		CHECK_INT(end(), 0);
		char counters[sizeof key_file + 16];
		snprintf(counters, sizeof counters, "%s.counters", key_file);
		if (i == 0)
			CHECK_INT(truncate(counters, 20), 0);
		else
			snprintf(counters, sizeof counters, "%s.counters.reset", key_file);
		if (i == 1) {
			int order = open(counters, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
			CHECK(order >= 0);
			close(order);
		}
	}
	begin(root_worker);
	CHECK_INT(recv(fd, &again, sizeof again, 0), sizeof again);
	CHECK(again.error == 0 && strstr(again.report.text, "as was asked") != NULL);
	CHECK_INT(end(), 0);
}

/* The key file is nobody's business but the first worker's. */
TEST(a_key_file_that_is_gone_is_not_made_again)
{
	CHECK_INT(unlink(key_file), 0);
	serve();
	CHECK_INT(ask(COUNTER_INIT, 2, 1), 1);
	CHECK_INT(end(), 0);
	CHECK(access(key_file, F_OK) < 0);
}

int main(void)
{
	char command[128];
	strcpy(dir, "/tmp/test_root_worker.XXXXXX");
	if (mkdtemp(dir) == NULL)
		give_up(dir);
	snprintf(key_file, sizeof key_file, "%s/keys", dir);
	host.root = root_find("soft");
	host.root_file = key_file;
	RUN(the_first_hands_over_the_keys_and_ends);
	RUN(later_ones_answer_about_counters);
	RUN(what_is_no_question_ends_it);
	RUN(another_key_opens_nothing);
	RUN(kill_9_loses_nothing_that_was_answered);
	RUN(the_next_boot_knows_the_time_and_the_version);
	RUN(a_key_file_that_is_gone_is_not_made_again);
	snprintf(command, sizeof command, "rm -rf %s", dir);
	if (system(command) != 0)
		printf("# %s is left\n", dir);
	return test_end();
}
