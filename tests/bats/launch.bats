#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# Measured launch: what runs is what was hashed, in the surroundings that the manifest says, under a name of its own.

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

@test "a program replaced between measuring and running still runs as measured" {
	musl-gcc -static -Os -w -D_GNU_SOURCE -DWORD='"the old one"' -o "$work/program" tests/helpers/probe.c
	musl-gcc -static -Os -w -D_GNU_SOURCE -DWORD='"the new one"' -o "$work/other" tests/helpers/probe.c
	manifest "\"first\": { \"exec\": [\"$tools/probe\", \"wait\"] }, \"late\": { \"exec\": [\"$work/program\", \"word\"] }"
	start_host
	eventually '[ "$(state_of late)" = up ]'
	ctl stop late
	old=$(sha256sum "$work/program" | cut -d' ' -f1)
	# A changed time makes the worker read it again.
	touch "$work/program"
	worker=$(pgrep -P "$host" tao-measure)
	# PID 1 stands still from the question on; the worker has answered when it waits for the next one.
	kill -STOP "$worker"
	ctl --no-wait start late
	kill -STOP "$host"
	kill -CONT "$worker"
	eventually "ls -l /proc/$worker/fd >/dev/null && grep -q -E '^(47|271) ' /proc/$worker/syscall && grep -q 'State:.S' /proc/$worker/status"
	mv "$work/other" "$work/program"
	: >"$work/log"
	kill -CONT "$host"
	says "the old one"
	[ "$(sha256sum "/proc/$(pid_of late)/exe" | cut -d' ' -f1)" = "$old" ]
	[[ $(principal_of late) == *"Program([$old])"* ]]
}

@test "a program replaced before a restart gets another name" {
	cp "$tools/probe" "$work/program"
	manifest "\"a\": { \"exec\": [\"$work/program\", \"wait\"] }"
	start_host
	eventually '[ "$(state_of a)" = up ]'
	before=$(principal_of a)
	musl-gcc -static -Os -w -D_GNU_SOURCE -DWORD='"new"' -o "$work/new" tests/helpers/probe.c
	mv "$work/new" "$work/program"
	[ "$(principal_of a)" = "$before" ]
	ctl restart a
	after=$(principal_of a)
	[ "$after" != "$before" ]
	[[ $after == *"$(sha256sum "$work/program" | cut -d' ' -f1)"* ]]
}

@test "a child has descriptors 0 to 3, no signals blocked or ignored, and a clean environment" {
	manifest "\"a\": { \"exec\": [\"$tools/probe\", \"fds\"], \"type\": \"oneshot\" },
		\"b\": { \"exec\": [\"$tools/probe\", \"rights\"], \"type\": \"oneshot\", \"after\": [\"a\"] },
		\"c\": { \"exec\": [\"$tools/probe\", \"env\"], \"type\": \"oneshot\", \"after\": [\"b\"], \"essential\": true, \"env\": { \"MINE\": \"1\" } }"
	SECRET=x run_host
	[ "$status" -eq 0 ]
	grep -qx "fds: 0 1 2 3" "$work/log"
	grep -qE 'SigBlk:.0+$' "$work/log"
	grep -qE 'SigIgn:.0+$' "$work/log"
	grep -qx "MINE=1" "$work/log"
	grep -qx "TAO_SERVICE=c" "$work/log"
	grep -qx "TAO_CHANNEL_FD=3" "$work/log"
	grep -qx "CLOUDPROXY_TAO_HOST_CHANNEL_TYPE=pipe" "$work/log"
	grep -qxF "CLOUDPROXY_TAO_HOST_SPEC=tao::RPC+tao::FDMessageChannel(3, 3)" "$work/log"
	run ! grep -q "SECRET" "$work/log"
}

@test "a service has a uid of its own, no capabilities, no new privileges" {
	manifest "\"a\": { \"exec\": [\"$tools/probe\", \"rights\"], \"type\": \"oneshot\", \"essential\": true }"
	run_host
	[ "$status" -eq 0 ]
	run ! grep -qE '^Uid:.0' "$work/log"
	grep -qE '^Uid:.[0-9]{5,}' "$work/log"
	grep -qE '^CapEff:.0+$' "$work/log"
	grep -qE '^CapBnd:.0+$' "$work/log"
	grep -qE '^NoNewPrivs:.1$' "$work/log"
}

@test "listed capabilities are there, and no others; users and groups as named" {
	manifest "\"a\": { \"exec\": [\"$tools/probe\", \"rights\"], \"type\": \"oneshot\", \"essential\": true,
		\"user\": \"nobody\", \"group\": \"daemon\", \"capabilities\": [\"NET_ADMIN\", \"NET_RAW\"] }"
	run_host
	[ "$status" -eq 0 ]
	grep -qE '^Uid:.65534.65534' "$work/log"
	grep -qE "^Gid:.$(getent group daemon | cut -d: -f3)" "$work/log"
	grep -qE '^CapEff:.0000000000003000$' "$work/log"
	grep -qE '^CapBnd:.0000000000003000$' "$work/log"
}

