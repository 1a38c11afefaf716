/* SPDX-License-Identifier: MIT
 *
 * A counter in the TPM that is never set back (TPM.md, section 6): an NV index that obeys who knows its authorization,
 * and nobody else; the owner can destroy it, which is seen. All needs the salted session of tpm_session.h, blocks, and
 * returns 0 or a negative enum err.
 */
#ifndef TAO_TPM_NV_H
#define TAO_TPM_NV_H

#include "tpm_session.h"

/* Where the first one is tried, in the owner's range. */
#define TPM_NV_INDEX 0x01817461
#define TPM_NV_TRIES 16

/* A counter, AUTHWRITE, AUTHREAD, NO_DA. */
#define TPM_NV_ATTRIBUTES 0x02040014

/* A handle for an index. ERR_NOT_FOUND: there is none; ERR_EXISTS: none that we know how to name. */
int tpm_nv_find(struct tpm *tpm, uint32_t index, ESYS_TR *nv);
/* The same, with the authorization that it is to have. */
int tpm_nv_open(struct tpm *tpm, uint32_t index, const uint8_t auth[static 32], ESYS_TR *nv);
/* Makes an index that counts; auth: 32 bytes, or NULL for none. The TPM begins above every counter that it ever had. */
int tpm_nv_define(struct tpm *tpm, uint32_t index, uint32_t attributes, const uint8_t *auth);
int tpm_nv_count(struct tpm *tpm, ESYS_TR nv);
int tpm_nv_read(struct tpm *tpm, ESYS_TR nv, uint64_t *n);
/* n bytes from at on, of any index. */
int tpm_nv_bytes(struct tpm *tpm, ESYS_TR nv, uint16_t at, uint16_t n, uint8_t *dst);
/* Did the last failure mean that the index is not ours? */
bool tpm_nv_is_foreign(const struct tpm *tpm);

#endif
