#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# taoinit as PID 1 of a real container (runc): it sets up only what is missing, ends as a container user expects, and
# works with no cgroups, with read-only ones and with its own.

load helpers

setup_file()
{
	helpers_setup_file
	OUT=$BATS_FILE_TMPDIR/image rootfs/make-image rootfs/manifests/demo.json "$tools/probe=/bin/probe"
	export bundle=$BATS_FILE_TMPDIR/image/bundle
}

setup()
{
	helpers_setup
	id=taoinit-$BATS_TEST_NUMBER-$$
	cp -r "$bundle" "$work/bundle"
}

teardown()
{
	runc --root "$work/runc" kill "$id" KILL 2>/dev/null || true
	eventually "! runc --root '$work/runc' kill '$id' 0 2>/dev/null"
	runc --root "$work/runc" delete --force "$id" 2>/dev/null || true
	helpers_teardown
}

services() # SERVICES-JSON
{
	echo "{ \"version\": 1, \"host\": { \"root\": { \"type\": \"soft\", \"ephemeral\": true }, \"guard\": { \"type\": \"allow\" } },
		\"services\": { $1 } }" >"$work/bundle/rootfs/etc/tao/manifest.json"
}

# Changes config.json by a jq filter.
config() # FILTER
{
	jq "$1" "$work/bundle/config.json" >"$work/config.new"
	mv "$work/config.new" "$work/bundle/config.json"
}

container() # sets $status; words in $work/log
{
	status=0
	timeout 60 runc --root "$work/runc" run -b "$work/bundle" "$id" >"$work/log" 2>&1 3>&- </dev/null || status=$?
}

in_background()
{
	timeout 100 runc --root "$work/runc" run -b "$work/bundle" "$id" >"$work/log" 2>&1 3>&- </dev/null &
	host=$!
}

inside() # COMMAND…
{
	timeout 30 runc --root "$work/runc" exec "$id" "$@"
}

@test "the demo runs: the program and the script with its measured files" {
	container
	cat "$work/log"
	[ "$status" -eq 0 ]
	grep -qF "hello: I am key([" "$work/log"
	grep -qF "ext.Files([" "$work/log"
}

@test "the status is the essential service's: 37 for 37, 128 and the signal" {
	services '"a": { "exec": ["/bin/probe", "exit", "37"], "essential": true, "restart": "never" }'
	container
	[ "$status" -eq 37 ]
	services '"a": { "exec": ["/bin/probe", "signal", "15"], "essential": true, "restart": "never" }'
	container
	[ "$status" -eq 143 ]
}

@test "SIGTERM to the container stops all; without an essential service the status is 0" {
	services '"a": { "exec": ["/bin/probe", "wait"] }'
	in_background
	says waiting
	runc --root "$work/runc" kill "$id" TERM
	status=0
	wait "$host" || status=$?
	host=
	[ "$status" -eq 0 ]
}

@test "RTMIN+3 stops it as well, as LXC and podman ask" {
	services '"a": { "exec": ["/bin/probe", "wait"] }'
	in_background
	says waiting
	runc --root "$work/runc" kill "$id" 37
	wait "$host"
	host=
}

@test "what the runtime has mounted stays as it is; /run is made where it is missing" {
	services '"a": { "exec": ["/bin/probe", "wait"] }'
	config '.mounts += [{"destination": "/run", "type": "tmpfs", "source": "mine", "options": ["size=1m"]}]'
	in_background
	says waiting
	run -0 inside /bin/cat /proc/mounts
	[ "$(grep -c ' /proc proc' <<<"$output")" = 1 ]
	[ "$(grep -c ' /run tmpfs' <<<"$output")" = 1 ]
	[[ $output == *"mine /run tmpfs"* ]]
	[[ $output != *" /sys "* ]]
}

@test "a read-only root" {
	services '"a": { "exec": ["/bin/probe", "exit", "5"], "essential": true, "restart": "never" }'
	config '.root.readonly = true'
	container
	[ "$status" -eq 5 ]
}

@test "a bad manifest ends it with 78 and says why" {
	echo '{ "version": 1, "services": { "a": { "exec": "/bin/probe" } } }' >"$work/bundle/rootfs/etc/tao/manifest.json"
	container
	[ "$status" -eq 78 ]
	grep -qF "services.a.exec" "$work/log"
}

@test "taoctl inside; a restart and a stop leave no stray, without cgroups" {
	services '"a": { "exec": ["/bin/probe", "stray"], "restart_delay": "0ms", "max_restarts": 3 }, "b": { "exec": ["/bin/probe", "wait"] }'
	in_background
	eventually 'inside /bin/taoctl status a | grep -q "gave up"'
	run -0 inside /bin/ps
	[ "$(grep -c probe <<<"$output")" = 1 ]
}

