#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# The taopolicy command.

setup()
{
	bats_require_minimum_version 1.5.0
	cd "$BATS_TEST_DIRNAME/../.." || exit 1
	O=${O:-build}
	taopolicy=$PWD/$O/taopolicy
	work=$BATS_TEST_TMPDIR
	policy "$work/policy" 3 01
	"$taopolicy" keygen "$work/key" >"$work/hash"
	at=--at=2026-05-05T05:05:05Z
}

policy() # FILE VERSION PROGRAM
{
	cat >"$1" <<-END
		tao-policy: 1
		domain: example.org
		version: $2
		valid-from: 2026-01-01T00:00:00Z
		valid-until: 2027-01-01T00:00:00Z
		guard: datalog

		# Hosts and programs by hash.
		TrustedHost(key([70]))
		TrustedProgramHash(ext.Program([$3]))
		(forall P: forall Host: forall Hash: TrustedHost(Host) and TrustedProgramHash(Hash)
		    and Subprin(P, Host, Hash) implies MemberProgram(P))
		(forall P: MemberProgram(P) implies Authorized(P, "Execute"))
	END
}

# Fails with the status and the text in its complaint.
fails() # STATUS TEXT ARGUMENT…
{
	run --separate-stderr "-$1" "$taopolicy" "${@:3}"
	[[ $stderr == "taopolicy: "* ]]
	[[ $stderr == *"$2"* ]]
}

@test "every command of the table is in the overview, has help and stands in the manual page with its options" {
	run -0 "$taopolicy" --help
	overview=$output
	commands=$(sed -n 's/^POLICY_CMD(\([a-z]*\),.*/\1/p' init/tao_policy.def)
	[ "$(wc -w <<<"$commands")" -ge 7 ]
	for command in $commands; do
		grep -q "^  $command " <<<"$overview"
		run -0 "$taopolicy" "$command" --help
		[[ ${lines[0]} == "usage: taopolicy $command"* ]]
		grep -qE "^\.It Cm $command( |$)" docs/taopolicy.1
		for option in $(sed -n 's/^  --\([a-z-]*\).*/\1/p' <<<"$output"); do
			grep -q "^\.It Fl -$option" docs/taopolicy.1
		done
	done
}

@test "wrong usage ends with 2 and says what" {
	fails 2 "no command given"
	fails 2 "unknown command: frob" frob
	fails 2 "unknown option: --frob" check --frob "$work/policy"
	fails 2 "argument missing" sign
	fails 2 "too many arguments" show "$work/policy" other
	fails 2 "needs a value" sign --key
	fails 2 "which key?" sign "$work/policy"
	fails 4 "No such file" show "$work/none"
}

@test "a key is made once, in a file for its owner alone" {
	[[ $(cat "$work/hash") =~ ^[0-9a-f]{64}$ ]]
	[ "$(stat -c %a "$work/key")" = 600 ]
	cp "$work/key" "$work/copy"
	fails 1 "is there already" keygen "$work/key"
	cmp "$work/key" "$work/copy"
}

@test "what is signed is accepted, with the key by file or by hash, and by openssl too" {
	"$taopolicy" sign --key "$work/key" --output "$work/signed" "$work/policy"
	run -0 "$taopolicy" check "$at" --key "$work/key" "$work/signed"
	[ -z "$output" ]
	"$taopolicy" check "$at" --key "$(cat "$work/hash")" "$work/signed"
	# ContextualizedData{ context, data } of the bytes above "signed-by", as anybody may compute it.
	python3 - "$work" <<-'END'
		import sys
		work = sys.argv[1]
		text = open(work + "/signed", "rb").read()
		body, lines = text.split(b"signed-by: ")
		spki, signature = lines.split(b"\nsignature: ")
		n, size = len(body), b""
		while n >= 128: size, n = size + bytes([n & 127 | 128]), n >> 7
		context = b"Tao Policy Signing Context V1"
		message = b"\x0a" + bytes([len(context)]) + context + b"\x12" + size + bytes([n]) + body
		open(work + "/message", "wb").write(message)
		open(work + "/spki", "wb").write(bytes.fromhex(spki.decode()))
		open(work + "/signature", "wb").write(bytes.fromhex(signature.decode()))
	END
	openssl pkey -pubin -inform DER -in "$work/spki" -out "$work/pem"
	openssl dgst -sha256 -verify "$work/pem" -signature "$work/signature" "$work/message"
	[ "$(sha256sum <"$work/spki" | cut -d ' ' -f 1)" = "$(cat "$work/hash")" ]
	# Signing again replaces the signature.
	"$taopolicy" sign --key "$work/key" "$work/signed" | cmp - "$work/signed"
}

