/* SPDX-License-Identifier: MIT
 *
 * A service of the tests: does one thing, or says what it sees of its surroundings, a line each on standard output.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
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

/* Can each be written to, made files in, or read? */
static int see_files(char **paths)
{
	for (; *paths != NULL; paths++) {
		char inside[4096];
		int fd = open(*paths, O_WRONLY | O_CLOEXEC);
		if (fd < 0 && errno == EISDIR) {
			snprintf(inside, sizeof inside, "%s/new-%d", *paths, (int)getpid());
			fd = open(inside, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0666);
		}
		printf("%s: %s\n", *paths, fd >= 0 ? "writable" : strerror(errno));
	}
	fflush(stdout);
	return 0;
}

/* What the kernel says of how it runs. */
static int see_place(void)
{
	char text[256], path[64];
	static const char *const spaces[] = { "net", "ipc", "uts", "mnt" };
	FILE *f = fopen("/proc/self/oom_score_adj", "r");
	if (f != NULL && fgets(text, sizeof text, f) != NULL)
		printf("oom: %s", text);
	struct sched_param param = { 0 };
	syscall(SYS_sched_getparam, 0, &param);
	printf("umask: %03o\nnice: %d\nscheduler: %ld %d\n", (unsigned)umask(0), getpriority(PRIO_PROCESS, 0),
	       syscall(SYS_sched_getscheduler, 0), param.sched_priority);
	for (size_t i = 0; i < sizeof spaces / sizeof spaces[0]; i++) {
		snprintf(path, sizeof path, "/proc/self/ns/%s", spaces[i]);
		ssize_t n = readlink(path, text, sizeof text - 1);
		text[n > 0 ? n : 0] = '\0';
		printf("%s\n", text);
	}
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	printf("loopback: %s\n",
	       sendto(fd, "", 0, 0, (struct sockaddr *)&a, sizeof a) < 0 && errno == ENETUNREACH ? "down" : "up");
	fflush(stdout);
	return 0;
}

/* So many processes take so many MiB each and keep them; how many could. */
static int eat(int n, size_t mib)
{
	int made = 0, ends[2];
	char byte;
	if (pipe(ends) < 0)
		return 1;
	for (int i = 0; i < n; i++) {
		pid_t pid = fork();
		if (pid < 0)
			break;
		if (pid == 0) {
			volatile char *p = malloc((mib << 20) + 1);
			for (size_t at = 0; p != NULL && at < mib << 20; at += 4096)
				p[at] = 1;
			if (p != NULL)
				(void)!write(ends[1], "", 1);
			close(ends[1]);
			wait_for_ever();
		}
		made++;
	}
	close(ends[1]);
	int fed = 0;
	while (fed < made && read(ends[0], &byte, 1) == 1)
		fed++;
	printf("fed: %d of %d\n", fed, made);
	fflush(stdout);
	return 0;
}

/* Whether a call is refused; the arguments make each fail, or do nothing, by itself. */
static int see_calls(void)
{
	static const struct {
		const char *name;
		long number, a;
	} calls[] = {
		{ "mount", SYS_mount, 0 },
		{ "unshare", SYS_unshare, 0 },
		{ "ptrace", SYS_ptrace, -1 },
		{ "socket", SYS_socket, AF_UNIX },
		{ "open", SYS_open, (long)"/dev/null" },
		{ "getppid", SYS_getppid, 0 },
		{ "fork", SYS_fork, 0 },
		{ "unknown", 999, 0 },
		{ "newns", SYS_clone, 0x10000000 | SIGCHLD },
	};
	for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
		long r = syscall(calls[i].number, calls[i].a, calls[i].number == SYS_socket ? SOCK_STREAM : 0, 0,
				 0, 0);
		if (r == 0 && (calls[i].number == SYS_fork || calls[i].number == SYS_clone))
			_exit(0);
		printf("%s: %s\n", calls[i].name,
		       r >= 0		 ? "done"
		       : errno == EPERM	 ? "EPERM"
		       : errno == ENOSYS ? "ENOSYS"
					 : "failed");
	}
	fflush(stdout);
	return 0;
}

