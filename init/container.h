/* SPDX-License-Identifier: MIT
 *
 * What a container is made of, step by step, by its keeper (keeper.h), which is pid 1 in it. The steps say themselves what
 * failed, over the start's pipe, and end the process (child.h). All of it hangs on the keeper's namespaces: nothing is to
 * be taken down.
 */
#ifndef TAO_CONTAINER_H
#define TAO_CONTAINER_H

#include "child.h"
#include "image.h"
#include "verity.h"

/* Arguments and variables of a program in a container: the image's and the entry's. */
#define CONTAINER_WORDS_MAX (2 * IMAGE_ARGS_MAX + 16)
/* Where the socket of $NOTIFY_SOCKET stands in it. */
#define CONTAINER_NOTIFY "/run/notify"

#define CONTAINER_DEVICES 6

/* What was opened of the host while it was to be seen; -1: it is not there. */
struct container_parts {
	int proc;
	int devices[CONTAINER_DEVICES];
	int mounts[MOUNTS_MAX]; /* of those to bind */
	int notify;
	int root; /* its image, mounted; -1: it is unpacked */
};

/* What runs in it. Strings are the entry's and the image's. */
struct container_run {
	char *argv[CONTAINER_WORDS_MAX];
	char *env[CONTAINER_WORDS_MAX];
	const char *notify;    /* the socket's path on the host, or NULL */
	const uint8_t *verity; /* of an image under dm-verity its record (verity.h), else NULL */
};

/* ---- container_root.c ---- */

/* With the host's file system still at hand. */
void container_open_parts(const struct child *c, const struct container_run *run, struct container_parts *parts);
/* In its own namespaces, as root of them: the image is unpacked or mounted, /dev, /proc and mounts are put in, and it is /. */
void container_make_root(const struct child *c, struct container_parts *parts);

/* ---- container_run.c ---- */

/* Program, environment, directory and user (in c), of the entry and of the image. */
void container_plan_run(struct child *c, struct container_run *run);
/* The program, by its path or looked for in its PATH. */
_Noreturn void container_exec(const struct child *c, const struct container_run *run);

/* ---- PID 1's side ---- */

/* Gives a keeper that asks (KEEPER_IDS) its ids; 0 or -errno. Never blocks. */
int container_give_ids(const struct service *service, pid_t keeper);

#endif
