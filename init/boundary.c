/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "../policy/name.h"
#include "audit.h"
#include "boundary.h"
#include "environment.h"
#include "log.h"

/* ---- the table ---- */

enum kind { KIND_NOBODY = 0, KIND_OWNER, KIND_GROUP, KIND_LAUNCH, KIND_METHOD, KIND_SEAL };
enum moment { MOMENT_BEFORE = 1, MOMENT_AFTER };
enum argument {
	ARG_NONE = 0,
	ARG_EXTENSION,
	ARG_POLICY,
	ARG_LABEL,
	ARG_ISSUER,
	ARG_WORD,
	ARG_SEALER,
	ARG_SERVICE,
};

#define ROW_ARGS 2
_Static_assert(ROW_ARGS <= ASK_ARGS_MAX, "a question takes what the rows have");

struct row {
	char text[24]; /* no pointers: they would be relocated */
	uint8_t kind, moment, args[ROW_ARGS];
};

static const struct row rows[VERBS] = {
#define VERB(id, kind, moment, a, b) [VERB_##id] = { #id, KIND_##kind, MOMENT_##moment, { ARG_##a, ARG_##b } },
#include "boundary.def"
#undef VERB
};

static const struct row *row_of(enum verb verb)
{
	return (unsigned)verb < VERBS && rows[verb].text[0] != '\0' ? &rows[verb] : NULL;
}

const char *verb_text(enum verb verb)
{
	const struct row *row = row_of(verb);
	return row != NULL ? row->text : "?";
}

enum verb verb_find(const char *text)
{
	for (unsigned v = VERB_NONE + 1; v < VERBS; v++)
		if (strcmp(rows[v].text, text) == 0)
			return (enum verb)v;
	return VERB_NONE;
}

/* ---- arguments, as binary Terms ---- */

/* The inline ones are large. */
__attribute__((noinline)) static void put(struct wr *out, uint64_t v)
{
	wr_varint(out, v);
}

__attribute__((noinline)) static void write_text(struct wr *out, struct span text)
{
	put(out, NODE_STR);
	put(out, text.n);
	wr_span_bytes(out, text);
}

/* What a statement is about, in a word: its predicate's name, or its connective. */
static struct span word_of(struct span form)
{
	static const char words[][10] = { "const",     "not",  "and",	 "or",	  "implies",
					  "speaksfor", "says", "forall", "exists" };
	struct rd r = rd_from(form);
	uint64_t tag = rd_varint(&r);
	struct span name = tag == NODE_PRED ? rd_var_bytes(&r) : span_of(NULL, 0);
	if (r.err != ERR_NONE)
		return span_of(NULL, 0);
	_Static_assert(NODE_CONST == NODE_PRED + 1 &&
			       NODE_EXISTS - NODE_CONST + 1 == sizeof words / sizeof words[0],
		       "the words stand in the order of the tags");
	return tag >= NODE_CONST && tag <= NODE_EXISTS ? span_str(words[tag - NODE_CONST]) : name;
}

/* False: the question goes without it. */
static bool write_argument(enum argument argument, const struct matter *m, struct wr *out)
{
	switch (argument) {
	case ARG_EXTENSION:
		put(out, NODE_TAIL);
		wr_span_bytes(out, m->extension);
		return true;
	case ARG_POLICY:
		write_text(out, m->policy);
		return true;
	case ARG_LABEL:
		write_text(out, m->label);
		return true;
	case ARG_ISSUER:
		wr_span_bytes(out, m->issuer);
		return true;
	case ARG_WORD:
		write_text(out, word_of(m->form));
		return true;
	case ARG_SEALER:
		wr_span_bytes(out, m->sealer);
		return true;
	case ARG_SERVICE:
		if (m->service != NULL)
			write_text(out, span_str(m->service));
		return m->service != NULL;
	case ARG_NONE:
		break;
	}
	return false;
}

