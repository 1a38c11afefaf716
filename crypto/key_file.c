/* SPDX-License-Identifier: MIT */
#include "counters_file.h"
#include "key_file.h"

#define SUFFIX ".new"

static int say_unread(struct root_report *report, const char *path, int err)
{
	const char *text = "key file %: it could not be read; check the disk. No new key is made in its place";
	if (err == ERR_BAD_MODE)
		text = "key file %: not a regular file of ours that nobody else may read or write; "
		       "if nobody else had it, chown it to us and chmod 600";
	root_say(report, text, path);
	return err;
}

int key_file_damaged(struct root_report *report, const char *path, int err)
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
	root_say(report, text, path);
	return err;
}

static int say_not_made(struct root_report *report, const char *path, int err)
{
	root_say(report,
		 err == ERR_NO_SPACE ? "key file %: no space to make it; free some on that file system"
				     : "key file %: could not be made; its directory must be writable, or say "
				       "\"ephemeral\": true in host.root",
		 path);
	return err;
}

/* Writes the file whole, or leaves none behind. The counters come first: so there is no key file without them but by a
 * loss. */
static int create(struct root *root, struct span file, struct root_report *report)
{
	const struct platform *p = root->platform;
	char path[sizeof root->file + sizeof SUFFIX];
	memcpy(path, root->file, strlen(root->file));
	memcpy(path + strlen(root->file), SUFFIX, sizeof SUFFIX);

	int r = root_put(p, path, file);
	if (r < 0) {
		(void)p->remove(p->ctx, path);
		return say_not_made(report, root->file, r);
	}
	r = counters_file_create(root, report);
	if (r >= 0) {
		r = p->rename(p->ctx, path, root->file);
		if (r < 0)
			(void)say_not_made(report, root->file, r);
	}
	if (r < 0) {
		(void)p->remove(p->ctx, path);
		counters_file_remove(root);
		return r;
	}
	r = root_sync_name(p, root->file, true);
	if (r < 0) {
		(void)p->remove(p->ctx, root->file);
		counters_file_remove(root);
		root_say(report, "key file %: made, but its directory could not be synced to disk; check the disk",
			 root->file);
	}
	return r;
}

/* Its bytes: how many. ERR_NOT_FOUND, without a report: there is none. */
static int load(struct root *root, uint8_t *file, size_t cap, struct root_report *report)
{
	const struct platform *p = root->platform;
	int n = p->read(p->ctx, root->file, file, cap);
	if (n == ERR_NOT_FOUND)
		return n;
	if (n < 0)
		return n == ERR_TOO_LARGE ? key_file_damaged(report, root->file, n)
					  : say_unread(report, root->file, n);
	int r = p->sync(p->ctx, root->file);
	if (r >= 0)
		r = root_sync_name(p, root->file, true);
	if (r < 0) {
		wipe(file, (size_t)n);
		root_say(report, "key file %: it could not be synced to disk; check the disk", root->file);
	}
	return r < 0 ? r : n;
}

static int take_path(struct root *root, const struct root_config *config, struct root_report *report)
{
	const char *file = config->file;
	if (file == NULL || file[0] != '/' || file[strlen(file) - 1] == '/') {
		root_say(report, "key file \"%\": name a file by its absolute path (host.root.file)",
			 file == NULL ? "" : file);
		return ERR_RANGE;
	}
	if (strlen(file) >= sizeof root->file) {
		root_say(report, "key file %: the path is longer than 255 bytes", file);
		return ERR_TOO_LARGE;
	}
	memcpy(root->file, file, strlen(file) + 1);
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
	memcpy(who->sign_sha256, who->spki_sha256, sizeof who->sign_sha256);
	memcpy(seed->sign_key, keys->sign, sizeof seed->sign_key);
	memcpy(seed->seal_key, keys->seal, sizeof seed->seal_key);
	memcpy(seed->derive_key, keys->derive, sizeof seed->derive_key);
	memcpy(seed->drbg, drbg, sizeof seed->drbg);
	seed->delegation_n = 0; /* the key is the root itself */
	keyset_derive(keys, "store", root->kek);
	return ERR_NONE;
}

static int load_or_make(struct root *root, const struct key_format *format, const uint8_t *entropy,
			struct keyset *keys, bool *made, struct root_report *report)
{
	uint8_t file[KEY_FILE_MAX + 1]; /* one more, to see that a file is longer */
	struct wr w = wr_to(file, sizeof file);
	int n = load(root, file, format->most + 1, report);
	if (n >= 0) {
		int r = format->read(root, span_of(file, (size_t)n), keys, report);
		wipe(file, sizeof file);
		return r;
	}
	if (n != ERR_NOT_FOUND)
		return n;
	*made = true;
	int r = keyset_make(keys, entropy);
	if (r >= 0) {
		keyset_derive(keys, "store", root->kek);
		r = format->write(root, keys, &w, report);
	}
	if (r >= 0)
		r = create(root, wr_span(&w), report);
	wipe(file, sizeof file);
	return r;
}

int key_file_open(struct root *root, const struct key_format *format, const struct root_config *config,
		  const uint8_t entropy[static 128], struct tao_seed *seed, struct root_identity *who,
		  struct root_report *report)
{
	struct keyset keys;
	int r;
	report->text[0] = '\0';
	wipe(seed, sizeof *seed);
	wipe(&keys, sizeof keys);
	if (config->ephemeral) {
		r = keyset_make(&keys, entropy);
	} else {
		r = take_path(root, config, report);
		if (r >= 0)
			r = load_or_make(root, format, entropy, &keys, &who->created, report);
	}
	if (r >= 0)
		r = use(root, &keys, entropy + KEYSET_ENTROPY_SIZE, seed, who);
	if (r < 0 && report->text[0] == '\0')
		root_say(report, "no usable keys could be made; the kernel's random bytes are not random", "");
	wipe(&keys, sizeof keys);
	if (r < 0)
		wipe(root->kek, sizeof root->kek);
	return r;
}

int key_file_resume(struct root *root, const struct root_config *config, const uint8_t kek[static 32],
		    struct root_report *report)
{
	report->text[0] = '\0';
	int r = take_path(root, config, report);
	if (r >= 0)
		memcpy(root->kek, kek, sizeof root->kek);
	return r;
}

void key_file_close(struct root *root)
{
	wipe(root, sizeof *root);
}
