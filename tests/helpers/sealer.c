/* SPDX-License-Identifier: MIT
 *
 * sealer VERB ARGUMENT… VERB …: a service that asks its host for one thing after the other and says what it got, a line
 * each. Sealed data goes out as hex, and is read as hex from files: what stands in a file is no argument, which would
 * be in a name. Compiled with -DOTHER it is another program.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tao.h"

#ifdef OTHER
const char who[] = "other";
#elif defined THIRD
const char who[] = "third";
#else
const char who[] = "one";
#endif

static struct tao_host *host;

static void say(const char *what, int rc, const struct tao_bytes *b, int hex)
{
	printf("%s %s ", who, what);
	if (rc != TAO_OK)
		printf("refused: %s", tao_host_error(host, rc));
	for (size_t i = 0; rc == TAO_OK && b != NULL && i < b->size; i++)
		printf(hex ? "%02x" : "%c", b->data[i]);
	puts("");
	fflush(stdout);
}

static struct tao_bytes read_hex(const char *path)
{
	static unsigned char bytes[1 << 21];
	struct tao_bytes b = { bytes, 0 };
	unsigned v;
	FILE *f = fopen(path, "r");
	while (f != NULL && b.size < sizeof bytes && fscanf(f, "%2x", &v) == 1)
		bytes[b.size++] = (unsigned char)v;
	if (f != NULL)
		fclose(f);
	return b;
}

int main(int argc, char **argv)
{
	int rc = tao_host_connect(&host);
	if (rc != TAO_OK)
		return 1;
	for (int i = 1; i < argc; i++) {
		const char *verb = argv[i];
		struct tao_bytes out = { NULL, 0 }, in;
		char *policy = NULL;
		int64_t value = 0;
		if (strcmp(verb, "extend") == 0) {
			rc = tao_subprin(argv[++i], NULL, 0, &out);
			if (rc == TAO_OK)
				rc = tao_host_extend_name(host, out.data, out.size);
			say(verb, rc, NULL, 0);
		} else if (strcmp(verb, "seal") == 0) {
			rc = tao_host_seal(host, argv[i + 1], argv[i + 2], strlen(argv[i + 2]), &out);
			i += 2;
			say(verb, rc, &out, 1);
		} else if (strcmp(verb, "sealfile") == 0) {
			in = read_hex(argv[i + 2]);
			rc = tao_host_seal(host, argv[i + 1], in.data, in.size, &out);
			i += 2;
			say(verb, rc, &out, 1);
		} else if (strcmp(verb, "unseal") == 0 || strcmp(verb, "punseal") == 0) {
			in = read_hex(argv[++i]);
			rc = (*verb == 'p' ? tao_host_protected_unseal : tao_host_unseal)(host, in.data, in.size,
											  &out, &policy);
			say(verb, rc, &out, 0);
		} else if (strcmp(verb, "pseal") == 0) {
			rc = tao_host_protected_seal(host, argv[i + 1], argv[i + 2], argv[i + 3],
						     strlen(argv[i + 3]), &out);
			i += 3;
			say(verb, rc, &out, 1);
		} else if (strcmp(verb, "secret") == 0) {
			unsigned char secret[16];
			rc = tao_host_shared_secret(host, argv[++i], secret, sizeof secret);
			in = (struct tao_bytes){ secret, sizeof secret };
			say(verb, rc, &in, 1);
		} else if (strcmp(verb, "init") == 0) {
			rc = tao_host_init_counter(host, argv[i + 1], atoll(argv[i + 2]));
			i += 2;
			say(verb, rc, NULL, 0);
		} else if (strcmp(verb, "get") == 0) {
			rc = tao_host_counter(host, argv[++i], &value);
			say(verb, rc, NULL, 0);
			printf("%s counter %lld\n", who, (long long)value);
			fflush(stdout);
		} else if (strcmp(verb, "name") == 0) {
			rc = tao_host_name(host, &out);
			say(verb, rc, NULL, 0);
		} else if (strcmp(verb, "random") == 0) {
			unsigned char some[8];
			rc = tao_host_random(host, some, sizeof some);
			say(verb, rc, NULL, 0);
		} else if (strcmp(verb, "attest") == 0) {
			static const unsigned char statement[] = { 7, 1, 'P', 0 }; /* P() */
			rc = tao_host_attest(host, statement, sizeof statement, NULL, &out);
			say(verb, rc, NULL, 0);
		} else if (strcmp(verb, "flood") == 0) {
			unsigned char some[8];
			do
				rc = tao_host_random(host, some, sizeof some);
			while (rc == TAO_OK || rc == TAO_E_REFUSED);
			say(verb, rc, NULL, 0);
		} else if (strcmp(verb, "await") == 0) {
			for (i++; access(argv[i], F_OK) != 0;)
				usleep(20000);
		} else if (strcmp(verb, "wait") == 0) {
			puts("waiting");
			fflush(stdout);
			for (;;)
				pause();
		} else {
			return 2;
		}
		tao_bytes_free(&out);
		free(policy);
	}
	return 0;
}
