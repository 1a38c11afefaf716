/* SPDX-License-Identifier: MIT
 *
 * taopolicy keygen, sign, check, show: what a key has to do with a policy.
 */
#include "tao_policy.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../crypto/policy_key.h"
#include "../crypto/policy_sign.h"
#include "sys.h"
#include "sys_platform.h"

#define PASSPHRASE_MAX 1024
#define NS_IN_S INT64_C(1000000000)

/* The first line of a file. */
static int read_passphrase(const struct policy_run *run, struct span *passphrase)
{
	*passphrase = span_of(NULL, 0);
	if (run->passphrase_file == NULL)
		return POLICY_EXIT_OK;
	int status = policy_read_file(run, run->passphrase_file, PASSPHRASE_MAX, passphrase);
	if (status != POLICY_EXIT_OK)
		return status;
	const void *end = memchr(passphrase->p, '\n', passphrase->n);
	if (end != NULL)
		passphrase->n = (size_t)((const uint8_t *)end - passphrase->p);
	return passphrase->n > 0 ? POLICY_EXIT_OK
				 : policy_complain(run, POLICY_EXIT_USAGE, "%s: the passphrase is empty",
						   run->passphrase_file);
}

static void wipe_span(struct span *secret)
{
	if (secret->p != NULL)
		wipe((void *)(uintptr_t)secret->p, secret->n);
	policy_free(secret);
}

static void print_hash(const uint8_t *spki, const char *before, const char *after)
{
	uint8_t hash[SHA256_SIZE];
	sha256_of(sha256_pick(), span_of(spki, KEY_SPKI_SIZE), hash);
	(void)printf("%s", before);
	policy_print_hex(hash, sizeof hash);
	(void)printf("%s", after);
}

/* ---- keygen ---- */

static int make_key(struct policy_key *key)
{
	/* One in 2^32 scalars is out of range. */
	do {
		if (sys_platform.random(sys_platform.ctx, key->scalar, sizeof key->scalar) < 0)
			return ERR_IO;
	} while (!key_scalar_valid(key->scalar));
	return key_spki(key->scalar, key->spki);
}

int policy_cmd_keygen(const struct policy_run *run)
{
	const char *path = run->argv[0];
	uint8_t file[POLICY_KEY_FILE_MAX], random[POLICY_KEY_RANDOM_SIZE];
	struct policy_key key;
	struct span passphrase;
	struct wr w = wr_to(file, sizeof file);
	struct stat st;
	if (sys_stat(path, &st) >= 0)
		return policy_complain(run, POLICY_EXIT_NO, "%s: is there already; a key is never overwritten",
				       path);
	int status = read_passphrase(run, &passphrase);
	if (status != POLICY_EXIT_OK) {
		wipe_span(&passphrase);
		return status;
	}
	int r = make_key(&key);
	if (r == ERR_NONE)
		r = sys_platform.random(sys_platform.ctx, random, sizeof random);
	if (r == ERR_NONE)
		r = policy_key_write(sha256_pick(), &key, passphrase, random, &w);
	if (r == ERR_NONE)
		r = sys_platform.write(sys_platform.ctx, path, wr_span(&w));
	if (r == ERR_NONE)
		r = sys_platform.sync(sys_platform.ctx, path);
	if (r == ERR_NONE)
		print_hash(key.spki, "", "\n");
	wipe(&key, sizeof key);
	wipe(file, sizeof file);
	wipe_span(&passphrase);
	return r < 0 ? policy_complain(run, POLICY_EXIT_IO, "%s: %s", path, err_text(r)) : POLICY_EXIT_OK;
}

/* ---- sign ---- */

int policy_read_key(const struct policy_run *run, struct policy_key *key)
{
	uint8_t file[POLICY_KEY_FILE_MAX];
	struct span passphrase = { NULL, 0 };
	if (run->key == NULL)
		return policy_complain(run, POLICY_EXIT_USAGE, "which key? --key KEYFILE");
	int n = sys_platform.read(sys_platform.ctx, run->key, file, sizeof file);
	if (n < 0)
		return policy_complain(run, POLICY_EXIT_IO, "%s: %s", run->key, err_text(n));
	struct span bytes = span_of(file, (size_t)n);
	int status = read_passphrase(run, &passphrase);
	if (status == POLICY_EXIT_OK && policy_key_is_sealed(bytes) && passphrase.n == 0)
		status = policy_complain(run, POLICY_EXIT_USAGE, "%s: is encrypted: --passphrase-file FILE",
					 run->key);
	if (status == POLICY_EXIT_OK) {
		int r = policy_key_read(sha256_pick(), bytes, passphrase, key);
		if (r < 0)
			status = policy_complain(run, POLICY_EXIT_NO, "%s: %s", run->key,
						 r == ERR_BAD_SEAL ? "wrong passphrase, or the file was changed"
								   : "not a policy key");
	}
	wipe(file, sizeof file);
	wipe_span(&passphrase);
	return status;
}

int policy_write_out(const struct policy_run *run, struct span body, struct span signature)
{
	int fd = run->output != NULL ? sys_open(run->output, O_WRONLY | O_CREAT | O_TRUNC, 0666) : STDOUT_FILENO;
	int r = fd < 0 ? fd : sys_write_all(fd, body.p, body.n);
	if (r >= 0)
		r = sys_write_all(fd, signature.p, signature.n);
	if (r >= 0 && run->output != NULL)
		r = sys_close(fd);
	return r >= 0 ? POLICY_EXIT_OK
		      : policy_complain(run, POLICY_EXIT_IO, "%s: %s",
					run->output != NULL ? run->output : "standard output", strerror(-r));
}

