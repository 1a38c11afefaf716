/* SPDX-License-Identifier: MIT */
#ifndef TAO_TEST_TAR_SIGN_H
#define TAO_TEST_TAR_SIGN_H

#include <stdio.h>

#include "../../init/tar.h"

/* Gives a header the checksum that its block has. */
static void sign(uint8_t *block)
{
	unsigned sum = 0;
	char digits[8];
	memset(block + 148, ' ', 8);
	for (int i = 0; i < TAR_BLOCK; i++)
		sum += block[i];
	snprintf(digits, sizeof digits, "%06o", sum);
	memcpy(block + 148, digits, 7);
}

#endif
