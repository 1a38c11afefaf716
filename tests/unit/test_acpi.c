/* SPDX-License-Identifier: MIT */
/* link: init/acpi.c crypto/base.c */
/* The power button: messages laid out as the kernel does. */
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <stdlib.h>

#include "../../init/acpi.h"
#include "test.h"

#define ATTRIBUTES (sizeof(struct nlmsghdr) + sizeof(struct genlmsghdr))

static uint8_t message[256];
static size_t n;

static void begin(void)
{
	n = ATTRIBUTES;
}

/* Of an attribute that holds what is put behind it, up to end(). */
static size_t open_attribute(uint16_t type)
{
	struct nlattr head = { sizeof head, type };
	memcpy(message + n, &head, sizeof head);
	n += sizeof head;
	return n - sizeof head;
}

static void end_attribute(size_t at)
{
	uint16_t length = (uint16_t)(n - at);
	memcpy(message + at, &length, sizeof length);
	n = (n + 3) & ~(size_t)3;
}

static void attribute(uint16_t type, const void *p, size_t size)
{
	size_t at = open_attribute(type);
	memcpy(message + n, p, size);
	n += size;
	end_attribute(at);
}

static void end(uint16_t type)
{
	struct nlmsghdr head = { .nlmsg_len = (uint32_t)n, .nlmsg_type = type };
	memcpy(message, &head, sizeof head);
}

static void event(const char *class)
{
	char body[44] = "";
	strcpy(body, class);
	begin();
	attribute(1, body, sizeof body);
	end(27);
}

static void family(uint16_t id_type)
{
	const uint32_t id = 9;
	begin();
	attribute(CTRL_ATTR_FAMILY_NAME, "acpi_event", 11);
	size_t groups = open_attribute(CTRL_ATTR_MCAST_GROUPS | NLA_F_NESTED);
	size_t first = open_attribute(1 | NLA_F_NESTED);
	attribute(id_type, &id, sizeof id);
	attribute(CTRL_ATTR_MCAST_GRP_NAME, "acpi_mc_group", 14);
	end_attribute(first);
	end_attribute(groups);
	end(GENL_ID_CTRL);
}

/* In a piece of memory of its own, where reading on is seen. */
static bool asked(size_t size, uint32_t *group)
{
	uint8_t *copy = malloc(size + 1);
	memcpy(copy + 1, message, size);
	bool answer =
		group != NULL ? acpi_group(span_of(copy + 1, size), group) : acpi_pressed(span_of(copy + 1, size));
	free(copy);
	return answer;
}

TEST(the_power_button_and_no_other)
{
	event("button/power");
	CHECK(asked(n, NULL));
	event("button/powerful");
	CHECK(!asked(n, NULL));
	event("button/lid");
	CHECK(!asked(n, NULL));
	/* No event, but the kernel's answer that something went wrong. */
	event("button/power");
	end(NLMSG_ERROR);
	CHECK(!asked(n, NULL));
}

TEST(the_group_of_the_family)
{
	uint32_t group = 0;
	family(CTRL_ATTR_MCAST_GRP_ID);
	CHECK(asked(n, &group));
	CHECK_INT(group, 9);
	family(CTRL_ATTR_MCAST_GRP_ID + 5);
	CHECK(!asked(n, &group));
}

TEST(what_is_cut_off_is_nothing)
{
	uint32_t group;
	family(CTRL_ATTR_MCAST_GRP_ID);
	for (size_t size = 0; size < n; size++)
		CHECK(!asked(size, &group));
	event("button/power");
	for (size_t size = 0; size < n; size++)
		CHECK(!asked(size, NULL));
	/* The message says so itself, and its attribute does not. */
	for (uint32_t size = 0; size < n; size++) {
		memcpy(message, &size, sizeof size);
		CHECK(!asked(n, NULL));
	}
}

TEST(an_attribute_of_no_length_ends_it)
{
	event("button/power");
	for (size_t length = 0; length < sizeof(struct nlattr); length++) {
		message[ATTRIBUTES] = (uint8_t)length;
		CHECK(!asked(n, NULL));
	}
}

int main(void)
{
	RUN(the_power_button_and_no_other);
	RUN(the_group_of_the_family);
	RUN(what_is_cut_off_is_nothing);
	RUN(an_attribute_of_no_length_ends_it);
	return test_end();
}
