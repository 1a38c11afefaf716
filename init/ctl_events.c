/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "ctl.h"

int ctl_events(const struct ctl *ctl, int argc, char **argv)
{
	struct ctl_question q = { .op = "TaoInit.Events" };
	bool over;
	int r;
	if (!ctl_no_argument("events", argc, argv))
		return CTL_USAGE;
	/* The host answers when there is something to say. */
	do {
		struct ctl_answer answer;
		q.timeout = ctl_left(ctl);
		r = ctl_ask(ctl, &q, &answer);
		q.position = answer.position;
		over = answer.missed > 0;
		ctl_print_records(ctl, &answer);
		ctl_free(&answer);
	} while (r == CTL_OK && !over && fflush(stdout) == 0);
	return r;
}
