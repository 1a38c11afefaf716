/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "stream.h"
#include "sys.h"

#define PAGE ((size_t)4096)

int stream_pool_open(struct stream_pool *pool)
{
	memset(pool, 0, sizeof *pool);
	pool->cap = STREAM_POOL_BYTES;
	pool->chunk = sys_map(STREAM_CHUNK);
	return pool->chunk == NULL ? -ENOMEM : 0;
}

void stream_open(struct stream *stream, int fd)
{
	memset(stream, 0, sizeof *stream);
	stream->fd = fd;
}

bool stream_pool_has_spares(const struct stream_pool *pool)
{
	for (size_t i = 0; i < STREAM_SPARES; i++)
		if (pool->spares[i].p != NULL)
			return true;
	return false;
}

void stream_pool_give_back(struct stream_pool *pool)
{
	for (size_t i = 0; i < STREAM_SPARES; i++)
		if (pool->spares[i].p != NULL)
			sys_unmap(pool->spares[i].p, pool->spares[i].size);
	memset(pool->spares, 0, sizeof pool->spares);
}

/* A large one is not spent on little, so that what counts against the pool is what was asked for, or nearly. */
static uint8_t *take_spare(struct stream_pool *pool, size_t *size)
{
	for (size_t i = 0; i < STREAM_SPARES; i++) {
		struct stream_spare spare = pool->spares[i];
		if (spare.p == NULL || spare.size < *size || spare.size / 2 > *size)
			continue;
		pool->spares[i] = (struct stream_spare){ NULL, 0 };
		*size = spare.size;
		return spare.p;
	}
	return NULL;
}

/* Keeps it instead of a smaller one; gives back the mapping that is left over. */
static void keep_spare(struct stream_pool *pool, struct stream_spare spare)
{
	for (size_t i = 0; i < STREAM_SPARES && spare.size <= STREAM_SPARE_MAX; i++) {
		if (pool->spares[i].size >= spare.size)
			continue;
		struct stream_spare smaller = pool->spares[i];
		pool->spares[i] = spare;
		spare = smaller;
		if (spare.p == NULL)
			return;
	}
	sys_unmap(spare.p, spare.size);
}

/* A stream may always keep one chunk and one answer, so that nothing which was read or done is ever lost; what
 * it has yet to receive waits for room in the pool. */
static uint8_t *take_memory(struct stream_pool *pool, size_t n, bool always, uint32_t *cap)
{
	size_t size = (n + PAGE - 1) & ~(PAGE - 1);
	if (!always && size > STREAM_CHUNK && (size > pool->cap || pool->used > pool->cap - size))
		return NULL;
	uint8_t *p = take_spare(pool, &size);
	if (p == NULL)
		p = sys_map(size);
	if (p == NULL)
		return NULL;
	pool->used += size;
	*cap = (uint32_t)size;
	return p;
}

/* used: how many bytes of it were ever written. */
static void give_memory(struct stream_pool *pool, uint8_t **p, uint32_t *cap, size_t used)
{
	if (*p == NULL)
		return;
	wipe(*p, used);
	keep_spare(pool, (struct stream_spare){ *p, *cap });
	pool->used -= *cap;
	*p = NULL;
	*cap = 0;
}

void stream_close(struct stream *stream, struct stream_pool *pool)
{
	give_memory(pool, &stream->in, &stream->in_cap, stream->in_n);
	give_memory(pool, &stream->out, &stream->out_cap, stream->out_n);
	if (stream->fd >= 0)
		sys_close(stream->fd);
	memset(stream, 0, sizeof *stream);
	stream->fd = -1;
}

/* What stands in a buffer: need is how many bytes the whole request takes, as far as that is known. */
static enum stream_state parse(struct span bytes, size_t max_body, struct stream_request *request, size_t *need)
{
	struct rd r = rd_from(bytes);
	*need = 8;
	uint32_t header_n = rd_be32(&r);
	if (r.err != ERR_NONE)
		return STREAM_MORE;
	if (header_n > STREAM_HEADER_MAX)
		return STREAM_BROKEN;
	*need = 8 + (size_t)header_n;
	request->header = rd_bytes(&r, header_n);
	uint32_t body_n = rd_be32(&r);
	if (r.err != ERR_NONE)
		return STREAM_MORE;
	if (body_n > max_body)
		return STREAM_TOO_LARGE;
	*need = 8 + (size_t)header_n + body_n;
	request->body = rd_bytes(&r, body_n);
	return r.err == ERR_NONE ? STREAM_REQUEST : STREAM_MORE;
}

static enum stream_state keep(struct stream *stream, struct stream_pool *pool, struct span bytes, size_t need)
{
	uint32_t cap = 0;
	if (bytes.n == 0)
		return STREAM_MORE;
	if (stream->in != NULL && need <= stream->in_cap)
		return STREAM_MORE;
	uint8_t *p = take_memory(pool, need > bytes.n ? need : bytes.n, false, &cap);
	enum stream_state state = STREAM_MORE;
	if (p == NULL) {
		if (stream->in != NULL)
			return STREAM_WAIT;
		/* No room for the whole: hold what there is, and ask for the rest later. */
		state = STREAM_WAIT;
		p = take_memory(pool, bytes.n, true, &cap);
		if (p == NULL)
			return STREAM_BROKEN;
	}
	memcpy(p, bytes.p, bytes.n);
	if (stream->in == NULL)
		wipe(pool->chunk, pool->chunk_n);
	give_memory(pool, &stream->in, &stream->in_cap, stream->in_n);
	stream->in = p;
	stream->in_cap = cap;
	stream->in_n = (uint32_t)bytes.n;
	return state;
}

