/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "../crypto/selftest.h"
#include "command.h"

static unsigned n_lines;

static void line(void *ctx, const char *text, bool ok)
{
	(void)ctx;
	printf("%sok %u - %s\n", ok ? "" : "not ", ++n_lines, text);
}

int cmd_selftest(int argc, char **argv)
{
	(void)argc, (void)argv;
	int failed = selftest_crypto(line, NULL);
	printf("1..%u\n", n_lines);
	return failed == 0 ? 0 : 1;
}
