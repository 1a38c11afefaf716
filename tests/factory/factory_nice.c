/* SPDX-License-Identifier: MIT
 *
 * An example of a factory of one's own: programs that run when nobody else wants the processor, and say so in their
 * names, .Nice([…]). Copy it to init/ and add the row FACTORY(nice) to init/factory.def (tests/bats/own_factory.bats).
 */
#include <errno.h>
#include <sys/resource.h>

#include "child.h"

#define NICEST 19

/* In the child, which is still a copy of PID 1: before the rights are gone. Then everything as for a process. */
static _Noreturn void be(const struct start_plan *plan, int pipe)
{
	if (setpriority(PRIO_PROCESS, 0, NICEST) < 0)
		child_fail(pipe, "being nice", -errno);
	child_be_process(plan, pipe);
}

static int nice_start(const struct start_plan *plan, struct started *started)
{
	static const struct child_way way = { .be = be };
	return child_start(&way, plan, started);
}

const struct factory_class factory_nice = {
	.name = "nice",
	.ext = "Nice",
	.takes = FACTORY_EXEC,
	.chan = &chan_socketpair,
	.start = nice_start,
	.signal = child_signal,
};
