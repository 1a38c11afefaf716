/* SPDX-License-Identifier: MIT
 *
 * What a Tao consists of; for crypto/tao.c, and for whoever makes room for one. It points into itself: it may
 * not be moved or copied. */
#ifndef TAO_TAO_STATE_H
#define TAO_TAO_STATE_H

#include "gcm.h"
#include "keys.h"
#include "tao.h"

struct tao {
	bool ready; /* between tao_init and tao_wipe */
	const struct sha256_impl *sha256;
	struct gcm seal;
	br_hmac_drbg_context drbg;
	uint8_t sign_key[32];
	uint8_t derive_key[32];
	uint8_t spki[KEY_SPKI_SIZE]; /* of sign_key */
	uint64_t added, removed;
	size_t delegation_n;
	uint8_t delegation[TAO_DELEGATION_MAX];
};

#endif
