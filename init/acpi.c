/* SPDX-License-Identifier: MIT */
#include <linux/genetlink.h>
#include <linux/netlink.h>

#include "acpi.h"

/* What drivers/acpi/event.c says, which no header of the kernel's does. */
#define ATTRIBUTE_EVENT 1
#define BUTTON "button/power"
#define CLASS_SIZE 20

/* What the first attribute of the type holds; of none p is NULL. */
static struct span find(struct span in, unsigned type)
{
	struct nlattr head;
	while (in.n >= sizeof head) {
		memcpy(&head, in.p, sizeof head);
		size_t whole = ((size_t)head.nla_len + 3) & ~(size_t)3;
		if (head.nla_len < sizeof head || head.nla_len > in.n)
			break;
		if ((head.nla_type & NLA_TYPE_MASK) == type)
			return span_of(in.p + sizeof head, head.nla_len - sizeof head);
		if (whole > in.n)
			break;
		in.p += whole;
		in.n -= whole;
	}
	return span_of(NULL, 0);
}

static struct span attributes(struct span message)
{
	struct nlmsghdr head;
	const size_t before = sizeof head + sizeof(struct genlmsghdr);
	if (message.n < before)
		return span_of(NULL, 0);
	memcpy(&head, message.p, sizeof head);
	if (head.nlmsg_len > message.n || head.nlmsg_len < before || head.nlmsg_type < NLMSG_MIN_TYPE)
		return span_of(NULL, 0);
	return span_of(message.p + before, head.nlmsg_len - before);
}

bool acpi_group(struct span message, uint32_t *group)
{
	struct span groups = find(attributes(message), CTRL_ATTR_MCAST_GROUPS);
	struct span id = find(find(groups, 1), CTRL_ATTR_MCAST_GRP_ID);
	if (id.n != sizeof *group)
		return false;
	memcpy(group, id.p, sizeof *group);
	return true;
}

bool acpi_pressed(struct span message)
{
	struct span event = find(attributes(message), ATTRIBUTE_EVENT);
	return event.n >= CLASS_SIZE && memcmp(event.p, BUTTON, sizeof BUTTON) == 0;
}
