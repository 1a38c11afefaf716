/* SPDX-License-Identifier: MIT
 *
 * A small database: names and values, kept in one file that only this program on this host can read, and of which
 * nobody can bring back an older copy. Each connection sends one line and has one back:
 *
 *	set NAME VALUE		ok
 *	get NAME		the value, or an empty line
 *
 *	"store": { "exec": ["/bin/store", "/var/lib/store/data"], "sockets": [{"tcp": "127.0.0.1:7000"}], "ready": "fd" }
 *
 * What is sealed begins with a number. A change writes the file with the next number first and tells the host's counter
 * second. Whenever power fails, the file's number is then the counter's or the next one; a smaller one is an old copy.
 *
 *	musl-gcc -static -Os -Iclient -o store rootfs/examples/store.c client/tao.c
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "tao.h"

#define LISTEN_FD 3
#define LABEL "store"
#define LINE_MAX_BYTES 1024
#define DATA_MAX 65536
#define SEALED_MAX (DATA_MAX + 4096)
/* A client that says or takes nothing for so long is left. */
#define PATIENCE_S 5

struct store {
	struct tao_host *host;
	const char *path;
	int64_t number; /* of what is on disk */
	size_t size;
	char data[DATA_MAX]; /* lines "NAME VALUE\n" */
};

static int fail(const char *what, const char *why)
{
	fprintf(stderr, "store: %s: %s\n", what, why);
	return 1;
}

/* Reads all of a file of at most max bytes; -1 if it is not there, -2 if it cannot be read. */
static long read_file(const char *path, unsigned char *to, size_t max)
{
	FILE *f = fopen(path, "rbe");
	if (f == NULL)
		return -1;
	size_t n = fread(to, 1, max, f);
	int bad = ferror(f) || fgetc(f) != EOF;
	fclose(f);
	return bad ? -2 : (long)n;
}

/* Replaces a file so that after a power cut there is the old one or the new one. */
static int write_file(const char *path, const struct tao_bytes *bytes)
{
	char fresh[4096], dir[4096];
	int n = snprintf(fresh, sizeof fresh, "%s.new", path);
	if (n < 0 || (size_t)n >= sizeof fresh)
		return -1;
	strcpy(dir, path);
	char *slash = strrchr(dir, '/');
	if (slash == NULL)
		return -1;
	*slash = '\0';
	int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return -1;
	int good = write(fd, bytes->data, bytes->size) == (ssize_t)bytes->size && fsync(fd) == 0;
	close(fd);
	if (!good || rename(fresh, path) < 0)
		return -1;
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	good = fd >= 0 && fsync(fd) == 0;
	if (fd >= 0)
		close(fd);
	return good ? 0 : -1;
}

/* Everything, under the next number. */
static int save(struct store *s)
{
	static char plain[DATA_MAX + 32];
	struct tao_bytes sealed = { NULL, 0 };
	int n = snprintf(plain, sizeof plain, "%" PRId64 "\n", s->number + 1);
	memcpy(plain + n, s->data, s->size);
	int rc = tao_host_seal(s->host, "self", plain, (size_t)n + s->size, &sealed);
	if (rc != TAO_OK)
		return fail("seal", tao_host_error(s->host, rc));
	int r = write_file(s->path, &sealed);
	tao_bytes_free(&sealed);
	if (r < 0)
		return fail(s->path, "cannot be written");
	rc = tao_host_init_counter(s->host, LABEL, s->number + 1);
	if (rc != TAO_OK)
		return fail("counter", tao_host_error(s->host, rc));
	s->number++;
	return 0;
}

static int take(struct store *s, const struct tao_bytes *plain, int64_t counter)
{
	char *end = NULL, head[32] = "";
	memcpy(head, plain->data, plain->size < sizeof head - 1 ? plain->size : sizeof head - 1);
	s->number = strtoll(head, &end, 10);
	size_t n = (size_t)(end - head) + 1;
	if (*end != '\n' || plain->size - n > DATA_MAX)
		return fail(s->path, "is no file of this program");
	if (s->number < counter)
		return fail(s->path, "is an older copy: somebody has put it back; restore the newest one");
	s->size = plain->size - n;
	memcpy(s->data, plain->data + n, s->size);
	/* Power failed between the two steps of the last change. */
	int rc = s->number > counter ? tao_host_init_counter(s->host, LABEL, s->number) : TAO_OK;
	return rc == TAO_OK ? 0 : fail("counter", tao_host_error(s->host, rc));
}

