/* SPDX-License-Identifier: MIT
 * Quotes: each case gets the verdict and the reason that stand there. Rule 0 (TPM.md, section 4) stands here: the
 * statement is a Says, and its speaker the name given. It is looked at last: "other-ak" breaks it, too, and is to be
 * refused for its signature. */
/* link: crypto policy bearssl nanopb cjson */
#include "../../crypto/quote.h"
#include "../../policy/name.h"
#include "../unit/test.h"
#include "tpm_json.h"

/* tpm2([key]).PCRs("…", "…"), as text. */
static struct span speaker_of(const cJSON *item, uint8_t *dst, size_t cap)
{
	static struct node nodes[8192];
	static uint8_t strings[8192];
	static char text[8192];
	struct node_pool pool = { nodes, 0, sizeof nodes / sizeof nodes[0], strings, 0, sizeof strings };
	struct node *root = NULL;
	struct wr w = wr_to(dst, cap);
	int n = snprintf(text, sizeof text, "tpm2([%s]).PCRs(\"%s\", \"%s\")", json_text(item, "ak_name_hash"),
			 json_text(item, "pcrs_index"), json_text(item, "pcrs_value"));
	if (n < 0 || (size_t)n >= sizeof text || name_parse(span_str(text), NAME_PRIN, &pool, &root, NULL) < 0 ||
	    name_encode(root, &w) < 0)
		return span_of(NULL, 0);
	return wr_span(&w);
}

/* NULL, or why not. */
static const char *check_speaker(const cJSON *item, struct span statement)
{
	static struct node nodes[8192];
	static uint8_t expected[8192], found[8192];
	struct node_pool pool = { .nodes = nodes, .cap = sizeof nodes / sizeof nodes[0] };
	struct node *root = NULL;
	struct wr w = wr_to(found, sizeof found);
	struct span speaker = speaker_of(item, expected, sizeof expected);
	if (name_decode(statement, NAME_FORM, &pool, &root) < 0 || root->kind != NODE_SAYS ||
	    name_encode(root->kids, &w) < 0)
		return "bad-statement";
	return speaker.n > 0 && span_equal(speaker, wr_span(&w)) ? NULL : "wrong-speaker";
}

static void check_case(const cJSON *item)
{
	struct quote_facts facts;
	struct quote_claim claim = {
		.key_hash = json_hex(item, "ak_name_hash"),
		.indices = span_str(json_text(item, "pcrs_index")),
		.values = span_str(json_text(item, "pcrs_value")),
		.spki = json_hex(item, "ak_spki_der"),
		.ak_public = json_has(item, "ak_public") ? json_hex(item, "ak_public") : span_of(NULL, 0),
		.statement = json_hex(item, "statement"),
		.attest = json_hex(item, "attest"),
		.signature = json_hex(item, "signature"),
	};
	const char *why = quote_verify(sha256_pick(), &claim, &facts);
	if (why == NULL)
		why = check_speaker(item, claim.statement);
	CHECK_STR(why == NULL ? "accept" : "reject", json_text(item, "expect"));
	CHECK_STR(why == NULL ? "" : why, json_text(item, "reason"));
	if (json_has(item, "extra_data")) {
		uint8_t digest[SHA256_SIZE];
		struct span want = json_hex(item, "extra_data");
		CHECK_INT(quote_extra_data(sha256_pick(), claim.statement, digest), ERR_NONE);
		CHECK(span_equal(want, span_of(digest, sizeof digest)));
		json_free(want);
	}
	json_free(claim.key_hash);
	json_free(claim.spki);
	json_free(claim.ak_public);
	json_free(claim.statement);
	json_free(claim.attest);
	json_free(claim.signature);
}

int main(int argc, char **argv)
{
	json_must(argc == 2, "one is wanted");
	cJSON *json = json_file(argv[1]);
	const cJSON *item;
	cJSON_ArrayForEach(item, json_cases(json))
	{
		test_bad = 0;
		check_case(item);
		test_failed += (unsigned)test_bad;
		printf("%sok %u - %s\n", test_bad ? "not " : "", ++test_n, json_text(item, "name"));
	}
	cJSON_Delete(json);
	return test_end();
}
