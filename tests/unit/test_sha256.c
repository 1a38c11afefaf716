/* SPDX-License-Identifier: MIT */
/* link: crypto/sha256.c crypto/sha256_ni.c crypto/base.c bearssl */
#include "../../crypto/sha256.h"
#include "hex.h"
#include "test.h"

struct known {
	const char *message; /* repeated */
	size_t times;
	const char *digest;
};

/* FIPS 180-2, appendix B, and NIST's examples of one, two and no blocks. */
static const struct known known[] = {
	{ "", 1, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
	{ "abc", 1, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
	{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
	  "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
	{ "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrs"
	  "t"
	  "nopqrstu",
	  1, "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1" },
	{ "a", 1000000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0" },
};

static void check_known(const struct sha256_impl *impl)
{
	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
		struct sha256 hash;
		uint8_t digest[SHA256_SIZE];
		sha256_init(&hash, impl);
		for (size_t n = 0; n < known[i].times; n++)
			sha256_update(&hash, span_str(known[i].message));
		sha256_out(&hash, digest);
		CHECK(hex_is(digest, sizeof digest, known[i].digest));
	}
}

TEST(bearssl_gives_known_answers)
{
	check_known(sha256_bearssl());
}

TEST(picked_gives_known_answers)
{
	const struct sha256_impl *impl = sha256_pick();
	printf("# picked %s\n", impl->name);
	CHECK(impl == sha256_bearssl() || impl == sha256_ni());
	CHECK(sha256_ni() == NULL || impl == sha256_ni());
	check_known(impl);
}

/* A generator of the test's own: the same sequence each time. */
static uint32_t next_random(uint32_t *x)
{
	*x = *x * 1664525 + 1013904223;
	return *x >> 8;
}

TEST(implementations_agree_at_every_split)
{
	static uint8_t data[9000];
	const struct sha256_impl *impls[2] = { sha256_bearssl(), sha256_pick() };
	uint32_t x = 1;
	for (size_t i = 0; i < sizeof data; i++)
		data[i] = (uint8_t)next_random(&x);
	for (int round = 0; round < 2000; round++) {
		uint8_t digest[2][SHA256_SIZE];
		size_t n = round < 300 ? (size_t)round : next_random(&x) % sizeof data;
		for (int i = 0; i < 2; i++) {
			struct sha256 hash;
			size_t at = 0;
			sha256_init(&hash, impls[i]);
			while (at < n) {
				size_t piece = next_random(&x) % 200;
				piece = piece < n - at ? piece : n - at;
				sha256_update(&hash, span_of(data + at, piece));
				at += piece;
			}
			sha256_out(&hash, digest[i]);
		}
		CHECK(memcmp(digest[0], digest[1], SHA256_SIZE) == 0);
		uint8_t whole[SHA256_SIZE];
		sha256_of(impls[1], span_of(data, n), whole);
		CHECK(memcmp(digest[0], whole, SHA256_SIZE) == 0);
	}
}

TEST(out_leaves_the_hash_as_it_was)
{
	const struct sha256_impl *impls[2] = { sha256_bearssl(), sha256_pick() };
	for (int i = 0; i < 2; i++) {
		struct sha256 hash;
		uint8_t digest[SHA256_SIZE];
		sha256_init(&hash, impls[i]);
		sha256_update(&hash, span_str("a"));
		sha256_out(&hash, digest);
		sha256_out(&hash, digest);
		sha256_update(&hash, span_str("bc"));
		sha256_out(&hash, digest);
		CHECK(hex_is(digest, sizeof digest, known[1].digest));
	}
}

/* HMAC saves and restores states between blocks: a class must give and take BearSSL's form. */
TEST(states_carry_over_between_implementations)
{
	const struct sha256_impl *impls[2] = { sha256_bearssl(), sha256_pick() };
	uint8_t block[64], state[32], digest[SHA256_SIZE], want[SHA256_SIZE];
	uint8_t twice[128];
	memset(block, 'x', sizeof block);
	memset(twice, 'x', sizeof twice);
	sha256_of(sha256_bearssl(), span_of(twice, sizeof twice), want);
	for (int i = 0; i < 4; i++) {
		const br_hash_class *from = impls[i & 1]->class, *to = impls[i >> 1]->class;
		struct sha256 a, b;
		from->init(&a.ctx.vtable);
		from->update(&a.ctx.vtable, block, sizeof block);
		uint64_t count = from->state(&a.ctx.vtable, state);
		CHECK_INT(count, 64);
		to->init(&b.ctx.vtable);
		to->set_state(&b.ctx.vtable, state, count);
		to->update(&b.ctx.vtable, block, sizeof block);
		to->out(&b.ctx.vtable, digest);
		CHECK(memcmp(digest, want, sizeof want) == 0);
		CHECK_INT(from->context_size, sizeof(br_sha256_context));
		CHECK_INT(from->desc, br_sha256_vtable.desc);
	}
}

/* The bit count does not fit into 32 bits. */
TEST(lengths_above_512_mib_are_padded_alike)
{
	const struct sha256_impl *impls[2] = { sha256_bearssl(), sha256_pick() };
	uint8_t state[32] = { 1 }, digest[2][SHA256_SIZE];
	for (int i = 0; i < 2; i++) {
		struct sha256 hash;
		sha256_init(&hash, impls[i]);
		impls[i]->class->set_state(&hash.ctx.vtable, state, (uint64_t)5 << 32);
		sha256_update(&hash, span_str("abc"));
		sha256_out(&hash, digest[i]);
	}
	CHECK(memcmp(digest[0], digest[1], SHA256_SIZE) == 0);
}

int main(void)
{
	RUN(bearssl_gives_known_answers);
	RUN(picked_gives_known_answers);
	RUN(implementations_agree_at_every_split);
	RUN(out_leaves_the_hash_as_it_was);
	RUN(states_carry_over_between_implementations);
	RUN(lengths_above_512_mib_are_padded_alike);
	return test_end();
}
