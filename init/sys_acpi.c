/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <sys/socket.h>
#include <unistd.h>

#include "acpi.h"
#include "sys_acpi.h"

#define MESSAGE_MAX 2048

/* A message from the kernel; nobody else's is looked at. */
static struct span receive(int fd, uint8_t *buffer, size_t cap)
{
	struct sockaddr_nl from = { .nl_pid = 1 };
	struct iovec iov = { buffer, cap };
	struct msghdr h = { .msg_name = &from, .msg_namelen = sizeof from, .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n = recvmsg(fd, &h, MSG_DONTWAIT);
	return span_of(buffer, n < 0 || from.nl_pid != 0 ? 0 : (size_t)n);
}

/* The number of the family's one group. The kernel's answer is there when the question is. */
static int find_group(int fd, uint32_t *group)
{
	struct {
		struct nlmsghdr head;
		struct genlmsghdr generic;
		struct nlattr attribute;
		char name[sizeof ACPI_FAMILY + 1]; /* up to the next multiple of four */
	} ask = { { sizeof ask, GENL_ID_CTRL, NLM_F_REQUEST, 0, 0 },
		  { CTRL_CMD_GETFAMILY, 1, 0 },
		  { sizeof(struct nlattr) + sizeof ACPI_FAMILY, CTRL_ATTR_FAMILY_NAME },
		  ACPI_FAMILY };
	uint8_t buffer[MESSAGE_MAX];
	if (send(fd, &ask, sizeof ask, 0) < 0)
		return -errno;
	return acpi_group(receive(fd, buffer, sizeof buffer), group) ? 0 : -ENOENT;
}

int sys_acpi_open(void)
{
	struct sockaddr_nl any = { .nl_family = AF_NETLINK };
	uint32_t group = 0;
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_GENERIC);
	if (fd < 0)
		return -errno;
	int r = bind(fd, (const struct sockaddr *)&any, sizeof any) < 0 ? -errno : find_group(fd, &group);
	if (r == 0 && setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) < 0)
		r = -errno;
	if (r < 0)
		close(fd);
	return r < 0 ? r : fd;
}

bool sys_acpi_pressed(int fd)
{
	uint8_t buffer[MESSAGE_MAX];
	return acpi_pressed(receive(fd, buffer, sizeof buffer));
}
