#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# Sealing, shared secrets, attestations and counters as programs see them: who opens what, over restarts, boots and
# hosts, and what the others get. "one" and "other" are two programs that differ in one string.

load helpers

setup_file()
{
	helpers_setup_file
	musl-gcc -static -Os -Iclient -o "$tools/one" tests/helpers/sealer.c client/tao.c
	musl-gcc -static -Os -DOTHER -Iclient -o "$tools/other" tests/helpers/sealer.c client/tao.c
	musl-gcc -static -Os -o "$tools/relay" tests/helpers/relay.c
	chmod 755 "$tools"/*
}

setup()
{
	helpers_setup
	more=
	key=$work/keys/keys
}

teardown()
{
	helpers_teardown
}

words() # WORD…: as JSON strings
{
	printf ', "%s"' "$@"
}

# One boot of a host in which a program does what it is told; what it says stands in $said. $more: of its entry; $key:
# the host's keys.
boot() # PROGRAM VERB…
{
	cat >"$work/manifest.json" <<-EOF
		{ "version": 1, "host": { "root": { "type": "soft", "file": "$key" }, "guard": { "type": "${guard:-allow}" }, "admin": [] },
		  "services": { "s": { "exec": ["$tools/$1"$(words "${@:2}")], "type": "oneshot", "essential": true$more } } }
	EOF
	run_host
	said=$(grep -E '^(one|other) ' "$work/log" || true)
}

# Seals as program one under the policy and keeps the blob.
sealed() # POLICY [VERB…]
{
	boot one "${@:2}" seal "$1" "secret of one"
	sed -n 's/^one seal \([0-9a-f]*\)$/\1/p' "$work/log" >"$work/blob"
	[ -s "$work/blob" ]
}

opens() # PROGRAM [VERB…]
{
	boot "$1" "${@:2}" unseal "$work/blob"
	grep -qx "$1 unseal secret of one" <<<"$said"
}

refused() # PROGRAM [VERB…]
{
	boot "$1" "${@:2}" unseal "$work/blob"
	grep -qx "$1 unseal refused: principal not authorized for unseal" <<<"$said"
}

secret() # PROGRAM POLICY [VERB…]
{
	boot "$1" "${@:3}" secret "$2"
	sed -n "s/^$1 secret \([0-9a-f]*\)$/\1/p" "$work/log"
}

args=', "measure": { "args": true }'

@test "self: exactly the same name, over boots" {
	sealed self
	opens one
	refused other
	refused one extend X
	more=$args
	refused one
}

@test "self: who has extended its name opens after extending it again" {
	sealed self extend X
	refused one
	refused one extend Y
	opens one extend X
}

@test "self: with arguments in the name, other arguments do not open; without, they do" {
	more=$args
	sealed self
	refused one
	more=
	sealed self
	opens one
}

@test "few: the same name and the same entry" {
	more=', "env": { "A": "1" }'
	printf 736563726574206f66206f6e65 >"$work/text"
	: >"$work/blob"
	# The arguments are in the entry: sealing and opening must be asked by the same ones.
	boot one sealfile few "$work/text" unseal "$work/blob"
	sed -n 's/^one sealfile \([0-9a-f]*\)$/\1/p' "$work/log" >"$work/blob"
	boot one sealfile few "$work/text" unseal "$work/blob"
	grep -qx "one unseal secret of one" <<<"$said"
	more=', "env": { "A": "2" }'
	boot one sealfile few "$work/text" unseal "$work/blob"
	grep -qx "one unseal refused: principal not authorized for unseal" <<<"$said"
	more=', "env": { "A": "1" }'
	refused one
	refused other
}

@test "any: any program of the host" {
	sealed any
	opens one
	opens other
	opens other extend X
}

@test "program: the same program, whatever else was measured or said" {
	sealed program
	opens one
	opens one extend X
	more=$args
	opens one
	refused other
}

@test "another host's keys open nothing" {
	for policy in self few any program; do
		sealed "$policy"
		key=$work/other-keys/keys
		boot one unseal "$work/blob"
		grep -q "^one unseal refused: cannot unseal: " <<<"$said"
		key=$work/keys/keys
	done
}

@test "what is damaged opens nothing" {
	sealed any
	for byte in 1 2 20 80; do
		cp "$work/blob" "$work/good"
		sed "s/^\(.\{$((2 * byte))\}\)./\1$([ "$(cut -c$((2 * byte + 1)) "$work/good")" = f ] && echo 0 || echo f)/" "$work/good" >"$work/blob"
		boot one unseal "$work/blob"
		grep -q "^one unseal refused: cannot unseal: " <<<"$said"
		cp "$work/good" "$work/blob"
	done
	: >"$work/blob"
	boot one unseal "$work/blob"
	grep -q "^one unseal refused: cannot unseal: " <<<"$said"
}

@test "restarted by the same host, a program opens what it sealed before" {
	: >"$work/blob"
	manifest "\"s\": { \"exec\": [\"$tools/one\", \"seal\", \"self\", \"secret of one\", \"unseal\", \"$work/blob\", \"wait\"] }"
	start_host
	says waiting
	sed -n 's/^one seal \([0-9a-f]*\)$/\1/p' "$work/log" | head -n 1 >"$work/blob"
	ctl restart s
	says "one unseal secret of one"
}

@test "shared secrets: the same for whom the policy covers, and nobody else" {
	for policy in self few any program; do
		a=$(secret one $policy)
		[ "${#a}" -eq 32 ]
		[ "$a" = "$(secret one $policy)" ]
		b=$(secret other $policy)
		if [ $policy = any ]; then [ "$a" = "$b" ]; else [ "$a" != "$b" ]; fi
		x=$(secret one $policy extend X)
		case $policy in any | program) [ "$a" = "$x" ] ;; *) [ "$a" != "$x" ] ;; esac
		eval "all_$policy=$a"
	done
	# shellcheck disable=SC2154
	[ "$(printf '%s\n' "$all_self" "$all_few" "$all_any" "$all_program" | sort -u | wc -l)" -eq 4 ]
	key=$work/other-keys/keys
	[ "$(secret one any)" != "$all_any" ]
}

@test "rollback protection: the latest opens, and no other; the kinds are not mixed up" {
	boot one init c 5 get c pseal c self v1
	grep -qx "one counter 5" <<<"$said"
	sed -n 's/^one pseal \([0-9a-f]*\)$/\1/p' <<<"$said" >"$work/v1"
	boot one punseal "$work/v1" pseal c self v2 punseal "$work/v1" get c
	grep -qx "one punseal v1" <<<"$said"
	grep -qx "one punseal refused: RollbackProtectedUnseal bad counter" <<<"$said"
	grep -qx "one counter 6" <<<"$said" || grep -qx "one counter 7" <<<"$said"
	sed -n 's/^one pseal \([0-9a-f]*\)$/\1/p' <<<"$said" >"$work/v2"
	sealed self
	boot one punseal "$work/v2" unseal "$work/v2" punseal "$work/blob" punseal "$work/v1"
	grep -qx "one punseal v2" <<<"$said"
	grep -q "^one unseal refused: .*rollback-protected" <<<"$said"
	grep -q "^one punseal refused: .*not rollback-protected" <<<"$said"
	boot other punseal "$work/v2" get c
	grep -qx "other punseal refused: principal not authorized for unseal" <<<"$said"
	grep -qx "other get refused: No such counter" <<<"$said"
}

@test "rollback protection counts with the sealer, whoever opens: nobody turns it back with a counter of his own" {
	boot one init c 5 pseal c any v1 pseal c any v2
	sed -n 's/^one pseal \([0-9a-f]*\)$/\1/p' <<<"$said" | sed -n 1p >"$work/v1"
	sed -n 's/^one pseal \([0-9a-f]*\)$/\1/p' <<<"$said" | sed -n 2p >"$work/v2"
	boot other init c 6 punseal "$work/v1" punseal "$work/v2"
	grep -qx "other punseal refused: RollbackProtectedUnseal bad counter" <<<"$said"
	grep -qx "other punseal v2" <<<"$said"
}

@test "counters are one program's own, and never go back" {
	boot one init c 5 init c 4 init c 5 get c get d pseal d self x
	grep -qx "one init refused: a counter cannot be lowered" <<<"$said"
	grep -qx "one counter 5" <<<"$said"
	grep -qx "one get refused: No such counter" <<<"$said"
	grep -qx "one pseal refused: No such counter" <<<"$said"
	boot one get c
	grep -qx "one counter 5" <<<"$said"
	boot other get c
	grep -qx "other get refused: No such counter" <<<"$said"
}

@test "policies that are not there" {
	boot one seal bogus x seal rule: x secret bogus secret rule:x init c 1 pseal c bogus x
	grep -qx "one seal refused: policy not supported for Seal: bogus" <<<"$said"
	grep -qx "one seal refused: policy not supported for Seal: rule:" <<<"$said"
	grep -qx "one secret refused: policy not supported for GetSharedSecret: bogus" <<<"$said"
	grep -qx "one secret refused: policy not supported for GetSharedSecret: rule:x" <<<"$said"
	grep -qx "one pseal refused: policy not supported for Seal: bogus" <<<"$said"
}

@test "data too large: what could not come back to be opened is not sealed" {
	head -c 1048000 /dev/zero | od -An -v -tx1 | tr -d ' \n' >"$work/text"
	chmod 644 "$work/text"
	boot one sealfile any "$work/text"
	grep -q "^one sealfile refused: data too large: " <<<"$said"
}

# ---- raw requests: texts of errors ----

hex() # TEXT
{
	printf '%s' "$1" | od -An -v -tx1 | tr -d ' \n'
}

answers() # OP BODY-HEX ERROR
{
	local op header
	op=$(hex "$1")
	header=0a$(printf %02x $((${#op} / 2)))${op}1007
	manifest "\"s\": { \"exec\": [\"$tools/probe\", \"raw\", \"$(printf '%08x%s%08x%s' $((${#header} / 2)) "$header" $((${#2} / 2)) "$2")\", \"300\"], \"type\": \"oneshot\", \"essential\": true }"
	run_host
	grep -qF "$(hex "$3")" "$work/log" || { cat "$work/log"; false; }
}

@test "what is missing is named as programs know it" {
	answers Tao.GetSharedSecret 10001a0473656c66 "invalid size"
	answers Tao.GetSharedSecret 1a0473656c66 "invalid size"
	answers Tao.GetSharedSecret 10e13f1a0473656c66 "invalid size" # 8161
	answers Tao.GetSharedSecret 1010 "missing policy"
	answers Tao.Seal 0a0178 "missing policy"
	answers Tao.Unseal "" "cannot unseal"
	answers Tao.InitCounter 3a0163 "Label or counter unspecified"
	answers Tao.InitCounter 4001 "Label or counter unspecified"
	answers Tao.GetCounter "" "Label unspecified"
	answers Tao.RollbackProtectedSeal 0a01781a0473656c66 "Label unspecified"
	answers Tao.RollbackProtectedSeal 0a01783a0163 "Policy unspecified"
	answers Tao.RollbackProtectedSeal 1a0473656c663a0163 "Data unspecified"
	answers Tao.RollbackProtectedUnseal "" "Data unspecified"
	answers Tao.Attest "" "invalid statement: truncated"
	answers Tao.Attest 0a04070150ff "invalid statement"
	answers Tao.Attest 0a0407015000320a01036b65790401001100 "invalid issuer in statement"
	answers Tao.Attest 0a04070150003200 "invalid issuer in statement"
	long=$(printf '78%.0s' $(seq 1 300))
	answers Tao.RollbackProtectedSeal "0a01781a0473656c663aac02$long" "label too long"
	answers Tao.Seal "0a01781aac02$long" "policy not supported for Seal: xxx"
}

@test "a guard that denies: nothing runs, so nothing is asked" {
	guard=deny
	boot one seal self x
	[ -z "$said" ]
	grep -qF "the policy refuses to run it" "$work/log"
}

plaintext_stays_nowhere() # BYTES
{
	local size=$1
	[ "$(id -u)" -eq 0 ] || skip "reads another process's memory"
	head -c "$size" /dev/urandom | base64 -w 0 >"$work/plain"
	od -An -v -tx1 "$work/plain" | tr -d ' \n' >"$work/plain.hex"
	chmod 644 "$work/plain.hex"
	: >"$work/blob"
	manifest "\"one\": { \"exec\": [\"$tools/one\", \"sealfile\", \"self\", \"$work/plain.hex\", \"unseal\", \"$work/blob\", \"wait\"] },
		\"other\": { \"exec\": [\"$tools/other\", \"unseal\", \"$work/blob\", \"wait\"] }"
	start_host
	eventually '[ "$(grep -c "^waiting" "$work/log")" = 2 ]'
	sed -n 's/^one sealfile \([0-9a-f]*\)$/\1/p' "$work/log" | head -n 1 >"$work/blob"
	# The one that sealed still has it, so the search is one that finds.
	[ "$(python3 tests/helpers/scan_memory.py "$(pid_of one)" "$work/plain" 16)" = found ]
	[ "$(python3 tests/helpers/scan_memory.py "$host" "$work/plain" 16)" = clean ]
	ctl restart other
	says "other unseal refused: principal not authorized"
	[ "$(python3 tests/helpers/scan_memory.py "$host" "$work/plain" 16)" = clean ]
	ctl restart one
	eventually 'grep -aq "^one unseal ." "$work/log"'
	[ "$(python3 tests/helpers/scan_memory.py "$host" "$work/plain" 16)" = clean ]
}

@test "plaintext stays nowhere in the host, refused or not" {
	plaintext_stays_nowhere 300
}

@test "… nor does that of a large request, which the stream keeps in memory of its own" {
	plaintext_stays_nowhere 200000
}

@test "an attestation by the tao command: the program, now, for a year" {
	manifest "\"s\": { \"exec\": [\"$tools/tao\", \"attest\", \"--hex\", \"Ready(\\\"db\\\", 3)\"], \"type\": \"oneshot\", \"essential\": true }"
	run_host
	[ "$status" -eq 0 ]
	grep -qE '^0a[0-9a-f]{400,}$' "$work/log"
}
