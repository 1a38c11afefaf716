/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <sys/mount.h>

#include "../crypto/sha256.h"
#include "confine.h"
#include "container.h"
#include "seccomp.h"
#include "sys.h"
#include "sys_child.h"
#include "sys_confine.h"
#include "sys_container.h"
#include "sys_measure.h"
#include "sys_verity.h"
#include "unpack.h"

/* A file takes 512 bytes of a tar, and about twice that of the kernel's memory. */
#define BYTES_PER_INODE 1024

static const char *const devices[CONTAINER_DEVICES] = { "/dev/null",   "/dev/zero",    "/dev/full",
							"/dev/random", "/dev/urandom", "/dev/tty" };

static void must_at(const struct child *c, const char *what, const char *path, int r)
{
	char step[START_STEP_MAX];
	if (r >= 0)
		return;
	snprintf(step, sizeof step, "%s %s", what, path);
	child_fail(c->pipe, step, r);
}

/* ---- an image under dm-verity ---- */

/* One for each service of each host on this machine, and the same at each start, which so finds what was left. */
static void name_device(const struct child *c, char *name, size_t cap)
{
	uint8_t host[SHA256_SIZE];
	sha256_of(sha256_pick(), c->plan->host, host);
	uint64_t id;
	memcpy(&id, host, sizeof id);
	snprintf(name, cap, "tao-%s-%llx", c->service->name, (unsigned long long)id);
}

/* What it holds is told by its first block, as the kernel has verified it. */
static int mount_device(const struct child *c, int device, const char *path)
{
	uint8_t block[VERITY_BLOCK];
	char options[SYS_DEVICE_MAX + 16];
	ssize_t n = sys_pread(device, block, sizeof block, 0);
	const char *type = verity_file_system(span_of(block, n > 0 ? (size_t)n : 0));
	must_at(c, "reading", c->service->container->image, type != NULL ? 0 : n < 0 ? (int)n : -EINVAL);
	snprintf(options, sizeof options, "source=%s,ro", path);
	int mount = sys_make_fs(type, options, MS_RDONLY | MS_NOSUID | MS_NODEV);
	must_at(c, "mounting, which takes the module (host.modules)", type, mount);
	return mount;
}

static int mount_image(const struct child *c, const uint8_t *record)
{
	const struct container *container = c->service->container;
	const char *files[2] = { container->image, container->verity };
	char path[SYS_DEVICE_MAX], loops[2][SYS_DEVICE_MAX], name[128], table[VERITY_TABLE_MAX];
	struct verity v;
	int fds[2];
	if (verity_read(span_of(record, VERITY_SUPERBLOCK), UINT64_MAX, UINT64_MAX, &v) != NULL)
		child_fail(c->pipe, "the image", -EINVAL);
	int control = sys_open("/dev/mapper/control", O_RDWR, 0);
	child_must(c, "/dev/mapper/control, which takes the modules dm-mod and dm-verity (host.modules)", control);
	for (int i = 0; i < 2; i++) {
		fds[i] = sys_loop(files[i], loops[i]);
		must_at(c, "a loop device, which takes the module loop (host.modules), of", files[i], fds[i]);
	}
	name_device(c, name, sizeof name);
	verity_table(&v, record, loops[0], loops[1], table);
	int device = sys_verity(control, name, v.data_blocks * (VERITY_BLOCK / 512), table, path);
	must_at(c, "dm-verity, which takes its module (host.modules), as", name, device);
	int mount = mount_device(c, device, path);
	sys_close(device);
	sys_close(fds[0]);
	sys_close(fds[1]);
	sys_close(control);
	return mount;
}

/* ---- of the host ---- */

void container_open_parts(const struct child *c, const struct container_run *run, struct container_parts *parts)
{
	const struct container *container = c->service->container;
	/* Refused where what is mounted below the host's is hidden from us: then there is none. */
	parts->proc = sys_make_fs("proc", "", MS_NOSUID | MS_NODEV | MS_NOEXEC);
	if (parts->proc != -EPERM)
		child_must(c, "making /proc", parts->proc);
	for (int i = 0; i < CONTAINER_DEVICES; i++) {
		parts->devices[i] = sys_copy_mount(devices[i], MS_NOSUID | MS_NOEXEC);
		if (parts->devices[i] != -ENOENT)
			must_at(c, "opening", devices[i], parts->devices[i]);
	}
	for (int i = 0; i < container->n_mounts; i++) {
		const struct mount_entry *m = &container->mounts[i];
		parts->mounts[i] = -1;
		if ((m->flags & MS_BIND) == 0)
			continue;
		parts->mounts[i] = sys_copy_mount(m->source, m->flags);
		must_at(c, "mounts: opening", m->source, parts->mounts[i]);
	}
	parts->root = run->verity != NULL ? mount_image(c, run->verity) : -1;
	parts->notify = -1;
	if (run->notify != NULL) {
		parts->notify = sys_copy_mount(run->notify, MS_NOSUID | MS_NOEXEC);
		must_at(c, "opening", run->notify, parts->notify);
	}
}

/* ---- unpacking ---- */

