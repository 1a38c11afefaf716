/* SPDX-License-Identifier: MIT
 *
 * The taopolicy command: its arguments and help.
 */
#include "command.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "tao_policy.h"

static const struct {
	const char *name, *arguments;
	int least, most;
	unsigned options;
	const char *help;
	int (*run)(const struct policy_run *run);
} commands[] = {
#define POLICY_CMD(name, arguments, least, most, options, help)                                                   \
	{ #name, arguments, least, most, options, help, policy_cmd_##name },
#include "tao_policy.def"
#undef POLICY_CMD
};
#define N_COMMANDS (sizeof commands / sizeof commands[0])

static const struct {
	unsigned group;
	const char *name, *value; /* value: what to call it; NULL: takes none */
	size_t at;		  /* in struct policy_run: a const char *, or a bool */
	const char *help;
} options[] = {
	{ POLICY_OPT_PASSPHRASE, "--passphrase-file", "FILE", offsetof(struct policy_run, passphrase_file),
	  "encrypts the key; the first line of FILE" },
	{ POLICY_OPT_KEY, "--key", "KEY", offsetof(struct policy_run, key),
	  "a key file; for check its hash will do" },
	{ POLICY_OPT_OUTPUT, "--output", "FILE", offsetof(struct policy_run, output), "not to standard output" },
	{ POLICY_OPT_TRUST, "--at", "TIME", offsetof(struct policy_run, at), "not now; as 2026-01-31T12:00:00Z" },
	{ POLICY_OPT_TRUST, "--least", "VERSION", offsetof(struct policy_run, least), "older ones are refused" },
	{ POLICY_OPT_TRUST, "--unsigned", NULL, offsetof(struct policy_run, is_unsigned),
	  "only form and rules: it is not signed yet" },
	{ POLICY_OPT_AUTHORIZE, "--version", "VERSION", offsetof(struct policy_run, version),
	  "1 without it; a host that has come up with it takes none that is lower any more" },
	{ POLICY_OPT_AUTHORIZE, "--pcrs", "N=HEX,...", offsetof(struct policy_run, pcrs),
	  "values of the PCRs that the manifest names besides the one that is measured into" },
	{ POLICY_OPT_ENROLL, "--device", "TPM", offsetof(struct policy_run, device),
	  "for request: the TPM, instead of /dev/tpmrm0" },
	{ POLICY_OPT_ENROLL, "--ek", "HASH", offsetof(struct policy_run, ek),
	  "for vouch: the endorsement key that you know to be a TPM's" },
	{ POLICY_OPT_ENROLL, "--until", "TIME", offsetof(struct policy_run, until),
	  "for vouch: not a year from now" },
	{ POLICY_OPT_WHY, "--why", NULL, offsetof(struct policy_run, why),
	  "print the derivation, or what was closest to one" },
};
#define N_OPTIONS (sizeof options / sizeof options[0])

int policy_complain(const struct policy_run *run, int status, const char *format, ...)
{
	va_list arguments;
	(void)fprintf(stderr, "taopolicy: %s%s", run->name, run->name[0] != '\0' ? ": " : "");
	va_start(arguments, format);
	(void)vfprintf(stderr, format, arguments);
	va_end(arguments);
	(void)fputc('\n', stderr);
	return status;
}

static int usage(const struct policy_run *run, const char *what, const char *which)
{
	return policy_complain(run, POLICY_EXIT_USAGE, "%s%s%.80s\nTry: taopolicy %s%s--help", what,
			       which[0] != '\0' ? ": " : "", which, run->name, run->name[0] != '\0' ? " " : "");
}

static int help_all(const struct policy_run *run)
{
	(void)printf("usage: taopolicy COMMAND [OPTION...] ARGUMENT...\n"
		     "       taopolicy COMMAND --help\n\n"
		     "Policies of a Tao host: keys, signatures, decisions. See taopolicy(1), tao.policy(5).\n\n");
	for (size_t i = 0; i < N_COMMANDS; i++)
		(void)printf("  %-9s %-24s %s\n", commands[i].name, commands[i].arguments, commands[i].help);
	(void)printf("\nExit status: 0 yes or done; 1 no: denied, not valid, different; 2 wrong usage; "
		     "4 a file failed.\n");
	return policy_finish(run, POLICY_EXIT_OK);
}

static int help_command(const struct policy_run *run, size_t command)
{
	(void)printf("usage: taopolicy %s%s %s\n%s\n", run->name,
		     commands[command].options != 0 ? " [OPTION...]" : "", commands[command].arguments,
		     commands[command].help);
	for (size_t i = 0; i < N_OPTIONS; i++)
		if ((options[i].group & commands[command].options) != 0)
			(void)printf("  %-18s %-8s %s\n", options[i].name,
				     options[i].value != NULL ? options[i].value : "", options[i].help);
	return policy_finish(run, POLICY_EXIT_OK);
}

/* One option at argv[*i], --name, --name VALUE or --name=VALUE; *i is moved past what it took. */
static int take_option(struct policy_run *run, unsigned groups, char **argv, int *i)
{
	const char *argument = argv[(*i)++];
	for (size_t id = 0; id < N_OPTIONS; id++) {
		size_t n = strlen(options[id].name);
		if ((options[id].group & groups) == 0 || strncmp(argument, options[id].name, n) != 0 ||
		    (argument[n] != '\0' && argument[n] != '='))
			continue;
		const char *value = argument[n] == '=' ? argument + n + 1 : NULL;
		char *field = (char *)run + options[id].at;
		if (options[id].value == NULL) {
			const bool yes = true;
			if (value != NULL)
				return usage(run, "takes no value", options[id].name);
			memcpy(field, &yes, sizeof yes);
			return POLICY_EXIT_OK;
		}
		if (value == NULL && (value = argv[*i]) == NULL)
			return usage(run, "needs a value", options[id].name);
		*i += argument[n] != '=';
		memcpy(field, &value, sizeof value);
		return POLICY_EXIT_OK;
	}
	return usage(run, "unknown option", argument);
}

static int run_command(struct policy_run *run, size_t command, char **argv)
{
	for (int i = 0; argv[i] != NULL;) {
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
			return help_command(run, command);
		if (argv[i][0] != '-' || argv[i][1] == '\0') {
			argv[run->argc++] = argv[i++];
			continue;
		}
		int status = take_option(run, commands[command].options, argv, &i);
		if (status != POLICY_EXIT_OK)
			return status;
	}
	argv[run->argc] = NULL;
	if (run->argc < commands[command].least)
		return usage(run, "argument missing", commands[command].arguments);
	if (run->argc > commands[command].most)
		return usage(run, "too many arguments", argv[commands[command].most]);
	return policy_finish(run, commands[command].run(run));
}

int cmd_taopolicy(int argc, char **argv)
{
	struct policy_run run = { .name = "", .argv = argv + 2 };
	const char *name = argc > 1 ? argv[1] : "";
	if (argc < 2)
		return usage(&run, "no command given", "");
	if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0)
		return help_all(&run);
	for (size_t i = 0; i < N_COMMANDS; i++) {
		if (strcmp(name, commands[i].name) != 0)
			continue;
		run.name = commands[i].name;
		return run_command(&run, i, argv + 2);
	}
	return usage(&run, "unknown command", name);
}
