/* SPDX-License-Identifier: MIT
 *
 * A container's image (image.h): of a file, a tar, whose digest is that of the file's bytes; or of a directory, an OCI image
 * layout, whose digest is that of the image's manifest, which names every other blob by its own; or of a file system under
 * dm-verity (measure_verity.c). Of a layout nothing is kept: that none of its files has changed costs as much to see as to
 * read them.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>

#include "manifest_image.h"
#include "measure_image.h"
#include "sys.h"
#include "sys_measure.h"

/* An index that leads to an index, and no further. */
#define NESTED_MAX 2

static int append(int fd, const struct image_layer *layers, struct image_trailer *t, const void *config)
{
	memcpy(t->magic, IMAGE_MAGIC, sizeof t->magic);
	t->version = IMAGE_VERSION;
	int r = sys_write_all(fd, config, t->config_bytes);
	if (r == 0)
		r = sys_write_all(fd, layers, t->n_layers * sizeof *layers);
	return r < 0 ? r : sys_write_all(fd, t, sizeof *t);
}

int container_wrap(int fd, uint64_t n, enum image_kind kind)
{
	struct image_layer layer = { .bytes = n, .kind = kind };
	struct image_trailer trailer = { .config_offset = n, .n_layers = 1 };
	return append(fd, &layer, &trailer, "");
}

/* ---- layouts ---- */

struct layout {
	struct measure_state *state;
	const struct measure_job *job;
	struct measure_reply *reply;
	char path[PATH_MAX]; /* of the directory, and of the file in it that is read */
	size_t n;
	const char *tag; /* NULL: none is given */
	struct image *image;
	uint64_t bytes; /* of it, so far */
	struct oci_manifest manifest;
	struct image_layer layers[IMAGE_LAYERS_MAX];
	struct image_trailer trailer;
	struct diag why;
	uint8_t json[OCI_JSON_MAX];
	uint8_t config[IMAGE_CONFIG_MAX];
};

static int refuse(struct layout *l, int error, const char *why)
{
	return measure_refuse(l->reply, l->path, error, "%s", why);
}

static int open_file(struct layout *l, const char *name, struct opened *file)
{
	if ((size_t)snprintf(l->path + l->n, sizeof l->path - l->n, "/%s", name) >= sizeof l->path - l->n) {
		l->path[l->n] = '\0';
		return refuse(l, ENAMETOOLONG, "has too long a name");
	}
	return measure_open(l->job, l->path, USE_IMAGE, file, l->reply);
}

static int open_blob(struct layout *l, const struct oci_blob *blob, struct opened *file)
{
	char name[sizeof "blobs/sha256/" + 2 * SHA256_SIZE] = "blobs/sha256/";
	struct wr digits = wr_to(strchr(name, '\0'), 2 * SHA256_SIZE);
	wr_hex(&digits, span_of(blob->digest.b, SHA256_SIZE));
	return open_file(l, name, file);
}

static int check(struct layout *l, const struct oci_blob *blob, int64_t n, const struct digest *digest)
{
	if (n < 0 || (uint64_t)n != blob->bytes)
		return refuse(l, EBADMSG, "is of another size than the one that refers to it says");
	return memcmp(digest, &blob->digest, sizeof *digest) == 0
		       ? 0
		       : refuse(l, EBADMSG, "is not the blob that its name says: its SHA-256 is another");
}

/* All of it. */
static int read_json(struct layout *l, struct opened *file, struct span *json)
{
	size_t n = 0;
	ssize_t k = 1;
	while (k > 0 && n < sizeof l->json) {
		k = sys_pread(file->fd, l->json + n, sizeof l->json - n, (off_t)n);
		n += k > 0 ? (size_t)k : 0;
	}
	sys_close(file->fd);
	*json = span_of(l->json, n);
	if (k < 0)
		return refuse(l, (int)-k, strerror((int)-k));
	return n < sizeof l->json ? 0 : refuse(l, EFBIG, "is larger than 1 MiB, too much for what it should be");
}

static int read_file(struct layout *l, const char *name, struct span *json)
{
	struct opened file = { .fd = -1 };
	int r = open_file(l, name, &file);
	return r < 0 ? r : read_json(l, &file, json);
}

static int read_blob(struct layout *l, const struct oci_blob *blob, struct span *json)
{
	struct opened file = { .fd = -1 };
	struct digest digest;
	int r = open_blob(l, blob, &file);
	if (r == 0)
		r = read_json(l, &file, json);
	if (r < 0)
		return r;
	sha256_of(l->state->sha256, *json, digest.b);
	return check(l, blob, (int64_t)json->n, &digest);
}

/* What manifest_image.c says of the file that was read last. */
static int judge(struct layout *l, int r)
{
	return r < 0 ? refuse(l, r == ERR_UNSUPPORTED || r == ERR_NOT_FOUND ? ENOTSUP : EBADMSG, l->why.text) : 0;
}

