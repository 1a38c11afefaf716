/* SPDX-License-Identifier: MIT
 *
 * Services' output. What a service writes goes straight to where taoinit's own output goes, or through a pipe of its
 * own to the output worker, which tags lines, limits their rate, hands them on to the console, the kernel's log or
 * a file, and keeps the last ones in a ring for taoctl logs.
 *
 * PID 1 makes the pipes at a service's first start and holds both ends, and the memory of its ring, until the end: so
 * nothing is lost with the service or the worker. It neither reads nor writes a pipe, and never waits for one. A service
 * whose output goes straight costs nothing.
 */
#ifndef TAO_OUTPUT_H
#define TAO_OUTPUT_H

#include "environment.h"

/* What PID 1 tells the worker: here is a service (with the ends of its pipes, and its memory), or its program has ended. */
enum output_word { OUTPUT_NEW, OUTPUT_ENDED };
struct output_message {
	uint16_t unit, word;
};
#define OUTPUT_FDS 3

/* Where a service's output goes: "inherit", "none", "ring", "console", "kmsg", or the path of a file. */
const char *output_where(const struct env *env, uint16_t u);
bool output_is_kept(const char *where); /* in a ring, that is by the worker */

/* Memory for those who need it: 0 or -ENOMEM; env->outputs stays NULL if none does. */
int output_open(struct env *env);
bool output_wants_worker(const struct env *env);
/* Before a start: what becomes fds 1 and 2, -1: taoinit's own. They stay ours. 0, or -errno with the reason said. */
int output_give(struct env *env, uint16_t u, int *out, int *err);
void output_ended(struct env *env, uint16_t u); /* what it left without an end of line is one */
void output_pump(struct env *env);		/* the worker has begun, or has room */
void output_reply(struct env *env, uint32_t events);
/* Of another manifest: closes what a service has whose output goes elsewhere, or that is gone (it is at rest). */
void output_forget(struct env *env, uint16_t u);
/* … of which the worker has to know. */
void output_change(struct env *env);
void output_worker_lost(struct env *env);
/* At the end: lets it hand on what is left, for a while. */
void output_close(struct env *env);

/* The lines of a service's ring from position on, not older than since, the last so many (0: all), made in data; each
 * as output_line.h has it. next: where those begin that are still to come. -ENOENT: none are kept. */
int output_read(const struct env *env, uint16_t u, uint64_t position, int64_t since, uint32_t lines,
		struct span *text, uint64_t *next);

/* The worker's whole life; arg: the environment. */
int output_worker(int socket, void *arg);

#endif
