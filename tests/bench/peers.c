/* SPDX-License-Identifier: MIT
 *
 * How a supervisor fares, whichever it is. Prints numbers; judges nothing.
 *
 *	peers MODE N SIGNAL FIFO STOP COMMAND…
 *
 * COMMAND runs N services, whose standard output is its own, or FIFO, which this program makes: "bench ready", or "bench
 * stray" for the last mode. SIGNAL tells it to end with all of them; the command line STOP stops one.
 *
 *	up         ms until all run; ms until all have ended; at rest, PSS in KiB and the number of its processes
 *	restart    a service that has been up for a second is killed: p50 and p99 until it runs again, ms; one that has
 *	           just been restarted is killed: p50, ms
 *	idle       context switches in 30 s
 *	fork       no process can be had for 2 s, in which its service is killed: ms from there until it runs again, the
 *	           longest of three. The cgroup $PIDS has pids.max.
 *	strays     processes that are left of a service which is killed three times and then stopped
 *
 * Its processes are all descendants of COMMAND but the services. We are the reaper of what they leave behind, and kill
 * it at the end.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "bench.h"

#define SECOND 1000000000LL
#define PROCESSES_MAX 8192

static pid_t super; /* the supervisor */
static int in;	    /* what services say */
static int writer;  /* so that its end is not read while nobody has opened it yet */
static int *services;
static size_t n_services;

static void rest(int64_t ns)
{
	struct timespec t = { .tv_sec = ns / SECOND, .tv_nsec = ns % SECOND };
	nanosleep(&t, NULL);
}

