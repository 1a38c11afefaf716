#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# What a machine does to its services that no container may: its clock is set, its memory is short.

load helpers

setup_file()
{
	qemu_setup_file
}

setup()
{
	qemu_setup
}

teardown()
{
	qemu_teardown
}

host() # SERVICES-JSON
{
	echo "{ \"version\": 1, \"host\": { \"root\": { \"type\": \"soft\", \"ephemeral\": true }, \"guard\": { \"type\": \"allow\" } }, \"services\": { $1 } }"
}

script() # NAME COMMAND [KEYS]
{
	printf '"%s": { "exec": ["/bin/sh", "-c", "%s"], "type": "oneshot", "user": "root", "privileged": true, "capabilities": ["SYS_TIME", "KILL"], "essential": true%s }' \
		"$1" "$2" "${3:-}"
}

@test "the clock is set back ten years, and ahead forty: restarts, watchdogs and stops go on as they did" {
	image "$(host "\"flap\": { \"exec\": [\"/bin/probe\", \"exit\", \"3\"], \"restart\": \"always\", \"restart_delay\": \"100ms\" },
		\"alive\": { \"exec\": [\"/bin/probe\", \"notify\", \"READY=1\"], \"ready\": \"notify\", \"watchdog\": \"2s\", \"restart\": \"always\" },
		\"stubborn\": { \"exec\": [\"/bin/probe\", \"stubborn\"], \"stop\": { \"timeout\": \"500ms\" } },
		$(script look 'export NO_COLOR=1; n() { taoctl status $1 | grep restarts | tr -dc 0-9; }; more() { a=$(n $1); until [ $(n $1) -gt $a ]; do sleep 0.1; done; }; date() { busybox date $*; }; more flap; date -s 2016-01-02; more flap; more alive; taoctl stop stubborn; taoctl list; date -s 2056-01-02; more flap; more alive; taoctl list; echo went on')")"
	start_vm
	ended "powering off"
	grep -q "UTC 2016" "$work/console"
	grep -q "UTC 2056" "$work/console"
	grep -q "went on" "$work/console"
	# How long a service is in its state is never less than nothing.
	run ! grep -qE "^look: (flap|alive|stubborn) .* -[0-9]" "$work/console"
}

@test "memory is short on the whole machine: the kernel takes who has most of it, PID 1 and its workers stay, services come back" {
	local hog='"exec": ["/bin/busybox", "tail", "/dev/zero"], "restart": "always", "restart_delay": "100ms"'
	image "$(host "\"one\": { $hog }, \"two\": { $hog }, \"small\": { \"exec\": [\"/bin/probe\", \"wait\"] },
		$(script look 'export NO_COLOR=1; n() { taoctl status $1 | grep restarts | tr -dc 0-9; }; until [ $(n one) -ge 3 ] && [ $(n two) -ge 3 ]; do sleep 0.2; done; taoctl stop one; taoctl stop two; taoctl restart small; taoctl list; echo small: $(n small) at $(cat /proc/1/oom_score_adj); echo survived')")"
	start_vm -m 128
	ended "powering off"
	grep -qE "Out of memory: Killed process" "$work/console"
	run ! grep -qE "Killed process [0-9]+ \((tao|init)" "$work/console"
	grep -q "^look: survived" "$work/console"
}
