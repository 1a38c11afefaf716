/* SPDX-License-Identifier: MIT */
#include "counters_file.h"

/* A path beside the key file. */
struct path {
	char p[sizeof((struct root *)0)->file + sizeof COUNTERS_SUFFIX + sizeof COUNTERS_RESET_SUFFIX];
};

static struct path beside(const struct root *root, const char *suffix)
{
	struct path path;
	size_t n = strlen(root->file);
	memcpy(path.p, root->file, n);
	strcpy(path.p + n, COUNTERS_SUFFIX);
	strcpy(path.p + n + strlen(COUNTERS_SUFFIX), suffix);
	return path;
}

static int say_unusable(struct root_report *report, const struct path *path, int err)
{
	const char *text = "counters file %: unusable; " COUNTERS_GIVE_UP;
	if (err == ERR_NOT_FOUND)
		text = "counters file %: gone, though its key file is here; bring it back, or, " COUNTERS_GIVE_UP;
	else if (err == ERR_BAD_MODE)
		text = "counters file %: not a regular file of ours that nobody else may read or write; chown it "
		       "to us and chmod 600, or, " COUNTERS_GIVE_UP;
	else if (err == ERR_IO)
		text = "counters file %: it could not be read; check the disk, or, " COUNTERS_GIVE_UP;
	else if (err == ERR_TRUNCATED)
		text = "counters file %: cut short; " COUNTERS_GIVE_UP;
	else if (err == ERR_CHECKSUM)
		text = "counters file %: torn or changed, it does not authenticate; " COUNTERS_GIVE_UP;
	else if (err == ERR_BAD_SEAL)
		text = "counters file %: another key file's; bring back the one that belongs here, "
		       "or, " COUNTERS_GIVE_UP;
	else if (err == ERR_MALFORMED)
		text = "counters file %: not a counters file of taoinit; " COUNTERS_GIVE_UP;
	else if (err == ERR_TRAILING || err == ERR_TOO_LARGE)
		text = "counters file %: longer than it should be; " COUNTERS_GIVE_UP;
	else if (err == ERR_BAD_VERSION)
		text = "counters file %: another version's; run that version, or, " COUNTERS_GIVE_UP;
	else if (err == ERR_OLDER)
		text = "counters file %: older than the counter of its root says: the disk was put back to an "
		       "earlier state; bring the newest back, or, " COUNTERS_GIVE_UP;
	else if (err == ERR_LOST)
		text = "counters file %: not the one that its root has counted; bring that back, "
		       "or, " COUNTERS_GIVE_UP;
	root_say(report, text, path->p);
	return err;
}

static int say_unwritten(struct root_report *report, const struct path *path, int err)
{
	root_say(report,
		 err == ERR_NO_SPACE ? "counters file %: no space to write it; free some on that file system"
				     : "counters file %: it could not be written; check the disk",
		 path->p);
	return err;
}

static int put(const struct root *root, const struct path *path, const struct counters *table, struct wr *file)
{
	const struct platform *p = root->platform;
	uint8_t nonce[GCM_NONCE_SIZE];
	int r = p->random(p->ctx, nonce, sizeof nonce);
	if (r < 0)
		return r;
	counters_seal(table, root->kek, nonce, file);
	if (file->err != ERR_NONE)
		return file->err;
	return root_put(p, path->p, wr_span(file));
}

/* Whole under another name, synced, renamed, and the name synced: under its own name there is the one before or this
 * one, and success means that this one stays. */
static int replace(const struct root *root, const struct counters *table, struct wr *file, bool first)
{
	const struct platform *p = root->platform;
	const struct path path = beside(root, ""), new = beside(root, COUNTERS_NEW_SUFFIX);
	int r = put(root, &new, table, file);
	if (r >= 0)
		r = p->rename(p->ctx, new.p, path.p);
	if (r < 0)
		(void)p->remove(p->ctx, new.p);
	return r < 0 ? r : root_sync_name(p, path.p, first);
}

int counters_file_create(struct root *root, struct root_report *report)
{
	struct counters none = { .generation = 1 };
	const struct path path = beside(root, "");
	uint8_t bytes[COUNTERS_SEALED_SIZE(0)];
	struct wr file = wr_to(bytes, sizeof bytes);
	int r = root->nv == NULL ? ERR_NONE : root->nv->renew(root, &none.generation, report);
	if (r < 0)
		return r;
	r = replace(root, &none, &file, true);
	return r < 0 ? say_unwritten(report, &path, r) : ERR_NONE;
}

void counters_file_remove(const struct root *root)
{
	const struct path path = beside(root, "");
	(void)root->platform->remove(root->platform->ctx, path.p);
}

static int read_file(struct root *root, const struct path *path)
{
	const struct platform *p = root->platform;
	struct counter_store *store = root->store;
	int n = p->read(p->ctx, path->p, store->file, store->file_cap);
	return n < 0 ? n : counters_open(&store->table, root->kek, store->file, (size_t)n);
}

static int find_alone(struct root *root, const struct path *path)
{
	int r = read_file(root, path);
	/* Whoever wrote it may have died between the rename and the sync of the name. */
	if (r >= 0)
		r = root->platform->sync(root->platform->ctx, path->p);
	return r < 0 ? r : root_sync_name(root->platform, path->p, true);
}

/* The file that the counter speaks of. Both are synced whole before it does. */
static int find_counted(struct root *root, const struct path *path, uint64_t count)
{
	const struct path next = beside(root, COUNTERS_NEXT_SUFFIX);
	struct counter_store *store = root->store;
	bool whole = false, older = false;
	int r = ERR_NONE;
	for (int i = 0; i < 2; i++) {
		int e = read_file(root, i == 0 ? &next : path);
		store->in_next = i == 0;
		if (e >= 0 && store->table.generation == count)
			return ERR_NONE;
		whole |= e >= 0;
		older |= e >= 0 && store->table.generation < count;
		if (i == 0 || e != ERR_NOT_FOUND)
			r = e;
	}
	return older ? ERR_OLDER : whole ? ERR_LOST : r;
}