@test "read-only v1 cgroups are left alone" {
	services '"a": { "exec": ["/bin/probe", "exit", "6"], "essential": true, "restart": "never" }'
	config '.mounts += [{"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["ro"]},
		{"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": ["ro"]}]'
	container
	cat "$work/log"
	[ "$status" -eq 6 ]
}

@test "a cgroup2 of its own is used, and cleaned" {
	services '"a": { "exec": ["/bin/probe", "stray"], "restart_delay": "0ms", "max_restarts": 3 }, "b": { "exec": ["/bin/probe", "wait"] }'
	config '.linux.namespaces += [{"type": "cgroup"}] | .mounts += [{"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["ro"]},
		{"destination": "/sys/fs/cgroup", "type": "cgroup2", "source": "cgroup2", "options": ["nosuid", "nodev", "noexec", "rw"]}]'
	in_background
	eventually 'inside /bin/taoctl status a | grep -q "gave up"'
	run -0 inside /bin/ls /sys/fs/cgroup/tao
	[[ $output == *b* ]]
	[[ $'\n'$output$'\n' != *$'\n'a$'\n'* ]]
}

@test "as another user than root: services run as that user" {
	services '"a": { "exec": ["/bin/probe", "rights"], "type": "oneshot", "essential": true }'
	config '.process.user = {"uid": 1000, "gid": 1000} | .process.capabilities = {"bounding": [], "effective": [], "permitted": []}'
	container
	cat "$work/log"
	[ "$status" -eq 0 ]
	grep -qE '^Uid:.1000.1000' "$work/log"
}

# Ids from 100000 on for 65536 of the container's; the root belongs to its root, as a runtime's unpacking leaves it.
user_namespace()
{
	chown -R 100000:100000 "$work/bundle/rootfs"
	config '.linux.namespaces += [{"type": "user"}] | .linux.uidMappings = [{"containerID": 0, "hostID": 100000, "size": 65536}] |
		.linux.gidMappings = .linux.uidMappings'
}

@test "in a user namespace: services get uids of their own, from those that are mapped" {
	user_namespace
	services '"a": { "exec": ["/bin/probe", "rights"], "type": "oneshot" }, "b": { "exec": ["/bin/probe", "exit", "9"], "after": ["a"], "essential": true, "restart": "never" }'
	container
	cat "$work/log"
	[ "$status" -eq 9 ]
	uid=$(sed -n 's/^Uid:.\([0-9]*\).*/\1/p' "$work/log")
	[ "$uid" -gt 0 ] && [ "$uid" -lt 65534 ]
}

@test "in a user namespace, as another user than its root, with a read-only root" {
	user_namespace
	services '"a": { "exec": ["/bin/probe", "rights"], "type": "oneshot" }, "b": { "exec": ["/bin/probe", "exit", "9"], "after": ["a"], "essential": true, "restart": "never" }'
	config '.root.readonly = true | .process.user = {"uid": 1000, "gid": 1000} | .process.capabilities = {"bounding": [], "effective": [], "permitted": []}'
	container
	cat "$work/log"
	[ "$status" -eq 9 ]
	grep -qE '^Uid:.1000.1000' "$work/log"
}

@test "in a user namespace with a cgroup2 of its own, strays go with their service" {
	user_namespace
	services '"a": { "exec": ["/bin/probe", "stray"], "restart_delay": "0ms", "max_restarts": 3 }, "b": { "exec": ["/bin/probe", "wait"] }'
	config '.linux.namespaces += [{"type": "cgroup"}] | .mounts += [{"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["ro"]},
		{"destination": "/sys/fs/cgroup", "type": "cgroup2", "source": "cgroup2", "options": ["nosuid", "nodev", "noexec", "rw"]}]'
	in_background
	eventually 'inside /bin/taoctl status a | grep -q "gave up"'
	[ "$(grep -c "stray left" "$work/log")" = 4 ]
	run -0 inside /bin/ps
	[ "$(grep -c probe <<<"$output")" = 1 ]
}

@test "a root and a /run that are read-only: services run, and it is said that nobody reaches the admin socket" {
	services '"a": { "exec": ["/bin/probe", "exit", "5"], "essential": true, "restart": "never" },
		"n": { "exec": ["/bin/probe", "wait"], "ready": "notify" }'
	config '.root.readonly = true | .mounts += [{"destination": "/run", "type": "tmpfs", "source": "none", "options": ["ro"]}]'
	jq '.services.a.after = ["n"]' "$work/bundle/rootfs/etc/tao/manifest.json" >"$work/m" && cp "$work/m" "$work/bundle/rootfs/etc/tao/manifest.json"
	container
	cat "$work/log"
	[ "$status" -eq 5 ]
	grep -q "admin channel /run/tao/admin_socket: .*; taoctl cannot reach" "$work/log"
	grep "n: " "$work/log" | grep -q "/run/tao.*host.runtime"
}
