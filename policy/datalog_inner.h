/* SPDX-License-Identifier: MIT
 *
 * What datalog_*.c share. All objects stand in two rooms, that of the policy and that of the query, and are never
 * given back one by one.
 */
#ifndef TAO_DATALOG_INNER_H
#define TAO_DATALOG_INNER_H

#include "datalog.h"

struct room {
	uint8_t *p;
	size_t n, cap;
};

/* Zeroed, aligned to 8 bytes; NULL if there is no more. */
void *room_take(struct room *room, size_t n);
/* What is left. */
struct wr room_rest(const struct room *room);

/* Of a name: taking it apart and printing it take a time that grows with the square. */
#define TERM_EXTS_MAX 256

/* Either bytes (a binary Term that is no name; what stands before a Prin's SubPrin; the tag of a PrinTail; a binary
 * PrinExt), or a parent extended by ext: so that taking a name apart is following a pointer. */
struct term {
	struct term *next; /* of equal hash */
	const struct term *parent, *ext;
	struct span bytes;
	uint32_t hash;
	uint32_t exts; /* how many parents there are */
	enum node_kind kind;
};

struct slot {
	const struct term *term;
	struct fact *next; /* with this term at this place */
};

struct fact {
	struct fact *hash_next;
	struct fact *next; /* of the same predicate; of the same goal */
	const struct pred *pred;
	const struct frame *how; /* the rule that gave it, and its facts; NULL: stands in the policy */
	unsigned line;
	bool shown; /* by the explanation */
	struct slot arg[];
};

struct pred {
	struct pred *next;
	struct span name;
	unsigned arity, stratum;
	uint32_t hash;
	bool built_in, queued;
	struct pred *queue_next;
	struct fact *facts;
	struct rule *rules, *last_rule;
	struct literal *uses;
};

/* The facts of a predicate with one term at one place. */
struct column {
	struct column *next;
	const struct pred *pred;
	const struct term *term;
	unsigned at;
	uint32_t n;
	struct fact *facts;
};

struct arg {
	const struct term *term; /* NULL: the variable var */
	unsigned var;
};

struct literal {
	struct pred *pred;
	struct literal *next_use;
	struct pred *head;  /* of its rule */
	bool negated, full; /* full: E may be several extensions */
	struct arg arg[];
};

struct rule {
	struct rule *next; /* for the same predicate */
	unsigned line, n_vars, n_body;
	struct literal *head;
	struct literal *body[];
};

struct goal {
	struct goal *hash_next;
	struct pred *pred;
	uint32_t hash;
	bool ground;
	struct fact *first, *last;
	struct frame *consumers;
	const struct frame *best; /* the closest to an answer that a rule came */
	const struct term *arg[]; /* NULL: free */
};

/* Of a frame that goes on at once. */
#define NO_LITERAL 255

/* A rule being tried for a goal: what its variables are, and which facts its conditions have. It waits in the agenda,
 * or among the consumers of a goal. */
struct frame {
	struct frame *next, *consumer_next;
	struct goal *goal;
	const struct rule *rule;
	struct goal *on;	   /* whose answers it waits for; may be NULL */
	const struct fact *stored; /* the next fact of the policy to look at */
	const struct fact *seen;   /* the last answer of on looked at */
	uint32_t done;		   /* bit a condition */
	uint8_t literal;	   /* the condition that it waits for, or NO_LITERAL: goes on at once */
	uint8_t column;		   /* stored goes along arg[column].next, or for DATALOG_ARITY_MAX along next */
	uint8_t n_done;
	bool queued;
	const void
		*slot[]; /* n_vars terms (NULL: free), then n_body facts (NULL: none, or built in, or negated) */
};

#define QUERY_BUCKETS 512

struct run {
	struct term *terms[QUERY_BUCKETS];
	struct goal *goals[QUERY_BUCKETS];
	struct fact *facts[QUERY_BUCKETS];
	struct frame *agenda[DATALOG_STRATA_MAX];
	struct goal *root;
	const struct fact *found; /* the root's answer, if it is ground */
	const struct pred *open;  /* its predicate, if it is not: the facts of the policy are answers too */
	const struct term *args[DATALOG_ARITY_MAX]; /* as asked */
	uint32_t steps, n_facts;
	enum datalog_result stopped;
	bool unbound;
};

struct datalog {
	struct room rules, query;
	struct datalog_options options;
	bool loading;
	unsigned longest_tail;
	uint32_t mask; /* buckets of each table, less one */
	struct term **terms;
	struct fact **facts;
	struct column **columns;
	struct pred *preds[256];
	struct run run;
};

/* ---- terms ---- */
const struct term *term_atom(struct datalog *d, struct span bytes);
const struct term *term_extend(struct datalog *d, const struct term *parent, const struct term *ext);
/* Reads a binary Term; NULL with r->err set. */
const struct term *term_read(struct datalog *d, struct rd *r);
void term_print(const struct term *term, struct wr *text);
uint32_t hash_bytes(struct span bytes);
uint32_t hash_mix(uint32_t hash, uint32_t more);
struct pred *pred_find(const struct datalog *d, struct span name, unsigned arity);

/* ---- facts ---- */
struct fact *fact_stored(const struct datalog *d, const struct pred *pred, const struct term *const *args);
const struct column *column_find(const struct datalog *d, const struct pred *pred, unsigned at,
				 const struct term *term);
uint32_t fact_hash(const struct pred *pred, const struct term *const *args);

/* ---- built in: S, P, E in t; what is not known is NULL and is set ---- */
enum subprin { SUBPRIN_NO = 0, SUBPRIN_YES, SUBPRIN_SPLITS, SUBPRIN_UNBOUND, SUBPRIN_ROOM };
enum subprin subprin(struct datalog *d, const struct term *t[static 3], bool full);
/* S is taken apart n extensions before its end. False: it has not so many, or there is no room. */
bool subprin_split(struct datalog *d, const struct term *t[static 3], unsigned n);

static inline const struct term *value_of(const struct frame *f, const struct arg *arg)
{
	return arg->term != NULL ? arg->term : f->slot[arg->var];
}

#endif
