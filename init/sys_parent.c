/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/un.h>

#include "../client/tao.h"
#include "sys.h"
#include "sys_parent.h"
#include "sys_platform.h"

#define CALL_TIMEOUT_MS 20000
#define PORTS "/sys/class/virtio-ports"
#define FILE_SPEC "tao::RPC+tao::FileMessageChannel"
#define FD_SPEC "tao::RPC+tao::FDMessageChannel"

/* ---- Which channel ---- */

static int take_fd(int fd)
{
	int high = sys_dup_high(fd);
	if (high >= 0)
		sys_close(fd);
	return high;
}

const char *sys_parent_take(bool machine, int keep[2])
{
	const char *spec = getenv("CLOUDPROXY_TAO_HOST_SPEC"), *number = getenv("TAO_CHANNEL_FD");
	const char *channel = spec != NULL ? spec : number;
	if (channel == NULL)
		return machine ? "" : NULL;
	if (spec != NULL && strncmp(spec, FD_SPEC "(", sizeof FD_SPEC) != 0)
		return spec;
	char *end = (char *)(uintptr_t)channel;
	int first = (int)strtol(spec != NULL ? spec + sizeof FD_SPEC : number, &end, 10);
	int second = first;
	end += strspn(end, " ");
	if (spec != NULL)
		second = *end == ',' ? (int)strtol(end + 1, NULL, 10) : -1;
	keep[0] = take_fd(first);
	keep[1] = second != first ? take_fd(second) : keep[0];
	/* What cannot be opened is what the message is to name. */
	return keep[0] >= 0 && keep[1] >= 0 ? FD_SPEC "(4, 5)" : "a descriptor that is not open";
}

/* The device of the port of this name: there is no udev on a machine of ours. */
static bool find_port(const char *name, char path[static 96])
{
	char about[300], has[64];
	DIR *ports = opendir(PORTS);
	bool found = false;
	for (const struct dirent *d; ports != NULL && !found && (d = readdir(ports)) != NULL;) {
		(void)snprintf(about, sizeof about, PORTS "/%s/name", d->d_name);
		ssize_t n = d->d_name[0] != '.' ? sys_read_file(about, has, sizeof has) : 0;
		found = n > 0 && strcspn(has, "\n") == strlen(name) && strncmp(has, name, strlen(name)) == 0;
		(void)snprintf(path, 96, "/dev/%.80s", d->d_name);
	}
	if (ports != NULL)
		(void)closedir(ports);
	return found;
}

/* ---- That we are up ---- */

bool sys_ready_take(bool machine, int *fd)
{
	const char *number = getenv("TAO_READY_FD");
	*fd = number != NULL ? take_fd((int)strtol(number, NULL, 10)) : -1;
	return machine || *fd >= 0 || getenv("NOTIFY_SOCKET") != NULL;
}

static void notify(const char *path)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	size_t n = strlen(path);
	if (n == 0 || n >= sizeof to.sun_path)
		return;
	memcpy(to.sun_path, path, n);
	if (path[0] == '@')
		to.sun_path[0] = '\0';
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	(void)sendto(fd, "READY=1", 7, MSG_NOSIGNAL, (const struct sockaddr *)&to,
		     (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n));
	sys_close(fd);
}

void sys_ready_tell(bool machine, int fd)
{
	char path[96];
	const char *socket_path = getenv("NOTIFY_SOCKET");
	if (socket_path != NULL)
		notify(socket_path);
	if (fd < 0 && machine && find_port("tao.ready", path))
		fd = sys_open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY, 0);
	if (fd < 0)
		return;
	sys_write(fd, "\n", 1);
	sys_close(fd);
}

/* ---- Calls ---- */

static void say(struct wr *words, const char *text)
{
	/* As much as there is room for. */
	size_t n = strlen(text), room = words->cap - words->n;
	wr_bytes(words, text, n < room ? n : room);
}

static int failed(struct sys_parent *parent, int rc, struct wr *words)
{
	const char *text = tao_host_error(parent->host, rc);
	say(words, text);
	if (rc == TAO_E_REFUSED)
		return text_find(text, "No such counter") != NULL ? ERR_NOT_FOUND : ERR_DENIED;
	parent->dead = true;
	return ERR_IO;
}

static int give(struct wr *out, struct tao_bytes *bytes, struct wr *words)
{
	bool fits = bytes->size <= out->cap - out->n;
	if (fits)
		wr_bytes(out, bytes->data, bytes->size);
	else
		say(words, "it gives more than there may be");
	tao_bytes_free(bytes);
	return fits ? ERR_NONE : ERR_TOO_LARGE;
}

