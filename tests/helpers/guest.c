/* SPDX-License-Identifier: MIT
 *
 * The whole of a virtual machine of the tests: loads the modules of /modules, whose names order them, and does what the
 * kernel's command line says (do=WORD), a line each on the console. Unless it says otherwise, it then runs for ever, deaf
 * to the power button. With words behind "--" it runs /probe with them, a service's program, and turns itself off after it.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../bench/bench.h"
#include "tao.h"

static void say(const char *text)
{
	printf("%s\n", text);
	fflush(stdout);
}

static void load_modules(void)
{
	struct dirent **list;
	int n = scandir("/modules", &list, NULL, alphasort);
	for (int i = 0; i < n; i++) {
		char path[300];
		snprintf(path, sizeof path, "/modules/%s", list[i]->d_name);
		if (list[i]->d_name[0] == '.')
			continue;
		int fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0 || syscall(SYS_finit_module, fd, "", 0) < 0)
			printf("%s: %s\n", path, strerror(errno));
		close(fd);
	}
}

/* The device of the port of this name; it may come a moment later. */
static int open_port(const char *name)
{
	for (int i = 0; i < 1000; i++, usleep(10000)) {
		for (int port = 1; port < 4; port++) {
			char path[64], found[64] = "";
			snprintf(path, sizeof path, "/sys/class/virtio-ports/vport0p%d/name", port);
			FILE *f = fopen(path, "r");
			if (f == NULL)
				continue;
			char *line = fgets(found, sizeof found, f);
			fclose(f);
			if (line == NULL)
				continue;
			found[strcspn(found, "\n")] = '\0';
			snprintf(path, sizeof path, "/dev/vport0p%d", port);
			int fd = strcmp(found, name) == 0 ? open(path, O_RDWR | O_CLOEXEC) : -1;
			if (fd >= 0)
				return fd;
		}
	}
	say("no port");
	return -1;
}

static void put(int fd, const void *p, size_t n)
{
	if (write(fd, p, n) != (ssize_t)n)
		say("not taken");
}

/* The host's name and a round of sealing, as any program has them. */
static void talk(void)
{
	struct tao_host *host = NULL;
	struct tao_bytes name, sealed, data;
	char *text = NULL;
	int fd = open_port("tao");
	int rc = tao_host_connect_fds(&host, fd, fd);
	if (rc == TAO_OK)
		rc = tao_host_name(host, &name);
	if (rc == TAO_OK)
		rc = tao_name_text(name.data, name.size, &text);
	if (rc == TAO_OK) {
		printf("I am %s\n", text);
		rc = tao_host_seal(host, "self", "secret", 6, &sealed);
	}
	if (rc == TAO_OK)
		rc = tao_host_unseal(host, sealed.data, sealed.size, &data, NULL);
	if (rc != TAO_OK || data.size != 6 || memcmp(data.data, "secret", 6) != 0)
		printf("failed: %s\n", tao_host_error(host, rc));
	else
		say("sealed and opened");
}

/* µs of a round trip over the channel, p50 and p99: for the name, whose size is said, too; or, with in=BYTES, to somebody
 * who gives so many for 32. */
static void measure(const char *bytes)
{
	static char out[32], in[4096];
	static int64_t v[1000];
	struct tao_host *host = NULL;
	struct tao_bytes got = { NULL, 0 };
	int fd = open_port("tao");
	int rc = tao_host_connect_fds(&host, fd, fd);
	for (size_t i = 0; i < 1000 && rc == TAO_OK; i++) {
		int64_t t = now();
		if (bytes == NULL) {
			tao_bytes_free(&got);
			rc = tao_host_name(host, &got);
		} else {
			write_all(fd, out, sizeof out);
			read_all(fd, in, strtoul(bytes, NULL, 10) % sizeof in);
		}
		v[i] = now() - t;
	}
	qsort(v, 1000, sizeof v[0], by_size);
	if (rc == TAO_OK)
		printf("measured %.1f %.1f %zu\n", (double)v[500] / 1e3, (double)v[990] / 1e3, got.size);
	else
		printf("failed: %s\n", tao_host_error(host, rc));
}

