#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# Services' output: where it goes, with which tags, and that nothing of it is lost.

load helpers

setup_file()
{
	helpers_setup_file
	musl-gcc -static -Os -w -o "$tools/talker" tests/helpers/talker.c
	chmod 755 "$tools"/*
}

setup()
{
	helpers_setup
	# Its own, as their end is by the path of what runs.
	cp -a "$tools" "$work/tools"
	tools=$work/tools
	mkdir -m 1777 "$work/open"
}

teardown()
{
	helpers_teardown
	[ ! -d "$work/small" ] || umount -l "$work/small" 2>/dev/null || true
}

talker() # NAME [JSON [WORD…]]: a service that says numbered lines, or what the words say
{
	local name=$1 json=${2:+, $2} words='' word
	shift $(($# < 2 ? $# : 2))
	for word in "$@"; do words+=", \"$word\""; done
	echo "\"$name\": { \"exec\": [\"$tools/talker\"$words]$json }"
}

# The process of the worker.
logger()
{
	local pid
	for pid in $(cat "/proc/$host/task/$host/children"); do
		if [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = tao-log ]; then echo "$pid"; fi
	done
}

@test "lines are tagged with service and stream, and cannot forge others or drive the terminal" {
	manifest "$(talker a '"type": "oneshot"' out:one err:two 'out:a\u001b[31mb\u007f' raw:no-end)" allow '"log": "console"'
	"$tools/taoinit" -f "$work/manifest.json" >"$work/out" 2>"$work/log" 3>&- </dev/null &
	host=$!
	eventually '[ "$(state_of a)" = done ]'
	eventually "grep -qx 'a: no-end' '$work/out'"
	grep -qx 'a: one' "$work/out"
	grep -qx 'a\[err\]: two' "$work/log"
	grep -qx 'a: a?\[31mb?' "$work/out"
	run ! grep -q two "$work/out"
}

@test "without log, and with inherit, output goes straight on; none is none; there is no worker then" {
	manifest "$(talker a '"type": "oneshot"' out:straight), $(talker b '"type": "oneshot", "log": "none"' out:unheard)"
	start_host
	eventually '[ "$(state_of a)" = done ] && [ "$(state_of b)" = done ]'
	grep -qx straight "$work/log"
	run ! grep unheard "$work/log"
	[ -z "$(logger)" ]
	run --separate-stderr -1 ctl logs a
	[[ $stderr == *'its "log" is "inherit"'* ]]
}

@test "no line is lost when the worker is killed, again and again, while services write" {
	manifest "$(talker a '' count:20000 wait), $(talker b "\"log\": \"$work/b.log\"" count:20000 wait)" allow \
		"\"log\": \"$work/a.log\", \"log_rate\": 0, \"log_size\": \"1G\""
	start_host
	eventually '[ -s "$work/a.log" ] && [ -s "$work/b.log" ]'
	local kills=0 pid last=
	while ! grep -q ': n 20000$' "$work/a.log" || ! grep -q ': n 20000$' "$work/b.log"; do
		pid=$(logger)
		# Its deaths are counted, and the waits between its starts become longer.
		if [ -n "$pid" ] && [ "$pid" != "$last" ] && [ "$kills" -lt 6 ]; then
			kill -KILL "$pid" && kills=$((kills + 1)) last=$pid
		fi
		sleep 0.01
	done
	[ "$kills" -gt 1 ]
	seq 20000 | sed 's/^/n /' >"$work/want"
	for s in a b; do
		# Each once and in order, but for one that was being written when the worker was killed.
		sed 's/^[^ ]* .: //' "$work/$s.log" | uniq >"$work/got"
		cmp "$work/got" "$work/want"
	done
	run ctl list
	[[ $output == *"a "*" up "* ]]
}

@test "no line is lost when a service is restarted or killed" {
	manifest "$(talker a '"restart": "always", "restart_delay": "0s"' count:300 die)" allow "\"log\": \"$work/a.log\", \"log_rate\": 0"
	start_host
	eventually '[ "$(grep -c ": n 300$" "$work/a.log" 2>/dev/null)" -ge 5 ]'
	ctl stop a
	eventually '[ "$(ctl logs -n 1 a | wc -l)" -eq 1 ]'
	# As often as one number stands there, all before it do.
	[ "$(grep -c ': n 1$' "$work/a.log")" -ge 5 ]
	sed 's/^[^ ]* .: //' "$work/a.log" | awk '$2 != last % 300 + 1 && $2 != 1 { print "after " last ": " $0; bad = 1 } { last = $2 } END { exit bad }'
	[ "$(grep -c ': n 300$' "$work/a.log")" -ge "$(($(grep -c ': n 1$' "$work/a.log") - 1))" ]
}

@test "the last words of services are written when the host ends" {
	manifest "$(talker a '"essential": true' count:3000 raw:last-word)" allow "\"log\": \"$work/a.log\", \"log_rate\": 0"
	run_host
	[ "$(tail -n 1 "$work/a.log" | cut -d' ' -f2-)" = "a: last-word" ]
	[ "$(wc -l <"$work/a.log")" -eq 3001 ]
}

@test "who floods is limited, with a count, and holds up nobody" {
	manifest "$(talker flood '' flood), $(talker a '"after": ["flood"]' out:heard wait)" allow \
		"\"log\": \"$work/all.log\", \"log_rate\": 50"
	start_host
	eventually 'grep -q " a: heard" "$work/all.log"'
	eventually '[ "$(grep -c "flood\[err\]: ([0-9]* lines left out" "$work/all.log")" -ge 2 ]'
	[ "$(state_of flood)" = up ]
	ctl stop flood
	# What was left out and what was written is what was said, up to the last count.
	[ "$(wc -l <"$work/all.log")" -lt 2000 ]
	sum=$(sed -n 's/.*flood\[err\]: (\([0-9]*\) lines left out.*/\1/p' "$work/all.log" | awk '{ n += $1 } END { print n + 0 }')
	[ "$sum" -gt 1000 ]
}

