/* SPDX-License-Identifier: MIT
 *
 * link: init/tar.c
 *
 * The tar reader, by archives made here byte by byte. What becomes of entries is tests/bats/image.bats.
 */
#include <errno.h>

#include "../../init/tar.h"
#include "test.h"
#include "tar_sign.h"

static uint8_t archive[64 * TAR_BLOCK];
static size_t n;
static struct tar tar;

/* A block with a header; the test may change it, and signs it again. */
static uint8_t *add(const char *name, char type, const char *size)
{
	uint8_t *block = archive + n;
	n += TAR_BLOCK;
	memset(block, 0, TAR_BLOCK);
	memcpy(block, name, strlen(name));
	memcpy(block + 100, "0000644", 7);
	memcpy(block + 108, "0001750", 7);
	memcpy(block + 116, "0000144", 7);
	memcpy(block + 124, size, strlen(size));
	memcpy(block + 136, "00000000012", 11);
	block[156] = (uint8_t)type;
	memcpy(block + 257, "ustar\00000", 8);
	sign(block);
	return block;
}

static void add_data(const void *p, size_t size)
{
	memset(archive + n, 0, (size + 511) / 512 * 512);
	memcpy(archive + n, p, size);
	n += (size + 511) / 512 * 512;
}

static void add_pax(char type, const char *records, size_t size)
{
	char octal[13];
	snprintf(octal, sizeof octal, "%011zo", size);
	add("pax", type, octal);
	add_data(records, size);
}

static void begin(void)
{
	n = 0;
	tar_begin(&tar, span_of(archive, 0));
}

static void end(size_t blocks)
{
	memset(archive + n, 0, blocks * TAR_BLOCK);
	n += blocks * TAR_BLOCK;
	tar_begin(&tar, span_of(archive, n));
}

static bool fails(int error, const char *why)
{
	int r;
	while ((r = tar_next(&tar)) > 0)
		;
	if (r == -error && strstr(tar.why, why) != NULL && tar_next(&tar) < 0)
		return true;
	printf("# %d: \"%s\", not \"%s\"\n", r, tar.why, why);
	return false;
}

/* The pax records, and a file behind them. */
static bool pax_fails(const char *records, size_t size, int error, const char *why)
{
	begin();
	add_pax('x', records, size);
	add("f", '0', "00000000000");
	end(2);
	return fails(error, why);
}

TEST(an_entry_is_read)
{
	begin();
	add("dir/f", '0', "00000000003");
	add_data("abc", 3);
	add("l", '2', "");
	memcpy(archive + n - TAR_BLOCK + 157, "target", 6);
	sign(archive + n - TAR_BLOCK);
	end(2);
	CHECK_INT(tar_next(&tar), 1);
	CHECK_STR(tar.entry.path, "dir/f");
	CHECK_INT(tar.entry.type, TAR_FILE);
	CHECK_INT(tar.entry.mode, 0644);
	CHECK_INT(tar.entry.uid, 1000);
	CHECK_INT(tar.entry.gid, 100);
	CHECK_INT(tar.entry.mtime, 10);
	CHECK(span_equal(tar.entry.data, span_str("abc")));
	CHECK_INT(tar_next(&tar), 1);
	CHECK_STR(tar.entry.path, "l");
	CHECK_INT(tar.entry.type, TAR_SYMLINK);
	CHECK_STR(tar.entry.link, "target");
	CHECK_INT(tar_next(&tar), 0);
}

TEST(an_archive_may_end_with_one_block_of_zeros_or_many)
{
	for (size_t blocks = 1; blocks < 5; blocks++) {
		begin();
		add("f", '0', "");
		end(blocks);
		CHECK_INT(tar_next(&tar), 1);
		CHECK_INT(tar_next(&tar), 0);
	}
	begin();
	add("f", '0', "");
	end(0);
	CHECK(fails(EINVAL, "end mark"));
	begin();
	end(0);
	CHECK(fails(EINVAL, "end mark"));
	begin();
	end(2);
	archive[n - 1] = 1;
	CHECK(fails(EINVAL, "behind the end"));
	/* Less than a block. */
	begin();
	end(1);
	tar.left.n--;
	CHECK(fails(EINVAL, "end mark"));
}

TEST(kinds_of_before_posix)
{
	begin();
	add("d/", '\0', "");
	add("f", '\0', "");
	memset(archive + TAR_BLOCK + 257, 0, 8);
	/* Where there is no magic, there is no prefix. */
	memcpy(archive + TAR_BLOCK + 345, "prefix", 6);
	sign(archive + TAR_BLOCK);
	add("c", '7', "");
	end(2);
	CHECK_INT(tar_next(&tar), 1);
	CHECK_INT(tar.entry.type, TAR_DIRECTORY);
	CHECK_INT(tar_next(&tar), 1);
	CHECK_INT(tar.entry.type, TAR_FILE);
	CHECK_STR(tar.entry.path, "f");
	CHECK_INT(tar_next(&tar), 1);
	CHECK_INT(tar.entry.type, TAR_FILE);
	CHECK_INT(tar_next(&tar), 0);
}

