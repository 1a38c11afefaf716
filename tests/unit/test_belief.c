/* SPDX-License-Identifier: MIT */
/* link: policy crypto */
#include "../../policy/belief.h"
#include "name_help.h"
#include "test.h"

/* Signers: key n has the hash n n n …, shown as Kn in the texts below; T is the TPM of key 1. */
#define CHAIN_MAX (BELIEF_LINKS_MAX + 2)

static uint8_t hashes[10][32];
static uint8_t statements[CHAIN_MAX][4096];
static struct belief_link links[CHAIN_MAX];
static size_t n_links;
static struct belief belief;

static void expand(const char *text, char *out, size_t cap)
{
	size_t n = 0;
	for (; *text != '\0' && n + 1300 < cap; text++) {
		if (text[0] == 'K' && text[1] >= '0' && text[1] <= '9') {
			n += (size_t)sprintf(out + n, "key([");
			for (int i = 0; i < 32; i++)
				n += (size_t)sprintf(out + n, "0%c", text[1]);
			n += (size_t)sprintf(out + n, "])");
			text++;
		} else if (text[0] == 'T' && text[1] == '1') {
			n += (size_t)sprintf(out + n, "tpm2([");
			for (int i = 0; i < 32; i++)
				n += (size_t)sprintf(out + n, "01");
			n += (size_t)sprintf(out + n, "])");
			text++;
		} else {
			out[n++] = *text;
		}
	}
	out[n] = '\0';
}

static void begin(void)
{
	n_links = 0;
	for (int i = 0; i < 10; i++)
		memset(hashes[i], i, 32);
}

/* Adds what rests below all that is there. */
static void link_below(bool tpm2, int signer, const char *text)
{
	static char full[16384];
	struct wr w = wr_to(statements[n_links], sizeof statements[0]);
	expand(text, full, sizeof full);
	int r = text_to_binary(full, NAME_FORM, &w, NULL);
	if (r < 0)
		printf("# cannot read %s: %s\n", full, err_text(r));
	CHECK_INT(r, ERR_NONE);
	links[n_links++] = (struct belief_link){ tpm2, hashes[signer], wr_span(&w) };
}

static void by_key(int signer, const char *text)
{
	link_below(false, signer, text);
}

static int judge(int64_t now)
{
	int r = belief_judge(links, n_links, now, &belief);
	CHECK((r == ERR_NONE) == (belief.refusal == BELIEVED) || r == ERR_TOO_DEEP || r == ERR_MALFORMED);
	return r;
}

static void believed(int64_t now)
{
	int r = judge(now);
	if (r != ERR_NONE)
		printf("# %s, level %zu: %s\n", err_text(r), belief.level, belief_text(belief.refusal));
	CHECK_INT(r, ERR_NONE);
	CHECK_INT(belief.n, n_links);
}

static void refused(int64_t now, enum belief_refusal why, size_t level)
{
	CHECK_INT(judge(now), ERR_DENIED);
	CHECK_STR(belief_text(belief.refusal), belief_text(why));
	CHECK_INT(belief.level, level);
}

/* One statement by one signer. */
static void alone(int signer, const char *text)
{
	begin();
	by_key(signer, text);
}

TEST(a_signer_speaks_for_itself_and_its_subprincipals)
{
	alone(1, "K1 says P()");
	believed(0);
	alone(1, "K1.Program([aa]).Args(\"x\") says P()");
	believed(0);
	alone(1, "K2 says P()");
	refused(0, BELIEF_STRANGER, 0);
	alone(1, "K2.Program([aa]) says K1 says P()");
	refused(0, BELIEF_STRANGER, 0);
	/* A TPM of that hash is another principal, and so is a key whose hash is longer or shorter. */
	alone(1, "T1.PCRs(\"1\", \"00\") says P()");
	refused(0, BELIEF_STRANGER, 0);
	alone(1, "key([01]) says P()");
	refused(0, BELIEF_STRANGER, 0);
	alone(1, "key(\"01010101\") says P()");
	refused(0, BELIEF_STRANGER, 0);
}

