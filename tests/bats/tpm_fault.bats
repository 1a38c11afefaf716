#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# Something between the host and its TPM that kills, cuts, delays and forges, at every command: the host says what is
# wrong or goes on, never hangs, and never loses its keys; and nothing stays in the TPM, however often it is asked.

load helpers
load tpm_helpers

setup_file()
{
	tpm_setup_file
}

setup()
{
	tpm_setup
	proxy=
}

teardown()
{
	stop_proxy
	tpm_teardown
}

stop_proxy()
{
	[ -n "$proxy" ] || return 0
	kill -KILL "$proxy" 2>/dev/null || true
	wait "$proxy" 2>/dev/null || true
	proxy=
	rm -f "$dir/p"
}

start_proxy() # FAULT FIRST [LAST]
{
	stop_proxy
	python3 tests/helpers/tpm_proxy.py "$dir/p" "$dir/s" "$dir/count" "$@" >"$dir/proxy.log" 2>&1 3>&- &
	proxy=$!
	eventually "listens '$dir/p'"
}

# The manifest's TPM is the proxy.
proxied_manifest() # [SERVICES]
{
	tpm_manifest "${1:-}"
	sed -i "s,swtpm:$dir/s,swtpm:$dir/p," "$work/manifest.json"
}

# A boot after a reset, with a fault: $status, $name.
faulty() # FAULT FIRST [LAST]
{
	start_tpm
	start_proxy "$@"
	run_host
	name=$(sed -n 's/^\(tpm2(.*)\)\.Program.*/\1/p' "$work/log")
}

# By the control channel: CMD_INIT, without flags; the answer is 0.
reset_tpm()
{
	python3 -c '
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
s.sendall(bytes((0, 0, 0, 2, 0, 0, 0, 0)))
sys.exit(s.recv(4) != bytes(4))' "$dir/s.ctrl"
}

# It came up as itself, or said why not. What it says names the TPM, the key file or what to do.
good_end() # WHAT
{
	if [ "$status" = 0 ]; then
		[ -n "$name" ] && [ "$name" = "${first:-$name}" ] && return 0
	elif [ "$status" = 255 ] || [ "$status" = 1 ]; then
		grep -qE 'error: (TPM: |the keys have been taken out|the PCR that is|the machine is not as|the root worker died|z: )|its launch could not be measured' "$work/log" && return 0
	fi
	echo "$1: status $status, name $name" >&2
	cat "$work/log" >&2
	return 1
}

@test "the root worker killed in each command of the first boot, before and after the TPM has seen it: the keys are whole or not there" {
	proxied_manifest
	faulty none 0
	[ "$status" = 0 ]
	n=$(cat "$dir/count")
	[ "$n" -gt 20 ]
	for fault in kill drop; do
		for k in $(seq 1 "${TAO_SOAK:+1}${TAO_SOAK:-3}" "$n"); do
			# Another TPM each time: a first boot that ends before its key file is written leaves an index behind.
			stop_tpm
			rm -rf "$dir/tpm" "$dir/state"
			first=
			faulty "$fault" "$k"
			good_end "$fault at $k of the first boot"
			if [ "$status" = 0 ]; then first=$name; fi
			faulty none 0
			[ "$status" = 0 ] || { echo "after $fault at $k"; cat "$work/log"; false; }
			[ -z "$first" ] || [ "$name" = "$first" ]
		done
	done
}

@test "the root worker killed in each command of a later boot: the same keys in the end" {
	proxied_manifest
	faulty none 0
	first=$name
	faulty none 0
	n=$(cat "$dir/count")
	for fault in kill drop; do
		for k in $(seq 1 "$n"); do
			faulty "$fault" "$k"
			good_end "$fault at $k"
		done
	done
	faulty none 0
	[ "$name" = "$first" ]
}

@test "an answer that is short, too long, garbage, an error, forged, or of another session, at each command" {
	proxied_manifest
	faulty none 0
	first=$name
	faulty none 0
	n=$(cat "$dir/count")
	for fault in short size long garbage error flip session; do
		step=${TAO_SOAK:+1}
		for k in $(seq 1 "${step:-4}" "$n"); do
			faulty "$fault" "$k"
			good_end "$fault at $k"
		done
	done
	# From somewhere on all of them: that is no TPM.
	for fault in short garbage error flip session; do
		for k in 1 9 17; do
			faulty "$fault" "$k" 100000
			good_end "$fault from $k on"
			[ "$status" != 0 ]
		done
	done
	faulty none 0
	[ "$name" = "$first" ]
}

@test "an answer that never comes: PID 1 goes on answering, and then says so" {
	proxied_manifest
	start_tpm
	start_proxy late 5
	start_host
	eventually '[ "$(cat "$dir/count" 2>/dev/null)" = 5 ]'
	run -0 ctl --json status
	[ "$(jq -r '.services[0].state' <<<"$output")" = down ]
	says "no answer in"
	status=0
	wait "$host" || status=$?
	host=
	[ "$status" = 255 ]
}

@test "the record worker killed in each command, and answers to it that are wrong: every launch that ran is in the PCR, once" {
	services=
	for i in 1 2 3; do
		services+="\"s$i\": { \"exec\": [\"$tools/probe\", \"wait\", \"$i\"], \"measure\": { \"args\": true } },"
	done
	proxied_manifest "$services"
	sed -i 's/, "essential": true//' "$work/manifest.json"
	start_tpm
	start_proxy none 0
	start_host
	for i in 1 2 3; do eventually "[ \"\$(state_of s$i)\" = up ]"; done
	eventually '[ "$(state_of z)" = done ]'
	n=$(cat "$dir/count")
	# Where the record worker begins: the root worker's commands are those of a boot without services.
	kill -KILL "$host"
	wait "$host" || true
	for fault in kill drop short flip session; do
		for k in $(seq $((n - 12)) $((n + 2))); do
			[ -n "${TAO_SOAK:-}" ] || [ $((k % 3)) = 0 ] || continue
			start_tpm
			start_proxy "$fault" "$k"
			start_host
			for i in 1 2 3; do eventually "[ \"\$(state_of s$i)\" = up ]"; done
			run -0 "$verify" log --value "$(pcr15)" "$dir/tpm/eventlog"
			[ "$(grep -c '^LAUNCH .*Args' <<<"$output")" = 3 ] || { echo "$fault at $k"; echo "$output"; false; }
			kill -KILL "$host"
			wait "$host" || true
			host=
		done
	done
}

@test "a hundred starts of the root worker against one TPM leave nothing in it" {
	tpm_manifest
	start_tpm
	starts=${TAO_SOAK:+1000}
	for i in $(seq "${starts:-100}"); do
		reset_tpm
		run_host
		[ "$status" = 0 ] || { echo "start $i"; cat "$work/log"; false; }
		if [ $((i % 50)) = 0 ]; then
			for what in transient loaded-session saved-session persistent nv-index; do
				left=$(tpm2_getcap "handles-$what")
				# The one that counts.
				[ "$what" != nv-index ] || left=${left#- 0x1817461}
				[ -z "$left" ] || { echo "start $i: $what: $left"; false; }
			done
		fi
	done
}
