/* SPDX-License-Identifier: MIT
 *
 * The soft root: a key file, made on first boot. The keys are as safe as the file is.
 *
 * The file is made whole under another name, synced, and renamed, so that under its own name there is a whole
 * file or none; and success is reported only when the name is on disk too, for a file that was found as well as
 * for one that was made, because whoever made it may have died between the rename and the sync. */
#include "keyset.h"
#include "root.h"

#define SUFFIX ".new"
/* So much of a path fits a report beside the longest text below. */
#define PATH_SHOWN 72

/* text, with the file's path for each '%'. Whatever does not fit is cut. */
static void say(struct root_report *report, const char *text, const char *path)
{
	size_t n = 0, path_n = strlen(path);
	const char *shown = path_n > PATH_SHOWN ? path + (path_n - PATH_SHOWN) : path;
	for (; *text != '\0' && n < sizeof report->text - 1; text++) {
		if (*text != '%') {
			report->text[n++] = *text;
			continue;
		}
		if (shown != path && n + 3 < sizeof report->text) {
			memcpy(report->text + n, "...", 3);
			n += 3;
		}
		for (const char *p = shown; *p != '\0' && n < sizeof report->text - 1; p++)
			report->text[n++] = *p;
	}
	report->text[n] = '\0';
}

static int say_unread(struct root_report *report, const char *path, int err)
{
	const char *text = "key file %: it could not be read; check the disk. No new key is made in its place";
	if (err == ERR_BAD_MODE)
		text = "key file %: not a regular file of ours that nobody else may read or write; "
		       "if nobody else had it, chown it to us and chmod 600";
	say(report, text, path);
	return err;
}

static int say_damaged(struct root_report *report, const char *path, int err)
{
	const char *text = "key file %: unusable";
	if (err == ERR_TRUNCATED)
		text = "key file %: cut short; restore it from a backup, or remove it to get a new identity "
		       "(what was sealed is then lost)";
	else if (err == ERR_CHECKSUM)
		text = "key file %: torn or changed, its checksum is wrong; restore it from a backup, or remove "
		       "it to get a new identity (what was sealed is then lost)";
	else if (err == ERR_MALFORMED)
		text = "key file %: not a key file of taoinit; name another file in the manifest "
		       "(host.root.file), "
		       "or move this one away";
	else if (err == ERR_TRAILING || err == ERR_TOO_LARGE)
		text = "key file %: longer than a key file is; it is another file, or something was appended: "
		       "restore it from a backup, or move it away";
	else if (err == ERR_BAD_VERSION)
		text = "key file %: written by another version of taoinit; run that version, or restore an "
		       "older backup";
	else if (err == ERR_RANGE)
		text = "key file %: whole, but its signing key is none; restore it from a backup";
	say(report, text, path);
	return err;
}

/* The directory of a path that has a slash. */
static void parent_of(const char *path, char parent[static 256])
{
	size_t n = (size_t)(strrchr(path, '/') - path);
	memcpy(parent, path, n);
	parent[n] = '\0';
	if (n == 0)
		memcpy(parent, "/", 2);
}

static int sync_names(const struct platform *platform, const char *path)
{
	char parent[256], above[256];
	parent_of(path, parent);
	int r = platform->sync_dir(platform->ctx, parent);
	/* Directories above may be new as well, made on the way to the first file. Those that were there before
	 * need no sync and some file systems refuse it, so that this has no error. */
	while (r >= 0 && strcmp(parent, "/") != 0) {
		parent_of(parent, above);
		memcpy(parent, above, sizeof parent);
		(void)platform->sync_dir(platform->ctx, parent);
	}
	return r;
}

/* Writes the file whole, or leaves none behind. */
static int create(struct root *root, const struct keyset *keys, struct root_report *report)
{
	const struct platform *p = root->platform;
	char path[sizeof root->file + sizeof SUFFIX];
	uint8_t file[KEYSET_FILE_SIZE];
	struct wr w = wr_to(file, sizeof file);
	keyset_write(keys, &w);
	memcpy(path, root->file, strlen(root->file));
	memcpy(path + strlen(root->file), SUFFIX, sizeof SUFFIX);

	int r = p->write(p->ctx, path, wr_span(&w));
	if (r >= 0)
		r = p->sync(p->ctx, path);
	if (r >= 0)
		r = p->rename(p->ctx, path, root->file);
	wipe(file, sizeof file);
	if (r < 0) {
		(void)p->remove(p->ctx, path);
		say(report,
		    r == ERR_NO_SPACE ? "key file %: no space to make it; free some on that file system"
				      : "key file %: could not be made; its directory must be writable, or say "
					"\"ephemeral\": true in host.root",
		    root->file);
		return r;
	}
	r = sync_names(p, root->file);
	if (r < 0) {
		(void)p->remove(p->ctx, root->file);
		say(report, "key file %: made, but its directory could not be synced to disk; check the disk",
		    root->file);
	}
	return r;
}

