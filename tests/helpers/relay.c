/* SPDX-License-Identifier: MIT
 *
 * relay PATH: a service that passes its channel on to whoever listens on a unix socket, so that a test outside can
 * speak as the service.
 */
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int pass(int from, int to)
{
	char b[65536];
	ssize_t n = read(from, b, sizeof b);
	for (ssize_t at = 0, k; at < n; at += k)
		if ((k = write(to, b + at, (size_t)(n - at))) <= 0)
			return -1;
	return n > 0 ? 0 : -1;
}

int main(int argc, char **argv)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int s = socket(AF_UNIX, SOCK_STREAM, 0);
	if (argc != 2 || strlen(argv[1]) >= sizeof a.sun_path)
		return 2;
	strcpy(a.sun_path, argv[1]);
	if (connect(s, (struct sockaddr *)&a, sizeof a) < 0) {
		perror(argv[1]);
		return 1;
	}
	for (;;) {
		struct pollfd p[2] = { { .fd = 3, .events = POLLIN }, { .fd = s, .events = POLLIN } };
		if (poll(p, 2, -1) < 0)
			return 1;
		if ((p[0].revents != 0 && pass(3, s) < 0) || (p[1].revents != 0 && pass(s, 3) < 0))
			return 0;
	}
}
