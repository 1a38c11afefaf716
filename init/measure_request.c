/* SPDX-License-Identifier: MIT
 *
 * The request to the measure worker, packed by PID 1 and read by the worker. Pure; the worker believes no byte.
 */
#include "measure_request.h"

int measure_pack(const struct service *s, uint64_t id, bool check_user, struct wr *out)
{
	struct measure_request q = {
		.id = id,
		/* What runs a machine is the host's own, as its kernel is. */
		.flags = (s->trust_rootfs || s->machine != NULL ? MEASURE_TRUST_ROOTFS : 0u) |
			 (s->container != NULL ? MEASURE_IMAGE : 0u) | (s->debuggable ? MEASURE_DEBUGGABLE : 0u) |
			 (check_user ? MEASURE_CHECK_USER : 0u),
		.uid = s->uid,
		.gid = s->gid,
	};
	bool verity = service_has_verity(s);
	if (s->n_groups > MEASURE_GROUPS_MAX || s->n_files > MEASURE_FILES_MAX)
		return ERR_TOO_LARGE;
	q.n_groups = (uint16_t)s->n_groups;
	q.n_files = (uint16_t)(s->n_files + verity);
	q.n_parts = (uint16_t)s->n_parts;
	for (int i = 0; i < s->n_groups; i++)
		q.groups[i] = s->groups[i];
	wr_bytes(out, &q, sizeof q);
	wr_bytes(out, measure_path(s), strlen(measure_path(s)) + 1);
	if (verity)
		wr_bytes(out, s->container->verity, strlen(s->container->verity) + 1);
	for (int i = 0; i < s->n_files; i++)
		wr_bytes(out, s->files[i], strlen(s->files[i]) + 1);
	for (int i = 0; i < s->n_parts; i++)
		wr_bytes(out, s->parts[i], strlen(s->parts[i]) + 1);
	/* The worker reads no more than this, whatever room the caller has. */
	return out->err != ERR_NONE || out->n > MEASURE_MESSAGE_MAX ? ERR_TOO_LARGE : (int)out->n;
}

static const char *take_path(struct rd *r)
{
	const uint8_t *end = r->n > 0 ? memchr(r->p, 0, r->n) : NULL;
	if (end == NULL) {
		rd_fail(r, ERR_TRUNCATED);
		return "";
	}
	const char *path = (const char *)r->p;
	rd_bytes(r, (size_t)(end - r->p) + 1);
	if (path[0] != '/')
		rd_fail(r, ERR_MALFORMED);
	return path;
}

bool measure_unpack(struct span message, struct measure_job *job)
{
	struct rd r = rd_from(message);
	struct span head = rd_bytes(&r, sizeof job->request);
	if (r.err != ERR_NONE)
		return false;
	memcpy(&job->request, head.p, sizeof job->request);
	if (job->request.n_groups > MEASURE_GROUPS_MAX || job->request.n_files > MEASURE_FILES_MAX ||
	    job->request.n_parts > MEASURE_PARTS_MAX)
		return false;
	job->path = take_path(&r);
	for (int i = 0; i < job->request.n_files; i++)
		job->files[i] = take_path(&r);
	for (int i = 0; i < job->request.n_parts; i++)
		job->parts[i] = take_path(&r);
	return rd_end(&r) == ERR_NONE;
}
