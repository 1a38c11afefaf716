/* SPDX-License-Identifier: MIT */
/* link: init/boundary.c policy crypto/base.c */
/* Every branch of the boundary: who is asked what, in which order, and what is recorded. Names, records and the loop
 * are variables here; the guards are real. */
#include <stdarg.h>

#include "../../init/audit.h"
#include "../../init/environment.h"
#include "../../init/log.h"
#include "name_help.h"
#include "test.h"

#define HOST "key([1111111111111111111111111111111111111111111111111111111111111111])"

static struct env env;
static struct launch_scratch scratch;
static struct service services[1];
static struct unit units[1];

static struct {
	const char *name; /* of the program, as started */
	const char *more; /* what it has added */
	bool too_long;
	unsigned records, again;
	enum verb verb;
	enum verdict verdict;
	struct audit_caller caller;
	unsigned n_args;
	char rule[256];
	unsigned lines;
	char line[512];
} world;

/* ---- the world's side of the seams ---- */

void launch_name(const struct env *e, uint16_t u, bool extended, struct wr *out)
{
	char text[512];
	(void)e, (void)u;
	snprintf(text, sizeof text, "%s%s", world.name, extended ? world.more : "");
	if (world.too_long)
		out->err = ERR_NO_SPACE;
	else
		wr_span_bytes(out, binary_of(text, NAME_PRIN));
}

void audit_decision(struct env *e, const struct audit_caller *caller, enum verb verb, const struct ask *ask,
		    enum verdict verdict, const struct why *why)
{
	(void)e;
	world.records++;
	world.verb = verb;
	world.verdict = verdict;
	world.caller = *caller;
	world.n_args = ask->n_args;
	snprintf(world.rule, sizeof world.rule, "%s", why->rule);
}

void log_line(enum log_level level, const char *format, ...)
{
	va_list args;
	(void)level;
	va_start(args, format);
	vsnprintf(world.line, sizeof world.line, format, args);
	va_end(args);
	world.lines++;
}

void audit_again(struct env *e, uint16_t u, enum verb verb)
{
	(void)e, (void)u, (void)verb;
	world.again++;
}

/* ---- help ---- */

static void *memory;

static void begin(const struct guard_class *class, const char *rules)
{
	free(memory);
	memory = NULL;
	memset(&world, 0, sizeof world);
	memset(&env, 0, sizeof env);
	memset(units, 0, sizeof units);
	memset(services, 0, sizeof services);
	env.scratch = &scratch;
	env.units = units;
	env.manifest.services = services;
	env.manifest.n_services = 1;
	env.guard.class = class;
	env.policy_changes = 1;
	services[0].name = "s";
	world.name = HOST ".P()";
	world.more = "";
	struct span host = binary_of(HOST, NAME_PRIN);
	memcpy(env.host_name, host.p, host.n);
	env.host_name_n = host.n;
	if (rules == NULL)
		return;
	size_t n = guard_memory(strlen(rules));
	memory = aligned_alloc(16, (n + 15) / 16 * 16);
	struct guard_policy policy = { .rules = span_str(rules), .line = 1 };
	struct why why = { .rule = "" };
	CHECK_INT(guard_load(&env.guard, &policy, span_of(memory, n), &why), 0);
	CHECK_STR(why.rule, "");
}

static enum verdict call(enum verb verb, const struct matter *matter)
{
	static const struct matter none;
	struct why why = { .rule = "" };
	return boundary_may_call(&env, 0, verb, matter != NULL ? matter : &none, &why);
}

static enum verdict admin(const struct admin_peer *peer, enum verb verb, const char *service)
{
	struct why why = { .rule = "" };
	return boundary_may_admin(&env, peer, verb, service, &why);
}

static const struct matter self = { .policy = { (const uint8_t *)"self", 4 } };
static const struct matter any = { .policy = { (const uint8_t *)"any", 3 } };

/* ---- tests ---- */

