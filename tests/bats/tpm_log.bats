#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# The event log of a root in a TPM, for others: over the admin channel and as a file, in the TCG's two forms; against a
# prediction; with the policies in it; and what tpm2-tools make of it, of our quotes and of our keys.

load helpers
load tpm_helpers

setup_file()
{
	tpm_setup_file
	pin=$("$tools/taopolicy" keygen "$BATS_FILE_TMPDIR/key")
	export pin
}

setup()
{
	tpm_setup
}

teardown()
{
	tpm_teardown
}

# A host that stays.
stay()
{
	tpm_manifest
	sed -i 's/, "essential": true//' "$work/manifest.json"
	start_tpm
	start_host
	eventually '[ "$(state_of z)" = done ]'
}

# Replays CEL-JSON as a verifier that knows nothing of ours would: prints the PCR's value.
replay_cel()
{
	python3 -c '
import hashlib, json, sys
value = bytes(32)
for n, r in enumerate(json.load(sys.stdin)):
    assert r["recnum"] == n and r["pcr"] == 15 and r["content_type"] == "pcclient_std"
    assert r["content"]["event_type"] == "EV_EVENT_TAG"
    digest, = r["digests"]
    assert digest["hashAlg"] == "sha256"
    assert hashlib.sha256(bytes.fromhex(r["content"]["event_data"])).hexdigest() == digest["digest"]
    value = hashlib.sha256(value + bytes.fromhex(digest["digest"])).digest()
print(value.hex())'
}

# Signs version $1 of a policy with the rules $2.
policy() # VERSION RULES
{
	{
		printf '%s\n' 'tao-policy: 1' 'domain: test' "version: $1" 'valid-from: 2020-01-01T00:00:00Z' \
			'valid-until: 2045-01-01T00:00:00Z' 'guard: datalog' '' "$2"
	} >"$work/policy.new"
	"$tools/taopolicy" sign --key "$BATS_FILE_TMPDIR/key" --output "$work/policy.signed" "$work/policy.new"
	cp "$work/policy.signed" "$work/policy.next"
	mv "$work/policy.next" "$work/policy"
}

@test "the log over the admin channel is the file and replays to the PCR, as CEL-JSON too" {
	stay
	run -0 ctl eventlog "$work/log1"
	cmp "$work/log1" "$dir/tpm/eventlog"
	run -0 "$verify" log --value "$(pcr15)" "$work/log1"
	ctl eventlog >"$work/log2"
	cmp "$work/log1" "$work/log2"
	[ "$(ctl --json eventlog | replay_cel)" = "$(pcr15)" ]
	[ "$("$verify" log --cel --value "$(pcr15)" "$work/log1" | replay_cel)" = "$(pcr15)" ]
	run -1 "$verify" log --cel --value "$(printf '%064d' 0)" "$work/log1"
	run -1 ctl eventlog "$work/log3" "$work/firmware"
	assert_line --partial "no log of this machine's firmware"
	run -2 ctl eventlog a b c
	run -1 ctl eventlog /no/such/file
}

@test "the firmware's log is beside it" {
	tpm_manifest
	sed -i 's/, "essential": true//' "$work/manifest.json"
	start_tpm
	head -c 3000 /dev/urandom >"$work/bios"
	start_host unshare --mount sh -c 'mount -t tmpfs none /sys/kernel && mkdir -p /sys/kernel/security/tpm0 &&
		cp "$1" /sys/kernel/security/tpm0/binary_bios_measurements && shift && exec "$@"' sh "$work/bios"
	eventually '[ "$(state_of z)" = done ]'
	run -0 ctl eventlog "$work/log1" "$work/firmware"
	cmp "$work/firmware" "$work/bios"
	cmp "$dir/tpm/firmware" "$work/bios"
}

@test "who has no TPM has no log" {
	manifest "\"z\": { \"exec\": [\"$tools/tao\", \"name\"], \"type\": \"oneshot\" }"
	start_host
	run -1 ctl eventlog "$work/log1"
	assert_line --partial "nothing has been measured"
}

