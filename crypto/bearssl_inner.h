/* SPDX-License-Identifier: MIT
 *
 * Functions of BearSSL 0.6 that its public headers do not declare (src/inner.h there), as far as sign.c and
 * tpm_callbacks.c need them: modular integers of 31-bit words behind a header word with the bit length. All are
 * constant-time. Whether they are still what this says is shown by the comparison with br_ecdsa_i31_sign_asn1 in
 * tests/unit/test_keys.c, and by what RSA-OAEP opens in test_tpm_callbacks.c.
 */
#ifndef TAO_BEARSSL_INNER_H
#define TAO_BEARSSL_INNER_H

#include <stddef.h>
#include <stdint.h>

/* Header, and nine words for 256 bits. */
#define I31_WORDS 10

/* Big-endian bytes to an integer of their length; the same, below m and with its announced length: 1 if so. */
void br_i31_decode(uint32_t *x, const void *src, size_t len);
uint32_t br_i31_decode_mod(uint32_t *x, const void *src, size_t len, const uint32_t *m);
void br_i31_encode(void *dst, size_t len, const uint32_t *x);
/* a + b, a - b, only if ctl is 1; the carry in any case. */
uint32_t br_i31_add(uint32_t *a, const uint32_t *b, uint32_t ctl);
uint32_t br_i31_sub(uint32_t *a, const uint32_t *b, uint32_t ctl);
/* d = xy/R, x = x/R (mod m). m0i is -1/m mod 2^31. */
void br_i31_montymul(uint32_t *d, const uint32_t *x, const uint32_t *y, const uint32_t *m, uint32_t m0i);
void br_i31_from_monty(uint32_t *x, const uint32_t *m, uint32_t m0i);
uint32_t br_i31_ninv31(uint32_t x);
/* x = x/y (mod m): 1 if y can be inverted. t is room for three integers. */
uint32_t br_i31_moddiv(uint32_t *x, const uint32_t *y, const uint32_t *m, uint32_t m0i, uint32_t *t);

#endif