TEST(verbs_have_texts_and_back)
{
	for (unsigned v = VERB_NONE + 1; v < VERBS; v++)
		CHECK_INT(verb_find(verb_text((enum verb)v)), v);
	CHECK_STR(verb_text(VERB_NONE), "?");
	CHECK_STR(verb_text(VERBS), "?");
	CHECK_INT(verb_find("seal"), VERB_NONE);
}

TEST(what_has_no_row_is_denied)
{
	begin(&guard_allow, NULL);
	CHECK_INT(call(VERB_NONE, NULL), DENY);
	CHECK_INT(world.verb, VERB_NONE);
	CHECK_INT(world.records, 1);
	CHECK_INT(call(VERBS, NULL), DENY);
	/* Another kind of verb is no method's. */
	CHECK_INT(call(VERB_Open, NULL), DENY);
	CHECK_INT(call(VERB_Execute, NULL), DENY);
	CHECK_INT(call(VERB_Stop, NULL), DENY);
	const struct admin_peer root = { .known = true, .owner = true, .unit = -1 };
	CHECK_INT(admin(&root, VERB_Seal, NULL), DENY);
	CHECK_INT(admin(&root, VERB_Execute, NULL), DENY);
	CHECK_INT(admin(&root, VERB_NONE, NULL), DENY);
	CHECK_INT(admin(&root, VERBS, NULL), DENY);
}

TEST(no_guard_and_the_trivial_ones)
{
	struct why why = { .rule = "" };
	begin(NULL, NULL);
	CHECK_INT(boundary_may_execute(&env, 0, &why), DENY);
	CHECK_INT(call(VERB_Seal, &self), DENY);
	begin(&guard_deny, NULL);
	CHECK_INT(boundary_may_execute(&env, 0, &why), DENY);
	CHECK_INT(call(VERB_GetTaoName, NULL), DENY);
	begin(&guard_datalog, NULL);
	CHECK_INT(boundary_may_execute(&env, 0, &why), DENY);
	CHECK_STR(why.rule, "no policy is in force");
	begin(&guard_allow, NULL);
	CHECK_INT(boundary_may_execute(&env, 0, &why), ALLOW);
	CHECK_INT(world.verb, VERB_Execute);
	for (unsigned v = VERB_GetTaoName; v <= VERB_RollbackProtectedUnseal; v++)
		CHECK_INT(call((enum verb)v, &self), ALLOW);
}

TEST(methods_follow_from_execute)
{
	begin(&guard_datalog, "Authorized(" HOST ".P(), \"Execute\")\n");
	CHECK_INT(call(VERB_Seal, &self), ALLOW);
	CHECK_STR(world.rule, "Authorized on line 1, as Execute");
	CHECK_INT(world.n_args, 1);
	/* Also under the longer name. */
	world.more = ".X()";
	CHECK_INT(call(VERB_Seal, &self), ALLOW);
	world.name = HOST ".Q()";
	CHECK_INT(call(VERB_Seal, &self), DENY);
	CHECK_INT(world.verdict, DENY);
	world.name = HOST ".P()";
	env.manifest.host.guard_strict = true;
	CHECK_INT(call(VERB_Seal, &self), DENY);
}

TEST(a_named_method_must_be_allowed)
{
	begin(&guard_datalog, "Authorized(" HOST ".P(), \"Execute\")\nAuthorized(" HOST ".Q(), \"Seal\")\n"
			      "Deny(" HOST ".Q(), \"Unseal\")\n");
	CHECK_INT(call(VERB_Seal, &self), DENY);
	CHECK_INT(call(VERB_Unseal, NULL), DENY);
	CHECK_INT(call(VERB_GetTaoName, NULL), ALLOW);
}

TEST(the_log_tells_a_denial_once)
{
	begin(&guard_deny, NULL);
	CHECK_INT(call(VERB_GetTaoName, NULL), DENY);
	CHECK_STR(world.line, "s: GetTaoName is denied (TrivialGuard(\"Conservative\") denies everything)");
	CHECK_INT(call(VERB_GetTaoName, NULL), DENY);
	CHECK_INT(world.lines, 1);
	CHECK_INT(call(VERB_Seal, &self), DENY);
	CHECK_INT(world.lines, 2);
	CHECK_INT(world.records, 3);
	boundary_forget(&env);
	CHECK_INT(call(VERB_Seal, &self), DENY);
	CHECK_INT(world.lines, 3);
	begin(&guard_allow, NULL);
	CHECK_INT(call(VERB_Seal, &self), ALLOW);
	CHECK_INT(world.lines, 0);
}