TEST(names_as_long_as_a_header_has_room_for)
{
	char name[101], prefix[156], both[300];
	memset(name, 'n', 100);
	name[100] = '\0';
	memset(prefix, 'p', 155);
	prefix[155] = '\0';
	snprintf(both, sizeof both, "%s/%s", prefix, name);
	begin();
	memcpy(add(name, '1', "") + 157, name, 100);
	memcpy(archive + 345, prefix, 155);
	sign(archive);
	end(2);
	CHECK_INT(tar_next(&tar), 1);
	CHECK_STR(tar.entry.path, both);
	CHECK_STR(tar.entry.link, name);
}

TEST(long_names_of_gnu)
{
	char name[201];
	memset(name, 'n', 200);
	name[200] = '\0';
	begin();
	add("././@LongLink", 'K', "00000000311");
	add_data(name, 201);
	add("././@LongLink", 'L', "00000000311");
	add_data(name, 201);
	add("n", '2', "");
	add("next", '0', "");
	end(2);
	CHECK_INT(tar_next(&tar), 1);
	CHECK_STR(tar.entry.path, name);
	CHECK_STR(tar.entry.link, name);
	CHECK_INT(tar_next(&tar), 1);
	CHECK_STR(tar.entry.path, "next");
	CHECK_STR(tar.entry.link, "");
	begin();
	add("././@LongLink", 'L', "00000000311");
	add_data(name, 201);
	end(2);
	CHECK(fails(EINVAL, "without an entry"));
	begin();
	add("././@LongLink", 'L', "00000000003");
	add_data("a\0b", 3);
	add("n", '0', "");
	end(2);
	CHECK(fails(EINVAL, "a NUL"));
}

TEST(pax_says_it_all)
{
	/* Lengths are of all of a record; the last of a key counts. */
	begin();
	char good[256];
	size_t size = 0;
	const char *pairs[] = { "path=elsewhere", "size=3",	  "uid=70000", "gid=8000",
				"mtime=-5.25",	  "other=\x01=x", "path=again" };
	for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
		size_t k = strlen(pairs[i]) + 2;
		k += k + 1 >= 10 ? 2 : 1;
		size += (size_t)snprintf(good + size, sizeof good - size, "%zu %s\n", k, pairs[i]);
	}
	add_pax('x', good, size);
	add("f", '0', "00000007777");
	add_data("abc", 3);
	add("g", '0', "");
	end(2);
	CHECK_INT(tar_next(&tar), 1);
	CHECK_STR(tar.entry.path, "again");
	CHECK_INT(tar.entry.uid, 70000);
	CHECK_INT(tar.entry.gid, 8000);
	CHECK_INT(tar.entry.mtime, -5);
	CHECK(span_equal(tar.entry.data, span_str("abc")));
	/* And nothing of the next one. */
	CHECK_INT(tar_next(&tar), 1);
	CHECK_STR(tar.entry.path, "g");
	CHECK_INT(tar.entry.uid, 1000);
	CHECK_INT(tar.entry.mtime, 10);
	CHECK_INT(tar_next(&tar), 0);
}

#define PAX(records, error, why) CHECK(pax_fails(records, sizeof records - 1, error, why))

TEST(pax_that_is_malformed)
{
	PAX("8 path=a", EINVAL, "wrong length");
	PAX("8 path=a\n", EINVAL, "wrong length");
	PAX("11 path=a\n", EINVAL, "wrong length");
	PAX("010 path=a\nx", EINVAL, "wrong length");
	PAX(" path=a\n", EINVAL, "wrong length");
	PAX("-10 path=a\n", EINVAL, "wrong length");
	PAX("99999999999999999999 path=a\n", EINVAL, "wrong length");
	PAX("18446744073709551626 path=a\n", EINVAL, "wrong length");
	PAX("1 \n", EINVAL, "wrong length");
	PAX("2 \n", EINVAL, "wrong length");
	PAX("3 \n", EINVAL, "without a key");
	PAX("5 =a\n", EINVAL, "without a key");
	PAX("8 patha\n\n", EINVAL, "without a key");
	PAX("8 size=\n", EINVAL, "size is no number");
	PAX("11 size=-1\n", EINVAL, "size is no number");
	PAX("12 size=0x1\n", EINVAL, "size is no number");
	PAX("12 size=1.5\n", EINVAL, "size is no number");
	PAX("28 size=9223372036854775808\n", EINVAL, "size is no number");
	PAX("18 uid=4294967295\n", EINVAL, "uid or gid");
	PAX("10 gid=-1\n", EINVAL, "uid or gid");
	PAX("11 mtime=.\n", EINVAL, "mtime");
	PAX("11 mtime=-\n", EINVAL, "mtime");
	PAX("12 path=a\0b\n", EINVAL, "a NUL");
	PAX("22 GNU.sparse.name=ab\n", ENOTSUP, "sparse");
	PAX("13 size=9999\n", EINVAL, "ends within it");
}