TEST(what_is_no_says_of_a_principal_is_refused)
{
	alone(1, "P()");
	refused(0, BELIEF_NOT_SAYS, 0);
	alone(1, "K1 speaksfor K1");
	refused(0, BELIEF_NOT_SAYS, 0);
	alone(1, "forall X: K1 says P(X)");
	refused(0, BELIEF_NOT_SAYS, 0);
	alone(1, "X says P()");
	refused(0, BELIEF_SPEAKER, 0);
	alone(1, "ext.Program([aa]) says P()");
	refused(0, BELIEF_SPEAKER, 0);
	alone(1, "3 says P()");
	refused(0, BELIEF_SPEAKER, 0);
	alone(1, "K1 says P()");
	by_key(1, "P()");
	refused(0, BELIEF_NOT_SAYS, 1);
}

TEST(malformed_statements_are_refused)
{
	alone(1, "K1.Program([aa]) from 1 until 9 says P()");
	struct span whole = links[0].statement;
	for (size_t n = 0; n < whole.n; n++) {
		links[0].statement.n = n;
		refused(5, BELIEF_MALFORMED, 0);
	}
	statements[0][whole.n] = 0;
	links[0].statement.n = whole.n + 1;
	refused(5, BELIEF_MALFORMED, 0);
	links[0].statement = whole;
	/* The second letter of "key": no type has capitals. */
	statements[0][4] = 'E';
	refused(5, BELIEF_MALFORMED, 0);
	begin();
	CHECK_INT(judge(0), ERR_MALFORMED);
	/* A malformed delegation below a good statement. */
	alone(1, "K1 says P()");
	by_key(1, "K1 says K1 speaksfor K1");
	links[1].statement.n--;
	refused(0, BELIEF_MALFORMED, 1);
	CHECK_INT(belief.n, 1);
}

/* The statement's speaker and signer, and what the delegation says. */
static void with_delegation(int signer, const char *statement, int root, const char *delegation)
{
	alone(signer, statement);
	by_key(root, delegation);
}

TEST(a_delegation_lets_another_speak)
{
	with_delegation(2, "K1.Host() says P()", 1, "K1.Host() says K2 speaksfor K1.Host()");
	believed(0);
	with_delegation(2, "K1.Host().Program([aa]) says P()", 1, "K1.Host() says K2 speaksfor K1.Host()");
	believed(0);
	/* The delegate may be a subprincipal of the signer. */
	with_delegation(2, "K1.Host() says P()", 1, "K1.Host() says K2.Part() speaksfor K1.Host()");
	believed(0);
	/* A key that was replaced. */
	with_delegation(2, "K1 says P()", 1, "K1 says K2 speaksfor K1");
	believed(0);
}

TEST(a_delegation_to_another_is_none)
{
	with_delegation(2, "K1.Host() says P()", 1, "K1.Host() says K3 speaksfor K1.Host()");
	refused(0, BELIEF_OTHER_SIGNER, 1);
	with_delegation(2, "K1 says P()", 1, "K1 says K1 speaksfor K1");
	refused(0, BELIEF_OTHER_SIGNER, 1);
}

TEST(a_delegation_covers_its_delegator_only)
{
	with_delegation(2, "K1.Other() says P()", 1, "K1.Host() says K2 speaksfor K1.Host()");
	refused(0, BELIEF_OTHER_SPEAKER, 1);
	/* What is above it is not below it. */
	with_delegation(2, "K1 says P()", 1, "K1.Host() says K2 speaksfor K1.Host()");
	refused(0, BELIEF_OTHER_SPEAKER, 1);
	with_delegation(2, "K1.Host(1) says P()", 1, "K1.Host() says K2 speaksfor K1.Host()");
	refused(0, BELIEF_OTHER_SPEAKER, 1);
}

TEST(nobody_gives_away_what_is_anothers)
{
	with_delegation(2, "K3 says P()", 1, "K1 says K2 speaksfor K3");
	refused(0, BELIEF_NOT_ITS_OWN, 1);
	/* Neither a larger nor a smaller part of oneself: exactly as CloudProxy has it. */
	with_delegation(2, "K1.Host() says P()", 1, "K1 says K2 speaksfor K1.Host()");
	refused(0, BELIEF_NOT_ITS_OWN, 1);
	with_delegation(2, "K1 says P()", 1, "K1.Host() says K2 speaksfor K1");
	refused(0, BELIEF_NOT_ITS_OWN, 1);
}

