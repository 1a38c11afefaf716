/* SPDX-License-Identifier: MIT
 *
 * One binary by several names. The first instruction of ours blocks all signals: as PID 1 a signal without a
 * handler is lost, a blocked one waits for the signalfd.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "environment.h"
#include "log.h"
#include "machine.h"
#include "options.h"
#include "sys.h"

static const char usage[] =
	"usage: taoinit [-f MANIFEST]       run the services of a manifest\n"
	"       taoinit -n [MANIFEST]       check a manifest and show what would run\n"
	"       taoinit --self-test [--tpm SPEC]\n"
	"       taoinit --version | --help\n"
	"\n"
	"As PID 1 it boots a machine or a container; otherwise it runs as an ordinary process, to try things "
	"out.\n"
	"MANIFEST is /etc/tao/manifest.json unless given. SPEC: swtpm:SOCKET or a device such as /dev/tpmrm0.\n"
	"Exit status: the essential service's (128+signal); 0 after an ordered stop; 2 for wrong usage; 78 for a "
	"bad\n"
	"manifest; 255 for a failure of its own.\n";

/* A fault in PID 1 would be a kernel panic: go on reaping, so that the machine can at least be looked at. */
static void on_fault(int sig)
{
	static const char text[] = "taoinit: error: fault in PID 1; only reaping from now on\n";
	int status;
	(void)sig;
	sys_write(2, text, sizeof text - 1);
	if (machine_place() != PLACE_MACHINE)
		sys_exit(255);
	for (;;)
		if (sys_reap(&status) <= 0)
			sys_sleep(100 * NS_PER_MS);
}

static void catch_faults(void)
{
	static const int faults[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE };
	for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++)
		sys_signal_handler(faults[i], on_fault);
}

static int run(const char *manifest)
{
	static struct env env;
	static struct options options = { .log = LOG_INFO };
	machine_begin();
	env.place = machine_place();
	env.manifest_path = manifest;
	if (env.place != PLACE_PROCESS)
		catch_faults();
	machine_set_up(env.place);
	if (env.place == PLACE_MACHINE)
		options_read(&options);
	if (options.manifest[0] != '\0')
		env.manifest_path = options.manifest;
	env.rescue = options.rescue;
	log_open(options.log);
	if (options.complaint[0] != '\0')
		log_warning("%s", options.complaint);
	int status = environment_open(&env);
	if (status == 0)
		status = environment_run(&env);
	if (env.place != PLACE_MACHINE)
		return status;
	for (;;) {
		machine_end(env.ending);
		sys_sleep(NS_PER_S);
	}
}

static int taoinit(int argc, char **argv)
{
	const char *manifest = "/etc/tao/manifest.json";
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "-f") == 0 && i + 1 < argc) {
			manifest = argv[++i];
		} else if (strcmp(argv[i], "-n") == 0) {
			return cmd_check(i + 1 < argc ? argv[i + 1] : manifest);
		} else if (strcmp(argv[i], "--self-test") == 0) {
			return cmd_selftest(argc - i, argv + i);
		} else if (strcmp(argv[i], "--version") == 0) {
			fputs(version_text(), stdout);
			return 0;
		} else if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
			fputs(usage, stdout);
			return 0;
		} else if (sys_getpid() != 1) {
			/* To PID 1 the kernel hands whatever stood on its command line and was not its own. */
			fprintf(stderr, "taoinit: unknown argument: %s\n%s", argv[i], usage);
			return 2;
		}
	}
	return run(manifest);
}

static const struct {
	const char *name;
	int (*main)(int argc, char **argv);
} commands[] = {
	{ "taoctl", cmd_taoctl },
	{ "tao", cmd_tao },
	{ "taoverify", cmd_taoverify },
	{ "taopolicy", cmd_taopolicy },
};

int main(int argc, char **argv)
{
	sys_block_signals();
	const char *name = argc > 0 ? strrchr(argv[0], '/') : NULL;
	name = name != NULL ? name + 1 : argc > 0 ? argv[0] : "taoinit";
	for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
		if (strcmp(name, commands[i].name) == 0 && sys_getpid() != 1) {
			sys_unblock_signals();
			return commands[i].main(argc, argv);
		}
	sys_note_arguments(argv);
	return taoinit(argc, argv);
}
