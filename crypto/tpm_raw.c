/* SPDX-License-Identifier: MIT */
#include "authorization.h"
#include "tpm_raw.h"

void tpm_command(struct tpm_command *c, TPM2_CC code)
{
	c->w = wr_to(c->bytes, sizeof c->bytes);
	wr_be16(&c->w, TPM2_ST_NO_SESSIONS);
	wr_be32(&c->w, 0); /* its size */
	wr_be32(&c->w, code);
}

void tpm_command_empty_auth(struct tpm_command *c)
{
	static const uint8_t area[] = { 0, 0, 0, 9, 0x40, 0, 0, 9 /* TPM_RS_PW */, 0, 0, 0, 0, 0 };
	wr_bytes(&c->w, area, sizeof area);
	c->bytes[1] = TPM2_ST_SESSIONS & 0xff;
}

void tpm_command_sized(struct tpm_command *c, const void *p, size_t n)
{
	wr_be16(&c->w, (uint16_t)n);
	wr_bytes(&c->w, p, n);
}

int tpm_command_send(struct tpm *tpm, const char *step, struct tpm_command *c)
{
	struct wr size = wr_to(c->bytes + 2, 4);
	wr_be32(&size, (uint32_t)c->w.n);
	int r = c->w.err != ERR_NONE ? ERR_INTERNAL : tpm_link_exchange(&tpm->link, wr_span(&c->w));
	c->answer = rd_from(span_of(tpm->link.response, r < 0 ? 0 : tpm->link.n));
	(void)rd_bytes(&c->answer, TPM_HEADER_SIZE);
	tpm->link.n = 0;
	return r < 0 ? tpm_failed(tpm, step, 0, r) : tpm_result(tpm, step, tpm->link.code);
}

struct rd tpm_parameters(const struct tpm *tpm)
{
	struct rd r = rd_from(span_of(tpm->link.response, sizeof tpm->link.response));
	(void)rd_bytes(&r, TPM_HEADER_SIZE);
	struct span parameters = rd_bytes(&r, rd_be32(&r));
	if (r.err == ERR_NONE)
		r = rd_from(parameters);
	return r;
}

uint32_t tpm_handle_of(struct tpm *tpm, ESYS_TR object)
{
	TPM2_HANDLE handle = 0;
	(void)Esys_TR_GetTpmHandle(tpm->esys, object, &handle);
	return handle;
}

int tpm_command_on(struct tpm *tpm, const char *step, TPM2_CC code, ESYS_TR object)
{
	struct tpm_command c;
	tpm_command(&c, code);
	wr_be32(&c.w, tpm_handle_of(tpm, object));
	return tpm_command_send(tpm, step, &c);
}

int tpm_create_primary(struct tpm *tpm, TPM2_HANDLE hierarchy, struct span shape, TPM2_HANDLE *handle,
		       struct wr *public)
{
	static const char step[] = "CreatePrimary";
	struct tpm_command c;
	tpm_command(&c, TPM2_CC_CreatePrimary);
	wr_be32(&c.w, hierarchy);
	tpm_command_empty_auth(&c);
	wr_be16(&c.w, 4); /* what is secret: no authorization, no data */
	wr_be32(&c.w, 0);
	tpm_command_sized(&c, shape.p, shape.n);
	wr_be16(&c.w, 0); /* no data from outside, no PCRs */
	wr_be32(&c.w, 0);
	int r = tpm_command_send(tpm, step, &c);
	*handle = rd_be32(&c.answer);
	(void)rd_be32(&c.answer);
	wr_span_bytes(public, rd_bytes(&c.answer, rd_be16(&c.answer)));
	return r == ERR_NONE && (c.answer.err != ERR_NONE || public->err != ERR_NONE)
		       ? tpm_failed(tpm, step, 0, ERR_MALFORMED)
		       : r;
}

int tpm_adopt(struct tpm *tpm, const char *step, TPM2_HANDLE handle, struct span public, ESYS_TR *object)
{
	uint8_t name[TPM_NAME_SIZE];
	TPM2B_NAME *known = NULL;
	int r = tpm_result(
		tpm, step,
		Esys_TR_FromTPMPublic(tpm->esys, handle, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, object));
	if (r == ERR_NONE)
		r = tpm_result(tpm, step, Esys_TR_GetName(tpm->esys, *object, &known));
	tpm_name(public, name);
	if (r == ERR_NONE && !span_equal(span_of(known->name, known->size), span_of(name, sizeof name)))
		r = tpm_failed(tpm, step, 0, ERR_MALFORMED);
	Esys_Free(known);
	if (r < 0)
		tpm_link_drop(&tpm->link, handle);
	return r;
}

/* ---- GetCapability ---- */

/* The first that there is from property on: 1, and then the answer has it; or 0. */
static int capability(struct tpm *tpm, struct tpm_command *c, TPM2_CAP what, uint32_t property)
{
	static const char step[] = "GetCapability";
	tpm_command(c, TPM2_CC_GetCapability);
	wr_be32(&c->w, what);
	wr_be32(&c->w, property);
	wr_be32(&c->w, 1);
	int r = tpm_command_send(tpm, step, c);
	(void)rd_u8(&c->answer); /* are there more */
	bool same = rd_be32(&c->answer) == what;
	bool any = rd_be32(&c->answer) > 0 && rd_be32(&c->answer) == property;
	if (r == ERR_NONE && !same)
		r = tpm_failed(tpm, step, 0, ERR_MALFORMED);
	return r < 0 ? r : any;
}

int tpm_loaded(struct tpm *tpm, TPM2_HANDLE handle)
{
	struct tpm_command c;
	return capability(tpm, &c, TPM2_CAP_HANDLES, handle);
}

int tpm_property(struct tpm *tpm, TPM2_PT property, uint32_t *value)
{
	struct tpm_command c;
	int r = capability(tpm, &c, TPM2_CAP_TPM_PROPERTIES, property);
	*value = rd_be32(&c.answer);
	return r > 0 ? ERR_NONE : r < 0 ? r : tpm_failed(tpm, "GetCapability", 0, ERR_NOT_FOUND);
}
