/* SPDX-License-Identifier: MIT
 *
 * What cJSON asks of the C library for numbers, and we need less of: 10 KiB of it stay out of the program.
 */
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPONENT_MAX 400 /* 10 to that is infinite, and a 400th of anything that we take is 0 */

static double digits(const char **at, double value, int *n)
{
	for (; **at >= '0' && **at <= '9'; (*at)++, (*n)++)
		value = 10 * value + (**at - '0');
	return value;
}

/* What is read was scanned for the grammar of JSON. It means something to us only if it is a whole number below 2^53,
 * which comes out exactly; of all others it matters that they are no such number, or too large. */
double strtod(const char *restrict text, char **restrict end)
{
	const char *at = text;
	bool negative = *at == '-';
	int n = 0, fraction = 0, unused = 0;
	at += negative;
	double value = digits(&at, 0, &n);
	if (*at == '.') {
		at++;
		value = digits(&at, value, &fraction);
	}
	int exponent = -fraction;
	if (*at == 'e' || *at == 'E') {
		bool down = at[1] == '-';
		at += at[1] == '-' || at[1] == '+' ? 2 : 1;
		double e = digits(&at, 0, &unused);
		int bounded = e > EXPONENT_MAX ? EXPONENT_MAX : (int)e;
		exponent += down ? -bounded : bounded;
	}
	for (; exponent > 0; exponent--)
		value *= 10;
	for (; exponent < 0 && value != 0; exponent++)
		value /= 10;
	if (end != NULL)
		*end = (char *)(uintptr_t)(n > 0 ? at : text);
	return negative ? -value : value;
}

/* cJSON prints a number that is no int with 15 digits, and reads it with this to see whether they are enough. That they
 * are not costs nothing where numbers are whole. */
int sscanf(const char *restrict text, const char *restrict format, ...)
{
	(void)text, (void)format;
	return 0;
}

#define WHOLE_MAX 1e18 /* what is below has 18 digits at most */

/* A number that is whole as it is, any other with 18 digits and an exponent, the last ones of them rounded. Needs 26
 * bytes: a sign, 18 digits, "e-341" and a NUL are one less. */
static int print_number(char *out, double value)
{
	int exponent = 0;
	for (; value >= WHOLE_MAX || value <= -WHOLE_MAX; exponent++)
		value /= 10;
	if (exponent == 0 && (double)(long long)value == value)
		return snprintf(out, 26, "%lld", (long long)value);
	for (; value < WHOLE_MAX / 10 && value > -WHOLE_MAX / 10; exponent--)
		value *= 10;
	return snprintf(out, 26, "%llde%d", (long long)value, exponent);
}

/* The C library prints no fractions (deps/build). cJSON prints a number that is no int, and finite, with %1.15g and
 * %1.17g into 26 bytes. */
int sprintf(char *restrict out, const char *restrict format, ...)
{
	va_list args;
	va_start(args, format);
	int n = strcmp(format, "%1.15g") == 0 || strcmp(format, "%1.17g") == 0
			? print_number(out, va_arg(args, double))
			: vsnprintf(out, INT_MAX, format, args);
	va_end(args);
	return n;
}
