#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# The tao command where there is no host: help, usage, exit statuses. What it does with a host: channel.bats and
# tests/unit/test_cmd_tao.c.

setup()
{
	bats_require_minimum_version 1.5.0
	cd "$BATS_TEST_DIRNAME/../.." || exit 1
	O=${O:-build}
	tao=$O/tao
	unset CLOUDPROXY_TAO_HOST_SPEC CLOUDPROXY_TAO_HOST_CHANNEL_TYPE TAO_CHANNEL_FD
}

# Fails with the status, the text in its complaint, and nothing on standard output.
fails() # STATUS TEXT ARGUMENT…
{
	run --separate-stderr "-$1" "$tao" "${@:3}"
	[ -z "$output" ]
	[[ $stderr == "tao: "* ]]
	[[ $stderr == *"$2"* ]]
}

@test "the overview names every command of the table, and the exit statuses" {
	run -0 "$tao" --help
	overview=$output
	[ "$("$tao" help)" = "$overview" ]
	[ "$("$tao" -h)" = "$overview" ]
	commands=$(sed -n 's/^TAO_CMD(\([a-z]*\),.*/\1/p' init/tao_cmd.def)
	[ "$(wc -w <<<"$commands")" -ge 8 ]
	for command in $commands; do
		grep -q "^  $command " <<<"$overview"
	done
	for status in 0 1 2 3 4; do
		grep -q "Exit status:.* $status " <<<"$overview"
	done
}

@test "every command has help and a place in the manual page, and so has each of its options" {
	for command in $(sed -n 's/^TAO_CMD(\([a-z]*\),.*/\1/p' init/tao_cmd.def); do
		run -0 "$tao" "$command" --help
		[[ ${lines[0]} == "usage: tao $command"* ]]
		grep -qx "\.It Cm $command.*" docs/tao.1
		for option in $(sed -n 's/^  --\([a-z0-9-]*\).*/\1/p' <<<"$output"); do
			grep -q "^\.It Fl.* -$option\b" docs/tao.1
		done
	done
}

@test "usage errors end with 2 and say what to try" {
	fails 2 "no command given"
	fails 2 "unknown command: nme" nme
	fails 2 "Try: tao --help" nme
	fails 2 "argument missing: SUBPRIN" extend
	fails 2 "Try: tao extend --help" extend
	fails 2 "too many arguments: 4" random 3 4
	fails 2 "unknown option: --frob" random --frob 3
	fails 2 "needs a value: --policy" seal --policy
	fails 2 "takes no value: --hex" name --hex=1
	fails 2 "two encodings at once" name --hex --base64
	fails 2 "not a number of bytes" random many
	fails 2 "not a number of bytes" random ""
	fails 2 "not a number" counter label many
}

@test "a name that is none is shown with the place" {
	fails 2 "not a subprincipal" extend 'Phase("a")'
	fails 2 "not a subprincipal" extend ""
	fails 2 "not a subprincipal" extend '.Phase("a'
	[[ $stderr == *$'\n  .Phase("a\n'*^* ]]
	fails 2 "not a statement" attest 'P('
	fails 2 "not a principal" attest --issuer '.A()' 'P()'
}

@test "without a channel it ends with 3 and says what that means" {
	for arguments in name "random 3" "extend .A()" "secret 3" "counter c" "attest A()"; do
		# shellcheck disable=SC2086 # words
		fails 3 "no channel to a Tao host" $arguments
		[[ $stderr == *"TAO_CHANNEL_FD"*"taoinit -f MANIFEST"* ]]
	done
	run --separate-stderr -3 "$tao" seal /dev/null
	run --separate-stderr -3 "$tao" unseal - </dev/null
}

@test "a channel that is none ends with 3 and is named" {
	TAO_CHANNEL_FD=7 fails 3 "TAO_CHANNEL_FD=7 names no open channel" name
	TAO_CHANNEL_FD=x fails 3 "TAO_CHANNEL_FD=x names no open channel" name
	CLOUDPROXY_TAO_HOST_SPEC=nonsense TAO_CHANNEL_FD=1 fails 3 "CLOUDPROXY_TAO_HOST_SPEC=nonsense" name
	# A script that has put a file there: nothing is written to it.
	: >"$BATS_TEST_TMPDIR/file"
	TAO_CHANNEL_FD=7 fails 3 "used it for a file" name 7<>"$BATS_TEST_TMPDIR/file"
	[ ! -s "$BATS_TEST_TMPDIR/file" ]
}

@test "files that cannot be read end with 4" {
	fails 4 "/nonexistent: No such file or directory" seal /nonexistent
	fails 4 "/: Is a directory" unseal /
}

@test "a host that closes at once ends with 4" {
	run -4 python3 -c '
import os, socket, sys
ours, theirs = socket.socketpair()
theirs.close()
os.dup2(ours.fileno(), 7)
os.execve(sys.argv[1], ["tao", "name"], {"TAO_CHANNEL_FD": "7"})' "$tao"
	[[ $output == *"closed the channel"* ]]
}
