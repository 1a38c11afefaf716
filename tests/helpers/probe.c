/* SPDX-License-Identifier: MIT
 *
 * A service of the tests: does one thing, or says what it sees of its surroundings, a line each on standard output.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef WORD
#define WORD "probe"
#endif

static void say(const char *text)
{
	printf("%s\n", text);
	fflush(stdout);
}

static _Noreturn void wait_for_ever(void)
{
	for (;;)
		pause();
}

static int see_fds(void)
{
	printf("fds:");
	for (int fd = 0; fd < 4096; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			printf(" %d", fd);
	say("");
	return 0;
}

/* Lines of /proc/self/status that begin with one of these. */
static int see_rights(void)
{
	static const char *const keys[] = { "Uid:",    "Gid:",	      "Groups:", "CapEff:", "CapBnd:",
					    "CapAmb:", "NoNewPrivs:", "SigBlk:", "SigIgn:" };
	char line[256];
	FILE *f = fopen("/proc/self/status", "r");
	while (f != NULL && fgets(line, sizeof line, f) != NULL)
		for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
			if (strncmp(line, keys[i], strlen(keys[i])) == 0)
				fputs(line, stdout);
	return 0;
}

static int see_env(char **env)
{
	for (; *env != NULL; env++)
		say(*env);
	return 0;
}

static int make_orphans(int n)
{
	for (int i = 0; i < n; i++) {
		pid_t pid = fork();
		if (pid == 0) {
			if (fork() == 0)
				usleep(1000);
			_exit(0);
		}
		if (pid < 0) {
			usleep(1000);
			i--;
			continue;
		}
		waitpid(pid, NULL, 0);
	}
	say("orphans made");
	return 0;
}

static int leave_stray(void)
{
	if (fork() == 0) {
		setsid();
		if (fork() == 0)
			wait_for_ever();
		_exit(0);
	}
	usleep(50000);
	say("stray left");
	return 1;
}

static void told(const char *what, long r)
{
	printf("%s: %s\n", what,
	       r >= 0				   ? "ALLOWED"
	       : errno == ENOENT || errno == ESRCH ? strerror(errno)
						   : "denied");
	fflush(stdout);
}

static int spy(pid_t pid)
{
	char path[64], byte;
	snprintf(path, sizeof path, "/proc/%d/mem", (int)pid);
	int fd = open(path, O_RDWR);
	told("mem", fd >= 0 ? fd : open(path, O_RDONLY));
	snprintf(path, sizeof path, "/proc/%d/maps", (int)pid);
	fd = open(path, O_RDONLY);
	told("maps", fd < 0 ? fd : read(fd, &byte, 1));
	told("ptrace", ptrace(PTRACE_SEIZE, pid, NULL, NULL));
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	told("pidfd_getfd", pidfd < 0 ? pidfd : syscall(438, pidfd, 3, 0));
	return 0;
}

/* ---- the channel ---- */

static size_t unhex(const char *text, unsigned char *to)
{
	size_t n = 0;
	for (; text[0] != '\0' && text[1] != '\0'; text += 2) {
		unsigned v;
		sscanf(text, "%2x", &v);
		to[n++] = (unsigned char)v;
	}
	return n;
}

/* Sends bytes as they are, and says what comes back: bytes, the end, or nothing for a while. */
static int send_raw(const char *hex, int patience_ms)
{
	static unsigned char b[65536];
	size_t n = unhex(hex, b);
	if (write(3, b, n) != (ssize_t)n)
		say("cannot write");
	for (;;) {
		struct pollfd p = { .fd = 3, .events = POLLIN };
		if (poll(&p, 1, patience_ms) == 0) {
			say("silence");
			return 0;
		}
		ssize_t r = read(3, b, sizeof b);
		if (r <= 0) {
			say("end");
			return 0;
		}
		printf("bytes ");
		for (ssize_t i = 0; i < r; i++)
			printf("%02x", b[i]);
		say("");
	}
}

/* Asks for its name n times without waiting for the answers; says how many came. */
static int flood(long n)
{
	static const unsigned char request[] = "\0\0\0\x12\x0a\x0eTao.GetTaoName\x10\x07\0\0\0";
	static unsigned char in[65536];
	size_t total = (size_t)n * sizeof request, sent = 0, got = 0, each = 0;
	fcntl(3, F_SETFL, O_NONBLOCK);
	while (each == 0 || got < each * (size_t)n) {
		struct pollfd p = { .fd = 3, .events = (short)(POLLIN | (sent < total ? POLLOUT : 0)) };
		if (poll(&p, 1, 60000) <= 0)
			break;
		if ((p.revents & POLLOUT) != 0) {
			size_t at = sent % sizeof request;
			ssize_t w = write(3, request + at, sizeof request - at);
			sent += w > 0 ? (size_t)w : 0;
		}
		ssize_t r = read(3, in, sizeof in);
		if (r == 0)
			break;
		if (r > 0) {
			/* All answers are alike: the first tells how long they are. */
			if (each == 0 && r > 8) {
				size_t h = (size_t)in[2] << 8 | in[3];
				each = 8 + h + ((size_t)in[6 + h] << 8 | in[7 + h]);
			}
			got += (size_t)r;
		}
	}
	printf("answers %zu\n", each > 0 ? got / each : 0);
	fflush(stdout);
	return 0;
}

