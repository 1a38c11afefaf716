/* SPDX-License-Identifier: MIT
 *
 * HKDF-SHA256 (RFC 5869). */
#ifndef TAO_HKDF_H
#define TAO_HKDF_H

#include "sha256.h"

/* 255 blocks (RFC 5869, section 2.3). */
#define HKDF_MAX 8160

/* n bytes, at most HKDF_MAX, from a key, a salt (may be empty) and what they are for. ERR_RANGE. */
int hkdf(const struct sha256_impl *impl, struct span key, struct span salt, struct span info, uint8_t *dst,
	 size_t n);

#endif
