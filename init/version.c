/* SPDX-License-Identifier: MIT */
#include "command.h"
#include "environment.h"
#include "version.h"

const char *version_text(void)
{
#define LIBRARY(name, version) "  " name " " version "\n"
	return "taoinit " TAOINIT_VERSION "\n" TAOINIT_LIBRARIES(LIBRARY);
#undef LIBRARY
}

const char *environment_version(void)
{
	return TAOINIT_VERSION;
}
