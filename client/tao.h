/* SPDX-License-Identifier: MIT
 *
 * The Tao client: how a program talks to the Tao host that runs it. One header, one source file (tao.c),
 * nothing but libc; drop both into a program. C99 or later, and C++.
 *
 *	struct tao_host *host;
 *	unsigned char nonce[16];
 *	int rc = tao_host_connect(&host);
 *	if (rc == TAO_OK)
 *		rc = tao_host_random(host, nonce, sizeof nonce);
 *	if (rc != TAO_OK)
 *		fprintf(stderr, "tao: %s\n", tao_host_error(host, rc));
 *	tao_host_close(host);
 *
 * Results. Every function returns TAO_OK (0) or a negative enum tao_error, and writes its results on TAO_OK only.
 * Results whose size the caller chooses go into the caller's buffer. All others are allocated: a struct tao_bytes
 * belongs to the caller, who releases it with tao_bytes_free(), which wipes it first; a char * is released with
 * free(). Nothing that the caller passes in is kept.
 *
 * Waiting. A call sends one request and waits for its answer, however long the host takes, unless tao_host_timeout()
 * was called; signals do not interrupt it. There is no callback and no thread.
 *
 * Threads and processes. A handle is used by one thread at a time: give it a mutex or make it one thread's own.
 * One process makes one handle of a channel. Different processes may hold handles of the same channel (a shell
 * and its commands, a parent and its children after fork): calls take turns by a record lock on the descriptor.
 *
 * After TAO_E_CLOSED, TAO_E_IO, TAO_E_PROTOCOL, and TAO_E_MEMORY in the middle of an answer, the stream cannot be
 * trusted: all later calls on the handle return that code. After any other error the handle is as good as before.
 *
 * The protocol is CloudProxy's; see tao(3).
 */
#ifndef TAO_CLIENT_H
#define TAO_CLIENT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The largest message either way, as in CloudProxy. A host may take less: taoinit takes 1 MiB by default. */
#define TAO_MESSAGE_MAX ((size_t)20 << 20)

enum tao_error {
	TAO_OK = 0,
	TAO_E_REFUSED = -1,	/* the host said no; tao_host_error() has its words */
	TAO_E_NO_CHANNEL = -2,	/* the environment names no channel: not started by a Tao host */
	TAO_E_BAD_CHANNEL = -3, /* it names one that cannot be understood, is not open, or is no channel */
	TAO_E_CLOSED = -4,	/* the host closed the channel */
	TAO_E_IO = -5,		/* reading or writing failed */
	TAO_E_PROTOCOL = -6,	/* the host's answer is malformed */
	TAO_E_TOO_LARGE = -7,	/* more than TAO_MESSAGE_MAX was to be sent */
	TAO_E_MEMORY = -8,	/* out of memory */
	TAO_E_MALFORMED = -9	/* an argument is no well-formed name */
};

struct tao_host;

/* Bytes that the caller owns. data is never NULL after success, even if size is 0. */
struct tao_bytes {
	unsigned char *data;
	size_t size;
};

/* Wipes, frees and empties. NULL and emptied ones are fine. */
void tao_bytes_free(struct tao_bytes *bytes);

/* ---- The channel ---- */

/* Connects to the host that the environment names: CLOUDPROXY_TAO_HOST_SPEC, else TAO_CHANNEL_FD. Marks the descriptors
 * close-on-exec, so that programs which this one runs do not get its channel by accident. *host is NULL on failure. */
int tao_host_connect(struct tao_host **host);
/* The same of a channel given as CLOUDPROXY_TAO_HOST_SPEC has it: "tao::RPC+tao::FDMessageChannel(R, W)", two descriptors;
 * "tao::RPC+tao::FileMessageChannel(PATH)", a device, such as a virtio-serial port; "tao::RPC+tao::UnixMessageChannel(PATH)",
 * a unix stream socket. TAO_E_BAD_CHANNEL with what errno says, if a PATH cannot be opened. */
int tao_host_connect_spec(struct tao_host **host, const char *spec);
/* The same with descriptors of the caller's (read, write; they may be equal), which the handle then owns. On
 * failure they stay the caller's. On a pipe or device, unlike a socket, a host that is gone raises SIGPIPE. */
