/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>

#include "../../crypto/sha256.h"
#include "fake_platform.h"

static void give_up(const char *why)
{
	fprintf(stderr, "fake_platform: %s\n", why);
	abort();
}

struct fake_fate fake_fate(int number)
{
	struct fake_fate fate = { .killed = number == FAKE_FATES - 1 };
	if (!fate.killed) {
		fate.content = (enum fake_content)(number % FAKE_CONTENTS);
		fate.names = (enum fake_names)(number / FAKE_CONTENTS);
	}
	return fate;
}

/* Entries. */

static struct fake_name *find(struct fake_name *names, int directory, const char *name)
{
	for (int i = 0; i < FAKE_NAMES; i++) {
		if (names[i].name[0] != '\0' && names[i].directory == directory &&
		    strcmp(names[i].name, name) == 0)
			return &names[i];
	}
	return NULL;
}

static void apply(struct fake_name *names, const struct fake_change *change)
{
	if (change->remove.name[0] != '\0') {
		struct fake_name *gone = find(names, change->remove.directory, change->remove.name);
		if (gone != NULL)
			gone->name[0] = '\0';
	}
	if (change->add.name[0] == '\0')
		return;
	struct fake_name *to = find(names, change->add.directory, change->add.name);
	for (int i = 0; to == NULL && i < FAKE_NAMES; i++) {
		if (names[i].name[0] == '\0')
			to = &names[i];
	}
	if (to == NULL)
		give_up("too many names");
	*to = change->add;
}

static void change_names(struct fake_disk *disk, const struct fake_change *change)
{
	apply(disk->names, change);
	if (disk->n_changes == FAKE_CHANGES)
		give_up("too many changes that were not synced");
	disk->changes[disk->n_changes++] = *change;
}

static struct fake_name entry(int directory, const char *name, size_t n, int node)
{
	struct fake_name e = { .directory = directory, .node = node };
	if (n >= sizeof e.name)
		give_up("a name is too long");
	memcpy(e.name, name, n);
	return e;
}

/* A node that no entry on either side names. */
static int new_node(struct fake_disk *disk, bool directory)
{
	for (int i = 1; i < FAKE_NODES; i++) {
		bool named = false;
		for (int k = 0; k < FAKE_NAMES; k++) {
			named |= disk->names[k].name[0] != '\0' && disk->names[k].node == i;
			named |= disk->platter[k].name[0] != '\0' && disk->platter[k].node == i;
		}
		for (int k = 0; k < disk->n_changes; k++)
			named |= disk->changes[k].add.name[0] != '\0' && disk->changes[k].add.node == i;
		if (named)
			continue;
		memset(&disk->nodes[i], 0, sizeof disk->nodes[i]);
		/* What stood in a directory that is lost is lost too. */
		for (int k = 0; k < FAKE_NAMES; k++) {
			if (disk->names[k].directory == i)
				disk->names[k].name[0] = '\0';
			if (disk->platter[k].directory == i)
				disk->platter[k].name[0] = '\0';
		}
		disk->nodes[i].used = true;
		disk->nodes[i].directory = directory;
		return i;
	}
	give_up("too many files");
	return -1;
}

/* The directory of a path and its last part; missing directories are made if asked. -1: there is none. */
static int walk(struct fake_disk *disk, const char *path, bool make, const char **last)
{
	int at = 0;
	if (path[0] != '/')
		give_up("a path is not absolute");
	for (path++;; path = strchr(path, '/') + 1) {
		const char *slash = strchr(path, '/');
		*last = path;
		if (slash == NULL)
			return at;
		struct fake_name want = entry(at, path, (size_t)(slash - path), 0);
		struct fake_name *e = find(disk->names, at, want.name);
		if (e == NULL && make) {
			struct fake_change change = { .add = want };
			change.add.node = new_node(disk, true);
			change_names(disk, &change);
			e = find(disk->names, at, want.name);
		}
		if (e == NULL || !disk->nodes[e->node].directory)
			return -1;
		at = e->node;
	}
}

