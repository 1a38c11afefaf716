/* SPDX-License-Identifier: MIT
 *
 * The manifest: what the host is and which services it runs (tao.manifest(5)). The only reader of JSON.
 *
 * Everything read stands in one arena that the caller maps once; pointers go into it and live as long as it.
 * Reading is strict: UTF-8, no NUL, the JSON number grammar, nesting at most 16, nothing after the end, no
 * unknown and no duplicate key. Errors name the file, then line:column (syntax) or the JSON path (meaning),
 * then the remedy.
 */
#ifndef TAO_MANIFEST_H
#define TAO_MANIFEST_H

#include <netinet/in.h>
#include <sys/types.h>

#include "../crypto/base.h"

#define MANIFEST_VERSION 1
/* A manifest of 4,000 services of ten lines is about 1 MiB. */
#define MANIFEST_BYTES_MAX ((size_t)4 << 20)
/* One epoll set and one arena carry this many without strain; NOFILE is raised to fit. */
#define MANIFEST_SERVICES_MAX 4096
/* Places that are free for services of a later manifest, unless host.max_services says how many there are: each takes
 * less than a kilobyte. */
#define SERVICES_SPARE 16
/* Places for programs that are started at run time; a machine with more of them wants a manifest. */
#define MANIFEST_PROGRAMS_MAX 1000
#define MANIFEST_DEPTH_MAX 16
/* SubPrin text, host names and cgroup directories all take it. */
#define SERVICE_NAME_MAX 64

#define NS_PER_MS 1000000LL
#define NS_PER_S 1000000000LL

enum service_type { SERVICE_DAEMON, SERVICE_ONESHOT };
enum restart_when { RESTART_NEVER, RESTART_ON_FAILURE, RESTART_ALWAYS };
enum ready_when { READY_EXEC, READY_NOTIFY, READY_FD, READY_EXIT };
enum failure_action { FAILURE_NOTHING, FAILURE_REBOOT, FAILURE_POWEROFF };
enum channel_error { CHANNEL_ERROR_KEEP, CHANNEL_ERROR_RESTART };
enum policy_change { POLICY_CHANGE_STOP, POLICY_CHANGE_KEEP };

/* What limits all processes of a service together. */
enum group_limit {
#define LIMIT(name, which, unit, help)
#define GROUP_LIMIT(name, controller, file, which, unit, help) GROUP_LIMIT_##name,
#define OPTION(name, help)
#include "limit.def"
#undef LIMIT
#undef GROUP_LIMIT
#undef OPTION
	GROUP_LIMITS
};

struct service_limit {
	int resource;	/* RLIMIT_*, -1: none */
	int group;	/* enum group_limit, for which resource stands in where the cgroup has it not; -1: none */
	uint64_t value; /* UINT64_MAX: unlimited */
};

struct digest {
	uint8_t b[32];
};

/* More paths than a service's own view of the file system needs. */
#define VIEW_PATHS_MAX 32

/* What a service sees and may do besides the defaults of every service. */
struct confinement {
	mode_t umask;
	int nice, oom_score, scheduling, priority; /* scheduling: SCHED_* */
	bool has_nice, has_oom_score, has_scheduling;
	bool private_tmp, read_only;
	const char *const *read_write, *const *hidden; /* absolute, in their shortest form */
	int n_read_write, n_hidden;
	unsigned namespaces; /* CLONE_NEW* */
	unsigned syscalls;   /* 1 << enum syscall_set: all that it may call; 0: no filter */
};
extern const struct confinement confinement_none;

/* They stand at descriptors from 3 on, below those that a child's own copies are put to. */
#define SOCKETS_MAX 16

enum socket_kind { SOCKET_NONE, SOCKET_TCP, SOCKET_UDP, SOCKET_UNIX, SOCKET_FIFO };

/* What PID 1 listens on for a service. */
struct service_socket {
	enum socket_kind kind;
	const char *at;	  /* as written: address and port, or a path */
	const char *name; /* for $LISTEN_FDNAMES */
	union {
		struct sockaddr any;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} address;	   /* tcp, udp */
	mode_t mode;	   /* of a path */
	const char *group; /* as written, or NULL: the service's */
	gid_t gid;
};

/* What a service's factory may be given besides a program. */
#define MEASURE_PARTS_MAX 3
struct part_digests {
	struct digest b[MEASURE_PARTS_MAX];
};

