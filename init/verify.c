/* SPDX-License-Identifier: MIT
 *
 * Signatures (crypto/) and belief (policy/) put together: what client/taoverify.h promises, for the command and, in
 * libtaoverify.a, for programs. No allocation, no clock, no state.
 */
#include "../client/taoverify.h"
#include "../crypto/keys.h"
#include "../crypto/quote.h"
#include "../crypto/verify.h"
#include "../policy/belief.h"

_Static_assert(TAOVERIFY_LEVELS_MAX == VERIFY_LINKS_MAX && BELIEF_LINKS_MAX == VERIFY_LINKS_MAX,
	       "one cap for chains");

/* ---- Refusals ---- */

static int refuse(struct taoverify_result *result, int level, const char *why)
{
	struct wr w = wr_to(result->reason, sizeof result->reason - 1);
	result->level = level;
	if (level == 0) {
		wr_span_bytes(&w, span_str("statement: "));
	} else if (level > 0) {
		wr_span_bytes(&w, span_str("delegation "));
		wr_u8(&w, (uint8_t)('0' + level)); /* TAOVERIFY_LEVELS_MAX has one digit */
		wr_span_bytes(&w, span_str(": "));
	}
	wr_span_bytes(&w, span_str(why));
	result->reason[w.n] = '\0';
	return TAOVERIFY_REFUSED;
}

static const char *why_not_signed(const struct verify_link *link)
{
	if (link->result == ERR_BAD_SIGNATURE)
		return "its signature does not verify";
	if (link->result == ERR_UNSUPPORTED)
		return "a kind of signer or signature that is not known";
	return "its signer or signature is malformed";
}

/* ---- The parts of a verdict ---- */

static struct taoverify_bytes bytes_of(struct span s)
{
	struct taoverify_bytes b = { s.p, s.n };
	return b;
}

static struct span span_from(struct taoverify_bytes b)
{
	return span_of(b.data, b.size);
}

static struct taoverify_times times_of(const struct says *says)
{
	struct taoverify_times t = { says->has_from, says->has_until, says->from, says->until };
	return t;
}

/* A name, a SubPrin, an extension, its two strings and the key. */
#define SIGNER_NODES 8

/* Does the TPM whose name is signer say, in a quote about the statement, that its PCRs are those of the name? NULL, or
 * the first rule that is broken. Whether it is a TPM at all only its vendor's certificate tells, or who vouches for it:
 * that is trust in the name. */
static const char *check_quote(const struct verify_link *link, struct span signer)
{
	struct node nodes[SIGNER_NODES], *root = NULL;
	struct node_pool pool = { .nodes = nodes, .cap = SIGNER_NODES };
	struct quote_facts facts;
	/* As belief_signer() writes it: tpm2([…]).PCRs("…", "…"). */
	if (name_decode(signer, NAME_PRIN, &pool, &root) < 0)
		return "bad-name";
	const struct node *pcrs = root->kids->next->kids;
	const struct quote_claim claim = {
		.key_hash = root->kids->text,
		.indices = pcrs->kids->text,
		.values = pcrs->kids->next->text,
		.spki = link->signer_key,
		.statement = link->statement,
		.attest = link->quote,
		.signature = link->signature,
	};
	return quote_verify(sha256_pick(), &claim, &facts);
}

static int refuse_quote(struct taoverify_result *result, int level, const char *rule)
{
	char text[64] = { 0 };
	struct wr w = wr_to(text, sizeof text - 1);
	wr_span_bytes(&w, span_str("its quote is not good: "));
	wr_span_bytes(&w, span_str(rule)); /* the longest word has 23 letters */
	return refuse(result, level, text);
}

static void show_links(const struct verify_chain *chain, struct taoverify_result *result)
{
	for (size_t k = 0; k < chain->n; k++) {
		const struct verify_link *link = &chain->link[k];
		struct taoverify_level *level = &result->levels[k];
		level->signer_type = link->signer == VERIFY_KEY	   ? TAOVERIFY_KEY
				     : link->signer == VERIFY_TPM2 ? TAOVERIFY_TPM2
								   : (enum taoverify_signer_type)0;
		memcpy(level->signer_sha256, link->signer_sha256, sizeof level->signer_sha256);
		level->statement = bytes_of(link->statement);
	}
	result->n_levels = (int)chain->n;
}

