/* SPDX-License-Identifier: MIT
 *
 * One rule: from its text to conditions and a goal over values and numbered variables. What is no rule is refused with
 * the name of the construct and the line.
 */
#include "datalog_inner.h"
#include "datalog_rule.h"

struct compile {
	struct datalog *d;
	struct why *why;
	struct wr scratch; /* for a value's binary form */
	unsigned line;
	unsigned n_vars;
	struct span vars[DATALOG_VARS_MAX];
	uint32_t given;	   /* bit a variable: stands in a condition so far that gives it */
	uint32_t ordinary; /* the same, Subprin left out */
	unsigned n_body;
	struct literal *body[DATALOG_BODY_MAX];
};

static int refuse(struct compile *c, enum err err, const char *text, struct span s)
{
	why_say(c->why, text, c->line, s);
	return err;
}

static int no_room(struct compile *c)
{
	return refuse(c, ERR_TOO_LARGE, "line #: the policy does not fit into its memory", span_of(NULL, 0));
}

/* ---- predicates ---- */

struct pred *pred_find(const struct datalog *d, struct span name, unsigned arity)
{
	struct pred *pred = d->preds[hash_bytes(name) % 256];
	while (pred != NULL && (pred->arity != arity || !span_equal(pred->name, name)))
		pred = pred->next;
	return pred;
}

static struct pred *pred_make(struct datalog *d, struct span name, unsigned arity)
{
	struct pred *pred = pred_find(d, name, arity);
	if (pred != NULL || (pred = room_take(&d->rules, sizeof *pred + name.n)) == NULL)
		return pred;
	struct pred **bucket = &d->preds[hash_bytes(name) % 256];
	pred->name = span_of(memcpy(pred + 1, name.p, name.n), name.n);
	pred->arity = arity;
	pred->hash = hash_mix(hash_bytes(name), arity);
	pred->built_in = arity == 3 && span_equal(name, span_str("Subprin"));
	pred->next = *bucket;
	*bucket = pred;
	return pred;
}

/* ---- terms and predicates of a rule ---- */

/* Recursion ends at NAME_DEPTH_MAX, which the parser has seen to. */
static const struct node *variable_in(const struct node *node)
{
	if (node->kind == NODE_VAR)
		return node;
	for (const struct node *kid = node->kids; kid != NULL; kid = kid->next) {
		const struct node *found = variable_in(kid);
		if (found != NULL)
			return found;
	}
	return NULL;
}

static int compile_arg(struct compile *c, const struct node *node, struct arg *arg)
{
	if (node->kind == NODE_VAR) {
		for (arg->var = 0; arg->var < c->n_vars; arg->var++)
			if (span_equal(c->vars[arg->var], node->text))
				return ERR_NONE;
		return refuse(c, ERR_MALFORMED, "line #: no forall stands before the variable $", node->text);
	}
	const struct node *var = variable_in(node);
	if (var != NULL)
		return refuse(c, ERR_UNSUPPORTED, "line #: the variable $ stands inside a term", var->text);
	struct wr w = c->scratch;
	int r = name_encode(node, &w);
	if (r < 0)
		return refuse(c, (enum err)r, "line #: $", span_str(err_text(r)));
	struct rd in = rd_from(wr_span(&w));
	arg->term = term_read(c->d, &in);
	if (arg->term == NULL && in.err != ERR_NONE)
		return refuse(c, in.err, "line #: a name has too many extensions", span_of(NULL, 0));
	return arg->term != NULL ? ERR_NONE : no_room(c);
}

static int compile_literal(struct compile *c, const struct node *node, struct literal **made)
{
	if (node->count > DATALOG_ARITY_MAX)
		return refuse(c, ERR_TOO_LARGE, "line #: $ has more arguments than 8", node->text);
	if (span_equal(node->text, span_str("Subprin")) && node->count != 3)
		return refuse(c, ERR_MALFORMED, "line #: Subprin has three arguments", node->text);
	struct literal *l = room_take(&c->d->rules, sizeof *l + node->count * sizeof l->arg[0]);
	if (l == NULL || (l->pred = pred_make(c->d, node->text, node->count)) == NULL)
		return no_room(c);
	*made = l;
	int r = ERR_NONE;
	const struct node *kid = node->kids;
	for (uint32_t i = 0; i < node->count && r == ERR_NONE; i++, kid = kid->next)
		r = compile_arg(c, kid, &l->arg[i]);
	return r;
}