/* The beginning of a frame that says it has 64 bytes. */
static const unsigned char half[] = { 0, 0, 0, 64, 1, 2, 3 };

/* Requests for the name, whose answers nobody takes. What the host does not take stays here. */
static void flood(int fd, char *p, size_t n)
{
	static const char ask[26] = "\0\0\0\x12\x0a\x0eTao.GetTaoName\x10\x01\0\0\0";
	size_t at = 0;
	n -= n % sizeof ask;
	for (size_t i = 0; i < n; i += sizeof ask)
		memcpy(p + i, ask, sizeof ask);
	for (;;) {
		ssize_t k = write(fd, p + at, n - at);
		at = k > 0 ? (at + (size_t)k) % n : at;
	}
}

static void hostile(const char *what)
{
	static char junk[65536];
	int fd = open_port("tao");
	memset(junk, 0xa5, sizeof junk);
	if (strcmp(what, "half") == 0)
		put(fd, half, sizeof half);
	else if (strcmp(what, "reopen") == 0) {
		put(fd, half, sizeof half);
		close(fd);
		fd = open_port("tao");
		put(fd, half, sizeof half);
	}
	say("done");
	while (strcmp(what, "junk") == 0)
		if (write(fd, junk, sizeof junk) < 0)
			usleep(1000);
	if (strcmp(what, "flood") == 0)
		flood(fd, junk, sizeof junk);
}

static void look(void)
{
	struct sysinfo info;
	char text[16] = "";
	sysinfo(&info);
	printf("memory %lu MiB, processors %ld\n", info.totalram >> 20, sysconf(_SC_NPROCESSORS_ONLN));
	int fd = -1;
	for (int i = 0; i < 1000 && fd < 0; i++, usleep(10000))
		fd = open("/dev/vda", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		say("no disk");
	if (fd >= 0 && read(fd, text, 8) == 8) {
		printf("disk %s\n", text);
		if (pwrite(fd, "from me", 8, 512) == 8 && fsync(fd) == 0)
			say("written");
	}
}

/* The port is what TAO_READY_FD tells of on a host, where the machine has one. */
static void run(char **words)
{
	if (getenv("ready") != NULL) {
		char number[12];
		int fd = open_port("tao.ready");
		fcntl(fd, F_SETFD, 0);
		snprintf(number, sizeof number, "%d", fd);
		setenv("TAO_READY_FD", number, 1);
	}
	pid_t pid = fork();
	if (pid == 0) {
		execv("/probe", words);
		_exit(127);
	}
	waitpid(pid, NULL, 0);
}

int main(int argc, char **argv)
{
	const char *what = getenv("do");
	mkdir("/dev", 0755);
	mkdir("/sys", 0755);
	mount("dev", "/dev", "devtmpfs", 0, NULL);
	mount("sys", "/sys", "sysfs", 0, NULL);
	int console = open("/dev/console", O_RDWR);
	for (int i = 0; i < 3; i++)
		dup2(console, i);
	if (what != NULL && strcmp(what, "begin") == 0) {
		say("here");
		reboot(RB_POWER_OFF);
	}
	load_modules();
	what = what == NULL ? argc > 1 ? "run" : "" : what;
	if (strcmp(what, "run") == 0)
		run(argv);
	else if (strcmp(what, "talk") == 0)
		talk();
	else if (strcmp(what, "measure") == 0)
		measure(getenv("in"));
	else if (strcmp(what, "look") == 0)
		look();
	else if (strcmp(what, "ready") == 0)
		put(open_port("tao.ready"), "\n", 1);
	else if (strcmp(what, "console") == 0)
		for (;;)
			say("all work and no play makes a dull machine");
	else
		hostile(what);
	if (strcmp(what, "off") == 0 || strcmp(what, "look") == 0 || strcmp(what, "run") == 0 ||
	    strcmp(what, "measure") == 0)
		reboot(RB_POWER_OFF);
	if (strcmp(what, "reboot") == 0)
		reboot(RB_AUTOBOOT);
	for (;;)
		pause();
}