/* The question in full; false if it would be longer than it may be. */
static bool make_ask(struct env *env, const struct row *row, struct span principal, const struct matter *matter,
		     struct ask *ask)
{
	struct wr w = wr_to(env->scratch->terms, sizeof env->scratch->terms);
	*ask = (struct ask){ .principal = principal, .verb = row->text };
	for (int i = 0; i < ROW_ARGS; i++) {
		size_t at = w.n;
		if (write_argument((enum argument)row->args[i], matter, &w))
			ask->args[ask->n_args++] = span_of(w.p + at, w.n - at);
	}
	return w.err == ERR_NONE;
}

/* ---- asking ---- */

/* Denied with the arguments and without; allowed with them or without. */
static enum verdict decide(const struct env *env, const struct ask *ask, struct why *why)
{
	enum verdict verdict = guard_decide(&env->guard, ask, why);
	if (verdict == ALLOW || why->by != WHY_NOTHING || ask->n_args == 0)
		return verdict;
	struct ask whole = *ask;
	whole.n_args = 0;
	return guard_decide(&env->guard, &whole, why);
}

/* … and what follows from Execute, which a program is granted under the name that it was started with. */
static enum verdict decide_method(struct env *env, uint16_t u, const struct ask *ask, struct why *why)
{
	enum verdict verdict = decide(env, ask, why);
	if (verdict == ALLOW || why->by != WHY_NOTHING || env->manifest.host.guard_strict ||
	    guard_names_verb(&env->guard, ask->verb))
		return verdict;
	struct wr name = wr_to(env->scratch->asker, sizeof env->scratch->asker);
	launch_name(env, u, false, &name);
	if (name.err != ERR_NONE)
		return DENY;
	const struct ask execute = { .principal = wr_span(&name), .verb = rows[VERB_Execute].text };
	verdict = decide(env, &execute, why);
	size_t n = strlen(why->rule);
	if (verdict == ALLOW && env->guard.state != NULL)
		snprintf(why->rule + n, sizeof why->rule - n, ", as Execute");
	return verdict;
}

static enum verdict deny(struct why *why, const char *text)
{
	strcpy(why->rule, text);
	why->by = WHY_BUILT_IN;
	return DENY;
}

static enum verdict record(struct env *env, const struct audit_caller *caller, enum verb verb,
			   const struct ask *ask, enum verdict verdict, const struct why *why)
{
	audit_decision(env, caller, verb, ask, verdict, why);
	return verdict;
}

/* The name of a program, as it is called now, in scratch. */
static bool name_of(struct env *env, uint16_t u, bool extended, struct span *name)
{
	struct wr w = wr_to(env->scratch->asker, sizeof env->scratch->asker);
	launch_name(env, u, extended, &w);
	*name = wr_span(&w);
	return w.err == ERR_NONE;
}

/* ---- programs ---- */

enum verdict boundary_may_execute(struct env *env, uint16_t u, struct why *why)
{
	const struct audit_caller caller = { .unit = u };
	struct ask ask = { .verb = rows[VERB_Execute].text };
	enum verdict verdict = name_of(env, u, false, &ask.principal) ? decide(env, &ask, why)
								      : deny(why, "its name is too long");
	return record(env, &caller, VERB_Execute, &ask, verdict, why);
}

/* What was decided under another policy does not count. */
static struct unit *under_this_policy(struct env *env, uint16_t u)
{
	struct unit *unit = &env->units[u];
	_Static_assert(VERBS <= 32, "a bit for each verb");
	if (unit->decided_under != env->policy_changes)
		unit->allowed = unit->denied = 0;
	unit->decided_under = env->policy_changes;
	return unit;
}

/* Each denial is a record, but only the first of a verb is a line of the log: a program may ask without end. */
static enum verdict record_call(struct env *env, uint16_t u, enum verb verb, const struct ask *ask,
				enum verdict verdict, const struct why *why)
{
	const struct audit_caller caller = { .unit = u };
	struct unit *unit = under_this_policy(env, u);
	if (verdict == DENY && (unit->denied >> verb & 1) == 0) {
		unit->denied |= (uint32_t)1 << verb;
		log_warning("%s: %s is denied (%s)", env->manifest.services[u].name, verb_text(verb), why->rule);
	}
	return record(env, &caller, verb, ask, verdict, why);
}

