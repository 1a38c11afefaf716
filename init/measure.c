/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>

#include "measure_elf.h"
#include "measure_image.h"
#include "sys.h"
#include "sys_measure.h"

int measure_pack(const struct service *s, uint64_t id, bool check_user, struct wr *out)
{
	struct measure_request q = {
		.id = id,
		.flags = (s->trust_rootfs ? MEASURE_TRUST_ROOTFS : 0u) |
			 (s->debuggable ? MEASURE_DEBUGGABLE : 0u) | (check_user ? MEASURE_CHECK_USER : 0u),
		.uid = s->uid,
		.gid = s->gid,
	};
	if (s->n_groups > MEASURE_GROUPS_MAX || s->n_files > MEASURE_FILES_MAX)
		return ERR_TOO_LARGE;
	q.n_groups = (uint16_t)s->n_groups;
	q.n_files = (uint16_t)s->n_files;
	for (int i = 0; i < s->n_groups; i++)
		q.groups[i] = s->groups[i];
	wr_bytes(out, &q, sizeof q);
	wr_bytes(out, s->exec[0], strlen(s->exec[0]) + 1);
	for (int i = 0; i < s->n_files; i++)
		wr_bytes(out, s->files[i], strlen(s->files[i]) + 1);
	return out->err != ERR_NONE ? ERR_TOO_LARGE : (int)out->n;
}

int measure_check_image(int fd, bool debuggable)
{
	struct stat st;
	int r = sys_fstat(fd, &st);
	if (r < 0)
		return r;
	return S_ISREG(st.st_mode) && (st.st_mode & 07777) == (debuggable ? 0555 : 0111) && sys_is_sealed(fd)
		       ? 0
		       : -EPERM;
}

/* ---- the worker ---- */

static const char *take_string(struct rd *r)
{
	const uint8_t *end = memchr(r->p, 0, r->n);
	if (r->n == 0 || end == NULL) {
		rd_fail(r, ERR_TRUNCATED);
		return "";
	}
	return (const char *)rd_bytes(r, (size_t)(end - r->p) + 1).p;
}

static bool unpack(struct span message, struct measure_job *job)
{
	struct rd r = rd_from(message);
	const uint8_t *head = rd_bytes(&r, sizeof *job->request).p;
	if (r.err != ERR_NONE)
		return false;
	job->request = (const struct measure_request *)(const void *)head;
	if (job->request->n_groups > MEASURE_GROUPS_MAX || job->request->n_files > MEASURE_FILES_MAX)
		return false;
	job->path = take_string(&r);
	for (int i = 0; i < job->request->n_files; i++)
		job->files[i] = take_string(&r);
	return rd_end(&r) == ERR_NONE && job->path[0] == '/';
}

/* Nothing unmeasured runs silently. */
static int check_kind(const struct measure_job *job, enum program_kind kind, const char *interpreter,
		      struct measure_reply *reply)
{
	bool declared = job->request->n_files > 0 || (job->request->flags & MEASURE_TRUST_ROOTFS) != 0;
	if (kind == PROGRAM_UNKNOWN)
		return measure_refuse(reply, ENOEXEC,
				      "%s: is neither an ELF program of this machine nor a #! script", job->path);
	if (kind == PROGRAM_STATIC || declared)
		return 0;
	return measure_refuse(
		reply, EACCES,
		"%s: needs the interpreter %s, which nobody measured; list all it loads in \"measure\": "
		"{\"files\": […]}%s, or say {\"trust_rootfs\": true}",
		job->path, interpreter, kind == PROGRAM_DYNAMIC ? " (ldd shows them)" : "");
}

static int measure(struct measure_state *state, const struct measure_job *job, struct measure_reply *reply,
		   int *mount)
{
	struct opened program;
	char interpreter[256];
	int r = image_open(state, job, job->path, true, &program, reply);
	if (r < 0)
		return r;
	enum program_kind kind = program_inspect(image_head(program.fd), interpreter);
	r = check_kind(job, kind, interpreter, reply);
	int image = r < 0 ? r : image_get(state, job, &program, reply);
	/* A script is opened by its interpreter, by path: the copy must stand there. */
	if (image >= 0 && (job->request->n_files > 0 || kind == PROGRAM_SCRIPT)) {
		*mount = image_files(state, job, &program, reply);
		reply->by_path = 1;
		if (*mount < 0)
			image = *mount;
	}
	sys_close(program.fd);
	return image;
}

static void answer(struct measure_state *state, int socket, struct span message)
{
	static struct measure_job job;
	struct measure_reply reply = { .id = 0 };
	int fds[2], n = 0, mount = -1, image = -EINVAL;
	if (message.n >= sizeof reply.id)
		memcpy(&reply.id, message.p, sizeof reply.id);
	if (unpack(message, &job))
		image = measure(state, &job, &reply, &mount);
	else
		measure_refuse(&reply, EINVAL, "malformed request to the measure worker");
	if (image >= 0) {
		reply.has_image = 1;
		fds[n++] = image;
	} else {
		reply.error = image;
	}
	if (mount >= 0) {
		reply.has_files = 1;
		fds[n++] = mount;
	}
	sys_send_wait(socket, span_of(&reply, sizeof reply), fds, n);
	if (mount >= 0)
		sys_close(mount);
}

int measure_worker(int socket)
{
	static _Alignas(16) uint8_t message[MEASURE_MESSAGE_MAX];
	struct measure_state state = { .sha256 = sha256_pick(), .own_uid = sys_getuid() };
	if (state.own_uid == 0)
		sys_keep_capabilities(1ULL << CAP_DAC_READ_SEARCH | 1ULL << CAP_SETUID | 1ULL << CAP_SETGID |
				      1ULL << CAP_SYS_ADMIN | 1ULL << CAP_FOWNER);
	sys_no_new_privs();
	for (;;) {
		ssize_t n = sys_recv_wait(socket, message, sizeof message, NULL, 0, NULL);
		if (n == 0 || n == -ECONNRESET)
			return 0;
		if (n < 0 && n != -EMSGSIZE)
			return 1;
		answer(&state, socket, span_of(message, n > 0 ? (size_t)n : 0));
	}
}