/* ---- formulas ---- */

static const char *construct(enum node_kind kind)
{
	/* clang-format off */
	static const char *const names[NODE_EXT + 1] = {
		[NODE_CONST] = "true or false", [NODE_NOT] = "not", [NODE_AND] = "and", [NODE_OR] = "or",
		[NODE_IMPLIES] = "implies", [NODE_SPEAKSFOR] = "speaksfor", [NODE_SAYS] = "says",
		[NODE_FORALL] = "forall", [NODE_EXISTS] = "exists",
	};
	/* clang-format on */
	return names[kind] != NULL ? names[kind] : "a term";
}

static uint32_t variables_of(const struct literal *l)
{
	uint32_t set = 0;
	for (unsigned i = 0; i < l->pred->arity; i++)
		if (l->arg[i].term == NULL)
			set |= UINT32_C(1) << l->arg[i].var;
	return set;
}

static bool is_given(const struct compile *c, const struct arg *arg)
{
	return arg->term != NULL || (c->ordinary >> arg->var & 1) != 0;
}

static int compile_condition(struct compile *c, const struct node *node)
{
	bool negated = node->kind == NODE_NOT;
	const struct node *pred = negated ? node->kids : node;
	if (pred->kind != NODE_PRED)
		return refuse(c, ERR_UNSUPPORTED,
			      negated ? "line #: $ stands below not in a condition"
				      : "line #: $ stands in a condition",
			      span_str(construct(pred->kind)));
	if (c->n_body == DATALOG_BODY_MAX)
		return refuse(c, ERR_TOO_LARGE, "line #: more than 32 conditions", span_of(NULL, 0));
	struct literal *l = NULL;
	int r = compile_literal(c, pred, &l);
	if (r < 0)
		return r;
	c->body[c->n_body++] = l;
	l->negated = negated;
	if (negated)
		return ERR_NONE;
	l->full = l->pred->built_in && is_given(c, &l->arg[1]) && is_given(c, &l->arg[2]);
	c->given |= variables_of(l);
	if (!l->pred->built_in)
		c->ordinary |= variables_of(l);
	return ERR_NONE;
}

/* Recursion ends at NAME_DEPTH_MAX, which the parser has seen to. */
static int compile_body(struct compile *c, const struct node *node)
{
	int r = ERR_NONE;
	if (node->kind != NODE_AND)
		return compile_condition(c, node);
	for (const struct node *kid = node->kids; kid != NULL && r == ERR_NONE; kid = kid->next)
		r = compile_body(c, kid);
	return r;
}

static int compile_variables(struct compile *c, const struct node **node)
{
	for (; (*node)->kind == NODE_FORALL; *node = (*node)->kids) {
		for (unsigned i = 0; i < c->n_vars; i++)
			if (span_equal(c->vars[i], (*node)->text))
				return refuse(c, ERR_MALFORMED, "line #: forall $ stands twice", (*node)->text);
		if (c->n_vars == DATALOG_VARS_MAX)
			return refuse(c, ERR_TOO_LARGE, "line #: more than 32 variables", span_of(NULL, 0));
		c->vars[c->n_vars++] = (*node)->text;
	}
	return ERR_NONE;
}

static int check_variables(struct compile *c)
{
	for (unsigned i = 0; i < c->n_vars; i++)
		if ((c->given >> i & 1) == 0)
			return refuse(c, ERR_UNSUPPORTED,
				      "line #: unsafe: no condition (but one below not) has the variable $",
				      c->vars[i]);
	return ERR_NONE;
}

/* ---- keeping ---- */

static int keep_fact(struct compile *c, const struct literal *l)
{
	struct datalog *d = c->d;
	const struct term *args[DATALOG_ARITY_MAX];
	struct pred *pred = l->pred;
	for (unsigned i = 0; i < pred->arity; i++)
		args[i] = l->arg[i].term;
	if (fact_stored(d, pred, args) != NULL)
		return ERR_NONE;
	struct fact *fact = room_take(&d->rules, sizeof *fact + pred->arity * sizeof fact->arg[0]);
	if (fact == NULL)
		return no_room(c);
	struct fact **bucket = &d->facts[fact_hash(pred, args) & d->mask];
	*fact = (struct fact){ .hash_next = *bucket, .next = pred->facts, .pred = pred, .line = c->line };
	*bucket = fact;
	pred->facts = fact;
	for (unsigned i = 0; i < pred->arity; i++) {
		struct column *column = column_of(d, pred, i, args[i]);
		if (column == NULL)
			return no_room(c);
		fact->arg[i] = (struct slot){ args[i], column->facts };
		column->facts = fact;
		column->n++;
	}
	return ERR_NONE;
}

