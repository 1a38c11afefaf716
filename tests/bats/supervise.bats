#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# What services say of themselves, when they count as up, and what follows from each fault.

load helpers

setup_file()
{
	helpers_setup_file
}

setup()
{
	helpers_setup
	runtime="\"runtime\": \"$work/run\""
}

teardown()
{
	helpers_teardown
}

services() # SERVICES
{
	manifest "$1" allow "$runtime"
}

# A service that says things, and waits.
notifier() # NAME WORDS [JSON]
{
	local words='' word
	for word in $2; do words="$words, \"$word\""; done
	echo "\"$1\": { \"exec\": [\"$tools/probe\", \"notify\"$words]${3:+, $3} }"
}

# bats test_tags=admin
@test "notify: up when it says so, and what comes after it waits for that" {
	services "$(notifier a "STATUS=warming_up @$work/go READY=1" '"ready": "notify"'),
		\"b\": { \"exec\": [\"$tools/probe\", \"wait\"], \"wants\": [\"a\"] }"
	start_host
	eventually '[ "$(state_of a)" = starting ]'
	[ "$(state_of b)" = waiting ]
	eventually '[ "$(ctl --json status a | jq -r ".services[0].reason")" = warming_up ]'
	touch "$work/go"
	eventually '[ "$(state_of a)" = up ]'
	eventually '[ "$(state_of b)" = up ]'
	[ "$(stat -c %a "$work"/run/notify.*/0)" = 600 ]
	ctl shutdown
	wait "$host"
	host=
	[ -z "$(ls "$work/run")" ]
}

@test "notify: what is not supported is named; garbage, what is too long and descriptors do no harm" {
	services "$(notifier a 'FDSTORE=1|FDNAME=x MAINPID=1 garbage WATCHDOG=maybe huge fds RELOADING=1 READY=1' '"ready": "notify"')"
	start_host
	says said
	eventually '[ "$(state_of a)" = up ]'
	says "a: notifies FDSTORE, which is not supported"
	says "a: notifies FDNAME, which is not supported"
	says "a: notifies MAINPID, which is not supported"
	says "a: notifies garbage, which is no KEY=value"
	says "a: notifies maybe, which is no value of WATCHDOG"
	says "which is too long"
	says "barrier passed"
}

@test "notify: a flood of garbage is not a flood of the log" {
	words=$(seq -f 'x%g=1' 1 200 | tr '\n' ' ')
	services "$(notifier a "$words READY=1" '"ready": "notify"')"
	start_host
	eventually '[ "$(state_of a)" = up ]'
	says "not said again"
	[ "$(grep -c 'notifies' "$work/log")" -le 10 ]
}

@test "notify: only the service itself may use its socket" {
	services "$(notifier a 'READY=1' '"ready": "notify"')"
	start_host
	eventually '[ "$(state_of a)" = up ]'
	path=$(echo "$work"/run/notify.*/0)
	[ -S "$path" ]
	run setpriv --reuid=65534 --regid=65534 --clear-groups env NOTIFY_SOCKET="$path" "$tools/probe" notify X=1 exit
	[[ $output == *"Permission denied"* ]]
}

@test "fd: up at the newline; closed without one, it has failed" {
	services "$(notifier a '+300 ready' '"ready": "fd"'),
		$(notifier b 'close' '"ready": "fd", "restart": "never"')"
	start_host
	eventually '[ "$(state_of a)" = up ]'
	eventually '[ "$(state_of b)" = failed ]'
	says "b: closed its TAO_READY_FD without a newline"
}

