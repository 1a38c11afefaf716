/* SPDX-License-Identifier: MIT
 * Writes an attestation to standard output: the host's signature under "this program says: the key with this hash
 * speaks for me". Whoever trusts the host then trusts messages under that key. Build, from the root of the repository:
 *	cc -Iclient -o attest client/examples/attest.c client/tao.c
 * and look at the result with: taoverify attestation FILE */
#include <stdio.h>
#include <string.h>

#include <tao.h>

#define HASH 32

/* The statement key([hash]) speaksfor name, in binary: tag 13, then both principals. */
static size_t speaksfor(unsigned char *out, size_t cap, const unsigned char hash[HASH],
			const struct tao_bytes *name)
{
	static const unsigned char head[] = { 13, 1, 3, 'k', 'e', 'y', 4, HASH };
	static const unsigned char tail[] = { 17, 0 };
	unsigned char *p = out;
	if (sizeof head + HASH + sizeof tail + name->size > cap)
		return 0;
	memcpy(p, head, sizeof head);
	p += sizeof head;
	memcpy(p, hash, HASH);
	p += HASH;
	memcpy(p, tail, sizeof tail);
	p += sizeof tail;
	memcpy(p, name->data, name->size);
	return (size_t)(p - out) + name->size;
}

int main(void)
{
	/* In a real program the SHA-256 of the DER SubjectPublicKeyInfo of a key that it has made. */
	static const unsigned char hash[HASH] = { 0x7d };
	static unsigned char form[8192];
	struct tao_host *host;
	struct tao_bytes name = { NULL, 0 }, attestation = { NULL, 0 };
	int rc = tao_host_connect(&host);
	if (rc == TAO_OK)
		rc = tao_host_name(host, &name);
	if (rc == TAO_OK)
		rc = tao_host_attest(host, form, speaksfor(form, sizeof form, hash, &name), NULL, &attestation);
	if (rc == TAO_OK)
		fwrite(attestation.data, 1, attestation.size, stdout);
	else
		fprintf(stderr, "attest: %s\n", tao_host_error(host, rc));
	tao_bytes_free(&name);
	tao_bytes_free(&attestation);
	tao_host_close(host);
	return rc == TAO_OK ? 0 : 1;
}