TEST(arguments)
{
	begin(&guard_datalog,
	      "Authorized(" HOST ".P(), \"Seal\", \"self\")\n"
	      "Authorized(" HOST ".P(), \"RollbackProtectedSeal\", \"l\", \"any\")\n"
	      "Authorized(" HOST ".P(), \"Attest\", " HOST ".P(), \"speaksfor\")\n"
	      "Authorized(" HOST ".P(), \"Attest\", " HOST ".P().Q(), \"Ready\")\n"
	      "Authorized(" HOST ".P(), \"ExtendTaoName\", ext.Phase(1))\n"
	      "Authorized(" HOST ".P(), \"GetCounter\")\nDeny(" HOST ".P(), \"GetCounter\", \"l\")\n");
	struct matter m = { .label = span_str("l"), .policy = span_str("any") };
	CHECK_INT(call(VERB_Seal, &self), ALLOW);
	CHECK_INT(call(VERB_Seal, &any), DENY);
	CHECK_INT(call(VERB_RollbackProtectedSeal, &m), ALLOW);
	CHECK_INT(world.n_args, 2);
	CHECK_INT(call(VERB_GetCounter, &m), DENY);
	m.label = span_str("k");
	CHECK_INT(call(VERB_GetCounter, &m), ALLOW);
	CHECK_INT(call(VERB_RollbackProtectedSeal, &m), DENY);
	uint8_t form[512], issuer[512], tail[64];
	struct wr f = wr_to(form, sizeof form), i = wr_to(issuer, sizeof issuer), t = wr_to(tail, sizeof tail);
	wr_span_bytes(&f, binary_of(HOST ".P() speaksfor " HOST, NAME_FORM));
	m = (struct matter){ .form = wr_span(&f) };
	CHECK_INT(call(VERB_Attest, &m), ALLOW); /* no issuer: itself */
	wr_span_bytes(&i, binary_of(HOST ".P().Q()", NAME_PRIN));
	m.issuer = wr_span(&i);
	CHECK_INT(call(VERB_Attest, &m), DENY);
	f.n = 0;
	wr_span_bytes(&f, binary_of("Ready(1)", NAME_FORM));
	m.form = wr_span(&f);
	CHECK_INT(call(VERB_Attest, &m), ALLOW);
	/* What is no form, and no name. */
	m.form = span_of("\x07\xff", 2);
	CHECK_INT(call(VERB_Attest, &m), DENY);
	m.form = span_of("\x06", 1);
	CHECK_INT(call(VERB_Attest, &m), DENY);
	m.form = span_of("\x7f", 1);
	CHECK_INT(call(VERB_Attest, &m), DENY);
	m.issuer = span_of("x", 1);
	CHECK_INT(call(VERB_Attest, &m), DENY);
	wr_span_bytes(&t, binary_of(".Phase(1)", NAME_SUBPRIN));
	m = (struct matter){ .extension = wr_span(&t) };
	CHECK_INT(call(VERB_ExtendTaoName, &m), ALLOW);
	m.extension = span_of(form, 3);
	CHECK_INT(call(VERB_ExtendTaoName, &m), DENY);
	static const uint8_t much[3 * LAUNCH_NAME_MAX];
	m.extension = span_of(much, sizeof much);
	CHECK_INT(call(VERB_ExtendTaoName, &m), DENY);
	CHECK_STR(world.rule, "its name or the arguments are too long");
}

