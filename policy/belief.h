/* SPDX-License-Identifier: MIT
 *
 * Whether a signed statement is believed (PROTOCOL, section 5): who speaks for whom, from when until when. That each
 * link was signed by the key of its hash is for others to show (crypto/verify.h); so is, for a TPM, its quote. And
 * whether the signer at the root is one to be trusted: names tell that, the believed speaker's begins with the root's.
 *
 * Pure, no recursion but that of names; all spans point into the statements.
 */
#ifndef TAO_BELIEF_H
#define TAO_BELIEF_H

#include "name_says.h"

enum belief_refusal {
	BELIEVED = 0,
#define BELIEF(name, text) BELIEF_##name,
#include "belief.def"
#undef BELIEF
};

/* A static text for each of them. */
const char *belief_text(enum belief_refusal refusal);

/* As many as crypto/verify.h gives. */
#define BELIEF_LINKS_MAX 8

struct belief_link {
	bool tpm2;	       /* signed by a TPM's attestation key, else by a key */
	const uint8_t *sha256; /* 32 bytes: of the signer's SubjectPublicKeyInfo */
	struct span statement; /* what it signed */
};

struct belief {
	enum belief_refusal refusal;
	size_t level;	  /* of the refusal: 0 the statement, 1 the delegation below it, … */
	struct says said; /* what is believed: the statement, times intersected with its delegations' */
	size_t n;	  /* levels taken apart, even if refused: all, unless one is malformed */
	struct says level_said[BELIEF_LINKS_MAX]; /* each as it stands, with its own times */
};

/* links: the statement, the delegation that it rests on, the one that rests on, … now: ns since 1970; from counts as
 * valid, until does not. ERR_NONE: believed. ERR_DENIED: belief->refusal says why, the first reason from the root
 * upwards, times last. ERR_TOO_DEEP, ERR_MALFORMED: too many links, or none.
 *
 * A delegation that stands there must hold, even under a statement that would be believed without it. */
int belief_judge(const struct belief_link *links, size_t n, int64_t now, struct belief *belief);

/* Longer than the name of any TPM with all 24 PCRs. */
#define BELIEF_SIGNER_MAX 2048

/* The binary Prin of a link's signer: key([…]), or for a TPM tpm2([…]).PCRs(…), whose PCRs stand in the speaker only.
 * ERR_MALFORMED if they do not, ERR_NO_SPACE. */
int belief_signer(const struct belief_link *link, struct span speaker, struct wr *out);

#endif
