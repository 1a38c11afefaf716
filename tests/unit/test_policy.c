/* SPDX-License-Identifier: MIT
 * link: init policy crypto
 *
 * Guards with a policy; the policy file, its signature, its key file; what may be in force. */
#include "test.h"
#include "../../crypto/policy_key.h"
#include "../../crypto/policy_sign.h"
#include "../../init/policy_open.h"
#include "../../policy/name.h"

static struct why why;
static uint8_t file_bytes[8192];
static void *rooms[2];

#define HEAD                                                                                                      \
	"tao-policy: 1\ndomain: example.org\nversion: 3\nvalid-from: 2026-01-01T00:00:00Z\n"                      \
	"valid-until: 2027-01-01T00:00:00Z\nguard: datalog\n"
#define NOW INT64_C(1780000000) /* in May 2026 */

static bool says(const char *part)
{
	if (strstr(why.rule, part) != NULL)
		return true;
	printf("# \"%s\" is not in: %s\n", part, why.rule);
	return false;
}

static void test_key(struct policy_key *key)
{
	memset(key->scalar, 7, sizeof key->scalar);
	CHECK_INT(key_spki(key->scalar, key->spki), ERR_NONE);
}

static struct span signed_file(const char *body)
{
	struct policy_key key;
	uint8_t der[KEY_SIGNATURE_MAX];
	struct wr w = wr_to(file_bytes, sizeof file_bytes);
	test_key(&key);
	wr_span_bytes(&w, span_str(body));
	int n = policy_sign(sha256_pick(), key.scalar, wr_span(&w), der);
	CHECK(n > 0);
	policy_file_sign(&w, key.spki, span_of(der, (size_t)n));
	return wr_span(&w);
}

static int open_it(struct span text, struct policy_file *file, const uint8_t *key, int64_t now, uint64_t least)
{
	const struct policy_trust trust = { sha256_pick(), key, now, least, NULL };
	return policy_open(text, &trust, file, &why);
}

TEST(good_file)
{
	struct policy_file file;
	struct span text = signed_file(HEAD "# a comment\nAuthorized(key([70]), \"Execute\")\n");
	CHECK_INT(open_it(text, &file, NULL, NOW, 3), ERR_NONE);
	CHECK(span_equal(file.domain, span_str("example.org")) && file.version == 3 && file.policy.line == 7);
	CHECK(span_equal(file.policy.rules, span_str("# a comment\nAuthorized(key([70]), \"Execute\")\n")));
	CHECK_INT(file.until - file.from, 365 * 86400);
	CHECK_INT(file.from, 1767225600);
}

TEST(every_byte_is_signed)
{
	struct policy_file file;
	struct span text = signed_file(HEAD "A(1)\n");
	unsigned accepted = 0;
	for (size_t i = 0; i < text.n; i++) {
		file_bytes[i] ^= 1;
		accepted += open_it(text, &file, NULL, NOW, 0) == ERR_NONE;
		file_bytes[i] ^= 1;
	}
	CHECK_INT(accepted, 0);
	for (size_t n = 0; n < text.n; n++)
		accepted += open_it(span_of(text.p, n), &file, NULL, NOW, 0) == ERR_NONE;
	CHECK_INT(accepted, 0);
}

TEST(refusals_with_their_reason)
{
	struct policy_file file;
	uint8_t other[32] = { 1 };
	struct span text = signed_file(HEAD "A(1)\n");
	CHECK_INT(open_it(text, &file, other, NOW, 0), ERR_BAD_SIGNATURE);
	CHECK(says("line 8: signed by another key"));
	CHECK_INT(open_it(text, &file, NULL, 1767225599, 0), ERR_EXPIRED);
	CHECK(says("not valid yet"));
	CHECK_INT(open_it(text, &file, NULL, 1767225600, 0), ERR_NONE);
	CHECK_INT(open_it(text, &file, NULL, 1767225600 + 365 * 86400, 0), ERR_EXPIRED);
	CHECK(says("not valid any more"));
	CHECK_INT(open_it(text, &file, NULL, NOW, 4), ERR_STATE);
	CHECK(says("older version"));
	file_bytes[strlen(HEAD)] = 'B';
	CHECK_INT(open_it(text, &file, NULL, NOW, 0), ERR_BAD_SIGNATURE);
	CHECK(says("line 9: the signature does not verify"));
	CHECK_INT(open_it(span_str(HEAD "A(1)\n"), &file, NULL, NOW, 0), ERR_BAD_SIGNATURE);
	CHECK(says("line 8: there is no signature"));
	const struct policy_trust acl = { sha256_pick(), NULL, NOW, 0, "acl" };
	CHECK_INT(policy_open(signed_file(HEAD), &acl, &file, &why), ERR_UNSUPPORTED);
}

