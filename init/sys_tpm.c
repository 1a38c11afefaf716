/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "sys.h"
#include "sys_platform.h"
#include "sys_tpm.h"

#define MS 1000000
#define HEADER 10
/* Between two tries of a command. */
#define PAUSE_FIRST ((int64_t)10 * MS)
#define PAUSE_LAST ((int64_t)500 * MS)

__attribute__((format(printf, 3, 4))) static int failed(struct sys_tpm *tpm, int r, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(tpm->why, sizeof tpm->why, format, args);
	va_end(args);
	return r;
}

/* A transmission after which there can be no other. */
static int dead(struct sys_tpm *tpm, int r, const char *what, int error)
{
	tpm->dead = r;
	if (r == ERR_TIMEOUT)
		return failed(tpm, r, "%s: no answer in %lld ms; %s", tpm->path, (long long)(tpm->patience / MS),
			      tpm->device ? "switch the machine off and on if this happens again"
					  : "is swtpm stopped, or busy with another client?");
	return failed(tpm, r, "%s: %s: %s", tpm->path, what, error == 0 ? "closed" : strerror(error));
}

/* Waits until fd is ready: 0; or what dead gives. */
static int wait_for(struct sys_tpm *tpm, int fd, short events, int64_t deadline)
{
	struct pollfd poll_fd = { .fd = fd, .events = events };
	for (;;) {
		int64_t left = deadline - sys_now();
		if (left <= 0)
			return dead(tpm, ERR_TIMEOUT, "", 0);
		int r = poll(&poll_fd, 1, (int)(left / MS) + 1);
		if (r > 0)
			return 0;
		if (r < 0 && errno != EINTR)
			return dead(tpm, ERR_IO, "poll", errno);
	}
}

static bool later(int error)
{
	return error == EAGAIN || error == EINTR;
}

/* ---- swtpm: a connection a command, so that others get their turn ---- */

static int connect_error(struct sys_tpm *tpm, int error)
{
	switch (error) {
	case ENOENT:
		return failed(tpm, ERR_IO,
			      "%s: no such socket; start swtpm with --tpm2 --server type=unixio,path=%.60s",
			      tpm->path, tpm->path);
	case ECONNREFUSED:
		return failed(tpm, ERR_IO, "%s: nobody listens there; has swtpm ended?", tpm->path);
	case EACCES:
	case EPERM:
		return failed(tpm, ERR_IO, "%s: not permitted; run as the user that swtpm runs as", tpm->path);
	default:
		return failed(tpm, ERR_IO, "%s: %s", tpm->path, strerror(error));
	}
}

/* The descriptor, or an enum err. */
static int swtpm_connect(struct sys_tpm *tpm, int64_t deadline)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	memcpy(address.sun_path, tpm->path, sizeof tpm->path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return connect_error(tpm, errno);
	/* EAGAIN: its queue is full, and there is no event that says when it is not. */
	while (connect(fd, (const struct sockaddr *)&address, sizeof address) < 0) {
		int error = errno;
		if (!later(error)) {
			close(fd);
			tpm->dead = ERR_IO;
			return connect_error(tpm, error);
		}
		if (sys_now() >= deadline) {
			close(fd);
			return dead(tpm, ERR_TIMEOUT, "", 0);
		}
		sys_sleep(PAUSE_FIRST);
	}
	return fd;
}

static int swtpm_send(struct sys_tpm *tpm, int fd, struct span command, int64_t deadline)
{
	while (command.n > 0) {
		ssize_t n = send(fd, command.p, command.n, MSG_NOSIGNAL);
		if (n < 0 && !later(errno))
			return dead(tpm, ERR_IO, "send", errno);
		if (n > 0)
			command = span_of(command.p + n, command.n - (size_t)n);
		int r = n < 0 ? wait_for(tpm, fd, POLLOUT, deadline) : 0;
		if (r < 0)
			return r;
	}
	return 0;
}

static int swtpm_receive(struct sys_tpm *tpm, int fd, uint8_t *dst, size_t n, int64_t deadline)
{
	while (n > 0) {
		int r = wait_for(tpm, fd, POLLIN, deadline);
		if (r < 0)
			return r;
		ssize_t k = recv(fd, dst, n, 0);
		if (k == 0 || (k < 0 && !later(errno)))
			return dead(tpm, ERR_IO, "receive", k == 0 ? 0 : errno);
		if (k > 0) {
			dst += k;
			n -= (size_t)k;
		}
	}
	return 0;
}

static int swtpm_response(struct sys_tpm *tpm, int fd, uint8_t *response, size_t cap, int64_t deadline)
{
	int r = swtpm_receive(tpm, fd, response, HEADER, deadline);
	if (r < 0)
		return r;
	struct rd header = rd_from(span_of(response + 2, 4));
	uint32_t size = rd_be32(&header);
	if (size < HEADER)
		return ERR_MALFORMED;
	if (size > cap)
		return ERR_TOO_LARGE;
	r = swtpm_receive(tpm, fd, response + HEADER, size - HEADER, deadline);
	return r < 0 ? r : (int)size;
}

static int swtpm_once(struct sys_tpm *tpm, struct span command, uint8_t *response, size_t cap, int64_t deadline)
{
	int fd = swtpm_connect(tpm, deadline);
	if (fd < 0)
		return fd;
	int r = swtpm_send(tpm, fd, command, deadline);
	if (r == 0)
		r = swtpm_response(tpm, fd, response, cap, deadline);
	close(fd);
	return r;
}