TEST(a_deny_beats_all)
{
	begin(&guard_datalog,
	      "Authorized(" HOST ".P(), \"Execute\")\nAuthorized(" HOST ".P(), \"Seal\")\n"
	      "Authorized(" HOST ".P(), \"Seal\", \"any\")\nDeny(" HOST ".P(), \"Seal\", \"any\")\n"
	      "Deny(" HOST ".P(), \"Unseal\")\n");
	CHECK_INT(call(VERB_Seal, &self), ALLOW);
	CHECK_INT(call(VERB_Seal, &any), DENY);
	CHECK_STR(world.rule, "Deny on line 4");
	CHECK_INT(call(VERB_Unseal, NULL), DENY);
}

TEST(a_name_that_is_too_long)
{
	struct why why = { .rule = "" };
	begin(&guard_allow, NULL);
	world.too_long = true;
	CHECK_INT(boundary_may_execute(&env, 0, &why), DENY);
	CHECK_INT(call(VERB_Seal, &self), DENY);
	begin(&guard_datalog, "Authorized(" HOST ".P(), \"Execute\")\n");
	const struct admin_peer inside = { .known = true, .unit = 0 };
	world.too_long = true;
	CHECK_INT(admin(&inside, VERB_Status, NULL), DENY);
	CHECK_STR(world.rule, "its name is too long");
}

TEST(permissions_are_remembered_until_something_changes)
{
	begin(&guard_datalog, "Authorized(" HOST ".P(), \"Execute\")\n");
	CHECK_INT(call(VERB_GetTaoName, NULL), ALLOW);
	CHECK_INT(call(VERB_GetTaoName, NULL), ALLOW);
	CHECK_INT(world.records, 1);
	CHECK_INT(world.again, 1);
	/* Not for another verb, nor for one with arguments. */
	CHECK_INT(call(VERB_Unseal, NULL), ALLOW);
	CHECK_INT(call(VERB_Seal, &self), ALLOW);
	CHECK_INT(call(VERB_Seal, &self), ALLOW);
	CHECK_INT(world.records, 4);
	/* Not under another policy. */
	boundary_forget(&env);
	env.guard.class = &guard_deny;
	CHECK_INT(call(VERB_GetTaoName, NULL), DENY);
	/* A denial is asked again each time. */
	env.guard.class = &guard_allow;
	CHECK_INT(call(VERB_GetTaoName, NULL), ALLOW);
}

TEST(issuers)
{
	uint8_t a[512], b[512];
	struct wr program = wr_to(a, sizeof a), issuer = wr_to(b, sizeof b);
	struct why why = { .rule = "" };
	begin(&guard_allow, NULL);
	wr_span_bytes(&program, binary_of(HOST ".P()", NAME_PRIN));
	wr_span_bytes(&issuer, binary_of(HOST ".P().Q()", NAME_PRIN));
	CHECK_INT(boundary_may_issue(&env, 0, wr_span(&program), wr_span(&program), &why), ALLOW);
	CHECK_INT(boundary_may_issue(&env, 0, wr_span(&program), wr_span(&issuer), &why), ALLOW);
	CHECK_INT(world.records, 0);
	CHECK_INT(boundary_may_issue(&env, 0, wr_span(&issuer), wr_span(&program), &why), DENY);
	CHECK_INT(world.verb, VERB_Attest);
	CHECK_INT(boundary_may_issue(&env, 0, wr_span(&program), span_of("x", 1), &why), DENY);
}

