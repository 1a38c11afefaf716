/* SPDX-License-Identifier: MIT
 *
 * taopolicy authorize: a domain's word that a TPM may open a host's keys in the state that a manifest, and what is booted
 * before, come to (crypto/authorization.h).
 */
#include "tao_policy.h"

#include <string.h>

#include "../crypto/authorization.h"
#include "../crypto/eventlog.h"
#include "../crypto/fields.h"
#include "../crypto/policy_key.h"
#include "verify_cmd.h"

/* --pcrs N=HEX,…: those that the manifest names, but for the last. */
static int take_pcrs(const struct policy_run *run, uint32_t wanted, struct quote_facts *pcrs)
{
	struct rd r = rd_from(span_str(run->pcrs != NULL ? run->pcrs : ""));
	pcrs->pcrs = 0;
	while (r.err == ERR_NONE && r.n > 0) {
		uint64_t pcr = field_number(&r, QUOTE_PCRS_TRUSTED - 1);
		field_expect(&r, "=");
		field_hex(&r, pcrs->value[pcr < QUOTE_PCRS_TRUSTED ? pcr : 0], SHA256_SIZE,
			  r.n > 2 * SHA256_SIZE ? "," : "");
		if (r.err == ERR_NONE)
			pcrs->pcrs |= (uint32_t)1 << pcr;
	}
	if (r.err != ERR_NONE)
		return policy_complain(run, POLICY_EXIT_USAGE, "--pcrs: not as 4=HEX,7=HEX, 64 digits each");
	if (pcrs->pcrs == wanted)
		return POLICY_EXIT_OK;
	for (int i = 0; i < QUOTE_PCRS_TRUSTED; i++)
		if (((pcrs->pcrs ^ wanted) >> i & 1) != 0)
			return policy_complain(run, POLICY_EXIT_USAGE,
					       (wanted >> i & 1) != 0 ? "PCR %d is in the manifest: --pcrs %d=HEX"
								      : "PCR %d is not in the manifest, or is the "
									"one that follows from it: no --pcrs %d=",
					       i, i);
	return POLICY_EXIT_OK;
}

static int take_version(const struct policy_run *run, struct authorization *a)
{
	struct rd r = rd_from(span_str(run->version != NULL ? run->version : "1"));
	a->version = (uint32_t)field_number(&r, AUTHORIZATION_VERSION_MAX);
	a->index = AUTHORIZATION_INDEX;
	return rd_end(&r) == ERR_NONE && a->version > 0
		       ? POLICY_EXIT_OK
		       : policy_complain(run, POLICY_EXIT_USAGE, "%s: not a version", run->version);
}

static int predict(const struct policy_run *run, const struct prediction *p, struct authorization *a)
{
	uint8_t ready[SHA256_SIZE];
	const struct host *host = &p->manifest.host;
	if (host->root_device == NULL)
		return policy_complain(run, POLICY_EXIT_NO, "%s: its host.root is not of type \"tpm\"",
				       run->argv[0]);
	uint32_t own = (uint32_t)1 << host->root_pcr;
	int status = take_pcrs(run, host->root_pcrs & ~own, &a->pcrs);
	if (status != POLICY_EXIT_OK)
		return status;
	eventlog_predict(host->root_pcr_base, p->manifest.sha256.b, wr_span(&p->guard),
			 a->pcrs.value[host->root_pcr], ready);
	a->pcrs.pcrs |= own;
	return POLICY_EXIT_OK;
}

static int sign(const struct policy_run *run, const struct host *host, struct authorization *a)
{
	uint8_t file[AUTHORIZATION_FILE_MAX], hash[SHA256_SIZE];
	struct wr w = wr_to(file, sizeof file);
	struct policy_key key;
	int status = policy_read_key(run, &key);
	if (status != POLICY_EXIT_OK)
		return status;
	int r = authorization_sign(sha256_pick(), a, key.scalar);
	wipe(&key, sizeof key);
	sha256_of(sha256_pick(), span_of(a->spki, sizeof a->spki), hash);
	if (host->root_domain_key == NULL || memcmp(hash, host->root_domain_key, sizeof hash) != 0)
		return policy_complain(run, POLICY_EXIT_NO, "%s: its host.root.domain_key is another key",
				       run->argv[0]);
	authorization_write(a, &w);
	return policy_give(run, r, &w);
}

int policy_cmd_authorize(const struct policy_run *run)
{
	static struct prediction p;
	static struct authorization a;
	struct diag diag = { "" };
	if (!verify_load(run->argv[0], &p, &diag))
		return policy_complain(run, POLICY_EXIT_NO, "%s", diag.text);
	int status = take_version(run, &a);
	if (status == POLICY_EXIT_OK)
		status = predict(run, &p, &a);
	return status == POLICY_EXIT_OK ? sign(run, &p.manifest.host, &a) : status;
}
