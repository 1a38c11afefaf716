/* SPDX-License-Identifier: MIT
 * What the kernel says of the power button. Invariants: nothing outside of the message is read; a button or a group that is
 * found stands in it; what follows the message changes nothing. */
/* link: init/acpi.c crypto/base.c */
#define _GNU_SOURCE
#include <stdlib.h>

#include "../../init/acpi.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	uint32_t group = 0, same = 0, length;
	uint8_t *more = malloc(size + 64);
	memset(more, 1, size + 64);
	memcpy(more, input, size);
	bool pressed = acpi_pressed(span_of(input, size)), found = acpi_group(span_of(input, size), &group);
	must(!pressed || memmem(input, size, "button/power", 13) != NULL);
	must(!found || memmem(input, size, &group, sizeof group) != NULL);
	if (size >= sizeof length) {
		memcpy(&length, input, sizeof length);
		/* A message that says it is longer than what was received is none. */
		must(length <= size || (!pressed && !found));
		must(length > size || acpi_pressed(span_of(more, size + 64)) == pressed);
		must(length > size || acpi_group(span_of(more, size + 64), &same) == found);
		must(length > size || group == same);
	}
	free(more);
	return 0;
}
