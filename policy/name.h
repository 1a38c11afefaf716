/* SPDX-License-Identifier: MIT
 *
 * Names of principals and formulas about them: values, binary form, text form (PROTOCOL, sections 1 and 2).
 * Pure: no allocation, no syscall; nodes come from the caller's pool.
 *
 * Binary input is hostile: counts are bounded by the bytes left, depth by NAME_DEPTH_MAX, varints must be
 * minimal, all input must be consumed, words must be legal. So a value has one binary form, and names are compared by
 * it, never as text. docs/protocol-differences.md lists what CloudProxy takes and this refuses.
 */
#ifndef TAO_NAME_H
#define TAO_NAME_H

#include "../crypto/base.h"

/* Deeper than any honest formula (a chain of ten hosts nests eleven Prins), shallow enough for a small stack. */
#define NAME_DEPTH_MAX 32

/* The tags of the binary form are the kinds of the nodes. */
enum node_kind {
	NODE_PRIN = 1,	/* text = type; kids: key Term, SubPrin */
	NODE_TAIL,	/* kids: SubPrin */
	NODE_STR,	/* text */
	NODE_BYTES,	/* text */
	NODE_INT,	/* number */
	NODE_VAR,	/* text */
	NODE_PRED,	/* text = name; kids: Terms */
	NODE_CONST,	/* number 0 or 1 */
	NODE_NOT,	/* kids: F */
	NODE_AND,	/* kids: F* */
	NODE_OR,	/* kids: F* */
	NODE_IMPLIES,	/* kids: F, F */
	NODE_SPEAKSFOR, /* kids: delegate, delegator */
	NODE_SAYS,	/* kids: Term, F; has_time/time, has_expiration/expiration */
	NODE_FORALL,	/* text = variable; kids: F */
	NODE_EXISTS,	/* text = variable; kids: F */
	NODE_SUBPRIN,	/* kids: PrinExt* */
	NODE_EXT,	/* text = name; kids: Terms */
};

/* A tree by first child and next sibling, so that a node has one size. Text points into the input. */
struct node {
	enum node_kind kind;
	uint32_t count; /* number of kids */
	struct span text;
	int64_t number;	    /* INT, CONST; SAYS: time */
	int64_t expiration; /* SAYS */
	bool has_time, has_expiration;
	struct node *kids; /* first */
	struct node *next; /* sibling */
};

/* The caller's nodes. text_buf holds what the text parser unescapes and decodes (strings, hex), and nothing else does.
 * Enough in any case: for n bytes of binary n nodes; for n bytes of text n + 1 nodes and n bytes of text_buf. Text of at
 * most 8 bytes a byte of binary is printed, binary of at most 6 n + 2 bytes encoded from n bytes of text. A call that
 * fails leaves the pool as it was. */
struct node_pool {
	struct node *nodes;
	size_t n, cap;
	uint8_t *text_buf;
	size_t text_n, text_cap;
};

/* What to read: each entry point insists on one class of value. */
enum name_class { NAME_PRIN, NAME_TAIL, NAME_SUBPRIN, NAME_TERM, NAME_PRED, NAME_FORM, NAME_EXT };

/* Binary → tree. *root is set on success only. ERR_MALFORMED, ERR_TRUNCATED, ERR_TRAILING, ERR_TOO_DEEP,
 * ERR_TOO_LARGE (pool exhausted). */
int name_decode(struct span binary, enum name_class what, struct node_pool *pool, struct node **root);
/* Tree → binary, CloudProxy's bytes. What is written decodes: ERR_MALFORMED for a tree that is none (a kid of the wrong
 * kind or missing, an illegal word), ERR_TOO_DEEP. */
int name_encode(const struct node *node, struct wr *out);
/* Text → tree; *at (may be NULL) is the offset of the fault on failure (of the end, where the whole is too deep). ERR_MALFORMED, ERR_TRUNCATED, ERR_TRAILING,
 * ERR_TOO_DEEP, ERR_TOO_LARGE (pool exhausted), ERR_RANGE (no int64). */
int name_parse(struct span text, enum name_class what, struct node_pool *pool, struct node **root, size_t *at);
/* Tree → text that parses back to the same tree. On failure out holds a part of it. */
int name_print(const struct node *node, struct wr *out);

/* The same, on binary forms and without a pool of the caller's. */
int name_print_binary(struct span binary, enum name_class what, struct wr *text);
/* ERR_NONE if binary is a well-formed value of the class. Takes 8 KiB of stack at most. */
int name_check(struct span binary, enum name_class what);

/* Extends a binary Prin by a binary SubPrin: the longer Prin. Both are checked; out is another buffer than theirs. */
int name_extend(struct span prin, struct span subprin, struct wr *out);
/* The concatenation of two binary SubPrins. */
int name_join(struct span a, struct span b, struct wr *out);
/* The same, one SubPrin after another, of what is known to be well-formed: nothing is checked again. head is what stands
 * before the SubPrin of a Prin, name_head_size() bytes of it (0 if it is malformed). */
#define NAME_PUT_MAX 3
size_t name_head_size(struct span prin);
void name_put(struct wr *out, struct span head, const struct span *subprins, unsigned n);
/* Is child equal to parent or a subprincipal of it? Both binary Prins; malformed is false. */
bool name_is_subprin(struct span child, struct span parent);

/* Is this Prin one that was extended by the SubPrin? Malformed is false. */
bool name_ends_with(struct span prin, struct span subprin);

/* Builders of the names in use (PROTOCOL, section 1), binary. */
void name_write_key_prin(struct wr *out, const uint8_t spki_sha256[static 32], bool ephemeral);
/* tpm2([spki_sha256]).PCRs("indices", "values"), as quotes are about (TPM.md, section 4). No indices: tpm2([spki_sha256]). */
void name_write_tpm2_prin(struct wr *out, const uint8_t spki_sha256[static 32], struct span indices,
			  struct span values);
/* .Program([sha256], ext.Args(…).Files([…]).Entry([…]).TrustRootfs().Privileged()); parts that are absent are NULL,
 * n_args < 0 or false. Order of the parts is the one above (DESIGN, section 4.4). Of an image under dm-verity Files is
 * Verity: another word, because a root hash is no hash of a file. */
struct program_name {
	const char *ext;       /* "Program", or what else was measured so */
	const uint8_t *sha256; /* 32 bytes */
	/* Of a machine, .VM([kernel], [initrd], "command line", [firmware], …): its three digests, one after another, and
	 * the line, instead of sha256. NULL: it is none. */
	const uint8_t *machine;
	struct span command_line;
	const struct span *args;
	int n_args;		     /* -1: not in the name */
	const uint8_t *files_sha256; /* 32 bytes or NULL */
	const uint8_t *entry_sha256; /* 32 bytes or NULL */
	bool verity;		     /* sha256 is a root hash, files_sha256 that of its superblock */
	bool trust_rootfs, privileged;
};
void name_write_program(struct wr *out, const struct program_name *program);

#endif