/* What a container is made of, besides what every service has. */
struct container {
	const char *image;  /* a file, or the directory of an OCI image layout; absolute */
	const char *verity; /* the hashes of an image that is a file system; NULL: it is unpacked */
	uint64_t root_size; /* bytes that its root may take */
	bool host_network;
	const char *network; /* the path of a network namespace, or NULL: one of its own, or the host's */
	const struct mount_entry *mounts; /* in its root */
	int n_mounts;
	uid_t uid_base; /* its ids from 0 to CONTAINER_IDS - 1 are the host's from here on; 0: it has none but 0, which is the
			 * service's own uid */
	uid_t uid; /* in it */
	gid_t gid;
};

/* As many as a machine's disk layout ever had, or a container sees; each is mounted in turn. */
#define MOUNTS_MAX 32
/* As many as any distribution of Linux gives out. */
#define CONTAINER_IDS 65536U
#define CONTAINER_AS_IMAGE UINT32_MAX /* the user that the image names, else 0 */

#define MACHINE_DISKS_MAX 8

/* What a virtual machine is made of; its kernel, initrd and firmware are the service's parts, in this order. */
struct machine {
	const char *command_line;
	uint64_t memory; /* bytes */
	unsigned cpus;
	const char *accel;	  /* as QEMU names it */
	const char *const *disks; /* files or devices, absolute */
	int n_disks;
	bool console; /* its first serial port is the service's output */
};

struct service {
	const char *name;
	const struct factory_class *factory; /* process unless the manifest says otherwise */
	char *const *exec;		     /* NULL-terminated; exec[0] is absolute and is the program */
	char *const *argv;		     /* what the program is told instead of exec; NULL: exec */
	char *const *env; /* "K=V", NULL-terminated, in the order of the manifest; what we add is not in it */
	int n_exec, n_env;
	const char *cwd;  /* "/" by default */
	const char *user; /* as written; NULL: a uid of its own */
	const char *group;
	const gid_t *groups; /* supplementary */
	uid_t uid;
	gid_t gid;
	int n_groups, n_files, n_limits;
	uint16_t n_after, n_requires, n_wants;
	uint16_t failure_start;	  /* 1 + the index of what on_failure starts, 0: none */
	const char *failure_name; /* on_failure.start, as written, or NULL */
	const uint16_t *after;	  /* indexes of services; includes those of requires and wants */
	const uint16_t *requires; /* and, behind them, n_wants that are only wanted */
	int64_t start_timeout;	  /* ns, 0: none; default 60 s, for oneshots none */
	int64_t watchdog;	  /* ns, 0: none */
	int64_t restart_delay;	  /* ns; default 100 ms */
	int64_t restart_window;	  /* ns; default 60 s */
	int64_t stop_timeout;	  /* ns; default 7 s */
	uint32_t max_restarts;	  /* 0: never give up */
	int stop_signal;	  /* default SIGTERM */
	enum service_type type : 8;
	enum ready_when ready : 8;
	enum restart_when restart : 8;		 /* default: on-failure for daemons, never for oneshots */
	enum channel_error on_channel_error : 8; /* default keep */
	enum failure_action failure_action : 8;
	bool on_call;				 /* some on_failure names it: not started at boot */
	bool as_root;				 /* its program is opened with taoinit's rights, not its user's */
	bool own_uid;				 /* nobody else has this uid */
	enum policy_change on_policy_change : 8; /* default stop */
	bool essential, privileged, debuggable;
	bool measure_args, measure_entry, trust_rootfs;
	const struct digest *sha256; /* the pin, or NULL */
	struct digest entry;	     /* SHA-256 of the entry in RFC 8785 form (docs/entry-hash.md) */
	const char *const *files;    /* measure.files, absolute, in the order of the manifest */
	/* Absolute; read whole into sealed memory, one by one, for a factory that is given more than a program. */
	const char *const *parts;
	int n_parts;
	const struct container *container; /* NULL: it is none */
	const struct machine *machine;	   /* NULL: it is none */
	uint64_t capabilities;		   /* bit CAP_x */
	const struct service_limit *limits;
	bool limits_required;		       /* those of the group by the cgroup, or not at all */
	const struct confinement *confinement; /* never NULL */
	struct service_socket *sockets;
	uint32_t n_sockets, first_socket; /* the place of its first one among those of all */
	size_t max_message;		  /* bytes of one frame on its channel; default 1 MiB */
	const char *log;		  /* where its output goes; NULL: as host.log says */
};

