/* SPDX-License-Identifier: MIT
 *
 *	crowd SOCKET N         N clients of the admin channel that connect and stay: a third says nothing, a third
 *		garbage, a third asks again and again and does not read; prints "there", and ends with its standard input
 *	crowd run N COMMAND…   runs a command N times, its output left out: p50 and p99, µs
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

/* A header of op and number, an empty body. */
static const char status[] = "\0\0\0\x12\x0a\x0eTaoInit.Status\x10\1\0\0\0\0";
#define STATUS_SIZE (sizeof status - 1)

static int crowd(const char *path, size_t n)
{
	static char requests[500 * STATUS_SIZE];
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	struct rlimit most;
	char byte;
	snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
	getrlimit(RLIMIT_NOFILE, &most);
	most.rlim_cur = most.rlim_max;
	setrlimit(RLIMIT_NOFILE, &most);
	for (size_t i = 0; i < sizeof requests; i++)
		requests[i] = status[i % STATUS_SIZE];
	for (size_t i = 0; i < n; i++) {
		int fd = socket(AF_UNIX, SOCK_STREAM, 0);
		if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof a) < 0)
			die("connect");
		if (i % 3 == 1)
			send(fd, "garbage that is no frame", 24, MSG_NOSIGNAL | MSG_DONTWAIT);
		else if (i % 3 == 2)
			send(fd, requests, sizeof requests, MSG_NOSIGNAL | MSG_DONTWAIT);
	}
	puts("there");
	fflush(stdout);
	return read(0, &byte, 1) != 0;
}

static int run(size_t n, char **argv)
{
	int64_t *v = times(n);
	int nowhere = open("/dev/null", O_RDWR);
	for (size_t i = 0; i < n; i++) {
		int status_of, nothing = nowhere;
		int64_t t = now();
		pid_t pid = vfork();
		if (pid == 0) {
			dup2(nothing, 1);
			execv(argv[0], argv);
			_exit(127);
		}
		if (waitpid(pid, &status_of, 0) < 0 || status_of != 0)
			die(argv[0]);
		v[i] = now() - t;
	}
	qsort(v, n, sizeof *v, by_size);
	printf("%.1f %.1f\n", (double)v[n / 2] / 1e3, (double)v[n * 99 / 100] / 1e3);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc > 3 && strcmp(argv[1], "run") == 0)
		return run(strtoul(argv[2], NULL, 10), argv + 3);
	return argc == 3 ? crowd(argv[1], strtoul(argv[2], NULL, 10)) : 2;
}
