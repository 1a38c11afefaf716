#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# taoinit as PID 1 of a pid namespace, and as an ordinary process: reaping, signals, stopping, exit statuses, and what
# no service can do to it or to another.

load helpers

setup_file()
{
	helpers_setup_file
}

setup()
{
	helpers_setup
	# In the long form, a thousand.
	n=50
	[ -z "${TAO_SOAK:-}" ] || n=1000
	restarts="\"restart_delay\": \"0ms\", \"restart_window\": \"1h\", \"max_restarts\": $n"
}

# The service s, which leaves a stray each time, has been restarted n times and then given up.
gave_up()
{
	while kill -0 "$host" && [ "$(ctl --json status s | jq .services[0].restarts)" -lt "$n" ]; do sleep 0.5; done
	eventually '[ "$(state_of s)" = failed ]'
	left=$(grep -c "stray left" "$work/log")
	echo "$left strays left"
	[ "$left" = $((n + 1)) ]
}

teardown()
{
	helpers_teardown
}

@test "10,000 orphans are reaped, and nobody waits for them" {
	manifest "\"o\": { \"exec\": [\"$tools/probe\", \"orphans\", \"10000\"], \"type\": \"oneshot\" },
		\"w\": { \"exec\": [\"$tools/probe\", \"wait\"] }"
	start_pid1
	says "orphans made"
	eventually '[ "$(state_of o)" = done ]'
	init=$(pgrep -P "$host")
	eventually "[ -z \"\$(pgrep -P $init -r Z)\" ]"
	[ "$(state_of w)" = up ]
}

@test "an ordinary process is the reaper of its descendants" {
	manifest "\"o\": { \"exec\": [\"$tools/probe\", \"orphans\", \"500\"], \"type\": \"oneshot\" }"
	start_host
	eventually '[ "$(state_of o)" = done ]'
	eventually "[ -z \"\$(pgrep -P $host -r Z)\" ]"
}

@test "no SIGTERM is lost, however soon it comes" {
	manifest ""
	for _ in $(seq 1 40); do
		"$tools/taoinit" -f "$work/manifest.json" >>"$work/log" 2>&1 3>&- &
		pid=$!
		# From the exec on: the moment at which the kernel shows the new program.
		while [ "$(readlink "/proc/$pid/exe")" != "$(readlink -f "$tools/taoinit")" ]; do :; done
		kill -TERM "$pid"
		host=$pid
		eventually "! kill -0 $pid 2>/dev/null"
		wait "$pid"
		host=
	done
}

@test "no SIGTERM is lost by PID 1 of a namespace" {
	manifest ""
	for _ in $(seq 1 20); do
		unshare --fork --pid --kill-child "$tools/taoinit" -f "$work/manifest.json" >>"$work/log" 2>&1 3>&- &
		host=$!
		until init=$(pgrep -P "$host") && [ "$(readlink "/proc/$init/exe")" = "$(readlink -f "$tools/taoinit")" ]; do :; done
		kill -TERM "$init"
		eventually "! kill -0 $init 2>/dev/null"
		wait "$host"
		host=
	done
}

@test "the status is the essential service's: its own, or 128 and the signal" {
	manifest "\"a\": { \"exec\": [\"$tools/probe\", \"exit\", \"37\"], \"essential\": true, \"restart\": \"never\" }"
	run_host unshare --fork --pid --mount --mount-proc
	[ "$status" -eq 37 ]
	manifest "\"a\": { \"exec\": [\"$tools/probe\", \"signal\", \"9\"], \"essential\": true, \"restart\": \"never\" }"
	run_host unshare --fork --pid --mount --mount-proc
	[ "$status" -eq 137 ]
	manifest "\"a\": { \"exec\": [\"$tools/probe\", \"exit\", \"3\"], \"essential\": true, \"restart\": \"never\" },
		\"b\": { \"exec\": [\"$tools/probe\", \"wait\"] }"
	run_host
	[ "$status" -eq 3 ]
}

