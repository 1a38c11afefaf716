/* SPDX-License-Identifier: MIT
 * The client's reading of what a host sends. The first byte chooses the method and how often it is called; the rest
 * is what the host sends before it closes. The same bytes are also read as a name.
 * Invariants: a result on TAO_OK only, a text for every error, sticky errors stick. */
/* link: client/tao.c */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../client/tao.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

static void must(int holds)
{
	if (!holds)
		abort();
}

static int call(struct tao_host *host, unsigned method)
{
	struct tao_bytes out = { NULL, 0 };
	char *policy = NULL;
	uint8_t fixed[16];
	int64_t value;
	int rc, has_bytes = 1;
	switch (method % 8) {
	case 0:
		rc = method == 0 ? tao_host_name(host, &out) : tao_host_resume(host, &out);
		break;
	case 1:
		rc = tao_host_unseal(host, "s", 1, &out, &policy);
		must((rc == TAO_OK) == (policy != NULL));
		break;
	case 2:
		rc = tao_host_protected_unseal(host, "s", 1, &out, NULL);
		break;
	case 3:
		rc = tao_host_seal(host, "self", "d", 1, &out);
		break;
	default:
		has_bytes = 0;
		rc = method % 8 == 4   ? tao_host_random(host, fixed, sizeof fixed)
		     : method % 8 == 5 ? tao_host_shared_secret(host, "any", fixed, sizeof fixed)
		     : method % 8 == 6 ? tao_host_counter(host, "l", &value)
				       : tao_host_extend_name(host, "\x11\x00", 2);
	}
	must(!has_bytes || (rc == TAO_OK) == (out.data != NULL));
	const char *error = tao_host_error(host, rc);
	must(error[0] != '\0' && strlen(error) < 1024);
	for (; *error != '\0'; error++)
		must(*error >= 0x20 && *error < 0x7f);
	tao_bytes_free(&out);
	free(policy);
	return rc;
}

/* The client counts its requests from its process id on, but for the one that skips. So that inputs do not depend on it, "SEQn" stands for the
 * n-th request's number, as a varint of ten bytes always. */
static size_t with_seq(const uint8_t *in, size_t n, uint8_t *out, size_t cap)
{
	size_t o = 0;
	for (size_t i = 0; i < n && o + 10 < cap;) {
		if (n - i < 4 || memcmp(in + i, "SEQ", 3) != 0) {
			out[o++] = in[i++];
			continue;
		}
		uint64_t v = (uint64_t)getpid() << 32 | (in[i + 3] & 3u);
		for (int k = 0; k < 10; k++, v >>= 7)
			out[o++] = (uint8_t)((v & 0x7f) | (k < 9 ? 0x80 : 0));
		i += 4;
	}
	return o;
}

static void host_says(unsigned method, unsigned calls, const uint8_t *bytes, size_t size)
{
	struct tao_host *host;
	int s[2], rc = TAO_OK;
	must(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0);
	must(tao_host_connect_fds(&host, s[0], s[0]) == TAO_OK);
	must(send(s[1], bytes, size, MSG_NOSIGNAL) == (ssize_t)size);
	must(shutdown(s[1], SHUT_WR) == 0);
	for (unsigned i = 0; i <= calls; i++) {
		int next = call(host, method);
		if (rc == TAO_E_CLOSED || rc == TAO_E_IO || rc == TAO_E_PROTOCOL)
			must(next == rc);
		rc = next;
	}
	tao_host_close(host);
	must(close(s[1]) == 0);
}

static void name(const uint8_t *bytes, size_t size)
{
	char *text = NULL;
	int rc = tao_name_text(bytes, size, &text);
	must((rc == TAO_OK) == (text != NULL));
	for (const char *c = text; c != NULL && *c != '\0'; c++)
		must(*c >= 0x20 && *c < 0x7f);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	static uint8_t bytes[16384];
	if (size < 1)
		return 0;
	name(input + 1, size - 1);
	host_says(input[0] & 7 | input[0] >> 5 & 8, input[0] >> 3 & 3, bytes,
		  with_seq(input + 1, size - 1, bytes, sizeof bytes));
	return 0;
}
