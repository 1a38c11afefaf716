/* SPDX-License-Identifier: MIT
 *
 * Records of what was decided: a table in PID 1, which taoctl audit shows, and, where host.audit says so, a line of
 * JSON each, written by a worker. Nothing here blocks. Memory is taken once; what does not fit is left out and counted.
 *
 * Denials and what admin clients asked have a table of their own, so that no allowed call displaces one; in each, who
 * fills a quarter displaces his own. The same decision again is counted in its record, whose line is written anew at
 * 2, 4, 8 … of them.
 */
#ifndef TAO_AUDIT_H
#define TAO_AUDIT_H

#include "boundary.h"

#define AUDIT_LINE_MAX 1024

/* Who asked. unit: whose program it is, or in which service an admin client runs; -1: none. */
struct audit_caller {
	bool admin;
	int32_t unit;
	uint32_t uid, gid;
};

/* Before the first decision: 0 or -ENOMEM. */
int audit_open(struct env *env);
/* Right after the decision: the guard still holds its derivation. */
void audit_decision(struct env *env, const struct audit_caller *caller, enum verb verb, const struct ask *ask,
		    enum verdict verdict, const struct why *why);
/* A remembered permission was used again. */
void audit_again(struct env *env, uint16_t u, enum verb verb);
/* For the environment: sends what may be sent; what is left has a timer. */
void audit_turn(struct env *env);
void audit_reply(struct env *env); /* what the worker complains of */
/* The worker's whole life. */
int audit_worker(int socket, void *arg);

/* The records as lines of JSON, the oldest first. */
void audit_list(const struct env *env, struct wr *out);
/* The record of that number as a line of JSON, if it is still there. */
bool audit_write(const struct env *env, uint64_t seq, struct wr *out);
/* Parts of such a line: as it is; ,"key":"text". */
void audit_put(struct wr *w, const char *text);
void audit_put_string(struct wr *w, const char *key, const char *text);
void audit_put_time(struct wr *w, const char *key, int64_t ns);
/* The last denials with what was closest, as it stood when they were made. */
void audit_explain(const struct env *env, struct wr *out);

#endif