@test "one file, many services: hashed once" {
	cp "$tools/probe" "$work/program"
	touch -d '1 minute ago' "$work/program"
	services=
	for i in $(seq 1 50); do services="$services${services:+,} \"s$i\": { \"exec\": [\"$work/program\", \"wait\"] }"; done
	manifest "$services"
	eventually "[ \$(( \$(date +%s) - \$(stat -c %Z '$work/program') )) -gt 4 ]"
	start_host
	eventually "[ \$(ctl --json list | jq '[.services[] | select(.state == \"up\")] | length') = 50 ]"
	# One image: all run the same inode.
	[ "$(ctl --json list | jq -r '.services[].pid' | while read -r p; do stat -Lc %i "/proc/$p/exe"; done | sort -u | wc -l)" = 1 ]
}

@test "an interpreter nobody measured is refused by name; listed files run, and stand in the name" {
	cp "$(command -v busybox)" "$work/sh"
	printf '#!%s\necho "script runs"\n' "$work/sh" >"$work/script"
	chmod 755 "$work/script" "$work/sh"
	manifest "\"a\": { \"exec\": [\"$work/script\"], \"type\": \"oneshot\", \"essential\": true }"
	run_host
	[ "$status" -eq 78 ]
	grep -qF "$work/script: " "$work/log"
	grep -qF "$work/sh" "$work/log"
	grep -qF "measure" "$work/log"
	manifest "\"a\": { \"exec\": [\"$work/script\"], \"type\": \"oneshot\", \"essential\": true, \"measure\": { \"files\": [\"$work/sh\"] } }"
	run_host
	cat "$work/log"
	[ "$status" -eq 0 ]
	grep -qx "script runs" "$work/log"
	grep -qF "ext.Files([" "$work/log"
}

@test "a dynamic program runs with its loader and libraries measured, or with the root file system trusted" {
	printf '#include <stdio.h>\nint main(void) { puts("dynamic runs"); return 0; }\n' >"$work/d.c"
	gcc -o "$work/dynamic" "$work/d.c"
	chmod 755 "$work/dynamic"
	manifest "\"a\": { \"exec\": [\"$work/dynamic\"], \"type\": \"oneshot\", \"essential\": true }"
	run_host
	[ "$status" -eq 78 ]
	grep -qF "ld-linux" "$work/log"
	files=$(ldd "$work/dynamic" | grep -o '/[^ ]*' | sed 's/.*/"&"/' | paste -sd,)
	manifest "\"a\": { \"exec\": [\"$work/dynamic\"], \"type\": \"oneshot\", \"essential\": true, \"measure\": { \"files\": [$files] } }"
	run_host
	cat "$work/log"
	[ "$status" -eq 0 ]
	grep -qx "dynamic runs" "$work/log"
	manifest "\"a\": { \"exec\": [\"$work/dynamic\"], \"type\": \"oneshot\", \"essential\": true, \"measure\": { \"trust_rootfs\": true } }"
	run_host
	[ "$status" -eq 0 ]
	grep -qF "ext.TrustRootfs()" "$work/log"
}

@test "with the guard deny nothing is started and nothing is left" {
	manifest "\"a\": { \"exec\": [\"$tools/probe\", \"wait\"] }, \"b\": { \"exec\": [\"$tools/probe\", \"touch\", \"$work/ran\"] }" deny
	start_host
	eventually '[ "$(state_of b)" = failed ]'
	eventually '[ "$(state_of a)" = failed ]'
	fds=$(find "/proc/$host/fd" -mindepth 1 | wc -l)
	for _ in 1 2 3; do
		run -1 ctl start a
		[[ $output == *"refuses"* ]]
	done
	[ "$(find "/proc/$host/fd" -mindepth 1 | wc -l)" = "$fds" ]
	[ ! -e "$work/ran" ]
	[ -z "$(pgrep -f "^$tools/probe" || true)" ]
	[ "$(pgrep -P "$host" | wc -l)" = 1 ] # the measure worker
	[ -z "$(find /sys/fs/cgroup/unified/tao-"$host" -mindepth 1 -type d)" ]
	[ "$(ctl --json status a | jq -r '.services[0].pid')" = null ]
}

@test "order holds for what stands later in the manifest" {
	manifest "\"late\": { \"exec\": [\"$tools/probe\", \"exit\", \"0\"], \"type\": \"oneshot\", \"after\": [\"early\"], \"essential\": true },
		\"early\": { \"exec\": [\"$tools/probe\", \"touch\", \"/dev/null\"], \"type\": \"oneshot\" }"
	run_host
	[ "$status" -eq 0 ]
	[ "$(sed -n 's/^taoinit: \([a-z]*\): started.*/\1/p' "$work/log" | paste -sd' ')" = "early late" ]
}

@test "an exec that fails says which step and why" {
	manifest "\"a\": { \"exec\": [\"$tools/probe\", \"wait\"], \"cwd\": \"$work/nowhere\" }"
	start_host
	eventually '[ "$(state_of a)" = failed ]'
	run -0 ctl status a
	[[ $output == *"cwd: No such file or directory"* ]]
}
