/* SPDX-License-Identifier: MIT
 *
 * In place of QEMU, one that a guest has taken over: talks on its monitor without end and takes nothing from it.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	static char junk[65536];
	int fd = -1;
	memset(junk, '{', sizeof junk);
	for (int i = 1; i < argc; i++)
		if (sscanf(argv[i], "socket,id=qmp,fd=%d", &fd) == 1)
			break;
	while (write(fd, junk, sizeof junk) > 0)
		;
	return 1;
}