static int by_number(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

/* Writes a cgroup's file. */
static void put(const char *dir, const char *file, const char *text)
{
	char path[512];
	snprintf(path, sizeof path, "%s/%s", dir, file);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		die(path);
	close(fd);
}

/* All descendants of a process that are no services, itself first. */
static size_t processes_of(pid_t pid, int found[static PROCESSES_MAX])
{
	char path[96];
	size_t n = 1;
	found[0] = (int)pid;
	for (size_t i = 0; i < n; i++) {
		int child;
		snprintf(path, sizeof path, "/proc/%d/task/%d/children", found[i], found[i]);
		FILE *f = fopen(path, "r");
		while (f != NULL && n < PROCESSES_MAX && fscanf(f, "%d", &child) == 1)
			if (bsearch(&child, services, n_services, sizeof *services, by_number) == NULL)
				found[n++] = child;
		if (f != NULL)
			fclose(f);
	}
	return n;
}

/* The sum of the numbers behind such a word in such a file of each process. */
static long sum_of(const char *file, const char *word)
{
	static int found[PROCESSES_MAX];
	size_t n = processes_of(super, found);
	char path[96], line[256];
	long sum = 0;
	for (size_t i = 0; i < n; i++) {
		snprintf(path, sizeof path, "/proc/%d/%s", found[i], file);
		FILE *f = fopen(path, "r");
		while (f != NULL && fgets(line, sizeof line, f) != NULL)
			if (strncmp(line, word, strlen(word)) == 0)
				sum += strtol(line + strlen(word), NULL, 10);
		if (f != NULL)
			fclose(f);
	}
	return sum;
}

static void sweep(void)
{
	static int found[PROCESSES_MAX];
	n_services = 0;
	for (size_t n; (n = processes_of(getpid(), found)) > 1;) {
		while (--n > 0)
			kill(found[n], SIGKILL);
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		rest(SECOND / 100);
	}
}

static void give_up(int signal_)
{
	exit(signal_);
}

/* A service has started, at most so many ns from now; or all writers have ended, which is false. */
static bool hear(struct stamp *stamp, int64_t ns)
{
	struct pollfd p = { .fd = in, .events = POLLIN };
	int ready = poll(&p, 1, ns > 0 ? (int)(ns / 1000000) : 0);
	errno = ETIMEDOUT;
	if (ready <= 0)
		die("peers: a service is not up");
	ssize_t r = read(in, stamp, sizeof *stamp);
	if (r != 0 && r != (ssize_t)sizeof *stamp)
		die("peers: read");
	return r != 0;
}

/* Starts the supervisor and waits for its services: ns. */
static int64_t start(size_t n, const char *fifo, char **command)
{
	const char *pids = getenv("PIDS");
	unlink(fifo);
	if (mkfifo(fifo, 0666) < 0 || chmod(fifo, 0666) < 0)
		die(fifo);
	in = open(fifo, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	writer = open(fifo, O_WRONLY | O_CLOEXEC);
	services = calloc(n, sizeof *services);
	if (in < 0 || writer < 0 || services == NULL || fcntl(in, F_SETFL, 0) < 0)
		die(fifo);
	int64_t t = now();
	super = fork();
	if (super == 0) {
		if (pids != NULL)
			put(pids, "cgroup.procs", "0");
		dup2(writer, 1);
		execvp(command[0], command);
		_exit(127);
	}
	for (size_t i = 0; i < n; i++) {
		struct stamp stamp;
		hear(&stamp, t + 60 * SECOND - now());
		services[i] = (int)stamp.pid;
	}
	t = now() - t;
	n_services = n;
	qsort(services, n, sizeof *services, by_number);
	return t;
}

/* Ends all: ns. A supervisor may end before its services have. */
static int64_t stop(int signal_)
{
	struct stamp stamp;
	int64_t t = now();
	close(writer);
	kill(super, signal_);
	waitpid(super, NULL, 0);
	while (hear(&stamp, 30 * SECOND))
		;
	return now() - t;
}

static void up(size_t n, int signal_, const char *fifo, char **command)
{
	static int found[PROCESSES_MAX];
	int64_t t = start(n, fifo, command);
	rest(SECOND * 5 / 4); /* memory at rest; and who ends at once may be waited for, as if it had crashed */
	long pss = sum_of("smaps_rollup", "Pss:");
	size_t count = processes_of(super, found);
	printf("%.2f %.2f %ld %zu\n", (double)t / 1e6, (double)stop(signal_) / 1e6, pss, count);
}

static int64_t kill_and_wait(int64_t pid, struct stamp *stamp)
{
	int64_t t = now();
	kill((pid_t)pid, SIGKILL);
	hear(stamp, 20 * SECOND);
	return stamp->time - t;
}

static void restart(size_t n, int signal_, const char *fifo, char **command)
{
	int64_t *v = times(n);
	struct stamp stamp;
	start(n, fifo, command);
	rest(SECOND * 5 / 4);
	/* As many as can be had in a time; who waits a second has one figure anyway. */
	size_t k = 0;
	for (int64_t end = now() + 5 * SECOND; k < n && now() < end; k++)
		v[k] = kill_and_wait(services[k], &stamp);
	qsort(v, k, sizeof *v, by_size);
	printf("%.3f %.3f ", (double)v[k / 2] / 1e6, (double)v[k * 99 / 100] / 1e6);
	k = 0;
	for (int64_t end = now() + 3 * SECOND; k < n && now() < end; k++)
		v[k] = kill_and_wait(stamp.pid, &stamp);
	qsort(v, k, sizeof *v, by_size);
	printf("%.3f\n", (double)v[k / 2] / 1e6);
	stop(signal_);
}

static void idle(size_t n, int signal_, const char *fifo, char **command)
{
	start(n, fifo, command);
	rest(8 * SECOND); /* workers that nobody needs any more end after some seconds */
	long before =
		sum_of("status", "voluntary_ctxt_switches:") + sum_of("status", "nonvoluntary_ctxt_switches:");
	rest(30 * SECOND);
	long after =
		sum_of("status", "voluntary_ctxt_switches:") + sum_of("status", "nonvoluntary_ctxt_switches:");
	printf("%ld\n", after - before);
	stop(signal_);
}

static void fork_fails(int signal_, const char *fifo, char **command)
{
	const char *pids = getenv("PIDS");
	struct stamp stamp = { 0 };
	int64_t most = 0;
	start(1, fifo, command);
	stamp.pid = services[0];
	for (int i = 0; i < 3 && most < 5 * SECOND; i++) {
		rest(SECOND * 5 / 4);
		put(pids, "pids.max", "0");
		kill((pid_t)stamp.pid, SIGKILL);
		rest(2 * SECOND);
		int64_t t = now();
		put(pids, "pids.max", "max");
		struct pollfd p = { .fd = in, .events = POLLIN };
		if (poll(&p, 1, 10000) <= 0) {
			printf(">10000\n");
			return;
		}
		hear(&stamp, SECOND);
		if (stamp.time - t > most)
			most = stamp.time - t;
	}
	printf("%.0f\n", (double)most / 1e6);
	stop(signal_);
}

/* Processes that run "… stray", of all that are below us. */
static int count_strays(void)
{
	static int found[PROCESSES_MAX];
	char path[96], line[512];
	size_t n = processes_of(getpid(), found);
	int count = 0;
	for (size_t i = 0; i < n; i++) {
		snprintf(path, sizeof path, "/proc/%d/cmdline", found[i]);
		FILE *f = fopen(path, "r");
		size_t length = f == NULL ? 0 : fread(line, 1, sizeof line - 1, f);
		line[length] = 0;
		size_t first = strlen(line) + 1;
		count += first < length && strcmp(line + first, "stray") == 0;
		if (f != NULL)
			fclose(f);
	}
	return count;
}

static void strays(int signal_, const char *fifo, const char *stop_one, char **command)
{
	struct stamp stamp;
	start(1, fifo, command);
	stamp.pid = services[0];
	for (int i = 0; i < 3; i++)
		kill_and_wait(stamp.pid, &stamp);
	if (system(stop_one) != 0)
		fprintf(stderr, "peers: failed: %s\n", stop_one);
	rest(SECOND / 2);
	printf("%d\n", count_strays());
	kill(super, signal_);
	waitpid(super, NULL, 0);
}

int main(int argc, char **argv)
{
	if (argc < 7) {
		fprintf(stderr, "peers: wrong usage; see the comment at the top of peers.c\n");
		return 2;
	}
	const char *mode = argv[1], *fifo = argv[4];
	size_t n = (size_t)strtoul(argv[2], NULL, 10);
	int signal_ = atoi(argv[3]);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	atexit(sweep);
	signal(SIGTERM, give_up);
	signal(SIGINT, give_up);
	if (strcmp(mode, "up") == 0)
		up(n, signal_, fifo, argv + 6);
	else if (strcmp(mode, "restart") == 0)
		restart(n, signal_, fifo, argv + 6);
	else if (strcmp(mode, "idle") == 0)
		idle(n, signal_, fifo, argv + 6);
	else if (strcmp(mode, "fork") == 0)
		fork_fails(signal_, fifo, argv + 6);
	else if (strcmp(mode, "strays") == 0)
		strays(signal_, fifo, argv[5], argv + 6);
	return 0;
}