static int find_image(struct layout *l, struct oci_blob *image)
{
	struct span json = { NULL, 0 };
	bool leads_on = false;
	int r = read_file(l, "oci-layout", &json);
	if (r == 0)
		r = judge(l, oci_layout(json, &l->why));
	if (r == 0)
		r = read_file(l, "index.json", &json);
	if (r == 0)
		r = judge(l, oci_index(json, l->tag, image, &leads_on, &l->why));
	for (int nested = 0; r == 0 && leads_on; nested++) {
		if (nested == NESTED_MAX)
			return refuse(l, ENOTSUP, "an index in an index in an index");
		r = read_blob(l, image, &json);
		if (r == 0)
			r = judge(l, oci_index(json, NULL, image, &leads_on, &l->why));
	}
	return r;
}

static int copy_layer(struct layout *l, unsigned i)
{
	const struct oci_blob *blob = &l->manifest.layers[i].blob;
	struct opened file = { .fd = -1 };
	struct digest digest;
	if (blob->bytes > IMAGE_BYTES_MAX - l->bytes)
		return refuse(l, EFBIG, "is of an image of more than 1 GiB");
	int r = open_blob(l, blob, &file);
	if (r < 0)
		return r;
	int64_t n = measure_copy(l->state, l->path, &file, l->image->fd, (off_t)l->bytes, &digest, l->reply);
	sys_close(file.fd);
	r = n < 0 ? (int)n : check(l, blob, n, &digest);
	l->layers[i] = (struct image_layer){ .offset = l->bytes,
					     .bytes = blob->bytes,
					     .kind = l->manifest.layers[i].kind };
	l->bytes += blob->bytes;
	return r;
}

static int read_config(struct layout *l)
{
	struct span json = { NULL, 0 };
	struct wr strings = wr_to(l->config, sizeof l->config);
	int r = read_blob(l, &l->manifest.config, &json);
	if (r == 0)
		r = judge(l, oci_config(json, &strings, &l->trailer.n_args, &l->trailer.n_env, &l->why));
	l->trailer.config_bytes = (uint32_t)strings.n;
	return r;
}

static int read_image(struct layout *l)
{
	struct oci_blob image;
	struct span json = { NULL, 0 };
	int r = find_image(l, &image);
	if (r == 0)
		r = read_blob(l, &image, &json);
	if (r == 0)
		r = judge(l, oci_manifest(json, &l->manifest, &l->why));
	if (r == 0)
		r = read_config(l);
	for (unsigned i = 0; r == 0 && i < l->manifest.n_layers; i++)
		r = copy_layer(l, i);
	if (r < 0)
		return r;
	l->trailer.config_offset = l->bytes;
	l->trailer.n_layers = l->manifest.n_layers;
	l->image->digest = image.digest;
	l->state->hashed++;
	r = append(l->image->fd, l->layers, &l->trailer, l->config);
	return r < 0 ? refuse(l, -r, strerror(-r)) : image_end(l->image, l->path, l->reply);
}

static const struct image *layout_get(struct measure_state *state, const struct measure_job *job, size_t n,
				      const char *tag, struct measure_reply *reply)
{
	struct layout *l = n < sizeof l->path ? sys_map(sizeof *l) : NULL;
	const struct image *image = NULL;
	if (l == NULL) {
		measure_refuse(reply, job->path, ENOMEM, "no memory");
		return NULL;
	}
	memcpy(l->path, job->path, n);
	l->n = n;
	l->state = state;
	l->job = job;
	l->reply = reply;
	l->tag = tag;
	l->image = image_begin(state, job->request.flags & IMAGE_FORM, job->path, reply);
	if (l->image != NULL && read_image(l) == 0)
		image = l->image;
	sys_unmap(l, sizeof *l);
	return image;
}

const struct image *container_get(struct measure_state *state, const struct measure_job *job,
				  struct measure_reply *reply)
{
	struct opened file = { .fd = -1 };
	if (job->request.n_files > 0)
		return verity_get(state, job, reply);
	const char *colon = strrchr(job->path, ':');
	int r = measure_open(job, job->path, USE_IMAGE, &file, reply);
	/* Perhaps it is not the name of a file, but of one and of a tag. */
	if (r == -ENOENT && colon != NULL && colon[1] != '\0' && strchr(colon, '/') == NULL) {
		reply->error = 0;
		reply->text[0] = '\0';
		return layout_get(state, job, (size_t)(colon - job->path), colon + 1, reply);
	}
	if (r < 0)
		return NULL;
	if (!S_ISDIR(file.st.st_mode))
		return image_get(state, job->request.flags & IMAGE_FORM, job->path, &file, reply);
	sys_close(file.fd);
	return layout_get(state, job, strlen(job->path), NULL, reply);
}
