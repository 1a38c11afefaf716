/* SPDX-License-Identifier: MIT */
#include "verity.h"

#include <stdio.h>

/* Where in the superblock. */
enum {
	UUID = 16,
	ALGORITHM = 32,
	BLOCK_SIZES = 64,
	DATA_BLOCKS = 72,
	SALT_SIZE = 80,
	SALT = 88,
};
#define SALT_MAX 256U
#define HASHES_PER_BLOCK (VERITY_BLOCK / 32)

static uint64_t little_endian(const uint8_t *p, unsigned n)
{
	uint64_t v = 0;
	while (n-- > 0)
		v = v << 8 | p[n];
	return v;
}

/* The superblock's block, and those of each level of the tree, of which a single block of data has none. */
static uint64_t hash_blocks(uint64_t n)
{
	uint64_t sum = 1;
	while (n > 1) {
		n = (n + HASHES_PER_BLOCK - 1) / HASHES_PER_BLOCK;
		sum += n;
	}
	return sum;
}

const char *verity_read(struct span superblock, uint64_t image, uint64_t hashes, struct verity *v)
{
	const uint8_t *p = superblock.p;
	if (superblock.n < VERITY_SUPERBLOCK || memcmp(p, "verity\0\0\1\0\0\0\1\0\0", UUID) != 0)
		return "no superblock of dm-verity, version 1, hash type 1";
	if (memcmp(p + ALGORITHM, "sha256", sizeof "sha256") != 0)
		return "another algorithm than sha256";
	if (memcmp(p + BLOCK_SIZES, "\0\x10\0\0\0\x10\0", 8) != 0)
		return "blocks of another size than 4096";
	v->data_blocks = little_endian(p + DATA_BLOCKS, 8);
	v->salt = span_of(p + SALT, (size_t)little_endian(p + SALT_SIZE, 2));
	if (v->salt.n > SALT_MAX)
		return "a salt of more than 256 bytes";
	if (v->data_blocks == 0 || v->data_blocks > image / VERITY_BLOCK ||
	    v->data_blocks > INT64_MAX / VERITY_BLOCK)
		return "hashes of a longer image";
	return hash_blocks(v->data_blocks) > hashes / VERITY_BLOCK ? "fewer hashes than it says" : NULL;
}

const char *verity_file_system(struct span block)
{
	if (block.n < VERITY_BLOCK)
		return NULL;
	if (memcmp(block.p, "hsqs", 4) == 0)
		return "squashfs";
	return memcmp(block.p + 1024, "\xe2\xe1\xf5\xe0", 4) == 0 ? "erofs" : NULL;
}

void verity_table(const struct verity *v, const uint8_t *record, const char *data, const char *hashes, char *table)
{
	int n = snprintf(table, VERITY_TABLE_MAX, "1 %.63s %.63s 4096 4096 %llu 1 sha256 ", data, hashes,
			 (unsigned long long)v->data_blocks);
	struct wr out = wr_to(table + n, VERITY_TABLE_MAX - (size_t)n);
	wr_hex(&out, span_of(record + VERITY_SUPERBLOCK, 32));
	wr_u8(&out, ' ');
	/* Of no salt a dash. */
	if (v->salt.n == 0)
		wr_u8(&out, '-');
	wr_hex(&out, v->salt);
	wr_u8(&out, '\0');
}
