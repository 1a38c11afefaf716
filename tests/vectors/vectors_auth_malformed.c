/* SPDX-License-Identifier: MIT
 * Mutated encodings and CloudProxy's verdict. What it refused we refuse. What it accepted we accept, unless a rule of
 * ours is broken; which, a second reader finds out here: one that takes all that CloudProxy takes, knows nothing of
 * ours, and notes the rules it sees broken. */
/* link: policy crypto/base.c */
#include "vector_kind.h"

#include "../../policy/name_shape.h"
#include "../unit/name_help.h"
#include "../unit/test.h"

/* Rules of ours that CloudProxy does not have; docs/protocol-differences.md gives their reasons. */
enum rule { VARINT, BOOL, TYPE, RESERVED, NAME, TAIL, COUNT, DEPTH, N_RULES };

static const char *const rules[N_RULES] = {
	[VARINT] = "a varint is longer than it needs to be",
	[BOOL] = "a bool is neither 0 nor 1",
	[TYPE] = "a principal's type has an illegal character",
	[RESERVED] = "a principal's type is a reserved word",
	[NAME] = "a name or variable has an illegal character",
	[TAIL] = "ext without an extension",
	[COUNT] = "a count is negative",
	[DEPTH] = "nested too deeply",
};

/* Far beyond the depth that ours takes; small enough for the stack of a sanitized program. */
#define LENIENT_DEPTH_MAX 2000

struct lenient {
	const uint8_t *p;
	size_t n;
	bool refused, broken[N_RULES];
};

static uint64_t varint(struct lenient *l)
{
	uint64_t v = 0;
	for (unsigned i = 0; i < 10 && l->n > 0; i++) {
		uint8_t b = *l->p++;
		l->n--;
		if (i == 9 && b > 1)
			break;
		v |= (uint64_t)(b & 0x7f) << (7 * i);
		if (b < 0x80) {
			l->broken[VARINT] |= i > 0 && b == 0;
			return v;
		}
	}
	l->refused = true;
	return 0;
}

static bool boolean(struct lenient *l)
{
	uint64_t v = varint(l);
	l->broken[BOOL] |= v > 1;
	return v == 1;
}

static struct span string(struct lenient *l)
{
	uint64_t n = varint(l);
	if (n > l->n) {
		l->refused = true;
		n = 0;
	}
	struct span s = span_of(l->p, (size_t)n);
	l->p += n;
	l->n -= (size_t)n;
	return s;
}

static bool all_of(struct span s, const char *first, const char *rest)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] == 0 || strchr(i == 0 ? first : rest, s.p[i]) == NULL)
			return false;
	return s.n > 0;
}

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGIT "0123456789"

static void word(struct lenient *l, bool type)
{
	static const char *const reserved[] = { "from",	  "until",   "says", "speaksfor", "forall",
						"exists", "implies", "or",   "and",	  "not",
						"false",  "true",    "ext" };
	struct span s = string(l);
	if (!type) {
		l->broken[NAME] |= !all_of(s, UPPER, LOWER UPPER DIGIT "_");
		return;
	}
	l->broken[TYPE] |= !all_of(s, LOWER, LOWER DIGIT);
	for (size_t i = 0; i < sizeof reserved / sizeof reserved[0]; i++)
		l->broken[RESERVED] |= span_equal(s, span_str(reserved[i]));
}

static uint64_t element(struct lenient *l, uint32_t allowed, unsigned depth);

/* A count and so many elements; a negative count is none. */
static void elements(struct lenient *l, uint32_t allowed, unsigned depth, uint64_t *count)
{
	*count = varint(l);
	if (*count > INT64_MAX) {
		l->broken[COUNT] = true;
		*count = 0;
	}
	for (uint64_t i = 0; i < *count && !l->refused; i++)
		(void)element(l, allowed, depth);
}

static void says(struct lenient *l, unsigned depth)
{
	(void)element(l, KINDS_TERM, depth);
	for (int i = 0; i < 2; i++)
		if (boolean(l))
			(void)varint(l);
	(void)element(l, KINDS_FORM, depth);
}

