/* SPDX-License-Identifier: MIT
 *
 * What the benchmarks are made of: floors (bare programs that do the same with nothing around them), services
 * that tell how they fared, and the harness that runs taoinit over them. Prints numbers; judges nothing.
 *
 *	bench spawn N PROGRAM          bare vfork+exec+wait, a cycle: p50 and p99, µs
 *	bench echo N BYTES_OUT BYTES_IN    bare echo between two processes over a socketpair: p50 and p99, µs
 *	bench up N PROGRAM [CGROUP]    bare: start N programs, until each has said so; then stop them, ms; each in a
 *		cgroup of its own below CGROUP, as taoinit's services are where it can
 *	bench revive N PROGRAM         bare: of N programs one is killed and started again: p50 and p99, ms
 *	bench taoinit-up N TAOINIT MANIFEST   until its N services are up, ms
 *	bench taoinit-restart N TAOINIT MANIFEST   restart cycles of its one service: p50 and p99, µs
 *	bench respawn N PROGRAM        bare: start, wait, start again; timed as the restarts are: p50 and p99, µs
 *	bench until WORD COMMAND…      from its start until WORD is read from fd 3, which is its output, too, ms; it ends
 *	bench beside OUT IN COMMAND…   it has fd 4, to a process that takes so many bytes and gives so many back, again and again
 * As services: bench ready (writes a stamp to fd 1 and waits), bench stray (the same, and leaves a daemon behind), bench
 * stamp (writes the time to fd 1 and ends), bench say WORD, bench client N (times GetTaoName), bench exit.
 */
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../../client/tao.h"
#include "bench.h"

static void print_quantiles(int64_t *v, size_t n)
{
	qsort(v, n, sizeof *v, by_size);
	printf("%.1f %.1f\n", (double)v[n / 2] / 1e3, (double)v[n * 99 / 100] / 1e3);
}

static pid_t start(char *const argv[], int out)
{
	pid_t pid = vfork();
	if (pid == 0) {
		if (out >= 0)
			dup2(out, 1);
		execv(argv[0], argv);
		_exit(127);
	}
	if (pid < 0)
		die("vfork");
	return pid;
}

static int spawn(size_t n, char *program)
{
	char *argv[] = { program, (char *)"exit", NULL };
	int64_t *v = times(n);
	for (size_t i = 0; i < n; i++) {
		int64_t t = now();
		waitpid(start(argv, -1), NULL, 0);
		v[i] = now() - t;
	}
	print_quantiles(v, n);
	return 0;
}

/* A process that takes so many bytes and gives so many back until nobody is there. */
static pid_t start_echo(int *fd, char *out, size_t out_n, char *in, size_t in_n)
{
	int fds[2];
	if (out == NULL || in == NULL || socketpair(AF_UNIX, SOCK_STREAM, 0, fds) < 0)
		die("socketpair");
	pid_t pid = fork();
	if (pid == 0) {
		close(fds[0]);
		for (;;) {
			read_all(fds[1], out, out_n);
			write_all(fds[1], in, in_n);
		}
	}
	close(fds[1]);
	*fd = fds[0];
	return pid;
}

static int echo(size_t n, size_t out_n, size_t in_n)
{
	int fd;
	char *out = calloc(1, out_n), *in = calloc(1, in_n);
	int64_t *v = times(n);
	pid_t pid = start_echo(&fd, out, out_n, in, in_n);
	for (size_t i = 0; i < n; i++) {
		int64_t t = now();
		write_all(fd, out, out_n);
		read_all(fd, in, in_n);
		v[i] = now() - t;
	}
	close(fd);
	waitpid(pid, NULL, 0);
	print_quantiles(v, n);
	return 0;
}

/* vfork() into a cgroup, which is made. The call stands here and not in a function: the child uses our stack. */
static pid_t start_in(const char *cgroup, char *const argv[], int out)
{
	struct clone_args args = { .flags = CLONE_VM | CLONE_VFORK | CLONE_INTO_CGROUP, .exit_signal = SIGCHLD };
	pid_t pid;
	int fd = mkdir(cgroup, 0755) < 0 ? -1 : open(cgroup, O_PATH | O_CLOEXEC);
	if (fd < 0)
		die(cgroup);
	args.cgroup = (uint64_t)fd;
	/* The return address of syscall() would be overwritten by the child's calls. */
	__asm__ volatile("syscall"
			 : "=a"(pid)
			 : "0"(SYS_clone3), "D"(&args), "S"(sizeof args)
			 : "rcx", "r11", "memory");
	if (pid == 0) {
		dup2(out, 1);
		execv(argv[0], argv);
		_exit(127);
	}
	if (pid < 0)
		die("clone3");
	close(fd);
	return pid;
}