/* What another program, or we to others, have sealed is nothing of ours. */
static int unseal(struct sys_parent *parent, struct span in, struct wr *out, struct wr *words)
{
	struct tao_bytes data = { NULL, 0 };
	char *policy = NULL;
	int rc = tao_host_unseal(parent->host, in.p, in.n, &data, &policy);
	if (rc != TAO_OK)
		return failed(parent, rc, words);
	bool ours = strcmp(policy, "self") == 0;
	free(policy);
	if (ours)
		return give(out, &data, words);
	tao_bytes_free(&data);
	say(words, "it is not sealed to us alone");
	return ERR_BAD_SEAL;
}

static int count(struct sys_parent *parent, enum parent_method method, struct span in, struct wr *out,
		 struct wr *words)
{
	char label[64];
	int64_t value = 0;
	struct tao_bytes sealed = { NULL, 0 };
	(void)snprintf(label, sizeof label, "%.*s", (int)in.n, (const char *)in.p);
	int rc = method == PARENT_COUNTER_INIT ? tao_host_init_counter(parent->host, label, 0)
		 : method == PARENT_COUNTER
			 ? tao_host_counter(parent->host, label, &value)
			 : tao_host_protected_seal(parent->host, label, "self", "1", 1, &sealed);
	tao_bytes_free(&sealed);
	if (rc != TAO_OK)
		return failed(parent, rc, words);
	if (method == PARENT_COUNTER)
		wr_be64(out, (uint64_t)value);
	return out->err;
}

static int ask(void *ctx, enum parent_method method, struct span in, struct wr *out, struct wr *words)
{
	struct sys_parent *parent = ctx;
	struct tao_bytes bytes = { NULL, 0 };
	int rc = TAO_OK;
	switch (method) {
	case PARENT_RANDOM:
		rc = tao_host_random(parent->host, out->p + out->n, out->cap - out->n);
		if (rc == TAO_OK)
			out->n = out->cap;
		return rc == TAO_OK ? ERR_NONE : failed(parent, rc, words);
	case PARENT_SEAL:
		rc = tao_host_seal(parent->host, "self", in.p, in.n, &bytes);
		break;
	case PARENT_ATTEST:
		rc = tao_host_attest(parent->host, in.p, in.n, NULL, &bytes);
		break;
	case PARENT_UNSEAL:
		return unseal(parent, in, out, words);
	case PARENT_COUNTER_INIT:
	case PARENT_COUNTER:
	case PARENT_COUNT:
		return count(parent, method, in, out, words);
	}
	return rc == TAO_OK ? give(out, &bytes, words) : failed(parent, rc, words);
}

/* ---- Who we are to it ---- */

static int learn_name(struct sys_parent *parent, int (*call)(struct tao_host *, struct tao_bytes *),
		      struct wr *words)
{
	struct tao_bytes name = { NULL, 0 };
	struct wr w = wr_to(parent->name, sizeof parent->name);
	int rc = call(parent->host, &name);
	if (rc != TAO_OK)
		return failed(parent, rc, words);
	int r = give(&w, &name, words);
	parent->name_n = w.n;
	return r;
}

int sys_parent_open(struct sys_parent *parent, const char *channel, struct wr *words)
{
	char path[96] = "", port[sizeof FILE_SPEC + sizeof path + 2];
	*parent = (struct sys_parent){ .platform = sys_platform };
	parent->platform.ctx = parent;
	parent->platform.parent = ask;
	if (channel == NULL) {
		say(words, "no channel to one: neither CLOUDPROXY_TAO_HOST_SPEC nor TAO_CHANNEL_FD is set; "
			   "run taoinit as a service of a Tao host, or take another type of host.root");
		return ERR_IO;
	}
	if (channel[0] == '\0' && !find_port("tao", path)) {
		say(words, "no channel to one: the machine has no virtio-serial port of the name tao; "
			   "give it one, or take another type of host.root");
		return ERR_IO;
	}
	(void)snprintf(port, sizeof port, FILE_SPEC "(%s)", path);
	int rc = tao_host_connect_spec(&parent->host, channel[0] == '\0' ? port : channel);
	if (rc != TAO_OK) {
		say(words, channel[0] == '\0' ? port : channel);
		say(words, " is no channel to one that can be opened: ");
		say(words, strerror(errno));
		return ERR_IO;
	}
	tao_host_timeout(parent->host, CALL_TIMEOUT_MS);
	return learn_name(parent, tao_host_resume, words);
}

int sys_parent_extend(struct sys_parent *parent, struct span subprin, struct wr *words)
{
	int rc = tao_host_extend_name(parent->host, subprin.p, subprin.n);
	return rc != TAO_OK ? failed(parent, rc, words) : learn_name(parent, tao_host_name, words);
}
