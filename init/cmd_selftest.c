/* SPDX-License-Identifier: MIT
 *
 * taoinit --self-test: known answers of the cryptography and, where asked, a conversation with a TPM. TAP.
 */
#include <stdio.h>
#include <string.h>

#include "../crypto/selftest.h"
#include "../crypto/tpm.h"
#include "command.h"
#include "sys.h"
#include "sys_tpm.h"

static const char help[] =
	"usage: taoinit --self-test [--tpm SPEC]\n"
	"\n"
	"Computes known answers with every implementation that this CPU runs, and says for each whether it came "
	"out\n"
	"right (TAP). With --tpm, also talks to a TPM 2.0: starts a salted session, draws random bytes, reads "
	"PCRs 0\n"
	"and 15, and leaves nothing behind. It changes nothing in the TPM.\n"
	"\n"
	"  --tpm /dev/tpmrm0    the machine's TPM; device:PATH is the same\n"
	"  --tpm swtpm:SOCKET   a software TPM, swtpm socket --tpm2 --server type=unixio,path=SOCKET\n"
	"  --help               this text\n"
	"\n"
	"Exit status: 0 if everything is right, 1 if not, 2 for wrong usage.\n";

static void line(void *ctx, const char *text, bool ok)
{
	unsigned *n = ctx;
	printf("%sok %u - %s\n", ok ? "" : "not ", ++*n, text);
	fflush(stdout); /* what comes next may take long */
}

static int test_tpm(const char *spec, unsigned *n)
{
	struct sys_tpm tpm;
	char text[sizeof tpm.why + 16];
	if (sys_tpm_open(&tpm, spec) < 0) {
		snprintf(text, sizeof text, "TPM opens: %s", tpm.why);
		line(n, text, false);
		return 1;
	}
	int failed = tpm_selftest(&tpm.platform, line, n);
	if (failed > 0 && tpm.why[0] != '\0')
		printf("# %s\n", tpm.why);
	sys_tpm_close(&tpm);
	return failed;
}

static int wrong(const char *what, const char *which)
{
	fprintf(stderr, "taoinit: %s: %s\nTry: taoinit --self-test --help\n", what, which);
	return 2;
}

int cmd_selftest(int argc, char **argv)
{
	static const char tpm[] = "--tpm", tpm_is[] = "--tpm=";
	const char *spec = NULL;
	unsigned n = 0;
	sys_unblock_signals();
	for (int i = 1; i < argc; i++) {
		const char *value = NULL;
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
			fputs(help, stdout);
			return 0;
		}
		if (strncmp(argv[i], tpm_is, sizeof tpm_is - 1) == 0)
			value = argv[i] + sizeof tpm_is - 1;
		else if (strcmp(argv[i], tpm) != 0)
			return wrong("unknown argument", argv[i]);
		else if (i + 1 < argc)
			value = argv[++i];
		else
			return wrong("needs a value", argv[i]);
		if (spec != NULL)
			return wrong("given twice", tpm);
		spec = value;
	}
	int failed = selftest_crypto(line, &n);
	if (spec != NULL)
		failed += test_tpm(spec, &n);
	printf("1..%u\n", n);
	return failed == 0 ? 0 : 1;
}
