/* SPDX-License-Identifier: MIT
 *
 * taopolicy query, test, diff: what a policy decides. A question is text, Authorized(PRIN, "Verb", args…).
 */
#include "tao_policy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WHY_MAX 65536
/* For listing all that a policy allows; PID 1 never does. */
#define LIST_STEPS 20000000
#define LIST_FACTS 200000
#define LIST_PART 20
#define LIST_ROOM ((size_t)256 << 20)

/* ---- questions ---- */

struct question {
	struct ask ask;
	char verb[64];
	void *memory;
};

static struct span encode(const struct node *node, struct wr *room)
{
	struct wr w = wr_to(room->p + room->n, room->cap - room->n);
	if (name_encode(node, &w) < 0)
		return span_of(NULL, 0);
	room->n += w.n;
	return wr_span(&w);
}

/* False: it is not of that form, from *at on. */
static bool read_question(struct span text, struct question *q, size_t *at)
{
	size_t n = text.n + 1;
	struct node *root = NULL;
	memset(q, 0, sizeof *q);
	q->memory = malloc(n * (sizeof(struct node) + 1 + 8));
	*at = 0;
	if (q->memory == NULL)
		return false;
	struct node_pool pool = { .nodes = q->memory, .cap = n, .text_cap = n };
	pool.text_buf = (uint8_t *)(pool.nodes + n);
	struct wr room = wr_to(pool.text_buf + n, 8 * n);
	if (name_parse(text, NAME_PRED, &pool, &root, at) < 0)
		return false;
	*at = 0;
	if (!span_equal(root->text, span_str("Authorized")) || root->count < 2 || root->count > 2 + ASK_ARGS_MAX)
		return false;
	const struct node *kid = root->kids->next;
	if (root->kids->kind != NODE_PRIN || kid->kind != NODE_STR || kid->text.n >= sizeof q->verb)
		return false;
	memcpy(q->verb, kid->text.p, kid->text.n);
	q->ask.verb = q->verb;
	q->ask.principal = encode(root->kids, &room);
	for (kid = kid->next; kid != NULL; kid = kid->next)
		q->ask.args[q->ask.n_args++] = encode(kid, &room);
	return true;
}

/* The next line that is neither blank nor begins with #, without its end. */
static bool next_line(struct span *rest, struct span *line, unsigned *number)
{
	while (rest->n > 0) {
		const uint8_t *end = memchr(rest->p, '\n', rest->n);
		size_t n = end != NULL ? (size_t)(end - rest->p) : rest->n;
		*line = span_of(rest->p, n);
		n += end != NULL;
		*rest = span_of(rest->p + n, rest->n - n);
		++*number;
		if (line->n > 0 && line->p[0] != '#')
			return true;
	}
	return false;
}

/* ---- query ---- */

static void print_why(const struct guard *guard, const struct why *why, const char *before)
{
	static uint8_t text[WHY_MAX];
	struct wr w = wr_to(text, sizeof text);
	struct span rest, line;
	unsigned number = 0;
	guard_explain(guard, why, &w);
	rest = wr_span(&w);
	while (next_line(&rest, &line, &number))
		(void)printf("%s%.*s\n", before, (int)line.n, (const char *)line.p);
	if (w.err != ERR_NONE)
		(void)printf("%s… (longer than can be shown)\n", before);
}

static char *question_text(char *const *argv, int argc)
{
	size_t n = 32, at;
	for (int i = 1; i < argc; i++)
		n += strlen(argv[i]) + 4;
	char *text = malloc(n);
	if (text == NULL)
		return NULL;
	at = (size_t)snprintf(text, n, "Authorized(%s, \"%s\"", argv[1], argv[2]);
	for (int i = 3; i < argc; i++)
		at += (size_t)snprintf(text + at, n - at, ", %s", argv[i]);
	(void)snprintf(text + at, n - at, ")");
	return text;
}

