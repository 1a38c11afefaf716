/* SPDX-License-Identifier: MIT
 * link: policy crypto/base.c
 *
 * Random rules: the evaluator against the slow one of helpers/datalog_slow.h. TAO_SOAK=1: a million of them. */
#include "test.h"
#include "../helpers/datalog_help.h"
#include "../helpers/datalog_slow.h"

static uint64_t state;

static unsigned pick(unsigned n)
{
	state = state * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(state >> 33) % n;
}

static void random_word(char *word)
{
	static const char *const words[] = { "a", "b", "ax", "axy", "by", "bxx", ".x", ".y", ".xy", "1" };
	strcpy(word, words[pick(10)]);
}

static struct slow_literal random_literal(unsigned pred, unsigned n_vars, unsigned constants)
{
	struct slow_literal l = { .pred = pred };
	for (unsigned k = 0; k < slow_arity[pred]; k++) {
		l.var[k] = n_vars > 0 && pick(10) >= constants ? (int)pick(n_vars) : -1;
		random_word(l.constant[k]);
	}
	return l;
}

/* Subprin is asked of what ordinary conditions give; what they do not is another test's. */
static bool is_asked_well(const struct slow_rule *rule)
{
	for (unsigned b = 0; b < rule->n_body; b++) {
		bool given[3] = { false, false, false };
		const struct slow_literal *l = &rule->body[b];
		if (l->pred != SLOW_SUBPRIN || l->negated)
			continue;
		for (unsigned k = 0; k < 3; k++) {
			given[k] = l->var[k] < 0;
			for (unsigned o = 0; o < rule->n_body; o++)
				for (unsigned i = 0; i < slow_arity[rule->body[o].pred]; i++)
					if (rule->body[o].pred != SLOW_SUBPRIN && !rule->body[o].negated &&
					    rule->body[o].var[i] == l->var[k])
						given[k] = true;
		}
		if (!given[0] && !(given[1] && given[2]))
			return false;
	}
	return true;
}

static struct slow_rule random_rule(void)
{
	struct slow_rule rule;
	do {
		rule.n_vars = 1 + pick(3);
		rule.n_body = 1 + pick(3);
		for (unsigned b = 0; b < rule.n_body; b++) {
			bool subprin = pick(4) == 0;
			rule.body[b] = random_literal(subprin ? SLOW_SUBPRIN : pick(SLOW_PREDS), rule.n_vars, 2);
			rule.body[b].negated = !subprin && pick(8) == 0;
		}
		rule.head = random_literal(pick(SLOW_PREDS), rule.n_vars, 1);
	} while (!is_asked_well(&rule) || (!slow_is_safe(&rule) && pick(50) > 0));
	return rule;
}

static void put_word(char *text, const char *word)
{
	char *at = text + strlen(text);
	if (word[0] == '1') {
		strcpy(at, "1");
		return;
	}
	at += sprintf(at, word[0] == '.' ? "ext" : "key([0%c])", word[0]);
	for (const char *ext = word + 1; *ext != '\0'; ext++)
		at += sprintf(at, ".%c()", *ext - 'a' + 'A');
}

static void put_slow(char *text, const struct slow_literal *l)
{
	sprintf(text + strlen(text), l->pred == SLOW_SUBPRIN ? "%sSubprin(" : "%sP%u(", l->negated ? "not " : "",
		l->pred);
	for (unsigned k = 0; k < slow_arity[l->pred]; k++) {
		strcat(text, k > 0 ? ", " : "");
		if (l->var[k] < 0)
			put_word(text, l->constant[k]);
		else
			sprintf(text + strlen(text), "V%d", l->var[k]);
	}
	strcat(text, ")");
}

static void put_rules(char *text, const struct slow *s)
{
	for (unsigned r = 0; r < s->n_rules; r++) {
		for (unsigned v = 0; v < s->rules[r].n_vars; v++)
			sprintf(text + strlen(text), "forall V%u: ", v);
		for (unsigned b = 0; b < s->rules[r].n_body; b++) {
			strcat(text, b > 0 ? " and " : "");
			put_slow(text, &s->rules[r].body[b]);
		}
		strcat(text, " implies ");
		put_slow(text, &s->rules[r].head);
		strcat(text, "\n");
	}
}

static unsigned n_asked, n_spent, n_refused, n_yes;
static char text[1 << 16];

