/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>

#include "log.h"
#include "sys.h"

/* A line longer than this is cut; the longest that we write is a diagnosis of 512 bytes and a prefix. */
#define LINE_MAX_BYTES 768

static struct {
	int fd;
	enum log_level most;
	unsigned lost;
	bool open;
} log_state = { .fd = 2, .most = LOG_INFO };

void log_open(enum log_level most)
{
	struct stat st;
	log_state.most = most;
	/* A regular file does not block, and a description of our own would have an offset of its own. */
	if (sys_fstat(2, &st) < 0 || S_ISREG(st.st_mode))
		return;
	/* Opened anew it is a description of our own. Sockets cannot be opened so: they are asked before each line. */
	int fd = sys_open("/proc/self/fd/2", O_WRONLY | O_APPEND | O_NONBLOCK | O_NOCTTY, 0);
	if (fd < 0)
		return;
	int high = sys_dup_high(fd);
	sys_close(fd);
	if (high < 0)
		return;
	if (log_state.open)
		sys_close(log_state.fd);
	log_state.fd = high;
	log_state.open = true;
}

static bool put(const char *line, size_t n)
{
	if (!log_state.open && !sys_writable(log_state.fd))
		return false;
	return sys_write(log_state.fd, line, n) >= 0;
}

void log_line(enum log_level level, const char *format, ...)
{
	char line[LINE_MAX_BYTES];
	if (level > log_state.most)
		return;
	int n = snprintf(line, sizeof line, "taoinit: %s",
			 level == LOG_ERROR	? "error: "
			 : level == LOG_WARNING ? "warning: "
						: "");
	va_list args;
	va_start(args, format);
	int m = vsnprintf(line + n, sizeof line - (size_t)n - 1, format, args);
	va_end(args);
	if (m < 0)
		return;
	size_t all = (size_t)n + (size_t)m;
	if (all > sizeof line - 2)
		all = sizeof line - 2;
	/* Hostile text (names, errors of programs) cannot forge a line or drive the terminal. */
	for (size_t i = 0; i < all; i++)
		if ((unsigned char)line[i] < ' ' || line[i] == 127)
			line[i] = '?';
	line[all++] = '\n';
	if (log_state.lost > 0) {
		char lost[64];
		int k = snprintf(lost, sizeof lost, "taoinit: warning: %u lines lost here\n", log_state.lost);
		if (!put(lost, (size_t)k)) {
			log_state.lost++;
			return;
		}
		log_state.lost = 0;
	}
	if (!put(line, all))
		log_state.lost++;
}

void log_warnings(char *lines)
{
	char *at = NULL;
	for (char *line = strtok_r(lines, "\n", &at); line != NULL; line = strtok_r(NULL, "\n", &at))
		log_warning("%s", line);
}
