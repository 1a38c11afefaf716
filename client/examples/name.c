/* SPDX-License-Identifier: MIT
 * Prints this program's name, makes it longer, and prints it again. Build, from the root of the repository:
 *	cc -Iclient -o name client/examples/name.c client/tao.c */
#include <stdio.h>
#include <stdlib.h>

#include <tao.h>

static int print_name(struct tao_host *host)
{
	struct tao_bytes name;
	char *text;
	int rc = tao_host_name(host, &name);
	if (rc != TAO_OK)
		return rc;
	rc = tao_name_text(name.data, name.size, &text);
	tao_bytes_free(&name);
	if (rc == TAO_OK) {
		puts(text);
		free(text);
	}
	return rc;
}

/* .Phase("ready"): from now on everybody who is shown our name sees that we have said so. */
static int extend(struct tao_host *host)
{
	static const char *const arguments[] = { "ready" };
	struct tao_bytes subprin;
	int rc = tao_subprin("Phase", arguments, 1, &subprin);
	if (rc != TAO_OK)
		return rc;
	rc = tao_host_extend_name(host, subprin.data, subprin.size);
	tao_bytes_free(&subprin);
	return rc;
}

int main(void)
{
	struct tao_host *host;
	int rc = tao_host_connect(&host);
	if (rc == TAO_OK)
		rc = print_name(host);
	if (rc == TAO_OK)
		rc = extend(host);
	if (rc == TAO_OK)
		rc = print_name(host);
	if (rc != TAO_OK)
		fprintf(stderr, "name: %s\n", tao_host_error(host, rc));
	tao_host_close(host);
	return rc == TAO_OK ? 0 : 1;
}
