/* SPDX-License-Identifier: MIT
 *
 * SHA-256 blocks with the SHA extensions of x86 (Intel SDM volume 2, SHA256RNDS2, SHA256MSG1, SHA256MSG2). */
#include "sha256_ni.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>

bool sha256_ni_available(void)
{
	unsigned a = 0, b = 0, c = 0, d = 0;
	if (!__get_cpuid(1, &a, &b, &c, &d) || (c & bit_SSSE3) == 0 || (c & bit_SSE4_1) == 0)
		return false;
	return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & bit_SHA) != 0;
}

/* FIPS 180-4, section 4.2.2; four words are one operand. */
static const uint32_t constants[64] __attribute__((aligned(16))) = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
	0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
	0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
	0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
	0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
	0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
	0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

/* Four big-endian words of the message. */
__attribute__((target("ssse3"))) static inline __m128i words(const uint8_t *p)
{
	const __m128i big_endian = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
	return _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)p), big_endian);
}

/* Four rounds; g is the group, 0 to 15. Written out and not a loop, because only with constant indexes do the
 * sixteen words of the schedule stay in registers. Groups 12 to 15 need no further words. */
#define FOUR_ROUNDS(g)                                                                                            \
	do {                                                                                                      \
		__m128i wk = _mm_add_epi32(w[(g) % 4], _mm_load_si128((const __m128i *)(constants + 4 * (g))));   \
		cdgh = _mm_sha256rnds2_epu32(cdgh, abef, wk);                                                     \
		abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(wk, 0x0e));                            \
		if ((g) < 12) {                                                                                   \
			__m128i next = _mm_sha256msg1_epu32(w[(g) % 4], w[((g) + 1) % 4]);                        \
			next = _mm_add_epi32(next, _mm_alignr_epi8(w[((g) + 3) % 4], w[((g) + 2) % 4], 4));       \
			w[(g) % 4] = _mm_sha256msg2_epu32(next, w[((g) + 3) % 4]);                                \
		}                                                                                                 \
	} while (0)

__attribute__((target("sha,sse4.1,ssse3"))) void sha256_ni_blocks(uint32_t state[static 8], const uint8_t *p,
								  size_t n_blocks)
{
	/* The instructions want the state as {a,b,e,f} and {c,d,g,h}, highest word first. */
	__m128i dcba = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)(state + 0)), 0xb1);
	__m128i hgfe = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)(state + 4)), 0x1b);
	__m128i abef = _mm_alignr_epi8(dcba, hgfe, 8);
	__m128i cdgh = _mm_blend_epi16(hgfe, dcba, 0xf0);

	for (; n_blocks > 0; n_blocks--, p += 64) {
		__m128i abef_before = abef, cdgh_before = cdgh;
		__m128i w[4] = { words(p), words(p + 16), words(p + 32), words(p + 48) };
		FOUR_ROUNDS(0);
		FOUR_ROUNDS(1);
		FOUR_ROUNDS(2);
		FOUR_ROUNDS(3);
		FOUR_ROUNDS(4);
		FOUR_ROUNDS(5);
		FOUR_ROUNDS(6);
		FOUR_ROUNDS(7);
		FOUR_ROUNDS(8);
		FOUR_ROUNDS(9);
		FOUR_ROUNDS(10);
		FOUR_ROUNDS(11);
		FOUR_ROUNDS(12);
		FOUR_ROUNDS(13);
		FOUR_ROUNDS(14);
		FOUR_ROUNDS(15);
		abef = _mm_add_epi32(abef, abef_before);
		cdgh = _mm_add_epi32(cdgh, cdgh_before);
	}

	dcba = _mm_shuffle_epi32(abef, 0x1b);
	hgfe = _mm_shuffle_epi32(cdgh, 0xb1);
	_mm_storeu_si128((__m128i *)(state + 0), _mm_blend_epi16(dcba, hgfe, 0xf0));
	_mm_storeu_si128((__m128i *)(state + 4), _mm_alignr_epi8(hgfe, dcba, 8));
}

#else

bool sha256_ni_available(void)
{
	return false;
}

void sha256_ni_blocks(uint32_t state[static 8], const uint8_t *p, size_t n_blocks)
{
	(void)state, (void)p, (void)n_blocks;
}

#endif