TEST(a_delegation_must_be_believed_itself)
{
	with_delegation(2, "K1 says P()", 3, "K1 says K2 speaksfor K1");
	refused(0, BELIEF_STRANGER, 1);
	with_delegation(2, "K1 says P()", 2, "K1 says K2 speaksfor K1");
	refused(0, BELIEF_STRANGER, 1);
}

TEST(what_is_no_speaksfor_is_no_delegation)
{
	static const char *const messages[] = { "P()",
						"not K2 speaksfor K1",
						"K1 says K2 speaksfor K1",
						"K2 speaksfor K1 or false",
						"forall X: X speaksfor K1",
						"X speaksfor K1",
						"ext.A() speaksfor K1",
						"\"K2\" speaksfor K1" };
	for (size_t i = 0; i < sizeof messages / sizeof messages[0]; i++) {
		char text[128];
		sprintf(text, "K1 says %s", messages[i]);
		with_delegation(2, "K1 says P()", 1, text);
		refused(0, BELIEF_NO_DELEGATION, 1);
	}
	with_delegation(2, "K1 says P()", 1, "K1 says K2 speaksfor X");
	refused(0, BELIEF_NOT_ITS_OWN, 1);
}

/* As CloudProxy has it: what would do alone does not do with a delegation that says nothing about it. */
TEST(a_delegation_that_stands_there_must_hold)
{
	with_delegation(1, "K1 says P()", 1, "K1 says P()");
	refused(0, BELIEF_NO_DELEGATION, 1);
	with_delegation(1, "K1 says P()", 3, "K3 says K2 speaksfor K3");
	refused(0, BELIEF_OTHER_SIGNER, 1);
	with_delegation(1, "K1 says P()", 1, "K1 says K1 speaksfor K1");
	believed(0);
}

TEST(times_are_checked_at_their_edges)
{
	alone(1, "K1 from 10 until 20 says P()");
	refused(9, BELIEF_NOT_YET, 0);
	believed(10);
	believed(19);
	refused(20, BELIEF_EXPIRED, 0);
	refused(INT64_MAX, BELIEF_EXPIRED, 0);
	refused(INT64_MIN, BELIEF_NOT_YET, 0);
	alone(1, "K1 from 20 until 10 says P()");
	refused(15, BELIEF_NOT_YET, 0);
	refused(25, BELIEF_EXPIRED, 0);
	alone(1, "K1 until -5 says P()");
	believed(-6);
	refused(0, BELIEF_EXPIRED, 0);
	alone(1, "K1 from 5 says P()");
	believed(INT64_MAX);
	alone(1, "K1 says P()");
	believed(INT64_MIN);
	CHECK(!belief.said.has_from && !belief.said.has_until);
	/* Times inside the message are its own business. */
	alone(1, "K1 says K2 from 1 until 2 says P()");
	believed(100);
}

struct window {
	const char *statement, *delegation;
	int64_t from, until; /* of both; 0: none */
};

