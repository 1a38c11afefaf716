/* SPDX-License-Identifier: MIT */
/* link: crypto/base.c */
/* The strtod and sprintf that cJSON gets: whole numbers exactly, others as what they are not. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

double json_strtod(const char *restrict text, char **restrict end);
int json_sscanf(const char *restrict text, const char *restrict format, ...);
#define strtod json_strtod
#define sscanf json_sscanf
int json_sprintf(char *restrict out, const char *restrict format, ...);
#define sprintf json_sprintf
#include "../../init/json_number.c"
#undef strtod
#undef sscanf
#undef sprintf
#include "test.h"

static double read_all(const char *text)
{
	char *end = NULL;
	double d = json_strtod(text, &end);
	CHECK(end == text + strlen(text));
	return d;
}

static bool prints(double value, const char *expected)
{
	char text[26] = ""; /* as large as cJSON's */
	int n = json_sprintf(text, "%1.15g", value);
	return (size_t)n == strlen(text) && strcmp(text, expected) == 0;
}

/* As cJSON prints what is no int. */
TEST(numbers_are_printed_whole)
{
	char text[32];
	CHECK(prints(1795752709648.0, "1795752709648"));
	CHECK(prints(-9007199254740992.0, "-9007199254740992"));
	CHECK(prints(999999999999999872.0, "999999999999999872"));
	CHECK(json_sprintf(text, "%1.17g", 2147483648.0) == 10 && strcmp(text, "2147483648") == 0);
	CHECK(json_sprintf(text, "%d", -7) == 2 && strcmp(text, "-7") == 0);
	CHECK(json_sprintf(text, "u%04x", 31) == 5 && strcmp(text, "u001f") == 0);
}

/* None of ours is one of these, but those of a manifest that is refused can be. */
TEST(other_numbers_are_printed_with_an_exponent)
{
	static const double some[] = { 1e18, -1e18, 5.55556e+22, -2.5e-7, 5e-324, -1e308, 1e308, 0.1, 1.0 / 3 };
	CHECK(prints(1e18, "100000000000000000e1"));
	CHECK(prints(1.5, "150000000000000000e-17"));
	CHECK(prints(-0.25, "-250000000000000000e-18"));
	for (size_t i = 0; i < sizeof some / sizeof *some; i++) {
		char text[26];
		CHECK((size_t)json_sprintf(text, "%1.17g", some[i]) < sizeof text);
		double again = strtod(text, NULL);
		CHECK(again == some[i] || fabs(again / some[i] - 1) < 1e-13);
	}
}

TEST(whole_numbers_are_exact)
{
	static const char *const texts[] = { "0",
					     "-0",
					     "1",
					     "-1",
					     "9007199254740991",
					     "-9007199254740992",
					     "2147483648",
					     "1e3",
					     "1E3",
					     "1e+3",
					     "10e-1",
					     "12.0",
					     "1.5e1",
					     "65536.000" };
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
		CHECK(read_all(texts[i]) == strtod(texts[i], NULL));
	char text[32];
	uint64_t x = 1;
	for (int i = 0; i < 100000; i++) {
		x = x * 6364136223846793005U + 1442695040888963407U;
		snprintf(text, sizeof text, "%llu", (unsigned long long)(x >> (11 + i % 53)));
		CHECK(read_all(text) == strtod(text, NULL));
	}
}

TEST(others_are_no_whole_numbers)
{
	static const char *const texts[] = { "0.5", "1e-1", "1.25", "-3.7", "1e-300", "9.999999", "1234.5678e-2" };
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		double got = read_all(texts[i]), libc = strtod(texts[i], NULL);
		CHECK(got != floor(got));
		CHECK(fabs(got - libc) <= fabs(libc) * 1e-9);
	}
	CHECK(read_all("1e308") > 1e300);
	CHECK(isinf(read_all("1e309")) && isinf(read_all("1e99999999999999999999")));
	CHECK(isinf(read_all("-1e400")) && read_all("-1e400") < 0);
	CHECK(read_all("1e-99999999999999999999") == 0);
	CHECK(read_all("0e99999") == 0);
}

TEST(no_number_is_none)
{
	char *end = NULL;
	const char *texts[] = { "", "-", "x", "." };
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		json_strtod(texts[i], &end);
		CHECK(end == texts[i]);
	}
	json_strtod("12,", &end);
	CHECK_STR(end, ",");
	CHECK_INT(json_sscanf("1", "%d", &(int){ 0 }), 0);
}

int main(void)
{
	RUN(numbers_are_printed_whole);
	RUN(other_numbers_are_printed_with_an_exponent);
	RUN(whole_numbers_are_exact);
	RUN(others_are_no_whole_numbers);
	RUN(no_number_is_none);
	return test_end();
}