@test "SIGTERM stops all, and an ordered stop ends with 0" {
	manifest "\"a\": { \"exec\": [\"$tools/probe\", \"wait\"] }, \"b\": { \"exec\": [\"$tools/probe\", \"wait\"], \"requires\": [\"a\"] }"
	start_host
	eventually '[ "$(state_of b)" = up ]'
	kill -TERM "$host"
	status=0
	wait "$host" || status=$?
	host=
	[ "$status" -eq 0 ]
	[ -z "$(pgrep -f "^$tools/probe" || true)" ]
}

@test "what ignores SIGTERM is killed when its time is over" {
	manifest "\"s\": { \"exec\": [\"$tools/probe\", \"stubborn\"], \"stop\": { \"timeout\": \"500ms\" } }"
	start_host
	says stubborn
	ctl stop s
	[ "$(state_of s)" = down ]
	[ -z "$(pgrep -f "^$tools/probe" || true)" ]
}

@test "what a service leaves behind goes with it: by cgroup" {
	[ -e /sys/fs/cgroup/unified/cgroup.procs ] || [ -e /sys/fs/cgroup/cgroup.procs ]
	manifest "\"s\": { \"exec\": [\"$tools/probe\", \"stray\"], $restarts }"
	start_host
	gave_up
	[ -z "$(pgrep -f "^$tools/probe" || true)" ]
}

@test "cgroups that a killed host of the same pid has left are removed, and kill nobody" {
	local base=/sys/fs/cgroup/unified
	[ -e "$base/cgroup.procs" ] || skip "no cgroup2 there"
	manifest "\"s\": { \"exec\": [\"$tools/probe\", \"exit\", \"0\"], \"type\": \"oneshot\" }"
	start_host sh -c "mkdir -p $base/tao-\$\$/s $base/tao-\$\$/old/below; echo 1 >$base/tao-\$\$/s/cgroup.kill; exec \"\$@\"" sh
	eventually '[ "$(state_of s)" != up ] && [ "$(state_of s)" != executing ]'
	[ "$(state_of s)" = "done" ]
	[ -z "$(find "$base/tao-$host" -mindepth 1 -type d)" ]
	kill -TERM "$host"
	wait "$host"
	[ ! -e "$base/tao-$host" ]
}

@test "what a service leaves behind goes with it: by its uid, where there are no cgroups but a pid namespace" {
	manifest "\"s\": { \"exec\": [\"$tools/probe\", \"stray\"], $restarts }"
	start_host unshare --fork --pid --mount --mount-proc --kill-child "${without_cgroups[@]}"
	gave_up
	[ ! -e "/sys/fs/cgroup/unified/tao-$host" ]
	[ -z "$(pgrep -f "^$tools/probe" || true)" ]
}

# Starts the host of a second manifest, with a service of the same name, which waits.
start_second() # [PREFIX…]
{
	mkdir -p "$work/second"
	sed "s,$work/keys/keys,$work/second/keys,; s,$socket,$work/second/admin," "$work/manifest.json" >"$work/second/manifest.json"
	"$@" "$tools/taoinit" -f "$work/second/manifest.json" >"$work/second/log" 2>&1 3>&- </dev/null &
	second=$!
	eventually "[ -n \"\$(second_pid)\" ]"
}

second_pid()
{
	"$tools/taoctl" -S "$work/second/admin" --json status s 2>/dev/null | jq -r '.services[0] | select(.state == "up") | .pid'
}

# Another host on the machine has a service of the same name, whose uid is the same, too.
spares_the_second() # PREFIX…
{
	manifest "\"s\": { \"exec\": [\"$tools/probe\", \"wait\"], \"stop\": { \"timeout\": \"100ms\" } }"
	start_second "$@"
	pid=$(second_pid)
	manifest "\"s\": { \"exec\": [\"$tools/probe\", \"stray\"], \"max_restarts\": 3, \"restart_delay\": \"0ms\", \"restart_window\": \"1h\" }"
	start_host "$@"
	eventually '[ "$(state_of s)" = failed ]'
	[ "$(grep -c "stray left" "$work/log")" = 4 ]
	[ "$(second_pid)" = "$pid" ]
	kill -KILL "$second"
	wait "$second" || true
}

