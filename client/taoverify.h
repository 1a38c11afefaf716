/* SPDX-License-Identifier: MIT
 *
 * Verifying attestations: the library libtaoverify.a, the same code as the command taoverify(1). C99 or later, C++.
 *
 *	static struct taoverify_result result;
 *	struct taoverify_options options = { .now = now_in_ns, .trusted = roots, .n_trusted = 1 };
 *	char text[4096];
 *	if (taoverify_attestation(bytes, size, &options, &result) != TAOVERIFY_OK)
 *		fprintf(stderr, "%s\n", result.reason);
 *	else if (taoverify_statement(&result, text, sizeof text) >= 0)
 *		puts(text);
 *
 * It allocates nothing, keeps nothing, reads no file and no clock, and may be called by several threads at once. All
 * bytes and sizes are the caller's; results point into the attestation, which must outlive them.
 *
 * An attestation is a signature under "speaker says message", with the delegations that it rests on, down to the root:
 * the signer that needs none. Names are self-certifying: a believed speaker's name begins with the root's key. So an
 * attestation is worth as much as its root, and unless trusted roots are given, anybody's key will do.
 *
 * Link with -ltaoverify. */
#ifndef TAOVERIFY_H
#define TAOVERIFY_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum taoverify_error {
	TAOVERIFY_OK = 0,
	TAOVERIFY_REFUSED = -1,	  /* not believed: result.reason */
	TAOVERIFY_NO_SPACE = -2,  /* the buffer is too small */
	TAOVERIFY_MALFORMED = -3, /* an argument is not what it should be */
};

struct taoverify_bytes {
	const unsigned char *data;
	size_t size;
};

/* From when until when, in ns since 1970. from is in it, until is not. */
struct taoverify_times {
	int has_from, has_until; /* 0: no such bound */
	int64_t from, until;
};

enum taoverify_signer_type { TAOVERIFY_KEY = 1, TAOVERIFY_TPM2 = 2 };

/* The statement itself, or a delegation. */
struct taoverify_level {
	enum taoverify_signer_type signer_type; /* 0: one that is not known */
	unsigned char signer_sha256[32];  /* of the signer's DER SubjectPublicKeyInfo: key([…]) or tpm2([…]) */
	struct taoverify_bytes statement; /* as signed, in binary form; may be anything where it is refused */
	struct taoverify_bytes speaker, message;
	struct taoverify_times times; /* its own */
};

/* No attestation rests on more delegations than this, less one. */
#define TAOVERIFY_LEVELS_MAX 8

struct taoverify_result {
	char reason[160]; /* the first reason for refusal, "" where there is none */
	int level;	  /* that it is about: 0 the statement, 1 the delegation below it, …; -1 none of them */
	/* Levels that were read, even if the attestation was refused; the last is the root. Where a statement is no
	 * "speaker says message", its speaker and message and those below are empty. */
	int n_levels;
	struct taoverify_level levels[TAOVERIFY_LEVELS_MAX];
	/* If it is believed: who says what, and from when until when all levels are valid. */
	struct taoverify_bytes speaker, message;
	struct taoverify_times times;
	int trusted; /* the index of the trusted principal that it rests on; -1: none was given */
};

struct taoverify_options {
	int64_t now; /* ns since 1970: the time at which it must be valid */
	/* Principals in binary form, such as taoverify_principal() makes: the speaker must be one of them or a
	 * subprincipal of one. None: any root is taken. */
	const struct taoverify_bytes *trusted;
	size_t n_trusted;
};

/* Is this attestation believed? TAOVERIFY_OK, TAOVERIFY_REFUSED. Takes 16 KiB of stack at most. */
int taoverify_attestation(const void *attestation, size_t size, const struct taoverify_options *options,
			  struct taoverify_result *result);

/* Text, with a NUL: its length, or TAOVERIFY_NO_SPACE; nine times the attestation's size and 64 is always enough. */

/* The believed statement, "speaker from … until … says message", with the times of result. */
int taoverify_statement(const struct taoverify_result *result, char *text, size_t size);
/* A principal or formula: any of the bytes in a result. TAOVERIFY_MALFORMED too. */
int taoverify_text(struct taoverify_bytes binary, char *text, size_t size);
/* The name of a level's signer; a TPM's without the PCRs if the level's speaker does not tell them. */
int taoverify_signer(const struct taoverify_level *level, char *text, size_t size);

/* Principals in binary form: the size, or TAOVERIFY_MALFORMED, TAOVERIFY_NO_SPACE. */

/* From text: key([…]), tpm2([…]).PCRs(…), a longer name, or the hash of a key as 64 digits of hex for key([…]). */
int taoverify_principal(const char *text, unsigned char *binary, size_t size);
/* key([…]) of a P-256 key, given as DER SubjectPublicKeyInfo. */
int taoverify_key(const void *spki, size_t spki_size, unsigned char *binary, size_t size);

#ifdef __cplusplus
}
#endif

#endif
