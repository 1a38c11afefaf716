/* SPDX-License-Identifier: MIT
 *
 * A file system under dm-verity, and the file of its hashes as veritysetup(8) makes it: a superblock of version 1
 * (cryptsetup's wiki, DMVerity, "Verity superblock format"), and from the second block on the tree, its top first (the
 * kernel's Documentation/admin-guide/device-mapper/verity.rst). Of what these formats allow, that which veritysetup writes
 * by itself: hash type 1, SHA-256, blocks of 4096 bytes. Pure. Any bytes are fine as input.
 *
 * The root hash is that of the salt and the top block. How high the tree below it is, it does not say: whoever makes an
 * image could have blocks of its data taken for hashes of other data. So the superblock counts as much as the root hash.
 */
#ifndef TAO_VERITY_H
#define TAO_VERITY_H

#include "../crypto/base.h"

#define VERITY_BLOCK 4096U
#define VERITY_SUPERBLOCK 512U
/* What is handed over of an image (image.h, IMAGE_VERITY): the superblock, and the root hash. */
#define VERITY_RECORD (VERITY_SUPERBLOCK + 32U)
/* Two devices of at most SYS_DEVICE_MAX, numbers, root hash and salt, in hexadecimal. */
#define VERITY_TABLE_MAX 768

struct verity {
	uint64_t data_blocks; /* at least 1, and their bytes fit into 63 bits */
	struct span salt;     /* in the superblock */
};

/* image, hashes: bytes of the files, or UINT64_MAX where that is not for us to see to. NULL, or what it has (a few words)
 * that it may not have. */
const char *verity_read(struct span superblock, uint64_t image, uint64_t hashes, struct verity *v);
/* What the first block of an image says that it is, by the name that mount(8) has for it. NULL: nothing that we mount. */
const char *verity_file_system(struct span block);
/* The target's parameters as the kernel takes them, NUL-terminated, in VERITY_TABLE_MAX bytes. record: VERITY_RECORD bytes,
 * the superblock of which has been read into v. */
void verity_table(const struct verity *v, const uint8_t *record, const char *data, const char *hashes,
		  char *table);

#endif
