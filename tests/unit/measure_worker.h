/* SPDX-License-Identifier: MIT
 *
 * For tests: the real measure worker in a process of its own, asked as PID 1 asks it, and files for it to read in a
 * directory that is removed at the end.
 */
#ifndef TEST_MEASURE_WORKER_H
#define TEST_MEASURE_WORKER_H

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../../init/measure.h"
#include "../../init/sys.h"

static char dir[64];
static int worker_fd = -1;
static pid_t worker_pid;

/* What a question brought: descriptors that are still open until the next one. */
static struct measure_reply reply;
static int reply_fds[2] = { -1, -1 };
static int reply_fds_n;

static _Noreturn void give_up(const char *what)
{
	printf("Bail out! %s: %s\n", what, strerror(errno));
	exit(99);
}

static const char *in_dir(const char *name)
{
	static char paths[8][128];
	static unsigned at;
	char *path = paths[at++ % 8];
	snprintf(path, sizeof paths[0], "%s/%s", dir, name);
	return path;
}

static const char *put(const char *name, const void *bytes, size_t n, mode_t mode)
{
	const char *path = in_dir(name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0700);
	if (fd < 0 || write(fd, bytes, n) != (ssize_t)n || fchmod(fd, mode) < 0)
		give_up(path);
	close(fd);
	return path;
}

/* So that its times can tell a change: ctime cannot be set, so there is nothing to do but wait. */
static void wait_until_settled(const char *path)
{
	struct stat st;
	struct timespec now, pause = { 0, 20000000 };
	if (stat(path, &st) < 0)
		give_up(path);
	do {
		nanosleep(&pause, NULL);
		clock_gettime(CLOCK_REALTIME, &now);
	} while (now.tv_sec - st.st_ctim.tv_sec < 3);
}

static void worker_begin(void)
{
	int fds[2];
	if (dir[0] == '\0') {
		strcpy(dir, "/tmp/test_measure.XXXXXX");
		if (mkdtemp(dir) == NULL || chmod(dir, 0755) < 0)
			give_up(dir);
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
		give_up("socketpair");
	fflush(stdout);
	worker_pid = fork();
	if (worker_pid < 0)
		give_up("fork");
	if (worker_pid == 0) {
		close(fds[0]);
		_exit(measure_worker(fds[1]));
	}
	close(fds[1]);
	worker_fd = fds[0];
}

static void forget_reply(void)
{
	for (int i = 0; i < reply_fds_n; i++)
		close(reply_fds[i]);
	reply_fds_n = 0;
	reply_fds[0] = reply_fds[1] = -1;
}

/* Its exit status, by the end of its socket. */
static int worker_end(void)
{
	int status;
	forget_reply();
	close(worker_fd);
	worker_fd = -1;
	if (waitpid(worker_pid, &status, 0) != worker_pid)
		give_up("waitpid");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static void remove_dir(void)
{
	char command[96];
	snprintf(command, sizeof command, "rm -rf %s", dir);
	if (dir[0] != '\0' && system(command) != 0)
		printf("# %s is left\n", dir);
}

static void take_reply(void)
{
	forget_reply();
	ssize_t n = sys_recv_wait(worker_fd, &reply, sizeof reply, reply_fds, 2, &reply_fds_n);
	if (n != (ssize_t)sizeof reply) {
		errno = n < 0 ? (int)-n : EPIPE;
		give_up("the worker did not answer");
	}
	reply.text[sizeof reply.text - 1] = '\0';
}

static int ask_raw(const void *message, size_t n)
{
	if (send(worker_fd, message, n, MSG_NOSIGNAL) != (ssize_t)n)
		give_up("the worker is gone");
	take_reply();
	return reply.error;
}

/* 0 or -errno, and all in reply. */
static int ask(const struct service *service, bool check_user)
{
	static uint8_t buffer[MEASURE_MESSAGE_MAX];
	static uint64_t id = 1000;
	struct wr out = wr_to(buffer, sizeof buffer);
	int n = measure_pack(service, ++id, check_user, &out);
	if (n < 0)
		return n;
	int r = ask_raw(buffer, (size_t)n);
	if (reply.id != id)
		give_up("the worker answered another question");
	return r;
}

static int ask_program(const char *path)
{
	char *exec[] = { (char *)(uintptr_t)path, NULL };
	struct service s = { .exec = exec, .n_exec = 1, .name = "test", .cwd = "/" };
	return ask(&s, false);
}

static bool says(const char *text)
{
	if (strstr(reply.text, text) != NULL)
		return true;
	printf("# \"%s\" does not say \"%s\"\n", reply.text, text);
	return false;
}

#endif