/* It sees nothing but what it unpacks, and what it unpacks into. */
static _Noreturn void unpacker(struct child *c, int root)
{
	static const struct confinement files = { .syscalls = SYSCALL_BIT(basic) | SYSCALL_BIT(files) };
	static struct unpack_report report;
	const uint64_t rights = 1ULL << CAP_CHOWN | 1ULL << CAP_DAC_OVERRIDE | 1ULL << CAP_FOWNER;
	const struct container *container = c->service->container;
	char step[START_STEP_MAX];
	sys_process_name("tao-unpack");
	child_must(c, "the root for unpacking", sys_chdir_fd(root));
	child_must(c, "the root for unpacking", sys_chroot_here());
	int image = c->program;
	sys_dup2(image, 3);
	c->pipe = sys_dup2(c->pipe, 4);
	sys_close_from(5);
	child_must(c, "rights for unpacking", sys_keep_capabilities(rights));
	child_must(c, "no_new_privs", sys_no_new_privs());
	child_must(c, "limits for unpacking", sys_set_limit(RLIMIT_CORE, 0, 0));
	sys_unblock_signals();
	child_must(c, "a filter for unpacking", confine_syscalls(&files));
	int r = unpack_image(3, container->root_size, container->uid_base != 0, &report);
	if (r < 0) {
		snprintf(step, sizeof step, "unpacking: %s", report.text);
		child_fail(c->pipe, step, r);
	}
	sys_exit(0);
}

static void unpack(const struct child *c, int root)
{
	struct child own = *c;
	int status = 0;
	pid_t pid = sys_fork(-1);
	if (pid == 0)
		unpacker(&own, root);
	child_must(c, "fork", pid);
	pid = sys_wait(pid, &status);
	if (pid >= 0 && status == 0)
		return;
	if (pid >= 0 && (status & 0x7f) == 0)
		sys_exit(127); /* it has said why */
	child_fail(c->pipe, "the process that unpacks was killed", -ECANCELED);
}

/* ---- what is in it besides ---- */

static void put(const struct child *c, int mount, int root, const char *path, bool file)
{
	int target = sys_make_below(root, path, file);
	must_at(c, target == -EROFS ? "the image is read-only, and has to have" : "in the image:", path, target);
	must_at(c, "mounting", path, sys_move_onto(mount, target));
	sys_close(target);
}

static int make(const struct child *c, const char *type, const char *options, unsigned long flags)
{
	int mount = sys_make_fs(type, options, MS_NOSUID | flags);
	must_at(c, "making", type, mount);
	return mount;
}

static void put_devices(const struct child *c, const struct container_parts *parts, int root)
{
	static const char *const links[][2] = { { "/proc/self/fd", "fd" },
						{ "/proc/self/fd/0", "stdin" },
						{ "/proc/self/fd/1", "stdout" },
						{ "/proc/self/fd/2", "stderr" },
						{ "pts/ptmx", "ptmx" } };
	int dev = make(c, "tmpfs", "mode=755,size=64k,nr_inodes=64", MS_NOEXEC);
	put(c, dev, root, "dev", false);
	for (int i = 0; i < CONTAINER_DEVICES; i++)
		if (parts->devices[i] >= 0)
			put(c, parts->devices[i], dev, devices[i] + strlen("/dev/"), true);
	put(c, make(c, "devpts", "mode=620,ptmxmode=666", MS_NOEXEC), dev, "pts", false);
	put(c, make(c, "tmpfs", "mode=1777,size=64m", MS_NODEV), dev, "shm", false);
	for (size_t i = 0; i < sizeof links / sizeof links[0]; i++)
		must_at(c, "/dev:", links[i][1], sys_link_below(dev, links[i][0], links[i][1]));
}

static void put_mounts(const struct child *c, const struct container_parts *parts, int root)
{
	const struct container *container = c->service->container;
	for (int i = 0; i < container->n_mounts; i++) {
		const struct mount_entry *m = &container->mounts[i];
		struct stat st = { .st_mode = S_IFDIR };
		int mount = parts->mounts[i];
		if (mount < 0)
			mount = make(c, "tmpfs", m->data, m->flags | MS_NODEV);
		child_must(c, "mounts", sys_fstat(mount, &st));
		put(c, mount, root, m->target, !S_ISDIR(st.st_mode));
	}
}

void container_make_root(const struct child *c, struct container_parts *parts)
{
	const uint64_t size = c->service->container->root_size;
	char options[96];
	snprintf(options, sizeof options, "mode=755,size=%llu,nr_inodes=%llu", (unsigned long long)size,
		 (unsigned long long)size / BYTES_PER_INODE);
	int root = parts->root >= 0 ? parts->root : make(c, "tmpfs", options, MS_NODEV);
	child_must(c, "attaching its root", sys_attach_mount(root, "/"));
	if (parts->root < 0)
		unpack(c, root);
	put_devices(c, parts, root);
	if (parts->proc >= 0)
		put(c, parts->proc, root, "proc", false);
	put_mounts(c, parts, root);
	if (parts->notify >= 0)
		put(c, parts->notify, root, CONTAINER_NOTIFY, true);
	child_must(c, "entering its root", sys_enter_root(root));
	/* The service may say something on it, whoever it is in here. */
	if (parts->notify >= 0)
		child_must(c, "its socket", sys_chown(CONTAINER_NOTIFY, c->uid, c->gid));
}