@test "a start that takes too long is a failure, and can be extended or stopped meanwhile" {
	# Long enough to ask for more in, on a machine that is slow.
	services "$(notifier late '+1' '"ready": "notify", "start_timeout": "5s", "restart": "never"'),
		$(notifier more "EXTEND_TIMEOUT_USEC=600000000 @$work/go READY=1" '"ready": "notify", "start_timeout": "5s", "restart": "never"'),
		$(notifier slow '+1' '"ready": "notify"'),
		\"job\": { \"exec\": [\"$tools/probe\", \"wait\"], \"type\": \"oneshot\", \"start_timeout\": \"300ms\" }"
	start_host
	eventually '[ "$(state_of late)" = failed ]'
	eventually '[ "$(state_of job)" = failed ]'
	says "late: was not ready within 5000 ms"
	sleep 1
	[ "$(state_of more)" = starting ]
	touch "$work/go"
	eventually '[ "$(state_of more)" = up ]'
	[ "$(state_of slow)" = starting ]
	ctl stop slow
	[ "$(state_of slow)" = down ]
}

# bats test_tags=admin
@test "shutting down is possible while something starts" {
	services "$(notifier slow '+1' '"ready": "notify", "start_timeout": 0')"
	start_host
	eventually '[ "$(state_of slow)" = starting ]'
	kill -TERM "$host"
	wait "$host"
	host=
}

@test "watchdog: who goes on saying that he lives, lives; who stops is killed, and so is who pulls the trigger" {
	services "$(notifier good "READY=1 $(yes 'WATCHDOG=1 +300' | head -n 24 | tr '\n' ' ') exit" '"watchdog": "5s", "ready": "notify", "restart": "never"'),
		$(notifier dead 'READY=1' '"watchdog": "300ms", "ready": "notify", "restart": "never"'),
		$(notifier odd 'READY=1 WATCHDOG=trigger' '"watchdog": "1h", "ready": "notify", "restart": "never"')"
	start_host
	eventually '[ "$(state_of dead)" = failed ]'
	says "dead: gave no sign of life within 300 ms"
	eventually '[ "$(state_of odd)" = failed ]'
	says "pulled the trigger"
	# It ends by itself, after more than those five seconds.
	eventually '[ "$(state_of good)" = down ]'
}

@test "who says STOPPING=1 ends by himself" {
	services "$(notifier a 'READY=1 STOPPING=1 +300 exit' '"ready": "notify"'),
		$(notifier b 'READY=1 STOPPING=1' '"ready": "notify", "restart": "never", "stop": { "timeout": "300ms" }')"
	start_host
	eventually '[ "$(state_of a)" = down ]'
	eventually '[ "$(state_of b)" = failed ]'
}

@test "on_failure starts another service, which is not started at boot" {
	services "\"a\": { \"exec\": [\"$tools/probe\", \"exit\", \"1\"], \"restart\": \"never\", \"after\": [\"go\"], \"on_failure\": { \"start\": \"h\" } },
		\"h\": { \"exec\": [\"$tools/probe\", \"wait\"] },
		\"go\": { \"exec\": [\"$tools/probe\", \"exit\", \"0\"], \"type\": \"oneshot\" }"
	start_host
	eventually '[ "$(state_of a)" = failed ]'
	eventually '[ "$(state_of h)" = up ]'
	[ "$(grep -c '^taoinit: h: started' "$work/log")" = 1 ]
	[ "$(grep -E '^taoinit: (h: started|a has failed)' "$work/log" | head -n 1)" = "taoinit: a has failed: starting h" ]
}

@test "on_failure ends the host" {
	services "\"a\": { \"exec\": [\"$tools/probe\", \"exit\", \"5\"], \"restart\": \"never\", \"on_failure\": { \"action\": \"poweroff\" } },
		\"w\": { \"exec\": [\"$tools/probe\", \"wait\"] }"
	run_host
	[ "$status" -eq 5 ]
}

# bats test_tags=admin
@test "what is only wanted is started along, and may fail" {
	services "\"a\": { \"exec\": [\"$tools/probe\", \"exit\", \"1\"], \"restart\": \"never\" },
		\"b\": { \"exec\": [\"$tools/probe\", \"wait\"], \"wants\": [\"a\", \"c\"] },
		\"c\": { \"exec\": [\"$tools/probe\", \"wait\"] }"
	start_host
	eventually '[ "$(state_of b)" = up ]'
	[ "$(state_of a)" = failed ]
	ctl stop b
	ctl stop c
	[ "$(state_of c)" = down ]
	ctl start b
	[ "$(state_of c)" = up ]
	ctl stop c
	[ "$(state_of b)" = up ]
}

