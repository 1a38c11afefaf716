#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# Confinement on a machine: limits of a service as a whole by the controllers of its kernel, a view of an initramfs.

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

@test "memory, processes and processor time of a service are limited by its cgroup" {
	look='for f in memory.max memory.oom.group pids.max cpu.max; do echo $f=$(cat /sys/fs/cgroup/tao/look/$f); done; echo looked'
	limits='"limits": { "memory": "32M", "pids": 12, "cpu_percent": 40, "required": true }'
	image "{ \"version\": 1, \"host\": { \"root\": { \"type\": \"soft\", \"ephemeral\": true }, \"guard\": { \"type\": \"allow\" } },
		\"services\": {
		\"few\":  { \"exec\": [\"/bin/probe\", \"eat\", \"30\"], \"type\": \"oneshot\", $limits },
		\"much\": { \"exec\": [\"/bin/probe\", \"eat\", \"4\", \"16\"], \"type\": \"oneshot\", \"after\": [\"few\"], $limits },
		\"free\": { \"exec\": [\"/bin/probe\", \"eat\", \"4\", \"16\"], \"type\": \"oneshot\", \"after\": [\"few\"] },
		\"rlimits\": { \"exec\": [\"/bin/probe\", \"limits\"], \"type\": \"oneshot\", \"after\": [\"free\"], $limits },
		\"look\": { \"exec\": [\"/bin/sh\", \"-c\", \"$look\"], \"type\": \"oneshot\", \"after\": [\"rlimits\"], \"essential\": true, $limits } } }"
	start_vm
	ended "powering off"
	grep -qF "fed: 11 of 11" "$work/console"
	grep -qF "fed: 4 of 4" "$work/console"
	[ "$(grep -c "fed: 4 of 4" "$work/console")" -eq 1 ]
	grep -qE "much.*signal 9" "$work/console"
	run ! grep -qE "as 33554432|nproc 12" "$work/console"
	grep -qF "memory.max=33554432" "$work/console"
	grep -qF "memory.oom.group=1" "$work/console"
	grep -qF "pids.max=12" "$work/console"
	grep -qF "cpu.max=40000 100000" "$work/console"
	run ! grep -q "no cgroup controller" "$work/console"
}

@test "a view of its own, a filter and sockets on an initramfs" {
	image '{ "version": 1, "host": { "root": { "type": "soft", "ephemeral": true }, "guard": { "type": "allow" } },
		"services": {
		"files": { "exec": ["/bin/probe", "files", "/run", "/tmp", "/etc", "/sys", "/var/lib/app"], "type": "oneshot", "user": "root", "privileged": true, "after": ["make"],
			"tmp": "private", "filesystem": { "read_only": true, "read_write": ["/run"], "hidden": ["/var/lib/app"] } },
		"make": { "exec": ["/bin/sh", "-c", "mkdir -p /tmp /var/lib/app"], "type": "oneshot", "user": "root", "privileged": true },
		"calls": { "exec": ["/bin/probe", "calls"], "type": "oneshot", "seccomp": ["@service"], "namespaces": ["net", "ipc", "uts"], "after": ["files"] },
		"serve": { "exec": ["/bin/probe", "serve", "0"], "type": "oneshot", "after": ["calls"], "essential": true,
			"sockets": [ { "tcp": "[::]:80" }, { "tcp": "10.9.8.7:81" }, { "unix": "/run/u" }, { "fifo": "/run/f" } ] } } }'
	start_vm
	ended "powering off"
	grep -qF "/run: writable" "$work/console"
	grep -qF "/tmp: writable" "$work/console"
	grep -qF "/etc: Read-only file system" "$work/console"
	grep -qF "/sys: Read-only file system" "$work/console"
	grep -qE "/var/lib/app: (Read-only file system|Permission denied)" "$work/console"
	for call in mount unshare ptrace newns; do grep -qF "$call: EPERM" "$work/console"; done
	for call in socket open fork; do grep -qF "$call: done" "$work/console"; done
	grep -qF "listen: 4 mine serve:serve:serve:serve" "$work/console"
	grep -qF "fd 6: family 0" "$work/console"
}
