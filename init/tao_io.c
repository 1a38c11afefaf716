/* SPDX-License-Identifier: MIT
 *
 * What the tao command reads and writes: files, standard input and output, hex and base64.
 */
#include "tao_cmd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../crypto/base.h"
#include "sys.h"

/* Hex doubles a message, and there may be line breaks. */
#define INPUT_MAX (3 * TAO_MESSAGE_MAX)

/* ---- Reading ---- */

static int input_grow(struct tao_bytes *in, size_t *cap)
{
	size_t bigger = *cap == 0 ? 4096 : 2 * *cap;
	unsigned char *p = calloc(1, bigger);
	if (p == NULL)
		return -1;
	if (in->size > 0)
		memcpy(p, in->data, in->size);
	struct tao_bytes old = *in;
	tao_bytes_free(&old);
	in->data = p;
	*cap = bigger;
	return 0;
}

/* Not by stdio, which would keep a copy of what may be a secret. */
static int read_all(const struct tao_run *run, int fd, const char *name, struct tao_bytes *in)
{
	size_t cap = 0;
	for (ssize_t n = 1; n > 0;) {
		if (in->size == cap && input_grow(in, &cap) < 0)
			return tao_complain(run, TAO_EXIT_IO, "out of memory");
		n = sys_read(fd, in->data + in->size, cap - in->size);
		if (n < 0)
			return tao_complain(run, TAO_EXIT_IO, "%s: %s", name, strerror((int)-n));
		in->size += (size_t)n;
		if (in->size > INPUT_MAX)
			return tao_complain(run, TAO_EXIT_IO, "%s: larger than any message may be (20 MiB)", name);
	}
	return TAO_EXIT_OK;
}