@test "no processes to be had: tried until there are, with one line in the log" {
	manifest "\"a\": { \"exec\": [\"$tools/probe\", \"wait\"] }"
	install -d -o nobody "$work/nobody"
	sed -i "s,$work/keys/keys,$work/nobody/keys,; s,$socket,$work/nobody/admin," "$work/manifest.json"
	socket=$work/nobody/admin
	local as_nobody="setpriv --reuid=65534 --regid=65534 --clear-groups"
	# shellcheck disable=SC2086 # words
	start_host $as_nobody
	eventually '[ "$(state_of a)" = up ]'
	$as_nobody prlimit --pid "$host" --nproc=1:
	kill -KILL "$(pid_of a)"
	says "a: cannot start a process: Resource temporarily unavailable; trying again until it works"
	[ "$(state_of a)" = backoff ]
	sleep 2
	$as_nobody prlimit --pid "$host" --nproc=4096:
	says "a: runs after"
	eventually '[ "$(state_of a)" = up ]'
	[ "$(grep -c 'cannot start a process' "$work/log")" = 1 ]
}

# bats test_tags=admin
@test "a service that has stopped itself can be stopped" {
	services "$(notifier a stop)"
	start_host
	eventually '[ "$(state_of a)" = up ]'
	eventually '[ "$(ps -o stat= -p "$(pid_of a)" | cut -c1)" = T ]'
	ctl stop a
	[ "$(state_of a)" = down ]
	run ! grep -q "did not stop" "$work/log"
}

@test "a service that closes its channel goes on" {
	services "$(notifier a hangup)"
	start_host
	says said
	eventually '[ "$(state_of a)" = up ]'
	[ "$(ctl --json status a | jq -r '.services[0].restarts')" = 0 ]
}

@test "a service that dies on its way to its program has failed, with the step that did not work" {
	services "\"a\": { \"exec\": [\"$tools/probe\", \"wait\"], \"cwd\": \"/nowhere\", \"ready\": \"fd\" }"
	start_host
	eventually '[ "$(state_of a)" = failed ]'
	[[ $(ctl --json status a | jq -r '.services[0].reason') == *"cwd: No such file or directory" ]]
}

@test "where no socket can be made, the service has failed and the reason says where" {
	services "$(notifier a READY=1 '"ready": "notify"')"
	sed -i "s,$work/run,/proc/nowhere," "$work/manifest.json"
	start_host
	eventually '[ "$(state_of a)" = failed ]'
	[[ $(ctl --json status a | jq -r '.services[0].reason') == *"/proc/nowhere"*"host.runtime" ]]
}

