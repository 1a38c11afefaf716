/* SPDX-License-Identifier: MIT
 *
 * What tpm2-tss computes with: known answers made with openssl 3.0 (dgst, enc, pkeyutl), except where it says
 * otherwise. link: crypto */
#include "../../crypto/tpm_callbacks.h"
#include "hex.h"
#include "test.h"

#define PLAIN "The quick brown fox jumps over the lazy dog. 01234567" /* 53 bytes */
#define KEY "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
/* Its counter is about to overflow: CFB has none. */
#define IV "f0f1f2f3f4f5f6f7fffffffffffffffe"

/* Not random: the same bytes always, or a failure. */
struct source {
	struct platform platform;
	uint8_t next;
	bool fails;
};

static int source_random(void *ctx, uint8_t *dst, size_t n)
{
	struct source *source = ctx;
	if (source->fails)
		return ERR_IO;
	while (n-- > 0)
		*dst++ = source->next++;
	return 0;
}

static struct source source;
static struct tpm_crypto crypto;
static ESYS_CRYPTO_CALLBACKS cb;

static void set_up(void)
{
	source = (struct source){ .platform = { .ctx = &source, .random = source_random } };
	tpm_crypto_init(&crypto, &source.platform);
	cb = tpm_crypto_callbacks(&crypto);
}

/* Of PLAIN; under the first 16 bytes of KEY. */
#define DIGEST "3711035a80a2fb593b9ad0c536d087c3b76b1cc8d42829db16045d993489497f"
#define HMAC "3b97d8d54f44c6be4d54a595ec3c944fb03393eab742d99fdafc4f6bc43b670e"

static const uint8_t *plain(void)
{
	return (const uint8_t *)PLAIN;
}

TEST(hashes)
{
	ESYS_CRYPTO_CONTEXT_BLOB *context = NULL;
	uint8_t out[64];
	size_t size = sizeof out;
	set_up();
	CHECK_INT(cb.hash_start(&context, TPM2_ALG_SHA256, cb.userdata), 0);
	CHECK_INT(cb.hash_update(context, plain(), 20, cb.userdata), 0);
	CHECK_INT(cb.hash_update(context, NULL, 0, cb.userdata), 0);
	CHECK_INT(cb.hash_update(context, plain() + 20, 33, cb.userdata), 0);
	CHECK_INT(cb.hash_finish(&context, out, &size, cb.userdata), 0);
	CHECK_INT(size, 32);
	CHECK(hex_is(out, 32, DIGEST));
	CHECK(context == NULL);
	CHECK_INT(tpm_crypto_in_use(&crypto), 0);
}

TEST(hmacs)
{
	ESYS_CRYPTO_CONTEXT_BLOB *context = NULL;
	uint8_t key[32], out[64];
	size_t size = sizeof out;
	set_up();
	hex_to(KEY, key, sizeof key);
	CHECK_INT(cb.hmac_start(&context, TPM2_ALG_SHA256, key, 16, cb.userdata), 0);
	CHECK_INT(cb.hmac_update(context, plain(), 53, cb.userdata), 0);
	CHECK_INT(cb.hmac_update(context, NULL, 0, cb.userdata), 0);
	CHECK_INT(cb.hmac_finish(&context, out, &size, cb.userdata), 0);
	CHECK_INT(size, 32);
	CHECK(hex_is(out, 32, HMAC));
	CHECK(context == NULL);
	CHECK_INT(tpm_crypto_in_use(&crypto), 0);
}

TEST(other_hashes_are_refused)
{
	static const TPM2_ALG_ID others[] = { TPM2_ALG_SHA1, TPM2_ALG_SHA384, TPM2_ALG_SHA512, TPM2_ALG_SM3_256 };
	ESYS_CRYPTO_CONTEXT_BLOB *context = NULL;
	uint8_t key[1] = { 0 };
	set_up();
	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
		CHECK(cb.hash_start(&context, others[i], cb.userdata) == TSS2_ESYS_RC_NOT_IMPLEMENTED);
		CHECK(cb.hmac_start(&context, others[i], key, 1, cb.userdata) == TSS2_ESYS_RC_NOT_IMPLEMENTED);
		CHECK(context == NULL);
	}
	CHECK_INT(tpm_crypto_in_use(&crypto), 0);
}