int tao_host_connect_fds(struct tao_host **host, int read_fd, int write_fd);
/* From now on a call that has no answer after so many milliseconds fails with TAO_E_IO, and the handle with it. 0: none
 * does. */
void tao_host_timeout(struct tao_host *host, int milliseconds);
/* Frees the handle and closes the channel, for good: a program is given one. NULL is fine. */
void tao_host_close(struct tao_host *host);
/* What to tell a person about error, which the last call on this handle returned: the host's own words for
 * TAO_E_REFUSED, else a sentence. host may be NULL (after a failed connect). Printable, never NULL; valid until
 * the next call on the handle. */
const char *tao_host_error(const struct tao_host *host, int error);

/* ---- What a host does for a program: one function a method of the protocol ---- */

/* GetTaoName: the program's name, a principal in binary form. */
int tao_host_name(struct tao_host *host, struct tao_bytes *name);
/* The same, as a handle's first call, of a channel whose last user may have been killed in the middle of an answer:
 * whatever comes before ours is skipped. */
int tao_host_resume(struct tao_host *host, struct tao_bytes *name);
/* ExtendTaoName: makes the name longer by a subprincipal in binary form; it never gets shorter again. */
int tao_host_extend_name(struct tao_host *host, const void *subprin, size_t size);
/* GetRandomBytes: size bytes, at least 1. */
int tao_host_random(struct tao_host *host, void *bytes, size_t size);
/* GetSharedSecret: the same size bytes at every call, for everyone whom the policy ("self", "few", "any", "program")
 * covers on this host. */
int tao_host_shared_secret(struct tao_host *host, const char *policy, void *secret, size_t size);

/* Attest: the host's signature under the statement "<issuer> says <form>", form in binary. issuer is the
 * program itself or a subprincipal of it, in binary. Times are nanoseconds since 1970. What is zero, and all of
 * it if options is NULL, the host chooses: the program, now, a year after that. */
struct tao_attest_options {
	const void *issuer;
	size_t issuer_size;
	int64_t time;
	int64_t expiration;
};
int tao_host_attest(struct tao_host *host, const void *form, size_t size, const struct tao_attest_options *options,
		    struct tao_bytes *attestation);

/* Seal: encrypts data so that only those whom the policy covers can have it unsealed. */
int tao_host_seal(struct tao_host *host, const char *policy, const void *data, size_t size,
		  struct tao_bytes *sealed);
/* Unseal: the data, and the policy that they were sealed under (NULL if not wanted; else free() it). */
int tao_host_unseal(struct tao_host *host, const void *sealed, size_t size, struct tao_bytes *data, char **policy);

/* InitCounter, GetCounter: this program's counter of that label. A counter is never set back. */
int tao_host_init_counter(struct tao_host *host, const char *label, int64_t value);
int tao_host_counter(struct tao_host *host, const char *label, int64_t *value);
/* RollbackProtectedSeal: counts the label's counter up and seals; what was sealed before under that label can no
 * longer be unsealed. RollbackProtectedUnseal refuses all but the latest. */
int tao_host_protected_seal(struct tao_host *host, const char *label, const char *policy, const void *data,
			    size_t size, struct tao_bytes *sealed);
int tao_host_protected_unseal(struct tao_host *host, const void *sealed, size_t size, struct tao_bytes *data,
			      char **policy);

/* ---- Names; no host needed ---- */

/* A binary principal or subprincipal as text, such as key([3b..]).Program([74..]); free() it. Printable ASCII
 * whatever the name holds. TAO_E_MALFORMED, TAO_E_MEMORY. */
int tao_name_text(const void *name, size_t size, char **text);
/* The binary subprincipal .Extension("argument", ...): what tao_host_extend_name() takes. extension is an upper-case
 * letter, then letters, digits and underscores. TAO_E_MALFORMED, TAO_E_MEMORY. */
int tao_subprin(const char *extension, const char *const *arguments, size_t count, struct tao_bytes *subprin);

#ifdef __cplusplus
}
#endif

#endif
