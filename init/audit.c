/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>

#include "../crypto/sha256.h"
#include "audit.h"
#include "environment.h"
#include "events.h"
#include "log.h"
#include "output_line.h"
#include "sys.h"

/* A screen or two of each. 208 bytes a record. */
#define RECORDS_MAX 128
/* Lines a second that are written at the most, and derivations that are kept; a burst of as many is free. */
#define LINES_A_SECOND 100
#define DERIVATIONS_A_SECOND 10
#define DERIVATIONS 8
#define DERIVATION_MAX 2048
#define RULE_MAX 104

struct record {
	uint64_t seq; /* of all decisions, from 1; 0: free */
	int64_t first, last;
	struct audit_caller caller;
	uint32_t count;
	uint32_t policy; /* under which it was made */
	uint8_t verb, verdict;
	bool unsent;
	uint8_t principal[8], arguments[8]; /* heads of SHA-256 */
	char rule[RULE_MAX];
};

struct table {
	struct record at[RECORDS_MAX];
};

struct bucket {
	int64_t at;
	uint32_t tokens;
};

struct audit {
	struct table denied, allowed; /* denied: and all that admin clients ask */
	uint64_t seq;
	uint32_t unsent;
	uint64_t left_out; /* lines, since the last that was sent */
	struct bucket lines, derivations;
	uint64_t derivation_n;
	struct {
		uint64_t seq;
		char text[DERIVATION_MAX];
	} derivation[DERIVATIONS];
	const struct sha256_impl *sha256;
	char boot[40];
};

int audit_open(struct env *env)
{
	struct audit *audit = sys_map_own(sizeof *audit);
	if (audit == NULL)
		return -ENOMEM;
	env->audit = audit;
	audit->sha256 = sha256_pick();
	if (sys_read_file("/proc/sys/kernel/random/boot_id", audit->boot, sizeof audit->boot) < 0)
		audit->boot[0] = '\0';
	audit->boot[strcspn(audit->boot, "\n")] = '\0';
	return 0;
}

/* ---- recording ---- */

static bool take_token(struct bucket *bucket, uint32_t a_second)
{
	int64_t now = sys_now(), gap = NS_PER_S / a_second;
	if (bucket->at == 0 || now - bucket->at >= NS_PER_S) {
		bucket->tokens = a_second;
		bucket->at = now;
	}
	while (now - bucket->at >= gap && bucket->tokens < a_second) {
		bucket->tokens++;
		bucket->at += gap;
	}
	if (bucket->tokens == 0)
		return false;
	bucket->tokens--;
	return true;
}

static bool same_caller(const struct audit_caller *a, const struct audit_caller *b)
{
	return a->admin == b->admin && a->unit == b->unit && a->uid == b->uid && a->gid == b->gid;
}

static struct record *find(struct table *table, const struct record *r)
{
	for (int i = 0; i < RECORDS_MAX; i++) {
		struct record *at = &table->at[i];
		if (at->seq != 0 && at->verb == r->verb && at->verdict == r->verdict && at->policy == r->policy &&
		    same_caller(&at->caller, &r->caller) &&
		    memcmp(at->principal, r->principal, sizeof r->principal) == 0 &&
		    memcmp(at->arguments, r->arguments, sizeof r->arguments) == 0 &&
		    strcmp(at->rule, r->rule) == 0)
			return at;
	}
	return NULL;
}

/* A free place; else the oldest, of the caller's own if they are many. */
static struct record *make_room(struct audit *audit, struct table *table, const struct audit_caller *caller)
{
	struct record *oldest = &table->at[0], *own = NULL;
	int n_own = 0;
	for (int i = 0; i < RECORDS_MAX; i++) {
		struct record *at = &table->at[i];
		if (at->seq == 0)
			return at;
		if (at->seq < oldest->seq)
			oldest = at;
		if (same_caller(&at->caller, caller)) {
			n_own++;
			if (own == NULL || at->seq < own->seq)
				own = at;
		}
	}
	struct record *out = n_own > RECORDS_MAX / 4 ? own : oldest;
	if (out->unsent) {
		audit->unsent--;
		audit->left_out++;
	}
	return out;
}

static void set_unsent(const struct env *env, struct record *at)
{
	if (env->manifest.host.audit == NULL || at->unsent)
		return;
	at->unsent = true;
	env->audit->unsent++;
}

