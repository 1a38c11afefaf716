/* SPDX-License-Identifier: MIT */
#include "tpm_link.h"

#define MAGIC 0x54616f5470326c6b
/* The high byte of a handle is its kind (TPM 2.0 part 2, section 7.2). */
#define HANDLE_KIND(handle) ((handle) >> 24)

/* Does the response begin with the handle of something that has to be flushed? */
static bool makes(TPM2_CC command)
{
	switch (command) {
	case TPM2_CC_CreatePrimary:
	case TPM2_CC_Load:
	case TPM2_CC_LoadExternal:
	case TPM2_CC_CreateLoaded:
	case TPM2_CC_ContextLoad:
	case TPM2_CC_StartAuthSession:
	case TPM2_CC_HMAC_Start:
	case TPM2_CC_HashSequenceStart:
		return true;
	default:
		return false;
	}
}

static bool flushable(TPM2_HANDLE handle)
{
	uint32_t kind = HANDLE_KIND(handle);
	return kind == TPM2_HT_TRANSIENT || kind == TPM2_HT_HMAC_SESSION || kind == TPM2_HT_POLICY_SESSION;
}

static void remember(struct tpm_link *link, TPM2_HANDLE handle)
{
	if (flushable(handle) && link->n_made < TPM_MADE_MAX)
		link->made[link->n_made++] = handle;
}

static void forget(struct tpm_link *link, TPM2_HANDLE handle)
{
	for (size_t i = 0; i < link->n_made; i++)
		if (link->made[i] == handle) {
			link->n_made--;
			memmove(&link->made[i], &link->made[i + 1], (link->n_made - i) * sizeof link->made[0]);
			return;
		}
}

/* Command: tag, size, command code, then handles and the rest. */
static void keep_ledger(struct tpm_link *link, struct span command, struct span response)
{
	struct rd c = rd_from(command), r = rd_from(response);
	rd_bytes(&c, 6);
	TPM2_CC code = rd_be32(&c);
	rd_bytes(&r, TPM_HEADER_SIZE);
	if (code == TPM2_CC_FlushContext)
		forget(link, rd_be32(&c));
	else if (makes(code))
		remember(link, rd_be32(&r));
}

/* A TPM's codes have 12 bits; a resource manager puts its layer above them. Others, in a response, would pass for
 * errors of tpm2-tss itself, some of which make it call again. */
static bool plausible(TPM2_RC code)
{
	TPM2_RC layer = code & TSS2_RC_LAYER_MASK;
	return (code & ~(TPM2_RC)TSS2_RC_LAYER_MASK) < 0x1000 &&
	       (layer == TSS2_TPM_RC_LAYER || layer == TSS2_RESMGR_RC_LAYER || layer == TSS2_RESMGR_TPM_RC_LAYER);
}

/* A response is a frame of exactly its size, with a tag of TPM 2.0 or, for errors, of TPM 1.2. */
static bool well_framed(struct span response, TPM2_RC *code)
{
	struct rd r = rd_from(response);
	uint16_t tag = rd_be16(&r);
	uint32_t size = rd_be32(&r);
	*code = rd_be32(&r);
	if (r.err != ERR_NONE || size != response.n || !plausible(*code))
		return false;
	/* A failure carries nothing but its code. */
	if (*code != TPM2_RC_SUCCESS)
		return size == TPM_HEADER_SIZE && (tag == TPM2_ST_NO_SESSIONS || tag == TPM2_ST_RSP_COMMAND);
	return tag == TPM2_ST_SESSIONS || tag == TPM2_ST_NO_SESSIONS;
}

int tpm_link_exchange(struct tpm_link *link, struct span command)
{
	link->n = 0;
	link->code = TPM2_RC_SUCCESS;
	int n = link->platform->transmit(link->platform->ctx, command, link->response, sizeof link->response);
	if (n >= 0 && !well_framed(span_of(link->response, (size_t)n), &link->code))
		n = ERR_MALFORMED;
	link->err = n < 0 ? (enum err)n : ERR_NONE;
	if (n < 0)
		return n;
	link->n = (size_t)n;
	if (link->code == TPM2_RC_SUCCESS)
		keep_ledger(link, command, span_of(link->response, link->n));
	return ERR_NONE;
}

static TSS2_RC transmit(TSS2_TCTI_CONTEXT *tcti, size_t n, const uint8_t *command)
{
	struct tpm_link *link = (struct tpm_link *)tcti;
	return tpm_link_exchange(link, span_of(command, n)) < 0 ? TSS2_TCTI_RC_IO_ERROR : TSS2_RC_SUCCESS;
}

/* Without a destination: how much there is. The deadline was transmit's. */
static TSS2_RC receive(TSS2_TCTI_CONTEXT *tcti, size_t *n, uint8_t *dst, int32_t timeout)
{
	struct tpm_link *link = (struct tpm_link *)tcti;
	(void)timeout;
	if (link->n == 0)
		return TSS2_TCTI_RC_BAD_SEQUENCE;
	size_t room = *n;
	*n = link->n;
	if (dst == NULL)
		return TSS2_RC_SUCCESS;
	if (room < link->n)
		return TSS2_TCTI_RC_INSUFFICIENT_BUFFER;
	memcpy(dst, link->response, link->n);
	link->n = 0;
	return TSS2_RC_SUCCESS;
}

static void finalize(TSS2_TCTI_CONTEXT *tcti)
{
	(void)tcti; /* the link belongs to its owner */
}

void tpm_link_init(struct tpm_link *link, const struct platform *platform)
{
	memset(link, 0, sizeof *link);
	link->platform = platform;
	link->tcti.v1.magic = MAGIC;
	link->tcti.v1.version = 2;
	link->tcti.v1.transmit = transmit;
	link->tcti.v1.receive = receive;
	link->tcti.v1.finalize = finalize;
}

static void flush(struct tpm_link *link, TPM2_HANDLE handle)
{
	uint8_t command[14];
	struct wr w = wr_to(command, sizeof command);
	wr_be16(&w, TPM2_ST_NO_SESSIONS);
	wr_be32(&w, sizeof command);
	wr_be32(&w, TPM2_CC_FlushContext);
	wr_be32(&w, handle);
	(void)tpm_link_exchange(link, wr_span(&w)); /* takes it off the ledger */
	link->n = 0;
}

void tpm_link_drop(struct tpm_link *link, TPM2_HANDLE handle)
{
	for (size_t i = 0; link->err == ERR_NONE && i < link->n_made; i++)
		if (link->made[i] == handle) {
			flush(link, handle);
			return;
		}
}

size_t tpm_link_flush(struct tpm_link *link)
{
	for (size_t i = link->n_made; i > 0; i--)
		flush(link, link->made[i - 1]);
	return link->n_made;
}

/* Esys_Initialize calls these when it is given no TCTI, which we never do. They would load libraries. */
TSS2_RC Tss2_TctiLdr_Initialize(const char *name, TSS2_TCTI_CONTEXT **context);
void Tss2_TctiLdr_Finalize(TSS2_TCTI_CONTEXT **context);

TSS2_RC Tss2_TctiLdr_Initialize(const char *name, TSS2_TCTI_CONTEXT **context)
{
	(void)name, (void)context;
	return TSS2_TCTI_RC_NOT_IMPLEMENTED;
}

void Tss2_TctiLdr_Finalize(TSS2_TCTI_CONTEXT **context)
{
	(void)context;
}