void boundary_forget(struct env *env)
{
	env->policy_changes++;
}

enum verdict boundary_may_call(struct env *env, uint16_t u, enum verb verb, const struct matter *matter,
			       struct why *why)
{
	const struct row *row = row_of(verb);
	struct unit *unit = under_this_policy(env, u);
	struct ask ask = { .verb = "?" };
	struct matter whole = *matter;
	enum verdict verdict;
	struct span name;
	if (row == NULL || row->kind != KIND_METHOD || row->moment != MOMENT_BEFORE)
		return record_call(env, u, VERB_NONE, &ask, deny(why, "the method has no row in boundary.def"),
				   why);
	if ((unit->allowed >> verb & 1) != 0) {
		audit_again(env, u, verb);
		return ALLOW;
	}
	bool good = name_of(env, u, true, &name);
	if (whole.issuer.p == NULL)
		whole.issuer = name;
	if (!good || !make_ask(env, row, name, &whole, &ask))
		verdict = deny(why, "its name or the arguments are too long");
	else
		verdict = decide_method(env, u, &ask, why);
	/* Without arguments it holds until the policy or the name changes. */
	if (verdict == ALLOW && ask.n_args == 0)
		unit->allowed |= (uint32_t)1 << verb;
	return record_call(env, u, verb, &ask, verdict, why);
}

enum verdict boundary_may_issue(struct env *env, uint16_t u, struct span program, struct span issuer,
				struct why *why)
{
	const struct ask ask = { .principal = program, .args = { issuer }, .n_args = 1 };
	if (name_is_subprin(issuer, program))
		return ALLOW; /* as the method was, which is recorded */
	return record_call(env, u, VERB_Attest, &ask,
			   deny(why, "built in: the issuer is neither the program nor a part of it"), why);
}

enum verdict boundary_may_open(struct env *env, uint16_t u, const struct bundle *bundle,
			       const struct seal_party *opener, struct why *why)
{
	const struct seal_policy *policy = seal_policy_find(bundle->policy);
	struct ask ask = { .principal = opener->name };
	struct matter matter = { .label = bundle->policy, .sealer = bundle->sealer.name };
	enum verdict verdict;
	if (policy != NULL && (policy->by & SEAL_BY_RULE) != 0)
		matter.label = seal_policy_label(policy, bundle->policy);
	if (!make_ask(env, &rows[VERB_Open], opener->name, &matter, &ask)) {
		verdict = deny(why, "the arguments are too long");
	} else if (policy != NULL && (policy->by & SEAL_BY_RULE) != 0) {
		verdict = decide(env, &ask, why);
	} else {
		verdict = policy != NULL && seal_policy_covers(policy, &bundle->sealer, opener) ? ALLOW : DENY;
		why->by = WHY_BUILT_IN;
		snprintf(why->rule, sizeof why->rule, "built in: the seal policy %s %s this program",
			 policy != NULL ? policy->name : "(an unknown one)",
			 verdict == ALLOW ? "covers" : "does not cover");
	}
	return record_call(env, u, VERB_Open, &ask, verdict, why);
}

/* ---- admin clients ---- */

/* .Unix(uid, gid) below the host, or below the service that the client runs in. */
static bool name_peer(struct env *env, const struct admin_peer *peer, struct span *name)
{
	uint8_t below[64];
	struct wr sub = wr_to(below, sizeof below), at = wr_to(env->scratch->name, LAUNCH_NAME_MAX);
	struct wr w = wr_to(env->scratch->asker, sizeof env->scratch->asker);
	put(&sub, NODE_SUBPRIN);
	put(&sub, 1);
	put(&sub, NODE_EXT);
	wr_var_bytes(&sub, span_str("Unix"));
	put(&sub, 2);
	put(&sub, NODE_INT);
	put(&sub, peer->uid);
	put(&sub, NODE_INT);
	put(&sub, peer->gid);
	if (peer->unit >= 0)
		launch_name(env, (uint16_t)peer->unit, true, &at);
	else
		wr_bytes(&at, env->host_name, env->host_name_n);
	bool good = at.err == ERR_NONE && name_extend(wr_span(&at), wr_span(&sub), &w) >= 0 && w.err == ERR_NONE;
	*name = wr_span(&w);
	return good;
}