/* Who follows what happens is no event, or he would never come to the end. */
static void tell(struct env *env, struct record *at)
{
	set_unsent(env, at);
	if (at->verb != VERB_Events)
		events_add(env, (struct event){ .what = at->seq, .state = UNIT_STATES });
}

static void again(struct env *env, struct record *at)
{
	at->last = sys_realtime();
	at->count++;
	if ((at->count & (at->count - 1)) == 0)
		tell(env, at);
}

static void keep_derivation(struct env *env, uint64_t seq, const struct why *why)
{
	struct audit *audit = env->audit;
	if (env->guard.state == NULL || why->by == WHY_BUILT_IN ||
	    !take_token(&audit->derivations, DERIVATIONS_A_SECOND))
		return;
	unsigned i = audit->derivation_n++ % DERIVATIONS;
	struct wr w = wr_to(audit->derivation[i].text, DERIVATION_MAX - 1);
	guard_explain(&env->guard, why, &w);
	audit->derivation[i].text[w.n] = '\0';
	audit->derivation[i].seq = seq;
}

static void head_of_hash(const struct audit *audit, struct span bytes, uint8_t head[static 8])
{
	uint8_t digest[SHA256_SIZE] = { 0 };
	if (bytes.n > 0)
		sha256_of(audit->sha256, bytes, digest);
	memcpy(head, digest, 8);
}

void audit_decision(struct env *env, const struct audit_caller *caller, enum verb verb, const struct ask *ask,
		    enum verdict verdict, const struct why *why)
{
	struct audit *audit = env->audit;
	struct table *table = caller->admin || verdict != ALLOW ? &audit->denied : &audit->allowed;
	struct record r = { .caller = *caller, .verb = (uint8_t)verb, .verdict = (uint8_t)verdict };
	r.policy = (uint32_t)env->policy_changes;
	snprintf(r.rule, sizeof r.rule, "%.*s", RULE_MAX - 1, why->rule);
	head_of_hash(audit, ask->principal, r.principal);
	if (ask->n_args > 0) {
		/* They stand one behind the other. */
		struct span last = ask->args[ask->n_args - 1];
		head_of_hash(audit, span_of(ask->args[0].p, (size_t)(last.p + last.n - ask->args[0].p)),
			     r.arguments);
	}
	bool folds = !caller->admin || verdict != ALLOW || verb == VERB_Status || verb == VERB_Logs ||
		     verb == VERB_Events;
	struct record *at = folds ? find(table, &r) : NULL;
	if (at != NULL) {
		again(env, at);
		return;
	}
	r.seq = ++audit->seq;
	r.first = r.last = sys_realtime();
	r.count = 1;
	if (verdict != ALLOW)
		keep_derivation(env, r.seq, why);
	at = make_room(audit, table, caller);
	*at = r;
	tell(env, at);
}

void audit_again(struct env *env, uint16_t u, enum verb verb)
{
	struct table *table = &env->audit->allowed;
	for (int i = 0; i < RECORDS_MAX; i++) {
		struct record *at = &table->at[i];
		if (at->seq != 0 && at->verb == verb && at->caller.unit == u &&
		    at->policy == (uint32_t)env->policy_changes) {
			again(env, at);
			return;
		}
	}
}

/* ---- as lines ---- */

void audit_put(struct wr *w, const char *text)
{
	wr_span_bytes(w, span_str(text));
}

/* What PID 1 writes is ASCII, but for names out of the manifest, which are letters, digits and a few signs. */
void audit_put_string(struct wr *w, const char *key, const char *text)
{
	audit_put(w, ",\"");
	audit_put(w, key);
	audit_put(w, "\":\"");
	for (; *text != '\0'; text++) {
		uint8_t c = (uint8_t)*text;
		if (c == '"' || c == '\\')
			wr_u8(w, '\\');
		wr_u8(w, c < ' ' || c > '~' ? '?' : c);
	}
	audit_put(w, "\"");
}

static void put_hex(struct wr *w, const char *key, const uint8_t head[static 8])
{
	char text[17];
	for (int i = 0; i < 8; i++)
		snprintf(text + 2 * i, 3, "%02x", head[i]);
	audit_put_string(w, key, text);
}

void audit_put_time(struct wr *w, const char *key, int64_t ns)
{
	char text[TIME_TEXT_MAX];
	time_text(ns, text);
	audit_put_string(w, key, text);
}

