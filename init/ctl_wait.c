/* SPDX-License-Identifier: MIT
 *
 * taoctl wait and events: the host answers when there is something to say.
 */
#include <stdio.h>
#include <string.h>

#include "ctl.h"
#include "sys.h"

/* How long from now on; 1 ns, which is over at once, when the time is up. */
static uint64_t left(const struct ctl *ctl, int64_t began)
{
	int64_t rest = began + ctl->timeout - sys_now();
	return ctl->timeout == 0 ? 0 : rest > 0 ? (uint64_t)rest : 1;
}

static bool is(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

static bool has_come(const char *wanted, const char *state)
{
	bool up = is(wanted, "up"), down = is(wanted, "down");
	return is(wanted, state) || (up && is(state, "done")) ||
	       (down && (is(state, "done") || is(state, "failed")));
}

static int judge(const struct ctl *ctl, const struct ctl_answer *answer)
{
	const struct ctl_service *s = answer->services;
	if (answer->n != 1)
		return CTL_PROTOCOL;
	if (has_come(ctl->state, s->state))
		return CTL_OK;
	fprintf(stderr,
		answer->timed_out ? "taoctl: %s is %s, and not yet %s%s%s\n"
				  : "taoctl: %s is %s, and will not be %s by itself%s%s\n",
		s->name, s->state, ctl->state, s->reason[0] != '\0' ? ": " : "", s->reason);
	return answer->timed_out ? CTL_LATE : CTL_NEVER;
}

int ctl_wait(const struct ctl *ctl, int argc, char **argv)
{
	int64_t began = sys_now();
	int worst = CTL_OK;
	if (argc == 0) {
		fprintf(stderr, "taoctl: wait: for which service?\n");
		return CTL_USAGE;
	}
	for (int i = 0; i < argc; i++) {
		struct ctl_answer answer;
		const struct ctl_question q = {
			.op = "TaoInit.Wait", .service = argv[i], .action = ctl->state, .timeout = left(ctl, began)
		};
		int r = ctl_ask(ctl, &q, &answer);
		if (r == CTL_OK && ctl->json)
			ctl_print_json(&answer);
		if (r == CTL_OK)
			r = judge(ctl, &answer);
		ctl_free(&answer);
		worst = r > worst ? r : worst;
	}
	return worst;
}

int ctl_events(const struct ctl *ctl, int argc, char **argv)
{
	int64_t began = sys_now();
	uint64_t position = 0;
	bool over;
	int r;
	if (argc > 0) {
		fprintf(stderr, "taoctl: events takes no argument (%s)\n", argv[0]);
		return CTL_USAGE;
	}
	do {
		struct ctl_answer answer;
		const struct ctl_question q = { .op = "TaoInit.Events",
						.position = position,
						.timeout = left(ctl, began) };
		char *rest = NULL;
		r = ctl_ask(ctl, &q, &answer);
		position = answer.position;
		over = answer.timed_out;
		for (char *line = answer.text != NULL ? strtok_r(answer.text, "\n", &rest) : NULL; line != NULL;
		     line = strtok_r(NULL, "\n", &rest))
			if (ctl->json)
				puts(line);
			else
				ctl_print_record(line);
		ctl_free(&answer);
	} while (r == CTL_OK && !over && fflush(stdout) == 0);
	return r;
}