TEST(times_intersect)
{
	static const struct window windows[] = {
		{ "from 10 until 20", "from 5 until 25", 10, 20 },
		{ "from 5 until 25", "from 10 until 20", 10, 20 },
		{ "from 5 until 20", "from 10 until 25", 10, 20 },
		{ "from 10 until 25", "from 5 until 20", 10, 20 },
		{ "", "from 10 until 20", 10, 20 },
		{ "from 10 until 20", "", 10, 20 },
		{ "from 10", "until 20", 10, 20 },
		{ "until 20", "from 10", 10, 20 },
		{ "from 10", "", 10, 0 },
		{ "", "until 20", 0, 20 },
		{ "", "", 0, 0 },
	};
	for (size_t i = 0; i < sizeof windows / sizeof windows[0]; i++) {
		const struct window *w = &windows[i];
		char a[128], b[128];
		sprintf(a, "K1 %s says P()", w->statement);
		sprintf(b, "K1 %s says K2 speaksfor K1", w->delegation);
		with_delegation(2, a, 1, b);
		believed(15);
		CHECK_INT(belief.said.has_from, w->from != 0);
		CHECK_INT(belief.said.from, w->from);
		CHECK_INT(belief.said.has_until, w->until != 0);
		CHECK_INT(belief.said.until, w->until);
		if (w->until != 0)
			CHECK_INT(judge(w->until), ERR_DENIED);
		if (w->from != 0)
			CHECK_INT(judge(w->from - 1), ERR_DENIED);
	}
	/* An old delegation does not outlive its time under a new statement. */
	with_delegation(2, "K1 from 10 until 100 says P()", 1, "K1 from 5 until 25 says K2 speaksfor K1");
	refused(30, BELIEF_EXPIRED, 1);
	with_delegation(2, "K1 from 10 until 100 says P()", 1, "K1 from 50 until 60 says K2 speaksfor K1");
	refused(30, BELIEF_NOT_YET, 1);
	/* No time is in both. */
	with_delegation(2, "K1 until 10 says P()", 1, "K1 from 20 says K2 speaksfor K1");
	for (int64_t t = 0; t < 30; t++)
		CHECK_INT(judge(t), ERR_DENIED);
}

/* n links: key n-1 says, because key n-2 let it, because …, as a tower of hosts or of replaced keys. */
static void tower(size_t n)
{
	begin();
	for (size_t k = 0; k < n; k++) {
		int signer = (int)(n - 1 - k);
		char text[1024], name[256];
		size_t at = (size_t)sprintf(name, "K0");
		for (int i = 0; i < signer; i++)
			at += (size_t)sprintf(name + at, ".Host(%d)", i);
		if (k == 0)
			sprintf(text, "%s from %d until 100 says P()", name, (int)k);
		else
			sprintf(text, "%s.Host(%d) from %d until %d says K%d speaksfor %s.Host(%d)", name, signer,
				(int)k, (int)(100 - k), signer + 1, name, signer);
		by_key(signer, text);
	}
}

TEST(chains_hold_to_the_cap)
{
	for (size_t n = 1; n <= BELIEF_LINKS_MAX; n++) {
		tower(n);
		believed(50);
		CHECK_INT(belief.said.from, n - 1);
		CHECK_INT(belief.said.until, 101 - n);
		/* Without any one of its delegations it falls. */
		for (size_t gone = 1; gone < n; gone++) {
			tower(n);
			memmove(&links[gone], &links[gone + 1], (n - gone - 1) * sizeof links[0]);
			n_links--;
			CHECK_INT(judge(50), ERR_DENIED);
		}
		/* So it does if any one was signed by another key. */
		for (size_t bad = 0; bad < n; bad++) {
			tower(n);
			links[bad].sha256 = hashes[9];
			CHECK_INT(judge(50), ERR_DENIED);
		}
	}
	tower(BELIEF_LINKS_MAX + 1);
	CHECK_INT(judge(50), ERR_TOO_DEEP);
}

#define PCRS "T1.PCRs(\"0,15\", \"aa,bb\")"

TEST(a_tpm_speaks_as_itself_and_its_pcrs)
{
	begin();
	link_below(true, 1, PCRS " says P()");
	believed(0);
	begin();
	link_below(true, 2, PCRS " says P()");
	refused(0, BELIEF_TPM_NAME, 0);
	static const char *const others[] = {
		"T1 says P()",
		"K1 says P()",
		"K1.PCRs(\"0\", \"aa\") says P()",
		"T1.Program([aa]) says P()",
		"T1.PCRs() says P()",
		"T1.PCRs(\"0\") says P()",
		"T1.PCRs(\"0\", \"aa\", \"b\") says P()",
		"T1.PCRs(0, \"aa\") says P()",
		"T1.PCRs(\"0\", [aa]) says P()",
		"T1.Pcrs(\"0\", \"aa\") says P()",
		"T1.Program([aa]).PCRs(\"0\", \"aa\") says P()",
	};
	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
		begin();
		link_below(true, 1, others[i]);
		refused(0, BELIEF_TPM_NAME, 0);
	}
	begin();
	link_below(true, 1, PCRS ".Program([aa]) says P()");
	refused(0, BELIEF_TPM_SPEAKER, 0);
}

