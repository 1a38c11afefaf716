/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "ctl.h"
#include "manifest.h"
#include "rpc.h"
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
	fputs("usage: taoctl [-S SOCKET] [--json] [--no-wait] [-f] [-n LINES] [--since AGE] "
	      "[--state STATE] [--timeout TIME] [--dry-run] COMMAND [ARGUMENT...]\n\n",
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
	      "  --state STATE   wait: up (the default), down, done or failed\n"
	      "  --timeout TIME  wait, start ..., events: no longer, such as 30s\n"
	      "  --dry-run   reload manifest: show what would change\n"
	      "\n"
	      "Exit status: 0 done; 1 refused or failed; 2 wrong usage; 3 the host cannot be reached; 4 not "
	      "understood; of wait: 5 not by itself; 6 not in time.\n",
	      to);
}

static bool read_lines(const char *text, uint32_t *lines)
{
	char *end;
	long n = strtol(text, &end, 10);
	*lines = (uint32_t)n;
	return n > 0 && n <= INT32_MAX && *end == '\0';
}

/* A number and its unit, in ns. */
static bool read_time(const char *text, int64_t *ns)
{
	static const char units[] = "smhd";
	static const int32_t seconds[] = { 1, 60, 3600, 86400 };
	char *end;
	long n = strtol(text, &end, 10);
	const char *unit = *end != '\0' && end[1] == '\0' ? strchr(units, *end) : NULL;
	if (n < 0 || n > 36500 || (unit == NULL && strcmp(end, "ms") != 0))
		return false;
	*ns = n * (unit != NULL ? seconds[unit - units] * NS_PER_S : NS_PER_MS);
	return true;
}

int cmd_taoctl(int argc, char **argv)
{
	const char *socket = getenv("TAO_ADMIN_SOCKET");
	struct ctl ctl = { .socket = socket != NULL ? socket : "/run/tao/admin_socket",
			   .wait = true,
			   .state = "up" };
	int64_t age;
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
		} else if (strcmp(argv[i], "--since") == 0 && i + 1 < argc && read_time(argv[i + 1], &age)) {
			ctl.since = sys_realtime() - age;
			i++;
		} else if (strcmp(argv[i], "--state") == 0 && i + 1 < argc) {
			ctl.state = argv[++i];
		} else if (strcmp(argv[i], "--timeout") == 0 && i + 1 < argc && read_time(argv[i + 1], &age)) {
			ctl.deadline = sys_now() + age;
			i++;
		} else if (strcmp(argv[i], "--dry-run") == 0) {
			ctl.dry_run = true;
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
	if (!ctl_no_argument("list", argc, argv))
		return CTL_USAGE;
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
		struct ctl_answer answer = { .services = NULL };
		struct ctl_question q = { .op = "TaoInit.Status", .more = true, .position = 1 };
		int r;
		if (argc > 0)
			q.service = argv[i];
		/* All of them come a page at a time. */
		do {
			r = ctl_ask(ctl, &q, &answer);
			q.position = answer.position;
		} while (r == CTL_OK && q.position > 0);
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
		const struct ctl_question q = {
			.op = op, .service = argv[i], .action = ctl->state, .timeout = ctl_left(ctl)
		};
		int r = ctl_ask(ctl, &q, &answer);
		if (r == CTL_OK)
			print(ctl, &answer, false);
		if (r == CTL_OK && answer.missed > 0) {
			fprintf(stderr, "taoctl: %s is not %s %s\n", argv[i], ctl->state,
				answer.missed == WAIT_LATE ? "yet" : "and will not be by itself");
			r = CTL_NEVER - WAIT_NEVER + (int)answer.missed;
		}
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

int ctl_wait(const struct ctl *ctl, int argc, char **argv)
{
	return each(ctl, "TaoInit.Wait", "wait", argc, argv);
}

int ctl_shutdown(const struct ctl *ctl, int argc, char **argv)
{
	if (argc > 1) {
		fprintf(stderr, "taoctl: shutdown takes one word: exit, reboot, poweroff or halt\n");
		return CTL_USAGE;
	}
	return ctl_order(ctl,
			 &(struct ctl_question){ .op = "TaoInit.Shutdown", .action = argc == 1 ? argv[0] : NULL });
}