int policy_give(const struct policy_run *run, int r, const struct wr *w)
{
	if (r >= 0)
		r = w->err;
	return r < 0 ? policy_complain(run, POLICY_EXIT_NO, "%s", err_text(r))
		     : policy_write_out(run, wr_span(w), span_str(""));
}

int policy_cmd_sign(const struct policy_run *run)
{
	struct policy_loaded loaded;
	struct policy_key key;
	uint8_t der[KEY_SIGNATURE_MAX], lines[512];
	struct wr w = wr_to(lines, sizeof lines);
	int status = policy_load_file(run, run->argv[0], &loaded);
	if (status == POLICY_EXIT_OK)
		status = policy_read_key(run, &key);
	if (status == POLICY_EXIT_OK) {
		int n = policy_sign(sha256_pick(), key.scalar, loaded.file.signed_part, der);
		if (n > 0)
			policy_file_sign(&w, key.spki, span_of(der, (size_t)n));
		wipe(&key, sizeof key);
		status = n > 0 ? policy_write_out(run, loaded.file.signed_part, wr_span(&w))
			       : policy_complain(run, POLICY_EXIT_NO, "%s", err_text(n));
	}
	policy_unload(&loaded);
	return status;
}

/* ---- check, show ---- */

static bool read_hash(const char *text, uint8_t hash[static SHA256_SIZE])
{
	if (strlen(text) != (size_t)2 * SHA256_SIZE || strspn(text, "0123456789abcdefABCDEF") != strlen(text))
		return false;
	for (size_t i = 0; i < SHA256_SIZE; i++) {
		const char pair[3] = { text[2 * i], text[2 * i + 1], '\0' };
		hash[i] = (uint8_t)strtoul(pair, NULL, 16);
	}
	return true;
}

/* --key: a hash, or the file of a key. */
static int read_trusted(const struct policy_run *run, uint8_t hash[static SHA256_SIZE])
{
	struct span file = { NULL, 0 };
	uint8_t spki[KEY_SPKI_SIZE];
	if (read_hash(run->key, hash))
		return POLICY_EXIT_OK;
	int status = policy_read_file(run, run->key, POLICY_KEY_FILE_MAX, &file);
	if (status == POLICY_EXIT_OK && policy_key_public(file, spki) < 0)
		status = policy_complain(run, POLICY_EXIT_USAGE, "%s: neither a hash nor a policy key", run->key);
	if (status == POLICY_EXIT_OK)
		sha256_of(sha256_pick(), span_of(spki, sizeof spki), hash);
	wipe_span(&file);
	return status;
}

static int read_trust(const struct policy_run *run, struct policy_trust *trust, uint8_t hash[static SHA256_SIZE])
{
	char *end = NULL;
	*trust = (struct policy_trust){ .sha256 = sha256_pick(), .now = sys_realtime() / NS_IN_S };
	if (run->at != NULL && !policy_read_time(span_str(run->at), &trust->now))
		return policy_complain(run, POLICY_EXIT_USAGE, "%s: not a time such as 2026-01-31T12:00:00Z",
				       run->at);
	if (run->least != NULL)
		trust->least_version = strtoull(run->least, &end, 10);
	if (run->least != NULL && (*end != '\0' || trust->least_version == 0))
		return policy_complain(run, POLICY_EXIT_USAGE, "%s: not a version", run->least);
	if (run->key == NULL)
		return POLICY_EXIT_OK;
	trust->key_sha256 = hash;
	return read_trusted(run, hash);
}

int policy_cmd_check(const struct policy_run *run)
{
	struct policy_loaded loaded;
	struct policy_trust trust;
	struct why why = { .rule = "" };
	uint8_t hash[SHA256_SIZE];
	int status = policy_load_file(run, run->argv[0], &loaded);
	if (status == POLICY_EXIT_OK && !run->is_unsigned)
		status = read_trust(run, &trust, hash);
	if (status == POLICY_EXIT_OK && !run->is_unsigned &&
	    policy_open(loaded.text, &trust, &loaded.file, &why) < 0)
		status = policy_complain(run, POLICY_EXIT_NO, "%s: %s", run->argv[0], why.rule);
	policy_unload(&loaded);
	return status;
}

static unsigned count_rules(const struct policy_file *file)
{
	struct datalog_lines lines = { file->policy.rules, file->policy.line };
	struct span rule;
	unsigned n = 0, line, error;
	while (datalog_next_rule(&lines, &rule, &line, &error))
		n++;
	return n;
}

/* The head is text already: its first six fields as they stand. */
int policy_cmd_show(const struct policy_run *run)
{
	struct policy_loaded loaded;
	int status = policy_load_file(run, run->argv[0], &loaded);
	if (status == POLICY_EXIT_OK) {
		const struct policy_file *file = &loaded.file;
		for (const uint8_t *line = loaded.text.p; line < file->policy.rules.p;) {
			const uint8_t *end = memchr(line, '\n', (size_t)(file->policy.rules.p - line));
			if (*line != '#' && *line != '\n')
				(void)printf("%.*s\n", (int)(end - line), (const char *)line);
			line = end + 1;
		}
		(void)printf("rules: %u\n", count_rules(file));
		if (file->is_signed) {
			bool good = policy_verify(sha256_pick(), span_of(file->spki, sizeof file->spki),
						  file->signed_part,
						  span_of(file->signature, file->signature_n)) == ERR_NONE;
			print_hash(file->spki, "signed-by: ", good ? "\n" : " (the signature does not verify)\n");
		} else {
			(void)printf("signed-by: nobody\n");
		}
	}
	policy_unload(&loaded);
	return status;
}