static struct fake_name *lookup(struct fake_disk *disk, const char *path)
{
	const char *last;
	int directory = walk(disk, path, false, &last);
	return directory < 0 ? NULL : find(disk->names, directory, last);
}

/* Calls. */

/* ERR_NONE if the call may be made. */
static int count(struct fake_disk *disk)
{
	disk->calls++;
	if (disk->cut_at != 0 && disk->calls >= disk->cut_at)
		disk->off = true;
	if (disk->off)
		return ERR_IO;
	if (disk->calls == disk->fail_at)
		return disk->fail_with;
	return ERR_NONE;
}

static int fake_read(void *ctx, const char *path, uint8_t *dst, size_t cap)
{
	struct fake_disk *disk = ctx;
	if (disk->off)
		return ERR_IO;
	if (disk->fail_read != 0)
		return disk->fail_read;
	const struct fake_name *e = lookup(disk, path);
	if (e == NULL)
		return ERR_NOT_FOUND;
	const struct fake_node *node = &disk->nodes[e->node];
	if (node->directory || node->bad_mode)
		return ERR_BAD_MODE;
	if (node->n > cap)
		return ERR_TOO_LARGE;
	if (node->n > 0)
		memcpy(dst, node->bytes, node->n);
	return (int)node->n;
}

static int fake_write(void *ctx, const char *path, struct span bytes)
{
	struct fake_disk *disk = ctx;
	const char *last;
	/* A cut in the middle of a write: the file is there, and half of it. */
	bool half = disk->cut_at != 0 && disk->calls + 1 == disk->cut_at;
	int r = count(disk);
	if (r < 0 && !half)
		return r;
	int directory = walk(disk, path, true, &last);
	if (directory < 0)
		return ERR_NOT_FOUND;
	struct fake_name *e = find(disk->names, directory, last);
	if (e == NULL) {
		struct fake_change change = { .add = entry(directory, last, strlen(last), 0) };
		change.add.node = new_node(disk, false);
		change_names(disk, &change);
		e = find(disk->names, directory, last);
	}
	struct fake_node *node = &disk->nodes[e->node];
	if (node->directory)
		return ERR_BAD_MODE;
	if (bytes.n > sizeof node->bytes)
		give_up("a file is too large");
	node->n = half ? bytes.n / 2 : bytes.n;
	if (node->n > 0)
		memcpy(node->bytes, bytes.p, node->n);
	return half ? ERR_IO : ERR_NONE;
}

static int fake_sync(void *ctx, const char *path)
{
	struct fake_disk *disk = ctx;
	int r = count(disk);
	if (r < 0)
		return r;
	const struct fake_name *e = lookup(disk, path);
	if (e == NULL)
		return ERR_NOT_FOUND;
	struct fake_node *node = &disk->nodes[e->node];
	node->platter_n = node->n;
	memcpy(node->platter, node->bytes, node->n);
	return ERR_NONE;
}

static bool concerns(const struct fake_change *change, int directory)
{
	return (change->remove.name[0] != '\0' && change->remove.directory == directory) ||
	       (change->add.name[0] != '\0' && change->add.directory == directory);
}

static int fake_sync_dir(void *ctx, const char *path)
{
	struct fake_disk *disk = ctx;
	int directory = 0, kept = 0;
	int r = count(disk);
	if (r < 0)
		return r;
	if (strcmp(path, "/") != 0) {
		const struct fake_name *e = lookup(disk, path);
		if (e == NULL || !disk->nodes[e->node].directory)
			return ERR_NOT_FOUND;
		directory = e->node;
	}
	for (int i = 0; i < disk->n_changes; i++) {
		if (concerns(&disk->changes[i], directory))
			apply(disk->platter, &disk->changes[i]);
		else
			disk->changes[kept++] = disk->changes[i];
	}
	disk->n_changes = kept;
	return ERR_NONE;
}

static int fake_rename(void *ctx, const char *from, const char *to)
{
	struct fake_disk *disk = ctx;
	const char *last;
	int r = count(disk);
	if (r < 0)
		return r;
	const struct fake_name *e = lookup(disk, from);
	int directory = walk(disk, to, false, &last);
	if (e == NULL || directory < 0)
		return ERR_NOT_FOUND;
	struct fake_change change = { .remove = *e, .add = entry(directory, last, strlen(last), e->node) };
	change_names(disk, &change);
	return ERR_NONE;
}