int policy_cmd_query(const struct policy_run *run)
{
	struct policy_loaded loaded;
	struct question q = { .memory = NULL };
	struct why why = { .rule = "" };
	size_t at;
	int status = policy_load_file(run, run->argv[0], &loaded);
	char *text = question_text(run->argv, run->argc);
	if (status == POLICY_EXIT_OK && (text == NULL || !read_question(span_str(text), &q, &at)))
		status = policy_complain(run, POLICY_EXIT_USAGE, "not a question: %s", text != NULL ? text : "");
	if (status == POLICY_EXIT_OK) {
		enum verdict verdict = guard_decide(&loaded.guard, &q.ask, &why);
		(void)printf("%s: %s\n", verdict == ALLOW ? "allow" : "deny", why.rule);
		if (run->why)
			print_why(&loaded.guard, &why, "  ");
		status = verdict == ALLOW ? POLICY_EXIT_OK : POLICY_EXIT_NO;
	}
	free(q.memory);
	free(text);
	policy_unload(&loaded);
	return status;
}

/* ---- test ---- */

/* "allow QUESTION" or "deny QUESTION". False: neither. */
static bool read_expectation(struct span line, enum verdict *wanted, struct span *question)
{
	size_t n = line.n >= 6 && memcmp(line.p, "allow ", 6) == 0  ? 6
		   : line.n >= 5 && memcmp(line.p, "deny ", 5) == 0 ? 5
								    : 0;
	*wanted = n == 6 ? ALLOW : DENY;
	*question = span_of(line.p + n, line.n - n);
	return n > 0;
}

static bool test_one(const struct policy_run *run, const struct guard *guard, struct span line, unsigned count)
{
	struct question q = { .memory = NULL };
	struct why why = { .rule = "not an expectation: allow or deny, then Authorized(PRIN, \"Verb\", ARG...)" };
	struct span text;
	enum verdict wanted;
	size_t at;
	bool good = read_expectation(line, &wanted, &text) && read_question(text, &q, &at);
	bool asked = good;
	if (good)
		good = guard_decide(guard, &q.ask, &why) == wanted;
	(void)printf("%sok %u - %.*s\n", good ? "" : "not ", count, (int)line.n, (const char *)line.p);
	if (!good)
		(void)printf("# %s\n", why.rule);
	if (asked && run->why)
		print_why(guard, &why, "#   ");
	free(q.memory);
	return good;
}

int policy_cmd_test(const struct policy_run *run)
{
	struct policy_loaded loaded;
	struct span file = { NULL, 0 }, rest, line;
	unsigned number = 0, count = 0, failed = 0;
	int status = policy_load_file(run, run->argv[0], &loaded);
	if (status == POLICY_EXIT_OK)
		status = policy_read_file(run, run->argv[1], POLICY_FILE_MAX, &file);
	if (status == POLICY_EXIT_OK) {
		rest = file;
		while (next_line(&rest, &line, &number))
			failed += !test_one(run, &loaded.guard, line, ++count);
		(void)printf("1..%u\n", count);
		status = failed == 0 && count > 0 ? POLICY_EXIT_OK : POLICY_EXIT_NO;
	}
	policy_free(&file);
	policy_unload(&loaded);
	return status;
}

/* ---- diff ---- */

enum { OLD, NEW, SIDES };

struct side {
	const char *name;
	struct policy_loaded loaded;
	bool whole; /* all that it allows could be listed */
};

/* Prints a question that one side allows and the other denies: 1. only: if it is that one; SIDES: either. */
static int compare(const struct side *sides, struct span text, int only)
{
	static const char marks[SIDES] = { [OLD] = '-', [NEW] = '+' };
	enum verdict verdict[SIDES] = { DENY, DENY };
	struct question q;
	struct why why = { .rule = "" };
	size_t at;
	bool asked = read_question(text, &q, &at);
	for (int i = 0; i < SIDES && asked; i++)
		verdict[i] = guard_decide(&sides[i].loaded.guard, &q.ask, &why);
	free(q.memory);
	int allows = verdict[OLD] == ALLOW ? OLD : NEW;
	if (verdict[OLD] == verdict[NEW] || (only != SIDES && only != allows))
		return 0;
	(void)printf("%c %.*s\n", marks[allows], (int)text.n, (const char *)text.p);
	return 1;
}