@test "two hosts of one machine: what a service leaves behind goes, and the other host's of that name stay" {
	spares_the_second
}

@test "two hosts of one machine, without cgroups: the same" {
	spares_the_second "${without_cgroups[@]}"
}

@test "two hosts, each PID 1 of a pid namespace, in one cgroup: the same" {
	spares_the_second unshare --fork --pid --mount --mount-proc --kill-child
}

# As an ordinary user, who has neither cgroups nor uids to give.
start_as_nobody()
{
	install -d -o nobody "$work/nobody"
	sed -i "s,$work/keys/keys,$work/nobody/keys,; s,$socket,$work/nobody/admin," "$work/manifest.json"
	socket=$work/nobody/admin
	start_host setpriv --reuid=65534 --regid=65534 --clear-groups
}

@test "what a service leaves behind goes with it: by a subreaper, where there is nothing else" {
	manifest "\"s\": { \"exec\": [\"$tools/probe\", \"stray\"], $restarts }"
	start_as_nobody
	eventually "pgrep -P $host tao-keep"
	gave_up
	[ -z "$(pgrep -f "^$tools/probe" || true)" ]
	eventually "[ -z \"\$(pgrep -P $host tao-keep)\" ]"
}

@test "under a subreaper, a service is signalled, stopped with its strays, and its status is its own" {
	manifest "\"s\": { \"exec\": [\"$tools/probe\", \"forkbomb\"], \"limits\": { \"nproc\": 60 } },
		\"w\": { \"exec\": [\"$tools/probe\", \"wait\"] },
		\"x\": { \"exec\": [\"$tools/probe\", \"exit\", \"37\"], \"essential\": true, \"restart\": \"never\", \"after\": [\"w\"] }"
	start_as_nobody
	eventually "! kill -0 $host 2>/dev/null"
	status=0
	wait "$host" || status=$?
	host=
	[ "$status" -eq 37 ]
	[ -z "$(pgrep -f "^$tools/probe" || true)" ]
}

@test "a subreaper that is killed takes its service with it, and the service is started again" {
	manifest "\"w\": { \"exec\": [\"$tools/probe\", \"wait\"] }"
	start_as_nobody
	eventually '[ "$(state_of w)" = up ]'
	first=$(pid_of w)
	kill -KILL "$(pgrep -P "$host" tao-keep)"
	eventually '[ "$(pid_of w)" != $first ] && [ "$(state_of w)" = up ]'
	[ "$(pgrep -cf "^$tools/probe")" = 1 ]
}

@test "a fork bomb with limits does not keep PID 1 from answering, and ends" {
	manifest "\"bomb\": { \"exec\": [\"$tools/probe\", \"forkbomb\"], \"limits\": { \"nproc\": 100 } },
		\"w\": { \"exec\": [\"$tools/probe\", \"wait\"] }"
	start_pid1
	says bomb
	eventually '[ "$(pgrep -cf "^$tools/probe forkbomb")" -ge 90 ]'
	for _ in 1 2 3 4 5; do [ "$(state_of w)" = up ]; done
	ctl stop bomb
	[ "$(state_of bomb)" = down ]
	[ -z "$(pgrep -f "^$tools/probe forkbomb" || true)" ]
}

