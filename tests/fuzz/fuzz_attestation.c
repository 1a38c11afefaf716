/* SPDX-License-Identifier: MIT
 * Attestations. The first byte chooses: the others are an attestation, or (most often, as signatures are slow) signed
 * statements, about which belief is asked. The second is the time.
 * Invariants: what is accepted was signed, level by level, by one of those who signed the cases below, and is one of
 * their statements: no change of an attestation makes it say anything else. What is believed is valid at the time; the
 * speaker's name begins with the root signer's; it can be printed in the room that is promised; asking twice says the
 * same. */
/* link: init policy crypto */
#include <stdlib.h>

#include "../../client/taoverify.h"
#include "../../crypto/verify.h"
#include "../../policy/belief.h"
#include "../unit/attestation_cases.h"
#include "../unit/hex.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

#define CASES (sizeof attestation_cases / sizeof attestation_cases[0])
#define CASE_MAX 2048

static void must(bool holds)
{
	if (!holds)
		abort();
}

static bool inside(struct span part, struct span whole)
{
	return part.n == 0 || (part.p >= whole.p && part.p + part.n <= whole.p + whole.n);
}

/* ---- Signed attestations ---- */

/* Who signed which statement in one of the cases. */
static uint8_t signed_bytes[CASES][CASE_MAX];
static struct verify_link honest[CASES * VERIFY_LINKS_MAX];
static size_t n_honest;

static void learn(void)
{
	static struct verify_chain chain;
	for (size_t i = 0; i < CASES; i++) {
		size_t n = hex_to(attestation_cases[i].hex, signed_bytes[i], CASE_MAX);
		must(n <= CASE_MAX);
		verify_attestation(sha256_bearssl(), span_of(signed_bytes[i], n), &chain);
		for (size_t k = 0; k < chain.n; k++)
			if (chain.link[k].result == ERR_NONE)
				honest[n_honest++] = chain.link[k];
	}
	must(n_honest >= CASES / 2);
}

static bool was_signed(const struct taoverify_level *level)
{
	for (size_t i = 0; i < n_honest; i++)
		if (memcmp(honest[i].signer_sha256, level->signer_sha256, sizeof level->signer_sha256) == 0 &&
		    span_equal(honest[i].statement, span_of(level->statement.data, level->statement.size)))
			return true;
	return false;
}

static void check_accepted(const struct taoverify_result *r, size_t size, int64_t now)
{
	size_t cap = 9 * size + 64;
	char *text = malloc(cap);
	must(r->reason[0] == '\0' && r->n_levels > 0 && r->n_levels <= TAOVERIFY_LEVELS_MAX);
	for (int i = 0; i < r->n_levels; i++)
		must(was_signed(&r->levels[i]));
	must(r->message.data == r->levels[0].message.data && r->message.size == r->levels[0].message.size);
	must(!r->times.has_from || now >= r->times.from);
	must(!r->times.has_until || now < r->times.until);
	must(taoverify_statement(r, text, cap) > 0 && taoverify_text(r->speaker, text, cap) > 0);
	must(taoverify_signer(&r->levels[r->n_levels - 1], text, cap) > 0);
	free(text);
}

static void try_attestation(struct span bytes, int64_t now)
{
	static struct taoverify_result r, again;
	const struct taoverify_options options = { .now = now };
	/* A copy of its own, so that a step past its end is seen. */
	uint8_t *copy = malloc(bytes.n > 0 ? bytes.n : 1);
	must(copy != NULL);
	if (bytes.n > 0)
		memcpy(copy, bytes.p, bytes.n);
	int verdict = taoverify_attestation(copy, bytes.n, &options, &r);
	for (int i = 0; i < r.n_levels; i++)
		must(inside(span_of(r.levels[i].message.data, r.levels[i].message.size), span_of(copy, bytes.n)));
	if (verdict == TAOVERIFY_OK) {
		check_accepted(&r, bytes.n, now);
		must(taoverify_attestation(copy, bytes.n, &options, &again) == TAOVERIFY_OK);
	} else {
		must(verdict == TAOVERIFY_REFUSED && r.reason[0] != '\0' && r.speaker.size == 0);
	}
	free(copy);
}

/* ---- Belief ---- */

static uint8_t hashes[4][32];

/* Links: a byte for the signer (bits 0 and 1 the key, bit 2 a TPM), two for the length, the statement. */
static size_t read_links(struct span bytes, struct belief_link *links)
{
	struct rd r = rd_from(bytes);
	size_t n = 0;
	while (r.n > 0 && r.err == ERR_NONE && n < BELIEF_LINKS_MAX + 1) {
		uint8_t signer = rd_u8(&r);
		struct span statement = rd_bytes(&r, rd_be16(&r));
		if (r.err != ERR_NONE)
			break;
		links[n++] = (struct belief_link){ (signer & 4) != 0, hashes[signer & 3], statement };
	}
	return n;
}

static void try_belief(struct span bytes, int64_t now)
{
	static struct belief belief, again;
	struct belief_link links[BELIEF_LINKS_MAX + 1];
	uint8_t buffer[BELIEF_SIGNER_MAX];
	struct wr root = wr_to(buffer, sizeof buffer);
	size_t n = read_links(bytes, links);
	int r = belief_judge(links, n, now, &belief);
	must(belief_judge(links, n, now, &again) == r && again.refusal == belief.refusal &&
	     again.level == belief.level);
	must(belief.n <= n && (r == ERR_DENIED) == (belief.refusal != BELIEVED));
	must(belief_text(belief.refusal)[0] != '\0' &&
	     (r >= 0 || r == ERR_DENIED || n == 0 || n > BELIEF_LINKS_MAX));
	if (r < 0)
		return;
	const struct says *said = &belief.said;
	must(belief.n == n && n > 0 && inside(said->speaker, links[0].statement));
	must(span_equal(said->message, belief.level_said[0].message));
	must((!said->has_from || now >= said->from) && (!said->has_until || now < said->until));
	must(belief_signer(&links[n - 1], belief.level_said[n - 1].speaker, &root) == ERR_NONE);
	must(name_is_subprin(said->speaker, wr_span(&root)));
	for (size_t k = 0; k < n; k++) {
		must(name_is_subprin(belief.level_said[k].speaker, wr_span(&root)));
		must(!belief.level_said[k].has_from ||
		     (said->has_from && said->from >= belief.level_said[k].from));
		must(!belief.level_said[k].has_until ||
		     (said->has_until && said->until <= belief.level_said[k].until));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	if (n_honest == 0)
		learn();
	for (size_t i = 0; i < 4; i++)
		memset(hashes[i], (int)i, 32);
	if (size < 2)
		return 0;
	int64_t now = input[1] * 100; /* the cases were valid from 3000 to 7000 */
	struct span rest = span_of(input + 2, size - 2);
	if (input[0] == 0)
		try_attestation(rest, now);
	else
		try_belief(rest, now);
	return 0;
}