static int up(size_t n, char *program, const char *cgroup)
{
	char *argv[] = { program, (char *)"ready", NULL }, path[256];
	pid_t *pids = calloc(n, sizeof *pids);
	struct stamp stamp;
	int fds[2];
	if (pids == NULL || pipe(fds) < 0)
		die("pipe");
	int64_t t = now();
	for (size_t i = 0; i < n; i++)
		if (cgroup == NULL) {
			pids[i] = start(argv, fds[1]);
		} else {
			snprintf(path, sizeof path, "%s/%zu", cgroup, i);
			pids[i] = start_in(path, argv, fds[1]);
		}
	for (size_t i = 0; i < n; i++)
		read_all(fds[0], (char *)&stamp, sizeof stamp);
	int64_t t_up = now() - t;
	t = now();
	for (size_t i = 0; i < n; i++)
		kill(pids[i], SIGTERM);
	for (size_t i = 0; i < n; i++)
		if (waitpid(pids[i], NULL, 0) > 0 && cgroup != NULL) {
			snprintf(path, sizeof path, "%s/%zu", cgroup, i);
			rmdir(path);
		}
	printf("%.2f %.2f\n", (double)t_up / 1e6, (double)(now() - t) / 1e6);
	return 0;
}

/* The floor of a restart after a kill. */
static int revive(size_t n, char *program)
{
	char *argv[] = { program, (char *)"ready", NULL };
	pid_t *pids = calloc(n, sizeof *pids);
	int64_t *v = times(n);
	struct stamp stamp;
	int fds[2];
	if (pids == NULL || pipe(fds) < 0)
		die("pipe");
	for (size_t i = 0; i < n; i++) {
		pids[i] = start(argv, fds[1]);
		read_all(fds[0], (char *)&stamp, sizeof stamp);
	}
	for (size_t i = 0; i < n; i++) {
		int64_t t = now();
		kill(pids[i], SIGKILL);
		waitpid(pids[i], NULL, 0);
		pids[i] = start(argv, fds[1]);
		read_all(fds[0], (char *)&stamp, sizeof stamp);
		v[i] = stamp.time - t;
	}
	for (size_t i = 0; i < n; i++)
		kill(pids[i], SIGKILL);
	qsort(v, n, sizeof *v, by_size);
	printf("%.3f %.3f\n", (double)v[n / 2] / 1e6, (double)v[n * 99 / 100] / 1e6);
	return 0;
}

static pid_t start_taoinit(char *taoinit, char *manifest, int fds[2])
{
	char *argv[] = { taoinit, (char *)"-f", manifest, NULL };
	if (pipe(fds) < 0)
		die("pipe");
	fcntl(fds[0], F_SETFD, FD_CLOEXEC);
	pid_t pid = start(argv, fds[1]);
	close(fds[1]);
	return pid;
}

static int taoinit_up(size_t n, char *taoinit, char *manifest)
{
	int fds[2];
	struct stamp stamp;
	int64_t t = now();
	pid_t pid = start_taoinit(taoinit, manifest, fds);
	for (size_t i = 0; i < n; i++)
		read_all(fds[0], (char *)&stamp, sizeof stamp);
	printf("%.2f\n", (double)(now() - t) / 1e6);
	kill(pid, SIGTERM);
	waitpid(pid, NULL, 0);
	return 0;
}

static int taoinit_restart(size_t n, char *taoinit, char *manifest)
{
	int fds[2];
	int64_t *v = times(n), last, t;
	pid_t pid = start_taoinit(taoinit, manifest, fds);
	read_all(fds[0], (char *)&last, sizeof last);
	for (size_t i = 0; i < n; i++) {
		read_all(fds[0], (char *)&t, sizeof t);
		v[i] = t - last;
		last = t;
	}
	kill(pid, SIGTERM);
	waitpid(pid, NULL, 0);
	print_quantiles(v, n);
	return 0;
}

/* The floor of a restart: a bare program that starts, waits and starts again, timed as the service times it. */
static int respawn(size_t n, char *program)
{
	char *argv[] = { program, (char *)"stamp", NULL };
	int fds[2];
	int64_t *v = times(n), last = 0, t;
	if (pipe(fds) < 0)
		die("pipe");
	for (size_t i = 0; i <= n; i++) {
		waitpid(start(argv, fds[1]), NULL, 0);
		read_all(fds[0], (char *)&t, sizeof t);
		if (i > 0)
			v[i - 1] = t - last;
		last = t;
	}
	print_quantiles(v, n);
	return 0;
}

