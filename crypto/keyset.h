/* SPDX-License-Identifier: MIT
 *
 * The host's keys, and the file that the soft root keeps them in.
 *
 * The file, all integers big-endian: magic "TAOKEYS" and a zero byte, u16 version 1, u32 length of what follows
 * but the checksum, the three keys of 32 bytes in the order below, SHA-256 of all before it. Damage, another
 * program's file and another version's file are each told apart.
 */
#ifndef TAO_KEYSET_H
#define TAO_KEYSET_H

#include "keys.h"

#define KEYSET_KEY_SIZE 32
#define KEYSET_FILE_SIZE (8 + 2 + 4 + 3 * KEYSET_KEY_SIZE + SHA256_SIZE)
#define KEYSET_ENTROPY_SIZE 80

struct keyset {
	uint8_t sign[KEYSET_KEY_SIZE];	 /* P-256 scalar */
	uint8_t seal[KEYSET_KEY_SIZE];	 /* AES-256 */
	uint8_t derive[KEYSET_KEY_SIZE]; /* HKDF input */
};

/* A new one. */
int keyset_make(struct keyset *keys, const uint8_t entropy[static KEYSET_ENTROPY_SIZE]);
/* A key for one use of the root's own, such as "store"; labels are NUL-terminated. */
void keyset_derive(const struct keyset *keys, const char *label, uint8_t dst[static KEYSET_KEY_SIZE]);

void keyset_write(const struct keyset *keys, struct wr *out);
/* ERR_TRUNCATED, ERR_MALFORMED (not a key file), ERR_BAD_VERSION, ERR_TRAILING, ERR_CHECKSUM (torn or changed),
 * ERR_RANGE (whole, but its signing key cannot be one). On failure keys are wiped. */
int keyset_read(struct keyset *keys, struct span file);

#endif
