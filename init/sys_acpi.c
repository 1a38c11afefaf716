/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sys_acpi.h"

/* What drivers/acpi/event.c says, which no header of the kernel's does. */
#define ACPI_FAMILY "acpi_event"
#define ACPI_ATTRIBUTE_EVENT 1
#define ACPI_BUTTON "button/power"
#define ACPI_CLASS_SIZE 20
/* Of an attribute. */
#define HEAD sizeof(struct nlattr)

struct message {
	struct nlmsghdr head;
	struct genlmsghdr generic;
	unsigned char attributes[2048];
};

/* What an attribute holds. */
struct content {
	const unsigned char *p;
	size_t n;
};

/* The first of the type; of none p is NULL. */
static struct content find(struct content in, unsigned type)
{
	while (in.n >= HEAD) {
		struct nlattr head;
		memcpy(&head, in.p, sizeof head);
		size_t whole = ((size_t)head.nla_len + 3) & ~(size_t)3;
		if (head.nla_len < HEAD || head.nla_len > in.n)
			break;
		if ((head.nla_type & NLA_TYPE_MASK) == type)
			return (struct content){ in.p + HEAD, head.nla_len - HEAD };
		if (whole > in.n)
			break;
		in.p += whole;
		in.n -= whole;
	}
	return (struct content){ NULL, 0 };
}

/* The attributes of one message from the kernel; nobody else's is looked at. */
static struct content receive(int fd, struct message *m)
{
	struct sockaddr_nl from = { .nl_pid = 1 };
	struct iovec iov = { m, sizeof *m };
	struct msghdr h = { .msg_name = &from, .msg_namelen = sizeof from, .msg_iov = &iov, .msg_iovlen = 1 };
	size_t head = offsetof(struct message, attributes);
	ssize_t n = recvmsg(fd, &h, MSG_DONTWAIT);
	if (n < (ssize_t)head || from.nl_pid != 0 || m->head.nlmsg_len > (size_t)n || m->head.nlmsg_len < head ||
	    m->head.nlmsg_type < NLMSG_MIN_TYPE)
		return (struct content){ NULL, 0 };
	return (struct content){ m->attributes, m->head.nlmsg_len - head };
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
		  { HEAD + sizeof ACPI_FAMILY, CTRL_ATTR_FAMILY_NAME },
		  ACPI_FAMILY };
	struct message m;
	if (send(fd, &ask, sizeof ask, 0) < 0)
		return -errno;
	struct content groups = find(receive(fd, &m), CTRL_ATTR_MCAST_GROUPS);
	struct content id = find(find(groups, 1), CTRL_ATTR_MCAST_GRP_ID);
	if (id.n != sizeof *group)
		return -ENOENT;
	memcpy(group, id.p, sizeof *group);
	return 0;
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
	struct message m;
	struct content event = find(receive(fd, &m), ACPI_ATTRIBUTE_EVENT);
	return event.n >= ACPI_CLASS_SIZE && memcmp(event.p, ACPI_BUTTON, sizeof ACPI_BUTTON) == 0;
}