TEST(pax_for_all_entries_may_say_nothing_of_them)
{
	begin();
	add_pax('g', "15 comment=abc\n", 15);
	add("f", '0', "");
	end(2);
	CHECK_INT(tar_next(&tar), 1);
	begin();
	add_pax('g', "10 path=a\n", 10);
	add("f", '0', "");
	end(2);
	CHECK(fails(ENOTSUP, "of all entries"));
}

TEST(numbers)
{
	static const struct {
		char field[13];
		bool good;
		size_t size;
	} sizes[] = {
		{ "00000000003", true, 3 },
		{ "  3        ", true, 3 },
		{ "3", true, 3 },
		{ "", true, 0 },
		{ "           ", true, 0 },
		{ "000000000003", true, 3 },
		{ "\x80\0\0\0\0\0\0\0\0\0\0\003", true, 3 },
		{ "00000000009", false, 0 },
		{ "0x3", false, 0 },
		{ "-3", false, 0 },
		{ "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", false, 0 },
		{ "\x80\0\0\0\1\0\0\0\0\0\0\3", false, 0 }, /* 2^56 */
		{ "\x81\0\0\0\0\0\0\0\0\0\0\3", false, 0 }, /* 2^88 */
	};
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		begin();
		add("f", '0', "");
		memcpy(archive + 124, sizes[i].field, 12);
		sign(archive);
		add_data("abc", sizes[i].size);
		end(2);
		int r = tar_next(&tar);
		if ((r == 1) != sizes[i].good || (r == 1 && tar.entry.data.n != sizes[i].size)) {
			printf("# size %zu\n", i);
			CHECK(false);
		}
	}
}

TEST(a_field_that_is_no_number_is_no_header)
{
	static const int fields[] = { 100, 108, 116, 124, 136 };
	for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
		begin();
		add("f", '0', "");
		archive[fields[i]] = 'x';
		sign(archive);
		end(2);
		CHECK(fails(EINVAL, "no number"));
	}
	begin();
	add("f", '0', "");
	memcpy(archive + 108, "\x80\0\0\0\xff\xff\xff\xff", 8);
	sign(archive);
	end(2);
	CHECK(fails(EINVAL, "uid or gid"));
}

TEST(sums_count)
{
	for (int i = 0; i < TAR_BLOCK; i++) {
		begin();
		add("f", '0', "");
		archive[i] ^= 1;
		end(2);
		/* The blank and the NUL behind the sum say nothing. */
		int r = tar_next(&tar);
		CHECK(i == 148 + 6 || i == 148 + 7 ? r != 0 : r < 0);
	}
}

TEST(only_files_have_data)
{
	for (const char *type = "123456"; *type != '\0'; type++) {
		begin();
		add("f", *type, "00000000001");
		add_data("x", 1);
		end(2);
		CHECK(fails(EINVAL, "has data"));
	}
}

TEST(what_is_no_entry_of_an_image)
{
	for (const char *type = "89ADEMNVZXa"; *type != '\0'; type++) {
		begin();
		add("f", *type, "");
		end(2);
		CHECK(fails(ENOTSUP, "of a kind"));
	}
	begin();
	add("f", 'S', "");
	end(2);
	CHECK(fails(ENOTSUP, "sparse"));
}

TEST(an_extended_header_has_a_bound)
{
	begin();
	add("x", 'x', "00004000001"); /* 1 MiB + 1 */
	end(2);
	CHECK(fails(EINVAL, "more than 1 MiB"));
	begin();
	add("x", 'x', "00004000000");
	end(2);
	CHECK(fails(EINVAL, "ends within an extended header"));
	begin();
	memcpy(add("x", 'L', "") + 124, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 12);
	sign(archive);
	end(2);
	CHECK(fails(EINVAL, "more than 1 MiB"));
}

int main(void)
{
	RUN(an_entry_is_read);
	RUN(an_archive_may_end_with_one_block_of_zeros_or_many);
	RUN(kinds_of_before_posix);
	RUN(names_as_long_as_a_header_has_room_for);
	RUN(long_names_of_gnu);
	RUN(pax_says_it_all);
	RUN(pax_that_is_malformed);
	RUN(pax_for_all_entries_may_say_nothing_of_them);
	RUN(numbers);
	RUN(a_field_that_is_no_number_is_no_header);
	RUN(sums_count);
	RUN(only_files_have_data);
	RUN(what_is_no_entry_of_an_image);
	RUN(an_extended_header_has_a_bound);
	return test_end();
}
