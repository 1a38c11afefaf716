/* SPDX-License-Identifier: MIT */
#include "fields.h"
#include "tpm.h"
#include "tpm_session.h"

struct report {
	void (*line)(void *ctx, const char *text, bool ok);
	void *ctx;
	int failed;
};

/* A line in the making; the last byte stays NUL. */
struct text {
	char bytes[320];
	struct wr w;
};

static void begin(struct text *text, const char *start)
{
	memset(text->bytes, 0, sizeof text->bytes);
	text->w = wr_to(text->bytes, sizeof text->bytes - 1);
	field_put(&text->w, start);
}

static bool say(struct report *report, const struct text *text, bool ok)
{
	report->failed += !ok;
	report->line(report->ctx, text->bytes, ok);
	return ok;
}

/* A step that went wrong is told with its reason in place of its result. */
static bool step(struct report *report, const struct tpm *tpm, struct text *text, const char *name, int r)
{
	if (r == ERR_NONE)
		return say(report, text, true);
	begin(text, name);
	field_put(&text->w, ": ");
	tpm_explain(tpm, &text->w);
	return say(report, text, false);
}

static bool check_answers(struct report *report, struct tpm *tpm, int opened)
{
	struct text text;
	uint32_t manufacturer = 0;
	int r = opened < 0 ? opened : tpm_property(tpm, TPM2_PT_MANUFACTURER, &manufacturer);
	begin(&text, "TPM answers, made by ");
	for (int shift = 24; shift >= 0; shift -= 8) {
		uint8_t c = (uint8_t)(manufacturer >> shift);
		if (c > ' ' && c < 0x7f && c != '#')
			wr_u8(&text.w, c);
	}
	return step(report, tpm, &text, "TPM answers", r);
}

static bool check_srk(struct report *report, struct tpm *tpm)
{
	struct text text;
	int r = tpm_srk(tpm);
	begin(&text,
	      tpm->srk_persistent ? "TPM storage root key at 0x81000001, name " : "TPM storage root key, name ");
	field_put_hex(&text.w, span_of(tpm->srk_name, sizeof tpm->srk_name), "");
	return step(report, tpm, &text, "TPM storage root key", r);
}

static bool check_session(struct report *report, struct tpm *tpm)
{
	struct text text;
	begin(&text, "TPM salted session, HMAC-SHA256 and AES-128-CFB");
	return step(report, tpm, &text, text.bytes, tpm_session(tpm, tpm->srk_name));
}

static bool contains(struct span where, struct span what)
{
	for (size_t at = 0; at + what.n <= where.n; at++)
		if (memcmp(where.p + at, what.p, what.n) == 0)
			return true;
	return false;
}

/* Encrypted: what we got is nowhere in what came over the wire. */
static bool check_random(struct report *report, struct tpm *tpm)
{
	static const char name[] = "TPM random bytes, encrypted on their way";
	struct text text;
	uint8_t bytes[TPM_RANDOM_MAX] = { 0 };
	int r = tpm_random(tpm, bytes, sizeof bytes);
	struct span wire = span_of(tpm->link.response, sizeof tpm->link.response);
	begin(&text, name);
	if (r == ERR_NONE && contains(wire, span_of(bytes, sizeof bytes))) {
		begin(&text, "TPM random bytes came in the clear");
		return say(report, &text, false);
	}
	wipe(bytes, sizeof bytes);
	return step(report, tpm, &text, name, r);
}

static bool check_pcr(struct report *report, struct tpm *tpm, unsigned pcr, const char *name)
{
	struct text text;
	uint8_t value[TPM_PCR_SIZE] = { 0 };
	int r = tpm_pcr_read(tpm, pcr, value);
	begin(&text, name);
	field_put(&text.w, " ");
	field_put_hex(&text.w, span_of(value, sizeof value), "");
	return step(report, tpm, &text, name, r);
}

static void check_nothing_left(struct report *report, struct tpm *tpm)
{
	static const char name[] = "TPM holds nothing of ours any more";
	struct text text;
	TPM2_HANDLE made[TPM_MADE_MAX];
	size_t n = tpm->link.n_made;
	memcpy(made, tpm->link.made, sizeof made);
	bool clean = tpm_flush(tpm) == 0 && tpm_crypto_in_use(&tpm->crypto) == 0;
	int r = ERR_NONE;
	for (size_t i = 0; clean && i < n && r >= 0; i++) {
		r = tpm_loaded(tpm, made[i]);
		clean = r <= 0;
	}
	begin(&text, clean ? name : "TPM still holds a key or session of ours");
	if (r < 0)
		step(report, tpm, &text, name, r);
	else
		say(report, &text, clean);
}

int tpm_selftest(const struct platform *platform, void (*line)(void *ctx, const char *text, bool ok), void *ctx)
{
	struct report report = { line, ctx, 0 };
	struct tpm tpm;
	int opened = tpm_open(&tpm, platform);
	if (check_answers(&report, &tpm, opened) && check_srk(&report, &tpm) && check_session(&report, &tpm) &&
	    check_random(&report, &tpm) && check_pcr(&report, &tpm, 0, "TPM PCR 0, SHA-256,") &&
	    check_pcr(&report, &tpm, 15, "TPM PCR 15, SHA-256,"))
		check_nothing_left(&report, &tpm);
	tpm_close(&tpm);
	return report.failed;
}
