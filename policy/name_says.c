/* SPDX-License-Identifier: MIT */
#include "name_shape.h"
#include "name_says.h"

static struct span element(struct rd *r, uint32_t allowed)
{
	const uint8_t *from = r->p;
	name_check_element(r, allowed, 1);
	return span_of(from, (size_t)(r->p - from));
}

int says_split(struct span form, struct says *says)
{
	struct rd r = rd_from(form);
	struct node head;
	memset(says, 0, sizeof *says);
	name_read_head(&r, KIND(NODE_SAYS), &head);
	says->speaker = element(&r, KINDS_TERM);
	name_read_between(&r, &head, 1);
	says->message = element(&r, KINDS_FORM);
	says->has_from = head.has_time;
	says->from = head.number;
	says->has_until = head.has_expiration;
	says->until = head.expiration;
	return rd_end(&r);
}

int speaksfor_split(struct span form, struct span *delegate, struct span *delegator)
{
	struct rd r = rd_from(form);
	struct node head;
	name_read_head(&r, KIND(NODE_SPEAKSFOR), &head);
	*delegate = element(&r, KINDS_TERM);
	*delegator = element(&r, KINDS_TERM);
	return rd_end(&r);
}

static void write_time(struct wr *out, bool has, int64_t time)
{
	wr_varint(out, has ? 1 : 0);
	if (has)
		wr_varint(out, (uint64_t)time);
}

int says_write(const struct says *says, struct wr *out)
{
	wr_varint(out, NODE_SAYS);
	wr_span_bytes(out, says->speaker);
	write_time(out, says->has_from, says->from);
	write_time(out, says->has_until, says->until);
	wr_span_bytes(out, says->message);
	return out->err;
}

/* The parts of tpm2([sha256]).PCRs(Str, Str), whatever stands behind it: what is before the SubPrin, and the extension. */
static int find_pcrs(struct span speaker, const uint8_t *sha256, struct span *head, struct span *pcrs)
{
	struct rd r = rd_from(speaker);
	struct node prin, key, tail, ext, argument;
	name_read_head(&r, KIND(NODE_PRIN), &prin);
	name_read_head(&r, KIND(NODE_BYTES), &key);
	*head = span_of(speaker.p, (size_t)(r.p - speaker.p));
	name_read_head(&r, KIND(NODE_SUBPRIN), &tail);
	const uint8_t *from = r.p;
	name_read_head(&r, KIND(NODE_EXT), &ext);
	name_read_head(&r, KIND(NODE_STR), &argument);
	name_read_head(&r, KIND(NODE_STR), &argument);
	*pcrs = span_of(from, (size_t)(r.p - from));
	if (r.err != ERR_NONE)
		return ERR_MALFORMED;
	bool named = span_equal(prin.text, span_str("tpm2")) && span_equal(key.text, span_of(sha256, 32)) &&
		     tail.count >= 1 && span_equal(ext.text, span_str("PCRs")) && ext.count == 2;
	return named ? ERR_NONE : ERR_MALFORMED;
}

int name_write_tpm2_of(struct span prin, const uint8_t sha256[static 32], struct wr *out)
{
	struct span head, pcrs;
	int r = find_pcrs(prin, sha256, &head, &pcrs);
	if (r < 0)
		return r;
	wr_span_bytes(out, head);
	wr_varint(out, NODE_SUBPRIN);
	wr_varint(out, 1);
	wr_span_bytes(out, pcrs);
	return out->err;
}