static int until(const char *word, char **argv)
{
	char text[4096];
	size_t n = 0;
	int status = 1;
	struct pollfd p = { .fd = 3, .events = POLLIN };
	fcntl(3, F_SETFD, FD_CLOEXEC);
	while (poll(&p, 1, 0) > 0 && read(3, text, sizeof text) > 0) /* of before */
		;
	int64_t t = now();
	pid_t pid = start(argv, 3);
	while (memmem(text, n, word, strlen(word)) == NULL) {
		n = n < sizeof text ? n : 0;
		/* A QEMU makes it non-blocking, for all. */
		ssize_t r = poll(&p, 1, -1) > 0 ? read(3, text + n, sizeof text - n) : -1;
		if (r <= 0)
			die("fd 3");
		n += (size_t)r;
	}
	t = now() - t;
	waitpid(pid, &status, 0);
	printf("%.3f\n", (double)t / 1e6);
	return status != 0;
}

static int beside(size_t out_n, size_t in_n, char **argv)
{
	int fd;
	(void)start_echo(&fd, calloc(1, out_n), out_n, calloc(1, in_n), in_n);
	if (dup2(fd, 4) < 0)
		die("dup2");
	if (fd != 4)
		close(fd);
	execv(argv[0], argv);
	die(argv[0]);
}

static int client(size_t n)
{
	int64_t *v = times(n);
	struct tao_host *tao;
	int r = tao_host_connect(&tao);
	for (size_t i = 0; i < n && r == TAO_OK; i++) {
		struct tao_bytes name;
		int64_t t = now();
		r = tao_host_name(tao, &name);
		v[i] = now() - t;
		if (r == TAO_OK)
			tao_bytes_free(&name);
	}
	if (r != TAO_OK) {
		fprintf(stderr, "bench: %s\n", tao_host_error(tao, r));
		return 1;
	}
	print_quantiles(v, n);
	return 0;
}

static _Noreturn void ready(void)
{
	struct stamp stamp = { .pid = getpid(), .time = now() };
	write_all(1, (const char *)&stamp, sizeof stamp);
	for (;;)
		pause();
}

/* A daemon: the child of a child, in a session of its own. */
static _Noreturn void stray(void)
{
	pid_t pid = fork();
	if (pid == 0) {
		setsid();
		if (fork() != 0)
			_exit(0);
		for (;;)
			pause();
	}
	waitpid(pid, NULL, 0);
	ready();
}

static int stamp(void)
{
	int64_t t = now();
	return write(1, &t, sizeof t) == (ssize_t)sizeof t ? 0 : 1;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	size_t n = argc > 2 ? (size_t)strtoul(argv[2], NULL, 10) : 0;
	if (strcmp(what, "exit") == 0)
		return 0;
	if (strcmp(what, "ready") == 0)
		ready();
	if (strcmp(what, "stray") == 0)
		stray();
	if (strcmp(what, "stamp") == 0)
		return stamp();
	if (strcmp(what, "say") == 0 && argc == 3)
		return puts(argv[2]) < 0;
	if (strcmp(what, "until") == 0 && argc > 3)
		return until(argv[2], argv + 3);
	if (strcmp(what, "beside") == 0 && argc > 4)
		return beside(n, strtoul(argv[3], NULL, 10), argv + 4);
	if (strcmp(what, "client") == 0 && argc == 3)
		return client(n);
	if (strcmp(what, "spawn") == 0 && argc == 4)
		return spawn(n, argv[3]);
	if (strcmp(what, "respawn") == 0 && argc == 4)
		return respawn(n, argv[3]);
	if (strcmp(what, "echo") == 0 && argc == 5)
		return echo(n, strtoul(argv[3], NULL, 10), strtoul(argv[4], NULL, 10));
	if (strcmp(what, "up") == 0 && (argc == 4 || argc == 5))
		return up(n, argv[3], argv[4]);
	if (strcmp(what, "revive") == 0 && argc == 4)
		return revive(n, argv[3]);
	if (strcmp(what, "taoinit-up") == 0 && argc == 5)
		return taoinit_up(n, argv[3], argv[4]);
	if (strcmp(what, "taoinit-restart") == 0 && argc == 5)
		return taoinit_restart(n, argv[3], argv[4]);
	fprintf(stderr, "bench: wrong usage; see the comment at the top of bench.c\n");
	return 2;
}
