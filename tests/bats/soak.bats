#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# What goes on for long: half a minute here, ten minutes in the long form.

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

restarts_of() # SERVICE
{
	ctl --json status "$1" | jq '.services[0].restarts'
}

@test "workers are killed at random while services restart: nobody is lost, and nothing that was acknowledged" {
	local seconds=30 again='"restart": "always", "restart_delay": "0ms"' kills=0 workers pid before end
	[ -z "${TAO_SOAK:-}" ] || seconds=600
	manifest "\"steady\": { \"exec\": [\"$tools/probe\", \"wait\"] },
		\"flap\": { \"exec\": [\"$work/sh\", \"-c\", \"sleep 0.05\"], $again },
		\"say\": { \"exec\": [\"$work/sh\", \"-c\", \"for n in \$(seq 20); do echo n \$n; sleep 0.01; done\"], \"log\": \"$work/say.log\", $again },
		\"count\": { \"exec\": [\"$work/sh\", \"-c\", \"$(counting)\"], \"log\": \"inherit\" }" \
		allow "\"audit\": \"$work/audit.log\", \"log_rate\": 0, \"log_size\": \"1G\""
	start_host
	says "acknowledged 5"
	eventually '[ "$(restarts_of flap)" -ge 5 ] && [ "$(restarts_of say)" -ge 2 ]'
	steady=$(pid_of steady)
	before=$(held)
	end=$((SECONDS + seconds))
	while [ "$SECONDS" -lt "$end" ]; do
		mapfile -t workers < <(pgrep -P "$host" tao-)
		if [ "${#workers[@]}" -gt 0 ]; then
			pid=${workers[RANDOM % ${#workers[@]}]}
			! kill -KILL "$pid" || kills=$((kills + 1))
		fi
		sleep "0.$((RANDOM % 4))"
		kill -0 "$host"
	done
	echo "$kills workers killed, $(restarts_of flap) restarts"
	[ "$kills" -ge 10 ]
	# All goes on when it is over, each worker at work again.
	for service in flap say; do
		here=$(restarts_of "$service")
		eventually "[ \"\$(restarts_of $service)\" -ge $((here + 5)) ]"
	done
	here=$(grep -c acknowledged "$work/log")
	eventually "[ \$(grep -c acknowledged '$work/log') -gt $here ]"
	[ "$(pid_of steady)" = "$steady" ]
	ctl restart steady
	ctl stop say
	# Each line once and in order, but for one that was being written when its worker was killed.
	sed 's/^[^ ]* say: //' "$work/say.log" | uniq |
		awk '$2 != last % 20 + 1 { print "after " last ": " $0; bad = 1 } { last = $2 } END { exit bad || NR < 40 }'
	run ! grep WRONG "$work/log"
	eventually '[ "$(held | cut -d" " -f2)" -le "${before#* }" ]'
}
