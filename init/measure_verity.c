/* SPDX-License-Identifier: MIT
 *
 * A container's image that is a file system under dm-verity (verity.h). Nothing of it is read but the block that all others
 * hang on: whatever else is in the files, the kernel compares with that when it is read.
 */
#include <errno.h>

#include "measure_image.h"
#include "sys.h"
#include "verity.h"

enum { IMAGE, HASHES, FILES };

struct files {
	const char *path[FILES];
	struct opened opened[FILES];
};

static int take(const struct files *f, int which, uint8_t *p, size_t n, off_t at, struct measure_reply *reply)
{
	ssize_t k = sys_pread(f->opened[which].fd, p, n, at);
	return k == (ssize_t)n ? 0
			       : measure_refuse(reply, f->path[which], k < 0 ? (int)-k : EBADMSG, "%s",
						k < 0 ? strerror((int)-k) : "is too short for what it should be");
}

/* block: the image's first, and afterwards the one whose hash is the root hash. */
static int read_files(const struct files *f, uint8_t *record, uint8_t *block, struct verity *v,
		      struct measure_reply *reply)
{
	int r = take(f, IMAGE, block, VERITY_BLOCK, 0, reply);
	if (r == 0 && verity_file_system(span_of(block, VERITY_BLOCK)) == NULL)
		r = measure_refuse(reply, f->path[IMAGE], ENOTSUP,
				   "holds no squashfs or erofs, of which an image is with \"verity\"; make it by "
				   "mksquashfs or mkfs.erofs");
	if (r == 0)
		r = take(f, HASHES, record, VERITY_SUPERBLOCK, 0, reply);
	if (r < 0)
		return r;
	const char *why = verity_read(span_of(record, VERITY_SUPERBLOCK), (uint64_t)f->opened[IMAGE].st.st_size,
				      (uint64_t)f->opened[HASHES].st.st_size, v);
	if (why != NULL)
		return measure_refuse(reply, f->path[HASHES], EBADMSG,
				      "has %s; make it by veritysetup format IMAGE HASHES", why);
	return v->data_blocks == 1 ? 0 : take(f, HASHES, block, VERITY_BLOCK, VERITY_BLOCK, reply);
}

static struct image *make(struct measure_state *state, uint32_t form, const struct files *f,
			  struct measure_reply *reply)
{
	uint8_t record[VERITY_RECORD], block[VERITY_BLOCK];
	struct verity v;
	struct sha256 hash;
	if (read_files(f, record, block, &v, reply) < 0)
		return NULL;
	struct image *image = image_begin(state, form, f->path[IMAGE], reply);
	if (image == NULL)
		return NULL;
	sha256_init(&hash, state->sha256);
	sha256_update(&hash, v.salt);
	sha256_update(&hash, span_of(block, sizeof block));
	sha256_out(&hash, image->digest.b);
	memcpy(record + VERITY_SUPERBLOCK, image->digest.b, SHA256_SIZE);
	sha256_of(state->sha256, span_of(record, VERITY_SUPERBLOCK), reply->files.b);
	state->hashed++;
	int r = sys_write_all(image->fd, record, sizeof record);
	if (r == 0)
		r = container_wrap(image->fd, sizeof record, IMAGE_VERITY);
	if (r < 0)
		measure_refuse(reply, f->path[IMAGE], -r, "no room for its image: %s", strerror(-r));
	return r < 0 || image_end(image, f->path[IMAGE], reply) < 0 ? NULL : image;
}

const struct image *verity_get(struct measure_state *state, const struct measure_job *job,
			       struct measure_reply *reply)
{
	struct files f = { .path = { job->path, job->files[0] } };
	int n = 0;
	while (n < FILES && measure_open(job, f.path[n], USE_VERITY, &f.opened[n], reply) == 0)
		n++;
	struct image *image = n == FILES ? make(state, job->request.flags & IMAGE_FORM, &f, reply) : NULL;
	while (n-- > 0)
		sys_close(f.opened[n].fd);
	return image;
}