/* Is its image a file system under dm-verity? */
static inline bool service_has_verity(const struct service *service)
{
	return service->container != NULL && service->container->verity != NULL;
}

struct admin_listener {
	const struct transport_class *transport;
	const char *path; /* unix: absolute path of the socket; fd: its number */
	bool has_group;	  /* its members may connect, too; fd: the client is in it */
	gid_t gid;	  /* … of the group, or fd: the user's own */
	uid_t uid;	  /* fd: who the client is */
	bool has_uid;
	int fd;
};

/* Of a module's path and parameters. */
#define MODULE_MAX 1024

/* A file system to mount at boot; strings in the arena. */
struct mount_entry {
	const char *source, *target, *type;
	const char *data;    /* options of the file system itself, "" for none */
	unsigned long flags; /* MS_* */
	int64_t wait;	     /* ns, for a source below /dev */
};

/* Where the kernel has the TPM, behind its resource manager. */
#define TPM_DEVICE "/dev/tpmrm0"

/* What becomes of a host whose root does not open. */
enum root_failure {
	ROOT_FAILURE_HALT,	/* no service is run */
	ROOT_FAILURE_RESCUE,	/* the same, and a shell on a machine's console */
	ROOT_FAILURE_EPHEMERAL, /* it goes on with new keys in memory, which its name says */
};

struct host {
	const struct root_class *root;
	const char *root_file;
	bool root_ephemeral;
	/* Of a root in a TPM. */
	const char *root_device; /* as sys_tpm_open takes it; NULL: the root is none in a TPM */
	const char *root_dir;
	uint32_t root_pcrs, root_pcr; /* sealed to (bits); measured into */
	const uint8_t *root_pcr_base; /* 32 bytes; NULL: zeros */
	const uint8_t *root_srk_name; /* 34 bytes; NULL: the first boot's */
	int64_t counter_interval;     /* ns between two changes of one program's counters; <= 0: any */
	uint32_t root_nv_index;	      /* 0: the first that is free */
	enum root_failure on_root_failure;
	const uint8_t *root_domain_key; /* 32 bytes; NULL: the PCR values of the first boot alone open the keys */
	const char *root_authorization;
	struct digest manifest_sha256; /* sha256 again: for the root worker, which sees the host alone */
	/* Not of the manifest: what the environment adds for the root worker. */
	struct root_log *root_log;
	struct root_log *
		firmware_log; /* a copy of the firmware's, made by the root worker; NULL: the root is none in a TPM */
	const char *manifest_path;
	const char *parent;	 /* the channel to the Tao below (sys_parent.h) */
	uint8_t guard_name[256]; /* binary SubPrin */
	size_t guard_name_n;
	const struct guard_class *guard;
	const char *guard_file;	 /* acl, datalog: the signed policy */
	struct digest guard_key; /* … and the SHA-256 of its key's SPKI */
	bool guard_keyed, guard_strict;
	uint16_t max_programs;	     /* the last so many services are places for programs started at run time */
	uint16_t max_services;	     /* places for services, free ones included; 0: SERVICES_SPARE are free */
	const char *audit;	     /* "kmsg", the path of a file, or NULL */
	const char *log;	     /* as a service's (output.h); NULL: as the place has it */
	uint32_t log_rate, log_ring; /* lines a second of one service, 0: any; bytes */
	uint64_t log_size;	     /* bytes of a file that is full */
	const struct admin_listener *admin; /* default: one unix socket at /run/tao/admin_socket */
	int n_admin;
	const char *runtime;  /* default /run/tao */
	const char *hostname; /* NULL: leave as it is */
	const struct mount_entry *mounts;
	int n_mounts, n_modules;
	char *const *modules;	 /* a path, absolute or below /lib/modules/RELEASE, and parameters after a blank */
	const char *switch_root; /* the target of one of the mounts; NULL: / stays */
};

struct manifest {
	struct host host;
	struct service *services; /* sorted as the manifest has them; then as manifest_give_places() says */
	uint16_t n_services;
	uint32_t n_sockets;
	struct digest
		sha256; /* of the file's bytes, and after them those of the files it includes, in their order */
};

