/* SPDX-License-Identifier: MIT
 * A quote and what it is offered for. The input is the eight parts, each after its length in two bytes, big-endian; what
 * is missing is empty.
 * Invariants: nothing is read past a part; a quote that was not signed by the key is never good; the two strings of a
 * name that is read are written back the same. */
/* link: crypto bearssl nanopb */
#include <stdlib.h>

#include "../../crypto/quote.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

/* In memory of its own, so that the sanitizer sees its end. */
static struct span take(struct rd *r)
{
	uint16_t n = rd_be16(r);
	struct span s = rd_bytes(r, n < r->n ? n : r->n);
	uint8_t *p = malloc(s.n == 0 ? 1 : s.n);
	must(p != NULL);
	if (s.n > 0)
		memcpy(p, s.p, s.n);
	return span_of(p, s.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	struct quote_facts facts = { 0 };
	struct span part[8];
	struct rd r = rd_from(span_of(input, size));
	for (size_t i = 0; i < 8; i++)
		part[i] = take(&r);
	const struct quote_claim claim = {
		part[0], part[1], part[2], part[3], part[4], part[5], part[6], part[7]
	};
	const char *why = quote_verify(sha256_bearssl(), &claim, &facts);
	must(why != NULL || (facts.pcrs != 0 && facts.pcrs < 1u << QUOTE_PCRS_TRUSTED));
	memset(&facts, 0, sizeof facts);
	if (quote_read_pcrs(claim.indices, claim.values, &facts) == NULL) {
		uint8_t indices[64], values[16 * 65];
		struct wr i = wr_to(indices, sizeof indices), v = wr_to(values, sizeof values);
		quote_write_pcrs(&facts, &i, &v);
		must(span_equal(wr_span(&i), claim.indices) && span_equal(wr_span(&v), claim.values));
	}
	for (size_t i = 0; i < 8; i++)
		free((void *)(uintptr_t)part[i].p);
	return 0;
}
