/* SPDX-License-Identifier: MIT
 *
 * Virtual machines: QEMU as a process of this host, given what was measured by descriptor. A keeper of its own is
 * between it and PID 1, because what asks a machine to stop is no signal: it is the power button.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "child.h"
#include "keeper.h"
#include "sys.h"
#include "sys_child.h"

/* All words but the kernel's command line, and how many that can be. */
#define TEXT_MAX 2560
#define WORDS_MAX 128

struct words {
	char text[TEXT_MAX];
	size_t n;
	char *argv[WORDS_MAX + 2]; /* … the line, NULL */
	int n_argv;
};

/* Separated by spaces, which none of them holds. */
__attribute__((format(printf, 3, 4))) static void add(const struct child *c, struct words *w, const char *format,
						      ...)
{
	va_list args;
	va_start(args, format);
	int n = vsnprintf(w->text + w->n, sizeof w->text - w->n, format, args);
	va_end(args);
	if (n < 0 || (size_t)n >= sizeof w->text - w->n)
		child_fail(c->pipe, "arguments", -E2BIG);
	char *word = w->text + w->n, *space;
	w->n += (size_t)n + 1;
	do {
		space = strchr(word, ' ');
		if (space != NULL)
			*space = '\0';
		if (w->n_argv == WORDS_MAX)
			child_fail(c->pipe, "arguments", -E2BIG);
		w->argv[w->n_argv++] = word;
		word = space + 1;
	} while (space != NULL);
}

/* Onto the number, which exec leaves open. */
static void put(const struct child *c, const char *step, int fd, int number)
{
	child_must(c, step, fd);
	int high = sys_dup_high(fd);
	child_must(c, step, high);
	sys_close(fd);
	child_must(c, step, sys_dup2(high, number));
	sys_close(high);
}

/* Opened with the host's rights, as its kernel was. */
static void add_disk(const struct child *c, struct words *w, int i, int number)
{
	char step[START_STEP_MAX];
	struct stat st;
	const char *path = c->service->machine->disks[i];
	snprintf(step, sizeof step, "disks %.100s", path);
	put(c, step, sys_open(path, O_RDWR, 0), number);
	child_must(c, step, sys_fstat(number, &st));
	add(c, w,
	    "-add-fd fd=%d,set=%d -blockdev driver=%s,node-name=disk%d,filename=/dev/fdset/%d "
	    "-device virtio-blk-pci,drive=disk%d,serial=disk%d",
	    number, number, S_ISBLK(st.st_mode) ? "host_device" : "file", i, number, i, i);
}

static bool wants_kvm(const struct machine *m)
{
	return strncmp(m->accel, "kvm", 3) == 0;
}

/* part: the number of the first part's descriptor; the machine's own come after the parts. */
static void make_words(const struct child *c, struct words *w, int part, int qmp)
{
	const struct machine *m = c->service->machine;
	int channel = start_channel_fd(c->service), next = part + c->service->n_parts;
	w->n = 0;
	w->argv[0] = c->service->exec[0];
	w->n_argv = 1;
	put(c, "the monitor", qmp, next);
	/* Where Debian has its own ROMs; one that runs from memory finds nothing beside itself. */
	add(c, w,
	    "-L /usr/share/qemu -L /usr/share/seabios -nodefaults -no-user-config -display none -no-reboot "
	    "-sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny "
	    "-machine q35 -cpu max -m %" PRIu64 "B -smp %u -kernel /proc/self/fd/%d -initrd /proc/self/fd/%d "
	    "-bios /proc/self/fd/%d -chardev socket,id=qmp,fd=%d -mon chardev=qmp,mode=control "
	    "-device virtio-serial-pci -chardev socket,id=tao,fd=%d -device virtserialport,chardev=tao,name=tao",
	    m->memory, m->cpus, part, part + 1, part + 2, next, channel);
	next++;
	if (wants_kvm(m))
		add(c, w, "-accel kvm");
	/* What is translated counts as the machine's memory (MACHINE_OVERHEAD). */
	if (strcmp(m->accel, "kvm") != 0)
		add(c, w, "-accel tcg,tb-size=64");
	if (c->ready >= 0)
		add(c, w,
		    "-add-fd fd=%d,set=%d -chardev file,id=ready,path=/dev/fdset/%d,append=on "
		    "-device virtserialport,chardev=ready,name=tao.ready",
		    channel + 1, channel + 1, channel + 1);
	if (m->console)
		add(c, w, "-chardev stdio,id=console,signal=off -device isa-serial,chardev=console");
	for (int i = 0; i < m->n_disks; i++)
		add_disk(c, w, i, next + i);
	add(c, w, "-append");
	w->argv[w->n_argv++] = (char *)(uintptr_t)m->command_line;
	w->argv[w->n_argv] = NULL;
}

/* Its group may use the device. */
static gid_t group_of_kvm(const struct machine *m)
{
	struct stat st;
	bool may = wants_kvm(m) && sys_stat("/dev/kvm", &st) == 0 && (st.st_mode & 060) == 060;
	return may ? st.st_gid : 0;
}

static _Noreturn void be(const struct start_plan *plan, int pipe, int qmp)
{
	static struct words words;
	struct child c;
	child_begin(&c, plan, pipe);
	int part = child_set_descriptors(&c);
	make_words(&c, &words, part, qmp);
	c.group = group_of_kvm(plan->service->machine);
	child_settle(&c);
	child_fail(c.pipe, "exec", sys_exec_fd(c.program, words.argv, plan->env));
}

static _Noreturn void keep(const struct start_plan *plan, int pipe, int socket)
{
	int qmp[2] = { -1, -1 };
	struct start_plan kept = *plan;
	kept.keeper = sys_getpid();
	int r = sys_subreaper();
	if (r == 0)
		r = sys_socketpair(SOCK_STREAM, qmp);
	/* Where no descriptor of the child's is to be. */
	if (r == 0)
		r = qmp[1] = sys_dup_high(qmp[1]);
	if (r < 0)
		child_fail(pipe, "a keeper", r);
	pid_t pid = sys_fork(-1);
	if (pid == 0)
		be(&kept, pipe, qmp[1]);
	if (pid < 0)
		child_fail(pipe, "fork", pid);
	keeper_run(socket, pid, true, qmp[0]);
}

static int vm_start(const struct start_plan *plan, struct started *started)
{
	static const struct child_way way = { .keep = keep };
	return child_start(&way, plan, started);
}

const struct factory_class factory_vm = {
	.name = "vm",
	.ext = "VM",
	.takes = FACTORY_KERNEL,
	.chan = &chan_virtio_serial,
	.start = vm_start,
	.signal = child_signal,
};
