/* SPDX-License-Identifier: MIT
 *
 * What the programs of the benchmarks share. */
#ifndef TAO_BENCH_H
#define TAO_BENCH_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* What a service says at its start: shorter than what a pipe takes in one piece. */
struct stamp {
	int64_t pid, time;
};

static inline int64_t now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static inline _Noreturn void die(const char *what)
{
	perror(what);
	exit(1);
}

static inline int by_size(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return x < y ? -1 : x > y;
}

static inline int64_t *times(size_t n)
{
	int64_t *v = calloc(n + 1, sizeof *v);
	if (v == NULL)
		die("calloc");
	return v;
}

/* Whoever is at the other end ends when it is done, and so do we. */
static inline void read_all(int fd, char *p, size_t n)
{
	while (n > 0) {
		ssize_t r = read(fd, p, n);
		if (r <= 0)
			exit(0);
		p += r;
		n -= (size_t)r;
	}
}

static inline void write_all(int fd, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t r = write(fd, p, n);
		if (r <= 0)
			exit(0);
		p += r;
		n -= (size_t)r;
	}
}

#endif
