/* SPDX-License-Identifier: MIT */
/* link: crypto bearssl */
/* The key file of the TPM root: what is written is read, each byte counts, and each damage has its error. */
#include "../../crypto/tpm_state.h"
#include "test.h"

static struct tpm_state state, again;
static uint8_t file[TPM_STATE_MAX], copy[TPM_STATE_MAX];
static struct keyset keys, opened;
static uint8_t kek[TPM_KEK_SIZE];

static size_t make(void)
{
	uint8_t entropy[KEYSET_ENTROPY_SIZE], nonce[12] = { 1 };
	memset(entropy, 0x33, sizeof entropy);
	memset(&state, 0, sizeof state);
	memset(state.srk_name, 0x11, sizeof state.srk_name);
	memset(state.endorsement_name, 0x22, sizeof state.endorsement_name);
	memset(kek, 0x44, sizeof kek);
	state.nv_index = 0x01817463;
	state.pcrs.pcrs = 1 << 7 | 1 << 15;
	memset(state.pcrs.value[7], 0x77, SHA256_SIZE);
	memset(state.pcrs.value[15], 0x55, SHA256_SIZE);
	state.log_n = 100;
	memset(state.log, 0x99, state.log_n);
	state.ak = (struct tpm_blob){ .public_n = 88, .private_n = 126, .public = { 1 }, .private = { 2 } };
	state.kek = (struct tpm_blob){ .public_n = 78, .private_n = 256, .public = { 3 }, .private = { 4 } };
	CHECK_INT(keyset_make(&keys, entropy), ERR_NONE);
	tpm_state_seal(&state, &keys, kek, nonce);
	struct wr w = wr_to(file, sizeof file);
	tpm_state_write(&state, &w);
	CHECK_INT(w.err, ERR_NONE);
	return w.n;
}

TEST(what_is_written_is_read)
{
	size_t n = make();
	CHECK_INT(tpm_state_read(&again, span_of(file, n)), ERR_NONE);
	CHECK(memcmp(&state, &again, sizeof state) == 0);
	CHECK_INT(tpm_state_open(&again, kek, &opened), ERR_NONE);
	CHECK(memcmp(&keys, &opened, sizeof keys) == 0);
}

TEST(the_largest_fits)
{
	make();
	state.pcrs.pcrs = 0xffff;
	state.log_n = TPM_STATE_LOG_MAX;
	state.ak.public_n = state.kek.public_n = sizeof state.ak.public;
	state.ak.private_n = state.kek.private_n = sizeof state.ak.private;
	struct wr w = wr_to(file, sizeof file);
	tpm_state_write(&state, &w);
	CHECK_INT(w.err, ERR_NONE);
	CHECK_INT(tpm_state_read(&again, wr_span(&w)), ERR_NONE);
}

TEST(every_byte_counts)
{
	size_t n = make();
	for (size_t i = 0; i < n; i++) {
		file[i] ^= 0x01;
		int r = tpm_state_read(&again, span_of(file, n));
		if (i >= 10 && i < 14) /* the size */
			CHECK(r == ERR_TRUNCATED || r == ERR_TRAILING);
		else
			CHECK_INT(r, i < 8 ? ERR_MALFORMED : i < 10 ? ERR_BAD_VERSION : ERR_CHECKSUM);
		file[i] ^= 0x01;
	}
	for (size_t k = 0; k < n; k++)
		CHECK(tpm_state_read(&again, span_of(file, k)) < 0);
	memset(copy, 0, sizeof copy);
	CHECK_INT(tpm_state_read(&again, span_of(copy, n)), ERR_CHECKSUM);
}

/* With a good checksum, too, nothing is read past its place. */
TEST(sizes_that_lie_are_refused)
{
	size_t n = make();
	for (size_t i = 14; i < n - SHA256_SIZE; i++) {
		uint8_t before = file[i];
		file[i] = 0xff;
		sha256_of(sha256_bearssl(), span_of(file, n - SHA256_SIZE), file + n - SHA256_SIZE);
		int r = tpm_state_read(&again, span_of(file, n));
		CHECK(r == ERR_NONE || r == ERR_MALFORMED || r == ERR_TRUNCATED || r == ERR_TRAILING);
		file[i] = before;
	}
}

TEST(keys_open_with_their_key_only)
{
	make();
	for (size_t i = 0; i < TPM_STATE_KEYS_SIZE; i++) {
		state.keys[i] ^= 0x80;
		CHECK_INT(tpm_state_open(&state, kek, &opened), ERR_BAD_SEAL);
		state.keys[i] ^= 0x80;
	}
	kek[0] ^= 1;
	CHECK_INT(tpm_state_open(&state, kek, &opened), ERR_BAD_SEAL);
	kek[0] ^= 1;
	state.srk_name[3] ^= 1;
	CHECK_INT(tpm_state_open(&state, kek, &opened), ERR_BAD_SEAL);
}

int main(void)
{
	RUN(what_is_written_is_read);
	RUN(the_largest_fits);
	RUN(every_byte_counts);
	RUN(sizes_that_lie_are_refused);
	RUN(keys_open_with_their_key_only);
	return test_end();
}
