/* SPDX-License-Identifier: MIT
 *
 * What starts a service, and what that is given: the keys of containers and of virtual machines.
 */
#include <linux/limits.h>
#include <stdio.h>

#include "factory.h"
#include "manifest_read.h"
#include "measure.h"

#define TAKE(object, key) int take_##object##_##key(struct reader *reader, const cJSON *value, void *into)

/* A root that holds less than a program, or more than memory. */
#define ROOT_SIZE_MIN ((uint64_t)64 << 10)
#define ROOT_SIZE_MAX ((uint64_t)1 << 40)
#define ROOT_SIZE ((uint64_t)256 << 20)
/* What the kernel takes. */
#define COMMAND_LINE_MAX 2047
#define CPUS_MAX 255
#define MACHINE_MEMORY ((uint64_t)256 << 20)
/* A kernel and an initramfs do not fit into less. */
#define MACHINE_MEMORY_MIN ((uint64_t)32 << 20)
/* What QEMU takes besides the guest's memory. */
#define MACHINE_OVERHEAD ((uint64_t)192 << 20)

TAKE(service, factory)
{
	static const char *const words[] = {
#define FACTORY(id) #id,
#include "factory.def"
#undef FACTORY
		NULL
	};
	int i = 0, r = read_word(reader, value, words, NULL, &i);
	if (r == 0)
		((struct service *)into)->factory = factory_find(words[i]);
	return r;
}

/* ---- containers ---- */

/* A service's own, made when it has something to say. NULL: no memory. */
static struct container *container(struct reader *reader, struct service *s)
{
	struct container *c = (struct container *)(uintptr_t)s->container;
	if (c == NULL)
		c = arena_alloc(reader->arena, sizeof *c, sizeof(void *));
	if (c == NULL)
		read_no_memory(reader);
	else if (c->root_size == 0)
		c->root_size = ROOT_SIZE;
	s->container = c;
	return c;
}

TAKE(service, image)
{
	struct container *c = container(reader, into);
	return c == NULL ? ERR_NO_SPACE : read_path(reader, value, PATH_MAX - 1, &c->image);
}

TAKE(service, verity)
{
	struct container *c = container(reader, into);
	return c == NULL ? ERR_NO_SPACE : read_path(reader, value, PATH_MAX - 1, &c->verity);
}

TAKE(service, root_size)
{
	struct container *c = container(reader, into);
	return c == NULL ? ERR_NO_SPACE : read_size(reader, value, ROOT_SIZE_MIN, ROOT_SIZE_MAX, &c->root_size);
}

TAKE(service, network)
{
	struct container *c = container(reader, into);
	const char *text = cJSON_IsString(value) ? value->valuestring : "";
	if (c == NULL)
		return ERR_NO_SPACE;
	if (text[0] == '/')
		return read_path(reader, value, PATH_MAX - 1, &c->network);
	static const char *const words[] = { "none", "host", NULL };
	int i = 0, r = read_word(reader, value, words, NULL, &i);
	c->host_network = i == 1;
	return r;
}

TAKE(service, mounts)
{
	struct container *c = container(reader, into);
	return c == NULL ? ERR_NO_SPACE : read_mounts(reader, value, &c->mounts, &c->n_mounts);
}

/* ---- virtual machines ---- */

enum { PART_KERNEL, PART_INITRD, PART_FIRMWARE, PARTS };
_Static_assert(PARTS == MEASURE_PARTS_MAX, "one of each");

static struct machine *machine(struct reader *reader, struct service *s)
{
	struct machine *m = (struct machine *)(uintptr_t)s->machine;
	if (m == NULL) {
		m = arena_alloc(reader->arena, sizeof *m, sizeof(void *));
		s->parts = arena_alloc(reader->arena, PARTS * sizeof *s->parts, sizeof(void *));
		if (m == NULL || s->parts == NULL) {
			read_no_memory(reader);
			return NULL;
		}
		*m = (struct machine){
			"console=ttyS0 quiet panic=-1", MACHINE_MEMORY, 1, "kvm:tcg", NULL, 0, true
		};
		((const char **)(uintptr_t)s->parts)[PART_FIRMWARE] = "/usr/share/seabios/bios-256k.bin";
		s->n_parts = PARTS;
	}
	s->machine = m;
	return m;
}

