#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# taoverify, and the library of the same code. Attestations are CloudProxy's, from tests/vectors.

setup()
{
	bats_require_minimum_version 1.5.0
	cd "$BATS_TEST_DIRNAME/../.." || exit 1
	O=${O:-build}
	verify=$O/taoverify
	work=$BATS_TEST_TMPDIR
	for name in direct chain chain-wrong-key no-delegation bad-signature; do
		vector "$name" Attestation | tr a-f A-F | basenc -d --base16 >"$work/$name"
	done
	said=$(vector chain Statement)
	key=$(grep -o '^key(\[[0-9a-f]*\])' <<<"$said")
	hash=${key#key(\[}
	hash=${hash%\])}
}

vector() # NAME FIELD: of the first such case
{
	jq -r "first(.[] | select(.Name == \"$1\")) | .$2" tests/vectors/attestation.json
}

# Ends with the status and the text in its complaint, and says nothing on standard output.
fails() # STATUS TEXT ARGUMENT…
{
	run --separate-stderr "-$1" "$verify" "${@:3}"
	[ -z "$output" ]
	[[ $stderr == "taoverify: "*"$2"* ]]
}

attestation() # ARGUMENT…
{
	run --separate-stderr -0 "$verify" attestation --at 5000 "$@"
}

@test "help names every command, option and exit status; so does the manual page" {
	run -0 "$verify" --help
	for command in $(sed -n 's/^VERIFY_CMD(\([a-z]*\),.*/\1/p' init/verify_cmd.def); do
		grep -q "^  $command " <<<"$output"
		grep -q "^\.It Cm $command\b" docs/taoverify.1
	done
	for option in at trust json; do
		grep -q "^  --$option" <<<"$output"
		grep -q "^\.It Fl -$option" docs/taoverify.1
	done
	for status in 0 1 2 4; do
		grep -q "Exit status:.* $status " <<<"$output"
		grep -q "^\.It $status\$" docs/taoverify.1
	done
	[ "$("$verify" attestation --help)" = "$output" ]
}

@test "usage errors end with 2" {
	fails 2 "no command given"
	fails 2 "unknown command: quota" quota
	fails 2 "which file?" attestation
	fails 2 "one file at a time: b" attestation a b
	fails 2 "--frob: unknown option" attestation --frob "$work/chain"
	fails 2 "--at: unknown option, or its value is missing" attestation "$work/chain" --at
	fails 2 "not a principal: key([0g])" attestation --trust 'key([0g])' "$work/chain"
	fails 2 "not a P-256 public key" attestation --trust "$work/chain" "$work/chain"
	for time in "" never 5x 5.0 99999999999s 2026-02-29T00:00:00Z 2026-01-01 2026-01-01T00:00:00 \
		2026-01-01T24:00:00Z 2026-13-01T00:00:00Z 2026-01-01T00:00:00+25:00 9999-01-01T00:00:00Z; do
		fails 2 "not a time" attestation --at "$time" "$work/chain"
	done
}

@test "a file that cannot be read ends with 4, and so does output that cannot be written" {
	fails 4 "No such file" attestation "$work/none"
	fails 4 "No such file" attestation --trust "$work/none" "$work/chain"
	run -4 bash -c "'$verify' attestation --at 5000 '$work/chain' >/dev/full"
}

@test "what is believed is printed, with its times and its root" {
	attestation "$work/chain"
	[ "${lines[0]}" = "$said" ]
	[ "${lines[1]}" = "speaker: ${said%% from *}" ]
	[ "${lines[3]}" = "root: $key" ]
	[ "${lines[4]}" = "trusted: not checked" ]
	attestation --at=5000ns "$work/direct"
	[ "${lines[0]}" = "$(vector direct Statement)" ]
	[[ ${lines[2]} == "valid: from 1970-01-01T00:00:00Z until 2255-"* ]]
}

@test "binary, hex, base64, and standard input" {
	for way in "cat" "od -An -v -tx1" "base64" "base64 -w 0"; do
		$way "$work/chain" >"$work/file"
		attestation "$work/file"
		[ "${lines[0]}" = "$said" ]
		run -0 bash -c "'$verify' attestation --at 5000 - <'$work/file'"
		[ "${lines[0]}" = "$said" ]
	done
	printf '0a1' >"$work/file"
	fails 1 "neither binary nor whole hex or base64" attestation "$work/file"
	printf 'not an attestation.' >"$work/file"
	fails 1 "not an attestation" attestation "$work/file"
	: >"$work/file"
	fails 1 "not an attestation" attestation "$work/file"
}