static struct span held(const struct stream *stream, const struct stream_pool *pool)
{
	return stream->in != NULL ? span_of(stream->in, stream->in_n) : span_of(pool->chunk, pool->chunk_n);
}

static enum stream_state read_more(struct stream *stream, struct stream_pool *pool)
{
	bool own = stream->in != NULL;
	uint8_t *at = own ? stream->in + stream->in_n : pool->chunk;
	size_t room = own ? stream->in_cap - stream->in_n : STREAM_CHUNK;
	int came = 0;
	int *fds = pool->fds != NULL ? pool->fds + pool->n_fds : NULL;
	ssize_t n = fds != NULL ? sys_recv(stream->fd, at, room, fds, pool->fds_cap - pool->n_fds, &came)
				: sys_recv_bytes(stream->fd, at, room);
	pool->n_fds += came;
	if (n == -EAGAIN)
		return STREAM_MORE;
	if (n <= 0)
		return n == 0 || n == -ECONNRESET ? STREAM_END : STREAM_BROKEN;
	if (own)
		stream->in_n += (uint32_t)n;
	else
		pool->chunk_n = (size_t)n;
	return STREAM_REQUEST;
}

enum stream_state stream_take(struct stream *stream, struct stream_pool *pool, size_t max_body,
			      struct stream_request *request)
{
	size_t need = 0;
	enum stream_state state;
	stream->taken = 0;
	pool->chunk_n = 0;
	if (stream->in != NULL) {
		state = parse(held(stream, pool), max_body, request, &need);
		if (state == STREAM_MORE)
			state = keep(stream, pool, held(stream, pool), need);
		if (state == STREAM_REQUEST)
			stream->taken = (uint32_t)need;
		if (state != STREAM_MORE)
			return state;
	}
	state = read_more(stream, pool);
	if (state != STREAM_REQUEST)
		return state;
	state = parse(held(stream, pool), max_body, request, &need);
	if (state == STREAM_MORE)
		state = keep(stream, pool, held(stream, pool), need);
	else if (state == STREAM_REQUEST)
		stream->taken = (uint32_t)need;
	return state;
}

void stream_done(struct stream *stream, struct stream_pool *pool)
{
	struct span all = held(stream, pool);
	struct span rest = span_of(all.p + stream->taken, all.n - stream->taken);
	stream->taken = 0;
	if (rest.n == 0) {
		give_memory(pool, &stream->in, &stream->in_cap, stream->in_n);
		stream->in_n = 0;
	} else if (stream->in != NULL) {
		memmove(stream->in, rest.p, rest.n);
		wipe(stream->in + rest.n, all.n - rest.n);
		stream->in_n = (uint32_t)rest.n;
	} else {
		keep(stream, pool, rest, rest.n);
	}
	wipe(pool->chunk, pool->chunk_n);
	pool->chunk_n = 0;
}

int stream_hold(struct stream *stream, struct stream_pool *pool)
{
	uint32_t cap = 0;
	stream->taken = 0;
	if (stream->in != NULL)
		return 0;
	uint8_t *p = take_memory(pool, pool->chunk_n, true, &cap);
	if (p == NULL)
		return -ENOMEM;
	memcpy(p, pool->chunk, pool->chunk_n);
	stream->in = p;
	stream->in_cap = cap;
	stream->in_n = (uint32_t)pool->chunk_n;
	wipe(pool->chunk, pool->chunk_n);
	pool->chunk_n = 0;
	return 0;
}

bool stream_has_more(const struct stream *stream)
{
	struct stream_request request;
	size_t need;
	/* Any limit will do: a request that is too large is something to act upon as well. */
	return stream->in != NULL &&
	       parse(span_of(stream->in, stream->in_n), UINT32_MAX, &request, &need) != STREAM_MORE;
}

bool stream_is_half(const struct stream *stream)
{
	return stream->in_n > 0;
}

int stream_send(struct stream *stream, struct stream_pool *pool, struct span bytes)
{
	return stream_send_parts(stream, pool, &bytes, 1);
}

int stream_send_parts(struct stream *stream, struct stream_pool *pool, const struct span *parts, unsigned count)
{
	size_t all = 0;
	if (stream->out_n > 0)
		return -EINVAL; /* one answer at a time: who asks again before reading waits */
	for (unsigned i = 0; i < count; i++)
		all += parts[i].n;
	ssize_t n = sys_send_parts(stream->fd, parts, count);
	if (n == -EAGAIN)
		n = 0;
	if (n < 0)
		return (int)n;
	size_t sent = (size_t)n;
	if (sent == all)
		return 0;
	stream->out = take_memory(pool, all - sent, true, &stream->out_cap);
	if (stream->out == NULL)
		return -ENOMEM;
	struct wr out = wr_to(stream->out, stream->out_cap);
	for (unsigned i = 0; i < count; i++) {
		size_t skip = sent < parts[i].n ? sent : parts[i].n;
		wr_bytes(&out, parts[i].p + skip, parts[i].n - skip);
		sent -= skip;
	}
	stream->out_n = (uint32_t)out.n;
	stream->out_at = 0;
	return 0;
}

int stream_flush(struct stream *stream, struct stream_pool *pool)
{
	while (stream->out_at < stream->out_n) {
		ssize_t n =
			sys_send(stream->fd, span_of(stream->out + stream->out_at, stream->out_n - stream->out_at),
				 NULL, 0);
		if (n == -EAGAIN)
			return 0;
		if (n < 0)
			return (int)n;
		stream->out_at += (uint32_t)n;
	}
	give_memory(pool, &stream->out, &stream->out_cap, stream->out_n);
	stream->out_n = stream->out_at = 0;
	return 1;
}

bool stream_is_sending(const struct stream *stream)
{
	return stream->out_n > 0;
}