@test "a log against predictions, event by event" {
	stay
	cp "$work/manifest.json" "$work/good.json"
	echo >>"$work/manifest.json"
	sed 's/"allow"/"deny"/' "$work/good.json" >"$work/deny.json"
	log=$dir/tpm/eventlog
	run -0 "$verify" diff "$log" "$work/good.json"
	assert_line "  START    taoinit 1"
	assert_line "  READY    "
	assert_line --partial "* LAUNCH   .Program(["
	run -1 "$verify" diff "$log" "$work/manifest.json"
	assert_line "- MANIFEST $(sha256sum <"$work/manifest.json" | cut -d' ' -f1)"
	assert_line "+ MANIFEST $(sha256sum <"$work/good.json" | cut -d' ' -f1)"
	assert_line '  GUARD    .TrivialGuard("Liberal")'
	run -1 "$verify" diff "$log" "$work/deny.json"
	assert_line --partial "- GUARD    .TrivialGuard("
	assert_line '+ GUARD    .TrivialGuard("Liberal")'
	# One of several is enough.
	run -0 "$verify" diff "$log" "$work/deny.json" "$work/good.json"
	run -0 "$verify" diff --json "$log" "$work/good.json"
	[ "$(jq -r '[.same, .events[0].log, .events[3].event, .events[4].predicted] | @tsv' <<<"$output")" = "$(printf 'true\ttaoinit 1\tREADY\t')" ]
	run -1 "$verify" diff --json "$log" "$work/deny.json"
	[ "$(jq -r '.same, (.events[] | select(.predicted and .predicted != .log) | .event)' <<<"$output" | tr '\n' ' ')" = "false MANIFEST GUARD " ]
	# Too short, and none.
	head -c 200 "$log" >"$work/short"
	run -1 "$verify" diff "$work/short" "$work/good.json"
	assert_line --partial truncated
	head -c 65 "$log" >"$work/short"
	run -1 "$verify" diff "$work/short" "$work/good.json"
	assert_line "- READY    "
	run -1 "$verify" diff "$work/good.json" "$work/good.json"
	run -2 "$verify" diff "$log"
	run -4 "$verify" diff /no/such/file "$work/good.json"
	run -1 "$verify" diff "$log" /no/such/file
}

@test "each policy is in the log and the PCR before it is in force, once" {
	tpm_manifest
	sed -i 's/, "essential": true//; s,"guard": { "type": "allow" },"guard": { "type": "datalog"\, "file": "'"$work/policy"'"\, "key": "'"$pin"'" },' "$work/manifest.json"
	policy 3 'Program("a")'
	start_tpm
	start_host
	says "version 3, is in force"
	run -0 "$verify" log --value "$(pcr15)" "$dir/tpm/eventlog"
	assert_line -n 4 "POLICY   version 3, $(sha256sum <"$work/policy" | cut -d' ' -f1)"
	policy 4 'Program("b")'
	run -0 ctl reload
	says "version 4, is in force"
	run -0 "$verify" log --value "$(pcr15)" "$dir/tpm/eventlog"
	assert_line -n 5 "POLICY   version 4, $(sha256sum <"$work/policy" | cut -d' ' -f1)"
	# The same again is no other.
	run -0 ctl reload
	run -0 "$verify" log --value "$(pcr15)" "$dir/tpm/eventlog"
	[ "$(grep -c '^POLICY' <<<"$output")" = 2 ]
	# What is refused is not in it.
	policy 2 'Program("c")'
	run -1 ctl reload
	# Neither is what could not be stored; it is not in force.
	policy 5 'Program("d")'
	stop_tpm
	run -1 ctl reload
	assert_line --partial "its version cannot be stored"
	assert_line --partial "the old policy stays in force"
	run ! grep -q "version 5, is in force" "$work/log"
	run -0 "$verify" log "$dir/tpm/eventlog"
}

# ---- what others say ----

