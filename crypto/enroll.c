/* SPDX-License-Identifier: MIT */
#include "enroll.h"
#include "fields.h"

#define AAD "Tao Enrolment V1"

#define FIELD(type, before, member, n_at)                                                                         \
	{                                                                                                         \
		before, offsetof(struct type, member), sizeof((struct type *)0)->member, n_at                     \
	}

static const struct field request_fields[] = {
	FIELD(enroll_request, "tao-enroll-request: 1\nek: ", ek, offsetof(struct enroll_request, ek_n)),
	FIELD(enroll_request, "\nak: ", ak, 0),
	FIELD(enroll_request, "\ncertificate: ", certificate, offsetof(struct enroll_request, certificate_n)),
	{ .before = "\n" },
};
static const struct field answer_fields[] = {
	FIELD(enroll_answer, "tao-enroll-answer: 1\nak: ", ak_name, 0),
	FIELD(enroll_answer, "\ncredential: ", credential, 0),
	FIELD(enroll_answer, "\nsecret: ", secret, offsetof(struct enroll_answer, secret_n)),
	FIELD(enroll_answer, "\nstatement: ", nonce, 0),
	FIELD(enroll_answer, " ", statement, offsetof(struct enroll_answer, statement_n)),
	FIELD(enroll_answer, " ", tag, 0),
	{ .before = "\n" },
};

void enroll_request_write(const struct enroll_request *request, struct wr *out)
{
	fields_write(request_fields, request, out);
}

int enroll_request_read(struct enroll_request *request, struct span file)
{
	return fields_read(request_fields, request, file);
}

void enroll_answer_write(const struct enroll_answer *answer, struct wr *out)
{
	fields_write(answer_fields, answer, out);
}

int enroll_answer_read(struct enroll_answer *answer, struct span file)
{
	return fields_read(answer_fields, answer, file);
}

void enroll_seal(struct enroll_answer *answer, const uint8_t credential[static GCM_KEY_SIZE])
{
	struct gcm gcm;
	gcm_init(&gcm, gcm_pick(), credential);
	gcm_encrypt(&gcm, answer->nonce, span_str(AAD), span_of(answer->ak_name, sizeof answer->ak_name),
		    answer->statement, answer->statement_n, answer->tag);
	wipe(&gcm, sizeof gcm);
}

bool enroll_open(struct enroll_answer *answer, const uint8_t credential[static GCM_KEY_SIZE])
{
	struct gcm gcm;
	gcm_init(&gcm, gcm_pick(), credential);
	bool right =
		gcm_decrypt(&gcm, answer->nonce, span_str(AAD), span_of(answer->ak_name, sizeof answer->ak_name),
			    answer->statement, answer->statement_n, answer->tag);
	wipe(&gcm, sizeof gcm);
	return right;
}
