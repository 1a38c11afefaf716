/* SPDX-License-Identifier: MIT
 *
 * What Attest and Seal consist of, timed one by one on the objects that taoinit is linked of: a line a part, its name
 * and p50 in µs. Parts that stand deeper are contained in the one above them.
 */
#include <string.h>

#include "../../crypto/attest.h"
#include "../../crypto/bearssl_inner.h"
#include "../../crypto/tao_state.h"
#include "../../init/core.h"
#include "../../init/sys.h"
#include "../../policy/bundle.h"
#include "../../policy/name.h"
#include "../../policy/statement.h"
#include "bench.h"

#define ROUNDS 1001
#define MIB ((size_t)1 << 20)

static struct tao_seed seed;
static struct tao tao;
static struct core *core;
static uint8_t *data, *out;
static size_t size; /* of what is sealed */
static uint8_t statement[512], digest[SHA256_SIZE], der[KEY_SIGNATURE_MAX], entropy[48];
static size_t statement_n;
static struct bundle bundle;

/* A host's name, extended by a program's. */
static struct span name(void)
{
	static uint8_t bytes[256];
	static const uint8_t digest_of[32];
	static const struct program_name program = { .ext = "Program", .sha256 = digest_of, .n_args = -1 };
	uint8_t host[64], below[128];
	struct wr w = wr_to(bytes, sizeof bytes), h = wr_to(host, sizeof host), b = wr_to(below, sizeof below);
	wr_bytes(&h, "\1\3key\4\40", 7);
	wr_bytes(&h, digest_of, sizeof digest_of);
	wr_bytes(&h, "\21", 2); /* no subprincipal */
	name_write_program(&b, &program);
	name_extend(wr_span(&h), wr_span(&b), &w);
	return wr_span(&w);
}

static void state(void)
{
	static const char form[] = "\7\5Ready";
	struct wr w = wr_to(statement, sizeof statement);
	if (statement_write(name(), 1, 2, span_of(form, sizeof form), &w) < 0) {
		fprintf(stderr, "parts: the statement is malformed\n");
		exit(1);
	}
	statement_n = w.n;
}

static void hash(void)
{
	attest_digest(tao.sha256, span_of(statement, statement_n), digest);
}

static void sign(void)
{
	key_sign(tao.sha256, seed.sign_key, digest, der);
}

static void point(void)
{
	uint8_t result[65];
	br_ec_p256_m31.mulgen(result, seed.sign_key, KEY_SCALAR_SIZE, BR_EC_secp256r1);
}

static void invert(void)
{
	uint32_t n[I31_WORDS], x[I31_WORDS], y[I31_WORDS], room[3 * I31_WORDS];
	br_i31_decode(n, key_order, KEY_SCALAR_SIZE);
	br_i31_decode_mod(x, seed.sign_key, KEY_SCALAR_SIZE, n);
	memcpy(y, x, sizeof y);
	br_i31_moddiv(y, x, n, br_i31_ninv31(n[1]), room);
}

static void nonce(void)
{
	br_hmac_drbg_context c;
	br_hmac_drbg_init(&c, tao.sha256->class, statement, 64);
	br_hmac_drbg_generate(&c, digest, sizeof digest);
}

static void attest(void)
{
	struct wr w = wr_to(out, 4096);
	tao_attest(&tao, span_of(statement, statement_n), &w);
}

static void attest_on_core(void)
{
	struct wr w = wr_to(out, 4096);
	core_attest(core, span_of(statement, statement_n), &w);
}

static void pack(void)
{
	struct wr w = wr_to(out + TAO_ENCRYPT_HEAD, 2 * MIB - TAO_ENCRYPT_OVERHEAD);
	bundle.data = span_of(data, size);
	bundle_write(&bundle, &w);
	statement_n = w.n;
}

static void kernel_random(void)
{
	sys_random(entropy, sizeof entropy);
}

static void reseed(void)
{
	tao_reseed(&tao, entropy);
}

static void draw(void)
{
	tao_random(&tao, entropy, GCM_NONCE_SIZE);
}

static void cipher(void)
{
	uint8_t tag[GCM_TAG_SIZE];
	gcm_encrypt(&tao.seal, entropy, span_of("", 1), span_str(BUNDLE_CONTEXT), out + TAO_ENCRYPT_HEAD, size,
		    tag);
}

static void encrypt_on_core(void)
{
	struct wr w = wr_to(out, 2 * MIB);
	core_encrypt(core, span_str(BUNDLE_CONTEXT), span_of(out + TAO_ENCRYPT_HEAD, statement_n), &w);
}

static void wipe_out(void)
{
	wipe(out, size);
}

static void time_part(const char *text, void (*part)(void))
{
	int64_t *v = times(ROUNDS);
	int64_t end = now() + 200000000;
	size_t n = 0;
	part();
	for (int64_t t = now(); n < ROUNDS && (n < 5 || t < end); n++) {
		part();
		int64_t after = now();
		v[n] = after - t;
		t = after;
	}
	qsort(v, n, sizeof *v, by_size);
	printf("%s: %.2f\n", text, (double)v[n / 2] / 1e3);
	free(v);
}

static void time_seal(size_t n)
{
	size = n;
	printf("Seal of %zu KiB, without the channel:\n", n >> 10);
	time_part("  bundle, the data copied into it", pack);
	time_part("  the core, its own stack, reseed, encryption", encrypt_on_core);
	time_part("    fresh entropy from the kernel", kernel_random);
	time_part("    reseed (HMAC-DRBG)", reseed);
	time_part("    nonce (HMAC-DRBG)", draw);
	time_part("    AES-256-GCM", cipher);
	time_part("  wiped when it has been sent", wipe_out);
}

int main(void)
{
	static const uint8_t hash_of_program[SEAL_HASH];
	bool locked;
	memset(seed.sign_key, 0x5a, sizeof seed.sign_key);
	core = core_open(&locked);
	data = calloc(1, MIB);
	out = calloc(2, MIB);
	if (core == NULL || data == NULL || out == NULL || tao_init(&tao, &seed) < 0 || core_init(core, &seed) < 0)
		die("parts");
	printf("Attest, without the channel:\n");
	time_part("  statement written and checked", state);
	time_part("  the core, its own stack, wiped afterwards", attest_on_core);
	time_part("    attestation", attest);
	time_part("      SHA-256 of the statement in its context", hash);
	time_part("      signature (RFC 6979)", sign);
	time_part("        point multiplication", point);
	time_part("        division by the nonce", invert);
	time_part("        nonce (HMAC-DRBG)", nonce);
	bundle = (struct bundle){ .kind = BUNDLE_PLAIN,
				  .policy = span_str("self"),
				  .sealer = { name(), span_of(hash_of_program, SEAL_HASH),
					      span_of(hash_of_program, SEAL_HASH) } };
	time_seal(1024);
	time_seal(MIB);
	return 0;
}
