/* SPDX-License-Identifier: MIT
 *
 * What a root in a TPM keeps on disk, in one file that is replaced whole: the blobs that the TPM opens, the key set
 * under the key that stands in one of them, and what it was sealed to, by which a later boot can say what has changed.
 *
 * The file, all integers big-endian: magic "TAOTPM" and two zero bytes, u16 version 2, u32 number of bytes that follow
 * but the checksum; names of the storage root key and of the endorsement key (34 bytes each, zeros: not known); u32 NV
 * index that counts (counters_file.h); u32 PCRs and their values in ascending order; the event log up to READY, the blobs of the attestation key and of the sealed
 * key, public then private, each after a u16 size; 12 bytes nonce, the key set (keyset.h) under AES-256-GCM, 16 bytes
 * tag; SHA-256 of all before it. The checksum is against accidents; what an attacker changes the TPM or the tag finds.
 */
#ifndef TAO_TPM_STATE_H
#define TAO_TPM_STATE_H

#include "keyset.h"
#include "tpm_objects.h"

/* Header, START, MANIFEST, and GUARD with the longest name of a guard. */
#define TPM_STATE_LOG_MAX 640
#define TPM_STATE_KEYS_SIZE (12 + KEYSET_FILE_SIZE + 16)
/* 14, 68, index, 4 + 16 * 32, three, four of the largest, keys, checksum. */
#define TPM_STATE_MAX (14 + 68 + 4 + 516 + 2 + TPM_STATE_LOG_MAX + 8 + 2 * 384 + TPM_STATE_KEYS_SIZE + 32)

struct tpm_state {
	uint8_t srk_name[TPM_NAME_SIZE], endorsement_name[TPM_NAME_SIZE];
	uint32_t nv_index;
	struct quote_facts pcrs; /* only pcrs and value */
	uint16_t log_n;
	uint8_t log[TPM_STATE_LOG_MAX];
	struct tpm_blob ak, kek;
	uint8_t keys[TPM_STATE_KEYS_SIZE];
};

void tpm_state_write(const struct tpm_state *state, struct wr *out);
/* ERR_TRUNCATED, ERR_MALFORMED (no such file), ERR_BAD_VERSION, ERR_TRAILING, ERR_CHECKSUM (torn or changed). */
int tpm_state_read(struct tpm_state *state, struct span file);

/* The key set into state->keys, and back: ERR_BAD_SEAL, or what keyset_read says. nonce: fresh, random. */
void tpm_state_seal(struct tpm_state *state, const struct keyset *keys, const uint8_t kek[static TPM_KEK_SIZE],
		    const uint8_t nonce[static 12]);
int tpm_state_open(const struct tpm_state *state, const uint8_t kek[static TPM_KEK_SIZE], struct keyset *keys);

#endif