static int part(struct reader *reader, const cJSON *value, struct service *s, int i)
{
	return machine(reader, s) == NULL
		       ? ERR_NO_SPACE
		       : read_path(reader, value, PATH_MAX - 1, &((const char **)(uintptr_t)s->parts)[i]);
}

TAKE(service, kernel)
{
	return part(reader, value, into, PART_KERNEL);
}

TAKE(service, initrd)
{
	return part(reader, value, into, PART_INITRD);
}

TAKE(service, firmware)
{
	return part(reader, value, into, PART_FIRMWARE);
}

TAKE(service, command_line)
{
	struct machine *m = machine(reader, into);
	int r = m == NULL ? ERR_NO_SPACE : read_string(reader, value, &m->command_line);
	if (r == 0 && strlen(m->command_line) > COMMAND_LINE_MAX)
		return read_fail(reader, value, ERR_TOO_LARGE, "is longer than the %d bytes that a kernel takes",
				 COMMAND_LINE_MAX);
	return r;
}

TAKE(service, cpus)
{
	struct machine *m = machine(reader, into);
	int64_t n = 1;
	int r = m == NULL ? ERR_NO_SPACE : read_int(reader, value, 1, CPUS_MAX, &n);
	if (r == 0)
		m->cpus = (unsigned)n;
	return r;
}

TAKE(service, accel)
{
	static const char *const words[] = { "tcg", "kvm", NULL };
	struct machine *m = machine(reader, into);
	int i = 0, r = m == NULL ? ERR_NO_SPACE : read_word(reader, value, words, NULL, &i);
	if (r == 0)
		m->accel = words[i];
	return r;
}

TAKE(service, disks)
{
	struct machine *m = machine(reader, into);
	return m == NULL ? ERR_NO_SPACE
			 : read_paths(reader, value, &m->disks, &m->n_disks, MACHINE_DISKS_MAX,
				      "[\"/var/lib/guest.img\"]");
}

TAKE(service, console)
{
	struct machine *m = machine(reader, into);
	return m == NULL ? ERR_NO_SPACE : read_bool(reader, value, &m->console);
}

/* limits.memory is the guest's; all of it together takes more. */
static void take_memory(const struct service *s, struct machine *m)
{
	for (int i = 0; i < s->n_limits; i++) {
		struct service_limit *limit = (struct service_limit *)(uintptr_t)&s->limits[i];
		if (limit->group == GROUP_LIMIT_memory && limit->value != UINT64_MAX) {
			m->memory = limit->value;
			limit->value += MACHINE_OVERHEAD;
			limit->resource = -1; /* QEMU has room for far more addresses than it takes memory */
		}
	}
}

/* ---- between keys ---- */

static const struct {
	const char *key;
	unsigned takes; /* factories that are for one of these */
} keys[] = {
	{ "exec", FACTORY_EXEC | FACTORY_IMAGE | FACTORY_KERNEL },
	{ "measure.files", FACTORY_EXEC },
	{ "measure.trust_rootfs", FACTORY_EXEC },
	{ "namespaces", FACTORY_EXEC | FACTORY_KERNEL },
	{ "debuggable", FACTORY_EXEC | FACTORY_KERNEL },
	{ "sockets", FACTORY_EXEC | FACTORY_IMAGE },
	{ "watchdog", FACTORY_EXEC | FACTORY_IMAGE },
	{ "image", FACTORY_IMAGE },
	{ "verity", FACTORY_IMAGE },
	{ "root_size", FACTORY_IMAGE },
	{ "network", FACTORY_IMAGE },
	{ "mounts", FACTORY_IMAGE },
	{ "kernel", FACTORY_KERNEL },
	{ "initrd", FACTORY_KERNEL },
	{ "firmware", FACTORY_KERNEL },
	{ "command_line", FACTORY_KERNEL },
	{ "cpus", FACTORY_KERNEL },
	{ "accel", FACTORY_KERNEL },
	{ "disks", FACTORY_KERNEL },
	{ "console", FACTORY_KERNEL },
};

