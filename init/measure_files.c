/* SPDX-License-Identifier: MIT
 *
 * Programs that need other files (DESIGN, section 4.3). The kernel opens interpreters, and loaders open libraries,
 * by path: so measured copies of all of them stand in a private read-only tmpfs, named "0" (the program), "1", "2",
 * … as listed, and the factory binds each over its path. docs/measured-files.md says how the list is hashed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "measure_image.h"
#include "sys.h"
#include "sys_measure.h"

/* How many scripts the kernel lets one script's interpreter be (exec_binprm). */
#define INTERPRETERS_MAX 5

/* What a launch is made of: [0] is the program, [1 + i] the i-th listed file. */
struct parts {
	const char *path[MEASURE_FILES_MAX + 1];
	const struct image *image[MEASURE_FILES_MAX + 1];
	mode_t mode[MEASURE_FILES_MAX + 1];
	int n;
	uint64_t bytes;
};

/* The list's digest: for each file the length of its path as be32, the path, its SHA-256. */
static void digest_of(const struct measure_state *state, const struct parts *parts, struct digest *digest)
{
	struct sha256 list;
	sha256_init(&list, state->sha256);
	for (int i = 1; i < parts->n; i++) {
		uint8_t length[4];
		struct wr w = wr_to(length, sizeof length);
		wr_be32(&w, (uint32_t)strlen(parts->path[i]));
		sha256_update(&list, wr_span(&w));
		sha256_update(&list, span_str(parts->path[i]));
		sha256_update(&list, span_of(parts->image[i]->digest.b, sizeof parts->image[i]->digest.b));
	}
	sha256_out(&list, digest->b);
}

static int gather(struct measure_state *state, const struct measure_job *job, struct parts *parts,
		  struct measure_reply *reply)
{
	for (int i = 0; i < job->request.n_files; i++) {
		struct opened file;
		const char *path = job->files[i];
		int r = measure_open(job, path, USE_FILE, &file, reply);
		if (r < 0)
			return r;
		const struct image *image = image_get(state, 0, path, &file, reply);
		if (image == NULL)
			return reply->error;
		parts->bytes += image->size;
		if (parts->bytes > IMAGE_BYTES_MAX)
			return measure_refuse(reply, path, EFBIG,
					      "with it, the program and its files are larger than %u MiB",
					      (unsigned)(IMAGE_BYTES_MAX >> 20));
		parts->path[parts->n] = path;
		parts->image[parts->n] = image;
		/* Readable: loaders read libraries. The same file listed again is the program still. */
		parts->mode[parts->n++] = strcmp(path, parts->path[0]) == 0 ? parts->mode[0] : 0555;
	}
	return 0;
}

static int index_of(const struct parts *parts, const char *path)
{
	for (int i = 1; i < parts->n; i++)
		if (strcmp(parts->path[i], path) == 0)
			return i;
	return 0;
}

/* Every interpreter that the kernel will open must have been listed, and the user be allowed to execute it. */
static int check_interpreters(const struct measure_job *job, struct parts *parts, struct measure_reply *reply)
{
	const struct image *image = parts->image[0];
	const char *path = parts->path[0];
	for (int depth = 0; image->interpreter[0] != '\0'; depth++) {
		struct stat st;
		int i = index_of(parts, image->interpreter);
		if (depth == INTERPRETERS_MAX)
			return measure_refuse(reply, path, ELOOP, "is one interpreter too many, below %.100s",
					      parts->path[0]);
		if (i == 0 && (job->request.flags & MEASURE_TRUST_ROOTFS) != 0)
			return 0;
		if (i == 0)
			return measure_refuse(
				reply, path, EACCES,
				"needs the interpreter %.100s, which is not in measure.files; add it%s",
				image->interpreter,
				image->kind == PROGRAM_DYNAMIC ? " (ldd shows all it needs)" : "");
		int r = measure_permit(job, parts->path[i], USE_PROGRAM, &st, reply);
		if (r < 0)
			return r;
		/* An ELF interpreter is loaded as it is; a script's is executed, and need not be readable. */
		if (image->kind == PROGRAM_DYNAMIC)
			return 0;
		image = parts->image[i];
		path = parts->path[i];
		bool debuggable = (job->request.flags & MEASURE_DEBUGGABLE) != 0;
		if (image->kind == PROGRAM_UNKNOWN)
			return measure_refuse(reply, path, ENOEXEC,
					      "is the interpreter of %.72s, but neither an ELF program of this "
					      "machine nor a #! script",
					      parts->path[0]);
		if (image->kind != PROGRAM_SCRIPT && !debuggable)
			parts->mode[i] = 0111;
	}
	return 0;
}

