/* SPDX-License-Identifier: MIT
 *
 * The measure worker: reads programs, hashes them and seals the images that run (DESIGN, section 4.1 to 4.3).
 * A process of its own behind a SOCK_SEQPACKET pair, so that a slow disk or a hostile file holds up nobody.
 * PID 1 sends measure_request messages and gets one measure_reply for each, in any order, with the fds of the
 * image and (where asked) the mount attached. The worker keeps sealed images and gives them again while the
 * file is unchanged, within MEASURE_CACHE_BYTES.
 */
#ifndef TAO_MEASURE_H
#define TAO_MEASURE_H

#include <sys/types.h>

#include "factory.h"

/* Images that are kept although perhaps nothing runs them: a handful of big programs. */
#define MEASURE_CACHE_BYTES ((uint64_t)64 << 20)
/* exec, files, credentials of one request; a seqpacket of that size always fits the default socket buffer. */
#define MEASURE_MESSAGE_MAX 32768
#define MEASURE_GROUPS_MAX 64
/* What one launch may list in measure.files. */
#define MEASURE_FILES_MAX 256

enum measure_flag {
	MEASURE_TRUST_ROOTFS = 1, /* an interpreter is allowed without listing files */
	MEASURE_DEBUGGABLE = 2,	  /* the image may be read, so that the process can be traced */
	MEASURE_CHECK_USER = 4,	  /* refuse what uid/gid/groups could not execute */
	MEASURE_IMAGE = 8,	  /* the path is no program, but a container's image */
};

/* Followed by path, n_files paths and n_parts paths, each NUL-terminated. With MEASURE_IMAGE the only file is that of the
 * hashes of an image under dm-verity. */
struct measure_request {
	uint64_t id; /* given back */
	uint32_t flags;
	uid_t uid;
	gid_t gid;
	uint16_t n_groups;
	uint16_t n_files;
	uint16_t n_parts;
	gid_t groups[MEASURE_GROUPS_MAX];
};

struct measure_reply {
	uint64_t id;
	int32_t error;	   /* 0; -errno of the refusal */
	uint8_t has_image; /* fds attached, in this order */
	uint8_t has_files;
	uint8_t n_parts; /* all the job's, or 0 */
	uint8_t by_path;
	uint8_t cached; /* nothing was hashed anew */
	struct digest program;
	struct digest
		files; /* what else stands in the name: of measure.files, or the superblock of an image's hashes */
	struct part_digests parts;
	char text[256]; /* why not and the remedy, for people; NUL-terminated */
};

/* The descriptors of an answer. */
#define MEASURE_FDS_MAX (2 + MEASURE_PARTS_MAX)

/* The program, or the image that a container is made of. */
static inline const char *measure_path(const struct service *service)
{
	return service->container != NULL ? service->container->image : service->exec[0];
}

/* Packs a request for a service: bytes, or ERR_TOO_LARGE. */
int measure_pack(const struct service *service, uint64_t id, bool check_user, struct wr *out);
/* PID 1's check of what it got: are the fds a sealed, regular memfd of the right mode? 0 or -errno. */
int measure_check_image(int fd, bool debuggable);
/* The worker's whole life: returns its exit status when the peer has gone. Blocks. */
int measure_worker(int socket);

#endif
