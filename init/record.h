/* SPDX-License-Identifier: MIT
 *
 * Measured launches on a host whose root measures (a TPM): the first launch of each distinct name in this boot is in the
 * event log and in the PCR before its program runs. PID 1's side: a unit whose program has been measured and may run
 * waits here until the record worker has answered. The worker is started for the first question and lives on.
 */
#ifndef TAO_RECORD_H
#define TAO_RECORD_H

#include "../crypto/root.h"
#include "environment.h"

/* To the record worker. Its answer: the same id, and what became of it. */
struct record_question {
	uint64_t id;
	uint32_t tag; /* enum eventlog_tag */
	uint32_t n;
	uint8_t data[LAUNCH_NAME_MAX]; /* n bytes are sent */
};
#define RECORD_QUESTION_SIZE(n) (offsetof(struct record_question, data) + (size_t)(n))

struct record_answer {
	uint64_t id;
	int32_t error; /* enum err */
	struct root_report report;
};

/* Memory, and the log that PID 1 and the root workers share: 0 or -ENOMEM. Nothing where the root does not measure. */
int record_open(struct env *env);
/* Must unit u wait? digests[u] tell its name. */
bool record_wanted(struct env *env, uint16_t u);
/* Takes over the descriptors of m; launch_recorded(env, u, &m, …) follows, when the record is in the PCR or cannot
 * be. */
void record_hold(struct env *env, uint16_t u, const struct measured *m);

/* Measures what is no launch: EVENTLOG_POLICY before a policy is in force, EVENTLOG_ROOT (the root hash, 32 bytes) before
 * the device becomes /. At most RECORD_HOST_MAX bytes. done is called when the record is in the log and the PCR or cannot
 * be; where the root does not measure, at once. One of a tag at a time. */
#define RECORD_HOST_MAX 64
typedef void record_done(struct env *env, int error, const char *text);
void record_host(struct env *env, enum eventlog_tag tag, struct span data, record_done *done);
/* The root does not measure after all: whoever waits is told error, and text. */
void record_close(struct env *env, int error, const char *text);

/* For the environment. */
void record_pump(struct env *env);
void record_reply(struct env *env);
bool record_worker_ended(struct env *env); /* is another one wanted? */
bool record_wants_worker(const struct env *env);

/* The worker's life (record_worker.c); arg is the struct host of the manifest. Blocks. */
int record_worker(int socket, void *arg);

#endif