static int copy_into(int mount, int index, const struct parts *parts, struct measure_reply *reply)
{
	char name[16];
	const struct image *image = parts->image[index];
	snprintf(name, sizeof name, "%d", index);
	int fd = sys_openat(mount, name, O_WRONLY | O_CREAT | O_EXCL, 0600);
	int r = fd < 0 ? fd : 0;
	for (uint64_t at = 0; r == 0 && at < image->size;) {
		ssize_t n = sys_send_file(fd, image->fd, (off_t)at, (size_t)(image->size - at));
		if (n <= 0)
			r = n < 0 ? (int)n : -EIO;
		else
			at += (uint64_t)n;
	}
	if (r == 0)
		r = sys_fchmod(fd, parts->mode[index]);
	if (fd >= 0)
		sys_close(fd);
	return r < 0 ? measure_refuse(reply, parts->path[index], -r, "no room for its copy: %s", strerror(-r)) : 0;
}

static int make_mount(const struct parts *parts, struct measure_reply *reply)
{
	const char *path = parts->path[0];
	int mount = sys_new_tmpfs(), r = 0;
	if (mount < 0)
		return measure_refuse(reply, path, -mount,
				      "its files cannot be covered by measured copies (%s): mounting needs root, "
				      "and in a container CAP_SYS_ADMIN; a static program needs no files",
				      strerror(-mount));
	for (int i = 0; r == 0 && i < parts->n; i++)
		r = copy_into(mount, i, parts, reply);
	if (r == 0 && (r = sys_tmpfs_read_only(mount)) < 0)
		measure_refuse(reply, path, -r, "its files' copies cannot be made read-only: %s", strerror(-r));
	if (r < 0)
		sys_close(mount);
	return r < 0 ? r : mount;
}

/* ---- bundles that are kept ---- */

/* The digests of the program and of the list say all that is in the mount. */
static struct bundle *find(struct measure_state *state, const struct digest *program, const struct digest *files,
			   bool debuggable)
{
	for (struct bundle **at = &state->bundles; *at != NULL; at = &(*at)->next) {
		struct bundle *bundle = *at;
		if (bundle->debuggable != debuggable || memcmp(&bundle->program, program, sizeof *program) != 0 ||
		    memcmp(&bundle->files, files, sizeof *files) != 0)
			continue;
		*at = bundle->next;
		bundle->next = state->bundles;
		state->bundles = bundle;
		return bundle;
	}
	return NULL;
}

/* Keeps the mount if there can be another of the same, which is what is returned then; else the mount itself. */
static int keep(struct measure_state *state, const struct measure_job *job, const struct parts *parts,
		const struct digest *files, int mount)
{
	int again = sys_clone_mount(mount);
	struct bundle *bundle = again < 0 ? NULL : calloc(1, sizeof *bundle);
	if (bundle == NULL) {
		if (again >= 0)
			sys_close(again);
		return mount;
	}
	bundle->program = parts->image[0]->digest;
	bundle->files = *files;
	bundle->bytes = parts->bytes;
	bundle->debuggable = (job->request.flags & MEASURE_DEBUGGABLE) != 0;
	bundle->mount = mount;
	bundle->next = state->bundles;
	state->bundles = bundle;
	return again;
}

int files_get(struct measure_state *state, const struct measure_job *job, const struct image *program,
	      struct measure_reply *reply)
{
	static struct parts parts;
	struct digest files;
	bool debuggable = (job->request.flags & MEASURE_DEBUGGABLE) != 0;
	parts.n = 1;
	parts.path[0] = job->path;
	parts.image[0] = program;
	/* A script is read by its interpreter. */
	parts.mode[0] = program->kind == PROGRAM_SCRIPT || debuggable ? 0555 : 0111;
	parts.bytes = program->size;
	int r = gather(state, job, &parts, reply);
	if (r == 0)
		r = check_interpreters(job, &parts, reply);
	if (r < 0)
		return r;
	digest_of(state, &parts, &files);
	struct bundle *bundle = find(state, &program->digest, &files, debuggable);
	int mount = bundle != NULL ? sys_clone_mount(bundle->mount) : -1;
	if (mount < 0) {
		mount = make_mount(&parts, reply);
		if (mount >= 0 && bundle == NULL)
			mount = keep(state, job, &parts, &files, mount);
	}
	/* Without a list there is nothing that a name could say. */
	if (mount >= 0 && job->request.n_files > 0)
		reply->files = files;
	return mount;
}

void files_trim(struct measure_state *state, uint64_t budget)
{
	int n = 0;
	struct bundle **at = &state->bundles;
	while (*at != NULL) {
		struct bundle *bundle = *at;
		if (n < BUNDLES_MAX && bundle->bytes <= budget) {
			budget -= bundle->bytes;
			n++;
			at = &bundle->next;
			continue;
		}
		*at = bundle->next;
		sys_close(bundle->mount);
		free(bundle);
	}
}