TEST(sealed_data)
{
	static const uint8_t hash[SEAL_HASH], other[SEAL_HASH] = { 1 };
	uint8_t a[512], b[512];
	struct wr p = wr_to(a, sizeof a), q = wr_to(b, sizeof b);
	struct why why = { .rule = "" };
	begin(&guard_datalog, "Authorized(" HOST ".Q(), \"Open\", \"l\", " HOST ".P())\n"
			      "Authorized(" HOST ".Q(), \"Execute\")\n");
	wr_span_bytes(&p, binary_of(HOST ".P()", NAME_PRIN));
	wr_span_bytes(&q, binary_of(HOST ".Q()", NAME_PRIN));
	struct seal_party sealer = { wr_span(&p), span_of(hash, SEAL_HASH), span_of(hash, SEAL_HASH) };
	struct seal_party opener = { wr_span(&q), span_of(other, SEAL_HASH), span_of(hash, SEAL_HASH) };
	struct bundle bundle = { .policy = span_str("self"), .sealer = sealer };
	CHECK_INT(boundary_may_open(&env, 0, &bundle, &sealer, &why), ALLOW);
	CHECK_INT(boundary_may_open(&env, 0, &bundle, &opener, &why), DENY);
	CHECK_INT(world.verb, VERB_Open);
	bundle.policy = span_str("nobody");
	CHECK_INT(boundary_may_open(&env, 0, &bundle, &sealer, &why), DENY);
	bundle.policy = span_str("rule:l");
	CHECK_INT(boundary_may_open(&env, 0, &bundle, &opener, &why), ALLOW);
	CHECK_STR(world.rule, "Authorized on line 1");
	CHECK_INT(boundary_may_open(&env, 0, &bundle, &sealer, &why), DENY);
	bundle.policy = span_str("rule:m");
	CHECK_INT(boundary_may_open(&env, 0, &bundle, &opener, &why), DENY);
	bundle.policy = span_str("rule:");
	CHECK_INT(boundary_may_open(&env, 0, &bundle, &opener, &why), DENY);
	bundle.policy = span_str("rule:l");
	bundle.sealer.name = wr_span(&q);
	CHECK_INT(boundary_may_open(&env, 0, &bundle, &opener, &why), DENY);
	static const uint8_t much[3 * LAUNCH_NAME_MAX];
	bundle.sealer.name = span_of(much, sizeof much);
	CHECK_INT(boundary_may_open(&env, 0, &bundle, &opener, &why), DENY);
	CHECK_STR(world.rule, "the arguments are too long");
}

TEST(what_is_built_in_for_admin_clients)
{
	const struct admin_peer root = { .known = true, .owner = true, .unit = -1 },
				member = { .uid = 7, .known = true, .in_group = true, .unit = -1 },
				nobody = { .uid = 7, .known = true, .unit = -1 },
				unknown = { .owner = true, .in_group = true, .unit = -1 },
				inside = { .known = true, .owner = true, .in_group = true, .unit = 0 };
	const struct guard_class *const classes[] = { NULL, &guard_allow, &guard_deny, &guard_datalog };
	for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++) {
		begin(classes[i], i == 3 ? "Authorized(" HOST ".P(), \"Execute\")\n" : NULL);
		for (unsigned v = VERB_Start; v < VERBS; v++) {
			bool shows = v == VERB_Status || v == VERB_Logs, starts = v == VERB_StartProgram;
			/* What is not in the manifest nobody starts without a rule. */
			CHECK_INT(admin(&root, (enum verb)v, "s"), starts ? DENY : ALLOW);
			CHECK_INT(admin(&member, (enum verb)v, "s"), shows ? ALLOW : DENY);
			CHECK_INT(admin(&nobody, (enum verb)v, "s"), DENY);
			CHECK_INT(admin(&unknown, (enum verb)v, NULL), DENY);
			CHECK_INT(admin(&inside, (enum verb)v, NULL), DENY);
			/* Root in a privileged service is root, unless a policy speaks of people. */
			env.manifest.services[0].privileged = true;
			CHECK_INT(admin(&inside, (enum verb)v, NULL), i == 3 || starts ? DENY : ALLOW);
			env.manifest.services[0].privileged = false;
		}
	}
	/* Before the root is open the host has no name to ask about. */
	begin(&guard_datalog, "Deny(" HOST ".Unix(0, 0), \"Status\")\n");
	CHECK_INT(admin(&root, VERB_Status, NULL), DENY);
	env.host_name_n = 0;
	CHECK_INT(admin(&root, VERB_Status, NULL), ALLOW);
	CHECK_STR(world.rule, "built in: the owner of the host may Status");
}

