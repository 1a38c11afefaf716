/* SPDX-License-Identifier: MIT
 *
 * The measure worker's parts: files opened with the rights of whoever will run them (measure_open.c), hashed and
 * copied where they cannot change (measure_copy.c), kept as sealed images (measure_image.c), and put together in a
 * private file system for programs that need other files (measure_files.c). Everything here may block.
 *
 * The worker answers one request after another, in one thread. An image or bundle lives at least until the
 * request that asked for it has been answered.
 */
#ifndef TAO_MEASURE_IMAGE_H
#define TAO_MEASURE_IMAGE_H

#include <sys/stat.h>

#include "../crypto/sha256.h"
#include "image.h"
#include "measure_elf.h"
#include "measure_request.h"

/* A program, or all files of a launch together, larger than this are somebody's mistake. */
#define IMAGE_BYTES_MAX ((uint64_t)1 << 30)
/* Images kept at once: each takes a descriptor, and NOFILE is 1024 where nobody raised it. */
#define IMAGES_MAX 256
#define BUNDLES_MAX 64

/* A file that stands open, and what it was when it was opened. */
struct opened {
	int fd;
	struct stat st;
};

/* Flags of a request on which it depends what is made of a file. */
#define IMAGE_FORM (MEASURE_DEBUGGABLE | MEASURE_IMAGE)

/* A sealed memfd with the bytes of a file. */
struct image {
	struct image *next; /* used less recently */
	struct stat st;	    /* of the file, when it was read */
	uint64_t size;	    /* of the image */
	uint64_t request;   /* that had it made */
	struct digest digest;
	enum program_kind kind;
	char interpreter[INTERPRETER_MAX];
	int fd;
	int lease;    /* the file, leased while its times may not tell a change; -1 */
	int64_t made; /* sys_now() */
	uint32_t form;
	bool settled; /* its times would tell a change */
	bool stale;   /* the file has changed */
};

/* A private tmpfs with the files of a launch; kept where the kernel lets us mount it again. */
struct bundle {
	struct bundle *next; /* used less recently */
	struct digest program, files;
	uint64_t bytes;
	int mount;
	bool debuggable;
};

struct measure_state {
	const struct sha256_impl *sha256;
	uid_t own_uid;
	struct image *images;	/* used last first */
	struct bundle *bundles; /* used last first */
	uint64_t request;	/* number of the one being answered */
	uint64_t hashed;	/* files read so far */
};

/* Says "path: what" in the reply, and returns -error. */
int measure_refuse(struct measure_reply *reply, const char *path, int error, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* ---- measure_open.c ---- */

enum measure_use {
	USE_PROGRAM, /* the user must be allowed to execute it */
	USE_FILE,    /* to read or execute it */
	USE_PART,    /* nothing: it is the host's, who gives it to a factory */
	USE_IMAGE,   /* the same; a directory is fine, too */
	USE_VERITY,  /* as a part; it is not read whole, and of any size */
};

/* Opens a regular file that the job's user may use so. 0, or -errno and the reason in the reply. */
int measure_open(const struct measure_job *job, const char *path, enum measure_use use, struct opened *file,
		 struct measure_reply *reply);
/* The same, but only whether. */
int measure_permit(const struct measure_job *job, const char *path, enum measure_use use, struct stat *st,
		   struct measure_reply *reply);

/* ---- measure_copy.c ---- */

bool measure_same_file(const struct stat *a, const struct stat *b);
/* Hashes the file and writes it to fd, from at on, where fd is cut; again where the file changed meanwhile. The number of
 * bytes, or -errno and the reason in the reply. Updates file->st. */
int64_t measure_copy(const struct measure_state *state, const char *path, struct opened *file, int fd, off_t at,
		     struct digest *digest, struct measure_reply *reply);

/* ---- measure_image.c ---- */

/* The sealed image of the file, kept or made now; NULL with the reason in the reply. Takes file->fd. */
struct image *image_get(struct measure_state *state, uint32_t form, const char *path, struct opened *file,
			struct measure_reply *reply);
/* An empty one, which is freed after the answer; NULL with the reason in the reply. */
struct image *image_begin(struct measure_state *state, uint32_t form, const char *path,
			  struct measure_reply *reply);
/* What has been written to it is sealed. 0, or -errno and the reason in the reply. */
int image_end(struct image *image, const char *path, struct measure_reply *reply);
/* After each answer, and once a second while image_leased(): frees what is of no more use, keeps the budget. */
void image_trim(struct measure_state *state);
bool image_leased(const struct measure_state *state);

/* ---- measure_container.c ---- */

/* A container's image: the file's, kept or made now; or the layout's, made now. NULL with the reason in the reply. */
const struct image *container_get(struct measure_state *state, const struct measure_job *job,
				  struct measure_reply *reply);
/* What of a container's image stands behind its only layer, of n bytes. 0 or -errno. */
int container_wrap(int fd, uint64_t n, enum image_kind kind);

/* ---- measure_verity.c ---- */

/* Of the image and the job's only file, its hashes: a record (verity.h), of which the root hash is the digest; the
 * superblock's goes into the reply. NULL with the reason there. */
const struct image *verity_get(struct measure_state *state, const struct measure_job *job,
			       struct measure_reply *reply);

/* ---- measure_files.c ---- */

/* The program and the listed files in a private read-only tmpfs: a mount of it, for the caller to close, or
 * -errno. Sets the files' digest in the reply. */
int files_get(struct measure_state *state, const struct measure_job *job, const struct image *program,
	      struct measure_reply *reply);
void files_trim(struct measure_state *state, uint64_t budget);

#endif
