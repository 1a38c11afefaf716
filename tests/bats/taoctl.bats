#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# taoctl: what services use, waiting for them, what happens, and what another manifest would change.

load helpers

setup_file()
{
	helpers_setup_file
}

setup()
{
	helpers_setup
	waits="\"exec\": [\"$tools/probe\", \"wait\"]"
}

teardown()
{
	helpers_teardown
}

# Fields of a service's status.
of() # SERVICE FILTER
{
	ctl --json status "$1" | jq -r ".services[0] | $2"
}

@test "status: CPU time, memory and processes, as the cgroup counts them" {
	manifest "\"s\": { \"exec\": [\"$tools/probe\", \"flood\", \"100000\"], \"limits\": { \"pids\": 50, \"memory\": \"50M\" }, \"log\": \"none\" },
		\"gone\": { \"exec\": [\"$tools/probe\", \"exit\", \"0\"], \"type\": \"oneshot\" }"
	start_host
	eventually '[ "$(of s ".cpu_usec > 0")" = true ]'
	# What has no cgroup any more uses nothing.
	eventually '[ "$(state_of gone)" = done ]'
	[ "$(of gone '[.cpu_usec, .memory_bytes, .processes, .main_cpu_usec] | map(select(. != null)) | length')" = 0 ]
	eventually '[ "$(state_of s)" = up ]'
	run -0 ctl status s
	[[ $output == *"  cpu        "*" ms"* ]]
	[[ $output == *"  memory     "*" KiB"* ]]
	if grep -qw pids /sys/fs/cgroup/cgroup.controllers 2>/dev/null; then [ "$(of s .processes)" = 1 ]; fi
	# All of them is the same.
	[ "$(ctl --json status | jq '.services[] | select(.name == "s") | .cpu_usec > 0')" = true ]
	[ "$(ctl --json list | jq '.services[] | select(.name == "s") | .cpu_usec')" = null ]
}

