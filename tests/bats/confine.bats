#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# Confinement: what a service sees and may do, asked of real processes.

load helpers

setup_file()
{
	helpers_setup_file
}

setup()
{
	helpers_setup
}

teardown()
{
	helpers_teardown
}

# Runs one service with these keys to its end, and expects that it succeeds.
confined() # KEYS ARGUMENT…
{
	local keys=$1 args='' arg
	shift
	for arg; do args="$args, \"$arg\""; done
	manifest "\"a\": { \"exec\": [\"$tools/probe\"$args], \"type\": \"oneshot\", \"essential\": true$keys }"
	run_host
	cat "$work/log"
	[ "$status" -eq 0 ]
}

logged() # LINE
{
	grep -qxF -- "$1" "$work/log" || { echo "no line: $1"; return 1; }
}

@test "umask, nice, scheduling and OOM score are as written, and as everybody's without" {
	confined ', "umask": "027", "nice": -5, "oom_score_adj": 300' place
	logged "umask: 027"
	logged "nice: -5"
	logged "oom: 300"
	confined ', "scheduling": { "policy": "rr", "priority": 7 }' place
	logged "scheduler: 2 7"
	# Root of a container may not protect anybody.
	if sh -c 'echo -500 >/proc/self/oom_score_adj' 2>/dev/null; then
		confined ', "oom_score_adj": -500' place
		logged "oom: -500"
	else
		manifest "\"a\": { \"exec\": [\"$tools/probe\", \"wait\"], \"oom_score_adj\": -500 }"
		start_host
		eventually '[ "$(state_of a)" = failed ]'
		run -0 ctl status a
		[[ $output == *"oom_score_adj: Permission denied"* ]]
		kill -KILL "$host"
		wait "$host" || true
	fi
	confined ', "scheduling": { "policy": "idle" }' place
	logged "scheduler: 5 0"
	confined '' place
	logged "umask: 022"
	logged "nice: $(nice)"
	logged "scheduler: 0 0"
}

@test "namespaces are its own where it says so, with a loopback interface that is up" {
	confined '' place
	cp "$work/log" "$work/shared"
	confined ', "namespaces": ["net", "ipc", "uts"]' place
	for space in net ipc uts; do
		run ! grep -qxF "$(grep "^$space:" "$work/shared")" "$work/log"
		grep -q "^$space:" "$work/log"
	done
	logged "$(grep '^mnt:' "$work/shared")"
	logged "loopback: up"
}

@test "a read-only view: what is listed can be written, nothing else, and what was read-only stays so" {
	mkdir -p "$work/data/deep" "$work/other" "$work/data/fixed"
	touch "$work/data/file" "$work/one" "$work/two"
	chmod -R 777 "$work/data" "$work/other" "$work/one" "$work/two"
	mount --bind "$work/data/fixed" "$work/data/fixed"
	mount -o remount,bind,ro "$work/data/fixed"
	confined ", \"filesystem\": { \"read_only\": true, \"read_write\": [\"$work/data\", \"$work/one\"] }" files \
		"$work/data" "$work/data/deep" "$work/data/file" "$work/data/fixed" "$work/other" "$work/one" "$work/two" /tmp /dev/null || r=$?
	umount "$work/data/fixed"
	[ -z "${r:-}" ]
	logged "$work/data: writable"
	logged "$work/data/deep: writable"
	logged "$work/data/file: writable"
	logged "$work/data/fixed: Read-only file system"
	logged "$work/other: Read-only file system"
	logged "$work/one: writable"
	logged "$work/two: Read-only file system"
	logged "/tmp: Read-only file system"
	logged "/dev/null: writable"
	confined '' files "$work/other" "$work/two"
	logged "$work/other: writable"
	logged "$work/two: writable"
}

@test "a private /tmp is empty, writable, and gone afterwards; others do not see it" {
	confined ', "tmp": "private", "filesystem": { "read_only": true }' files /tmp /var/tmp "$work" /etc
	logged "/tmp: writable"
	logged "/var/tmp: writable"
	logged "$work: No such file or directory"
	logged "/etc: Read-only file system"
	[ -z "$(find /tmp /var/tmp -maxdepth 1 -name 'new-*' -newer "$work/manifest.json")" ]
}

@test "what is hidden is empty, or as /dev/null; what is not there may be hidden" {
	mkdir -p "$work/secret/in" "$work/open"
	chmod -R 777 "$work/secret" "$work/open"
	echo "the secret" >"$work/key"
	chmod 644 "$work/key"
	cp "$(command -v busybox)" "$work/busybox"
	manifest "\"a\": { \"exec\": [\"$work/busybox\", \"sh\", \"-c\", \"cat $work/key; ls $work/secret; ls -d $work/open; echo done\"],
		\"type\": \"oneshot\", \"essential\": true, \"measure\": { \"trust_rootfs\": true },
		\"filesystem\": { \"hidden\": [\"$work/secret\", \"$work/key\", \"$work/nowhere\"] } }"
	run_host
	cat "$work/log"
	[ "$status" -eq 0 ]
	logged "done"
	logged "$work/open"
	run ! grep -q "the secret" "$work/log"
	run ! grep -qx in "$work/log"
	grep -q "cat: can't open '$work/key'\|ls: can't open '$work/secret': Permission denied" "$work/log"
}

