#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# The root in the Tao below: taoinit on taoinit, three deep, on a soft root and on a software TPM; what opens the keys and
# what does not; parents that die, lie or say nothing, and workers that are killed.

load helpers
load tpm_helpers

setup_file()
{
	tpm_setup_file
	cp "$tools/taoinit" "$tools/other"
	# Where a service may read it, wherever the repository is.
	cp tests/helpers/parent_proxy.py "$tools"
	chmod 644 "$tools/parent_proxy.py"
	printf ' ' >>"$tools/other"
}

setup()
{
	tpm_setup
	pids=
	root="{ \"type\": \"soft\", \"file\": \"$dir/0/keys\" }"
	last='"exec": ["'$tools/tao'", "name"]'
	inner_guard='{ "type": "allow" }'
	more=
	program=$tools/taoinit
}

teardown()
{
	local pid
	for pid in $pids; do kill -KILL "$pid" 2>/dev/null || true; done
	tpm_teardown
}

# Manifests for a host and so many below each other in it, in $dir/LEVEL/manifest.json; in the last runs $last.
nest() # LEVELS
{
	local i service
	for i in $(seq 0 "$1"); do
		mkdir -p "$dir/$i"
		chmod 777 "$dir/$i"
		service=$last
		[ "$i" = "$1" ] || service="\"exec\": [\"$program\", \"-f\", \"$dir/$((i + 1))/manifest.json\"] $more"
		cat >"$dir/$i/manifest.json" <<-END
			{ "version": 1,
			  "host": { "root": $(level_root "$i"), "guard": $([ "$i" = 0 ] && echo '{ "type": "allow" }' || echo "$inner_guard"),
			            "admin": [ { "unix": "$dir/$i/admin" } ], "runtime": "$dir/$i/run" },
			  "services": { "s$i": { $service, "type": "oneshot", "essential": true } } }
		END
	done
}

level_root() # LEVEL
{
	[ "$1" = 0 ] && echo "$root" || echo "{ \"type\": \"parent\", \"file\": \"$dir/$1/keys\" ${extra:+, $extra} }"
}

# The host of level 0 to its end, with status and words in $work/log.
nested() # [STATUS]
{
	status=0
	timeout 60 "$tools/taoinit" -f "$dir/0/manifest.json" >"$work/log" 2>&1 3>&- </dev/null || status=$?
	[ "$status" = "${1:-0}" ] || { cat "$work/log"; return 1; }
}

says_once() # TEXT…
{
	local text
	for text in "$@"; do
		grep -qF -- "$text" "$work/log" || { echo "not said: $text"; cat "$work/log"; return 1; }
	done
}

# The innermost program's line: its name, or the attestation.
last_line()
{
	grep -E '^(key\(|tpm2\(|[0-9a-f]+$)' "$work/log" | tail -n 1
}

@test "names say every level: program, manifest, guard; keys stay over a restart" {
	nest 2
	nested
	first=$(last_line)
	for i in 1 2; do
		says_once ".Manifest([$(sha256sum <"$dir/$i/manifest.json" | cut -c 1-64)]).TrivialGuard(\"Liberal\")"
		[ "$(stat -c %a "$dir/$i/keys")" = 600 ]
		cp "$dir/$i/keys" "$dir/$i/before"
	done
	[ "$(grep -c "(new keys)" "$work/log")" = 3 ]
	pattern='^key\(\[.{64}\]\)\.TrivialGuard\("Liberal"\)(\.Program\(\[.{64}\]\)\.Manifest\(\[.{64}\]\)\.TrivialGuard\("Liberal"\)){2}\.Program\(\[.{64}\]\)$'
	[[ $first =~ $pattern ]]
	nested
	[ "$(last_line)" = "$first" ]
	run ! grep -q "new keys\|warning" "$work/log"
	for i in 1 2; do cmp "$dir/$i/keys" "$dir/$i/before"; done
}