@test "a file is turned over when it is full, and nothing is lost between" {
	manifest "$(talker a '' count:500 wait)" allow "\"log\": \"$work/a.log\", \"log_rate\": 0, \"log_size\": \"4K\""
	start_host
	eventually 'grep -q ": n 500$" "$work/a.log"'
	[ -e "$work/a.log.4" ] && [ ! -e "$work/a.log.5" ]
	[ "$(stat -c %a "$work/a.log")" = 640 ]
	for i in 1 2 3 4; do [ "$(stat -c %s "$work/a.log.$i")" -lt 4200 ]; done
	cat "$work"/a.log.{4,3,2,1} "$work/a.log" | sed 's/^.*: n //' >"$work/got"
	seq "$(head -n 1 "$work/got")" 500 | cmp - "$work/got"
}

@test "a full disk: services go on, taoctl has the lines, the file has a count when there is room again" {
	mkdir "$work/small"
	mount -t tmpfs -o size=64k small "$work/small" || skip "cannot mount"
	manifest "$(talker a '' count:3000 touch:"$work/open/done" wait-for:"$work/go" out:after wait)" allow \
		"\"log\": \"$work/small/a.log\", \"log_rate\": 0"
	start_host
	eventually '[ -e "$work/open/done" ]'
	says "output of services: $work/small/a.log: No space left on device; lines are lost there"
	eventually '[ "$(ctl logs -n 1 a | cut -d" " -f2-)" = "a: n 3000" ]'
	: >"$work/small/a.log"
	touch "$work/go"
	eventually 'grep -q " a: after$" "$work/small/a.log"'
	grep -qE '^taoinit: [0-9]+ lines lost here$' "$work/small/a.log"
	[ "$(grep -c 'lines are lost there' "$work/log")" -eq 1 ]
}

