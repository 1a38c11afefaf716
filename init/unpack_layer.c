/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>

#define ZLIB_CONST
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "unpack_layer.h"

/* ---- gzip ---- */

/* What the decoder takes and gives at once: it counts with 32 bits. */
#define PIECE_MAX ((size_t)1 << 30)
/* As far back as deflate reaches: what inflateBack() gives comes in pieces of this size. */
#define WINDOW ((size_t)32 << 10)

enum gzip_flag { HAS_CHECK = 2, HAS_EXTRA = 4, HAS_NAME = 8, HAS_COMMENT = 16, RESERVED = 0xe0 };

static void skip_text(struct rd *r)
{
	while (r->err == ERR_NONE && rd_u8(r) != 0)
		;
}

static void skip_header(struct rd *r)
{
	struct span head = rd_bytes(r, 10);
	if (head.n != 10)
		return;
	unsigned flags = head.p[3];
	if (head.p[0] != 0x1f || head.p[1] != 0x8b || head.p[2] != 8 || (flags & RESERVED) != 0) {
		rd_fail(r, ERR_MALFORMED);
		return;
	}
	if ((flags & HAS_EXTRA) != 0) {
		unsigned n = rd_u8(r);
		rd_bytes(r, n | (unsigned)rd_u8(r) << 8);
	}
	if ((flags & HAS_NAME) != 0)
		skip_text(r);
	if ((flags & HAS_COMMENT) != 0)
		skip_text(r);
	if ((flags & HAS_CHECK) != 0)
		rd_bytes(r, 2);
}

static unsigned more(void *from, z_const unsigned char **p)
{
	struct rd *r = from;
	struct span piece = rd_bytes(r, r->n < PIECE_MAX ? r->n : PIECE_MAX);
	*p = piece.p;
	return (unsigned)piece.n;
}

static int put(void *to, unsigned char *p, unsigned n)
{
	struct wr *out = to;
	wr_bytes(out, p, n);
	return out->err != ERR_NONE;
}

/* One member. The checksum behind its data is passed over: the image's bytes, from which all else follows, are known by
 * their SHA-256. */
static int member(z_stream *z, struct rd *r, struct wr *out)
{
	skip_header(r);
	if (r->err != ERR_NONE)
		return -EINVAL;
	z->next_in = NULL;
	z->avail_in = 0;
	int e = inflateBack(z, more, r, put, out);
	if (e != Z_STREAM_END)
		return out->err != ERR_NONE ? -EFBIG : -EINVAL;
	/* What it took and did not need. */
	r->p -= z->avail_in;
	r->n += z->avail_in;
	rd_bytes(r, 8);
	return r->err != ERR_NONE ? -EINVAL : 0;
}

static int64_t gunzip(struct span from, uint8_t *to, size_t cap)
{
	struct rd r = rd_from(from);
	struct wr out = wr_to(to, cap);
	z_stream z = { .next_in = NULL };
	uint8_t *window = malloc(WINDOW);
	if (window == NULL || inflateBackInit(&z, 15, window) != Z_OK) {
		free(window);
		return -ENOMEM;
	}
	int e = 0;
	do
		e = member(&z, &r, &out);
	while (e == 0 && r.n > 0 && r.p[0] != 0);
	/* Zeros may fill up the last block of a tape. */
	for (; e == 0 && r.n > 0; r.n--)
		if (r.p[r.n - 1] != 0)
			e = -EINVAL;
	inflateBackEnd(&z);
	free(window);
	return e < 0 ? e : (int64_t)out.n;
}

/* ---- zstd ---- */

static int64_t unzstd(struct span from, uint8_t *to, size_t cap)
{
	size_t n = ZSTD_decompress(to, cap, from.p, from.n);
	if (!ZSTD_isError(n))
		return (int64_t)n;
	ZSTD_ErrorCode code = ZSTD_getErrorCode(n);
	return code == ZSTD_error_dstSize_tooSmall    ? -EFBIG
	       : code == ZSTD_error_memory_allocation ? -ENOMEM
						      : -EINVAL;
}

int64_t unpack_decode(enum image_kind kind, struct span from, uint8_t *to, size_t cap)
{
	return kind == IMAGE_GZIP ? gunzip(from, to, cap) : unzstd(from, to, cap);
}