@test "three levels on a software TPM: the innermost attestation is verified back to the quote, level by level" {
	root="{ \"type\": \"tpm\", \"device\": \"swtpm:$dir/s\", \"dir\": \"$dir/0/tpm\", \"counter_interval\": \"0ms\" }"
	last='"exec": ["'$tools/tao'", "attest", "--hex", "Pred(1)"]'
	nest 3
	start_tpm
	nested
	last_line >"$dir/attestation"
	tpm=$(sed -n 's/.*this host is \(tpm2(.*)\)\.TrivialGuard("Liberal") (new keys)$/\1/p' "$work/log" | head -n 1)
	run -0 "$verify" attestation --trust "${tpm%%.Trivial*}" "$dir/attestation"
	[[ ${lines[0]} == *"says Pred(1)" ]]
	run -0 "$verify" attestation --json "$dir/attestation"
	[ "$(jq -r '.chain | length' <<<"$output")" = 5 ]
	[ "$(jq -r '[.chain[].signer_type] | join(" ")' <<<"$output")" = "key key key key tpm2" ]
	[ "$(jq -r '.root' <<<"$output")" = "${tpm%%.Trivial*}" ]
	[ "$(jq -r '[.chain[].verified] | join(" ")' <<<"$output")" = "signature signature signature signature quote" ]
	run -0 "$verify" attestation "$dir/attestation"
	for i in 0 1 2 3; do assert_line --partial "level $i: ${tpm%%.Trivial*}.TrivialGuard(\"Liberal\").Program("; done
	[[ ${lines[9]} == "level 4: ${tpm%%.Trivial*} says key("*", quoted by ${tpm%%.Trivial*}" ]]
	# Each link broken in turn.
	run --separate-stderr -1 "$verify" attestation --at 2100-01-01T00:00:00Z "$dir/attestation"
	[[ $stderr == *"delegation 4: expired"*$'\nlevel 4: '*" (refused at "*"Z)" ]]
	python3 tests/helpers/break_chain.py "$dir/attestation"
	for i in 0 1 2 3 4; do
		[ "$i" = 0 ] && where=statement || where="delegation $i"
		why="its signature does not verify"
		[ "$i" != 4 ] || why="its quote is not good"
		for broken in "$i" "$i.other"; do
			[ "$broken" != 4.other ] || why="its speaker is not the one that it delegates for"
			run --separate-stderr -1 "$verify" attestation "$dir/attestation.$broken"
			[[ $stderr == *"$where: $why"* ]] || { echo "$broken: $stderr"; false; }
		done
	done
	for level in 1 2 3; do
		run --separate-stderr -1 "$verify" attestation "$dir/attestation.$level.skipped"
		[[ $stderr == *"delegation $level: delegates to another than the signer"* ]]
	done
	run --separate-stderr -1 "$verify" attestation "$dir/attestation.4.skipped"
	[[ $stderr == *"delegation 3: its speaker is not the signer or a subprincipal of it, and no delegation stands with it"* ]]
	# A reset, and all keys are there still.
	start_tpm
	nested
	run ! grep -q "new keys" "$work/log"
}

@test "another manifest, guard or program of taoinit, another parent: no keys, and no new ones" {
	nest 1
	nested
	sealed="principal not authorized for unseal"
	echo >>"$dir/1/manifest.json"
	nested 255
	says_once "key file $dir/1/keys: the parent does not open it: it was sealed for another manifest, guard or program" "$sealed"
	inner_guard='{ "type": "deny" }' nest 1
	nested 255
	says_once "$dir/1/keys: the parent does not open it" "$sealed"
	program=$tools/other nest 1
	nested 255
	says_once "$dir/1/keys: the parent does not open it" "$sealed"
	nest 1
	nested
	mv "$dir/0/keys" "$dir/0/away"
	nested 255
	says_once "$dir/1/keys: the parent does not open it"
	mv "$dir/0/away" "$dir/0/keys"
	nested
	run ! grep -q "new keys" "$work/log"
}

@test "on_root_failure: a host goes on with keys in memory, and its name says so" {
	nest 1
	nested
	extra='"on_root_failure": "ephemeral"'
	nest 1
	nested
	says_once "the parent does not open it" "the host goes on with new keys, in memory only"
	[[ $(last_line) == *".Ephemeral()."* ]]
}

@test "keys in memory only, vouched for by the parent" {
	last='"exec": ["'$tools/tao'", "attest", "--hex", "Pred(1)"]'
	nest 1
	sed -i "s,\"file\": \"$dir/1/keys\",\"ephemeral\": true," "$dir/1/manifest.json"
	nested
	last_line >"$dir/attestation"
	run -0 "$verify" attestation --json "$dir/attestation"
	[ "$(jq -r '.chain | length' <<<"$output")" = 2 ]
	[ ! -e "$dir/1/keys" ]
}

