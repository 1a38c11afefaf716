/* SPDX-License-Identifier: MIT
 *
 * The root in the Tao that this host itself runs on: the key set is a file that the parent has sealed to our name there, in
 * which the manifest and the guard stand (init/ has seen to that); the parent attests that our signing key speaks for that
 * name, and counts what is stored.
 *
 * The key file, all integers big-endian: magic "TAOBELOW", u16 version 1, u32 number of bytes that follow but the checksum,
 * what the parent made of a key set as keyset.h has it, SHA-256 of all before it. Nobody but the parent can tell a file of
 * another manifest, guard, program or parent from a forged one; the checksum tells it from a damaged one. */
#include "counters_file.h"
#include "hkdf.h"
#include "key_file.h"

#define VERSION 1
#define HEAD_SIZE (8 + 2 + 4)

/* What a parent says beside the longest text below. */
#define WORDS_MAX 200

static const uint8_t magic[8] = "TAOBELOW";

/* One method. What the parent, or the lack of one, has to say for itself follows text in the report. */
static int ask(const struct root *root, enum parent_method method, struct span in, struct wr *out,
	       const char *text, struct root_report *report)
{
	char words[WORDS_MAX];
	struct wr w = wr_to(words, sizeof words - 1);
	int r = root->platform->parent(root->platform->ctx, method, in, out, &w);
	words[w.n] = '\0';
	if (r < 0) {
		root_say(report, text, root->file);
		root_add(report, words);
	}
	return r;
}

/* ---- The key file ---- */

static int read_sealed(struct span file, struct span *sealed)
{
	struct rd r = rd_from(file);
	uint8_t sum[SHA256_SIZE];
	if (file.n < HEAD_SIZE + SHA256_SIZE)
		return ERR_TRUNCATED;
	if (memcmp(rd_bytes(&r, sizeof magic).p, magic, sizeof magic) != 0)
		return ERR_MALFORMED;
	if (rd_be16(&r) != VERSION)
		return ERR_BAD_VERSION;
	*sealed = rd_bytes(&r, rd_be32(&r));
	if (r.err != ERR_NONE || r.n < SHA256_SIZE)
		return ERR_TRUNCATED;
	if (r.n > SHA256_SIZE)
		return ERR_TRAILING;
	sha256_of(sha256_bearssl(), span_of(file.p, file.n - SHA256_SIZE), sum);
	return memcmp(sum, r.p, sizeof sum) == 0 ? ERR_NONE : ERR_CHECKSUM;
}

static int read_keys(struct root *root, struct span file, struct keyset *keys, struct root_report *report)
{
	uint8_t plain[KEYSET_FILE_SIZE];
	struct wr w = wr_to(plain, sizeof plain);
	struct span sealed;
	int r = read_sealed(file, &sealed);
	if (r < 0)
		return key_file_damaged(report, root->file, r);
	r = ask(root, PARENT_UNSEAL, sealed, &w,
		"key file %: the parent does not open it: it was sealed for another manifest, guard or program of "
		"taoinit, or by another parent; bring back what it was sealed for, or remove it to get new keys "
		"(what was sealed is then lost). It says: ",
		report);
	if (r >= 0) {
		r = keyset_read(keys, wr_span(&w));
		if (r < 0)
			(void)key_file_damaged(report, root->file, r);
	}
	wipe(plain, sizeof plain);
	return r;
}

static int write_keys(struct root *root, const struct keyset *keys, struct wr *file, struct root_report *report)
{
	uint8_t plain[KEYSET_FILE_SIZE], sum[SHA256_SIZE];
	struct wr w = wr_to(plain, sizeof plain), sealed = *file;
	keyset_write(keys, &w);
	sealed.p += HEAD_SIZE;
	sealed.cap = KEY_FILE_MAX - HEAD_SIZE - sizeof sum;
	int r = ask(root, PARENT_SEAL, wr_span(&w), &sealed, "the parent does not seal our keys: ", report);
	wipe(plain, sizeof plain);
	if (r < 0)
		return r;
	wr_bytes(file, magic, sizeof magic);
	wr_be16(file, VERSION);
	wr_be32(file, (uint32_t)sealed.n);
	file->n += sealed.n;
	sha256_of(sha256_bearssl(), wr_span(file), sum);
	wr_bytes(file, sum, sizeof sum);
	return file->err;
}

static const struct key_format format = { KEY_FILE_MAX, read_keys, write_keys };