static bool malformed(const char *text, const char *part)
{
	struct policy_file file;
	why.rule[0] = '\0';
	return policy_file_parse(span_str(text), &file, &why) < 0 && says(part);
}

TEST(malformed_heads)
{
	CHECK(malformed("", "ends within a line"));
	CHECK(malformed("tao-policy: 2\n", "line 1: not a format"));
	CHECK(malformed("tao-policy: 1\nversion: 1\n", "line 2: \"domain: \" is expected"));
	CHECK(malformed("tao-policy: 1\ndomain: \n", "line 2: domain is out of range"));
	CHECK(malformed("tao-policy: 1\ndomain: d\nversion: 0\n", "line 3: version"));
	CHECK(malformed("tao-policy: 1\ndomain: d\nversion: 01\n", "line 3: version"));
	CHECK(malformed("tao-policy: 1\ndomain: d\nversion: 1\nvalid-from: 2026-02-29T00:00:00Z\n",
			"line 4: not a time"));
	CHECK(malformed("tao-policy: 1\ndomain: d\nversion: 1\nvalid-from: 2026-02-28T00:00:00Z\n"
			"valid-until: 2026-02-28T00:00:00Z\n",
			"line 5: valid-until"));
	CHECK(malformed("tao-policy: 1\ndomain: d\nversion: 1\r\n", "line 3: a control character"));
	CHECK(malformed(HEAD "A(1)\nsigned-by: 00\n", "line 8: signed-by"));
	CHECK(malformed(HEAD "A(1)", "ends within a line"));
}

TEST(key_files)
{
	struct policy_key key, back;
	uint8_t bytes[POLICY_KEY_FILE_MAX], random[POLICY_KEY_RANDOM_SIZE] = { 9 }, spki[KEY_SPKI_SIZE];
	struct wr w = wr_to(bytes, sizeof bytes);
	struct span none = { NULL, 0 };
	test_key(&key);
	CHECK_INT(policy_key_write(sha256_pick(), &key, none, random, &w), ERR_NONE);
	CHECK(!policy_key_is_sealed(wr_span(&w)));
	CHECK_INT(policy_key_read(sha256_pick(), wr_span(&w), none, &back), ERR_NONE);
	CHECK(memcmp(&key, &back, sizeof key) == 0);
	bytes[w.n - 3] ^= 1;
	CHECK(policy_key_read(sha256_pick(), wr_span(&w), none, &back) < 0);
	w = wr_to(bytes, sizeof bytes);
	CHECK_INT(policy_key_write(sha256_pick(), &key, span_str("pass"), random, &w), ERR_NONE);
	CHECK(policy_key_is_sealed(wr_span(&w)));
	CHECK(policy_key_public(wr_span(&w), spki) == ERR_NONE && memcmp(spki, key.spki, sizeof spki) == 0);
	CHECK_INT(policy_key_read(sha256_pick(), wr_span(&w), span_str("pass"), &back), ERR_NONE);
	CHECK(memcmp(&key, &back, sizeof key) == 0);
	CHECK_INT(policy_key_read(sha256_pick(), wr_span(&w), span_str("Pass"), &back), ERR_BAD_SEAL);
	bytes[w.n - 3] ^= 1;
	CHECK(policy_key_read(sha256_pick(), wr_span(&w), span_str("pass"), &back) < 0);
	for (size_t n = 0; n < w.n; n++)
		CHECK(policy_key_read(sha256_pick(), span_of(bytes, n), none, &back) < 0);
}