/* *lost: the order to give up would help. */
static int find(struct root *root, const struct path *path, bool *lost, struct root_report *report)
{
	uint64_t count = 0;
	int r = root->nv == NULL ? ERR_NONE : root->nv->read(root, &count, report);
	*lost = r >= 0 || r == ERR_LOST;
	if (r < 0)
		return r;
	r = root->nv == NULL ? find_alone(root, path) : find_counted(root, path, count);
	return r < 0 ? say_unusable(report, path, r) : r;
}

/* Has somebody given the counters up? */
static bool reset_is_asked(const struct root *root, const struct path *reset)
{
	uint8_t byte;
	int r = root->platform->read(root->platform->ctx, reset->p, &byte, 0);
	return r == 0 || r == ERR_TOO_LARGE;
}

/* The order to reset must not outlive its moment: a later loss would be replaced in silence. */
static int load(struct root *root, struct root_report *report)
{
	const struct platform *p = root->platform;
	struct counter_store *store = root->store;
	const struct path path = beside(root, ""), reset = beside(root, COUNTERS_RESET_SUFFIX);
	bool asked = reset_is_asked(root, &reset), lost;
	int r = find(root, &path, &lost, report);
	bool too_early = root->nv != NULL && store->booting;
	bool given_up = r < 0 && lost && asked && !too_early;
	if (given_up) {
		r = counters_file_create(root, report);
		if (r >= 0)
			r = find(root, &path, &lost, report);
	}
	if (asked && (r >= 0 || too_early)) {
		int e = p->remove(p->ctx, reset.p);
		if (e >= 0)
			e = root_sync_name(p, reset.p, false);
		if (e < 0) {
			root_say(report, "counters file %: its .reset file could not be removed; remove it",
				 path.p);
			return e;
		}
	}
	if (r < 0)
		return r;
	if (given_up) {
		root_say(report, "counters file %: was unusable and is replaced by an empty one, as was asked",
			 path.p);
	}
	store->loaded = true;
	return ERR_NONE;
}

/* The table as the next generation: the file that is accepted now stays until the counter speaks of this one. */
static int advance(struct root *root, struct wr *file, struct root_report *report)
{
	const struct platform *p = root->platform;
	const struct path path = beside(root, ""), next = beside(root, COUNTERS_NEXT_SUFFIX);
	struct counter_store *store = root->store;
	int r = store->in_next ? p->rename(p->ctx, next.p, path.p) : ERR_NONE;
	if (r >= 0)
		r = root_sync_name(p, path.p, false);
	if (r >= 0)
		r = put(root, &next, &store->table, file);
	if (r >= 0)
		r = root_sync_name(p, path.p, false);
	if (r < 0)
		return say_unwritten(report, &path, r);
	store->in_next = true;
	return root->nv->count(root, report);
}

static int save(struct root *root, struct root_report *report)
{
	struct counter_store *store = root->store;
	const struct path path = beside(root, "");
	struct wr file = wr_to(store->file, store->file_cap);
	int r;
	store->table.generation++;
	if (root->nv != NULL)
		r = advance(root, &file, report);
	else if ((r = replace(root, &store->table, &file, false)) < 0)
		(void)say_unwritten(report, &path, r);
	/* What the disk has now is not known: it is asked again before the next answer. */
	store->loaded = store->opened = r >= 0;
	return r;
}

/* Would one of them change the table? Then this has, and it has to be read again. */
static bool changes(struct counters *table, const struct counter_question *questions, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct counter_question probe = questions[i];
		if (counters_answer(table, &probe))
			return true;
	}
	return false;
}

/* Before the first change of a worker's life: the content as it is, so that what another life may have written as the
 * next generation, and hidden since, is void. */
static int open_counted(struct root *root, struct root_report *report)
{
	root->store->loaded = false;
	int r = load(root, report);
	return r < 0 ? r : save(root, report);
}

static void note_time(struct counter_store *store)
{
	struct counter_question q = { .op = COUNTER_INIT, .value = store->now };
	memcpy(q.program, counters_host, sizeof q.program);
	if (store->now > 0)
		(void)counters_answer(&store->table, &q);
}

static void fail_all(struct counter_question *questions, size_t n, int err)
{
	for (size_t i = 0; i < n; i++) {
		if (questions[i].error == ERR_NONE) {
			questions[i].error = err;
			questions[i].value = 0;
		}
	}
}

void counters_file_answer(struct root *root, struct counter_question *questions, size_t n,
			  struct root_report *report)
{
	struct counter_store *store = root->store;
	const bool in_memory = root->file[0] == '\0'; /* an ephemeral root */
	bool changed = false;
	report->text[0] = '\0';
	for (size_t i = 0; i < n; i++)
		questions[i].error = ERR_NONE;
	int r = store->loaded || in_memory ? ERR_NONE : load(root, report);
	if (r >= 0 && root->nv != NULL && !store->opened && changes(&store->table, questions, n))
		r = open_counted(root, report);
	for (size_t i = 0; i < n && r >= 0; i++)
		changed |= counters_answer(&store->table, &questions[i]);
	if (r >= 0 && changed && !in_memory) {
		note_time(store);
		r = save(root, report);
	}
	/* "Not found" is what a program hears before it begins a counter at nothing. */
	if (r == ERR_NOT_FOUND)
		r = ERR_LOST;
	/* Not the changes alone: who only asked may have been told what did not come to be. */
	if (r < 0)
		fail_all(questions, n, r);
}