/* ---- The counter ---- */

/* A label of each key set's own: hosts of one program that run beside each other have one name to the parent, and must not
 * count for each other. */
static int count(struct root *root, enum parent_method method, uint64_t *n, struct root_report *report)
{
	uint8_t id[8], label[8 + 2 * sizeof id], value[8] = { 0 };
	struct wr l = wr_to(label, sizeof label), v = wr_to(value, sizeof value);
	(void)hkdf(sha256_bearssl(), span_of(root->kek, sizeof root->kek), span_str("Tao Counters V1"),
		   span_str("parent label"), id, sizeof id);
	wr_span_bytes(&l, span_str("taoinit "));
	wr_hex(&l, span_of(id, sizeof id));
	int r = ask(root, method, wr_span(&l), &v, "the parent's counter of the counters file of %: ", report);
	if (r >= 0 && n != NULL) {
		struct rd read = rd_from(wr_span(&v));
		*n = rd_be64(&read);
		r = rd_end(&read);
	}
	return r;
}

static int nv_read(struct root *root, uint64_t *n, struct root_report *report)
{
	int r = count(root, PARENT_COUNTER, n, report);
	return r == ERR_NOT_FOUND ? ERR_LOST : r;
}

static int nv_count(struct root *root, struct root_report *report)
{
	return count(root, PARENT_COUNT, NULL, report);
}

/* Twice: what was written for the next count, and never counted, is not to be valid either. */
static int nv_renew(struct root *root, uint64_t *n, struct root_report *report)
{
	int r = count(root, PARENT_COUNTER, n, report);
	if (r == ERR_NOT_FOUND) {
		report->text[0] = '\0';
		r = count(root, PARENT_COUNTER_INIT, NULL, report);
	}
	for (int i = 0; i < 2 && r >= 0; i++)
		r = nv_count(root, report);
	return r < 0 ? r : nv_read(root, n, report);
}

static const struct counter_nv parent_counter = { nv_read, nv_count, nv_renew };

/* ---- The class ---- */

static void begin(struct root *root, const struct platform *platform, const struct root_config *config)
{
	*root = (struct root){
		.class = &root_parent, .platform = platform, .store = config->store, .nv = &parent_counter
	};
}

/* The kernel's random bytes and the parent's: as good as the better of them. */
static int mix(struct root *root, const uint8_t *entropy, uint8_t mixed[static 128], struct root_report *report)
{
	struct wr w = wr_to(mixed, 128);
	int r = ask(root, PARENT_RANDOM, span_of(NULL, 0), &w, "the parent gives no random bytes: ", report);
	for (size_t i = 0; i < 128 && r >= 0; i++)
		mixed[i] ^= entropy[i];
	return r;
}

static int parent_open(struct root *root, const struct platform *platform, const struct root_config *config,
		       const uint8_t entropy[static 128], struct tao_seed *seed, struct root_identity *who,
		       struct root_report *report)
{
	uint8_t mixed[128];
	begin(root, platform, config);
	*who = (struct root_identity){ .created = config->ephemeral };
	report->text[0] = '\0';
	if (config->name.n == 0 || config->name.n > sizeof who->name || platform->parent == NULL) {
		root_say(report, "parent root: no name of ours, or one that is too long", "");
		return ERR_RANGE;
	}
	int r = mix(root, entropy, mixed, report);
	if (r >= 0)
		r = key_file_open(root, &format, config, mixed, seed, who, report);
	wipe(mixed, sizeof mixed);
	memcpy(who->name, config->name.p, config->name.n);
	who->name_n = config->name.n;
	return r;
}

static int parent_endorse(struct root *root, struct span statement, struct tao_seed *seed,
			  struct root_report *report)
{
	struct wr delegation = wr_to(seed->delegation, sizeof seed->delegation);
	int r = ask(root, PARENT_ATTEST, statement, &delegation, "the parent does not attest our key: ", report);
	seed->delegation_n = r < 0 ? 0 : delegation.n;
	return r;
}

static int parent_resume(struct root *root, const struct platform *platform, const struct root_config *config,
			 const uint8_t kek[static 32], struct root_report *report)
{
	begin(root, platform, config);
	return key_file_resume(root, config, kek, report);
}

const struct root_class root_parent = {
	.name = "parent",
	.open = parent_open,
	.endorse = parent_endorse,
	.resume = parent_resume,
	.counters = counters_file_answer,
	.close = key_file_close,
};