# A shell as the last program, so that what it does can change while its manifest stays.
script() # COMMANDS
{
	echo "$1" >"$dir/script"
	last='"exec": ["/bin/sh", "'$dir/script'"], "measure": { "trust_rootfs": true }'
}

@test "a counters file that was put back is refused" {
	script "$tools/tao counter c 7"
	nest 1
	nested
	mkdir "$dir/old"
	cp -p "$dir/1/keys.counters"* "$dir/old"
	script "$tools/tao counter c 8; $tools/tao counter c"
	nested
	grep -qx 8 "$work/log"
	cp -p "$dir/1/keys.counters"* "$dir/1/.."
	cp -p "$dir/old/"* "$dir/1"
	script "$tools/tao counter c"
	nested 1
	says_once "counters file $dir/1/keys.counters: older than the counter of its root says"
	cp -p "$dir/keys.counters"* "$dir/1"
	nested
	grep -qx 8 "$work/log"
}

@test "two hosts of one program count for themselves" {
	script "$tools/tao counter c \$((\$($tools/tao counter c 2>/dev/null || echo 0) + 1)); $tools/tao counter c"
	nest 1
	cp -a "$dir/1" "$dir/2"
	sed -i "s,$dir/1/,$dir/2/,g" "$dir/2/manifest.json"
	sed -i "s,\"s0\":,\"other\": { \"exec\": [\"$tools/taoinit\"\, \"-f\"\, \"$dir/2/manifest.json\"]\, \"type\": \"oneshot\" }\, \"s0\": { \"after\": [\"other\"]\,," "$dir/0/manifest.json"
	sed -i 's,"after": \["other"\]\, {,"after": ["other"]\,,' "$dir/0/manifest.json"
	for n in 1 2 3; do
		nested
		[ "$(grep -cx "$n" "$work/log")" = 2 ]
		run ! grep -q older "$work/log"
	done
}

@test "another manifest is refused while the host runs: its hash stands in the name" {
	script "sleep 60"
	nest 1
	"$tools/taoinit" -f "$dir/0/manifest.json" >"$work/log" 2>&1 3>&- </dev/null &
	pids=$!
	says "s1: started as"
	sed -i 's/"essential": true/"essential": false/' "$dir/1/manifest.json"
	run -1 "$tools/taoctl" -S "$dir/1/admin" reload manifest
	[[ $output == *"services.s1.essential: the manifest's hash stands in the name that the Tao below vouches for; restart"* ]]
}

@test "no parent, one that is not open, a device and a socket that are not there" {
	nest 1
	run_inner() { status=0; timeout 60 "$@" "$tools/taoinit" -f "$dir/1/manifest.json" >"$work/log" 2>&1 3>&- </dev/null || status=$?; [ "$status" = 255 ]; }
	run_inner env
	says_once "no channel to one: neither CLOUDPROXY_TAO_HOST_SPEC nor TAO_CHANNEL_FD is set"
	run_inner env TAO_CHANNEL_FD=77
	says_once "a descriptor that is not open is no channel"
	for kind in File Unix; do
		run_inner env "CLOUDPROXY_TAO_HOST_SPEC=tao::RPC+tao::${kind}MessageChannel($dir/none)"
		says_once "$dir/none) is no channel to one that can be opened: No such file or directory"
	done
	run_inner env "CLOUDPROXY_TAO_HOST_SPEC=$(printf 'x%.0s' $(seq 3000))"
	says_once "parent Tao: xxx"
	[ ! -e "$dir/1/keys" ]
}

@test "a parent over pipes that is gone is an error, not a signal" {
	nest 1
	status=0
	timeout 60 python3 - "$tools/taoinit" "$dir/1/manifest.json" >"$work/log" 2>&1 3>&- <<-'END' || status=$?
		import os, sys
		here, silent = os.pipe()
		gone, there = os.pipe()
		os.close(silent)
		os.close(gone)
		for fd in here, there:
		    os.set_inheritable(fd, True)
		spec = f"tao::RPC+tao::FDMessageChannel({here}, {there})"
		os.execve(sys.argv[1], [sys.argv[1], "-f", sys.argv[2]], {"CLOUDPROXY_TAO_HOST_SPEC": spec})
	END
	[ "$status" = 255 ]
	says_once "parent Tao: the host closed the channel"
}

