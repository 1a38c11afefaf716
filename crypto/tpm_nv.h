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

/* A handle for an index, with the authorization that it is to have. ERR_NOT_FOUND: there is none. */
int tpm_nv_open(struct tpm *tpm, uint32_t index, const uint8_t auth[static 32], ESYS_TR *nv);
/* Makes the index. The TPM begins above every counter that it ever had. */
int tpm_nv_define(struct tpm *tpm, uint32_t index, const uint8_t auth[static 32]);
int tpm_nv_count(struct tpm *tpm, ESYS_TR nv);
int tpm_nv_read(struct tpm *tpm, ESYS_TR nv, uint64_t *n);
/* Did the last failure mean that the index is not ours? */
bool tpm_nv_is_foreign(const struct tpm *tpm);

#endif