TEST(a_tpm_endorses_a_host_key)
{
	begin();
	by_key(2, PCRS ".TrivialGuard(\"Liberal\").Program([aa]) says P()");
	link_below(true, 1, PCRS " says K2 speaksfor " PCRS);
	believed(0);
	/* Other PCRs are another principal. */
	begin();
	by_key(2, "T1.PCRs(\"0,15\", \"aa,cc\").Program([aa]) says P()");
	link_below(true, 1, PCRS " says K2 speaksfor " PCRS);
	refused(0, BELIEF_OTHER_SPEAKER, 1);
	/* Where a delegation stands below it, a TPM may speak as more than itself. */
	begin();
	link_below(true, 1, PCRS ".Part() says P()");
	by_key(2, "T1.PCRs(\"0,15\", \"aa,bb\") says " PCRS " speaksfor " PCRS);
	refused(0, BELIEF_STRANGER, 1);
	begin();
	link_below(true, 1, PCRS ".Part() says P()");
	link_below(true, 1, PCRS " says " PCRS " speaksfor " PCRS);
	believed(0);
}

TEST(the_signers_name_is_written)
{
	static char full[8192];
	uint8_t buffer[BELIEF_SIGNER_MAX];
	begin();
	link_below(true, 1, PCRS ".Part() says P()");
	CHECK_INT(judge(0), ERR_DENIED);
	struct wr w = wr_to(buffer, sizeof buffer);
	CHECK_INT(belief_signer(&links[0], belief.level_said[0].speaker, &w), ERR_NONE);
	expand(PCRS, full, sizeof full);
	CHECK_STR(text_of(wr_span(&w), NAME_PRIN), full);
	for (size_t cap = 0; cap < w.n; cap++) {
		struct wr small = wr_to(buffer, cap);
		CHECK_INT(belief_signer(&links[0], belief.level_said[0].speaker, &small), ERR_NO_SPACE);
	}
	links[0].tpm2 = false;
	w = wr_to(buffer, sizeof buffer);
	CHECK_INT(belief_signer(&links[0], span_of(NULL, 0), &w), ERR_NONE);
	expand("K1", full, sizeof full);
	CHECK_STR(text_of(wr_span(&w), NAME_PRIN), full);
}

TEST(a_says_is_taken_apart_and_put_together)
{
	static const char *const texts[] = {
		"K1 says P()", "K1 from 3 says P()", "K1 until -3 says not P()",
		"K1.A(1) from -9223372036854775808 until 9223372036854775807 says K2 says false"
	};
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		struct says says;
		alone(1, texts[i]);
		CHECK_INT(says_split(links[0].statement, &says), ERR_NONE);
		uint8_t again[1024];
		struct wr w = wr_to(again, sizeof again);
		CHECK_INT(says_write(&says, &w), ERR_NONE);
		CHECK(span_equal(wr_span(&w), links[0].statement));
		for (size_t n = 0; n < links[0].statement.n; n++)
			CHECK(says_split(span_of(links[0].statement.p, n), &says) < 0);
		struct span a, b;
		CHECK(speaksfor_split(links[0].statement, &a, &b) < 0);
	}
}

int main(void)
{
	RUN(a_signer_speaks_for_itself_and_its_subprincipals);
	RUN(what_is_no_says_of_a_principal_is_refused);
	RUN(malformed_statements_are_refused);
	RUN(a_delegation_lets_another_speak);
	RUN(a_delegation_to_another_is_none);
	RUN(a_delegation_covers_its_delegator_only);
	RUN(nobody_gives_away_what_is_anothers);
	RUN(a_delegation_must_be_believed_itself);
	RUN(what_is_no_speaksfor_is_no_delegation);
	RUN(a_delegation_that_stands_there_must_hold);
	RUN(times_are_checked_at_their_edges);
	RUN(times_intersect);
	RUN(chains_hold_to_the_cap);
	RUN(a_tpm_speaks_as_itself_and_its_pcrs);
	RUN(a_tpm_endorses_a_host_key);
	RUN(the_signers_name_is_written);
	RUN(a_says_is_taken_apart_and_put_together);
	return test_end();
}