static void inside(struct lenient *l, uint64_t tag, unsigned depth, uint64_t *count)
{
	switch ((enum node_kind)tag) {
	case NODE_PRIN:
		word(l, true);
		(void)element(l, KINDS_TERM, depth);
		(void)element(l, KIND(NODE_SUBPRIN), depth);
		break;
	case NODE_TAIL:
		l->broken[TAIL] |= element(l, KIND(NODE_SUBPRIN), depth) == 0;
		break;
	case NODE_STR:
	case NODE_BYTES:
		(void)string(l);
		break;
	case NODE_INT:
		(void)varint(l);
		break;
	case NODE_VAR:
		word(l, false);
		break;
	case NODE_PRED:
	case NODE_EXT:
		word(l, false);
		elements(l, KINDS_TERM, depth, count);
		break;
	case NODE_CONST:
		(void)boolean(l);
		break;
	case NODE_FORALL:
	case NODE_EXISTS:
		word(l, false);
		(void)element(l, KINDS_FORM, depth);
		break;
	case NODE_NOT:
		(void)element(l, KINDS_FORM, depth);
		break;
	case NODE_AND:
	case NODE_OR:
		elements(l, KINDS_FORM, depth, count);
		break;
	case NODE_IMPLIES:
		(void)element(l, KINDS_FORM, depth);
		(void)element(l, KINDS_FORM, depth);
		break;
	case NODE_SPEAKSFOR:
		(void)element(l, KINDS_TERM, depth);
		(void)element(l, KINDS_TERM, depth);
		break;
	case NODE_SAYS:
		says(l, depth);
		break;
	case NODE_SUBPRIN:
		elements(l, KIND(NODE_EXT), depth, count);
		break;
	}
}

/* Gives the count of what has one. Recursion ends at LENIENT_DEPTH_MAX. */
static uint64_t element(struct lenient *l, uint32_t allowed, unsigned depth)
{
	uint64_t count = 0, tag = l->refused ? 0 : varint(l);
	if (tag == 0 || tag > NODE_EXT || (allowed >> tag & 1) == 0 || depth > LENIENT_DEPTH_MAX) {
		l->refused = true;
		return 0;
	}
	l->broken[DEPTH] |= depth > NAME_DEPTH_MAX;
	inside(l, tag, depth + 1, &count);
	return count;
}

/* The first rule of ours that is broken in bytes which CloudProxy takes. */
static const char *broken_rule(struct span binary, enum name_class what)
{
	struct lenient l = { .p = binary.p, .n = binary.n };
	(void)element(&l, name_kinds(what), name_first_depth(what));
	for (int i = 0; i < N_RULES && !l.refused && l.n == 0; i++)
		if (l.broken[i])
			return rules[i];
	return NULL;
}

/* What came of it, in a word; NULL if that is not what must be. */
static const char *verdict(struct span binary, enum name_class what, bool accepted)
{
	struct node *root = NULL;
	struct wr w = wr_to(bytes_a, sizeof bytes_a);
	int r = name_decode(binary, what, fresh(), &root);
	const char *rule = broken_rule(binary, what);
	if (r != name_check(binary, what) || r > 0) {
		printf("# name_decode and name_check do not agree\n");
		return NULL;
	}
	if (r == ERR_NONE && (name_encode(root, &w) < 0 || !span_equal(wr_span(&w), binary))) {
		printf("# encodes to other bytes\n");
		return NULL;
	}
	if (r == ERR_NONE && accepted && rule == NULL)
		return "accepted by both";
	if (r < 0 && !accepted)
		return "refused by both";
	if (r < 0 && rule != NULL)
		return rule;
	printf("# %s here, %s there, broken: %s\n", r < 0 ? err_text(r) : "accepted",
	       accepted ? "accepted" : "refused", rule != NULL ? rule : "no rule of ours");
	return NULL;
}

int main(int argc, char **argv)
{
	const cJSON *at, *cases = vector_cases(argc, argv);
	cJSON_ArrayForEach(at, cases)
	{
		const char *came = verdict(vector_bytes(at, "Binary"), vector_kind(vector_text(at, "Kind")),
					   vector_bool(at, "Accepted"));
		test_n++;
		test_bad = came == NULL;
		test_failed += (unsigned)test_bad;
		printf("%sok %u - %.40s: %s\n", test_bad ? "not " : "", test_n, vector_text(at, "Binary"),
		       came != NULL ? came : "wrong");
	}
	return test_end();
}