@test "status: of the main process, where there is no cgroup" {
	manifest "\"s\": { $waits }"
	start_host "${without_cgroups[@]}"
	eventually '[ "$(state_of s)" = up ]'
	[ "$(of s '.main_cpu_usec >= 0 and .main_memory_bytes > 4096')" = true ]
	[ "$(of s '[.cpu_usec, .memory_bytes, .processes] | map(select(. != null)) | length')" = 0 ]
	[[ $(ctl status s) == *" KiB (main process)"* ]]
	rss=$(sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$(pid_of s)/status")
	[ "$(of s .main_memory_bytes)" = $((rss * 1024)) ]
}

@test "status: of more services than one answer has, each once and in order" {
	local i services=
	for i in $(seq 10 49); do services+="${services:+, }\"s$i\": { $waits }"; done
	manifest "$services"
	start_host
	for i in $(seq 10 49); do ctl wait "s$i"; done
	run -0 ctl --json status
	[ "$(jq -c '[.services[].name] == [range(10; 50) | "s\(.)"]' <<<"$output")" = true ]
	[ "$(jq '[.services[] | select(.cpu_usec // .main_cpu_usec != null)] | length' <<<"$output")" = 40 ]
	[ "$(jq -r .host.principal <<<"$output")" != null ]
	[ "$(ctl status | grep -c '^host$')" = 1 ]
}

@test "wait: until it is up, done, down or failed; in time, or never" {
	manifest "\"s\": { $waits, \"ready\": \"notify\" },
		\"once\": { \"exec\": [\"$tools/probe\", \"exit\", \"0\"], \"type\": \"oneshot\" },
		\"bad\": { \"exec\": [\"$tools/probe\", \"exit\", \"3\"], \"type\": \"oneshot\" }"
	start_host
	ctl wait --state "done" once
	ctl wait once
	ctl wait --state down once
	ctl wait --state failed bad
	run --separate-stderr -5 ctl wait bad
	[[ $stderr == "taoctl: bad is not up and will not be by itself" ]]
	# It never says that it is ready.
	run --separate-stderr -6 ctl wait --timeout 200ms s
	[[ $stderr == "taoctl: s is not up yet" ]]
	run --separate-stderr -6 ctl --json wait --timeout 200ms s
	[ "$(jq -r '.services[0].state' <<<"$output")" = starting ]
	ctl wait --state starting s
	# Orders wait no longer either.
	run --separate-stderr -1 ctl start --timeout 100ms s
	[[ $stderr == "taoctl: s is starting:"* ]]
	# Several, in one time; the worst counts.
	run -6 ctl wait --timeout 300ms s bad once
	# A stop ends it, either way.
	ctl wait --state down s &
	below=$!
	ctl wait s 2>"$work/never" &
	above=$!
	sleep 0.3
	ctl stop s
	wait "$below"
	status=0
	wait "$above" || status=$?
	[ "$status" = 5 ]
	grep -q "s is not up and will not be by itself" "$work/never"
	run --separate-stderr -1 ctl wait --state odd s
	[[ $stderr == *"odd is no state: up, down, done, failed ..." ]]
	run -1 ctl wait nobody
	run -2 ctl wait
	run -2 ctl wait --timeout soon s
}

@test "wait: from before the boot, through restarts, and to the end of the host" {
	manifest "\"s\": { \"exec\": [\"$tools/probe\", \"wait\"], \"restart_delay\": \"0ms\" }" datalog
	pin=$("$tools/taopolicy" keygen "$work/key")
	sed -i "s,\"type\": \"datalog\",\"type\": \"datalog\"\, \"file\": \"$work/policy\"\, \"key\": \"$pin\"," "$work/manifest.json"
	start_host
	says "no services are run until there is a policy"
	# At rest, but not for good.
	run -6 ctl wait --timeout 200ms s
	ctl wait s &
	waiting=$!
	host_name=$(ctl --json status | jq -r .host.principal)
	hash=$(sha256sum "$tools/probe" | cut -d' ' -f1)
	printf '%s\n' 'tao-policy: 1' 'domain: test' 'version: 1' 'valid-from: 2020-01-01T00:00:00Z' \
		'valid-until: 2045-01-01T00:00:00Z' 'guard: datalog' '' \
		"Authorized($host_name.DatalogGuard(key([$pin])).Program([$hash]), \"Execute\")" >"$work/policy.text"
	"$tools/taopolicy" sign --key "$work/key" --output "$work/policy" "$work/policy.text"
	ctl reload
	wait "$waiting"
	# Killed and started again: up once more.
	pid=$(pid_of s)
	kill -KILL "$pid"
	eventually '[ "$(pid_of s)" != "$pid" ]'
	ctl wait s
	ctl wait --state down s &
	waiting=$!
	sleep 0.2
	ctl shutdown
	wait "$waiting"
	wait "$host"
	host=
}

@test "events: states and decisions, as lines and as JSON; nothing from before" {
	manifest "\"a\": { $waits }, \"bad\": { \"exec\": [\"$tools/probe\", \"exit\", \"3\"], \"type\": \"oneshot\" }"
	start_host
	ctl wait a
	ctl --json events >"$work/events" 3>&- &
	following=$!
	ctl events >"$work/lines" 3>&- &
	# Until they follow.
	eventually "ctl restart a; grep -q '\"state\":\"up\"' '$work/events' && grep -q ' up ' '$work/lines'"
	run -1 ctl start bad
	eventually "grep -q '\"state\":\"failed\"' '$work/events' && grep -q ' failed ' '$work/lines'"
	jq -se 'any(.[]; .service == "bad" and .state == "failed" and .reason == "ended with status 3")' "$work/events"
	jq -se 'any(.[]; .service == "a" and .state == "stopping")' "$work/events"
	jq -se 'any(.[]; .verb == "Stop" and .verdict == "allow" and .uid == 0)' "$work/events"
	# Following is no event.
	jq -se 'all(.[]; .verb != "Events")' "$work/events"
	grep -q '^20.*Z  failed     bad   *ended with status 3$' "$work/lines"
	# In the order of time, as far as one tells.
	[ "$(jq -r 'select(.service == "a") | .state' "$work/events" | paste -sd' ' | grep -c 'stopping .*executing up')" = 1 ]
	# PID 1 is asked, not awake: nothing comes of nothing.
	eventually 'before=$(wc -c <"$work/events"); sleep 0.5; [ "$(wc -c <"$work/events")" = "$before" ]'
	ctl shutdown
	status=0
	wait "$following" || status=$?
	[ "$status" -gt 2 ]
	wait "$host"
	host=
	[ "$(jq -r 'select(.service == "a") | .state' "$work/events" | tail -1)" = down ]
	run -2 ctl events a
}

@test "events: a time to end; who is slow is told how much is lost, and holds up nobody" {
	manifest "\"a\": { $waits }"
	start_host
	ctl wait a
	run -0 ctl events --timeout 100ms
	[ -z "$output" ]
	# It goes no further than its pipe has room.
	mkfifo "$work/pipe"
	exec 4<>"$work/pipe"
	python3 -c 'import fcntl; fcntl.fcntl(4, 1031, 4096)'
	ctl --json events >"$work/pipe" 3>&- 4>&- &
	following=$!
	for _ in $(seq 1 300); do ctl restart a >/dev/null; done
	timeout 20 cat <&4 >"$work/events" 2>/dev/null &
	reading=$!
	eventually "grep -q '\"lost\":[1-9]' '$work/events'"
	kill "$following" "$reading"
	exec 4>&-
	# What there is is whole.
	head -n -1 "$work/events" | jq -se 'length > 100' >/dev/null
}

@test "reload manifest --dry-run: what another manifest would change, and what is wrong with it" {
	manifest "\"a\": { $waits }, \"b\": { $waits }, \"c\": { $waits, \"env\": { \"X\": \"1\" } }"
	sed -i 's/"version": 1,/"version": 1, "include": "more",/' "$work/manifest.json"
	mkdir "$work/more"
	echo "{ \"version\": 1, \"services\": { \"in\": { $waits } } }" >"$work/more/one.json"
	echo "{ \"version\": 1, \"services\": { \"out\": { $waits } } }" >"$work/more/two.json"
	start_host
	ctl wait in out
	run -0 ctl reload manifest --dry-run
	[ "$output" = "nothing differs" ]
	[ "$(ctl --json reload manifest --dry-run)" = "$(printf '{\n\t"changes":\t[]\n}')" ]
	cp "$work/manifest.json" "$work/was.json"
	sed -i 's/"b":/"d":/; s/"X": "1"/"X": "2"/; s/"type": "allow"/"type": "deny"/' "$work/manifest.json"
	rm "$work/more/two.json"
	echo "{ \"version\": 1, \"services\": { \"else\": { $waits } } }" >"$work/more/three.json"
	run -0 ctl reload manifest --dry-run
	[ "$(LC_ALL=C sort <<<"$output")" = "host.guard.type
services.b (taken out)
services.c.env.X
services.d (new)
services.else (new)
services.out (taken out)" ]
	[ "$(ctl --json reload manifest --dry-run | jq -r '.changes[]')" = "$output" ]
	# Another file, and nothing has come of it.
	run -0 ctl reload manifest "$work/was.json" --dry-run
	[[ $output == *"services.out (taken out)"* && $output != *services.d* ]]
	[ "$(state_of b)" = up ]
	# As the host would say.
	sed -i 's/"X": "2"/"X": 2/' "$work/manifest.json"
	run --separate-stderr -1 ctl reload manifest --dry-run
	[[ $stderr == *"services.c.env.X"* ]]
	run --separate-stderr -1 ctl reload manifest "$work/nowhere" --dry-run
	[[ $stderr == *"nowhere: No such file"* ]]
	run --separate-stderr -2 ctl reload manifest "$work/was.json"
	[[ $stderr == *"manifest [FILE] --dry-run, or service SERVICE..." ]]
	run -2 ctl reload --dry-run
	run -2 ctl reload strange
	# What stands in it is for those who may do all.
	chmod 666 "$socket"
	run --separate-stderr -1 setpriv --reuid=65534 --regid=65534 --clear-groups "$tools/taoctl" -S "$socket" reload manifest --dry-run
	[[ $stderr == *"not authorized: Manifest"* ]]
	run --separate-stderr -1 setpriv --reuid=65534 --regid=65534 --clear-groups "$tools/taoctl" -S "$socket" events
	[[ $stderr == *"not authorized: Events"* ]]
}