/* Root in a privileged service could take whatever it is refused; where no policy speaks of people, the shell of a
 * machine's console or login is such a service. */
static bool as_root(const struct env *env, const struct admin_peer *peer, bool ruled)
{
	return peer->unit < 0 || (!ruled && peer->uid == 0 && env->manifest.services[peer->unit].privileged);
}

static enum verdict built_in(const struct env *env, const struct admin_peer *peer, const struct row *row,
			     bool ruled, struct why *why)
{
	bool owner = peer->known && peer->owner && as_root(env, peer, ruled);
	bool group = peer->known && peer->in_group && peer->unit < 0;
	enum verdict verdict =
		(row->kind == KIND_OWNER && owner) || (row->kind == KIND_GROUP && (owner || group)) ? ALLOW : DENY;
	why->by = verdict == ALLOW || !ruled ? WHY_BUILT_IN : WHY_NOTHING;
	snprintf(why->rule, sizeof why->rule,
		 verdict == ALLOW ? "built in: the %s may %s"
		 : !peer->known	  ? "it is not known who asks"
				  : "no rule allows it, and nothing built in",
		 owner ? "owner of the host" : "socket's group", row->text);
	return verdict;
}

enum verdict boundary_may_admin(struct env *env, const struct admin_peer *peer, enum verb verb,
				const char *service, struct why *why)
{
	const struct row *row = row_of(verb);
	const struct audit_caller caller = {
		.admin = true, .unit = peer->unit, .uid = peer->uid, .gid = peer->gid
	};
	const struct matter matter = { .service = service };
	struct ask ask = { .verb = "?" };
	enum verdict verdict = DENY;
	struct span name;
	if (row == NULL || row->kind > KIND_GROUP)
		return record(env, &caller, VERB_NONE, &ask, deny(why, "the method has no row in boundary.def"),
			      why);
	/* A guard without a policy says nothing about people. Before the root is open the host has no name. */
	bool ruled = peer->known && env->guard.state != NULL && env->host_name_n > 0;
	why->by = WHY_NOTHING;
	if (ruled && (!name_peer(env, peer, &name) || !make_ask(env, row, name, &matter, &ask)))
		verdict = deny(why, "its name is too long");
	else if (ruled)
		verdict = decide(env, &ask, why);
	if (verdict == DENY && why->by == WHY_NOTHING)
		verdict = built_in(env, peer, row, ruled, why);
	return record(env, &caller, verb, &ask, verdict, why);
}

/* ---- explaining ---- */

enum verdict boundary_explain(struct env *env, uint16_t u, const char *verb, const struct span *terms,
			      unsigned n_terms, struct wr *text)
{
	struct ask ask = { .verb = verb, .n_args = n_terms };
	struct why why = { .rule = "" };
	enum verdict verdict;
	enum verb known = verb_find(verb);
	for (unsigned i = 0; i < n_terms && i < ASK_ARGS_MAX; i++)
		ask.args[i] = terms[i];
	if (n_terms > ASK_ARGS_MAX || !name_of(env, u, known != VERB_Execute, &ask.principal))
		verdict = deny(&why, "its name is too long, or there are too many arguments");
	else if (known != VERB_NONE && rows[known].kind == KIND_METHOD)
		verdict = decide_method(env, u, &ask, &why);
	else
		verdict = decide(env, &ask, &why);
	wr_span_bytes(text, span_str(verdict == ALLOW ? "allowed: " : "denied: "));
	wr_span_bytes(text, span_str(why.rule));
	wr_u8(text, '\n');
	guard_explain(&env->guard, &why, text);
	return verdict;
}
