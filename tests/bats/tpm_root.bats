#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# The root in a TPM against a software TPM of its own for each test: a host comes up, goes, and comes up again after a
# reset; what opens the keys and what does not; and what tpm2-tools and taoverify say of its log, its quote and its keys.
# A reset is a new swtpm on the old state.

load helpers
load tpm_helpers

setup_file()
{
	tpm_setup_file
}

setup()
{
	tpm_setup
}

teardown()
{
	tpm_teardown
}

@test "the keys open after a reset, and the name stays" {
	tpm_manifest
	boot
	grep -q "(new keys)" "$work/log"
	first=$name
	[ -n "$first" ]
	[ "$(stat -c %a "$dir/tpm/keys")" = 600 ]
	boot
	[ "$name" = "$first" ]
	run ! grep -q "(new keys)" "$work/log"
}

@test "nobody gets the keys twice in a boot" {
	tpm_manifest
	boot
	run_host
	[ "$status" = 255 ]
	grep -q "extended already, in this boot; .*restart the machine" "$work/log"
	boot
}

@test "a changed manifest opens nothing, and the message says so; put back, it does" {
	tpm_manifest
	boot
	first=$name
	cp "$work/manifest.json" "$work/before"
	echo >>"$work/manifest.json"
	refused "PCR 15 (the manifest has changed: only in how it is written)"
	cp "$work/before" "$work/manifest.json"
	boot
	[ "$name" = "$first" ]
}

@test "another PCR of the selection that has changed is named" {
	extra='"pcrs": [4, 7, 15]'
	tpm_manifest
	boot
	[[ $name == *'PCRs("4,7,15"'* ]]
	first=$name
	start_tpm
	tpm2_startup -Q -c
	tpm2_pcrextend "7:sha256=$(printf '%064d' 1)"
	run_host
	[ "$status" = 255 ]
	grep -q "PCR 7 (firmware" "$work/log"
	boot
	[ "$name" = "$first" ]
}

@test "a PCR that somebody was faster with is refused, unless it is the base" {
	tpm_manifest
	boot
	start_tpm
	tpm2_startup -Q -c
	tpm2_pcrextend "15:sha256=$(printf '%064d' 1)"
	base=$(pcr15)
	run_host
	[ "$status" = 255 ]
	grep -q "has been extended already" "$work/log"
	extra="\"pcr_base\": \"$base\", \"dir\": \"$dir/other\""
	sed -i "s,\"dir\": \"$dir/tpm\",\"dir\": \"$dir/other\"\, \"pcr_base\": \"$base\"," "$work/manifest.json"
	run_host
	[ "$status" = 0 ]
}

@test "a TPM that was cleared, and another one" {
	tpm_manifest
	boot
	state=elsewhere refused "this is another TPM"
	start_tpm
	tpm2_startup -Q -c
	tpm2_clear -Q
	refused "the TPM has been cleared"
}

