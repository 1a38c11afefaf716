#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# Rollback counters as services have them, while the root worker that stores them is killed.

load helpers

setup_file()
{
	helpers_setup_file
}

setup()
{
	helpers_setup
	cp "$(command -v busybox)" "$work/sh"
	chmod 755 "$work/sh"
}

teardown()
{
	helpers_teardown
}

last() # WORD: the number behind the last whole line that begins with it
{
	sed -n "s/^$1 \([0-9]*\)$/\1/p" "$work/log" | tail -n 1
}

@test "the root worker's death loses no counter, and shows no older one" {
	manifest "\"count\": { \"exec\": [\"$work/sh\", \"-c\", \"$(counting)\"] }"
	start_host
	says "acknowledged 5"
	kills=20
	[ -z "${TAO_SOAK:-}" ] || kills=500
	for _ in $(seq 1 "$kills"); do
		eventually "pkill -KILL -P $host tao-root"
		here=$(last acknowledged)
		eventually "[ \$(last acknowledged) -gt $here ]"
	done
	here=$(last acknowledged)
	run ! grep WRONG "$work/log"
	ctl shutdown
	wait "$host"
	# And after a restart of the host.
	mv "$work/log" "$work/log.first"
	manifest "\"count\": { \"exec\": [\"$work/sh\", \"-c\", \"echo found \$($tools/tao counter c)\"], \"type\": \"oneshot\", \"essential\": true }"
	run_host
	cat "$work/log"
	[ "$(last found)" -ge "$here" ]
}

@test "a counter cannot be set back, and each program and label has its own" {
	command="tao=$tools/tao; \$tao counter a; \$tao counter a 5; \$tao counter a; \$tao counter a 5; \$tao counter a 4; \$tao counter a; \$tao counter b; \$tao counter b 1; \$tao counter a; \$tao counter b"
	cp "$work/sh" "$work/other"
	printf x >>"$work/other"
	mkdir "$work/2"
	mv "$work/other" "$work/2/sh"
	manifest "\"one\": { \"exec\": [\"$work/sh\", \"-c\", \"$command\"], \"type\": \"oneshot\" },
		\"two\": { \"exec\": [\"$work/2/sh\", \"-c\", \"echo second; $tools/tao counter a\"], \"type\": \"oneshot\", \"after\": [\"one\"], \"essential\": true }"
	run_host
	cat "$work/log"
	[ "$(grep -c '^5$' "$work/log")" = 3 ]
	[ "$(grep -c '^1$' "$work/log")" = 1 ]
	# Unset: one's a and b at first, two's a.
	[ "$(grep -c 'No such counter' "$work/log")" = 3 ]
}