static int list_arity(struct datalog *d, unsigned n, struct side *sides, int which)
{
	static uint8_t text[16384];
	const struct term *any[2 + ASK_ARGS_MAX] = { NULL };
	struct policy_run none = { .name = "diff" };
	int changes = 0;
	datalog_begin(d);
	enum datalog_result result = datalog_ask(d, span_str("Authorized"), n, any, true);
	if (result > DATALOG_YES) {
		sides[which].whole = false;
		policy_complain(&none, 0,
				"%s: not all that it allows can be listed (%s); put what matters in QUESTIONS",
				sides[which].name, datalog_result_text(result));
	}
	/* Of a list without end a part is shown. */
	unsigned left = sides[which].whole ? UINT32_MAX : LIST_PART;
	for (const struct fact *f = datalog_next(d, NULL); f != NULL && left > 0; f = datalog_next(d, f), left--) {
		struct wr w = wr_to(text, sizeof text);
		datalog_print(f, &w);
		if (w.err == ERR_NONE)
			changes += compare(sides, wr_span(&w), which);
	}
	return changes;
}

/* What this side alone allows. An allowed question follows from an Authorized, so both sides' are all that changes. */
static int list_side(struct side *sides, int which)
{
	const struct guard_policy *policy = &sides[which].loaded.file.policy;
	const struct datalog_options options = {
		.line = policy->line, .steps = LIST_STEPS, .facts = LIST_FACTS, .query_room = LIST_ROOM
	};
	size_t room = LIST_ROOM + guard_memory(policy->rules.n);
	struct why why = { .rule = "" };
	struct datalog *d = NULL;
	int changes = 0;
	void *memory = malloc(room);
	if (memory == NULL || datalog_load(&d, span_of(memory, room), policy->rules, &options, &why) < 0) {
		free(memory);
		return 0;
	}
	sides[which].whole = true;
	for (unsigned n = 2; n <= 2 + ASK_ARGS_MAX; n++)
		changes += list_arity(d, n, sides, which);
	free(memory);
	return changes;
}

/* QUESTIONS: those that were listed have been compared. */
static int compare_questions(const struct policy_run *run, struct side *sides, int *changes)
{
	struct span file = { NULL, 0 }, rest, line;
	unsigned number = 0;
	if (run->argc < 3 || (sides[OLD].whole && sides[NEW].whole))
		return POLICY_EXIT_OK;
	int status = policy_read_file(run, run->argv[2], POLICY_FILE_MAX, &file);
	rest = status == POLICY_EXIT_OK ? file : span_of(NULL, 0);
	while (next_line(&rest, &line, &number)) {
		struct question q;
		size_t at;
		if (!read_question(line, &q, &at))
			status = policy_complain(run, POLICY_EXIT_USAGE, "%s: line %u: not a question",
						 run->argv[2], number);
		free(q.memory);
		*changes += compare(sides, line, sides[OLD].whole ? NEW : sides[NEW].whole ? OLD : SIDES);
	}
	policy_free(&file);
	return status;
}

int policy_cmd_diff(const struct policy_run *run)
{
	struct side sides[SIDES] = { { .name = run->argv[0] }, { .name = run->argv[1] } };
	int changes = 0, status = POLICY_EXIT_OK;
	for (int i = 0; i < SIDES && status == POLICY_EXIT_OK; i++)
		status = policy_load_file(run, sides[i].name, &sides[i].loaded);
	for (int i = 0; i < SIDES && status == POLICY_EXIT_OK; i++)
		changes += list_side(sides, i);
	if (status == POLICY_EXIT_OK)
		status = compare_questions(run, sides, &changes);
	bool whole = sides[OLD].whole && sides[NEW].whole;
	for (int i = 0; i < SIDES; i++)
		policy_unload(&sides[i].loaded);
	return status != POLICY_EXIT_OK ? status : changes > 0 || !whole ? POLICY_EXIT_NO : POLICY_EXIT_OK;
}
