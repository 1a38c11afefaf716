/* SPDX-License-Identifier: MIT
 *
 * pass pair SOCKET N COMMAND…: runs the command with one end of a pair of sockets as descriptor N; a process in the
 * background gives the other end to whoever connects to SOCKET. pass take SOCKET N COMMAND…: runs the command with
 * that end as N. One after the other: the file SOCKET.lock is locked meanwhile.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static _Noreturn void die(const char *what)
{
	perror(what);
	exit(125);
}

static struct sockaddr_un address(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
	return a;
}

static void give(int to, int fd)
{
	char byte = 0, room[CMSG_SPACE(sizeof fd)] = { 0 };
	struct iovec one = { &byte, 1 };
	struct msghdr m = { .msg_iov = &one, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof room };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof fd);
	memcpy(CMSG_DATA(c), &fd, sizeof fd);
	sendmsg(to, &m, MSG_NOSIGNAL);
}

static int receive(int from)
{
	char byte, room[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec one = { &byte, 1 };
	struct msghdr m = { .msg_iov = &one, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof room };
	int fd;
	if (recvmsg(from, &m, 0) != 1 || CMSG_FIRSTHDR(&m) == NULL)
		die("recvmsg");
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof fd);
	return fd;
}

static void hold(const char *path, int fd)
{
	struct sockaddr_un a = address(path);
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(listener, (struct sockaddr *)&a, sizeof a) < 0 || listen(listener, 64) < 0)
		die(path);
	if (fork() != 0) { /* from here on it can be connected to */
		close(listener);
		return;
	}
	setsid();
	for (int i = 0; i < 3; i++)
		close(i);
	for (;;) {
		int to = accept(listener, NULL, NULL);
		if (to >= 0)
			give(to, fd);
		close(to);
	}
}

static int pair(const char *path)
{
	int ends[2];
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0)
		die("socketpair");
	/* The holder is nobody's child, so that the host has no process that it did not start. */
	pid_t between = fork();
	if (between == 0) {
		close(ends[1]);
		hold(path, ends[0]);
		_exit(0);
	}
	int status;
	if (waitpid(between, &status, 0) < 0 || status != 0)
		exit(125);
	close(ends[0]);
	return ends[1];
}

static int take(const char *path)
{
	struct sockaddr_un a = address(path);
	char lock[200];
	snprintf(lock, sizeof lock, "%s.lock", path);
	/* Open as long as the command runs. */
	int locked = open(lock, O_RDWR | O_CREAT, 0600), from = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (locked < 0 || flock(locked, LOCK_EX) < 0 || connect(from, (struct sockaddr *)&a, sizeof a) < 0)
		die(path);
	return receive(from);
}

int main(int argc, char **argv)
{
	if (argc < 5)
		return 125;
	int n = atoi(argv[3]), fd = strcmp(argv[1], "pair") == 0 ? pair(argv[2]) : take(argv[2]);
	if (fd != n && (dup2(fd, n) < 0 || close(fd) < 0))
		die("dup2");
	execvp(argv[4], argv + 4);
	die(argv[4]);
}