static int keep_rule(struct compile *c, struct literal *head)
{
	struct rule *rule = room_take(&c->d->rules, sizeof *rule + c->n_body * sizeof rule->body[0]);
	if (rule == NULL)
		return no_room(c);
	rule->line = c->line;
	rule->n_vars = c->n_vars;
	rule->n_body = c->n_body;
	rule->head = head;
	for (unsigned i = 0; i < c->n_body; i++) {
		struct literal *l = c->body[i];
		rule->body[i] = l;
		l->head = head->pred;
		l->next_use = l->pred->uses;
		l->pred->uses = l;
	}
	/* In the order of the text: the first that applies is the one that explains. */
	struct rule **end = &head->pred->rules;
	if (head->pred->last_rule != NULL)
		end = &head->pred->last_rule->next;
	head->pred->last_rule = *end = rule;
	return ERR_NONE;
}

static bool is_about_permission(struct span name)
{
	return span_equal(name, span_str("Authorized")) || span_equal(name, span_str("Deny"));
}

static int compile(struct compile *c, const struct node *node)
{
	struct literal *head = NULL;
	int r = compile_variables(c, &node);
	if (r == ERR_NONE && node->kind == NODE_IMPLIES) {
		r = compile_body(c, node->kids);
		node = node->kids->next;
	}
	if (r == ERR_NONE && node->kind != NODE_PRED)
		r = refuse(c, ERR_UNSUPPORTED, "line #: the goal must be one predicate, not $",
			   span_str(construct(node->kind)));
	if (r == ERR_NONE)
		r = compile_literal(c, node, &head);
	if (r == ERR_NONE && head->pred->built_in)
		r = refuse(c, ERR_UNSUPPORTED, "line #: Subprin is built in: no rule can add to it",
			   span_of(NULL, 0));
	if (r == ERR_NONE)
		r = check_variables(c);
	if (r < 0)
		return r;
	if (c->d->options.ground && (c->n_body > 0 || !is_about_permission(node->text)))
		return refuse(
			c, ERR_UNSUPPORTED,
			"line #: an access control list has only Authorized(…) and Deny(…) without conditions",
			span_of(NULL, 0));
	return c->n_body > 0 ? keep_rule(c, head) : keep_fact(c, head);
}

int datalog_rule(struct datalog *d, struct span text, unsigned line, struct why *why)
{
	struct compile c = { .d = d, .why = why, .line = line };
	if (text.n > DATALOG_RULE_MAX)
		return refuse(&c, ERR_TOO_LARGE, "line #: the rule is longer than 8192 bytes", text);
	/* The room of queries stands empty: nodes, then text, then binary. A value's binary form is shorter than four
	 * times its text. */
	struct room room = { d->query.p, 0, d->query.cap };
	struct node_pool pool = { .cap = text.n + 1, .text_cap = text.n };
	pool.nodes = room_take(&room, pool.cap * sizeof pool.nodes[0]);
	pool.text_buf = room_take(&room, pool.text_cap);
	void *scratch = room_take(&room, 4 * text.n);
	if (pool.nodes == NULL || pool.text_buf == NULL || scratch == NULL)
		return no_room(&c);
	c.scratch = wr_to(scratch, 4 * text.n);
	struct node *root = NULL;
	size_t at = 0;
	int r = name_parse(text, NAME_FORM, &pool, &root, &at);
	if (r < 0) {
		for (size_t i = 0; i < at && i < text.n; i++)
			c.line += text.p[i] == '\n';
		size_t n = text.n - at < 24 ? text.n - at : 24;
		const uint8_t *end = n > 0 ? memchr(text.p + at, '\n', n) : NULL;
		return at < text.n ? refuse(&c, (enum err)r,
					    r == ERR_TOO_DEEP ? "line #: nested too deep at \"$\""
							      : "line #: not a rule: cannot read \"$\"",
					    span_of(text.p + at, end != NULL ? (size_t)(end - (text.p + at)) : n))
				   : refuse(&c, (enum err)r, "line #: not a rule: it ends too early", text);
	}
	return compile(&c, root);
}
