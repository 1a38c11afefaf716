/* SPDX-License-Identifier: MIT
 *
 * How a domain vouches for a machine's attestation key (TPM.md, section 7): two files, over any transport.
 *
 * The machine's request says which endorsement key its TPM has, with the manufacturer's certificate, and which attestation
 * key. The domain, once it knows that the endorsement key is a real TPM's, states that it trusts the attestation key, and
 * encrypts that statement to a credential that only a TPM with both keys gives out. So nothing need come back, and a
 * request that lies gains nothing.
 *
 * Both are text, one field a line, bytes as hex:
 *
 *	tao-enroll-request: 1			tao-enroll-answer: 1
 *	ek: TPMT_PUBLIC				ak: name of the attestation key
 *	ak: TPMT_PUBLIC				credential: TPMS_ID_OBJECT
 *	certificate: DER, may be empty		secret: what encrypts its seed, for the endorsement key
 *						statement: NONCE CIPHERTEXT TAG, AES-256-GCM under the credential
 *
 * Pure.
 */
#ifndef TAO_ENROLL_H
#define TAO_ENROLL_H

#include "gcm.h"
#include "quote.h"

#define ENROLL_EK_MAX 320
#define ENROLL_CERTIFICATE_MAX 4096
#define ENROLL_STATEMENT_MAX 1024
#define ENROLL_SECRET_MAX 256
#define ENROLL_NAME_SIZE 34
/* TPM2B HMAC, TPM2B of a TPM2B of 32 bytes, encrypted. */
#define ENROLL_CREDENTIAL_SIZE 68
/* Everything as hex, and the words; of a request, and of an answer. */
#define ENROLL_FILE_MAX (2 * (ENROLL_EK_MAX + QUOTE_AK_PUBLIC_SIZE + ENROLL_CERTIFICATE_MAX) + 128)

#define ENROLL_ANSWER_MAX                                                                                         \
	(2 * (ENROLL_NAME_SIZE + ENROLL_CREDENTIAL_SIZE + ENROLL_SECRET_MAX + ENROLL_STATEMENT_MAX + 28) + 128)

struct enroll_request {
	uint8_t ek[ENROLL_EK_MAX], ak[QUOTE_AK_PUBLIC_SIZE], certificate[ENROLL_CERTIFICATE_MAX];
	size_t ek_n, certificate_n;
};

struct enroll_answer {
	uint8_t ak_name[ENROLL_NAME_SIZE], credential[ENROLL_CREDENTIAL_SIZE];
	size_t secret_n, statement_n;
	uint8_t secret[ENROLL_SECRET_MAX];
	uint8_t nonce[GCM_NONCE_SIZE], statement[ENROLL_STATEMENT_MAX], tag[GCM_TAG_SIZE];
};

void enroll_request_write(const struct enroll_request *request, struct wr *out);
/* ERR_TRUNCATED, ERR_MALFORMED, ERR_TRAILING. What the keys are is not looked at. */
int enroll_request_read(struct enroll_request *request, struct span file);
void enroll_answer_write(const struct enroll_answer *answer, struct wr *out);
int enroll_answer_read(struct enroll_answer *answer, struct span file);

/* The statement in place, by the credential; nonce is there. False: another credential, or changed. */
void enroll_seal(struct enroll_answer *answer, const uint8_t credential[static GCM_KEY_SIZE]);
bool enroll_open(struct enroll_answer *answer, const uint8_t credential[static GCM_KEY_SIZE]);

#endif
