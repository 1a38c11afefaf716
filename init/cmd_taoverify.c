/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "verify_cmd.h"

static const struct {
	const char *name, *arguments, *help;
	int (*run)(int argc, char **argv);
} rows[] = {
#define VERIFY_CMD(name, arguments, help) { #name, arguments, help, verify_cmd_##name },
#include "verify_cmd.def"
#undef VERIFY_CMD
};

static int print_usage(FILE *to, int status)
{
	(void)fputs("usage: taoverify COMMAND [OPTION...] FILE\n\n", to);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		(void)fprintf(to, "  %s %s\n      %s\n", rows[i].name, rows[i].arguments, rows[i].help);
	(void)fputs(
		"\n"
		"  FILE         binary, hex or base64; - for standard input\n"
		"  --at TIME    the time at which it must be valid, now by default: RFC 3339\n"
		"               (2026-11-24T12:00:00Z), seconds (1795521600s) or nanoseconds "
		"(1795521600000000000,\n"
		"               or with the unit ns) since 1970\n"
		"  --trust KEY  a root that is trusted: key([...]), tpm2([...]).PCRs(...) or a longer name, the\n"
		"               SHA-256 of a key in hex, or a file with a public key (PEM or DER); any by "
		"default\n"
		"  --vouched FILE  a trusted root's word for a TPM, which is trusted then (taopolicy enroll)\n"
		"  --json       the answer as JSON\n"
		"  --cel        the records as CEL-JSON (TCG Canonical Event Log)\n"
		"  --pcr N      the PCR that the log is about, that of its first record by default\n"
		"  --value HEX  what that PCR has, as a quote or the TPM says\n"
		"  --base HEX   what that PCR had before taoinit, zeros by default\n"
		"\n"
		"Exit status: 0 believed; 1 refused; 2 wrong usage; 4 a file could not be read or written.\n",
		to);
	return status;
}

int cmd_taoverify(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";
	bool help = strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0;
	for (int i = 2; i < argc; i++)
		help = help || strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0;
	if (help)
		return print_usage(stdout, fflush(stdout) == 0 ? VERIFY_EXIT_OK : VERIFY_EXIT_IO);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (strcmp(name, rows[i].name) == 0)
			return rows[i].run(argc - 1, argv + 1);
	(void)fprintf(stderr, "taoverify: %s%s%.80s (taoverify --help)\n",
		      argc > 1 ? "unknown command" : "no command given", argc > 1 ? ": " : "", name);
	return VERIFY_EXIT_USAGE;
}
