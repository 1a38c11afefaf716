/* SPDX-License-Identifier: MIT
 *
 * link: init crypto policy
 *
 * The superblock of dm-verity: what is read of it, each reason to refuse one, and the table that the kernel gets.
 */
#include "../../init/verity.h"

#include "test.h"

#define MANY (UINT64_MAX)

static uint8_t superblock[VERITY_RECORD];
static struct verity v;

/* As veritysetup writes it: 300 blocks of data, a salt of 32 bytes. */
static void make(void)
{
	memset(superblock, 0, sizeof superblock);
	memcpy(superblock, "verity\0", 8);
	superblock[8] = superblock[12] = 1;
	memset(superblock + 16, 0xee, 16);
	memcpy(superblock + 32, "sha256", 6);
	superblock[65] = superblock[69] = 0x10;
	superblock[72] = 300 % 256;
	superblock[73] = 300 / 256;
	superblock[80] = 32;
	for (uint8_t i = 0; i < 32; i++)
		superblock[88 + i] = (uint8_t)(0xf0 + i);
	memset(superblock + VERITY_SUPERBLOCK, 0xa5, 32);
}

static const char *take(uint64_t image, uint64_t hashes)
{
	const char *why = verity_read(span_of(superblock, VERITY_SUPERBLOCK), image, hashes, &v);
	return why != NULL ? why : "";
}

TEST(a_superblock_is_read)
{
	make();
	CHECK_STR(take(MANY, MANY), "");
	CHECK_INT(v.data_blocks, 300);
	CHECK_INT(v.salt.n, 32);
	CHECK_INT(v.salt.p[31], 0x0f);
}

/* Superblock, top, and one block for each 128 of the data. */
TEST(sizes_are_those_of_the_files)
{
	make();
	CHECK_STR(take(300 * 4096, 5 * 4096), "");
	CHECK_STR(take(300 * 4096 + 4095, 5 * 4096 + 1), "");
	CHECK_STR(take(300 * 4096 - 1, 5 * 4096), "hashes of a longer image");
	CHECK_STR(take(300 * 4096, 5 * 4096 - 1), "fewer hashes than it says");
	superblock[72] = 1;
	superblock[73] = 0;
	CHECK_STR(take(4096, 4096), "");
	CHECK_STR(take(4095, 4096), "hashes of a longer image");
	superblock[72] = 128;
	CHECK_STR(take(128 * 4096, 2 * 4096), "");
	superblock[72] = 129;
	CHECK_STR(take(129 * 4096, 3 * 4096), "fewer hashes than it says");
	CHECK_STR(take(129 * 4096, 4 * 4096), "");
}

#define NO_SUPERBLOCK "no superblock of dm-verity, version 1, hash type 1"
#define BAD(change, why)                                                                                          \
	do {                                                                                                      \
		make();                                                                                           \
		change;                                                                                           \
		CHECK_STR(take(MANY, MANY), why);                                                                 \
	} while (0)

TEST(nothing_else_is_taken)
{
	BAD(superblock[0] = 'V', NO_SUPERBLOCK);
	BAD(superblock[7] = 1, NO_SUPERBLOCK);
	BAD(superblock[8] = 2, NO_SUPERBLOCK);
	BAD(superblock[11] = 1, NO_SUPERBLOCK);
	BAD(superblock[12] = 0, NO_SUPERBLOCK);
	BAD(superblock[33] = '1', "another algorithm than sha256");
	BAD(superblock[38] = '0', "another algorithm than sha256");
	BAD(superblock[65] = 2, "blocks of another size than 4096");
	BAD(superblock[69] = 2, "blocks of another size than 4096");
	BAD(superblock[67] = 1, "blocks of another size than 4096");
	BAD(superblock[81] = 2, "a salt of more than 256 bytes");
	BAD(superblock[72] = superblock[73] = 0, "hashes of a longer image");
	BAD(memset(superblock + 72, 0xff, 8), "hashes of a longer image");
	BAD((superblock[72] = superblock[73] = 0, superblock[78] = 8), "hashes of a longer image");
	make();
	CHECK(verity_read(span_of(superblock, VERITY_SUPERBLOCK - 1), MANY, MANY, &v) != NULL);
	CHECK(verity_read(span_of(NULL, 0), MANY, MANY, &v) != NULL);
}

/* As many as 63 bits of bytes: neither sum nor product leaves 64. */
TEST(the_largest_image)
{
	make();
	memset(superblock + 72, 0xff, 8);
	superblock[78] = 7;
	superblock[79] = 0;
	CHECK_STR(take(MANY, MANY), "");
	CHECK_INT(v.data_blocks, INT64_MAX / VERITY_BLOCK);
}

TEST(file_systems_are_told_by_their_magic)
{
	static uint8_t block[VERITY_BLOCK];
	CHECK(verity_file_system(span_of(block, sizeof block)) == NULL);
	memcpy(block + 1024, "\xe2\xe1\xf5\xe0", 4);
	CHECK_STR(verity_file_system(span_of(block, sizeof block)), "erofs");
	memcpy(block, "hsqs", 4);
	CHECK_STR(verity_file_system(span_of(block, sizeof block)), "squashfs");
	CHECK(verity_file_system(span_of(block, sizeof block - 1)) == NULL);
	memset(block + 1024, 0, 4);
	memcpy(block, "sqsh", 4);
	CHECK(verity_file_system(span_of(block, sizeof block)) == NULL);
}

#define ROOT "a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5"

TEST(the_table_is_the_kernels)
{
	char table[VERITY_TABLE_MAX];
	make();
	CHECK_STR(take(MANY, MANY), "");
	verity_table(&v, superblock, "/dev/loop0", "/dev/loop1", table);
	CHECK_STR(table, "1 /dev/loop0 /dev/loop1 4096 4096 300 1 sha256 " ROOT
			 " f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff000102030405060708090a0b0c0d0e0f");
	superblock[80] = 0;
	CHECK_STR(take(MANY, MANY), "");
	verity_table(&v, superblock, "/dev/loop0", "/dev/loop1", table);
	CHECK_STR(table, "1 /dev/loop0 /dev/loop1 4096 4096 300 1 sha256 " ROOT " -");
	/* The longest fits, whatever the devices are called. */
	static char name[100];
	memset(name, 'x', sizeof name - 1);
	make();
	memset(superblock + 72, 0xff, 6);
	superblock[80] = 0;
	superblock[81] = 1;
	CHECK_STR(take(MANY, MANY), "");
	CHECK_INT(v.salt.n, 256);
	verity_table(&v, superblock, name, name, table);
	CHECK(strlen(table) > 512 && strcmp(table + strlen(table) - 2, "00") == 0);
}

int main(void)
{
	RUN(a_superblock_is_read);
	RUN(sizes_are_those_of_the_files);
	RUN(nothing_else_is_taken);
	RUN(the_largest_image);
	RUN(file_systems_are_told_by_their_magic);
	RUN(the_table_is_the_kernels);
	return test_end();
}