@test "each refusal says why" {
	fails 1 "statement: its signature does not verify" attestation --at 5000 "$work/bad-signature"
	fails 1 "no delegation stands with it" attestation --at 5000 "$work/no-delegation"
	fails 1 "delegation 1: delegates to another than the signer" attestation --at 5000 "$work/chain-wrong-key"
	[[ $stderr == *$'\nlevel 0: key('*" says P(); until "*$'\nlevel 1: key('*" speaksfor "*", signed by key("*" (refused at "*"Z)" ]]
	fails 1 "statement: expired" attestation --at 7000 "$work/chain"
	fails 1 "statement: not valid yet" attestation --at 2500 "$work/chain"
	[[ $stderr == *" says P(); from 1970-01-01T00:00:00Z until "*" (refused at 1970-01-01T00:00:00Z)"* ]]
	fails 1 "delegation 1: expired" attestation --at 2100-01-01T00:00:00Z "$work/chain"
	fails 1 "delegation 1: expired" attestation "$work/chain"
	head -c 100 "$work/chain" >"$work/part"
	fails 1 "not an attestation" attestation "$work/part"
}

@test "times in all their forms" {
	# direct is valid from 1000 ns for 285 years.
	for time in 1000 1000ns 1s 1970-01-01T00:00:00.000001Z 1970-01-01t00:00:00.000001000z \
		"1970-01-01 01:00:00.000001+01:00" 1969-12-31T23:59:00.000001-00:01 2024-02-29T23:59:60Z 8999999999s; do
		run -0 "$verify" attestation --at "$time" "$work/direct"
	done
	for time in 999 -1s 1970-01-01T00:00:00Z 1970-01-01T00:00:00.000000999Z 1969-12-31T23:59:59.999999Z \
		1970-01-01T00:00:01+00:01 1700-03-01T00:00:00Z; do
		fails 1 "not valid yet" attestation --at "$time" "$work/direct"
	done
	fails 1 "expired" attestation --at 9000000000s "$work/direct"
}

@test "trusted roots, in each of their forms" {
	for root in "$key" "$hash" "${hash^^}" "${said%% from *}"; do
		attestation --trust "$root" "$work/chain"
		[ "${lines[4]}" = "trusted: $root" ]
	done
	attestation --trust "key([00])" --trust="$key" "$work/chain"
	[ "${lines[4]}" = "trusted: $key" ]
	for root in "key([00])" "${hash//[0-9]/0}" "$key.Other()" "${said%% from *}.More()" "tpm2([$hash])"; do
		fails 1 "none of the trusted principals" attestation --at 5000 --trust "$root" "$work/chain"
	done
}