/* Was each link signed by the key that it names? Quotes are for later: they need the names. */
static int judge_signatures(int r, const struct verify_chain *chain, struct taoverify_result *result)
{
	for (size_t k = 0; k < chain->n; k++) {
		const struct verify_link *link = &chain->link[k];
		bool quote = link->signer == VERIFY_TPM2 && link->result == ERR_UNSUPPORTED;
		if (link->result != ERR_NONE && !quote)
			return refuse(result, (int)k, why_not_signed(link));
	}
	if (r == ERR_TOO_DEEP)
		return refuse(result, -1, "it rests on more delegations than are looked at");
	/* The first link's error hides that of one which could not be read. */
	if (chain->n == 0)
		return refuse(result, -1, "not an attestation");
	return r == ERR_MALFORMED ? refuse(result, (int)chain->n, "not an attestation") : TAOVERIFY_OK;
}

static int judge_belief(const struct verify_chain *chain, int64_t now, struct belief *belief,
			struct taoverify_result *result)
{
	struct belief_link links[VERIFY_LINKS_MAX];
	for (size_t k = 0; k < chain->n; k++) {
		links[k].tpm2 = chain->link[k].signer == VERIFY_TPM2;
		links[k].sha256 = chain->link[k].signer_sha256;
		links[k].statement = chain->link[k].statement;
	}
	int r = belief_judge(links, chain->n, now, belief);
	for (size_t k = 0; k < belief->n; k++) {
		result->levels[k].speaker = bytes_of(belief->level_said[k].speaker);
		result->levels[k].message = bytes_of(belief->level_said[k].message);
		result->levels[k].times = times_of(&belief->level_said[k]);
	}
	if (r < 0)
		return refuse(result, (int)belief->level, belief_text(belief->refusal));
	for (size_t k = chain->n; k-- > 0;) {
		uint8_t buffer[BELIEF_SIGNER_MAX];
		struct wr signer = wr_to(buffer, sizeof buffer);
		if (!links[k].tpm2)
			continue;
		r = belief_signer(&links[k], belief->level_said[k].speaker, &signer);
		const char *rule = r < 0 ? "bad-name" : check_quote(&chain->link[k], wr_span(&signer));
		if (rule != NULL)
			return refuse_quote(result, (int)k, rule);
	}
	return TAOVERIFY_OK;
}

static int judge_trust(const struct taoverify_options *options, struct span speaker,
		       struct taoverify_result *result)
{
	for (size_t i = 0; i < options->n_trusted; i++) {
		if (!name_is_subprin(speaker, span_from(options->trusted[i])))
			continue;
		result->trusted = (int)i;
		return TAOVERIFY_OK;
	}
	return options->n_trusted == 0
		       ? TAOVERIFY_OK
		       : refuse(result, -1,
				"its speaker is none of the trusted principals or a subprincipal of one");
}

int taoverify_attestation(const void *attestation, size_t size, const struct taoverify_options *options,
			  struct taoverify_result *result)
{
	struct verify_chain chain;
	struct belief belief;
	memset(result, 0, sizeof *result);
	result->level = result->trusted = -1;
	int r = verify_attestation(sha256_pick(), span_of(attestation, size), &chain);
	show_links(&chain, result);
	r = judge_signatures(r, &chain, result);
	if (r == TAOVERIFY_OK)
		r = judge_belief(&chain, options->now, &belief, result);
	if (r == TAOVERIFY_OK)
		r = judge_trust(options, belief.said.speaker, result);
	if (r != TAOVERIFY_OK)
		return r;
	result->speaker = bytes_of(belief.said.speaker);
	result->message = bytes_of(belief.said.message);
	result->times = times_of(&belief.said);
	return TAOVERIFY_OK;
}

/* ---- Text ---- */

static int finish(struct wr *w, int r)
{
	if (r == ERR_NO_SPACE || w->n > INT32_MAX)
		return TAOVERIFY_NO_SPACE;
	if (r < 0)
		return TAOVERIFY_MALFORMED;
	w->p[w->n] = '\0';
	return (int)w->n;
}

