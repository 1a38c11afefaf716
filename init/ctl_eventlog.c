/* SPDX-License-Identifier: MIT
 *
 * taoctl eventlog: what was measured in this boot, by the host and by the firmware.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ctl.h"
#include "sys.h"
#include "verify_cmd.h"

static int write_log(const struct ctl_answer *answer, const char *file, bool as_cel)
{
	const struct span log = span_of(answer->text, answer->text_n);
	int fd = file != NULL ? sys_open(file, O_WRONLY | O_CREAT | O_TRUNC, 0666) : STDOUT_FILENO;
	bool good = fd >= 0 && sys_dup2(fd, STDOUT_FILENO) >= 0;
	errno = good ? 0 : -fd;
	if (good && as_cel)
		verify_print_cel(stdout, log);
	else if (good)
		(void)fwrite(log.p, 1, log.n, stdout);
	good = good && fflush(stdout) == 0 && ferror(stdout) == 0;
	if (!good)
		fprintf(stderr, "taoctl: %s: %s\n", file != NULL ? file : "standard output", strerror(errno));
	return good ? CTL_OK : CTL_REFUSED;
}

static int fetch(const struct ctl *ctl, const char *action, const char *file, bool as_cel)
{
	struct ctl_answer answer;
	int r = ctl_ask(ctl, &(struct ctl_question){ .op = "TaoInit.EventLog", .action = action }, &answer);
	if (r == CTL_OK)
		r = write_log(&answer, file, as_cel);
	ctl_free(&answer);
	return r;
}

int ctl_eventlog(const struct ctl *ctl, int argc, char **argv)
{
	const char *file = argc > 0 ? argv[0] : NULL;
	if (argc > 2 || (file == NULL && !ctl->json && isatty(STDOUT_FILENO))) {
		fprintf(stderr,
			argc > 2 ? "taoctl: eventlog takes at most two files\n"
				 : "taoctl: the log is binary and would go to a terminal; name a file, or say "
				   "--json\n");
		return CTL_USAGE;
	}
	int r = fetch(ctl, NULL, file, ctl->json);
	return r == CTL_OK && argc == 2 ? fetch(ctl, "firmware", argv[1], false) : r;
}
