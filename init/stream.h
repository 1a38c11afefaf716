/* SPDX-License-Identifier: MIT
 *
 * Framing of both channels (PROTOCOL, sections 3 and 7) over a non-blocking stream socket: a request is two
 * messages, header and body, each a big-endian length and that many bytes; so is a response.
 *
 * A stream has no memory while it is idle. What has arrived in part, and what could not be sent at once, stands
 * in mappings of its own, counted against one pool; a stream for which the pool has no room waits. Requests may carry
 * what is to be sealed: no byte of them is left in memory that is kept.
 */
#ifndef TAO_STREAM_H
#define TAO_STREAM_H

#include "../crypto/base.h"

/* A header is a method's name and a number. */
#define STREAM_HEADER_MAX 1024
/* One read: holds every usual request whole, so that it needs no memory of its own. */
#define STREAM_CHUNK ((size_t)65536)
/* All half-received requests and unsent answers together. 64 programs may hold a megabyte each at once. */
#define STREAM_POOL_BYTES ((size_t)64 << 20)
/* Mappings that are kept, wiped, for the next who needs one: new pages cost more than all that a large request is for.
 * Enough for those whom one turn serves; larger ones than this are not kept. */
#define STREAM_SPARES 4
#define STREAM_SPARE_MAX ((size_t)2 << 20)

struct stream_pool {
	size_t used, cap;
	uint8_t *chunk; /* STREAM_CHUNK bytes, shared by all: what one read gave, until stream_done */
	size_t chunk_n;
	/* Where descriptors that come along are put, for whom takes them; NULL: they are dropped. */
	int *fds;
	int n_fds, fds_cap;
	struct stream_spare {
		uint8_t *p; /* zeros */
		size_t size;
	} spares[STREAM_SPARES];
};

struct stream {
	int fd;
	uint32_t in_n, in_cap;	/* bytes of requests not yet done with, and the size of their mapping */
	uint32_t taken;		/* of the request that the caller works on */
	uint32_t out_n, out_at; /* unsent answer */
	uint32_t out_cap;
	uint8_t *in, *out;
};

struct stream_request {
	struct span header, body;
};

enum stream_state {
	STREAM_MORE = 0,       /* nothing whole is there yet */
	STREAM_REQUEST = 1,    /* a request was taken */
	STREAM_END = -1,       /* the peer has closed */
	STREAM_BROKEN = -2,    /* malformed, or the socket failed: end the channel */
	STREAM_TOO_LARGE = -3, /* body above the limit; header is valid: answer, then end the channel */
	STREAM_WAIT = -4,      /* the pool is full: try again when somebody has given memory back */
};

int stream_pool_open(struct stream_pool *pool);
/* Has it spare mappings? They are to be given back when nobody has needed them for a while. */
bool stream_pool_has_spares(const struct stream_pool *pool);
void stream_pool_give_back(struct stream_pool *pool);
void stream_open(struct stream *stream, int fd);
/* Gives all memory back and closes the descriptor. */
void stream_close(struct stream *stream, struct stream_pool *pool);

/* Takes one request, from what is there already or from one read of the socket. The spans are valid until
 * stream_done, which must follow a STREAM_REQUEST. */
enum stream_state stream_take(struct stream *stream, struct stream_pool *pool, size_t max_body,
			      struct stream_request *request);
void stream_done(struct stream *stream, struct stream_pool *pool);
/* Instead of stream_done: the request is not answered yet. It is kept, counted against the pool, and stream_take gives it
 * again; until then the caller takes no other from this stream. 0 or -ENOMEM. */
int stream_hold(struct stream *stream, struct stream_pool *pool);
/* Is a whole request (or an error) there without reading? */
bool stream_has_more(const struct stream *stream);
/* Is a part of a request there? Then its deadline runs. */
bool stream_is_half(const struct stream *stream);

/* Sends bytes, keeping what the socket does not take now. 0, or -errno where the channel must end. */
int stream_send(struct stream *stream, struct stream_pool *pool, struct span bytes);
/* The same of bytes that stand in up to SYS_PARTS_MAX places. */
int stream_send_parts(struct stream *stream, struct stream_pool *pool, const struct span *parts, unsigned n);
/* Goes on sending. 1: all is sent; 0: not yet; -errno. */
int stream_flush(struct stream *stream, struct stream_pool *pool);
bool stream_is_sending(const struct stream *stream);

#endif
