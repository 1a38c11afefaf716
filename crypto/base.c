/* SPDX-License-Identifier: MIT */
#include "base.h"

const char *err_text(int err)
{
	switch (err) {
	case ERR_NONE:
		return "no error";
#define ERR(name, value, text)                                                                                    \
	case value:                                                                                               \
		return text;
#include "err.def"
#undef ERR
	default:
		return "unknown error";
	}
}
