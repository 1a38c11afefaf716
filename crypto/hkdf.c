/* SPDX-License-Identifier: MIT */
#include "hkdf.h"

int hkdf(const struct sha256_impl *impl, struct span key, struct span salt, struct span info, uint8_t *dst,
	 size_t n)
{
	br_hkdf_context c;
	if (n > HKDF_MAX)
		return ERR_RANGE;
	/* Without a salt RFC 5869 takes a block of zeros, which is what HMAC makes of an empty key. */
	br_hkdf_init(&c, impl->class, salt.n > 0 ? (const void *)salt.p : "", salt.n);
	br_hkdf_inject(&c, key.p, key.n);
	br_hkdf_flip(&c);
	br_hkdf_produce(&c, info.n > 0 ? (const void *)info.p : "", info.n, dst, n);
	wipe(&c, sizeof c);
	return ERR_NONE;
}