static int fake_remove(void *ctx, const char *path)
{
	struct fake_disk *disk = ctx;
	int r = count(disk);
	if (r < 0)
		return r;
	const struct fake_name *e = lookup(disk, path);
	if (e == NULL)
		return ERR_NOT_FOUND;
	struct fake_change change = { .remove = *e };
	change_names(disk, &change);
	return ERR_NONE;
}

/* Never twice the same, and the same in every run. */
static int fake_random(void *ctx, uint8_t *dst, size_t n)
{
	struct fake_disk *disk = ctx;
	disk->random++;
	for (size_t i = 0; i < n; i++)
		dst[i] = (uint8_t)(i < 4 ? disk->random >> (8 * i) : i);
	return ERR_NONE;
}

/* The disk. */

void fake_init(struct fake_disk *disk)
{
	memset(disk, 0, sizeof *disk);
	disk->platform = (struct platform){
		.ctx = disk,
		.read = fake_read,
		.write = fake_write,
		.sync = fake_sync,
		.sync_dir = fake_sync_dir,
		.rename = fake_rename,
		.remove = fake_remove,
		.random = fake_random,
	};
	disk->nodes[0].used = disk->nodes[0].directory = true;
}

const struct platform *fake_platform(struct fake_disk *disk)
{
	return &disk->platform;
}

static void lose_content(struct fake_node *node, enum fake_content fate)
{
	size_t n = node->n;
	if (n == node->platter_n && memcmp(node->bytes, node->platter, n) == 0)
		return;
	switch (fate) {
	case FAKE_NEW:
		break;
	case FAKE_TORN: /* the first half is new; the rest, as long as it was, is old */
		n = node->platter_n > n / 2 ? node->platter_n : n / 2;
		memcpy(node->bytes + node->n / 2, node->platter + node->n / 2, n - node->n / 2);
		break;
	case FAKE_ZEROS:
		memset(node->bytes, 0, n);
		break;
	case FAKE_EMPTY:
		n = 0;
		break;
	case FAKE_OLD:
	case FAKE_CONTENTS:
		n = node->platter_n;
		memcpy(node->bytes, node->platter, n);
		break;
	}
	node->n = node->platter_n = n;
	memcpy(node->platter, node->bytes, n);
}

static bool kept(const struct fake_disk *disk, enum fake_names fate, int change)
{
	switch (fate) {
	case FAKE_ALL:
		return true;
	case FAKE_FIRST:
		return change == 0;
	case FAKE_LAST:
		return change == disk->n_changes - 1;
	case FAKE_NONE:
	case FAKE_NAMES_FATES:
		break;
	}
	return false;
}

void fake_restart(struct fake_disk *disk, const struct fake_fate *fate)
{
	disk->off = false;
	disk->calls = disk->cut_at = disk->fail_at = disk->fail_read = 0;
	if (fate->killed)
		return;
	for (int i = 0; i < disk->n_changes; i++) {
		if (kept(disk, fate->names, i))
			apply(disk->platter, &disk->changes[i]);
	}
	disk->n_changes = 0;
	memcpy(disk->names, disk->platter, sizeof disk->names);
	for (int i = 0; i < FAKE_NODES; i++) {
		if (disk->nodes[i].used && !disk->nodes[i].directory)
			lose_content(&disk->nodes[i], fate->content);
	}
}

void fake_put(struct fake_disk *disk, const char *path, struct span bytes)
{
	int calls = disk->calls;
	(void)fake_write(disk, path, bytes);
	(void)fake_sync(disk, path);
	for (int i = 0; i < disk->n_changes; i++)
		apply(disk->platter, &disk->changes[i]);
	disk->n_changes = 0;
	disk->calls = calls;
}

struct fake_node *fake_file(struct fake_disk *disk, const char *path)
{
	const struct fake_name *e = lookup(disk, path);
	return e == NULL ? NULL : &disk->nodes[e->node];
}

