/* SPDX-License-Identifier: MIT
 *
 * The tao command: its arguments and help. What the subcommands do is in tao_methods.c.
 */
#include "command.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tao_cmd.h"

struct tao_command {
	const char *name, *arguments;
	int least, most;
	unsigned options;
	const char *help;
	int (*run)(const struct tao_run *run);
};

static const struct tao_command commands[] = {
#define TAO_CMD(name, arguments, least, most, options, help)                                                      \
	{ #name, arguments, least, most, options, help, tao_cmd_##name },
#include "tao_cmd.def"
#undef TAO_CMD
};
#define N_COMMANDS (sizeof commands / sizeof commands[0])

struct tao_option {
	unsigned group;
	const char *name, *value, *help; /* value: what to call it; NULL: takes none */
};

/* In the order of enum option_id. */
enum option_id {
	HEX,
	BASE64,
	BINARY,
	FORCE,
	IN_HEX,
	IN_BASE64,
	POLICY,
	COUNTER,
	PROTECTED,
	SHOW,
	ISSUER,
	TIME,
	UNTIL
};
static const struct tao_option options[] = {
	[HEX] = { OPT_OUTPUT, "--hex", NULL, "write hex and a newline" },
	[BASE64] = { OPT_OUTPUT, "--base64", NULL, "write base64 and a newline" },
	[BINARY] = { OPT_OUTPUT, "--binary", NULL, "write the bytes themselves" },
	[FORCE] = { OPT_OUTPUT, "--force", NULL, "write binary to a terminal too" },
	[IN_HEX] = { OPT_INPUT, "--in-hex", NULL, "the input is hex" },
	[IN_BASE64] = { OPT_INPUT, "--in-base64", NULL, "the input is base64" },
	[POLICY] = { OPT_POLICY, "--policy", "POLICY", "self (the default), few, program or any" },
	[COUNTER] = { OPT_COUNTER, "--counter", "LABEL",
		      "count LABEL up; what was sealed with it before cannot be unsealed any more" },
	[PROTECTED] = { OPT_PROTECTED, "--protected", NULL, "the input was sealed with --counter" },
	[SHOW] = { OPT_SHOW_POLICY, "--show-policy", NULL, "print the policy to standard error" },
	[ISSUER] = { OPT_ISSUER, "--issuer", "PRIN", "who says so: this program (the default) or a subprincipal" },
	[TIME] = { OPT_TIMES, "--time", "NS", "valid from, in nanoseconds since 1970; now by default" },
	[UNTIL] = { OPT_TIMES, "--expiration", "NS", "valid until; a year later by default" },
};
#define N_OPTIONS (sizeof options / sizeof options[0])

int tao_complain(const struct tao_run *run, int status, const char *format, ...)
{
	va_list arguments;
	(void)fprintf(stderr, "%s: %s%s", run->program != NULL ? run->program : "tao", run->name,
		      run->name[0] != '\0' ? ": " : "");
	va_start(arguments, format);
	(void)vfprintf(stderr, format, arguments);
	va_end(arguments);
	(void)fputc('\n', stderr);
	return status;
}

/* ---- Help ---- */

static int finish_help(void)
{
	if (fflush(stdout) == 0)
		return TAO_EXIT_OK;
	(void)fprintf(stderr, "tao: standard output: %s\n", strerror(errno));
	return TAO_EXIT_IO;
}

static int help_all(void)
{
	(void)printf("usage: tao COMMAND [OPTION...] [ARGUMENT...]\n"
		     "       tao COMMAND --help\n\n"
		     "Asks the Tao host that runs this program, over the channel that it was given.\n\n");
	for (size_t i = 0; i < N_COMMANDS; i++)
		(void)printf("  %-8s%-15s%s\n", commands[i].name, commands[i].arguments, commands[i].help);
	(void)printf("\nExit status: 0 done; 1 the host refused; 2 wrong usage; 3 no channel; "
		     "4 the channel or a file failed.\n");
	return finish_help();
}

static int help_command(const struct tao_command *command)
{
	(void)printf("usage: tao %s%s%s%s\n%s\n", command->name, command->options != 0 ? " [OPTION...]" : "",
		     command->arguments[0] != '\0' ? " " : "", command->arguments, command->help);
	for (size_t i = 0; i < N_OPTIONS; i++) {
		char left[40];
		if ((options[i].group & command->options) == 0)
			continue;
		(void)snprintf(left, sizeof left, "%s%s%s", options[i].name, options[i].value != NULL ? " " : "",
			       options[i].value != NULL ? options[i].value : "");
		(void)printf("  %-18s  %s\n", left, options[i].help);
	}
	return finish_help();
}

static int usage(const struct tao_run *run, const char *what, const char *which)
{
	return tao_complain(run, TAO_EXIT_USAGE, "%s%s%.80s\nTry: tao %s%s--help", what,
			    which[0] != '\0' ? ": " : "", which, run->name, run->name[0] != '\0' ? " " : "");
}

/* ---- Arguments ---- */

static int parse_time(const struct tao_run *run, const char *text, int64_t *time)
{
	char *end;
	errno = 0;
	long long v = strtoll(text, &end, 10);
	if (end == text || *end != '\0' || errno != 0 || v <= 0)
		return usage(run, "not a time in nanoseconds since 1970", text);
	*time = v;
	return TAO_EXIT_OK;
}

static int set_encoding(struct tao_run *run, enum encoding *where, enum encoding what)
{
	if (*where != ENCODING_DEFAULT && *where != what)
		return usage(run, "two encodings at once", "");
	*where = what;
	return TAO_EXIT_OK;
}

static int set_option(struct tao_run *run, enum option_id id, const char *value)
{
	switch (id) {
	case HEX:
		return set_encoding(run, &run->output, ENCODING_HEX);
	case BASE64:
		return set_encoding(run, &run->output, ENCODING_BASE64);
	case BINARY:
		return set_encoding(run, &run->output, ENCODING_BINARY);
	case IN_HEX:
		return set_encoding(run, &run->input, ENCODING_HEX);
	case IN_BASE64:
		return set_encoding(run, &run->input, ENCODING_BASE64);
	case FORCE:
		run->force = true;
		break;
	case PROTECTED:
		run->protect = true;
		break;
	case SHOW:
		run->show_policy = true;
		break;
	case POLICY:
		run->policy = value;
		break;
	case COUNTER:
		run->counter = value;
		break;
	case ISSUER:
		run->issuer = value;
		break;
	case TIME:
		return parse_time(run, value, &run->time);
	case UNTIL:
		return parse_time(run, value, &run->expiration);
	}
	return TAO_EXIT_OK;
}

/* One option at argv[*i], --name, --name VALUE or --name=VALUE; *i is moved past what it took. */
static int take_option(struct tao_run *run, unsigned groups, char **argv, int *i)
{
	const char *argument = argv[(*i)++];
	for (size_t id = 0; id < N_OPTIONS; id++) {
		const struct tao_option *option = &options[id];
		size_t n = strlen(option->name);
		if ((option->group & groups) == 0 || strncmp(argument, option->name, n) != 0)
			continue;
		if (argument[n] != '\0' && argument[n] != '=')
			continue;
		const char *value = argument[n] == '=' ? argument + n + 1 : NULL;
		if (option->value == NULL && value != NULL)
			return usage(run, "takes no value", option->name);
		if (option->value != NULL && value == NULL && (value = argv[*i]) == NULL)
			return usage(run, "needs a value", option->name);
		if (option->value != NULL && argument[n] != '=')
			(*i)++;
		return set_option(run, (enum option_id)id, value != NULL ? value : "");
	}
	return usage(run, "unknown option", argument);
}

/* Options may stand anywhere before "--"; what remains are arguments, moved to the front of argv. */
static int run_command(const struct tao_command *command, char **argv)
{
	struct tao_run run = { .name = command->name, .argv = argv, .policy = "self" };
	bool only_arguments = false;
	for (int i = 0; argv[i] != NULL;) {
		bool is_option = !only_arguments && argv[i][0] == '-' && argv[i][1] != '\0' &&
				 /* so that counter LABEL -5 reaches the host */
				 !(argv[i][1] >= '0' && argv[i][1] <= '9');
		if (is_option && (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0))
			return help_command(command);
		if (is_option && strcmp(argv[i], "--") == 0) {
			only_arguments = true;
			i++;
			continue;
		}
		int status = TAO_EXIT_OK;
		if (is_option)
			status = take_option(&run, command->options, argv, &i);
		else
			argv[run.argc++] = argv[i++];
		if (status != TAO_EXIT_OK)
			return status;
	}
	argv[run.argc] = NULL;
	if (run.argc < command->least)
		return usage(&run, "argument missing", command->arguments);
	if (run.argc > command->most)
		return usage(&run, "too many arguments", argv[command->most]);
	return command->run(&run);
}

int cmd_tao(int argc, char **argv)
{
	struct tao_run none = { .name = "" };
	const char *name = argc > 1 ? argv[1] : "";
	if (argc < 2)
		return usage(&none, "no command given", "");
	if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0)
		return help_all();
	for (size_t i = 0; i < N_COMMANDS; i++)
		if (strcmp(name, commands[i].name) == 0)
			return run_command(&commands[i], argv + 2);
	return usage(&none, "unknown command", name);
}