static bool is_blank(unsigned char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static int digit_of(unsigned char c, const char *digits, int n)
{
	const char *at = c == '\0' ? NULL : strchr(digits, c);
	return at != NULL && at - digits < n ? (int)(at - digits) : -1;
}

static const char base64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Both in place: what is written never passes what is read. False if it is not of that form. */
bool tao_decode_hex(struct tao_bytes *b)
{
	size_t n = 0;
	int high = -1;
	for (size_t i = 0; i < b->size; i++) {
		unsigned char c = b->data[i];
		if (is_blank(c))
			continue;
		int d = digit_of(c >= 'A' && c <= 'F' ? (unsigned char)(c | 0x20) : c, "0123456789abcdef", 16);
		if (d < 0)
			return false;
		if (high >= 0)
			b->data[n++] = (unsigned char)(high << 4 | d);
		high = high >= 0 ? -1 : d;
	}
	b->size = n;
	return high < 0;
}

bool tao_decode_base64(struct tao_bytes *b)
{
	size_t n = 0, digits = 0, padding = 0;
	uint32_t bits = 0;
	for (size_t i = 0; i < b->size; i++) {
		unsigned char c = b->data[i];
		int d = digit_of(c, base64_digits, 64);
		if (is_blank(c))
			continue;
		if (c == '=') {
			padding++;
			continue;
		}
		if (d < 0 || padding > 0)
			return false;
		bits = bits << 6 | (uint32_t)d;
		if (++digits % 4 != 1)
			b->data[n++] = (unsigned char)(bits >> (6 - 2 * ((digits - 1) % 4)));
	}
	b->size = n;
	/* One digit alone is no byte; padding is right or left out. */
	return digits % 4 != 1 && (padding == 0 || (digits + padding) % 4 == 0) && padding <= 2;
}

static int decode_input(const struct tao_run *run, const char *name, struct tao_bytes *in)
{
	size_t size = in->size;
	bool good = run->input == ENCODING_HEX	    ? tao_decode_hex(in)
		    : run->input == ENCODING_BASE64 ? tao_decode_base64(in)
						    : true;
	/* tao_bytes_free() wipes size bytes only. */
	if (in->size < size)
		wipe(in->data + in->size, size - in->size);
	if (!good)
		return tao_complain(run, TAO_EXIT_USAGE, "%s: not %s", name,
				    run->input == ENCODING_HEX ? "hex" : "base64");
	return TAO_EXIT_OK;
}

int tao_read_input(const struct tao_run *run, const char *file, struct tao_bytes *out)
{
	bool standard = file == NULL || strcmp(file, "-") == 0;
	const char *name = standard ? "standard input" : file;
	int fd = standard ? STDIN_FILENO : sys_open(file, O_RDONLY, 0);
	out->data = NULL;
	out->size = 0;
	if (fd < 0)
		return tao_complain(run, TAO_EXIT_IO, "%s: %s", name, strerror(-fd));
	int status = read_all(run, fd, name, out);
	if (!standard)
		sys_close(fd);
	if (status == TAO_EXIT_OK)
		status = decode_input(run, name, out);
	if (status != TAO_EXIT_OK)
		tao_bytes_free(out);
	return status;
}

/* ---- Writing ---- */

static enum encoding output_of(const struct tao_run *run, enum encoding fallback)
{
	return run->output == ENCODING_DEFAULT ? fallback : run->output;
}

int tao_check_output(const struct tao_run *run, enum encoding fallback)
{
	if (output_of(run, fallback) != ENCODING_BINARY || run->force || !isatty(STDOUT_FILENO))
		return TAO_EXIT_OK;
	return tao_complain(run, TAO_EXIT_USAGE,
			    "the output is binary and would go to a terminal; "
			    "redirect it, or say --hex, --base64 or --force");
}

static int write_all(const struct tao_run *run, const void *p, size_t n)
{
	if (fwrite(p, 1, n, stdout) == n && fflush(stdout) == 0)
		return TAO_EXIT_OK;
	return tao_complain(run, TAO_EXIT_IO, "standard output: %s", strerror(errno));
}

static size_t encode_hex(const unsigned char *p, size_t n, char *out)
{
	static const char digits[] = "0123456789abcdef";
	for (size_t i = 0; i < n; i++) {
		out[2 * i] = digits[p[i] >> 4];
		out[2 * i + 1] = digits[p[i] & 15];
	}
	return 2 * n;
}

static size_t encode_base64(const unsigned char *p, size_t n, char *out)
{
	size_t o = 0;
	for (size_t i = 0; i < n; i += 3) {
		size_t have = n - i < 3 ? n - i : 3;
		uint32_t bits = (uint32_t)p[i] << 16;
		bits |= have > 1 ? (uint32_t)p[i + 1] << 8 : 0;
		bits |= have > 2 ? (uint32_t)p[i + 2] : 0;
		for (size_t k = 0; k < 4; k++)
			out[o++] = k <= have ? base64_digits[bits >> (18 - 6 * k) & 63] : '=';
	}
	return o;
}

static int write_encoded(const struct tao_run *run, enum encoding as, const unsigned char *p, size_t n)
{
	size_t cap = 2 * n + 8; /* hex doubles; base64 takes less */
	char *text = malloc(cap);
	if (text == NULL)
		return tao_complain(run, TAO_EXIT_IO, "out of memory");
	size_t used = as == ENCODING_HEX ? encode_hex(p, n, text) : encode_base64(p, n, text);
	text[used++] = '\n';
	int status = write_all(run, text, used);
	wipe(text, cap);
	free(text);
	return status;
}

int tao_write_output(const struct tao_run *run, enum encoding fallback, const void *p, size_t n)
{
	enum encoding as = output_of(run, fallback);
	(void)setvbuf(stdout, NULL, _IONBF, 0);
	return as == ENCODING_BINARY ? write_all(run, p, n) : write_encoded(run, as, p, n);
}

int tao_write_text(const struct tao_run *run, const char *text, size_t n)
{
	if (fwrite(text, 1, n, stdout) == n && fputc('\n', stdout) != EOF && fflush(stdout) == 0)
		return TAO_EXIT_OK;
	return tao_complain(run, TAO_EXIT_IO, "standard output: %s", strerror(errno));
}