/* ERR_NOT_FOUND if there is none, without a report. */
static int load(struct root *root, struct keyset *keys, struct root_report *report)
{
	const struct platform *p = root->platform;
	uint8_t file[KEYSET_FILE_SIZE + 1]; /* one more, to see that a file is longer */
	int n = p->read(p->ctx, root->file, file, sizeof file);
	if (n == ERR_NOT_FOUND)
		return n;
	if (n < 0)
		return n == ERR_TOO_LARGE ? say_damaged(report, root->file, n) : say_unread(report, root->file, n);
	int r = keyset_read(keys, span_of(file, (size_t)n));
	wipe(file, sizeof file);
	if (r < 0)
		return say_damaged(report, root->file, r);
	r = p->sync(p->ctx, root->file);
	if (r >= 0)
		r = sync_names(p, root->file);
	if (r < 0) {
		wipe(keys, sizeof *keys);
		say(report, "key file %: good, but it could not be synced to disk; check the disk", root->file);
	}
	return r;
}

static int check_path(const struct root_config *config, struct root_report *report)
{
	const char *file = config->file;
	if (file == NULL || file[0] != '/' || file[strlen(file) - 1] == '/') {
		say(report, "key file \"%\": name a file by its absolute path (host.root.file)",
		    file == NULL ? "" : file);
		return ERR_RANGE;
	}
	if (strlen(file) >= sizeof((struct root *)0)->file) {
		say(report, "key file %: the path is longer than 255 bytes", file);
		return ERR_TOO_LARGE;
	}
	return ERR_NONE;
}

/* Who the keys make the host, and what the core gets of them. */
static int use(struct root *root, const struct keyset *keys, const uint8_t drbg[static 48], struct tao_seed *seed,
	       struct root_identity *who)
{
	uint8_t spki[KEY_SPKI_SIZE];
	int r = key_spki(keys->sign, spki);
	if (r < 0)
		return r;
	sha256_of(sha256_bearssl(), span_of(spki, sizeof spki), who->spki_sha256);
	memcpy(seed->sign_key, keys->sign, sizeof seed->sign_key);
	memcpy(seed->seal_key, keys->seal, sizeof seed->seal_key);
	memcpy(seed->derive_key, keys->derive, sizeof seed->derive_key);
	memcpy(seed->drbg, drbg, sizeof seed->drbg);
	seed->delegation_n = 0; /* the key is the root itself */
	keyset_derive(keys, "store", root->kek);
	return ERR_NONE;
}

static int load_or_create(struct root *root, const uint8_t *entropy, struct keyset *keys, bool *created,
			  struct root_report *report)
{
	int r = load(root, keys, report);
	if (r != ERR_NOT_FOUND)
		return r;
	*created = true;
	r = keyset_make(keys, entropy);
	return r < 0 ? r : create(root, keys, report);
}

static int soft_open(struct root *root, const struct platform *platform, const struct root_config *config,
		     const uint8_t entropy[static 128], struct tao_seed *seed, struct root_identity *who,
		     struct root_report *report)
{
	struct keyset keys;
	int r = ERR_NONE;
	*root = (struct root){ .class = &root_soft, .platform = platform };
	*who = (struct root_identity){ .ephemeral = config->ephemeral, .created = config->ephemeral };
	report->text[0] = '\0';
	wipe(seed, sizeof *seed);
	wipe(&keys, sizeof keys);

	if (config->ephemeral) {
		r = keyset_make(&keys, entropy);
	} else {
		r = check_path(config, report);
		if (r >= 0) {
			memcpy(root->file, config->file, strlen(config->file) + 1);
			r = load_or_create(root, entropy, &keys, &who->created, report);
		}
	}
	if (r >= 0)
		r = use(root, &keys, entropy + KEYSET_ENTROPY_SIZE, seed, who);
	if (r < 0 && report->text[0] == '\0')
		say(report, "soft root: no usable keys could be made; the kernel's random bytes are not random",
		    "");
	wipe(&keys, sizeof keys);
	if (r < 0)
		wipe(root->kek, sizeof root->kek);
	return r;
}

static void soft_close(struct root *root)
{
	wipe(root, sizeof *root);
}

const struct root_class root_soft = { .name = "soft", .open = soft_open, .close = soft_close };