static void write_line(const struct env *env, const struct record *r, uint64_t left_out, struct wr *w)
{
	audit_put(w, "{\"seq\":");
	wr_decimal(w, r->seq);
	audit_put_time(w, "time", r->first);
	audit_put_string(w, "boot", env->audit->boot);
	if (r->caller.unit >= 0)
		audit_put_string(w, "service", env->manifest.services[r->caller.unit].name);
	if (r->caller.admin) {
		audit_put(w, ",\"uid\":");
		wr_decimal(w, r->caller.uid);
		audit_put(w, ",\"gid\":");
		wr_decimal(w, r->caller.gid);
	}
	put_hex(w, "principal", r->principal);
	audit_put_string(w, "verb", verb_text((enum verb)r->verb));
	put_hex(w, "arguments", r->arguments);
	audit_put_string(w, "verdict", r->verdict == ALLOW ? "allow" : "deny");
	audit_put_string(w, "rule", r->rule);
	if (r->count > 1) {
		audit_put(w, ",\"count\":");
		wr_decimal(w, r->count);
		audit_put_time(w, "last", r->last);
	}
	if (left_out > 0) {
		audit_put(w, ",\"left_out\":");
		wr_decimal(w, left_out);
	}
	audit_put(w, "}\n");
}

/* The record with the least number that is greater than after, of one table. */
static struct record *next_in(struct table *table, uint64_t after, bool unsent)
{
	struct record *next = NULL;
	for (int i = 0; i < RECORDS_MAX; i++) {
		struct record *at = &table->at[i];
		if (at->seq > after && (at->unsent || !unsent) && (next == NULL || at->seq < next->seq))
			next = at;
	}
	return next;
}

static const struct record *record_of(struct table *table, uint64_t seq)
{
	const struct record *r = next_in(table, seq - 1, false);
	return r != NULL && r->seq == seq ? r : NULL;
}

bool audit_write(const struct env *env, uint64_t seq, struct wr *out)
{
	struct audit *audit = env->audit;
	const struct record *r = record_of(&audit->denied, seq);
	if (r == NULL)
		r = record_of(&audit->allowed, seq);
	if (r != NULL)
		write_line(env, r, 0, out);
	return r != NULL;
}

void audit_list(const struct env *env, struct wr *out)
{
	struct audit *audit = env->audit;
	struct record *d = next_in(&audit->denied, 0, false), *a = next_in(&audit->allowed, 0, false);
	while (d != NULL || a != NULL) {
		bool denied = a == NULL || (d != NULL && d->seq < a->seq);
		write_line(env, denied ? d : a, 0, out);
		if (denied)
			d = next_in(&audit->denied, d->seq, false);
		else
			a = next_in(&audit->allowed, a->seq, false);
	}
}

void audit_explain(const struct env *env, struct wr *out)
{
	struct audit *audit = env->audit;
	uint64_t n = audit->derivation_n, first = n > DERIVATIONS ? n - DERIVATIONS : 0;
	for (uint64_t i = first; i < n; i++) {
		uint64_t seq = audit->derivation[i % DERIVATIONS].seq;
		audit_write(env, seq, out);
		audit_put(out, audit->derivation[i % DERIVATIONS].text);
		audit_put(out, "\n");
	}
}

/* ---- to the worker ---- */

/* Denials first: they are what somebody will look for. */
void audit_turn(struct env *env)
{
	struct audit *audit = env->audit;
	const struct worker *worker = &env->workers[WORKER_AUDIT];
	while (audit->unsent > 0 && worker->fd >= 0) {
		char line[AUDIT_LINE_MAX];
		struct wr w = wr_to(line, sizeof line);
		struct record *r = next_in(&audit->denied, 0, true);
		if (r == NULL)
			r = next_in(&audit->allowed, 0, true);
		if (r == NULL || !take_token(&audit->lines, LINES_A_SECOND))
			break;
		write_line(env, r, audit->left_out, &w);
		if (w.err == ERR_NONE && sys_send(worker->fd, wr_span(&w), NULL, 0) < 0)
			break;
		r->unsent = false;
		audit->unsent--;
		audit->left_out = 0;
	}
	if (audit->unsent > 0 && worker->fd >= 0 && !loop_is_set(&env->loop, TIMER_AUDIT(env)))
		loop_timer(&env->loop, TIMER_AUDIT(env), sys_now() + NS_PER_S / 10);
}

void audit_reply(struct env *env)
{
	char text[256];
	ssize_t n = sys_recv(env->workers[WORKER_AUDIT].fd, text, sizeof text - 1, NULL, 0, NULL);
	if (n > 0)
		log_warning("%.*s", (int)n, text);
}