@test "a view follows no symbolic link, and a path that is missing is named" {
	ln -s /etc "$work/link"
	manifest "\"a\": { \"exec\": [\"$tools/probe\", \"wait\"], \"filesystem\": { \"read_only\": true, \"read_write\": [\"$work/link\"] } },
		\"b\": { \"exec\": [\"$tools/probe\", \"wait\"], \"filesystem\": { \"read_only\": true, \"read_write\": [\"$work/nowhere\"] } },
		\"c\": { \"exec\": [\"$tools/probe\", \"wait\"], \"filesystem\": { \"hidden\": [\"$work/link/passwd\"] } }"
	start_host
	for s in a b c; do eventually "[ \$(state_of $s) = failed ]"; done
	run -0 ctl status a
	[[ $output == *"filesystem.read_write $work/link: Symbolic link loop"* || $output == *"filesystem.read_write"*"ymbolic link"* ]]
	run -0 ctl status b
	[[ $output == *"filesystem.read_write"*"No such file"* ]]
	run -0 ctl status c
	[[ $output == *"filesystem.hidden"*"ymbolic link"* ]]
}

@test "measured files stay over their paths in a view of its own" {
	cp "$(command -v busybox)" "$work/sh"
	printf '#!%s\necho "script runs"; echo x 2>/dev/null >%s/sh || echo "no writing"\n' "$work/sh" "$work" >"$work/script"
	chmod 755 "$work/script"
	chmod 777 "$work" "$work/sh"
	confined_script() { manifest "\"a\": { \"exec\": [\"$work/script\"], \"type\": \"oneshot\", \"essential\": true,
		\"measure\": { \"files\": [\"$work/sh\"] }, \"filesystem\": { \"read_only\": true, \"read_write\": [\"$work\"] } }"; run_host; }
	confined_script
	cat "$work/log"
	[ "$status" -eq 0 ]
	logged "script runs"
	logged "no writing"
}

@test "limits of the whole service are rlimits where no controller is, with a warning, or refused if required" {
	confined ', "limits": { "memory": "64M", "pids": 20, "cpu_percent": 50 }' limits
	if grep -q "no cgroup controller" "$work/log"; then
		grep -qF "a: no cgroup controller for limits.memory: it holds for each process or uid alone" "$work/log"
		grep -qF "a: no cgroup controller for limits.cpu_percent: it is not limited" "$work/log"
		logged "as 67108864 nproc 20"
		confined ', "limits": { "memory": "64M", "as": "80M", "pids": 20, "nproc": 30 }' limits
		logged "as 83886080 nproc 30"
		for limit in '"memory": "64M"' '"pids": 20' '"cpu_percent": 50'; do
			manifest "\"a\": { \"exec\": [\"$tools/probe\", \"limits\"], \"limits\": { $limit, \"required\": true } }"
			run_host
			[ "$status" -eq 78 ]
			grep -qF "services.a: limits.$(cut -d'"' -f2 <<<"$limit") is required" "$work/log"
			run ! grep -q "^as " "$work/log"
		done
	else
		run ! grep -qx "as 67108864 nproc 20" "$work/log"
	fi
	confined ', "limits": { "nproc": 25, "required": true }' limits
	grep -q "nproc 25$" "$work/log"
}

@test "a system call filter allows what is listed, or all but that, and kills what comes by another architecture" {
	confined ', "seccomp": ["@service"]' calls
	for call in mount unshare ptrace newns; do logged "$call: EPERM"; done
	for call in socket open getppid fork; do logged "$call: done"; done
	logged "unknown: ENOSYS"
	confined ', "seccomp": ["~@network", "~@debug"]' calls
	for call in socket ptrace; do logged "$call: EPERM"; done
	for call in open getppid fork; do logged "$call: done"; done
	logged "unshare: done"
	confined ', "seccomp": ["@basic"]' calls
	for call in socket open fork mount; do logged "$call: EPERM"; done
	logged "getppid: done"
	confined '' calls
	for call in socket open fork unshare; do logged "$call: done"; done
	confined '' foreign
	if grep -qx "foreign call done" "$work/log"; then
		manifest "\"a\": { \"exec\": [\"$tools/probe\", \"foreign\"], \"type\": \"oneshot\", \"seccomp\": [\"~@debug\"] }"
		start_host
		eventually '[ "$(state_of a)" = failed ]'
		run -0 ctl status a
		[[ $output == *"signal 31"* ]]
		run ! grep -q "foreign call" "$work/log"
	fi
}