@test "from which part on a speaker's name is another than the trusted one that is most like it" {
	speaker=${said%% from *}
	rest=${speaker#"$key"}
	for others in "" "--trust=key([00])"; do
		fails 1 "none of the trusted principals" attestation --at 5000 --trust "$key.Other()" ${others:+"$others"} "$work/chain"
		[[ $stderr == *$'\n'"differs: ${rest:0:100}"$'\n'"trusted: .Other()"$'\n'"level 0: "* ]]
	done
	fails 1 "none of the trusted principals" attestation --at 5000 --trust "$key.Other()" --trust "$speaker.More()" "$work/chain"
	[[ $stderr == *$'\n'"trusted: ."*".More()"$'\n'* ]]
	fails 1 "none of the trusted principals" attestation --at 5000 --trust "key([00])" "$work/chain"
	[[ $stderr != *"differs: "* ]]
}

@test "a key file is a trusted root" {
	openssl ecparam -name prime256v1 -genkey -noout -out "$work/other.pem" 2>/dev/null
	openssl ec -in "$work/other.pem" -pubout -out "$work/other.pub" 2>/dev/null
	openssl ec -in "$work/other.pem" -pubout -outform DER -out "$work/other.der" 2>/dev/null
	# The root's own: field 3 of direct, 91 bytes.
	at=$(LC_ALL=C grep -obUaP '\x1a\x5b\x30\x59' "$work/direct" | head -n 1 | cut -d: -f1)
	tail -c +$((at + 3)) "$work/direct" | head -c 91 >"$work/root.der"
	openssl ec -pubin -inform DER -in "$work/root.der" -out "$work/root.pub" 2>/dev/null
	[ "$(sha256sum <"$work/root.der")" = "$hash  -" ]
	for file in root.der root.pub; do
		attestation --trust "$work/$file" "$work/direct"
		[ "${lines[4]}" = "trusted: $work/$file" ]
	done
	for file in other.der other.pub; do
		fails 1 "none of the trusted principals" attestation --at 5000 --trust "$work/$file" "$work/direct"
	done
	fails 2 "not a P-256 public key" attestation --trust "$work/other.pem" "$work/direct"
}

@test "the JSON has the documented shape" {
	attestation --json --trust "$key" "$work/chain"
	[ "$(jq -c 'keys_unsorted' <<<"$output")" = \
		'["believed","at","statement","speaker","message","from","until","root","trusted","chain"]' ]
	[ "$(jq -c '.chain[0] | keys_unsorted' <<<"$output")" = \
		'["signer_type","signer","statement","speaker","from","until","verified"]' ]
	[ "$(jq -r '.chain | map(.verified) | join(" ")' <<<"$output")" = "signature signature" ]
	[ "$(jq -r .statement <<<"$output")" = "$said" ]
	[ "$(jq -r '[.believed, .at, .from, .until, .root, .trusted] | join(" ")' <<<"$output")" = \
		"true 5000 3000 7000 $key $key" ]
	[ "$(jq -r '.chain | map(.from) | join(" ")' <<<"$output")" = "3000 2000" ]
	for word in believed at statement speaker message from until root trusted chain reason signer_type signer; do
		grep -qE "^\.It Cm (.* )?$word\b" docs/taoverify.1
	done
	attestation --json "$work/chain"
	[ "$(jq -r .trusted <<<"$output")" = null ]
	run --separate-stderr -1 "$verify" attestation --json --at 5000 "$work/bad-signature"
	[ "$(jq -c 'keys_unsorted' <<<"$output")" = '["believed","at","reason","chain"]' ]
	[ "$(jq -r .reason <<<"$output")" = "statement: its signature does not verify" ]
	[[ $stderr == *"signature does not verify"* ]]
}

@test "a program links the library with nothing else, and gets the same answers" {
	make -s install O="$O" DESTDIR="$work/installed" PREFIX=/usr
	cat >"$work/program.c" <<-'EOF'
		#include <stdio.h>
		#include <taoverify.h>
		int br_sha256_init = 7; /* a name of the library's inside, free for others */
		int main(int argc, char **argv)
		{
			static unsigned char bytes[65536], root[256];
			static struct taoverify_result result;
			static char text[65536];
			struct taoverify_bytes trusted = { root, 0 };
			struct taoverify_options options = { 5000, &trusted, 0 };
			FILE *file = fopen(argv[1], "rb");
			size_t n = file != NULL ? fread(bytes, 1, sizeof bytes, file) : 0;
			if (argc > 2) {
				int size = taoverify_principal(argv[2], root, sizeof root);
				if (size < 0)
					return 3;
				trusted.size = (size_t)size;
				options.n_trusted = 1;
			}
			int r = taoverify_attestation(bytes, n, &options, &result);
			if (r == TAOVERIFY_OK && taoverify_statement(&result, text, sizeof text) < 0)
				return 4;
			puts(r == TAOVERIFY_OK ? text : result.reason);
			return r == TAOVERIFY_OK ? 0 : br_sha256_init - 6;
		}
	EOF
	for flags in "-O0" "-O2 -static" "-O2 -Wl,--gc-sections -no-pie"; do
		# shellcheck disable=SC2086 # words
		gcc -std=c99 -Wall -Wextra -Werror $flags -I"$work/installed/usr/include" -o "$work/program" "$work/program.c" \
			-L"$work/installed/usr/lib" -ltaoverify
		run -0 "$work/program" "$work/chain"
		[ "$output" = "$said" ]
		run -0 "$work/program" "$work/chain" "$key"
		run -1 "$work/program" "$work/chain" "key([00])"
		run -3 "$work/program" "$work/chain" "key("
		run -1 "$work/program" "$work/bad-signature"
		[ "$output" = "statement: its signature does not verify" ]
	done
}

@test "the library shows its own names only and takes string functions only" {
	shown=$(nm -g --defined-only "$O/libtaoverify.a" | awk 'NF == 3 { print $3 }' | sort)
	[ "$shown" = "$(sed -n 's/^int \(taoverify_[a-z0-9_]*\)(.*/\1/p' client/taoverify.h | sort)" ]
	taken=$(nm -u "$O/libtaoverify.a" | awk 'NF == 2 { print $2 }' | grep -vx _GLOBAL_OFFSET_TABLE_)
	run -1 grep -vxE 'mem(cmp|cpy|move|set|chr)|str[a-z]*|__stack_chk_fail' <<<"$taken"
	# No state: nothing that can be written to.
	[ "$(size -A "$O/libtaoverify.a" | awk '/^\.(data|bss|tdata|tbss)/ && !/^\.data\.rel\.ro/ { n += $2 } END { print n + 0 }')" = 0 ]
}
