/* SPDX-License-Identifier: MIT
 *
 * The audit worker: writes the lines that PID 1 sends to the kernel's log or to a file, which is renamed when it is
 * full, so that two of them are all that there is.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "audit.h"
#include "manifest.h"
#include "sys.h"

#define FILE_BYTES_MAX ((off_t)8 << 20)

/* Told once until it goes well again: PID 1 has the log. */
static void complain(int socket, const char *path, int error)
{
	char text[256];
	int n = snprintf(text, sizeof text, "host.audit: %.160s: %s; decisions are not written", path,
			 strerror(-error));
	sys_send(socket, span_of(text, (size_t)n), NULL, 0);
}

static int open_file(const char *path, bool kmsg)
{
	return sys_open(kmsg ? "/dev/kmsg" : path, kmsg ? O_WRONLY : O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW,
			0600);
}

/* A new file, if this one is full. */
static int turn_over(const char *path, int fd)
{
	char old[4200];
	struct stat st;
	if (sys_fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size < FILE_BYTES_MAX)
		return fd;
	snprintf(old, sizeof old, "%s.1", path);
	if (sys_rename(path, old) < 0)
		return fd;
	sys_close(fd);
	return open_file(path, false);
}

int audit_worker(int socket, void *arg)
{
	const struct host *host = arg;
	bool kmsg = strcmp(host->audit, "kmsg") == 0;
	static char line[16 + AUDIT_LINE_MAX];
	size_t head = kmsg ? (size_t)snprintf(line, sizeof line, "<6>tao-audit: ") : 0;
	int fd = -1;
	bool well = true;
	for (;;) {
		ssize_t n = sys_recv_wait(socket, line + head, AUDIT_LINE_MAX, NULL, 0, NULL);
		if (n <= 0)
			return 0;
		if (fd < 0)
			fd = open_file(host->audit, kmsg);
		int r = fd < 0 ? fd : sys_write_all(fd, line, head + (size_t)n);
		if (r < 0 && well)
			complain(socket, host->audit, r);
		well = r >= 0;
		if (fd >= 0 && !kmsg)
			fd = turn_over(host->audit, fd);
	}
}
