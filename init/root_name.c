/* SPDX-License-Identifier: MIT */
#include "../policy/name.h"
#include "root_name.h"
#include "manifest.h"
#include "sys.h"

#define YEAR ((int64_t)365 * 24 * 3600 * NS_PER_S)

void root_name_write(const struct root_identity *who, struct wr *out)
{
	uint8_t indices[64], values[QUOTE_PCRS_TRUSTED * 65];
	struct wr i = wr_to(indices, sizeof indices), v = wr_to(values, sizeof values);
	if (who->name_n > 0) {
		wr_bytes(out, who->name, who->name_n);
		return;
	}
	if (who->pcrs.pcrs == 0) {
		name_write_key_prin(out, who->spki_sha256, who->ephemeral);
		return;
	}
	quote_write_pcrs(&who->pcrs, &i, &v);
	name_write_tpm2_prin(out, who->spki_sha256, wr_span(&i), wr_span(&v));
}

void root_statement_write(const struct root_identity *who, int64_t now, struct wr *out)
{
	if (who->name_n == 0) {
		wr_varint(out, NODE_SAYS);
		root_name_write(who, out);
		wr_varint(out, 1);
		wr_varint(out, (uint64_t)now);
		wr_varint(out, 1);
		wr_varint(out, (uint64_t)(now > INT64_MAX - YEAR ? INT64_MAX : now + YEAR));
	}
	wr_varint(out, NODE_SPEAKSFOR);
	name_write_key_prin(out, who->sign_sha256, false);
	root_name_write(who, out);
}

int root_extension_write(const struct root_config *config, struct wr *out)
{
	uint8_t manifest[64];
	struct wr w = wr_to(manifest, sizeof manifest);
	const struct program_name measured = { .ext = "Manifest", .sha256 = config->manifest, .n_args = -1 };
	name_write_program(&w, &measured);
	return config->guard.n > 0 ? name_join(wr_span(&w), config->guard, out)
				   : (wr_span_bytes(out, wr_span(&w)), (int)out->err);
}
