/* SPDX-License-Identifier: MIT
 *
 * A web server for files that do not change: GET and HEAD over HTTP/1.0, one connection at a time, for the files of one
 * directory. It opens no socket itself and needs no right to a low port: the host listens from the boot on and passes
 * the socket (sd_listen_fds(3)), so nobody is turned away while this program starts again.
 *
 *	"web": { "exec": ["/bin/web", "/srv/www"], "sockets": [{"tcp": "0.0.0.0:80"}], "restart": "always" }
 *
 *	cc -static -Os -o web rootfs/examples/web.c
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/openat2.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#define LISTEN_FD 3
#define REQUEST_MAX 4096
/* A client that says or takes nothing for so long is left. */
#define PATIENCE_S 5

static void answer(int client, const char *status, const char *type, long long length)
{
	dprintf(client, "HTTP/1.0 %s\r\nContent-Type: %s\r\nContent-Length: %lld\r\nConnection: close\r\n\r\n",
		status, type, length);
}

static void refuse(int client, const char *status)
{
	answer(client, status, "text/plain", (long long)strlen(status) + 1);
	dprintf(client, "%s\n", status);
}

static const char *type_of(const char *path)
{
	static const char *const types[][2] = { { ".html", "text/html; charset=utf-8" },
						{ ".css", "text/css" },
						{ ".js", "text/javascript" },
						{ ".png", "image/png" },
						{ ".svg", "image/svg+xml" },
						{ ".txt", "text/plain; charset=utf-8" } };
	const char *end = strrchr(path, '.');
	for (size_t i = 0; end != NULL && i < sizeof types / sizeof types[0]; i++)
		if (strcmp(end, types[i][0]) == 0)
			return types[i][1];
	return "application/octet-stream";
}

/* The kernel itself sees to it that no path, link or ".." leads out of root. */
static int open_beneath(int root, const char *path)
{
	struct open_how how = { .flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK,
				.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS };
	return (int)syscall(SYS_openat2, root, path, &how, sizeof how);
}

/* Up to the empty line that ends a request's head; false if there is none. */
static int read_request(int client, char *text)
{
	size_t n = 0;
	while (n < REQUEST_MAX - 1) {
		ssize_t got = recv(client, text + n, REQUEST_MAX - 1 - n, 0);
		if (got <= 0)
			return 0;
		n += (size_t)got;
		text[n] = '\0';
		if (memchr(text, '\0', n) != NULL)
			return 0;
		if (strstr(text, "\r\n\r\n") != NULL || strstr(text, "\n\n") != NULL)
			return 1;
	}
	return 0;
}

static void serve(int client, int root)
{
	char text[REQUEST_MAX], method[8], path[1024];
	if (!read_request(client, text) || sscanf(text, "%7s /%1000[^ ?\r\n]", method, path) < 1) {
		refuse(client, "400 Bad Request");
		return;
	}
	if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0) {
		refuse(client, "501 Not Implemented");
		return;
	}
	if (sscanf(text, "%*7s /%1000[^ ?\r\n]", path) != 1)
		strcpy(path, "index.html");
	int file = open_beneath(root, path);
	struct stat st;
	if (file < 0 || fstat(file, &st) < 0 || !S_ISREG(st.st_mode)) {
		refuse(client, "404 Not Found");
	} else {
		answer(client, "200 OK", type_of(path), (long long)st.st_size);
		while (strcmp(method, "GET") == 0 && sendfile(client, file, NULL, 1 << 20) > 0)
			;
	}
	if (file >= 0)
		close(file);
}

int main(int argc, char **argv)
{
	const char *passed = getenv("LISTEN_FDS");
	int root = argc == 2 ? open(argv[1], O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
	if (root < 0 || passed == NULL || strcmp(passed, "1") != 0) {
		fprintf(stderr,
			"usage: web DIRECTORY, with one listening socket passed (sockets, in the manifest)\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	for (;;) {
		int client = accept4(LISTEN_FD, NULL, NULL, SOCK_CLOEXEC);
		if (client < 0)
			continue;
		struct timeval patience = { .tv_sec = PATIENCE_S };
		setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
		setsockopt(client, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
		serve(client, root);
		close(client);
	}
}