static int load(struct store *s)
{
	static unsigned char file[SEALED_MAX];
	int64_t counter = 0;
	int rc = tao_host_counter(s->host, LABEL, &counter);
	long n = read_file(s->path, file, sizeof file);
	/* No counter yet: the first start on this host. */
	if (rc == TAO_E_REFUSED && n == -1 && tao_host_init_counter(s->host, LABEL, 0) == TAO_OK)
		return save(s);
	if (rc != TAO_OK)
		return fail("counter", tao_host_error(s->host, rc));
	if (n == -1)
		return fail(s->path, "is gone, but there was one: restore the newest one");
	if (n < 0)
		return fail(s->path, "cannot be read");
	struct tao_bytes plain = { NULL, 0 };
	rc = tao_host_unseal(s->host, file, (size_t)n, &plain, NULL);
	if (rc != TAO_OK)
		return fail(s->path, tao_host_error(s->host, rc));
	int r = take(s, &plain, counter);
	tao_bytes_free(&plain);
	return r;
}

/* Where the line of that name begins, and its length with the newline. */
static char *find(struct store *s, const char *name, size_t *size)
{
	size_t n = strlen(name);
	for (char *line = s->data; line < s->data + s->size; line += *size) {
		*size = (size_t)((char *)memchr(line, '\n', (size_t)(s->data + s->size - line)) - line) + 1;
		if (*size > n && memcmp(line, name, n) == 0 && line[n] == ' ')
			return line;
	}
	return NULL;
}

static const char *set(struct store *s, const char *name, const char *value)
{
	size_t old = 0, n = strlen(name) + strlen(value) + 2;
	char *line = find(s, name, &old);
	if (s->size - old + n >= DATA_MAX)
		return "error: full";
	if (line != NULL) {
		memmove(line, line + old, (size_t)(s->data + s->size - line) - old);
		s->size -= old;
	}
	s->size += (size_t)snprintf(s->data + s->size, DATA_MAX - s->size, "%s %s\n", name, value);
	return save(s) == 0 ? "ok" : "error: not saved";
}

static void serve(struct store *s, int client)
{
	char line[LINE_MAX_BYTES + 1], name[LINE_MAX_BYTES], value[LINE_MAX_BYTES];
	size_t n = 0, size = 0;
	do {
		ssize_t got = recv(client, line + n, LINE_MAX_BYTES - n, 0);
		if (got <= 0)
			return;
		n += (size_t)got;
	} while (n < LINE_MAX_BYTES && memchr(line, '\n', n) == NULL);
	line[n] = '\0';
	if (sscanf(line, "set %1000s %1000[^\r\n]", name, value) == 2) {
		dprintf(client, "%s\n", set(s, name, value));
	} else if (sscanf(line, "get %1000s", name) == 1) {
		const char *found = find(s, name, &size);
		size_t skip = found != NULL ? strlen(name) + 1 : 0;
		dprintf(client, "%.*s\n", found != NULL ? (int)(size - skip - 1) : 0,
			found != NULL ? found + skip : "");
	} else {
		dprintf(client, "error: say set NAME VALUE or get NAME\n");
	}
}

static void tell_ready(void)
{
	const char *fd = getenv("TAO_READY_FD");
	if (fd != NULL) {
		dprintf(atoi(fd), "\n");
		close(atoi(fd));
	}
}

int main(int argc, char **argv)
{
	static struct store store;
	const char *passed = getenv("LISTEN_FDS");
	if (argc != 2 || passed == NULL || strcmp(passed, "1") != 0) {
		fprintf(stderr,
			"usage: store FILE, with one listening socket passed (sockets, in the manifest)\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	store.path = argv[1];
	int rc = tao_host_connect(&store.host);
	if (rc != TAO_OK)
		return fail("channel", tao_host_error(store.host, rc));
	if (load(&store) != 0)
		return 1;
	tell_ready();
	for (;;) {
		int client = accept4(LISTEN_FD, NULL, NULL, SOCK_CLOEXEC);
		if (client < 0)
			continue;
		struct timeval patience = { .tv_sec = PATIENCE_S };
		setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
		setsockopt(client, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
		serve(&store, client);
		close(client);
	}
}