# bats test_tags=admin
@test "tree and chart: what comes after what, and the parts of the boot, as text, JSON and SVG" {
	services "\"base\": { \"exec\": [\"$tools/probe\", \"exit\", \"0\"], \"type\": \"oneshot\" },
		\"log\": { \"exec\": [\"$tools/probe\", \"wait\"] },
		\"db\": { \"exec\": [\"$tools/probe\", \"wait\"], \"requires\": [\"base\"], \"wants\": [\"log\"] },
		\"bad\": { \"exec\": [\"$tools/probe\", \"exit\", \"3\"], \"type\": \"oneshot\" },
		\"main\": { \"exec\": [\"$tools/probe\", \"wait\"], \"requires\": [\"db\"], \"after\": [\"bad\", \"base\"] }"
	start_host
	eventually 'ctl --json tree | jq -e ".services[] | select(.name == \"main\") | .state == \"up\"" >/dev/null'
	run -0 ctl tree
	[ "$output" = "main (up)
├─ requires db (up)
│  ├─ requires base (done)
│  └─ wants log (up)
├─ after bad (failed)
└─ after base (done)" ]
	run -0 ctl --json chart
	[ "$(jq -c '.services[] | select(.name == "db") | [.requires, .wants, .after]' <<<"$output")" = '[["base"],["log"],[]]' ]
	[ "$(jq '[.services[] | select(.ready_ms >= .measuring_ms)] | length' <<<"$output")" = 5 ]
	[ "$(jq '.services[] | select(.name == "main") | .waiting_ms <= .measuring_ms and .measuring_ms <= .starting_ms' <<<"$output")" = true ]
	run -0 ctl chart
	python3 -c 'import sys, xml.dom.minidom as x; d = x.parseString(sys.stdin.buffer.read())
words = [t.firstChild.data for t in d.getElementsByTagName("text")]
assert all(n in words for n in ("main", "db", "bad", "base", "log", "waiting", "measuring", "starting", "ready")), words
assert len([r for r in d.getElementsByTagName("rect") if r.getAttribute("fill") == "#d9534f"]) == 2' <<<"$output"
	run -2 ctl tree main
}

# A file system of its own for the keys, which $work/keys is in the host's mount namespace, with so much room.
on_a_small_disk() # SIZE COMMAND…
{
	local size=$1
	shift
	mkdir -p "$work/keys"
	"$@" unshare --mount sh -c 'mount -t tmpfs -o size="$1" none "$2"; shift 2; exec "$@"' sh "$size" "$work/keys"
}

in_its_view() # COMMAND…
{
	nsenter --mount --target "$host" "$@"
}

@test "a disk that is full at the first boot: no key file, and the reason" {
	services "\"a\": { \"exec\": [\"$tools/probe\", \"wait\"] }"
	mkdir -p "$work/keys"
	status=0
	timeout 60 unshare --mount sh -c 'mount -t tmpfs -o size=4k,nr_inodes=3 none "$1"; head -c 4096 /dev/zero >"$1/fill"
		"$2" -f "$3"; s=$?; ls "$1" >"$4"; exit $s' sh "$work/keys" "$tools/taoinit" "$work/manifest.json" "$work/left" \
		>"$work/log" 2>&1 3>&- </dev/null || status=$?
	cat "$work/log"
	[ "$status" -eq 255 ]
	grep -qF "$work/keys/keys: no space to make it" "$work/log"
	[ "$(cat "$work/left")" = fill ]
}

@test "a disk that fills up: storing fails with the reason, what was stored stays, and it works when there is room" {
	cp "$(command -v busybox)" "$work/sh"
	chmod 755 "$work/sh"
	command="t=$tools/tao; \$t counter c 5; while :; do \$t counter c 6 && echo stored; \$t counter c; sleep 0.1; done"
	services "\"a\": { \"exec\": [\"$work/sh\", \"-c\", \"${command/5;/5; echo first; read x <$work/go;}\"] },
		\"w\": { \"exec\": [\"$tools/probe\", \"wait\"] }"
	mkfifo -m 666 "$work/go"
	on_a_small_disk 64k start_host
	says first
	in_its_view sh -c 'cat /dev/zero >"$1/fill" 2>/dev/null || true' sh "$work/keys"
	echo >"$work/go"
	says "No space left"
	says 5
	run ! grep -q stored "$work/log"
	[ "$(state_of w)" = up ]
	in_its_view rm "$work/keys/fill"
	says stored
	says 6
}

@test "no memory to be had: what runs goes on, is started again and can be looked at" {
	services "\"a\": { \"exec\": [\"$tools/probe\", \"wait\"] }, $(notifier n READY=1 '"ready": "notify"')"
	start_host
	eventually '[ "$(state_of a) $(state_of n)" = "up up" ]'
	# Not a page more than it has mapped.
	prlimit --pid "$host" --as="$(($(sed -n 's/^VmSize:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$host/status") * 1024)):"
	local i
	for i in 1 2 3; do
		for service in a n; do
			pid=$(pid_of "$service")
			kill -KILL "$pid"
			eventually "[ \"\$(pid_of $service)\" != $pid ] && [ \"\$(state_of $service)\" = up ]"
		done
	done
	run -0 ctl status
	ctl stop a
	[ "$(state_of a)" = down ]
	ctl shutdown
	wait "$host"
	host=
}
