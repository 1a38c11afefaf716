/* SPDX-License-Identifier: MIT
 *
 * link: crypto init */
#include <string.h>

#include "../../init/initramfs.h"
#include "hex.h"
#include "test.h"

#define HASH "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

static bool take(const char *table, struct mounts_made *made)
{
	memset(made, 0xff, sizeof *made);
	return initramfs_verity(table, made);
}

static void the_root_hash_stands_in_the_table(void)
{
	struct mounts_made made;
	CHECK(take("1 259:0 259:0 4096 4096 8192 8193 sha256 " HASH " aabb", &made));
	CHECK_INT(made.verity_n, 32);
	CHECK_INT(made.verity[0], 0);
	CHECK_INT(made.verity[31], 31);
	CHECK(take("1 259:0 259:0 4096 4096 8192 8193 sha512 " HASH HASH
		   " - 2 check_at_most_once panic_on_corruption",
		   &made));
	CHECK_INT(made.verity_n, 64);
	CHECK_INT(made.verity[63], 31);
}

static void a_table_without_is_refused(void)
{
	static const char *const tables[] = {
		"",
		"1",
		"1 259:0 259:0 4096 4096 8192 8193 sha256",
		"1 259:0 259:0 4096 4096 8192 8193 sha256 ",
		"1 259:0 259:0 4096 4096 8192 8193 sha256 " HASH,
		"1 259:0 259:0 4096 4096 8192 8193 sha256 000 -",
		"1 259:0 259:0 4096 4096 8192 8193 sha256 0x00 -",
		"1 259:0 259:0 4096 4096 8192 8193 sha512 " HASH HASH "00 -",
		"1 259:0 259:0 4096 4096 8192 8193 sha256 " HASH " - 1 ignore_corruption",
	};
	for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
		struct mounts_made made;
		CHECK(!take(tables[i], &made));
		CHECK_INT(made.verity_n, 0);
	}
}

int main(void)
{
	RUN(the_root_hash_stands_in_the_table);
	RUN(a_table_without_is_refused);
	return test_end();
}
