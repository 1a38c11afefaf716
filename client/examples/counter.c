/* SPDX-License-Identifier: MIT
 * A counter, and data of which only the latest version can be unsealed: who puts back an old copy of the file is found
 * out. Build, from the root of the repository:
 *	cc -Iclient -o counter client/examples/counter.c client/tao.c */
#include <inttypes.h>
#include <stdio.h>

#include <tao.h>

#define LABEL "state"

static int seal_twice(struct tao_host *host, struct tao_bytes *older, struct tao_bytes *latest)
{
	int rc = tao_host_protected_seal(host, LABEL, "self", "version 1", 9, older);
	return rc == TAO_OK ? tao_host_protected_seal(host, LABEL, "self", "version 2", 9, latest) : rc;
}

int main(void)
{
	struct tao_host *host;
	struct tao_bytes older = { NULL, 0 }, latest = { NULL, 0 }, data = { NULL, 0 };
	int64_t value = 0;
	int rc = tao_host_connect(&host);
	if (rc == TAO_OK)
		rc = tao_host_init_counter(host, LABEL, 1);
	if (rc == TAO_OK)
		rc = seal_twice(host, &older, &latest);
	if (rc == TAO_OK)
		rc = tao_host_counter(host, LABEL, &value);
	if (rc == TAO_OK)
		rc = tao_host_protected_unseal(host, latest.data, latest.size, &data, NULL);
	if (rc == TAO_OK)
		printf("counter %" PRId64 ", latest: %.*s\n", value, (int)data.size, (const char *)data.data);
	tao_bytes_free(&data);
	if (rc == TAO_OK && tao_host_protected_unseal(host, older.data, older.size, &data, NULL) == TAO_E_REFUSED)
		printf("older: %s\n", tao_host_error(host, TAO_E_REFUSED));
	if (rc != TAO_OK)
		fprintf(stderr, "counter: %s\n", tao_host_error(host, rc));
	tao_bytes_free(&data);
	tao_bytes_free(&older);
	tao_bytes_free(&latest);
	tao_host_close(host);
	return rc == TAO_OK ? 0 : 1;
}
