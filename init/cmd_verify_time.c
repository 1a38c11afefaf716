/* SPDX-License-Identifier: MIT
 *
 * Times of people: no zone files, no locale, every value of int64 nanoseconds or none.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "verify_cmd.h"

#define NS_IN_S 1000000000

/* Exactly n digits at *p, which is moved behind them; -1 if they are not there. */
static int digits(const char **p, int n)
{
	int v = 0;
	for (int i = 0; i < n; i++, (*p)++) {
		if (**p < '0' || **p > '9')
			return -1;
		v = 10 * v + (**p - '0');
	}
	return v;
}

static bool skip(const char **p, char c)
{
	return *(*p)++ == c;
}

/* Days from 1970 to a day of the Gregorian calendar: years begin in March, so that leap days come last. */
static int64_t days_to(int year, int month, int day)
{
	int64_t y = month <= 2 ? year - 1 : year, era = y / 400, of_era = y % 400;
	int64_t of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static int days_in(int year, int month)
{
	static const uint8_t days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	return days[month - 1] + (month == 2 && leap);
}

static bool parse_date(const char **p, int64_t *seconds)
{
	int year = digits(p, 4);
	int month = year < 0 || !skip(p, '-') ? -1 : digits(p, 2);
	int day = month < 1 || month > 12 || !skip(p, '-') ? -1 : digits(p, 2);
	if (day < 1 || day > days_in(year, month) || (**p != 'T' && **p != 't' && **p != ' '))
		return false;
	(*p)++;
	int hour = digits(p, 2);
	int minute = hour < 0 || hour > 23 || !skip(p, ':') ? -1 : digits(p, 2);
	int second = minute < 0 || minute > 59 || !skip(p, ':') ? -1 : digits(p, 2);
	if (second < 0 || second > 60) /* a leap second is the next one */
		return false;
	*seconds = days_to(year, month, day) * 86400 + hour * 3600 + minute * 60 + second;
	return true;
}

static bool parse_zone(const char **p, int64_t *seconds)
{
	char sign = *(*p)++;
	if (sign == 'Z' || sign == 'z')
		return true;
	int hour = sign == '+' || sign == '-' ? digits(p, 2) : -1;
	int minute = hour < 0 || hour > 23 || !skip(p, ':') ? -1 : digits(p, 2);
	if (minute < 0 || minute > 59)
		return false;
	*seconds -= (sign == '-' ? -1 : 1) * (hour * 3600 + minute * 60);
	return true;
}

static bool parse_rfc3339(const char *p, int64_t *ns)
{
	int64_t seconds, fraction = 0;
	if (!parse_date(&p, &seconds))
		return false;
	if (*p == '.') {
		int64_t unit = NS_IN_S / 10;
		const char *first = ++p;
		for (; *p >= '0' && *p <= '9'; p++, unit /= 10)
			fraction += unit * (*p - '0');
		if (p == first)
			return false;
	}
	if (!parse_zone(&p, &seconds) || *p != '\0')
		return false;
	return !__builtin_mul_overflow(seconds, NS_IN_S, ns) && !__builtin_add_overflow(*ns, fraction, ns);
}

bool verify_parse_time(const char *text, int64_t *ns)
{
	char *end;
	errno = 0;
	long long number = strtoll(text, &end, 10);
	bool is_number = end != text && errno == 0 && text[0] != ' ' && text[0] != '+';
	if (is_number && (*end == '\0' || strcmp(end, "ns") == 0)) {
		*ns = number;
		return true;
	}
	if (is_number && strcmp(end, "s") == 0)
		return !__builtin_mul_overflow((int64_t)number, NS_IN_S, ns);
	return parse_rfc3339(text, ns);
}

void verify_print_time(int64_t ns, char *text, size_t size)
{
	time_t seconds = (time_t)(ns / NS_IN_S - (ns % NS_IN_S < 0));
	struct tm tm;
	/* strftime would bring time zones along, 6 KiB. */
	if (gmtime_r(&seconds, &tm) == NULL)
		(void)snprintf(text, size, "%lld", (long long)ns);
	else
		(void)snprintf(text, size, "%04d-%02d-%02dT%02d:%02d:%02dZ", tm.tm_year + 1900, tm.tm_mon + 1,
			       tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
}
