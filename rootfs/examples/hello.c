/* SPDX-License-Identifier: MIT
 *
 * A first service: says who it is and shows some randomness. As an entry of a manifest:
 *
 *	"hello": { "exec": ["/bin/hello"], "type": "oneshot" }
 *
 * Build it static, so that its one file is all that runs and all that needs measuring:
 *
 *	musl-gcc -static -Os -Iclient -o hello rootfs/examples/hello.c client/tao.c
 */
#include <stdio.h>
#include <stdlib.h>

#include "tao.h"

static int say_name(struct tao_host *host)
{
	struct tao_bytes name;
	char *text;
	int rc = tao_host_name(host, &name);
	if (rc != TAO_OK)
		return rc;
	rc = tao_name_text(name.data, name.size, &text);
	tao_bytes_free(&name);
	if (rc != TAO_OK)
		return rc;
	printf("hello: I am %s\n", text);
	free(text);
	return TAO_OK;
}

static int say_random(struct tao_host *host)
{
	unsigned char bytes[16];
	int rc = tao_host_random(host, bytes, sizeof bytes);
	if (rc != TAO_OK)
		return rc;
	printf("hello: random ");
	for (size_t i = 0; i < sizeof bytes; i++)
		printf("%02x", bytes[i]);
	printf("\n");
	return TAO_OK;
}

int main(void)
{
	struct tao_host *host;
	int rc = tao_host_connect(&host);
	if (rc == TAO_OK)
		rc = say_name(host);
	if (rc == TAO_OK)
		rc = say_random(host);
	if (rc != TAO_OK)
		fprintf(stderr, "hello: %s\n", tao_host_error(host, rc));
	tao_host_close(host);
	return rc == TAO_OK ? 0 : 1;
}