# Runs a spy against the process that a command prints, both services with the same keys of the manifest.
spy_on() # SERVICE-JSON PID-COMMAND
{
	manifest "\"victim\": { \"exec\": [\"$tools/probe\", \"wait\"]$1 }, \"spy\": { \"exec\": [\"$work/spy\"]$1, \"type\": \"oneshot\" }"
	cp "$tools/probe" "$work/spy.probe"
	cat >"$work/spy.c" <<-EOF
		#include <unistd.h>
		#include <stdio.h>
		int main(int argc, char **argv) { char pid[16] = ""; FILE *f = fopen("$work/pid", "r");
			while (f == NULL) { usleep(20000); f = fopen("$work/pid", "r"); }
			fscanf(f, "%15s", pid); execl("$work/spy.probe", "probe", "spy", pid, (char *)0); return 1; }
	EOF
	musl-gcc -static -Os -w -o "$work/spy" "$work/spy.c"
	chmod 755 "$work/spy" "$work/spy.probe"
	start_host
	eventually '[ "$(state_of victim)" = up ]'
	eval "$2" >"$work/pid.new"
	chmod 644 "$work/pid.new"
	mv "$work/pid.new" "$work/pid"
	eventually '[ "$(state_of spy)" = done ]'
	cat "$work/log"
	for door in mem maps ptrace pidfd_getfd; do grep -qx "$door: denied" "$work/log"; done
	run ! grep -q ALLOWED "$work/log"
}

@test "a service cannot read or trace its neighbour, each with a uid of its own" {
	spy_on '' 'pid_of victim'
}

@test "a service cannot read or trace its neighbour of the same uid" {
	spy_on ', "user": "nobody"' 'pid_of victim'
}

@test "a service cannot read or trace PID 1, nor can one of its own uid where all have it" {
	spy_on '' 'echo $host'
}

@test "without root, a service of the same uid cannot read or trace taoinit" {
	install -d -o nobody "$work/nobody"
	manifest "\"victim\": { \"exec\": [\"$tools/probe\", \"wait\"] }, \"spy\": { \"exec\": [\"$tools/probe\", \"spy\", \"1\"], \"type\": \"oneshot\" }"
	sed -i "s,$work/keys/keys,$work/nobody/keys,; s,$socket,$work/nobody/admin," "$work/manifest.json"
	socket=$work/nobody/admin
	# In a pid namespace of its own, taoinit is process 1. (taoctl from outside would be a user that its namespace
	# does not map, and so nobody.)
	start_host setpriv --reuid=65534 --regid=65534 --clear-groups unshare --user --map-root-user --fork --pid --mount-proc --kill-child
	says "pidfd_getfd: "
	cat "$work/log"
	for door in mem ptrace pidfd_getfd; do grep -qx "$door: denied" "$work/log"; done
	run ! grep -q ALLOWED "$work/log"
}

@test "children do not hold the host's keys: PID 1 does" {
	manifest "\"a\": { \"exec\": [\"$tools/probe\", \"wait\"], \"debuggable\": true }"
	start_host
	eventually '[ "$(state_of a)" = up ]'
	[ "$(python3 tests/helpers/scan_memory.py "$host" "$work/keys/keys")" = found ]
	worker=$(pgrep -P "$host" tao-measure)
	[ "$(python3 tests/helpers/scan_memory.py "$worker" "$work/keys/keys")" = clean ]
	[ "$(python3 tests/helpers/scan_memory.py "$(pid_of a)" "$work/keys/keys")" = clean ]
	# A worker that was forked when the keys were there.
	kill -KILL "$worker"
	eventually "pgrep -P $host tao-measure | grep -vx $worker"
	[ "$(python3 tests/helpers/scan_memory.py "$(pgrep -P "$host" tao-measure)" "$work/keys/keys")" = clean ]
}

@test "the host's name is the same after a restart, and another with other keys" {
	manifest "\"a\": { \"exec\": [\"$tools/tao\", \"name\"], \"type\": \"oneshot\", \"essential\": true }"
	run_host
	one=$(grep '^key(' "$work/log")
	run_host
	[ "$(grep '^key(' "$work/log")" = "$one" ]
	[ "$(stat -c %a "$work/keys/keys")" = 600 ]
	rm -r "$work/keys"
	run_host
	[ "$(grep '^key(' "$work/log")" != "$one" ]
}

