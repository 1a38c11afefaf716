/* SPDX-License-Identifier: MIT
 * link: policy crypto/base.c
 *
 * Datalog: what rules mean, which are refused and by what name, that hostile ones end, and explanations. */
#include "test.h"
#include "../helpers/datalog_help.h"

static struct why why;
static int error;

static struct datalog *load(const char *rules)
{
	struct datalog *d = help_load(rules, &help_options, &error, &why);
	if (d == NULL)
		printf("# %s\n", why.rule);
	return d;
}

static bool says(const char *text, const char *part)
{
	if (strstr(text, part) != NULL)
		return true;
	printf("# \"%s\" is not in: %s\n", part, text);
	return false;
}

static bool refused(const char *rules, const char *part)
{
	return help_load(rules, &help_options, &error, &why) == NULL && error < 0 && says(why.rule, part);
}

#define WORKED                                                                                                    \
	"TrustedHost(key([70]))\n"                                                                                \
	"TrustedProgramHash(ext.Program([01]))\n"                                                                 \
	"TrustedGuard(ext.DatalogGuard(key([77])))\n"                                                             \
	"(forall P: forall Host: forall Hash: TrustedHost(Host) and TrustedProgramHash(Hash)\n"                   \
	"    and Subprin(P, Host, Hash) implies MemberProgram(P))\n"                                              \
	"(forall P: MemberProgram(P) implies Authorized(P, \"Execute\"))\n"                                       \
	"(forall P: forall G: forall H: TrustedHost(H) and TrustedGuard(G) and Subprin(P, H, G) implies "         \
	"TrustedHost(P))\n"

TEST(worked_rules)
{
	struct datalog *d = load(WORKED);
	CHECK(d != NULL);
	CHECK(help_query(d, "Authorized(key([70]).Program([01]), \"Execute\")") == DATALOG_YES);
	CHECK(help_query(d, "Authorized(key([70]).DatalogGuard(key([77])).Program([01]), \"Execute\")") ==
	      DATALOG_YES);
	CHECK(help_query(d, "Authorized(key([70]).DatalogGuard(key([78])).Program([01]), \"Execute\")") ==
	      DATALOG_NO);
	CHECK(help_query(d, "Authorized(key([70]).Program([02]), \"Execute\")") == DATALOG_NO);
	CHECK(help_query(d, "Authorized(key([70]).Program([01]), \"Seal\")") == DATALOG_NO);
	CHECK(help_query(d, "Authorized(key([70]).Program([01]))") == DATALOG_NO);
	CHECK(help_query(d, "Nothing(1)") == DATALOG_NO);
}

TEST(negation)
{
	struct datalog *d = load("P(1)\nP(2)\nBad(2)\nforall X: P(X) and not Bad(X) implies Good(X)\n"
				 "forall X: P(X) and not Good(X) implies Rest(X)\n");
	CHECK(help_query(d, "Good(1)") == DATALOG_YES && help_query(d, "Good(2)") == DATALOG_NO);
	CHECK(help_query(d, "Rest(1)") == DATALOG_NO && help_query(d, "Rest(2)") == DATALOG_YES);
	CHECK(help_query(d, "Good(X)") == DATALOG_YES);
	const struct fact *f = datalog_next(d, NULL);
	CHECK(f != NULL && !datalog_is_given(f) && datalog_line(f) == 4 && datalog_next(d, f) == NULL);
}

TEST(subprin)
{
	struct datalog *d =
		load("T(ext.A().B())\nH(key([70]))\n"
		     "forall S: forall P: forall E: H(P) and T(E) and Subprin(S, P, E) implies Both(S)\n"
		     "forall S: forall P: forall E: H(P) and Subprin(S, P, E) and T(E) implies Last(S)\n"
		     "forall S: forall P: forall E: Both(S) and Subprin(S, P, E) implies Parent(P)\n"
		     "forall P: forall E: Subprin(P, key([70]), E) implies Child(P)\n");
	CHECK(help_query(d, "Both(key([70]).A().B())") == DATALOG_YES);
	CHECK(help_query(d, "Both(key([70]).B())") == DATALOG_NO);
	/* E is not given to the left: only the last extension. */
	CHECK(help_query(d, "Last(key([70]).A().B())") == DATALOG_NO);
	/* Made, though no question names it, and taken apart again. */
	CHECK(help_query(d, "Parent(key([70]).A())") == DATALOG_YES &&
	      help_query(d, "Parent(key([70]))") == DATALOG_NO);
	CHECK(help_query(d, "Child(key([70]).A())") == DATALOG_YES);
	CHECK(help_query(d, "Child(key([70]).A().B())") == DATALOG_NO);
	CHECK(help_query(d, "Subprin(key([70]).A(), key([70]), ext.A())") == DATALOG_YES);
	CHECK(help_query(d, "Subprin(key([70]).A(), key([70]), ext.B())") == DATALOG_NO);
	/* All children of a key are without end: none, and for a Deny that is no answer. */
	CHECK(help_query(d, "Child(X)") == DATALOG_NO);
	datalog_begin(d);
	CHECK(help_ask(d, "Child(X)", true) == DATALOG_UNBOUND);
	d = load("N(1)\nforall P: forall E: forall X: N(X) and Subprin(P, key([70]), E) implies Some(X)\n"
		 "forall X: N(X) and not Some(X) implies None(X)\n");
	CHECK(help_query(d, "None(1)") == DATALOG_UNBOUND);
}