/* Made with Python's hashlib and the package cryptography: PBKDF2, AES-GCM and the file's form are what others take
 * them for. */
TEST(a_key_file_that_others_made)
{
	static const char passphrase[] =
		"passwordPASSWORDpassword, and longer than a block of SHA-256, so that it is hashed";
	static const char text[] =
		"tao-policy-key: 1\n"
		"public: 3059301306072a8648ce3d020106082a8648ce3d030107034200041e18532fd4754c02f3041d9c75ceb33b83"
		"ffd81ac7ce4fe882ccb1c98bc5896ea46c311c4e2ff40dd96a3653e6e45445d32dfe486eced75c7a90c6a18881c0a3\n"
		"pbkdf2-sha256: 4097 000102030405060708090a0b0c0d0e0f\n"
		"sealed: 6465666768696a6b6c6d6e6f 14f5ad5555350b21e7af4c18578db14b287b7ed559cf8126a51ab27b22e13ad"
		"f ed1918038a65c7c5ae0d17665a58f736\n";
	struct policy_key key, back;
	test_key(&key);
	CHECK_INT(policy_key_read(sha256_pick(), span_str(text), span_str(passphrase), &back), ERR_NONE);
	CHECK(memcmp(&key, &back, sizeof key) == 0);
}

/* ---- guards ---- */

static int load(struct guard *guard, int room, const char *rules)
{
	const struct guard_policy policy = { span_str(rules), 1 };
	if (rooms[room] == NULL)
		rooms[room] = malloc(guard_memory(4096));
	return guard_load(guard, &policy, span_of(rooms[room], guard_memory(4096)), &why);
}

static enum verdict decide(const struct guard *guard, const char *principal, const char *verb, const char *arg)
{
	static struct node nodes[512];
	static uint8_t text[512], binary[1024];
	struct wr w = wr_to(binary, 512), a = wr_to(binary + 512, 512);
	struct node_pool pool = { nodes, 0, 512, text, 0, sizeof text };
	struct node *root = NULL;
	struct ask ask = { .verb = verb };
	CHECK(name_parse(span_str(principal), NAME_PRIN, &pool, &root, NULL) == ERR_NONE);
	name_encode(root, &w);
	ask.principal = wr_span(&w);
	if (arg != NULL && name_parse(span_str(arg), NAME_TERM, &pool, &root, NULL) == ERR_NONE) {
		name_encode(root, &a);
		ask.args[ask.n_args++] = wr_span(&a);
	}
	return guard_decide(guard, &ask, &why);
}

TEST(guard_needs_a_policy)
{
	struct guard guard = { .class = guard_find("datalog") };
	CHECK(guard.class == &guard_datalog && guard_find("acl") == &guard_acl);
	CHECK(decide(&guard, "key([70])", "Execute", NULL) == DENY && says("no policy is in force"));
}

TEST(a_bad_policy_leaves_the_old_in_force)
{
	struct guard guard = { .class = &guard_datalog };
	CHECK_INT(load(&guard, 0, "Authorized(key([70]), \"Execute\")\n"), ERR_NONE);
	CHECK(decide(&guard, "key([70])", "Execute", NULL) == ALLOW && says("Authorized on line 1"));
	CHECK(load(&guard, 1, "Authorized(key([71]), \"Execute\")\nforall X: A(X) or B(X) implies C(X)\n") < 0);
	CHECK(says("line 2: or"));
	CHECK(decide(&guard, "key([70])", "Execute", NULL) == ALLOW);
	CHECK_INT(load(&guard, 1, "Authorized(key([71]), \"Execute\")\n"), ERR_NONE);
	CHECK(decide(&guard, "key([70])", "Execute", NULL) == DENY && says("no rule allows it"));
	CHECK(decide(&guard, "key([71])", "Execute", NULL) == ALLOW);
}