static bool complain(const char *what, const char *about)
{
	printf("# %s: %s\n", what, about);
	for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n"))
		printf("#   %s\n", line);
	return false;
}

static bool same_answer(struct datalog *d, const struct slow *s, const struct slow_literal *l)
{
	char question[512] = "", arg[2][SLOW_WORD];
	for (unsigned k = 0; k < slow_arity[l->pred]; k++)
		strcpy(arg[k], l->constant[k]);
	put_slow(question, l);
	bool wanted = slow_holds(s, l->pred, arg);
	enum datalog_result got = help_query(d, question);
	n_asked++;
	n_yes += wanted;
	if (got > DATALOG_YES) {
		n_spent++;
		return true;
	}
	/* Where names grow without end the slow one knows only some of what holds. */
	if (s->overflow && (s->has_negation || !wanted))
		return true;
	return (got == DATALOG_YES) == wanted || complain(wanted ? "should hold" : "should not hold", question);
}

/* All that holds of a predicate, and nothing else. */
static bool same_facts(struct datalog *d, const struct slow *s, unsigned pred)
{
	char question[64];
	unsigned n = 0, wanted = 0;
	sprintf(question, slow_arity[pred] == 1 ? "P%u(V)" : "P%u(V, W)", pred);
	if (s->overflow || help_query(d, question) > DATALOG_YES)
		return true;
	for (const struct fact *f = datalog_next(d, NULL); f != NULL; f = datalog_next(d, f))
		n++;
	for (unsigned i = 0; i < s->n_facts; i++)
		wanted += s->facts[i].pred == pred;
	return n == wanted || complain("another number of facts", question);
}

static bool one_set(void)
{
	static struct slow s;
	struct why why;
	int error;
	memset(&s, 0, sizeof s);
	text[0] = '\0';
	for (unsigned n = 2 + pick(8); n > 0; n--) {
		struct slow_literal l = random_literal(pick(SLOW_PREDS), 0, 10);
		struct slow_fact *f = &s.facts[s.n_facts];
		f->pred = l.pred;
		memcpy(f->arg, l.constant, sizeof f->arg);
		put_slow(text, &l);
		strcat(text, "\n");
		if (!slow_holds(&s, f->pred, f->arg))
			s.n_facts++;
	}
	for (s.n_rules = 0; s.n_rules < 1 + pick(6); s.n_rules++)
		s.rules[s.n_rules] = random_rule();
	put_rules(text, &s);
	const char *refused = slow_check(&s);
	struct datalog_options options = help_options;
	options.steps = 8000;
	struct datalog *d = help_load(text, &options, &error, &why);
	n_refused += d == NULL;
	if ((d == NULL) != (refused != NULL))
		return complain(d == NULL ? "refused" : "not refused", d == NULL ? why.rule : refused);
	if (d == NULL)
		return true;
	slow_run(&s);
	for (unsigned i = 0; i < 12; i++) {
		struct slow_literal l = random_literal(pick(SLOW_PREDS), 0, 10);
		if (i < 6 && s.n_facts > 0) {
			const struct slow_fact *f = &s.facts[pick(s.n_facts)];
			l.pred = f->pred;
			l.var[0] = l.var[1] = -1;
			memcpy(l.constant, f->arg, sizeof f->arg);
		}
		if (!same_answer(d, &s, &l))
			return false;
	}
	for (unsigned p = 0; p < SLOW_PREDS; p++)
		if (!same_facts(d, &s, p))
			return false;
	return true;
}

TEST(as_the_slow_one)
{
	unsigned sets = getenv("TAO_SOAK") != NULL ? 1000000 : 10000, bad = 0;
	const char *seed = getenv("TAO_SEED");
	state = seed != NULL ? strtoull(seed, NULL, 10) : 1;
	for (unsigned i = 0; i < sets && bad < 5; i++)
		bad += !one_set();
	printf("# %u sets, %u refused; %u questions, %u with yes, %u out of budget\n", sets, n_refused, n_asked,
	       n_yes, n_spent);
	CHECK(bad == 0);
	/* The rules are about something. */
	CHECK(n_refused > sets / 20 && n_refused < sets / 2);
	CHECK(n_yes > n_asked / 20 && n_spent < n_asked / 20);
}

int main(void)
{
	RUN(as_the_slow_one);
	return test_end();
}
