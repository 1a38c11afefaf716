/* SPDX-License-Identifier: MIT
 * Seals a text for this very program and unseals it again. Build, from the root of the repository:
 *	cc -Iclient -o seal client/examples/seal.c client/tao.c */
#include <stdio.h>
#include <stdlib.h>

#include <tao.h>

int main(void)
{
	static const char text[] = "attack at dawn";
	struct tao_host *host;
	struct tao_bytes sealed = { NULL, 0 }, data = { NULL, 0 };
	char *policy = NULL;
	int rc = tao_host_connect(&host);
	/* What seal returns is safe to store anywhere. */
	if (rc == TAO_OK)
		rc = tao_host_seal(host, "self", text, sizeof text - 1, &sealed);
	if (rc == TAO_OK)
		rc = tao_host_unseal(host, sealed.data, sealed.size, &data, &policy);
	if (rc == TAO_OK)
		printf("%zu bytes sealed under \"%s\": %.*s\n", sealed.size, policy, (int)data.size,
		       (const char *)data.data);
	else
		fprintf(stderr, "seal: %s\n", tao_host_error(host, rc));
	tao_bytes_free(&sealed);
	tao_bytes_free(&data);
	free(policy);
	tao_host_close(host);
	return rc == TAO_OK ? 0 : 1;
}