/* ---- The kernel's device: one write, one read ---- */

static int device_once(struct sys_tpm *tpm, struct span command, uint8_t *response, size_t cap, int64_t deadline)
{
	ssize_t n;
	while ((n = write(tpm->fd, command.p, command.n)) < 0 && later(errno)) {
		int r = wait_for(tpm, tpm->fd, POLLOUT, deadline);
		if (r < 0)
			return r;
	}
	if (n < 0 || (size_t)n != command.n)
		return dead(tpm, ERR_IO, "write", n < 0 ? errno : 0);
	do {
		int r = wait_for(tpm, tpm->fd, POLLIN, deadline);
		if (r < 0)
			return r;
	} while ((n = read(tpm->fd, response, cap)) < 0 && later(errno));
	if (n <= 0)
		return dead(tpm, ERR_IO, "read", n < 0 ? errno : 0);
	return (int)n;
}

/* ---- */

/* TPM.md, section 2: the command was not begun, and may be sent again as it is. */
static bool asks_again(const uint8_t *response, int n)
{
	if (n != HEADER)
		return false;
	struct rd r = rd_from(span_of(response + 6, 4));
	switch (rd_be32(&r)) {
	case 0x908: /* YIELDED */
	case 0x90a: /* TESTING */
	case 0x920: /* NV_RATE */
	case 0x922: /* RETRY */
	case 0x923: /* NV_UNAVAILABLE */
		return true;
	default:
		return false;
	}
}

static int transmit(void *ctx, struct span command, uint8_t *response, size_t cap)
{
	struct sys_tpm *tpm = ctx;
	int64_t deadline = sys_now() + tpm->patience, pause = PAUSE_FIRST;
	if (tpm->dead < 0)
		return tpm->dead;
	if (cap < HEADER)
		return ERR_NO_SPACE;
	for (;;) {
		int n = tpm->device ? device_once(tpm, command, response, cap, deadline)
				    : swtpm_once(tpm, command, response, cap, deadline);
		/* It may ask for longer than our patience lasts: then its code is the answer. */
		if (!asks_again(response, n) || sys_now() + pause >= deadline)
			return n;
		sys_sleep(pause);
		pause = pause * 2 < PAUSE_LAST ? pause * 2 : PAUSE_LAST;
	}
}

static int device_error(struct sys_tpm *tpm, int error)
{
	switch (error) {
	case ENOENT:
	case ENODEV:
	case ENXIO:
		return failed(
			tpm, -error,
			"%s: no such device; there is no TPM, it is switched off in the firmware's setup, or "
			"its driver is not loaded",
			tpm->path);
	case EACCES:
	case EPERM:
		return failed(tpm, -error,
			      "%s: not permitted; run as root, or as a member of the group that owns it",
			      tpm->path);
	case EBUSY:
		return failed(tpm, -error, "%s: in use by another program; use /dev/tpmrm0, which can be shared",
			      tpm->path);
	case ENOTTY:
		return failed(tpm, -error, "%s: is no device; for swtpm's socket, say swtpm:%.80s", tpm->path,
			      tpm->path);
	default:
		return failed(tpm, -error, "%s: %s", tpm->path, strerror(error));
	}
}

static int device_open(struct sys_tpm *tpm)
{
	struct stat st;
	if (stat(tpm->path, &st) < 0)
		return device_error(tpm, errno);
	if (!S_ISCHR(st.st_mode))
		return device_error(tpm, ENOTTY);
	tpm->fd = open(tpm->path, O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	return tpm->fd < 0 ? device_error(tpm, errno) : 0;
}

int sys_tpm_open(struct sys_tpm *tpm, const char *spec)
{
	static const char swtpm[] = "swtpm:", path[] = "path=", device[] = "device:";
	memset(tpm, 0, sizeof *tpm);
	tpm->platform = sys_platform;
	tpm->platform.ctx = tpm;
	tpm->platform.transmit = transmit;
	tpm->fd = -1;
	tpm->patience = SYS_TPM_PATIENCE;
	tpm->device = spec[0] == '/';
	const char *p = spec;
	if (strncmp(p, device, sizeof device - 1) == 0) {
		tpm->device = true;
		p += sizeof device - 1;
	} else if (strncmp(p, swtpm, sizeof swtpm - 1) == 0) {
		p += sizeof swtpm - 1;
		if (strncmp(p, path, sizeof path - 1) == 0)
			p += sizeof path - 1;
	} else if (!tpm->device) {
		p = "";
	}
	if (*p == '\0')
		return failed(tpm, -EINVAL, "%.80s: not the place of a TPM; say /dev/tpmrm0, or swtpm:SOCKET",
			      spec);
	if (strlen(p) >= sizeof tpm->path)
		return failed(tpm, -ENAMETOOLONG, "%.80s…: longer than a socket's path can be", p);
	memcpy(tpm->path, p, strlen(p));
	return tpm->device ? device_open(tpm) : 0;
}

void sys_tpm_close(struct sys_tpm *tpm)
{
	if (tpm->fd >= 0)
		close(tpm->fd);
	tpm->fd = -1;
	tpm->dead = ERR_STATE;
}