int taoverify_text(struct taoverify_bytes binary, char *text, size_t size)
{
	if (size == 0)
		return TAOVERIFY_NO_SPACE;
	struct wr w = wr_to(text, size - 1);
	bool prin = binary.size > 0 && binary.data[0] == NODE_PRIN;
	return finish(&w, name_print_binary(span_from(binary), prin ? NAME_PRIN : NAME_FORM, &w));
}

int taoverify_statement(const struct taoverify_result *result, char *text, size_t size)
{
	const struct taoverify_times *t = &result->times;
	const struct says says = {
		.speaker = span_from(result->speaker),
		.message = span_from(result->message),
		.has_from = t->has_from != 0,
		.has_until = t->has_until != 0,
		.from = t->from,
		.until = t->until,
	};
	/* The binary form, with times that nobody signed, stands at the end of the caller's buffer. */
	size_t most = says.speaker.n + says.message.n + 32;
	if (size <= most)
		return TAOVERIFY_NO_SPACE;
	struct wr binary = wr_to(text + size - most, most), w = wr_to(text, size - most - 1);
	int r = says_write(&says, &binary);
	return finish(&w, r < 0 ? r : name_print_binary(wr_span(&binary), NAME_FORM, &w));
}

int taoverify_signer(const struct taoverify_level *level, char *text, size_t size)
{
	uint8_t buffer[BELIEF_SIGNER_MAX];
	struct wr binary = wr_to(buffer, sizeof buffer), w = wr_to(text, size > 0 ? size - 1 : 0);
	const struct belief_link link = { level->signer_type == TAOVERIFY_TPM2,
					  level->signer_sha256,
					  { NULL, 0 } };
	if (size == 0 || level->signer_type == 0)
		return size == 0 ? TAOVERIFY_NO_SPACE : TAOVERIFY_MALFORMED;
	if (belief_signer(&link, span_from(level->speaker), &binary) == ERR_NONE)
		return taoverify_text(bytes_of(wr_span(&binary)), text, size);
	wr_span_bytes(&w, span_str("tpm2(["));
	wr_hex(&w, span_of(level->signer_sha256, sizeof level->signer_sha256));
	wr_span_bytes(&w, span_str("])"));
	return finish(&w, w.err);
}

/* ---- Principals ---- */

/* Names of roots are short; longer ones are malformed here. */
#define PRINCIPAL_NODES 48
#define PRINCIPAL_TEXT 3072

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool hash_from(const char *text, uint8_t hash[static SHA256_SIZE])
{
	if (strlen(text) != 2 * SHA256_SIZE)
		return false;
	for (size_t i = 0; i < SHA256_SIZE; i++) {
		int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);
		if (high < 0 || low < 0)
			return false;
		hash[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

static int finish_principal(const struct wr *w, int r)
{
	if (r < 0)
		return r == ERR_NO_SPACE ? TAOVERIFY_NO_SPACE : TAOVERIFY_MALFORMED;
	return (int)w->n;
}

int taoverify_principal(const char *text, unsigned char *binary, size_t size)
{
	struct node nodes[PRINCIPAL_NODES], *root;
	uint8_t hash[SHA256_SIZE], unescaped[PRINCIPAL_TEXT];
	struct wr w = wr_to(binary, size);
	struct node_pool pool = { nodes, 0, PRINCIPAL_NODES, unescaped, 0, sizeof unescaped };
	if (hash_from(text, hash)) {
		name_write_key_prin(&w, hash, false);
		return finish_principal(&w, w.err);
	}
	int r = name_parse(span_str(text), NAME_PRIN, &pool, &root, NULL);
	return finish_principal(&w, r < 0 ? r : name_encode(root, &w));
}

int taoverify_key(const void *spki, size_t spki_size, unsigned char *binary, size_t size)
{
	uint8_t hash[SHA256_SIZE];
	struct wr w = wr_to(binary, size);
	if (!key_spki_valid(span_of(spki, spki_size)))
		return TAOVERIFY_MALFORMED;
	sha256_of(sha256_pick(), span_of(spki, spki_size), hash);
	name_write_key_prin(&w, hash, false);
	return finish_principal(&w, w.err);
}
