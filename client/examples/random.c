/* SPDX-License-Identifier: MIT
 * Random bytes, and a secret that is the same at each start of this program. Build, from the root of the repository:
 *	cc -Iclient -o random client/examples/random.c client/tao.c */
#include <stdio.h>

#include <tao.h>

static void print_hex(const char *what, const unsigned char *p, size_t n)
{
	printf("%s ", what);
	while (n-- > 0)
		printf("%02x", *p++);
	printf("\n");
}

int main(void)
{
	struct tao_host *host;
	unsigned char nonce[16], secret[32];
	int rc = tao_host_connect(&host);
	if (rc == TAO_OK)
		rc = tao_host_random(host, nonce, sizeof nonce);
	if (rc == TAO_OK)
		print_hex("random", nonce, sizeof nonce);
	/* "self": nobody else on this host gets the same. A real program would not print it. */
	if (rc == TAO_OK)
		rc = tao_host_shared_secret(host, "self", secret, sizeof secret);
	if (rc == TAO_OK)
		print_hex("secret", secret, sizeof secret);
	if (rc != TAO_OK)
		fprintf(stderr, "random: %s\n", tao_host_error(host, rc));
	tao_host_close(host);
	return rc == TAO_OK ? 0 : 1;
}
