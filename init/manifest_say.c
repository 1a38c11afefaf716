/* SPDX-License-Identifier: MIT
 *
 * What is said when a manifest is wrong: the file, where (line and column, and the path of keys), what, the remedy.
 * The place is looked up when it is needed: cJSON keeps none, but its tree has the values in the file's order.
 */
#include <stdarg.h>
#include <stdio.h>

#include "manifest_read.h"

/* services.NAME.measure.files[123]: one name of any length, the other keys are short. */
#define PATH_MAX_SHOWN 200

/* The scan lets no more levels through. */
struct where {
	const cJSON *levels[MANIFEST_DEPTH_MAX + 1];
	unsigned n;
	size_t nth; /* counted as manifest_place does */
};

static bool find(const cJSON *tree, const cJSON *wanted, struct where *where)
{
	*where = (struct where){ { tree }, 1, 0 };
	while (where->levels[where->n - 1] != wanted) {
		const cJSON *at = where->levels[where->n - 1];
		where->nth++;
		if (at->child != NULL && where->n <= MANIFEST_DEPTH_MAX) {
			where->levels[where->n++] = at->child;
			continue;
		}
		while (where->n > 1 && where->levels[where->n - 1]->next == NULL)
			where->n--;
		if (where->n <= 1)
			return false;
		where->levels[where->n - 1] = where->levels[where->n - 1]->next;
	}
	return true;
}

static bool plain(const char *key)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-@";
	size_t n = strspn(key, letters);
	return n > 0 && n <= SERVICE_NAME_MAX && key[n] == '\0';
}

static void write_path(const struct where *where, char *out, size_t cap)
{
	size_t n = 0;
	out[0] = '\0';
	for (unsigned i = 1; i < where->n && n < cap; i++) {
		const cJSON *at = where->levels[i], *first = where->levels[i - 1]->child;
		int index = 0, r;
		if (at->string == NULL) {
			while (first != at) {
				first = first->next;
				index++;
			}
			r = snprintf(out + n, cap - n, "[%d]", index);
		} else if (plain(at->string)) {
			r = snprintf(out + n, cap - n, "%s%s", i > 1 ? "." : "", at->string);
		} else {
			r = snprintf(out + n, cap - n, "[%s]", quote(at->string).text);
		}
		n += r > 0 ? (size_t)r : 0;
	}
}

/* In which file, and where there; NULL: in none. */
static const struct manifest_file *find_file(const struct reader *reader, const cJSON *value, struct where *where)
{
	for (int i = 0; value != NULL && i < reader->n_files; i++)
		if (find(reader->trees[i], value, where))
			return &reader->files[i];
	return NULL;
}

const char *read_file_of(const struct reader *reader, const cJSON *value)
{
	struct where where;
	const struct manifest_file *file = find_file(reader, value, &where);
	return file != NULL ? file->name : reader->context->file;
}

/* file:line:column: path: */
static size_t begin(const struct reader *reader, const cJSON *value, char *out, size_t cap)
{
	struct where where;
	char path[PATH_MAX_SHOWN];
	int n;
	const struct manifest_file *file = find_file(reader, value, &where);
	if (file == NULL) {
		n = snprintf(out, cap, "%.255s: ", reader->context->file);
	} else {
		struct text_place place = manifest_place(file->json, where.nth);
		write_path(&where, path, sizeof path);
		n = snprintf(out, cap, "%.160s:%zu:%zu: %s%s", file->name, place.line, place.column, path,
			     path[0] != '\0' ? ": " : "");
	}
	return n > 0 && (size_t)n < cap ? (size_t)n : 0;
}

int read_fail(struct reader *reader, const cJSON *value, int err, const char *format, ...)
{
	char *text = reader->diag->text;
	size_t cap = sizeof reader->diag->text, n = begin(reader, value, text, cap);
	va_list args;
	va_start(args, format);
	vsnprintf(text + n, cap - n, format, args);
	va_end(args);
	return err;
}

int read_no_memory(struct reader *reader)
{
	return read_fail(reader, NULL, ERR_NO_SPACE, "takes too much memory; shorten it or split the host's work");
}

void read_warn(struct reader *reader, const cJSON *value, const char *format, ...)
{
	char line[sizeof((struct diag *)0)->text];
	if (reader->warnings == NULL || reader->n_warnings > WARNINGS_MAX)
		return;
	size_t n = 0;
	if (reader->n_warnings++ == WARNINGS_MAX) {
		snprintf(line, sizeof line, "%.255s: more warnings are left out", reader->context->file);
	} else {
		n = begin(reader, value, line, sizeof line);
		va_list args;
		va_start(args, format);
		vsnprintf(line + n, sizeof line - n, format, args);
		va_end(args);
	}
	/* Whole lines or nothing; what does not fit is no error. */
	n = strlen(line);
	if (reader->warnings->cap - reader->warnings->n > n) {
		line[n] = '\n';
		wr_bytes(reader->warnings, line, n + 1);
	}
}

/* ---- words of the manifest in messages ---- */

static char shown(const char *text, size_t i)
{
	unsigned char c = (unsigned char)text[i], before = i > 0 ? (unsigned char)text[i - 1] : 0;
	bool control = c < 0x20 || c == 0x7f;
	/* C1 controls, which terminals obey too, are C2 80 to C2 9F. */
	bool c1 = (c == 0xc2 && (unsigned char)text[i + 1] < 0xa0) || (before == 0xc2 && c < 0xa0);
	return control || c1 ? '?' : (char)c;
}

struct quoted quote(const char *text)
{
	struct quoted q = { "\"" };
	size_t i = 0;
	for (; i < QUOTED_MAX && text[i] != '\0'; i++)
		q.text[i + 1] = shown(text, i);
	bool cut = text[i] != '\0';
	while (cut && i > 0 && ((unsigned char)text[i] & 0xc0) == 0x80)
		i--; /* no half character */
	memcpy(q.text + i + 1, cut ? "\xe2\x80\xa6\"" : "\"", cut ? 5 : 2);
	return q;
}

/* Levenshtein's distance of words that are short enough; a row of the matrix at a time. */
static size_t distance(const char *a, const char *b)
{
	size_t row[SERVICE_NAME_MAX + 1], n = strlen(b);
	if (n > SERVICE_NAME_MAX || strlen(a) > SERVICE_NAME_MAX)
		return SIZE_MAX;
	for (size_t j = 0; j <= n; j++)
		row[j] = j;
	for (size_t i = 1; a[i - 1] != '\0'; i++) {
		size_t left_above = row[0];
		row[0] = i;
		for (size_t j = 1; j <= n; j++) {
			size_t above = row[j], least = left_above + (a[i - 1] != b[j - 1]);
			if (row[j - 1] + 1 < least)
				least = row[j - 1] + 1;
			if (above + 1 < least)
				least = above + 1;
			row[j] = least;
			left_above = above;
		}
	}
	return row[n];
}

void nearest_try(struct nearest *nearest, const char *written, const char *word)
{
	size_t n = strlen(written), d = distance(written, word);
	/* A third of the letters wrong is another word. */
	size_t near = n < 3 ? 1 : n < 6 ? 2 : 3;
	if (d <= near && d < n && (nearest->word == NULL || d < nearest->distance))
		*nearest = (struct nearest){ word, d };
}

struct hint hint_of(const struct nearest *nearest, const char *otherwise)
{
	struct hint hint;
	if (nearest->word != NULL)
		snprintf(hint.text, sizeof hint.text, "did you mean \"%s\"?", nearest->word);
	else
		snprintf(hint.text, sizeof hint.text, "%s", otherwise);
	return hint;
}