@test "the name of the storage root key that the manifest pins" {
	start_tpm
	srk=$("$tools/taoinit" --self-test --tpm "swtpm:$dir/s" | sed -n 's/.*TPM storage root key.*, name //p')
	[ ${#srk} = 68 ]
	extra="\"srk_name\": \"$srk\""
	tpm_manifest
	boot
	state=elsewhere refused "is not the one of host.root.srk_name"
}

@test "no TPM" {
	tpm_manifest
	run_host
	[ "$status" = 255 ]
	grep -q "$dir/s: no such socket" "$work/log"
	sed -i "s,swtpm:$dir/s,/dev/no-such-tpm," "$work/manifest.json"
	run_host
	[ "$status" = 255 ]
	grep -q "/dev/no-such-tpm: no such device; there is no TPM" "$work/log"
}

@test "a TPM that stops answering" {
	tpm_manifest
	start_tpm
	kill -STOP "$swtpm_pid"
	run_host
	[ "$status" = 255 ]
	grep -q "no answer in" "$work/log"
}

@test "in lockout the keys open" {
	tpm_manifest
	boot
	start_tpm
	tpm2_startup -Q -c
	tpm2_dictionarylockout -Q -s -n 1 -t 1000 -l 1000
	tpm2_createprimary -Q -C o -G ecc -c "$dir/p" -p right
	tpm2_flushcontext -Q -t
	for _ in 1 2 3; do tpm2_create -Q -C "$dir/p" -G ecc -P wrong 2>/dev/null || true; done
	tpm2_flushcontext -Q -t
	run_host
	[ "$status" = 0 ]
}

@test "a key file that is torn, and one that is somebody else's" {
	tpm_manifest
	boot
	cp "$dir/tpm/keys" "$dir/keep"
	printf 'x' | dd of="$dir/tpm/keys" bs=1 seek=300 conv=notrunc status=none
	refused "torn or changed"
	echo nonsense >"$dir/tpm/keys"
	chmod 600 "$dir/tpm/keys"
	refused "not a key file of a TPM root"
	cp "$dir/keep" "$dir/tpm/keys"
	boot
}

@test "nothing of ours stays in the TPM, and nothing in it is made persistent" {
	tpm_manifest
	boot
	[ -z "$(tpm2_getcap handles-transient)" ]
	[ -z "$(tpm2_getcap handles-loaded-session)" ]
	[ -z "$(tpm2_getcap handles-saved-session)" ]
	[ -z "$(tpm2_getcap handles-persistent)" ]
	# But the counter, which obeys nobody else.
	[ "$(tpm2_getcap handles-nv-index)" = "- 0x1817461" ]
	run ! tpm2_nvread -s 8 0x1817461
	run ! tpm2_nvread -C o -s 8 0x1817461
	run ! tpm2_nvincrement 0x1817461
}

# ---- the log ----

@test "the log is what was predicted and what ran, once each; tpm2_eventlog and taoverify replay it to the PCR" {
	tpm_manifest "\"a\": { \"exec\": [\"$tools/probe\", \"exit\", \"0\"], \"type\": \"oneshot\" },
		\"b\": { \"exec\": [\"$tools/probe\", \"exit\", \"0\"], \"type\": \"oneshot\", \"after\": [\"a\"] },"
	sed -i 's/"exec": \[\(.*\)"name"\]/"after": ["b"], &/' "$work/manifest.json"
	boot
	value=$(pcr15)
	run -0 "$verify" log --value "$value" "$dir/tpm/eventlog"
	assert_line -n 0 "START    taoinit 1"
	assert_line -n 1 "MANIFEST $(sha256sum <"$work/manifest.json" | cut -d' ' -f1)"
	assert_line -n 2 --partial "GUARD    .TrivialGuard("
	assert_line -n 3 "READY    "
	# Two services of one program are one launch.
	[ "$(grep -c '^LAUNCH ' <<<"$output")" = 2 ]
	grep -q "LAUNCH   .Program(\[$(sha256sum <"$tools/tao" | cut -d' ' -f1)\])" <<<"$output"
	assert_line "replayed: $value"
	ready=$(sed -n 's/^ready: //p' <<<"$output")
	[[ $name == *"PCRs(\"15\", \"$ready\")"* ]]
	run -0 "$verify" predict "$work/manifest.json"
	assert_line "ready: $ready"
	run -0 tpm2_eventlog "$dir/tpm/eventlog"
	grep -qi "0x$value" <<<"$output"
}

@test "a log that was changed is refused" {
	tpm_manifest
	boot
	value=$(pcr15)
	cp "$dir/tpm/eventlog" "$dir/log"
	printf 'x' | dd of="$dir/log" bs=1 seek=125 conv=notrunc status=none
	run -1 "$verify" log --value "$value" "$dir/log"
	assert_line --partial digest-mismatch
	head -c -10 "$dir/tpm/eventlog" >"$dir/log"
	run -1 "$verify" log --value "$value" "$dir/log"
	assert_line --partial truncated
	run -1 "$verify" log --value "$(printf '%064d' 0)" "$dir/tpm/eventlog"
	assert_line --partial replay-mismatch
	run -0 "$verify" log "$dir/tpm/eventlog"
	assert_line "value: not compared"
	run -2 "$verify" log --value 12 "$dir/log"
	run -2 "$verify" log --pcr 24 "$dir/log"
	run -2 "$verify" log
}

@test "what the policy refuses is not in the log" {
	guard=deny
	tpm_manifest
	start_tpm
	start_host
	says "the policy refuses to run it"
	run -0 "$verify" log "$dir/tpm/eventlog"
	[ "$(grep -c '^LAUNCH ' <<<"$output")" = 0 ]
}

@test "the record worker killed: launches are recorded all the same, once each" {
	services=
	for i in 1 2 3 4 5 6; do
		services+="\"s$i\": { \"exec\": [\"$tools/probe\", \"wait\", \"$i\"], \"measure\": { \"args\": true } },"
	done
	tpm_manifest "$services"
	sed -i 's/, "essential": true//' "$work/manifest.json"
	start_tpm
	start_host
	eventually "pkill -KILL -P $host tao-record"
	for i in 1 2 3 4 5 6; do eventually "[ \"\$(state_of s$i)\" = up ]"; done
	# And when it has nothing to do.
	pkill -KILL -P "$host" tao-record || true
	run -0 "$verify" log --value "$(pcr15)" "$dir/tpm/eventlog"
	[ "$(grep -c '^LAUNCH .*probe\|^LAUNCH .*Args' <<<"$output")" = 6 ]
}

@test "a program does not run unless it is in the PCR" {
	cp "$tools/probe" "$work/program"
	tpm_manifest "\"a\": { \"exec\": [\"$work/program\", \"wait\"] },"
	sed -i 's/, "essential": true//' "$work/manifest.json"
	start_tpm
	start_host
	eventually '[ "$(state_of a)" = up ]'
	stop_tpm
	run -0 ctl stop a
	# Its name is in the PCR: it starts without the TPM.
	run -0 ctl start a
	[ "$(state_of a)" = up ]
	run -0 ctl stop a
	# Another is not.
	cp "$tools/probe" "$work/new"
	echo >>"$work/new"
	mv "$work/new" "$work/program"
	ctl --no-wait start a
	eventually 'ctl status a | grep -q "its launch could not be measured: TPM: .*no such socket"'
	run ! grep -q "a: started as .Program(\[$(sha256sum <"$work/program" | cut -d' ' -f1)\]" "$work/log"
}

# ---- the quote ----

@test "an attestation of a program rests on the quote: taoverify believes it, tpm2_checkquote agrees" {
	tpm_manifest
	sed -i 's/"name"\]/"attest", "--hex", "Pred(1)"]/' "$work/manifest.json"
	boot
	name=$(sed -n 's/.*this host is \(tpm2(.*)\)\.TrivialGuard.*/\1/p' "$work/log")
	grep -E '^[0-9a-f]+$' "$work/log" >"$dir/attestation"
	run -0 "$verify" attestation --trust "$name" "$dir/attestation"
	assert_line -n 0 --partial " says Pred(1)"
	assert_line "root: $name"
	# A bit of the quote's signature, and of what it is about.
	python3 - "$dir" <<-'EOF'
		import sys
		d = sys.argv[1]
		a = bytearray.fromhex(open(d + "/attestation").read().strip())
		quote = a.index(b"\xffTCG")
		n = a[quote - 2] | 0
		attest = bytes(a[quote:quote + 145])
		signature = a.index(bytes.fromhex("0018000b0020"))
		open(d + "/attest", "wb").write(attest)
		open(d + "/signature", "wb").write(bytes(a[signature:signature + 72]))
		spki = a.index(bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200"))
		while a[spki + 91:].find(bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200")) >= 0:
		    spki += 91 + a[spki + 91:].find(bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200"))
		open(d + "/ak.der", "wb").write(bytes(a[spki:spki + 91]))
		open(d + "/extra", "w").write(attest[44:76].hex())
		for at, what in ((quote + 144, "digest"), (signature + 71, "sig"), (quote + 50, "about")):
		    a[at] ^= 1
		    open(d + "/bad-" + what, "w").write(a.hex())
		    a[at] ^= 1
	EOF
	for what in digest sig about; do
		run -1 "$verify" attestation "$dir/bad-$what"
		assert_line --partial "its quote is not good: bad-signature"
	done
	openssl ec -pubin -inform der -in "$dir/ak.der" -out "$dir/ak.pem" 2>/dev/null
	sed -n 's/.*"15", "\([0-9a-f]*\)".*/\1/p' <<<"$name" | python3 -c 'import sys; sys.stdout.buffer.write(bytes.fromhex(sys.stdin.read()))' >"$dir/pcrs"
	tpm2_checkquote -Q -u "$dir/ak.pem" -m "$dir/attest" -s "$dir/signature" -g sha256 -q "$(cat "$dir/extra")" \
		-f "$dir/pcrs" -l sha256:15
}
