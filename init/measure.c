/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <linux/capability.h>

#include "measure_image.h"
#include "sys.h"
#include "sys_measure.h"

#define QUIET_MS 200

int measure_check_image(int fd, bool debuggable)
{
	struct stat st;
	int r = sys_fstat(fd, &st);
	if (r < 0)
		return r;
	return S_ISREG(st.st_mode) && st.st_uid == sys_getuid() &&
			       (st.st_mode & 07777) == (debuggable ? 0555 : 0111) && sys_is_sealed(fd)
		       ? 0
		       : -EPERM;
}

/* ---- the worker ---- */

/* Nothing unmeasured runs silently. */
static int check_kind(const struct measure_job *job, const struct image *image, struct measure_reply *reply)
{
	bool declared = job->request.n_files > 0 || (job->request.flags & MEASURE_TRUST_ROOTFS) != 0;
	if (image->kind == PROGRAM_UNKNOWN)
		return measure_refuse(reply, job->path, ENOEXEC,
				      "is neither an ELF program of this machine nor a #! script");
	if (image->kind == PROGRAM_STATIC || declared)
		return 0;
	return measure_refuse(
		reply, job->path, EACCES,
		"needs the interpreter %.72s, which is not measured; list all it needs%s in measure.files, or say "
		"\"measure\": {\"trust_rootfs\": true}",
		image->interpreter, image->kind == PROGRAM_DYNAMIC ? " (see ldd)" : "");
}

/* Into fds; these stay the cache's. */
static int measure_parts(struct measure_state *state, const struct measure_job *job, struct measure_reply *reply,
			 int *fds)
{
	for (int i = 0; i < job->request.n_parts; i++) {
		struct opened file;
		int r = measure_open(job, job->parts[i], USE_PART, &file, reply);
		if (r < 0)
			return r;
		const struct image *image = image_get(state, MEASURE_DEBUGGABLE, job->parts[i], &file, reply);
		if (image == NULL)
			return reply->error;
		reply->parts.b[i] = image->digest;
		fds[i] = image->fd;
	}
	reply->n_parts = (uint8_t)job->request.n_parts;
	return 0;
}

static const struct image *program_get(struct measure_state *state, const struct measure_job *job,
				       struct measure_reply *reply, int *mount)
{
	struct opened program;
	if (measure_open(job, job->path, USE_PROGRAM, &program, reply) < 0)
		return NULL;
	const struct image *image = image_get(state, job->request.flags & IMAGE_FORM, job->path, &program, reply);
	if (image == NULL || check_kind(job, image, reply) < 0)
		return NULL;
	/* A script is opened by its interpreter, by path: the copy must stand there. */
	if (job->request.n_files > 0 || image->kind == PROGRAM_SCRIPT) {
		*mount = files_get(state, job, image, reply);
		if (*mount < 0) {
			reply->error = *mount;
			return NULL;
		}
		reply->by_path = 1;
	}
	return image;
}

static int measure(struct measure_state *state, const struct measure_job *job, struct measure_reply *reply,
		   int *mount)
{
	uint64_t hashed = state->hashed;
	const struct image *image = (job->request.flags & MEASURE_IMAGE) != 0
					    ? container_get(state, job, reply)
					    : program_get(state, job, reply, mount);
	if (image == NULL)
		return reply->error;
	reply->program = image->digest;
	reply->cached = state->hashed == hashed;
	return image->fd;
}

static void answer(struct measure_state *state, int socket, struct span message)
{
	static struct measure_job job;
	struct measure_reply reply = { .id = 0 };
	int fds[MEASURE_FDS_MAX], parts[MEASURE_PARTS_MAX] = { 0 }, n = 0, mount = -1, image = -EINVAL;
	if (message.n >= sizeof reply.id)
		memcpy(&reply.id, message.p, sizeof reply.id);
	if (measure_unpack(message, &job))
		image = measure(state, &job, &reply, &mount);
	else
		measure_refuse(&reply, "measure worker", EINVAL, "malformed request");
	int r = image < 0 ? image : measure_parts(state, &job, &reply, parts);
	if (r >= 0) {
		reply.has_image = 1;
		fds[n++] = image;
	} else {
		reply.error = r;
	}
	if (r >= 0 && mount >= 0) {
		reply.has_files = 1;
		fds[n++] = mount;
	}
	for (int i = 0; i < reply.n_parts; i++)
		fds[n++] = parts[i];
	sys_send_wait(socket, span_of(&reply, sizeof reply), fds, n);
	if (mount >= 0)
		sys_close(mount);
	image_trim(state);
}

/* What opening any file, taking users' rights, leasing and mounting need. */
static void confine(const struct measure_state *state)
{
	if (state->own_uid == 0)
		sys_keep_capabilities(1ULL << CAP_DAC_READ_SEARCH | 1ULL << CAP_SETUID | 1ULL << CAP_SETGID |
				      1ULL << CAP_LEASE | 1ULL << CAP_SYS_ADMIN);
	sys_no_new_privs();
	sys_undumpable();
	sys_die_with_parent();
	sys_umask(077);
}

int measure_worker(int socket)
{
	static uint8_t message[MEASURE_MESSAGE_MAX];
	struct measure_state state = { .sha256 = sha256_pick(), .own_uid = sys_getuid(), .request = 1 };
	confine(&state);
	for (;;) {
		/* Only while there are leases to be ended does anything wake us but a request. */
		while (image_leased(&state) && sys_wait_readable(socket, 1000) == 0)
			image_trim(&state);
		/* At rest a worker holds little of its code; the first quiet moment after work tells. */
		if (sys_wait_readable(socket, QUIET_MS) == 0)
			sys_rest(socket);
		ssize_t n = sys_recv_wait(socket, message, sizeof message, NULL, 0, NULL);
		if ((n == 0 && sys_hung_up(socket)) || n == -ECONNRESET)
			return 0;
		if (n < 0 && n != -EMSGSIZE)
			return 1;
		answer(&state, socket, span_of(message, n > 0 ? (size_t)n : 0));
	}
}