TEST(refused_by_name)
{
	CHECK(refused("\n\nforall X: A(X) or B(X) implies C(X)\n", "line 3: or stands in a condition"));
	CHECK(refused("forall X: A(X) and (exists Y: B(Y)) implies C(X)\n", "exists"));
	CHECK(refused("forall X: X says A(X) implies C(X)\n", "says"));
	CHECK(refused("forall X: A(X) implies C(X) and D(X)\n", "the goal must be one predicate, not and"));
	CHECK(refused("forall X: A(X) implies not C(X)\n", "one predicate, not not"));
	CHECK(refused("forall X: A(X) implies B(X) implies C(X)\n", "implies"));
	CHECK(refused("forall X: A(X) and true implies C(X)\n", "true or false"));
	CHECK(refused("key([70]) speaksfor key([71])\n", "speaksfor"));
	CHECK(refused("forall X: forall Y: A(X) implies C(X)\n", "unsafe"));
	CHECK(refused("forall X: not A(X) implies C(X)\n", "unsafe"));
	CHECK(refused("forall X: A(X) and not not B(X) implies C(X)\n", "below not"));
	CHECK(refused("forall X: C(X)\n", "unsafe"));
	CHECK(refused("C(X)\n", "no forall stands before the variable X"));
	CHECK(refused("forall X: A(key([70]).P(X)) implies B(X)\n", "inside a term"));
	CHECK(refused("forall X: forall X: A(X) implies B(X)\n", "stands twice"));
	CHECK(refused("forall X: A(X) implies Subprin(X, X, X)\n", "built in"));
	CHECK(refused("forall X: Subprin(X, X) implies A(X)\n", "three arguments"));
	CHECK(refused("A(1, 2, 3, 4, 5, 6, 7, 8, 9)\n", "more arguments"));
	CHECK(refused("A(1)\nforall X: A(X)\n  and B(X implies C(X)\n", "line 3: not a rule"));
	CHECK(refused("A(1)\n\n  B(1)\n", "line 3: is indented"));
	CHECK(refused("forall X: A(X) and not B(X) implies B(X)\n", "cycle"));
	CHECK(refused("forall X: A(X) and not B(X) implies C(X)\nforall X: C(X) implies D(X)\n"
		      "forall X: D(X) implies B(X)\n",
		      "cycle"));
}

static char big[1 << 20];

#define add(...) sprintf(big + strlen(big), __VA_ARGS__)

TEST(ten_thousand_variables)
{
	size_t n = 0;
	for (unsigned i = 0; i < 10000; i++)
		n += (size_t)sprintf(big + n, "forall V%u: ", i);
	strcpy(big + n, "A(V1) implies B(V1)\n");
	CHECK(refused(big, "longer than"));
	big[0] = '\0';
	for (unsigned i = 0; i < 100; i++)
		add("forall V%u: ", i);
	strcat(big, "A(V1) implies B(V1)\n");
	CHECK(refused(big, "nested too deep"));
	strcpy(big, "A(1) and A(1)");
	for (unsigned i = 0; i < 40; i++)
		strcat(big, " and A(1)");
	strcat(big, " implies B(1)\n");
	CHECK(refused(big, "more than 32 conditions"));
}