@test "services have nothing of the channel, and the parent learns when all is up" {
	script "env; ls -l /proc/self/fd; exec $tools/tao name"
	more=', "ready": "fd"'
	nest 1
	sed -i 's/"type": "oneshot", "essential": true/"restart": "never"/' "$dir"/[01]/manifest.json
	"$tools/taoinit" -f "$dir/0/manifest.json" >"$work/log" 2>&1 3>&- </dev/null &
	pids=$!
	eventually "[ \"\$('$tools/taoctl' -S '$dir/0/admin' --json status s0 2>/dev/null | jq -r '.services[0].state')\" = up ]"
	grep -q "^TAO_SERVICE=s1$" "$work/log"
	[ "$(grep -c "^TAO_READY_FD\|^NOTIFY_SOCKET\|^TAO_SERVICE=s0" "$work/log")" = 0 ]
}

# The host below speaks through a proxy.
proxied() # MODE ANSWER [STATUS]
{
	rm -rf "$dir/1/keys"*
	sed "s,\"exec\": \[\"$tools/taoinit\",\"measure\": { \"trust_rootfs\": true }\, \"exec\": [\"/usr/bin/python3\"\, \"$tools/parent_proxy.py\"\, \"$1\"\, \"$2\"\, \"$tools/taoinit\"," \
		"$dir/plain" >"$dir/0/manifest.json"
	nested "${3:-0}"
}

@test "a parent that lies, or is gone in the middle: an error, and no key that anybody else knows" {
	nest 1
	cp "$dir/0/manifest.json" "$dir/plain"
	proxied none 0
	# Name, extension, name, random bytes, sealing, five about the counter, two answers more for the boot, the attestation.
	for mode in garbage half huge gone error empty extra; do
		for n in 1 2 3 4 5 6 7 8; do
			case $mode$n in
				empty2 | empty6 | extra6 | empty7) continue ;; # as they should be
			esac
			proxied "$mode" "$n" 255 || { echo "$mode $n"; false; }
			grep -q "error: .*\(parent\|counters file\)" "$work/log"
			[ ! -e "$dir/1/keys" ] || { echo "$mode $n"; cat "$work/log"; false; }
			run ! grep -q "$(printf '\033')" "$work/log"
		done
	done
}

@test "fields that nobody knows, and old answers, are skipped; a wrong signature is not" {
	nest 1
	cp "$dir/0/manifest.json" "$dir/plain"
	for n in 1 2 3 4 5 6; do
		proxied unknown "$n"
		proxied stray "$n"
	done
	# The attestation is the last answer of the boot.
	for n in 10 11 12 13 14; do
		status=0
		proxied flip "$n" || true
		! grep -q "word for our key is not good" "$work/log" || break
	done
	grep -q "the parent's word for our key is not good: statement: " "$work/log"
}

@test "a worker that is killed in the middle of an answer: the next one finds its own" {
	nest 1
	cp "$dir/0/manifest.json" "$dir/plain"
	for n in 1 2 3 4 5 6 7 8 9 10; do proxied kill "$n"; done
}

@test "workers killed over and over, while a program counts" {
	last='"exec": ["/bin/sh", "-c", "'$(counting)'"], "measure": { "trust_rootfs": true }'
	nest 1
	"$tools/taoinit" -f "$dir/0/manifest.json" >"$work/log" 2>&1 3>&- </dev/null &
	pids=$!
	says "acknowledged 3"
	inner=$(pgrep -f "^$tools/taoinit -f $dir/1/manifest.json" -o)
	for n in $(seq 20); do
		eventually "pgrep -P $inner -x tao-root >'$work/root'"
		xargs kill -KILL <"$work/root" || true
	done
	so_far=$(grep -c "acknowledged" "$work/log")
	eventually "[ \$(grep -c acknowledged '$work/log') -gt $((so_far + 3)) ]"
	run ! grep "WRONG" "$work/log"
}

@test "a parent that says nothing: an error after 20 seconds" {
	nest 1
	cp "$dir/0/manifest.json" "$dir/plain"
	proxied silence 4 255
	says_once "the parent gives no random bytes: reading from the channel: "
}