/* A call as a 32-bit program makes it. */
static int call_foreign(void)
{
	long r = 20; /* getpid there */
#ifdef __x86_64__
	__asm__ volatile("int $0x80" : "+a"(r) : : "memory");
#endif
	say(r > 0 ? "foreign call done" : "foreign call refused");
	return 0;
}

/* Serves what it was given as systemd's protocol has it: says which, and who it is to everybody who asks. */
static int serve(int requests)
{
	const char *fds = getenv("LISTEN_FDS"), *pid = getenv("LISTEN_PID"), *names = getenv("LISTEN_FDNAMES");
	struct pollfd polled[32];
	int n = fds != NULL ? atoi(fds) : 0;
	printf("listen: %d %s %s\n", n, pid != NULL && atoi(pid) == getpid() ? "mine" : "not mine",
	       names != NULL ? names : "-");
	for (int i = 0; i < n && i < 32; i++) {
		struct sockaddr_storage a = { 0 };
		socklen_t size = sizeof a;
		int type = 0;
		socklen_t type_size = sizeof type;
		getsockname(3 + i, (struct sockaddr *)&a, &size);
		getsockopt(3 + i, SOL_SOCKET, SO_TYPE, &type, &type_size);
		printf("fd %d: family %d type %d%s\n", 3 + i, a.ss_family, type,
		       (fcntl(3 + i, F_GETFL) & O_NONBLOCK) != 0 ? " nonblocking" : "");
		polled[i] = (struct pollfd){ .fd = 3 + i, .events = POLLIN };
	}
	fflush(stdout);
	while (requests-- > 0 && poll(polled, (nfds_t)n, -1) > 0)
		for (int i = 0; i < n; i++) {
			char text[64];
			if ((polled[i].revents & POLLIN) == 0)
				continue;
			int client = accept(3 + i, NULL, NULL);
			if (client >= 0) {
				dprintf(client, "served by %d\n", (int)getpid());
				close(client);
				continue;
			}
			ssize_t got = read(3 + i, text, sizeof text - 1);
			text[got > 0 ? got : 0] = '\0';
			text[strcspn(text, "\n")] = '\0';
			printf("got: %s\n", text);
			fflush(stdout);
		}
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
		} else if (word[0] == '@') {
			while (access(word + 1, F_OK) != 0)
				usleep(20000);
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
			struct msghdr m = { .msg_name = &a,
					    .msg_namelen = sizeof a,
					    .msg_iov = &v,
					    .msg_iovlen = 1,
					    .msg_control = control,
					    .msg_controllen = sizeof control };
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
	if (strcmp(what, "files") == 0)
		return see_files(argv + 2);
	if (strcmp(what, "eat") == 0)
		return eat(atoi(arg), argc > 3 ? (size_t)atoi(argv[3]) : 0);
	if (strcmp(what, "limits") == 0) {
		struct rlimit as, nproc;
		getrlimit(RLIMIT_AS, &as);
		getrlimit(RLIMIT_NPROC, &nproc);
		printf("as %lld nproc %lld\n", (long long)as.rlim_cur, (long long)nproc.rlim_cur);
		return 0;
	}
	if (strcmp(what, "calls") == 0)
		return see_calls();
	if (strcmp(what, "foreign") == 0)
		return call_foreign();
	if (strcmp(what, "serve") == 0)
		return serve(argc > 2 ? atoi(arg) : 1 << 30);
	if (strcmp(what, "place") == 0)
		return see_place();
	if (strcmp(what, "touch") == 0)
		return open(arg, O_CREAT | O_WRONLY, 0600) < 0;
	fprintf(stderr, "probe: %s?\n", what);
	return 2;
}