@test "a key file that others may read, or that is torn, is refused and kept" {
	manifest "\"a\": { \"exec\": [\"$tools/tao\", \"name\"], \"type\": \"oneshot\", \"essential\": true }"
	run_host
	[ "$status" -eq 0 ]
	chmod 644 "$work/keys/keys"
	run_host
	[ "$status" -eq 255 ]
	grep -qF "$work/keys/keys" "$work/log"
	chmod 600 "$work/keys/keys"
	before=$(sha256sum "$work/keys/keys")
	truncate -s -1 "$work/keys/keys"
	torn=$(sha256sum "$work/keys/keys")
	[ "$torn" != "$before" ]
	run_host
	[ "$status" -eq 255 ]
	[ "$(sha256sum "$work/keys/keys")" = "$torn" ]
}

@test "the measure worker's death is survived" {
	manifest "\"a\": { \"exec\": [\"$tools/probe\", \"wait\"] }"
	start_host
	eventually '[ "$(state_of a)" = up ]'
	for _ in 1 2 3; do
		kill -KILL "$(pgrep -P "$host" tao-measure)"
		ctl restart a
		[ "$(state_of a)" = up ]
	done
}

@test "taoctl: another user cannot reach the socket; an unknown service is named" {
	manifest "\"a\": { \"exec\": [\"$tools/probe\", \"wait\"] }"
	start_host
	eventually '[ "$(state_of a)" = up ]'
	run -1 ctl stop nothere
	[[ $output == *"no such service: nothere"* ]]
	[ "$(stat -c %a "$socket")" = 600 ]
	run -3 setpriv --reuid=65534 --regid=65534 --clear-groups "$tools/taoctl" -S "$socket" list
	[[ $output == *"Permission denied"* ]]
	chmod 666 "$socket"
	run -1 setpriv --reuid=65534 --regid=65534 --clear-groups "$tools/taoctl" -S "$socket" list
	[[ $output == *"not authorized"* ]]
}

# bats test_tags=admin
@test "taoctl: list, status, stop, start, restart, shutdown" {
	manifest "\"a\": { \"exec\": [\"$tools/probe\", \"wait\"] }, \"b\": { \"exec\": [\"$tools/probe\", \"wait\"], \"requires\": [\"a\"] }"
	start_host
	eventually '[ "$(state_of b)" = up ]'
	run -0 ctl list
	[[ ${lines[0]} == SERVICE* ]]
	[[ ${lines[1]} == "a "*up* ]]
	run -0 ctl status
	[[ $output == *"principal  key(["* ]]
	ctl stop a
	[ "$(state_of a)" = down ]
	[ "$(state_of b)" = down ]
	ctl start b
	[ "$(state_of a)" = up ]
	[ "$(state_of b)" = up ]
	first=$(pid_of a)
	b=$(pid_of b)
	ctl restart a
	[ "$(pid_of a)" != "$first" ]
	[ "$(pid_of b)" = "$b" ]
	ctl shutdown
	wait "$host"
	host=
}

@test "ten thousand restarts take no memory and no descriptors" {
	many=10000
	[ -z "${TAO_SOAK:-}" ] || many=1000000
	manifest "\"s\": { \"exec\": [\"$tools/probe\", \"exit\", \"0\"], \"restart\": \"always\", \"restart_delay\": \"0ms\" },
		\"w\": { \"exec\": [\"$tools/probe\", \"wait\"] }"
	start_host
	reached() { [ "$(ctl --json status s | jq .services[0].restarts)" -ge "$1" ]; }
	eventually 'reached 1000'
	ctl stop s
	before=$(held)
	ctl start s --no-wait
	while kill -0 "$host" && ! reached "$many"; do sleep 0.5; : >"$work/log"; done
	ctl stop s
	after=$(held)
	echo "KiB and descriptors before: $before, after: $after"
	[ "${after#* }" -le "${before#* }" ]
	# A page or two is a table that grows with the first use of something, not with each.
	[ "${after% *}" -le $((${before% *} + 32)) ]
	[ "$(state_of w)" = up ]
}