/* Only key says "a.b". */
static const cJSON *find(const cJSON *value, const char *key)
{
	const char *dot = strchr(key, '.');
	if (dot != NULL) {
		value = cJSON_GetObjectItemCaseSensitive(value, "measure");
		key = dot + 1;
	}
	return cJSON_GetObjectItemCaseSensitive(value, key);
}

static int needs(struct reader *reader, const cJSON *value, const struct service *s, bool there, const char *key)
{
	return there ? ERR_NONE
		     : read_fail(reader, value, ERR_MALFORMED,
				 "has no \"%s\"; write \"%s\": \"/path\", which a %s needs", key, key,
				 s->factory->name);
}

static int check_machine(struct reader *reader, const cJSON *value, struct service *s)
{
	static char *const emulator[] = { (char *)(uintptr_t) "/usr/bin/qemu-system-x86_64", NULL };
	struct machine *m = machine(reader, s);
	if (m == NULL)
		return ERR_NO_SPACE;
	int r = needs(reader, value, s, s->parts[PART_KERNEL] != NULL, "kernel");
	if (r == 0)
		r = needs(reader, value, s, s->parts[PART_INITRD] != NULL, "initrd");
	if (r < 0)
		return r;
	if (s->exec == NULL) {
		s->exec = emulator;
		s->n_exec = 1;
	}
	if (s->n_exec > 1)
		return read_fail(
			reader, find(value, "exec"), ERR_MALFORMED,
			"is QEMU, whose arguments follow from the other keys; leave all but the first out");
	if (s->ready == READY_NOTIFY)
		return read_fail(
			reader, find(value, "ready"), ERR_MALFORMED,
			"is by a socket, which a machine does not reach; write fd, and have it write a line to "
			"its port tao.ready, as taoinit does");
	take_memory(s, m);
	if (m->memory < MACHINE_MEMORY_MIN)
		return read_fail(reader, find(value, "limits"), ERR_RANGE,
				 "give the machine less memory than a kernel takes; write at least %dM",
				 (int)(MACHINE_MEMORY_MIN >> 20));
	return ERR_NONE;
}

/* What no user namespace may mount would be mounted by our rights, with an image's files around it. */
static int check_container(struct reader *reader, const cJSON *value, struct service *s)
{
	static char *const nothing[] = { NULL };
	const cJSON *at = find(value, "mounts");
	const struct container *c = container(reader, s);
	if (c == NULL)
		return ERR_NO_SPACE;
	int r = needs(reader, value, s, c->image != NULL, "image");
	for (int i = 0; r == 0 && i < c->n_mounts; i++)
		if (strcmp(c->mounts[i].type, "bind") != 0 && strcmp(c->mounts[i].type, "tmpfs") != 0)
			r = read_fail(
				reader, cJSON_GetArrayItem(at, i), ERR_MALFORMED,
				"is %s, which a container cannot have; write bind or tmpfs, and mount the rest "
				"by host.mounts",
				quote(c->mounts[i].type).text);
	if (c->verity == NULL) {
		if (s->exec == NULL)
			s->exec = nothing; /* as the image says */
	} else if (r == 0 && find(value, "root_size") != NULL) {
		r = read_fail(reader, find(value, "root_size"), ERR_MALFORMED,
			      "is of memory, and with \"verity\" the root is the image itself; take it out");
	}
	return r;
}

int read_check_factory(struct reader *reader, const cJSON *value, struct service *s)
{
	for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
		const cJSON *at = find(value, keys[i].key);
		if (at != NULL && (keys[i].takes & s->factory->takes) == 0)
			return read_fail(
				reader, at, ERR_MALFORMED,
				"is nothing for the factory %s; take it out, or write another \"factory\"",
				s->factory->name);
	}
	if ((s->factory->takes & FACTORY_KERNEL) != 0)
		return check_machine(reader, value, s);
	int r = (s->factory->takes & FACTORY_IMAGE) != 0 ? check_container(reader, value, s) : ERR_NONE;
	if (r == 0 && s->exec == NULL)
		return read_fail(reader, value, ERR_MALFORMED,
				 "has no \"exec\"; write \"exec\": [\"/path/of/program\"]");
	return r;
}