# Of an attestation: the quote, its signature, the key, what it is about, and the PCRs of the name.
take_quote()
{
	tpm_manifest
	sed -i 's/"name"\]/"attest", "--hex", "Pred(1)"]/' "$work/manifest.json"
	boot
	sed -n 's/.*this host is tpm2(.*"15", "\([0-9a-f]*\)".*/\1/p' "$work/log" >"$dir/pcr.hex"
	grep -E '^[0-9a-f]+$' "$work/log" | python3 -c '
import sys
d = sys.argv[1]
a = bytes.fromhex(sys.stdin.read().strip())
quote = a.index(b"\xffTCG")
attest = a[quote : quote + 145]
signature = a.index(bytes.fromhex("0018000b0020"))
spki = a.rindex(bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200"))
for name, data in (("attest", attest), ("signature", a[signature : signature + 72]), ("ak.der", a[spki : spki + 91]), ("pcrs", bytes.fromhex(open(d + "/pcr.hex").read()))):
    open(d + "/" + name, "wb").write(data)
open(d + "/extra", "w").write(attest[44:76].hex())' "$dir"
	openssl ec -pubin -inform der -in "$dir/ak.der" -out "$dir/ak.pem" 2>/dev/null
}

check_quote() # ATTEST [SIGNATURE [PCRS [EXTRA]]]
{
	tpm2_checkquote -Q -u "$dir/ak.pem" -m "$1" -s "${2:-$dir/signature}" -g sha256 \
		-q "${4:-$(cat "$dir/extra")}" -f "${3:-$dir/pcrs}" -l sha256:15
}

# The file with one bit of byte AT turned over, as $dir/bent.
bend() # FILE AT
{
	python3 -c 'import sys
a = bytearray(open(sys.argv[1], "rb").read())
a[int(sys.argv[2])] ^= 1
open(sys.argv[3], "wb").write(a)' "$1" "$2" "$dir/bent"
}

@test "tpm2_checkquote accepts our quote, and refuses each mutation of it" {
	take_quote
	check_quote "$dir/attest"
	# magic, type, signer, what it is about, clock, resets, firmware, selection, digest
	for at in 0 4 5 8 30 44 60 75 76 84 88 92 94 101 105 107 109 112 113 130 144; do
		bend "$dir/attest" "$at"
		run check_quote "$dir/bent"
		[ "$status" != 0 ] || { echo "attest, byte $at"; false; }
	done
	for at in 0 3 6 20 37 40 55 71; do
		bend "$dir/signature" "$at"
		run check_quote "$dir/attest" "$dir/bent"
		[ "$status" != 0 ] || { echo "signature, byte $at"; false; }
	done
	for at in 0 31; do
		bend "$dir/pcrs" "$at"
		run check_quote "$dir/attest" "$dir/signature" "$dir/bent"
		[ "$status" != 0 ] || { echo "PCR, byte $at"; false; }
	done
	run check_quote "$dir/attest" "$dir/signature" "$dir/pcrs" "$(printf '%064d' 0)"
	[ "$status" != 0 ]
	openssl ecparam -name prime256v1 -genkey -noout | openssl ec -pubout -out "$dir/ak.pem" 2>/dev/null
	run check_quote "$dir/attest"
	[ "$status" != 0 ]
}

# The blobs of the key file as tpm2-tools take them: ak.pub, ak.priv, kek.pub, kek.priv.
take_blobs()
{
	python3 -c '
import struct, sys
a = open(sys.argv[1] + "/tpm/keys", "rb").read()
at = 14 + 68 + 4
pcrs, = struct.unpack(">I", a[at : at + 4])
at += 4 + 32 * bin(pcrs).count("1")
for name in ("log", "ak.pub", "ak.priv", "kek.pub", "kek.priv"):
    n, = struct.unpack(">H", a[at : at + 2])
    open(sys.argv[1] + "/" + name, "wb").write(a[at : at + 2 + n])
    at += 2 + n' "$dir"
}

srk()
{
	tpm2_createprimary -Q -C o -g sha256 -G ecc256:null:aes128cfb -c "$dir/srk" \
		-a 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda|restricted|decrypt'
}

attributes() # BLOB
{
	tpm2_flushcontext -t
	tpm2_load -Q -C "$dir/srk" -u "$dir/$1.pub" -r "$dir/$1.priv" -c "$dir/$1.ctx"
	tpm2_readpublic -c "$dir/$1.ctx"
}

@test "tpm2_readpublic shows what our keys may do" {
	tpm_manifest
	boot
	take_blobs
	srk
	run -0 attributes ak
	assert_line --partial "value: fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda|restricted|sign"
	run -0 attributes kek
	assert_line --partial "value: fixedtpm|fixedparent|adminwithpolicy|noda"
	tpm2_flushcontext -t
	run -0 tpm2_readpublic -c "$dir/srk"
	assert_line --partial "value: fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda|restricted|decrypt"
}

@test "a key sealed by us opens with tpm2-tools at what was predicted, and not after READY" {
	tpm_manifest
	boot
	take_blobs
	start_tpm
	tpm2_startup -Q -c
	for digest in $(python3 -c '
import json, sys
for r in json.load(sys.stdin)[:3]:
    print(r["digests"][0]["digest"])' < <("$verify" log --cel "$dir/tpm/eventlog")); do
		tpm2_pcrextend "15:sha256=$digest"
	done
	[ "$(pcr15)" = "$("$verify" predict "$work/manifest.json" | sed -n 's/^sealed: //p')" ]
	srk
	tpm2_load -Q -C "$dir/srk" -u "$dir/kek.pub" -r "$dir/kek.priv" -c "$dir/kek.ctx"
	tpm2_flushcontext -t
	tpm2_unseal -c "$dir/kek.ctx" -p pcr:sha256:15 -o "$dir/kek"
	[ "$(stat -c %s "$dir/kek")" = 32 ]
	tpm2_flushcontext -t
	tpm2_flushcontext -l
	# The empty password does not.
	run tpm2_unseal -c "$dir/kek.ctx"
	[ "$status" != 0 ]
	tpm2_pcrextend "15:sha256=$(printf '\003OAT\000\000\000\000' | sha256sum | cut -d' ' -f1)"
	[ "$(pcr15)" = "$("$verify" predict "$work/manifest.json" | sed -n 's/^ready: //p')" ]
	tpm2_flushcontext -t
	run tpm2_unseal -c "$dir/kek.ctx" -p pcr:sha256:15
	[ "$status" != 0 ]
}
