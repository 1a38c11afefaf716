/* SPDX-License-Identifier: MIT
 *
 * Files read once: opened with the rights of whoever will run them, hashed, and copied where they cannot change.
 */
#ifndef TAO_MEASURE_IMAGE_H
#define TAO_MEASURE_IMAGE_H

#include <sys/stat.h>

#include "../crypto/sha256.h"
#include "measure.h"

/* A program larger than this is somebody's mistake. */
#define IMAGE_BYTES_MAX ((uint64_t)1 << 30)

/* One request, checked: strings are NUL-terminated in the message. */
struct measure_job {
	const struct measure_request *request;
	const char *path;
	const char *files[MEASURE_FILES_MAX];
};

struct measure_state {
	const struct sha256_impl *sha256;
	uid_t own_uid;
	struct image *images; /* newest first */
	uint64_t bytes;
};

/* A file that stands open, and what it was when it was opened. */
struct opened {
	int fd;
	struct stat st;
};

/* Says why not, and returns -error. */
int measure_refuse(struct measure_reply *reply, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Opens what the job's user may execute (program) or anybody measured may be (files). */
int image_open(const struct measure_state *state, const struct measure_job *job, const char *path, bool program,
	       struct opened *file, struct measure_reply *reply);
/* Hashes file and writes it to fd; tried again where the file changed meanwhile. */
int image_copy(const struct measure_state *state, const char *path, struct opened *file, int fd,
	       struct digest *digest, struct measure_reply *reply);
/* The sealed image of the file, from the cache or made now; belongs to the cache. -errno on refusal. */
int image_get(struct measure_state *state, const struct measure_job *job, struct opened *file,
	      struct measure_reply *reply);
/* The program and the listed files in a private read-only tmpfs: its mount, or -errno. */
int image_files(const struct measure_state *state, const struct measure_job *job, struct opened *program,
		struct measure_reply *reply);
/* A static buffer of the worker's: the beginning of a file, for its kind. */
struct span image_head(int fd);

#endif