TEST(exponential_join)
{
	strcpy(big,
	       "forall A: forall B: forall C: forall D: forall E: forall F: N(A) and N(B) and N(C) and N(D) and "
	       "N(E) and N(F) and Never(A, B, C, D, E, F) implies Hit(1)\n"
	       "forall A: forall B: forall C: forall D: N(A) and N(B) and N(C) and N(D) implies All(A, B, C, D)\n"
	       "Never(1000, 1, 1, 1, 1, 1)\n");
	for (unsigned i = 0; i < 1000; i++)
		add("N(%u)\n", i);
	struct datalog *d = load(big);
	CHECK(d != NULL);
	enum datalog_result r = help_query(d, "Hit(1)");
	CHECK(r == DATALOG_STEPS_SPENT || r == DATALOG_NO);
	r = help_query(d, "All(A, B, C, D)");
	CHECK(r == DATALOG_FACTS_SPENT || r == DATALOG_ROOM_SPENT || r == DATALOG_STEPS_SPENT);
	CHECK(datalog_steps(d) <= DATALOG_STEPS + 5000); /* what one of them counts for at most */
	/* And the next question is none the worse. */
	CHECK(help_query(d, "All(1, 2, 3, 999)") == DATALOG_YES);
	CHECK(help_query(d, "All(1, 2, 3, 1000)") == DATALOG_NO);
}

TEST(growing_recursion)
{
	struct datalog *d = load("H(key([70]))\nE(ext.A())\nE(ext.B())\n"
				 "forall S: forall P: forall E: H(P) and E(E) and Subprin(S, P, E) implies H(S)\n"
				 "forall S: H(S) implies Any(1)\nforall S: H(S) and Other(S) implies Any(2)\n");
	CHECK(d != NULL);
	CHECK(help_query(d, "H(key([70]).A().B().A().A())") == DATALOG_YES);
	CHECK(help_query(d, "H(key([70]).A().C().A().A())") == DATALOG_NO);
	CHECK(help_query(d, "Any(2)") == DATALOG_NO);
	CHECK(help_query(d, "H(S)") > DATALOG_YES);
	CHECK(says(datalog_result_text(help_query(d, "H(S)")), "budget of"));
}

TEST(long_chains_and_many_layers)
{
	strcpy(big, "P0(1)\n");
	for (unsigned i = 0; i < 2000; i++)
		add("forall X: P%u(X) implies P%u(X)\n", i, i + 1);
	struct datalog *d = load(big);
	CHECK(d != NULL && help_query(d, "P2000(1)") == DATALOG_YES && help_query(d, "P2000(2)") == DATALOG_NO);
	strcpy(big, "Q(1)\n");
	for (unsigned i = 0; i < 15; i++)
		add("forall X: Q(X) and not P%u(X) implies P%u(X)\n", i, i + 1);
	d = load(big);
	CHECK(d != NULL && help_query(d, "P1(1)") == DATALOG_YES && help_query(d, "P2(1)") == DATALOG_NO &&
	      help_query(d, "P15(1)") == DATALOG_YES);
	add("forall X: Q(X) and not P%u(X) implies P%u(X)\n", 15U, 16U);
	CHECK(refused(big, "16 layers"));
}

static const char *explained(struct datalog *d)
{
	static uint8_t text[65536];
	struct wr w = wr_to(text, sizeof text - 1);
	datalog_explain(d, &w);
	text[w.n] = '\0';
	return (const char *)text;
}

TEST(explanations)
{
	struct datalog *d = load(WORKED "forall P: MemberProgram(P) and not Old(P) implies Fresh(P)\n"
					"Old(key([70]).Program([01]))\n");
	CHECK(help_query(d, "MemberProgram(key([70]).Program([01]))") == DATALOG_YES);
	CHECK_STR(explained(d), "MemberProgram(key([70]).Program([01])): by the rule of line 4\n"
				"  TrustedHost(key([70])): line 1\n"
				"  TrustedProgramHash(ext.Program([01])): line 2\n"
				"  Subprin(key([70]).Program([01]), key([70]), ext.Program([01])): built in\n");
	CHECK(help_query(d, "Authorized(key([70]).Program([02]), \"Execute\")") == DATALOG_NO);
	CHECK(says(explained(d), "missing: TrustedProgramHash(ext.Program([02]))\n"));
	CHECK(help_query(d, "Authorized(key([71]).Program([01]), \"Execute\")") == DATALOG_NO);
	CHECK(says(explained(d), "missing: TrustedHost(key([71]))\n"));
	CHECK(help_query(d, "Fresh(key([70]).Program([01]))") == DATALOG_NO);
	CHECK(says(explained(d), "but: not Old(key([70]).Program([01]))"));
	CHECK(help_query(d, "Unheard(1)") == DATALOG_NO);
	CHECK_STR(explained(d), "no rule is about this\n");
}

int main(void)
{
	RUN(worked_rules);
	RUN(negation);
	RUN(subprin);
	RUN(refused_by_name);
	RUN(ten_thousand_variables);
	RUN(exponential_join);
	RUN(growing_recursion);
	RUN(long_chains_and_many_layers);
	RUN(explanations);
	return test_end();
}