@test "a service that is root and may trace cannot look into another one, nor into PID 1, where the kernel has Landlock" {
	landlock=$(python3 -c 'import ctypes; print(ctypes.CDLL(None).syscall(444, None, 0, 1))')
	[ "$landlock" -ge 2 ] || skip "no Landlock"
	manifest "\"victim\": { \"exec\": [\"$tools/probe\", \"wait\"], \"debuggable\": true }"
	start_host
	eventually '[ "$(state_of victim)" = up ]'
	victim=$(pid_of victim)
	# The same rights without the domain would do, except where ptrace is refused to all.
	setpriv --bounding-set=-all,+sys_ptrace "$tools/probe" spy "$victim" >"$work/free"
	cat "$work/free"
	first=$host
	for pid in "$victim" "$first"; do
		socket=$work/other
		confined ', "user": "root", "privileged": true, "capabilities": ["SYS_PTRACE", "DAC_OVERRIDE"]' spy "$pid"
		for how in mem maps ptrace pidfd_getfd; do logged "$how: denied"; done
	done
	host=$first
	grep -qx "ptrace: ALLOWED" "$work/free"
}

@test "sockets are opened at boot, passed as systemd's protocol has it, and kept over restarts" {
	mkdir "$work/run"
	port=$((20000 + RANDOM % 20000))
	manifest "\"a\": { \"exec\": [\"$tools/probe\", \"serve\", \"1\"], \"restart\": \"always\", \"restart_delay\": 0, \"namespaces\": [\"net\"], \"sockets\": [
		{ \"tcp\": \"127.0.0.1:$port\", \"name\": \"web\" }, { \"udp\": \"[::1]:$port\" },
		{ \"unix\": \"$work/run/u\", \"mode\": \"0660\", \"group\": \"daemon\" }, { \"fifo\": \"$work/run/f\" } ] }"
	start_host
	says "listen: 4 mine web:a:a:a"
	says "fd 3: family 2 type 1"
	says "fd 4: family 10 type 2"
	says "fd 5: family 1 type 1"
	says "fd 6: family 0 type 0"
	run ! grep -q nonblocking "$work/log"
	eventually '[ "$(state_of a)" = up ]'
	uid=$(awk '/^Uid:/ { print $2 }' "/proc/$(pid_of a)/status")
	[ "$(stat -c '%a %u %G' "$work/run/u")" = "660 $uid daemon" ]
	[ "$(stat -c '%a %u %F' "$work/run/f")" = "600 $uid fifo" ]
	# It ends after each request: one process serves each, and none is refused.
	for _ in 1 2 3 4 5 6; do
		timeout 20 socat -u "TCP:127.0.0.1:$port" - >>"$work/answers"
		timeout 20 socat -u "UNIX-CONNECT:$work/run/u" - >>"$work/answers"
	done
	[ "$(sort -u "$work/answers" | grep -c "served by")" = 12 ]
	echo "by datagram" | timeout 20 socat -u - "UDP6:[::1]:$port"
	says "got: by datagram"
	echo "by pipe" >"$work/run/f"
	says "got: by pipe"
	# Kept while it is stopped.
	ctl stop a
	timeout 20 socat -u "UNIX-CONNECT:$work/run/u" - >"$work/late" 3>&- &
	late=$!
	ctl start a
	wait "$late"
	grep -q "served by" "$work/late"
	ctl shutdown || true
	eventually "! kill -0 $host 2>/dev/null"
	[ ! -e "$work/run/u" ]
}

@test "with sockets the channel comes after them, and its number is told" {
	confined ", \"sockets\": [ { \"unix\": \"$work/u\" }, { \"fifo\": \"$work/f\" } ]" env
	logged "TAO_CHANNEL_FD=5"
	logged "CLOUDPROXY_TAO_HOST_SPEC=tao::RPC+tao::FDMessageChannel(5, 5)"
	logged "LISTEN_FDS=2"
	confined ", \"sockets\": [ { \"unix\": \"$work/u\" }, { \"fifo\": \"$work/f\" } ]" fds
	logged "fds: 0 1 2 3 4 5"
	confined '' env
	run ! grep -q LISTEN_ "$work/log"
	manifest "\"a\": { \"exec\": [\"$tools/tao\", \"name\"], \"type\": \"oneshot\", \"essential\": true, \"sockets\": [ { \"unix\": \"$work/u\" } ] }"
	run_host
	cat "$work/log"
	[ "$status" -eq 0 ]
	grep -q '^key(.*Program(' "$work/log"
}

@test "a socket that cannot be had fails its service with the reason, and no other one" {
	manifest "\"a\": { \"exec\": [\"$tools/probe\", \"serve\"], \"sockets\": [ { \"unix\": \"$work/nowhere/u\" } ] },
		\"b\": { \"exec\": [\"$tools/probe\", \"wait\"] }"
	start_host
	eventually '[ "$(state_of a)" = failed ]'
	run -0 ctl status a
	[[ $output == *"cannot listen on $work/nowhere/u: No such file or directory"* ]]
	eventually '[ "$(state_of b)" = up ]'
	mkdir "$work/nowhere"
	ctl start a
	eventually '[ "$(state_of a)" = up ]'
}
