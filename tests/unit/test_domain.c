/* SPDX-License-Identifier: MIT */
/* link: crypto bearssl */
/* The files that go between a domain and its machines: what is written is read, each change is seen. (That a TPM agrees:
 * tests/bats/tpm_domain.bats.) */
#include "../../crypto/authorization.h"
#include "../../crypto/enroll.h"
#include "../../crypto/fields.h"
#include "test.h"

static uint8_t file[ENROLL_FILE_MAX];
static const uint8_t scalar[KEY_SCALAR_SIZE] = { 1, 2, 3 };

static size_t make(struct authorization *a)
{
	struct wr w = wr_to(file, AUTHORIZATION_FILE_MAX);
	memset(a, 0, sizeof *a);
	a->version = 7;
	a->index = AUTHORIZATION_INDEX;
	a->pcrs.pcrs = 1 | 1 << 15;
	memset(a->pcrs.value[0], 0x11, SHA256_SIZE);
	memset(a->pcrs.value[15], 0x22, SHA256_SIZE);
	CHECK_INT(authorization_sign(sha256_bearssl(), a, scalar), ERR_NONE);
	authorization_write(a, &w);
	CHECK_INT(w.err, ERR_NONE);
	return w.n;
}

TEST(an_authorization_is_read_as_written)
{
	struct authorization a, b;
	memset(&b, 0, sizeof b);
	size_t n = make(&a);
	CHECK_INT(authorization_read(&b, span_of(file, n)), ERR_NONE);
	CHECK(memcmp(&a, &b, sizeof a) == 0);
	CHECK_INT(authorization_verify(&b), ERR_NONE);
	for (size_t cut = 0; cut < n; cut++)
		CHECK(authorization_read(&b, span_of(file, cut)) < 0);
	file[n] = '\n';
	CHECK_INT(authorization_read(&b, span_of(file, n + 1)), ERR_TRAILING);
}

TEST(the_largest_authorization_fits)
{
	struct authorization a;
	struct wr w = wr_to(file, AUTHORIZATION_FILE_MAX);
	make(&a);
	a.pcrs.pcrs = 0xffff;
	a.version = AUTHORIZATION_VERSION_MAX;
	a.signature_n = sizeof a.signature;
	authorization_write(&a, &w);
	CHECK_INT(w.err, ERR_NONE);
	CHECK_INT(authorization_read(&a, wr_span(&w)), ERR_NONE);
}

TEST(all_that_an_authorization_says_is_signed)
{
	struct authorization a, b;
	make(&a);
	b = a;
	b.version++;
	CHECK_INT(authorization_verify(&b), ERR_BAD_SIGNATURE);
	b = a;
	b.index++;
	CHECK_INT(authorization_verify(&b), ERR_BAD_SIGNATURE);
	b = a;
	b.pcrs.pcrs ^= 2;
	CHECK_INT(authorization_verify(&b), ERR_BAD_SIGNATURE);
	b = a;
	b.pcrs.value[15][31] ^= 1;
	CHECK_INT(authorization_verify(&b), ERR_BAD_SIGNATURE);
}

TEST(odd_authorizations_are_refused)
{
	static const char *const odd[][2] = {
		{ "version: 7", "version: 0" },
		{ "version: 7", "version: -" },
		{ "version: 7\n", "version: 99999999999\n" },
		{ "index: 01817480", "index: 01000000" },
		{ "index: 01817480", "index: 01c00000" },
		{ "pcr: 15", "pcr: 16" },
		{ "pcr: 15", "pcr: 0" },
	};
	for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
		struct authorization a;
		size_t n = make(&a);
		static uint8_t changed[AUTHORIZATION_FILE_MAX];
		struct wr w = wr_to(changed, sizeof changed);
		file[n] = '\0';
		const char *at = strstr((const char *)file, odd[i][0]);
		CHECK(at != NULL);
		wr_bytes(&w, file, (size_t)(at - (const char *)file));
		field_put(&w, odd[i][1]);
		field_put(&w, at + strlen(odd[i][0]));
		CHECK(authorization_read(&a, wr_span(&w)) < 0);
	}
}

TEST(a_request_and_its_answer_are_read_as_written)
{
	static struct enroll_request request, again;
	static struct enroll_answer answer, opened;
	static const uint8_t credential[GCM_KEY_SIZE] = { 5 }, other[GCM_KEY_SIZE] = { 6 };
	struct wr w = wr_to(file, sizeof file);
	memset(&request, 0x33, sizeof request);
	request.ek_n = sizeof request.ek;
	request.certificate_n = sizeof request.certificate;
	enroll_request_write(&request, &w);
	CHECK_INT(w.err, ERR_NONE);
	CHECK_INT(enroll_request_read(&again, wr_span(&w)), ERR_NONE);
	CHECK(memcmp(&request, &again, sizeof request) == 0);
	for (size_t cut = 0; cut < w.n; cut += 7)
		CHECK(enroll_request_read(&again, span_of(file, cut)) < 0);

	memset(&answer, 0x44, sizeof answer);
	answer.secret_n = 68;
	answer.statement_n = 500;
	enroll_seal(&answer, credential);
	w = wr_to(file, sizeof file);
	enroll_answer_write(&answer, &w);
	CHECK_INT(enroll_answer_read(&opened, wr_span(&w)), ERR_NONE);
	CHECK(enroll_open(&opened, credential) && opened.statement[0] == 0x44 && opened.statement[499] == 0x44);
	CHECK_INT(enroll_answer_read(&opened, wr_span(&w)), ERR_NONE);
	CHECK(!enroll_open(&opened, other));
	CHECK_INT(enroll_answer_read(&opened, wr_span(&w)), ERR_NONE);
	opened.ak_name[33] ^= 1;
	CHECK(!enroll_open(&opened, credential));
	file[w.n - 2] = 'g';
	CHECK(enroll_answer_read(&opened, wr_span(&w)) < 0);
}

int main(void)
{
	RUN(an_authorization_is_read_as_written);
	RUN(the_largest_authorization_fits);
	RUN(all_that_an_authorization_says_is_signed);
	RUN(odd_authorizations_are_refused);
	RUN(a_request_and_its_answer_are_read_as_written);
	return test_end();
}
