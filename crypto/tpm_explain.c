/* SPDX-License-Identifier: MIT */
#include "fields.h"
#include "tpm_session.h"

static const struct {
	TPM2_RC code;
	const char *name;
	const char *text;
} codes[] = {
#define TPM_RC(code, name, text) { code, name, text },
#include "tpm_rc.def"
#undef TPM_RC
};

/* As TPM documents write codes: three digits at least. */
static void put_code(struct wr *text, TSS2_RC rc)
{
	field_put(text, "0x");
	for (int shift = 28; shift >= 0; shift -= 4)
		if (shift <= 8 || rc >> shift != 0)
			wr_u8(text, (uint8_t) "0123456789abcdef"[rc >> shift & 15]);
}

/* Format-one codes (bit 7) carry which handle, session or parameter they are about. */
static TPM2_RC bare(TPM2_RC code)
{
	return (code & TPM2_RC_FMT1) != 0 ? code & 0xbf : code;
}

static void explain_code(struct wr *text, TSS2_RC rc)
{
	put_code(text, rc);
	for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
		if (rc < 0x1000 && codes[i].code == bare(rc)) {
			field_put(text, " ");
			field_put(text, codes[i].name);
			field_put(text, ": ");
			field_put(text, codes[i].text);
			return;
		}
	/* The library's own texts of all codes take 20 KiB. */
	field_put(text, rc < 0x1000 ? " (TPM 2.0 part 2, section 6.6)" : " from the TPM software stack");
}

/* What we found wrong ourselves, or between us and the TPM. */
static const char *explain_error(int err)
{
	switch (err) {
	case ERR_TIMEOUT:
		return "the TPM does not answer";
	case ERR_IO:
		return "the connection to the TPM failed";
	case ERR_MALFORMED:
		return "what the TPM answered makes no sense; this is no TPM 2.0, or somebody interferes";
	case ERR_TOO_LARGE:
		return "the TPM's answer is too long; this is no TPM 2.0, or somebody interferes";
	case ERR_BAD_SIGNATURE:
		return "the answer is not authentic: somebody interferes between us and the TPM";
	default:
		return err_text(err);
	}
}

void tpm_explain(const struct tpm *tpm, struct wr *text)
{
	field_put(text, tpm->step != NULL ? tpm->step : "TPM");
	field_put(text, ": ");
	if (tpm->link.err != ERR_NONE || tpm->rc == TSS2_RC_SUCCESS || tpm->err == ERR_BAD_SIGNATURE)
		field_put(text, explain_error(tpm->err));
	else
		explain_code(text, tpm->rc);
}