TEST(deny_comes_first)
{
	struct guard guard = { .class = &guard_datalog };
	CHECK_INT(load(&guard, 0,
		       "P(key([70]))\nP(key([71]))\nforall X: P(X) implies Authorized(X, \"Start\", \"db\")\n"
		       "forall X: P(X) implies Authorized(X, \"Stop\", \"db\")\n"
		       "Deny(key([70]), \"Start\")\nDeny(key([70]), \"Stop\", \"db\")\n"),
		  ERR_NONE);
	CHECK(decide(&guard, "key([71])", "Start", "\"db\"") == ALLOW && says("by the rule of line 3"));
	CHECK(decide(&guard, "key([70])", "Start", "\"db\"") == DENY && says("Deny on line 5"));
	CHECK(decide(&guard, "key([70])", "Stop", "\"db\"") == DENY && says("Deny on line 6"));
	CHECK(decide(&guard, "key([71])", "Stop", "\"web\"") == DENY);
	CHECK(guard_names_verb(&guard, "Start") && !guard_names_verb(&guard, "Execute"));
}

TEST(a_spent_budget_denies)
{
	struct guard guard = { .class = &guard_datalog };
	CHECK_INT(load(&guard, 0,
		       "H(key([70]))\nE(ext.A())\n"
		       "forall S: forall P: forall E: H(P) and E(E) and Subprin(S, P, E) implies H(S)\n"
		       "forall X: Nope(X) implies R(X, X)\n"
		       "forall X: forall S: forall T: H(X) and H(S) and R(S, T) implies Deny(X, \"Seal\")\n"
		       "forall X: H(X) implies Authorized(X, \"Seal\")\nforall X: H(X) implies Authorized(X, "
		       "\"Attest\")\n"),
		  ERR_NONE);
	CHECK(decide(&guard, "key([70]).A()", "Seal", NULL) == DENY && says("budget"));
	CHECK(decide(&guard, "key([70]).A()", "Attest", NULL) == ALLOW);
}

TEST(access_control_list)
{
	struct guard guard = { .class = &guard_acl };
	uint8_t name[128];
	char text[256];
	struct wr w = wr_to(name, sizeof name), t = wr_to(text, sizeof text - 1);
	CHECK_INT(load(&guard, 0, "# programs\nAuthorized(key([70]).Program([01]), \"Execute\")\n"), ERR_NONE);
	CHECK(decide(&guard, "key([70]).Program([01])", "Execute", NULL) == ALLOW);
	CHECK(decide(&guard, "key([70]).Program([01]).More()", "Execute", NULL) == DENY);
	CHECK(decide(&guard, "key([70])", "Execute", NULL) == DENY);
	CHECK(load(&guard, 1, "A(1)\n") < 0 && says("line 1: an access control list"));
	CHECK(load(&guard, 1, "forall X: A(X) implies Authorized(X, \"Execute\")\n") < 0);
	guard.key[0] = 0xab;
	CHECK(guard_acl.identity(&guard, &w) == ERR_NONE);
	CHECK(name_print_binary(wr_span(&w), NAME_SUBPRIN, &t) == ERR_NONE);
	text[t.n] = '\0';
	CHECK(strncmp(text, ".ACLGuard(key([ab00", 19) == 0);
}

TEST(malformed_questions)
{
	struct guard guard = { .class = &guard_datalog };
	struct ask ask = { .principal = span_str("x"), .verb = "Execute" };
	CHECK_INT(load(&guard, 0, "Authorized(key([70]), \"Execute\")\n"), ERR_NONE);
	CHECK(guard_decide(&guard, &ask, &why) == DENY && says("not well-formed"));
	const struct guard_policy policy = { span_str("A(1)\n"), 1 };
	CHECK(guard_load(&guard, &policy, span_of(rooms[1], 1000), &why) < 0 && says("memory"));
	CHECK(guard_load(&guard, &policy, span_of(rooms[1], GUARD_QUERY_ROOM + 12000), &why) < 0 &&
	      says("memory"));
}

int main(void)
{
	RUN(good_file);
	RUN(every_byte_is_signed);
	RUN(refusals_with_their_reason);
	RUN(malformed_heads);
	RUN(key_files);
	RUN(a_key_file_that_others_made);
	RUN(guard_needs_a_policy);
	RUN(a_bad_policy_leaves_the_old_in_force);
	RUN(deny_comes_first);
	RUN(a_spent_budget_denies);
	RUN(access_control_list);
	RUN(malformed_questions);
	return test_end();
}