@test "a console that nobody reads holds up nobody" {
	manifest "$(talker a '' count:20000 touch:"$work/open/done" wait)" allow '"log": "console", "log_rate": 0'
	mkfifo "$work/pipe"
	sleep 1000 3>&- <>"$work/pipe" &
	reader=$!
	"$tools/taoinit" -f "$work/manifest.json" >"$work/pipe" 2>"$work/log" 3>&- </dev/null &
	host=$!
	eventually '[ -e "$work/open/done" ]'
	eventually '[ "$(ctl logs -n 1 a | cut -d" " -f2-)" = "a: n 20000" ]'
	kill "$reader"
}

@test "taoctl logs: lines, since, follow, json, several services by time; over a restart of the worker" {
	manifest "$(talker a '' out:one err:two wait-for:"$work/go" out:three wait), $(talker b '"log": "none"' out:x wait)" allow '"log": "ring"'
	start_host
	eventually '[ "$(ctl logs a | wc -l)" -eq 2 ]'
	run -0 ctl logs a
	[[ ${lines[0]} == 20*T*Z" a: one" ]]
	[[ ${lines[1]} == 20*T*Z" a[err]: two" ]]
	run ! grep -E 'one|two' "$work/log"
	run -0 ctl -n 1 logs a
	[ "${#lines[@]}" -eq 1 ]
	[ "$(ctl logs --since 1h a | wc -l)" -eq 2 ]
	[ "$(ctl logs --since 0s a | wc -l)" -eq 0 ]
	[ "$(ctl --json logs a | jq -r 'select(.stream == "err") | .service + " " + .text')" = "a two" ]
	"$tools/taoctl" -S "$socket" logs -f -n 1 a >"$work/followed" 2>&1 3>&- &
	follower=$!
	eventually 'grep -q two "$work/followed"'
	kill -KILL "$(logger)"
	touch "$work/go"
	eventually 'grep -q three "$work/followed"'
	[ "$(wc -l <"$work/followed")" -eq 2 ]
	kill "$follower"
	run -1 ctl logs b
	run -1 ctl logs nobody
	run -2 ctl logs
	run -2 ctl logs -n 0 a
}

# bats test_tags=admin
@test "a ring keeps the newest lines, and no more than its size" {
	manifest "$(talker a '' count:5000 wait)" allow '"log": "ring", "log_rate": 0, "log_ring": "16K"'
	start_host
	eventually '[ "$(ctl logs -n 1 a | cut -d" " -f2-)" = "a: n 5000" ]'
	ctl logs a | cut -d' ' -f4 >"$work/got"
	[ "$(wc -l <"$work/got")" -gt 100 ]
	seq "$(head -n 1 "$work/got")" 5000 | cmp - "$work/got"
}

# bats test_tags=admin
@test "taoctl signal" {
	manifest "$(talker a '' wait-signal)" allow '"log": "ring"'
	start_host
	eventually 'ctl logs a | grep -q "a: waiting"'
	ctl signal a USR1
	eventually 'ctl logs a | grep -q "a: signal 10"'
	ctl signal a SIGRTMIN+2
	eventually 'ctl logs a | grep -q "a: signal 36"'
	run --separate-stderr -1 ctl signal a WRONG
	[[ $stderr == *"WRONG is no signal"* ]]
	run -2 ctl signal a
	ctl stop a
	run --separate-stderr -1 ctl signal a HUP
	[[ $stderr == *"a does not run"* ]]
}

@test "the worker at rest does nothing" {
	manifest "$(talker a '' out:one wait)" allow '"log": "ring"'
	start_host
	eventually '[ "$(ctl logs a | wc -l)" -eq 1 ]'
	pid=$(logger)
	eventually 'before=$(grep ctxt "/proc/$pid/status"); sleep 2; [ "$(grep ctxt "/proc/$pid/status")" = "$before" ]'
}