/* RFC 4231, test case 6 (a key longer than a block), and an empty key (printf '' | openssl dgst -hmac ''). */
TEST(hmac_keys_of_unusual_length)
{
	static const char text[] = "Test Using Larger Than Block-Size Key - Hash Key First";
	ESYS_CRYPTO_CONTEXT_BLOB *context = NULL;
	uint8_t key[131], out[32];
	size_t size = sizeof out;
	set_up();
	memset(key, 0xaa, sizeof key);
	CHECK_INT(cb.hmac_start(&context, TPM2_ALG_SHA256, key, sizeof key, cb.userdata), 0);
	CHECK_INT(cb.hmac_update(context, (const uint8_t *)text, sizeof text - 1, cb.userdata), 0);
	CHECK_INT(cb.hmac_finish(&context, out, &size, cb.userdata), 0);
	CHECK(hex_is(out, 32, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"));
	CHECK_INT(cb.hmac_start(&context, TPM2_ALG_SHA256, NULL, 0, cb.userdata), 0);
	CHECK_INT(cb.hmac_finish(&context, out, &size, cb.userdata), 0);
	CHECK(hex_is(out, 32, "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad"));
}

TEST(kinds_are_not_mixed_up)
{
	ESYS_CRYPTO_CONTEXT_BLOB *hash = NULL, *hmac = NULL, *none = NULL;
	ESYS_CRYPTO_CONTEXT_BLOB *foreign = (ESYS_CRYPTO_CONTEXT_BLOB *)&source;
	uint8_t out[64] = { 0 };
	size_t size = sizeof out;
	set_up();
	CHECK_INT(cb.hash_start(&hash, TPM2_ALG_SHA256, cb.userdata), 0);
	CHECK_INT(cb.hmac_start(&hmac, TPM2_ALG_SHA256, out, 1, cb.userdata), 0);
	CHECK_INT(tpm_crypto_in_use(&crypto), 2);
	CHECK(cb.hmac_update(hash, out, 1, cb.userdata) != 0);
	CHECK(cb.hash_update(hmac, out, 1, cb.userdata) != 0);
	CHECK(cb.hmac_finish(&hash, out, &size, cb.userdata) != 0);
	CHECK(cb.hash_finish(&hmac, out, &size, cb.userdata) != 0);
	CHECK(cb.hash_update(none, out, 1, cb.userdata) != 0);
	CHECK(cb.hash_update(foreign, out, 1, cb.userdata) != 0);
	CHECK(cb.hmac_finish(&none, out, &size, cb.userdata) != 0);
	/* One abort for both, and for what is none. */
	cb.hmac_abort(&hash, cb.userdata);
	cb.hash_abort(&hmac, cb.userdata);
	cb.hash_abort(&none, cb.userdata);
	cb.hash_abort(&foreign, cb.userdata);
	cb.hash_abort(NULL, cb.userdata);
	CHECK(hash == NULL && hmac == NULL && none == NULL);
	CHECK_INT(tpm_crypto_in_use(&crypto), 0);
}

TEST(what_does_not_fit_is_refused_and_can_be_aborted)
{
	ESYS_CRYPTO_CONTEXT_BLOB *contexts[TPM_CRYPTO_SLOTS + 1] = { NULL };
	uint8_t out[64] = { 0 };
	size_t size = 31;
	set_up();
	CHECK_INT(cb.hash_start(&contexts[0], TPM2_ALG_SHA256, cb.userdata), 0);
	CHECK(cb.hash_finish(&contexts[0], out, &size, cb.userdata) != 0);
	CHECK_INT(out[0], 0);
	cb.hash_abort(&contexts[0], cb.userdata);
	CHECK_INT(cb.hmac_start(&contexts[0], TPM2_ALG_SHA256, out, 1, cb.userdata), 0);
	CHECK(cb.hmac_finish(&contexts[0], out, &size, cb.userdata) != 0);
	CHECK_INT(out[0], 0);
	cb.hmac_abort(&contexts[0], cb.userdata);
	for (size_t i = 0; i < TPM_CRYPTO_SLOTS; i++)
		CHECK_INT(cb.hash_start(&contexts[i], TPM2_ALG_SHA256, cb.userdata), 0);
	CHECK(cb.hash_start(&contexts[TPM_CRYPTO_SLOTS], TPM2_ALG_SHA256, cb.userdata) != 0);
	CHECK(cb.hmac_start(&contexts[TPM_CRYPTO_SLOTS], TPM2_ALG_SHA256, out, 1, cb.userdata) != 0);
	CHECK(contexts[TPM_CRYPTO_SLOTS] == NULL);
	tpm_crypto_wipe(&crypto);
	CHECK_INT(tpm_crypto_in_use(&crypto), 0);
	CHECK(cb.hash_start(&contexts[0], TPM2_ALG_SM3_256, cb.userdata) != 0);
	CHECK(cb.hmac_start(&contexts[0], TPM2_ALG_NULL, out, 1, cb.userdata) != 0);
}

TEST(random_bytes)
{
	TPM2B_NONCE nonce = { .size = 7 };
	set_up();
	CHECK_INT(cb.get_random2b(&nonce, 32, cb.userdata), 0);
	CHECK_INT(nonce.size, 32);
	CHECK_INT(nonce.buffer[31], 31);
	CHECK(cb.get_random2b(&nonce, sizeof nonce.buffer + 1, cb.userdata) != 0);
	source.fails = true;
	CHECK(cb.get_random2b(&nonce, 16, cb.userdata) != 0);
	CHECK_INT(nonce.size, 0);
}

static const struct {
	TPMI_AES_KEY_BITS bits;
	const char *cipher;
} ciphers[] = {
	{ 128, "8b5977ddb4620d328a0b4e2a1d34586200f707e59d63ee90e6e73cab29289551"
	       "00d6ade56094b9ef5bf85749096525b3e37dd9ac5e" },
	{ 192, "d84bb2c70dad2f625ac31a7b1e85e5b160da4cdc184e3836018426c5da902499"
	       "e063ccf51cfbecbafef722ab6e1c89e7264cfec8f1" },
	{ 256, "5d86edd262571f492df35a9a41920c50e907505777d6c9fb29355165586e3e95"
	       "0fbdc0366f8e7c6203cb26a0d87196028746934c21" },
};

/* CFB of the first n bytes is the first n bytes of CFB: openssl agrees for each of these lengths. */
static void check_cfb(size_t i, size_t n)
{
	uint8_t key[32], iv[16], want[53], *data = malloc(n + 1);
	if (data == NULL)
		abort();
	hex_to(KEY, key, sizeof key);
	hex_to(IV, iv, sizeof iv);
	CHECK_INT(hex_to(ciphers[i].cipher, want, sizeof want), 53);
	memcpy(data, PLAIN, n);
	data[n] = 0x5a;
	CHECK_INT(cb.aes_encrypt(key, TPM2_ALG_AES, ciphers[i].bits, TPM2_ALG_CFB, data, n, iv, cb.userdata), 0);
	CHECK(memcmp(data, want, n) == 0);
	CHECK_INT(cb.aes_decrypt(key, TPM2_ALG_AES, ciphers[i].bits, TPM2_ALG_CFB, data, n, iv, cb.userdata), 0);
	CHECK(memcmp(data, PLAIN, n) == 0);
	CHECK_INT(data[n], 0x5a);
	CHECK_INT(iv[15], 0xfe);
	free(data);
}

static void check_all_cfb(void)
{
	for (size_t i = 0; i < sizeof ciphers / sizeof ciphers[0]; i++)
		for (size_t n = 0; n <= 53; n++)
			check_cfb(i, n);
}

TEST(aes_cfb)
{
	set_up();
	check_all_cfb();
}

TEST(aes_cfb_portable)
{
	set_up();
	tpm_crypto_init_portable(&crypto, &source.platform);
	check_all_cfb();
}

TEST(other_ciphers_are_refused)
{
	uint8_t key[32] = { 0 }, iv[16] = { 0 }, data[4] = { 0 };
	set_up();
	CHECK(cb.aes_encrypt(key, TPM2_ALG_AES, 128, TPM2_ALG_CBC, data, 4, iv, cb.userdata) != 0);
	CHECK(cb.aes_decrypt(key, TPM2_ALG_SM4, 128, TPM2_ALG_CFB, data, 4, iv, cb.userdata) != 0);
	CHECK(cb.aes_decrypt(key, TPM2_ALG_AES, 512, TPM2_ALG_CFB, data, 4, iv, cb.userdata) != 0);
	CHECK(cb.aes_encrypt(key, TPM2_ALG_AES, 0, TPM2_ALG_CFB, data, 4, iv, cb.userdata) != 0);
	CHECK_INT(data[0], 0);
}

/* A key as a TPM would hold it. */
#define TPM_SCALAR "4ba7aa942d0ecfda2913f43985d62b073480ce079f15621e252f59cfb5db28"
#define TPM_X "c3b3cdb43a00ade34932b2fb0ad352602d6b1a136c61dc76c06944ca308b28e5"
#define TPM_Y "d4b1007c947b36e8d66f53375f2d4b0bd4ab015d1feb2903c0f2ef91d71f4254"

static TPM2B_PUBLIC ecc_key(void)
{
	TPM2B_PUBLIC key = { 0 };
	key.publicArea.type = TPM2_ALG_ECC;
	key.publicArea.nameAlg = TPM2_ALG_SHA256;
	key.publicArea.parameters.eccDetail.curveID = TPM2_ECC_NIST_P256;
	TPMS_ECC_POINT *point = &key.publicArea.unique.ecc;
	point->x.size = (UINT16)hex_to(TPM_X, point->x.buffer, 32);
	point->y.size = (UINT16)hex_to(TPM_Y, point->y.buffer, 32);
	return key;
}

/* The ephemeral point that source's bytes lead to, and what openssl pkeyutl -derive makes of it and the scalar. */
#define OURS_X "212274f39e8841a38931e598b5c39cbfa25e8bde96a3348c9d7fb37da4699029"
#define OURS_Y "830c24f594f0b8e2a9c792d8843d420d5e6f4ae6d945941d3feac401561d557f"
#define SECRET "a5a88ff8634e642c5e47e443acb85f186d5e5147a73c36614b3634e0abe18491"

TEST(ecdh)
{
	TPM2B_PUBLIC key = ecc_key();
	TPM2B_ECC_PARAMETER z;
	TPMS_ECC_POINT ours;
	uint8_t out[256], theirs[65] = { 4 }, scalar[32];
	size_t size = 0;
	set_up();
	CHECK_INT(cb.get_ecdh_point(&key, sizeof out, &z, &ours, out, &size, cb.userdata), 0);
	CHECK_INT(size, 68);
	CHECK(hex_is(out, size, "0020" OURS_X "0020" OURS_Y));
	CHECK(hex_is(ours.x.buffer, ours.x.size, OURS_X));
	CHECK(hex_is(ours.y.buffer, ours.y.size, OURS_Y));
	CHECK(hex_is(z.buffer, z.size, SECRET));
	/* The TPM's side. */
	memcpy(theirs + 1, ours.x.buffer, 32);
	memcpy(theirs + 33, ours.y.buffer, 32);
	scalar[0] = 0;
	CHECK_INT(hex_to("04" TPM_SCALAR, scalar, sizeof scalar), 32);
	CHECK_INT(br_ec_get_default()->mul(theirs, sizeof theirs, scalar, sizeof scalar, BR_EC_secp256r1), 1);
	CHECK(memcmp(theirs + 1, z.buffer, 32) == 0);
}

/* Without its leading zeros a coordinate is the same; with too many it is none. */
TEST(ecdh_coordinates_of_other_lengths)
{
	TPM2B_PUBLIC key = ecc_key();
	TPM2B_ECC_PARAMETER *x = &key.publicArea.unique.ecc.x;
	TPM2B_ECC_PARAMETER z;
	TPMS_ECC_POINT ours;
	uint8_t out[256];
	size_t size;
	set_up();
	memmove(x->buffer + 1, x->buffer, 32);
	x->buffer[0] = 0;
	x->size = 33;
	CHECK(cb.get_ecdh_point(&key, sizeof out, &z, &ours, out, &size, cb.userdata) != 0);
	CHECK_INT(size, 0);
	/* The point of scalar 379. */
	x->size = (UINT16)hex_to("5543894af3d00ed7d740abdbd75c96b06877b787db5f70eea78b90a8d7c00a", x->buffer, 32);
	CHECK_INT(x->size, 31);
	hex_to("bb4c85a3d8ea29efaafa24406912dd84d5b14dc32bf656ef6c6bd58a5d943f92",
	       key.publicArea.unique.ecc.y.buffer, 32);
	CHECK_INT(cb.get_ecdh_point(&key, sizeof out, &z, &ours, out, &size, cb.userdata), 0);
}

TEST(ecdh_on_other_curves_is_refused)
{
	static const TPM2_ECC_CURVE curves[] = { TPM2_ECC_NIST_P384, TPM2_ECC_NIST_P521, TPM2_ECC_BN_P256, 0 };
	for (size_t i = 0; i < sizeof curves / sizeof curves[0]; i++) {
		TPM2B_PUBLIC key = ecc_key();
		TPM2B_ECC_PARAMETER z;
		TPMS_ECC_POINT ours;
		uint8_t out[256];
		size_t size;
		set_up();
		key.publicArea.parameters.eccDetail.curveID = curves[i];
		CHECK_INT(cb.get_ecdh_point(&key, sizeof out, &z, &ours, out, &size, cb.userdata),
			  TSS2_ESYS_RC_NOT_IMPLEMENTED);
	}
}

TEST(points_not_on_the_curve_are_refused)
{
	TPM2B_PUBLIC key = ecc_key();
	TPM2B_ECC_PARAMETER z = { .size = 1 };
	TPMS_ECC_POINT ours;
	uint8_t out[256];
	size_t size = 1;
	set_up();
	key.publicArea.unique.ecc.y.buffer[31] ^= 1;
	CHECK(cb.get_ecdh_point(&key, sizeof out, &z, &ours, out, &size, cb.userdata) != 0);
	CHECK_INT(size, 0);
	CHECK_INT(z.size, 0);
	key.publicArea.unique.ecc.x.size = key.publicArea.unique.ecc.y.size = 0; /* (0, 0) */
	CHECK(cb.get_ecdh_point(&key, sizeof out, &z, &ours, out, &size, cb.userdata) != 0);
}

TEST(ecdh_fails_cleanly)
{
	TPM2B_PUBLIC key = ecc_key();
	TPM2B_ECC_PARAMETER z;
	TPMS_ECC_POINT ours;
	uint8_t out[256];
	size_t size;
	set_up();
	CHECK(cb.get_ecdh_point(&key, 67, &z, &ours, out, &size, cb.userdata) != 0);
	CHECK_INT(z.size, 0);
	source.fails = true;
	CHECK(cb.get_ecdh_point(&key, sizeof out, &z, &ours, out, &size, cb.userdata) != 0);
	source.fails = false;
	key.publicArea.parameters.eccDetail.curveID = TPM2_ECC_BN_P256;
	CHECK(cb.get_ecdh_point(&key, sizeof out, &z, &ours, out, &size, cb.userdata) != 0);
	key = ecc_key();
	key.publicArea.type = TPM2_ALG_RSA;
	CHECK(cb.get_ecdh_point(&key, sizeof out, &z, &ours, out, &size, cb.userdata) != 0);
}

/* openssl genrsa 2048 */
#define RSA_N                                                                                                     \
	"ce0aeae64e70a2f99e4268cfe94cf2455519fc57f4fb72c1f410840ca8b33c35e48ca0079a3dfcf8093a3a0e9977e8e6"        \
	"68d5e1058d5a2e7dc403a312a5fbc704700ccf0b0761f04670dd317a9227197546274c114b118f28f5430adbc1f69ef6"        \
	"9d9a5ec3974a58285a7e050fee4f56b0662f34a56b05e7a9b0ff0acfc913d7f871da5d6e4507a60c91b12501c47dbf56"        \
	"89bbe9cf8959a0e3338b479a82704075750bb68907a7369463b2138d47812454dd62b8e906b74389e3e1a583090ea178"        \
	"6e5c37dee3dbe5ce457d908f1ef7f686c6047231604ae454de7ad018ccfa24405cff96f03165d4271b8cb3cdbb2fabe3"        \
	"caaf71ef605d4401052206aff68e30a1"
#define RSA_P                                                                                                     \
	"f30439e3bd8cc0ccd356df2edfdfcac0e035773c27c120606d51e7811e955edf1b937480050d2b15441e04d63aa90847"        \
	"5e57a93a52219436f14f1eb22f7dd7aed13a0746b0b463bbae2ec04b2f328daaeb0c7df279ec8eba80490662d379d2fc"        \
	"96e21c93909a308d3d245d1d1cc6b5822c10ddefccd6ab4adf9025a948c3deeb"
#define RSA_Q                                                                                                     \
	"d90cfe8a5f345c76565fe3c29b015db712fa398641affedbd9b046ac4f099a106feb9fa416a6a91e72222b6b1307d755"        \
	"59192ce9e3fa80d6cb413bc0480ebc0d12e03d8ff4fc67df494e38c967ac74e714b010b558881e61465eff6a8c96365c"        \
	"339bae21f5f512ce12b1afecdbe3188f5b9c80b67b26df07532ece91450f83a3"
#define RSA_DP                                                                                                    \
	"219679f1d226fc16d336f48de3ff686494188fac4eca5091434ac8b67de5a3412eec8873913f2aaf3bc4f26231a55f31"        \
	"8e068bab35e2d23b6dcac3b1590309a66de09954d9e374cd61dbb05433e7c6d0d2bfdd40803d83d49f1a78b97c052076"        \
	"2cdc7f9a9da7d202136b4d3b52d8dc096bd1c0fafdd2c5c6097440e04ee05395"
#define RSA_DQ                                                                                                    \
	"20e8276f331fed24c3d3a5e44b3bd9c977c7181192c3ec0fc8e140d5bee5e5c5b83230f1dfbd44c6a8e7254e068499d1"        \
	"06c11a5e1b824f26418a92548498374a84221b3348213c5e4deede0d2afaaa7e9e5453342b47f7d327a81f7137ff4e1e"        \
	"8c747de208382fb1ae83e1f8371e270b1508953b1550bf5f8cecfbc46a83ffa1"
#define RSA_IQ                                                                                                    \
	"a8806c0513fa84e4862951bde8d95477bc1a6714c7790d559212ceca12fcb2f1d9fc6f28fb7be273704322f1eee81cbe"        \
	"16fac31e7d1f0567e8b84716346a725f55ff3fa48ac87b941b59446729cfc9f3071273365252b3a113ef95cef71b114a"        \
	"7505baea9da31db539f3dee00ecf35fbb9c54899673c6f9035937a6be1a872c8"

static TPM2B_PUBLIC rsa_key(void)
{
	TPM2B_PUBLIC key = { 0 };
	TPM2B_PUBLIC_KEY_RSA *n = &key.publicArea.unique.rsa;
	key.publicArea.type = TPM2_ALG_RSA;
	key.publicArea.nameAlg = TPM2_ALG_SHA256;
	key.publicArea.parameters.rsaDetail.scheme.scheme = TPM2_ALG_OAEP;
	n->size = (UINT16)hex_to(RSA_N, n->buffer, sizeof n->buffer);
	return key;
}

/* How long the text is that this label opens; 0: it does not. */
static size_t oaep_open(const char *label, size_t label_n, uint8_t *data, size_t n)
{
	uint8_t p[128], q[128], dp[128], dq[128], iq[128];
	br_rsa_private_key key = { 2048, p, 128, q, 128, dp, 128, dq, 128, iq, 128 };
	CHECK_INT(hex_to(RSA_P, p, 128), 128);
	CHECK_INT(hex_to(RSA_Q, q, 128), 128);
	CHECK_INT(hex_to(RSA_DP, dp, 128), 128);
	CHECK_INT(hex_to(RSA_DQ, dq, 128), 128);
	CHECK_INT(hex_to(RSA_IQ, iq, 128), 128);
	return br_rsa_i31_oaep_decrypt(&br_sha256_vtable, label, label_n, &key, data, &n) == 1 ? n : 0;
}

TEST(rsa_oaep)
{
	TPM2B_PUBLIC key = rsa_key();
	BYTE secret[32], out[512], copy[512];
	size_t size = 0;
	memset(secret, 7, sizeof secret);
	set_up();
	CHECK_INT(cb.rsa_pk_encrypt(&key, 32, secret, sizeof out, out, &size, "SECRET", cb.userdata), 0);
	CHECK_INT(size, 256);
	memcpy(copy, out, size);
	/* The label's NUL belongs to it. */
	CHECK_INT(oaep_open("SECRET", 6, copy, size), 0);
	memcpy(copy, out, size);
	CHECK_INT(oaep_open("SECRET", 7, copy, size), 32);
	CHECK(memcmp(copy, secret, 32) == 0);
	/* An explicit 65537 is the same key; another secret-sized text still fits, a longer one does not. */
	key.publicArea.parameters.rsaDetail.exponent = 65537;
	CHECK_INT(cb.rsa_pk_encrypt(&key, 32, secret, sizeof out, out, &size, "IDENTITY", cb.userdata), 0);
	CHECK_INT(oaep_open("IDENTITY", 9, out, size), 32);
	CHECK_INT(cb.rsa_pk_encrypt(&key, 190, out, sizeof copy, copy, &size, "SECRET", cb.userdata), 0);
	CHECK(cb.rsa_pk_encrypt(&key, 191, out, sizeof copy, copy, &size, "SECRET", cb.userdata) != 0);
	CHECK_INT(size, 0);
}

TEST(rsa_fails_cleanly)
{
	TPM2B_PUBLIC key = rsa_key();
	BYTE secret[32] = { 0 }, out[512];
	size_t size;
	set_up();
	CHECK(cb.rsa_pk_encrypt(&key, 32, secret, 255, out, &size, "SECRET", cb.userdata) != 0);
	source.fails = true;
	CHECK(cb.rsa_pk_encrypt(&key, 32, secret, sizeof out, out, &size, "SECRET", cb.userdata) != 0);
	source.fails = false;
	key.publicArea.unique.rsa.size = 0;
	CHECK(cb.rsa_pk_encrypt(&key, 32, secret, sizeof out, out, &size, "SECRET", cb.userdata) != 0);
	key.publicArea.unique.rsa.size = 0xffff;
	CHECK(cb.rsa_pk_encrypt(&key, 32, secret, sizeof out, out, &size, "SECRET", cb.userdata) != 0);
	key = rsa_key();
	key.publicArea.parameters.rsaDetail.scheme.scheme = TPM2_ALG_RSAES;
	CHECK(cb.rsa_pk_encrypt(&key, 32, secret, sizeof out, out, &size, "SECRET", cb.userdata) != 0);
	key = rsa_key();
	key.publicArea.nameAlg = TPM2_ALG_NULL;
	CHECK(cb.rsa_pk_encrypt(&key, 32, secret, sizeof out, out, &size, "SECRET", cb.userdata) != 0);
}

TEST(all_that_esys_requires_is_there)
{
	set_up();
	CHECK(cb.rsa_pk_encrypt && cb.hash_start && cb.hash_update && cb.hash_finish && cb.hash_abort &&
	      cb.hmac_start && cb.hmac_update && cb.hmac_finish && cb.hmac_abort && cb.get_random2b &&
	      cb.get_ecdh_point && cb.aes_encrypt && cb.aes_decrypt);
}

int main(void)
{
	RUN(hashes);
	RUN(hmacs);
	RUN(other_hashes_are_refused);
	RUN(hmac_keys_of_unusual_length);
	RUN(kinds_are_not_mixed_up);
	RUN(what_does_not_fit_is_refused_and_can_be_aborted);
	RUN(random_bytes);
	RUN(aes_cfb);
	RUN(aes_cfb_portable);
	RUN(other_ciphers_are_refused);
	RUN(ecdh);
	RUN(ecdh_coordinates_of_other_lengths);
	RUN(ecdh_on_other_curves_is_refused);
	RUN(points_not_on_the_curve_are_refused);
	RUN(ecdh_fails_cleanly);
	RUN(rsa_oaep);
	RUN(rsa_fails_cleanly);
	RUN(all_that_esys_requires_is_there);
	return test_end();
}