TEST(what_rules_say_of_admin_clients)
{
	const struct admin_peer root = { .known = true, .owner = true, .unit = -1 },
				user = { .uid = 7, .gid = 8, .known = true, .unit = -1 },
				stranger = { .uid = 7, .gid = 8, .unit = -1 },
				inside = { .uid = 7, .gid = 8, .known = true, .unit = 0 };
	begin(&guard_datalog,
	      "Authorized(" HOST ".Unix(7, 8), \"Stop\", \"s\")\n"
	      "Authorized(" HOST ".P().Unix(7, 8), \"Reload\")\n"
	      "Deny(" HOST ".Unix(0, 0), \"Shutdown\")\nDeny(" HOST ".Unix(0, 0), \"Start\", \"s\")\n");
	CHECK_INT(admin(&user, VERB_Stop, "s"), ALLOW);
	CHECK_INT(world.caller.uid, 7);
	CHECK(world.caller.admin);
	CHECK_INT(admin(&user, VERB_Stop, "t"), DENY);
	CHECK_INT(admin(&user, VERB_Stop, NULL), DENY);
	CHECK_INT(admin(&stranger, VERB_Stop, "s"), DENY);
	CHECK_STR(world.rule, "it is not known who asks");
	CHECK_INT(admin(&inside, VERB_Stop, "s"), DENY);
	CHECK_INT(admin(&inside, VERB_Reload, NULL), ALLOW);
	CHECK_INT(admin(&user, VERB_Reload, NULL), DENY);
	CHECK_INT(admin(&root, VERB_Shutdown, NULL), DENY);
	CHECK_STR(world.rule, "Deny on line 3");
	CHECK_INT(admin(&root, VERB_Start, "s"), DENY);
	CHECK_INT(admin(&root, VERB_Start, "t"), ALLOW);
}

TEST(explaining)
{
	static char text[BOUNDARY_EXPLAIN_MAX];
	struct span terms[4];
	uint8_t term[16];
	struct wr t = wr_to(term, sizeof term);
	wr_span_bytes(&t, binary_of("\"any\"", NAME_TERM));
	for (int i = 0; i < 4; i++)
		terms[i] = wr_span(&t);
	begin(&guard_datalog,
	      "Authorized(" HOST ".P(), \"Execute\")\nAuthorized(" HOST ".P().X(), \"Else\", \"any\")\n"
	      "Deny(" HOST ".P().X(), \"Seal\", \"any\")\n");
	world.more = ".X()";
	struct wr w = wr_to(text, sizeof text - 1);
	CHECK_INT(boundary_explain(&env, 0, "Execute", terms, 0, &w), ALLOW);
	text[w.n] = '\0';
	CHECK_STR(text, "allowed: Authorized on line 1\nAuthorized(" HOST ".P(), \"Execute\"): line 1\n");
	w.n = 0;
	CHECK_INT(boundary_explain(&env, 0, "Seal", terms, 1, &w), DENY);
	text[w.n] = '\0';
	CHECK(strncmp(text, "denied: Deny on line 3\nDeny(", 28) == 0);
	CHECK_INT(boundary_explain(&env, 0, "Unseal", terms, 0, &w), ALLOW);
	CHECK_INT(boundary_explain(&env, 0, "Else", terms, 1, &w), ALLOW);
	CHECK_INT(boundary_explain(&env, 0, "Else", terms, 4, &w), DENY);
	world.too_long = true;
	CHECK_INT(boundary_explain(&env, 0, "Unseal", terms, 0, &w), DENY);
	CHECK_INT(world.records, 0);
}

int main(void)
{
	RUN(verbs_have_texts_and_back);
	RUN(what_has_no_row_is_denied);
	RUN(no_guard_and_the_trivial_ones);
	RUN(methods_follow_from_execute);
	RUN(a_named_method_must_be_allowed);
	RUN(the_log_tells_a_denial_once);
	RUN(arguments);
	RUN(a_deny_beats_all);
	RUN(a_name_that_is_too_long);
	RUN(permissions_are_remembered_until_something_changes);
	RUN(issuers);
	RUN(sealed_data);
	RUN(what_is_built_in_for_admin_clients);
	RUN(what_rules_say_of_admin_clients);
	RUN(explaining);
	free(memory);
	return test_end();
}
