/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "log.h"
#include "rescue.h"
#include "sys.h"
#include "sys_child.h"

static _Noreturn void be_shell(void)
{
	static char *const shells[] = { (char *)(uintptr_t) "/bin/sh", (char *)(uintptr_t) "/bin/busybox",
					(char *)(uintptr_t) "/usr/bin/sh" };
	static char *const argv[] = { (char *)(uintptr_t) "sh", NULL };
	static char *const env[] = {
		(char *)(uintptr_t) "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		(char *)(uintptr_t) "HOME=/", (char *)(uintptr_t) "TERM=linux", NULL
	};
	static const char none[] = "taoinit: error: no shell to rescue with: /bin/sh, /bin/busybox\n";
	sys_session();
	sys_take_terminal(0);
	sys_close_from(3);
	sys_default_signals();
	for (size_t i = 0; i < sizeof shells / sizeof shells[0]; i++)
		sys_exec_path(shells[i], argv, env);
	sys_write(2, none, sizeof none - 1);
	sys_sleep(60 * NS_PER_S);
	sys_exit(127);
}

void rescue_shell(struct env *env)
{
	if (env->problem[0] == '\0')
		snprintf(env->problem, sizeof env->problem, "rescue: a shell runs on the console, and no service");
	log_warning("tao.rescue: no service is run and the root of trust stays closed; exit reboots");
	pid_t pid = sys_fork(-1);
	if (pid == 0)
		be_shell();
	if (pid > 0)
		pid_add(env, pid, PID_RESCUE, 0);
	else
		log_error("no process for the rescue shell: %s", strerror(-pid));
}

void rescue_ended(struct env *env)
{
	environment_stop(env, END_REBOOT, 0);
}