/* Bump allocation from one mapping; nothing is freed singly. Zeroed memory; NULL when full. */
struct arena {
	uint8_t *base;
	size_t n, cap;
};
void *arena_alloc(struct arena *arena, size_t n, size_t align);

/* One complaint: file:line:column or file: path; then what, then the remedy. Always NUL-terminated. */
struct diag {
	char text[512];
};

/* The manifest's own file is the first. */
#define MANIFEST_FILES_MAX 257

struct manifest_file {
	const char *name; /* in messages */
	struct span json;
};

/* As many ranges of ids as a manifest has services, and more, in what systemd leaves to containers. */
#define CONTAINER_UID_BASE 0x20000000U
#define CONTAINER_RANGES 0x2000U

/* What reading depends on besides the bytes; so that tests can say it. */
struct manifest_context {
	const char *file; /* as named in messages */
	bool can_setuid;  /* services can be given other uids */
	uid_t own_uid;	  /* of taoinit itself: what services get otherwise */
	gid_t own_gid;
	uid_t uid_base; /* uids of services' own come from [uid_base, uid_base + uid_count) */
	uint32_t uid_count;
	bool container_ids; /* … and containers have ids of theirs from CONTAINER_UID_BASE on */
	/* Finds the files of an included directory, by name, and reads them: how many (at most MANIFEST_FILES_MAX - 1),
	 * or ERR_* with the reason and the remedy in why. NULL: every directory is empty. */
	int (*include)(void *arg, const char *directory, struct manifest_file *files, struct diag *why);
	void *include_arg;
};

/* 0, or ERR_* with the first complaint in diag. warnings (may be NULL) gets one line a warning. */
int manifest_parse(struct span json, const struct manifest_context *context, struct arena *arena,
		   struct manifest *manifest, struct diag *diag, struct wr *warnings);

/* Strings and tables of a manifest of MANIFEST_BYTES_MAX; filled lazily. */
#define MANIFEST_ARENA ((size_t)64 << 20)

/* Reads the file and what it depends on (users, uid map), into an arena that it maps. Blocks: at boot, and in
 * commands. arena: base NULL, or one of MANIFEST_ARENA bytes that it takes instead, and leaves if it fails. can_setuid: in:
 * has the process the right; out: whether services get uids of their own. kept: NULL, or gets the
 * files as they were read, the name and the text of each with a NUL behind it: for manifest_unload(). */
int manifest_load(const char *file, struct arena *arena, struct manifest *manifest, bool *can_setuid,
		  struct diag *diag, struct wr *warnings, struct span *kept);

void manifest_unload(struct span kept);
/* kept in a memfd, outside of our own memory: it is looked at hardly ever. -errno: there is none. */
int manifest_keep(struct span kept);

/* Gives every service a place that it keeps while the host runs: the one that a service of its name has in was; others one
 * that is free there. was NULL: the host begins. Places that stay free have services without a name that are never started;
 * the last max_programs are the programs'. ERR_NO_SPACE: there are not enough (max_services), or no memory. */
int manifest_give_places(struct manifest *manifest, const struct manifest *was, struct arena *arena);

/* Who comes after whom, turned round, into the arena: those after service u are successors[i] for i from successor_at[u] to
 * successor_at[u + 1]. ERR_NO_SPACE: no memory. */
int manifest_successors(const struct manifest *manifest, struct arena *arena, uint16_t **successors,
			uint32_t **successor_at);

/* As stop.signal has it, and besides CONT and STOP; with SIG before it or not. 0: there is none. */
int signal_find(const char *text);

/* The paths of the keys that differ between two manifests, as "services.db.exec, services.web (new)", as many as fit, with
 * between ("\n" is in none of them) between them; how many there are, 0: none but in the way it is written; or ERR_*. For
 * workers and commands. */
int manifest_diff(struct span was, struct span is, const char *between, struct wr *out);

/* The same of whole manifests, as manifest_load() keeps them, with what they include: a line a path, "\n" behind each.
 * ERR_MALFORMED: was is none. */
int manifest_diff_files(struct span was, struct span is, struct wr *out);
/* Behind the last path that out has room for, if there are more. */
#define MANIFEST_DIFF_MORE "..."
/* Paths of all that differs between two manifests with what they include. */
#define MANIFEST_DIFF_MAX ((size_t)1 << 19)

/* What would run, for taoinit -n: one line a service, in start order. */
int manifest_describe(const struct manifest *manifest, struct wr *out);

#endif
