/* SPDX-License-Identifier: MIT
 *
 * SHA-256, streaming, in two implementations of one class: SHA-NI instructions where the CPU has them (five
 * times as fast), BearSSL's portable C otherwise.
 *
 *	const struct sha256_impl *impl = sha256_pick();     once, at start
 *	struct sha256 hash;
 *	sha256_init(&hash, impl);
 *	sha256_update(&hash, span_of(p, n));                as often as there is data
 *	sha256_out(&hash, digest);                          does not change hash: more may follow
 *
 * impl->class can stand wherever BearSSL wants a br_hash_class (HMAC, HKDF, DRBG). Nothing here blocks,
 * allocates or fails.
 */
#ifndef TAO_SHA256_H
#define TAO_SHA256_H

#include <bearssl.h>

#include "base.h"

#define SHA256_SIZE 32

struct sha256_impl {
	const char *name; /* "sha-ni", "bearssl" */
	const br_hash_class *class;
};

struct sha256 {
	br_sha256_context ctx;
};

/* The fastest that this CPU runs. Asks CPUID, which traps in a virtual machine: call once and keep the answer. */
const struct sha256_impl *sha256_pick(void);
/* Each by itself, for tests and the self-test; NULL where the CPU lacks SHA-NI. */
const struct sha256_impl *sha256_bearssl(void);
const struct sha256_impl *sha256_ni(void);

static inline void sha256_init(struct sha256 *hash, const struct sha256_impl *impl)
{
	impl->class->init(&hash->ctx.vtable);
}

static inline void sha256_update(struct sha256 *hash, struct span bytes)
{
	hash->ctx.vtable->update(&hash->ctx.vtable, bytes.p, bytes.n);
}

static inline void sha256_out(const struct sha256 *hash, uint8_t digest[static SHA256_SIZE])
{
	hash->ctx.vtable->out(&hash->ctx.vtable, digest);
}

/* Of one piece, at once. */
void sha256_of(const struct sha256_impl *impl, struct span bytes, uint8_t digest[static SHA256_SIZE]);

#endif
