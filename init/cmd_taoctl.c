/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "ctl.h"
#include "sys.h"

static const struct {
	const char *name, *args, *help;
	int (*run)(const struct ctl *ctl, int argc, char **argv);
} rows[] = {
#define CTL(name, args, help) { #name, args, help, ctl_##name },
#include "ctl.def"
#undef CTL
};

static void print_usage(FILE *to)
{
	fputs("usage: taoctl [-S SOCKET] [--json] [--no-wait] [-f] [-n LINES] [--since AGE] COMMAND "
	      "[ARGUMENT...]\n\n",
	      to);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char call[64];
		snprintf(call, sizeof call, "%s %s", rows[i].name, rows[i].args);
		fprintf(to, "  %-38s %s\n", call, rows[i].help);
	}
	fputs("\n"
	      "  -S SOCKET   the host's admin socket (default /run/tao/admin_socket, or $TAO_ADMIN_SOCKET)\n"
	      "  --json      answers as JSON\n"
	      "  --no-wait   do not wait until a service is up or down\n"
	      "  -f          logs: and what comes from now on\n"
	      "  -n LINES    logs: the last so many\n"
	      "  --since AGE logs: not older, such as 5m (s, m, h, d)\n"
	      "\n"
	      "Exit status: 0 done; 1 refused or failed; 2 wrong usage; 3 the host cannot be reached; 4 not "
	      "understood.\n",
	      to);
}

static bool read_lines(const char *text, uint32_t *lines)
{
	char *end;
	long n = strtol(text, &end, 10);
	*lines = (uint32_t)n;
	return n > 0 && n <= INT32_MAX && *end == '\0';
}

/* A duration before now: a number and its unit. */
static bool read_since(const char *text, int64_t *since)
{
	static const char units[] = "smhd";
	static const int64_t seconds[] = { 1, 60, 3600, 86400 };
	char *end;
	long n = strtol(text, &end, 10);
	const char *unit = *end != '\0' && end[1] == '\0' ? strchr(units, *end) : NULL;
	if (n < 0 || n > 36500 || unit == NULL)
		return false;
	*since = sys_realtime() - n * seconds[unit - units] * 1000000000;
	return true;
}

int cmd_taoctl(int argc, char **argv)
{
	const char *socket = getenv("TAO_ADMIN_SOCKET");
	struct ctl ctl = { .socket = socket != NULL ? socket : "/run/tao/admin_socket", .wait = true };
	char *words[64];
	int n = 0;
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "-S") == 0 && i + 1 < argc) {
			ctl.socket = argv[++i];
		} else if (strcmp(argv[i], "--json") == 0) {
			ctl.json = true;
		} else if (strcmp(argv[i], "--no-wait") == 0) {
			ctl.wait = false;
		} else if (strcmp(argv[i], "-f") == 0) {
			ctl.follow = true;
		} else if (strcmp(argv[i], "-n") == 0 && i + 1 < argc && read_lines(argv[i + 1], &ctl.lines)) {
			i++;
		} else if (strcmp(argv[i], "--since") == 0 && i + 1 < argc &&
			   read_since(argv[i + 1], &ctl.since)) {
			i++;
		} else if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
			print_usage(stdout);
			return CTL_OK;
		} else if (argv[i][0] == '-' || n == (int)(sizeof words / sizeof words[0])) {
			fprintf(stderr, "taoctl: %s: %s (taoctl --help)\n", argv[i],
				argv[i][0] == '-' ? "unknown option, or its value is missing"
						  : "too many arguments");
			return CTL_USAGE;
		} else {
			words[n++] = argv[i];
		}
	}
	if (n == 0) {
		print_usage(stderr);
		return CTL_USAGE;
	}
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (strcmp(rows[i].name, words[0]) == 0)
			return rows[i].run(&ctl, n - 1, words + 1);
	fprintf(stderr, "taoctl: unknown command: %s (taoctl --help)\n", words[0]);
	return CTL_USAGE;
}

/* ---- subcommands ---- */

static void print(const struct ctl *ctl, const struct ctl_answer *answer, bool in_full)
{
	if (ctl->json)
		ctl_print_json(answer);
	else if (in_full)
		ctl_print_status(answer);
	else
		ctl_print_list(answer);
}

int ctl_list(const struct ctl *ctl, int argc, char **argv)
{
	struct ctl_answer answer;
	if (argc > 0) {
		fprintf(stderr, "taoctl: list takes no argument (%s)\n", argv[0]);
		return CTL_USAGE;
	}
	int r = ctl_ask(ctl, &(struct ctl_question){ .op = "TaoInit.Status" }, &answer);
	if (r == CTL_OK)
		print(ctl, &answer, false);
	ctl_free(&answer);
	return r;
}

int ctl_status(const struct ctl *ctl, int argc, char **argv)
{
	int worst = CTL_OK;
	for (int i = 0; i < (argc > 0 ? argc : 1); i++) {
		struct ctl_answer answer;
		int r = ctl_ask(
			ctl,
			&(struct ctl_question){ .op = "TaoInit.Status", .service = argc > 0 ? argv[i] : NULL },
			&answer);
		if (r == CTL_OK)
			print(ctl, &answer, true);
		ctl_free(&answer);
		worst = r > worst ? r : worst;
	}
	return worst;
}

static int each(const struct ctl *ctl, const char *op, const char *word, int argc, char **argv)
{
	int worst = CTL_OK;
	if (argc == 0) {
		fprintf(stderr, "taoctl: %s: which service?\n", word);
		return CTL_USAGE;
	}
	for (int i = 0; i < argc; i++) {
		struct ctl_answer answer;
		int r = ctl_ask(ctl, &(struct ctl_question){ .op = op, .service = argv[i] }, &answer);
		if (r == CTL_OK)
			print(ctl, &answer, false);
		ctl_free(&answer);
		worst = r > worst ? r : worst;
	}
	return worst;
}

int ctl_start(const struct ctl *ctl, int argc, char **argv)
{
	return each(ctl, "TaoInit.Start", "start", argc, argv);
}

int ctl_stop(const struct ctl *ctl, int argc, char **argv)
{
	return each(ctl, "TaoInit.Stop", "stop", argc, argv);
}

int ctl_restart(const struct ctl *ctl, int argc, char **argv)
{
	return each(ctl, "TaoInit.Restart", "restart", argc, argv);
}

int ctl_shutdown(const struct ctl *ctl, int argc, char **argv)
{
	struct ctl_answer answer;
	if (argc > 1) {
		fprintf(stderr, "taoctl: shutdown takes one word: exit, reboot, poweroff or halt\n");
		return CTL_USAGE;
	}
	int r = ctl_ask(ctl,
			&(struct ctl_question){ .op = "TaoInit.Shutdown", .action = argc == 1 ? argv[0] : NULL },
			&answer);
	ctl_free(&answer);
	return r;
}
