/* SPDX-License-Identifier: MIT
 *
 * Sealed images, kept while the file they were made of is surely unchanged (DESIGN, section 4.2). That its device,
 * inode, size, mtime and ctime are the same says so only if the last change was some time before the reading
 * began: clocks tick coarsely, and a second change within a tick leaves the times as they are. A younger file (all
 * of a machine's, right after its initramfs was unpacked) is read under a lease: as long as it holds, nobody has
 * opened the file for writing.
 */
#include <errno.h>
#include <stdlib.h>

#include "measure_image.h"
#include "sys.h"
#include "sys_measure.h"

/* Coarser than the tick of any file system's clock (FAT's 2 s). */
#define SETTLED_NS (2 * NS_PER_S)
/* A lease holds up nobody for long, but keeps its file system from being unmounted. */
#define LEASE_NS (4 * NS_PER_S)

static bool is_settled(const struct stat *st, int64_t now)
{
	int64_t changed = (int64_t)st->st_ctim.tv_sec * NS_PER_S + st->st_ctim.tv_nsec;
	return changed <= now && now - changed > SETTLED_NS;
}

static void end_lease(struct image *image)
{
	if (image->lease < 0)
		return;
	sys_lease_end(image->lease);
	sys_close(image->lease);
	image->lease = -1;
}

/* While the lease has held until the times can tell, it is not needed any more. */
static void settle(struct image *image)
{
	if (image->lease < 0)
		return;
	if (!sys_lease_held(image->lease))
		image->stale = true;
	else if (is_settled(&image->st, sys_realtime()))
		image->settled = true;
	else if (sys_now() - image->made < LEASE_NS)
		return;
	else
		image->stale = true; /* its ctime lies in the future, or the clock was set back */
	end_lease(image);
}

static bool is_current(struct image *image, const struct measure_state *state)
{
	settle(image);
	/* What this very request has read is as new as it can ask for. */
	return image->settled || image->lease >= 0 || image->request == state->request;
}

static struct image *find(struct measure_state *state, const struct stat *st, uint32_t form)
{
	for (struct image **at = &state->images; *at != NULL; at = &(*at)->next) {
		struct image *image = *at;
		if (image->stale || image->form != form || image->st.st_dev != st->st_dev ||
		    image->st.st_ino != st->st_ino)
			continue;
		if (!measure_same_file(&image->st, st) || !is_current(image, state)) {
			image->stale = true;
			continue;
		}
		*at = image->next;
		image->next = state->images;
		state->images = image;
		return image;
	}
	return NULL;
}

static int memfd_for(const char *path, struct measure_reply *reply)
{
	const char *slash = strrchr(path, '/');
	int fd = sys_memfd(slash != NULL ? slash + 1 : path);
	if (fd == -EACCES)
		return measure_refuse(reply, path, EACCES,
				      "this kernel forbids to execute sealed images: set the sysctl "
				      "vm.memfd_noexec to 0 or 1");
	return fd < 0 ? measure_refuse(reply, path, -fd, "no room for its image: %s", strerror(-fd)) : fd;
}

static void inspect(struct image *image)
{
	const uint8_t *bytes = image->size > 0 ? sys_map_file(image->fd, (size_t)image->size) : NULL;
	image->kind = PROGRAM_UNKNOWN;
	if (bytes == NULL)
		return;
	image->kind = program_inspect(span_of(bytes, (size_t)image->size), image->interpreter);
	sys_unmap((void *)(uintptr_t)bytes, (size_t)image->size);
}

static void release(struct image *image)
{
	end_lease(image);
	if (image->fd >= 0)
		sys_close(image->fd);
	free(image);
}

struct image *image_begin(struct measure_state *state, uint32_t form, const char *path,
			  struct measure_reply *reply)
{
	struct image *image = calloc(1, sizeof *image);
	if (image == NULL) {
		measure_refuse(reply, path, ENOMEM, "no memory");
		return NULL;
	}
	image->form = form;
	image->lease = -1;
	image->stale = true;
	image->fd = memfd_for(path, reply);
	if (image->fd < 0) {
		release(image);
		return NULL;
	}
	image->next = state->images;
	state->images = image;
	return image;
}

int image_end(struct image *image, const char *path, struct measure_reply *reply)
{
	int r = sys_fchmod(image->fd, (image->form & MEASURE_DEBUGGABLE) != 0 ? 0555 : 0111);
	if (r == 0)
		r = sys_seal(image->fd);
	return r < 0 ? measure_refuse(reply, path, -r, "its image cannot be sealed: %s", strerror(-r)) : 0;
}

static int fill(struct measure_state *state, struct image *image, const char *path, struct opened *file,
		struct measure_reply *reply)
{
	/* Both are asked before the first byte is read. */
	int64_t began = sys_realtime();
	if (!is_settled(&file->st, began) && sys_lease(file->fd) == 0)
		image->lease = file->fd;
	int64_t n = measure_copy(state, path, file, image->fd, 0, &image->digest, reply);
	if (n < 0)
		return (int)n;
	bool container = (image->form & MEASURE_IMAGE) != 0;
	uint8_t head[4];
	ssize_t k = container ? sys_pread(image->fd, head, sizeof head, 0) : 0;
	int r = (int)k;
	if (container && k >= 0)
		r = container_wrap(image->fd, (uint64_t)n, image_kind_of(span_of(head, (size_t)k)));
	if (r < 0)
		return measure_refuse(reply, path, -r, "no room for its image: %s", strerror(-r));
	r = image_end(image, path, reply);
	if (r < 0)
		return r;
	image->size = (uint64_t)n;
	image->st = file->st;
	image->settled = is_settled(&file->st, began);
	image->request = state->request;
	image->made = sys_now();
	state->hashed++;
	image->stale = false;
	if (!container)
		inspect(image);
	return 0;
}

static struct image *make(struct measure_state *state, uint32_t form, const char *path, struct opened *file,
			  struct measure_reply *reply)
{
	struct image *image = image_begin(state, form, path, reply);
	int r = image != NULL ? fill(state, image, path, file, reply) : -1;
	if (image == NULL || image->lease < 0)
		sys_close(file->fd);
	return r < 0 ? NULL : image;
}

struct image *image_get(struct measure_state *state, uint32_t form, const char *path, struct opened *file,
			struct measure_reply *reply)
{
	struct image *image = find(state, &file->st, form);
	if (image == NULL)
		image = make(state, form, path, file, reply);
	else
		sys_close(file->fd);
	file->fd = -1;
	return image;
}

bool image_leased(const struct measure_state *state)
{
	for (const struct image *image = state->images; image != NULL; image = image->next)
		if (image->lease >= 0)
			return true;
	return false;
}

void image_trim(struct measure_state *state)
{
	uint64_t bytes = 0;
	int n = 0;
	struct image **at = &state->images;
	state->request++; /* from now on nothing has been read for the request being answered */
	while (*at != NULL) {
		struct image *image = *at;
		bool keep = !image->stale && is_current(image, state);
		if (keep && n < IMAGES_MAX && bytes + image->size <= MEASURE_CACHE_BYTES) {
			bytes += image->size;
			n++;
			at = &image->next;
			continue;
		}
		*at = image->next;
		release(image);
	}
	files_trim(state, MEASURE_CACHE_BYTES - bytes);
}