@test "an encrypted key needs its passphrase" {
	echo "correct horse" >"$work/pass"
	echo "battery staple" >"$work/other"
	"$taopolicy" keygen --passphrase-file "$work/pass" "$work/sealed"
	fails 2 "is encrypted" sign --key "$work/sealed" "$work/policy"
	fails 1 "wrong passphrase" sign --key "$work/sealed" --passphrase-file "$work/other" "$work/policy"
	"$taopolicy" sign --key "$work/sealed" --passphrase-file "$work/pass" "$work/policy" >"$work/signed"
	"$taopolicy" check "$at" --key "$work/sealed" "$work/signed"
	fails 1 "signed by another key" check "$at" --key "$work/key" "$work/signed"
}

@test "check tells what is wrong" {
	"$taopolicy" sign --key "$work/key" "$work/policy" >"$work/signed"
	fails 1 "line 14: there is no signature" check "$at" "$work/policy"
	"$taopolicy" check --unsigned "$work/policy"
	fails 1 "not valid any more" check --at 2027-01-01T00:00:00Z "$work/signed"
	fails 1 "not valid yet" check --at 2025-12-31T23:59:59Z "$work/signed"
	fails 1 "an older version" check "$at" --least 4 "$work/signed"
	"$taopolicy" check "$at" --least 3 "$work/signed"
	sed 's/\[01\]/[02]/' "$work/signed" >"$work/changed"
	fails 1 "line 15: the signature does not verify" check "$at" "$work/changed"
	echo "forall X: A(X) or B(X) implies C(X)" >>"$work/policy"
	fails 1 "line 14: or stands in a condition" check --unsigned "$work/policy"
	fails 1 "line 14: or stands in a condition" sign --key "$work/key" "$work/policy"
}

@test "show prints the head and the signer" {
	"$taopolicy" sign --key "$work/key" "$work/policy" >"$work/signed"
	run -0 "$taopolicy" show "$work/signed"
	[[ $output == *"domain: example.org"*"version: 3"*"rules: 4"*"signed-by: $(cat "$work/hash")" ]]
	run -0 "$taopolicy" show "$work/policy"
	[[ $output == *"signed-by: nobody" ]]
}

@test "query answers, and why" {
	run -0 "$taopolicy" query --why "$work/policy" 'key([70]).Program([01])' Execute
	[[ $output == "allow: Authorized by the rule of line 13"*"TrustedHost(key([70])): line 9"*"built in"* ]]
	run -1 "$taopolicy" query --why "$work/policy" 'key([70]).Program([02])' Execute
	[[ $output == "deny: no rule allows it"*"missing: TrustedProgramHash(ext.Program([02]))"* ]]
	fails 2 "not a question" query "$work/policy" 'key([70' Execute
	echo 'Authorized(key([70]), "Start", "db")' >>"$work/policy"
	"$taopolicy" query "$work/policy" 'key([70])' Start '"db"'
	run -1 "$taopolicy" query "$work/policy" 'key([70])' Start '"web"'
}

@test "test compares with expectations, in TAP" {
	cat >"$work/expect" <<-'END'
		# what must hold
		allow Authorized(key([70]).Program([01]), "Execute")
		deny Authorized(key([70]).Program([02]), "Execute")
	END
	run -0 "$taopolicy" test "$work/policy" "$work/expect"
	[ "${lines[-1]}" = "1..2" ]
	echo 'allow Authorized(key([71]), "Execute")' >>"$work/expect"
	echo 'perhaps' >>"$work/expect"
	run -1 "$taopolicy" test "$work/policy" "$work/expect"
	[[ $output == *"not ok 3 - allow Authorized(key([71])"*"not ok 4 - perhaps"*"1..4" ]]
	: >"$work/empty"
	run -1 "$taopolicy" test "$work/policy" "$work/empty"
}

@test "diff prints the decisions that change" {
	policy "$work/new" 4 02
	run -1 "$taopolicy" diff "$work/policy" "$work/new"
	[ "${lines[0]}" = '- Authorized(key([70]).Program([01]), "Execute")' ]
	[ "${lines[1]}" = '+ Authorized(key([70]).Program([02]), "Execute")' ]
	[ ${#lines[@]} = 2 ]
	echo 'Deny(key([70]).Program([02]), "Execute")' >>"$work/new"
	run -1 "$taopolicy" diff "$work/policy" "$work/new"
	[ ${#lines[@]} = 1 ]
	run -0 "$taopolicy" diff "$work/policy" "$work/policy"
	[ -z "$output" ]
	# Where names grow without end it says so, and answers what it is asked.
	cat >>"$work/new" <<-'END'
		(forall S: forall H: forall E: TrustedHost(H) and TrustedProgramHash(E) and Subprin(S, H, E)
		    implies TrustedHost(S))
	END
	P='key([70]).Program([02])'
	for _ in {1..40}; do P="$P.Program([02])"; done
	echo "Authorized($P, \"Execute\")" >"$work/questions"
	run --separate-stderr -1 "$taopolicy" diff "$work/policy" "$work/new" "$work/questions"
	[[ $stderr == *"not all that it allows can be listed"* ]]
	[[ $output == *"+ Authorized($P, \"Execute\")"* ]]
}