static void hash_name(struct sha256 *hash, const struct fake_name *e)
{
	sha256_update(hash, span_of(&e->directory, sizeof e->directory));
	sha256_update(hash, span_str(e->name));
	sha256_update(hash, span_of(&e->node, sizeof e->node));
}

void fake_digest(const struct fake_disk *disk, uint8_t digest[32])
{
	struct sha256 hash;
	sha256_init(&hash, sha256_bearssl());
	for (int i = 0; i < FAKE_NAMES; i++) {
		hash_name(&hash, &disk->names[i]);
		hash_name(&hash, &disk->platter[i]);
	}
	for (int i = 0; i < disk->n_changes; i++) {
		hash_name(&hash, &disk->changes[i].remove);
		hash_name(&hash, &disk->changes[i].add);
	}
	for (int i = 0; i < FAKE_NODES; i++) {
		const struct fake_node *node = &disk->nodes[i];
		sha256_update(&hash, span_of(&node->n, sizeof node->n));
		sha256_update(&hash, span_of(node->bytes, node->n));
		sha256_update(&hash, span_of(&node->platter_n, sizeof node->platter_n));
		sha256_update(&hash, span_of(node->platter, node->platter_n));
	}
	sha256_out(&hash, digest);
}

int fake_count(const struct fake_disk *disk)
{
	int n = 0;
	for (int i = 0; i < FAKE_NAMES; i++)
		n += disk->names[i].name[0] != '\0' && !disk->nodes[disk->names[i].node].directory;
	return n;
}

/* ---- The Tao below ---- */

static int64_t *counter_of(struct fake_disk *disk, struct span label, bool make)
{
	for (size_t i = 0; i < sizeof disk->counters / sizeof disk->counters[0]; i++) {
		if (disk->counters[i].label[0] == '\0' && make)
			memcpy(disk->counters[i].label, label.p, label.n);
		if (memcmp(disk->counters[i].label, label.p, label.n) == 0)
			return &disk->counters[i].value;
	}
	return NULL;
}

/* What it seals is the name and the data, each byte turned over. */
static void turn_over(struct wr *out, struct span data)
{
	for (size_t i = 0; i < data.n; i++)
		wr_u8(out, (uint8_t)~data.p[i]);
}

static int answer(struct fake_disk *disk, enum parent_method method, struct span in, struct wr *out)
{
	int64_t *counter;
	switch (method) {
	case PARENT_RANDOM:
		while (out->n < out->cap)
			wr_u8(out, 0);
		return ERR_NONE;
	case PARENT_SEAL:
		wr_u8(out, disk->parent_name);
		turn_over(out, in);
		return out->err;
	case PARENT_UNSEAL:
		if (in.n < 1 || in.p[0] != disk->parent_name)
			return ERR_DENIED;
		turn_over(out, span_of(in.p + 1, in.n - 1));
		return out->err == ERR_NONE ? ERR_NONE : ERR_TOO_LARGE;
	case PARENT_ATTEST:
		wr_span_bytes(out, in);
		return out->err;
	case PARENT_COUNTER_INIT:
	case PARENT_COUNTER:
	case PARENT_COUNT:
		counter = counter_of(disk, in, method == PARENT_COUNTER_INIT);
		if (counter == NULL)
			return ERR_NOT_FOUND;
		if (method == PARENT_COUNTER)
			wr_be64(out, (uint64_t)*counter);
		*counter += method == PARENT_COUNT;
		return ERR_NONE;
	}
	return ERR_INTERNAL;
}

static int fake_ask(void *ctx, enum parent_method method, struct span in, struct wr *out, struct wr *words)
{
	struct fake_disk *disk = ctx;
	if (disk->off)
		return ERR_IO;
	wr_span_bytes(words, span_str("the parent's words"));
	if (++disk->parent_calls == disk->refuse_at)
		return ERR_DENIED;
	/* Where the power fails in the call, the parent has heard it all the same. */
	int before = count(disk), r = answer(disk, method, in, out);
	return before < 0 ? before : r;
}

void fake_parent(struct fake_disk *disk)
{
	disk->platform.parent = fake_ask;
}
