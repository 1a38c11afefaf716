/* SPDX-License-Identifier: MIT
 *
 * The boundary: every policy decision of the environment is made here, by asking the guard, and is recorded
 * (audit.h). boundary.def is the table of what is asked, when, and with which arguments.
 *
 * The order is: explicit Deny; what a rule allows; for methods of the Tao, what follows from Execute; for admin verbs,
 * the built-in; deny. A question with arguments that no rule decides is asked once more without them.
 */
#ifndef TAO_BOUNDARY_H
#define TAO_BOUNDARY_H

#include "../policy/bundle.h"
#include "../policy/guard.h"

struct env;

enum verb {
	VERB_NONE, /* has no row: denied */
#define VERB(id, kind, moment, a, b) VERB_##id,
#include "boundary.def"
#undef VERB
	VERBS
};

/* "?" if there is none. */
const char *verb_text(enum verb verb);
/* VERB_NONE if there is none of that name. */
enum verb verb_find(const char *text);

/* What a question's arguments are made of. Spans as they came: p is NULL where there is none. */
struct matter {
	struct span extension;	   /* binary SubPrin: ext.… */
	struct span policy, label; /* text */
	struct span issuer;	   /* binary Prin; none: the caller */
	struct span form;	   /* binary Form: its predicate's name, or its connective */
	struct span sealer;	   /* binary Prin */
	const char *service;	   /* NULL: the host */
};

/* An admin client, as the kernel says who it is; transport.h. */
struct admin_peer {
	uint32_t uid, gid;
	int32_t unit;  /* it runs inside this service; -1: in none */
	bool known;    /* false: ids that mean nothing here, or a process that is gone: no principal */
	bool owner;    /* root, or whoever taoinit runs as */
	bool in_group; /* of the socket's group */
};

/* May the program of unit u run, under the name that it is started with? */
enum verdict boundary_may_execute(struct env *env, uint16_t u, struct why *why);
/* May the program of unit u call this method? Asked before anything is done. */
enum verdict boundary_may_call(struct env *env, uint16_t u, enum verb verb, const struct matter *matter,
			       struct why *why);
/* May it let the host say something in the name of issuer? Both are binary Prins; issuer as it was sent. */
enum verdict boundary_may_issue(struct env *env, uint16_t u, struct span program, struct span issuer,
				struct why *why);
/* May the opener, the program of unit u, have what stands in the bundle? Asked after it was decrypted. */
enum verdict boundary_may_open(struct env *env, uint16_t u, const struct bundle *bundle,
			       const struct seal_party *opener, struct why *why);
/* May this client do what verb says, to the named service (NULL: to the host)? */
enum verdict boundary_may_admin(struct env *env, const struct admin_peer *peer, enum verb verb,
				const char *service, struct why *why);

/* For taoctl explain: a decision like boundary_may_call's (or Execute's) about terms that somebody gives, and its
 * derivation. Nothing but the answer follows from it, and the records say so. */
#define BOUNDARY_EXPLAIN_MAX 32768
enum verdict boundary_explain(struct env *env, uint16_t u, const char *verb, const struct span *terms,
			      unsigned n_terms, struct wr *text);
/* The policy, or the guard, is another one: nothing that was remembered holds. */
void boundary_forget(struct env *env);

#endif