/* ---- saying how it is ---- */

/* Each word: +N sleeps so many ms; ready and close are for TAO_READY_FD; anything else is a datagram, with | for newline. */
static int notify(int n, char **words)
{
	const char *path = getenv("NOTIFY_SOCKET"), *ready = getenv("TAO_READY_FD");
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	signal(SIGTERM, SIG_DFL);
	if (path != NULL)
		strncpy(a.sun_path, path, sizeof a.sun_path - 1);
	for (int i = 0; i < n; i++) {
		char *word = words[i];
		if (word[0] == '+') {
			usleep((useconds_t)atoi(word) * 1000);
		} else if (strcmp(word, "ready") == 0) {
			write(atoi(ready), "\n", 1);
		} else if (strcmp(word, "close") == 0) {
			close(atoi(ready));
		} else if (strcmp(word, "hangup") == 0) {
			close(3);
		} else if (strcmp(word, "stop") == 0) {
			raise(SIGSTOP);
		} else if (strcmp(word, "exit") == 0) {
			return 0;
		} else if (strcmp(word, "huge") == 0) {
			static char big[8000];
			memset(big, 'x', sizeof big);
			sendto(fd, big, sizeof big, 0, (struct sockaddr *)&a, sizeof a);
		} else if (strcmp(word, "fds") == 0) {
			/* A pipe's end goes along; its closing by the host is seen as the end of the pipe. */
			int p[2];
			char control[CMSG_SPACE(sizeof(int))] = "", byte;
			struct iovec v = { "BARRIER=1", 9 };
			struct msghdr m = { .msg_name = &a, .msg_namelen = sizeof a, .msg_iov = &v, .msg_iovlen = 1,
					    .msg_control = control, .msg_controllen = sizeof control };
			struct cmsghdr *c = CMSG_FIRSTHDR(&m);
			pipe(p);
			c->cmsg_level = SOL_SOCKET;
			c->cmsg_type = SCM_RIGHTS;
			c->cmsg_len = CMSG_LEN(sizeof(int));
			memcpy(CMSG_DATA(c), &p[1], sizeof(int));
			sendmsg(fd, &m, 0);
			close(p[1]);
			read(p[0], &byte, 1);
			say("barrier passed");
		} else {
			for (char *p = word; *p != 0; p++)
				*p = *p == '|' ? '\n' : *p;
			if (sendto(fd, word, strlen(word), 0, (struct sockaddr *)&a, sizeof a) < 0)
				say(strerror(errno));
		}
	}
	say("said");
	wait_for_ever();
}

int main(int argc, char **argv, char **env)
{
	const char *what = argc > 1 ? argv[1] : "";
	const char *arg = argc > 2 ? argv[2] : "";
	if (strcmp(what, "word") == 0) {
		say(WORD);
		wait_for_ever();
	}
	if (strcmp(what, "fds") == 0)
		return see_fds();
	if (strcmp(what, "rights") == 0)
		return see_rights();
	if (strcmp(what, "env") == 0)
		return see_env(env);
	if (strcmp(what, "orphans") == 0)
		return make_orphans(atoi(arg));
	if (strcmp(what, "stray") == 0)
		return leave_stray();
	if (strcmp(what, "exit") == 0)
		return atoi(arg);
	if (strcmp(what, "signal") == 0) {
		raise(atoi(arg));
		return 99;
	}
	if (strcmp(what, "spy") == 0)
		return spy(atoi(arg));
	if (strcmp(what, "raw") == 0)
		return send_raw(arg, argc > 3 ? atoi(argv[3]) : 20000);
	if (strcmp(what, "flood") == 0)
		return flood(atol(arg));
	if (strcmp(what, "wait") == 0) {
		say("waiting");
		wait_for_ever();
	}
	if (strcmp(what, "stubborn") == 0) {
		signal(SIGTERM, SIG_IGN);
		say("stubborn");
		wait_for_ever();
	}
	if (strcmp(what, "notify") == 0)
		return notify(argc - 2, argv + 2);
	if (strcmp(what, "forkbomb") == 0) {
		say("bomb");
		for (;;)
			if (fork() < 0)
				usleep(100);
	}
	if (strcmp(what, "touch") == 0)
		return open(arg, O_CREAT | O_WRONLY, 0600) < 0;
	fprintf(stderr, "probe: %s?\n", what);
	return 2;
}
