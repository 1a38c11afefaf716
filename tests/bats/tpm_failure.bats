#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# A root in a TPM that does not open: what has changed is named, down to the key of the manifest, the event of the
# firmware or the kernel's command line, and the host does what on_root_failure says.

load helpers
load tpm_helpers

setup_file()
{
	tpm_setup_file
}

setup()
{
	tpm_setup
	before=()
}

teardown()
{
	tpm_teardown
}

# What PCR 15 must have so that the keys open, as tpm2_pcrread gives it before the host runs and extends.
ready_count() # how many READY records are in the log
{
	"$verify" log "$dir/tpm/eventlog" 2>/dev/null | grep -c '^READY'
}

# The firmware's log with events of PCRs: PCR:TYPE:TEXT…, and its digests in a PCR each where a TPM is told.
firmware() # FILE EVENT…
{
	python3 - "$@" <<-'EOF'
		import hashlib, struct, sys
		spec = b"Spec ID Event03\0" + struct.pack("<I4BI2H2HB", 0, 0, 2, 0, 2, 2, 4, 20, 11, 32, 0)
		out = struct.pack("<II", 0, 3) + bytes(20) + struct.pack("<I", len(spec)) + spec
		for event in sys.argv[2:]:
		    pcr, kind, text = event.split(":", 2)
		    data = text.encode()
		    if kind == "80000001":
		        data = bytes(range(16)) + struct.pack("<QQ", len(text), 40) + text.encode("utf-16-le") + b"a long certificate's name, this is" + bytes(6)
		    elif kind == "80000003":
		        data = bytes(32) + text.encode("utf-16-le")
		    out += struct.pack("<III", int(pcr), int(kind, 16), 2)
		    for n, name in ((4, "sha1"), (11, "sha256")):
		        out += struct.pack("<H", n) + hashlib.new(name, data).digest()
		    out += struct.pack("<I", len(data)) + data
		open(sys.argv[1], "wb").write(out)
	EOF
}

# A boot of a machine with this firmware's log and this command line, whose PCR 7 and 9 have what is given.
machine() # LOG CMDLINE PCR7 PCR9
{
	start_tpm
	tpm2_startup -Q -c
	tpm2_pcrextend "7:sha256=$(sha256sum <<<"$3" | cut -d' ' -f1)" "9:sha256=$(sha256sum <<<"$4" | cut -d' ' -f1)"
	echo "$2" >"$work/cmdline"
	run_host unshare --mount sh -c 'mount -t tmpfs none /sys/kernel && mkdir -p /sys/kernel/security/tpm0 &&
		cp "$1" /sys/kernel/security/tpm0/binary_bios_measurements && mount --bind "$2" /proc/cmdline && shift 2 && exec "$@"' \
		sh "$1" "$work/cmdline"
}

@test "a changed manifest: which keys" {
	tpm_manifest "\"a\": { \"exec\": [\"$tools/probe\", \"exit\", \"0\"], \"type\": \"oneshot\" },"
	boot
	tpm_manifest "\"a\": { \"exec\": [\"$tools/probe\", \"exit\", \"1\"], \"type\": \"oneshot\" },"
	refused "PCR 15 (the manifest has changed: services.a.exec); put it back, or"
	tpm_manifest "\"b\": { \"exec\": [\"$tools/probe\", \"exit\", \"0\"], \"type\": \"oneshot\" },"
	refused "(the manifest has changed: services.a (taken out), services.b (new))"
	extra='"on_root_failure": "halt"'
	tpm_manifest "\"a\": { \"exec\": [\"$tools/probe\", \"exit\", \"0\"], \"type\": \"oneshot\" },"
	refused "(the manifest has changed: host.root.on_root_failure (new))"
	# What is kept beside the keys is believed only if it is what was measured.
	echo '{}' >"$dir/tpm/sealed.manifest"
	refused "(the manifest has changed)"
	rm "$dir/tpm/sealed.manifest"
	refused "(the manifest has changed)"
}

@test "more keys than a line has room for" {
	many=
	for i in $(seq 40); do many+="\"service-$i\": { \"exec\": [\"$tools/probe\", \"exit\", \"0\"], \"type\": \"oneshot\" },"; done
	tpm_manifest
	boot
	tpm_manifest "$many"
	refused "services.service-1 (new), services.service-2 (new), "
	refused ", ...); put it back, or"
}

@test "a changed firmware setting, a changed boot file, a changed command line" {
	extra='"pcrs": [7, 9, 15]'
	tpm_manifest
	firmware "$work/log1" 7:80000001:SecureBoot 9:80000003:'\EFI\BOOT\BOOTX64.EFI' 9:d:"kernel_cmdline: quiet"
	firmware "$work/log2" 7:80000001:SetupMode 9:80000003:'\EFI\BOOT\BOOTX64.EFI' 9:d:"kernel_cmdline: quiet"
	firmware "$work/log3" 7:80000001:SecureBoot 9:80000003:'\EFI\BOOT\OTHER.EFI' 9:d:"kernel_cmdline: quiet"
	firmware "$work/log4" 7:80000001:SecureBoot 9:80000003:'\EFI\BOOT\BOOTX64.EFI' 9:d:"kernel_cmdline: debug"
	machine "$work/log1" "console=ttyS0 quiet" a a
	[ "$status" = 0 ] || { cat "$work/log"; false; }
	cmp "$dir/tpm/firmware" "$work/log1"
	machine "$work/log2" "console=ttyS0 quiet" b a
	grep -qF "PCR 7 (firmware, its settings or the boot loader: event 1 of its log, type 0x80000001, SetupMode);" "$work/log"
	machine "$work/log3" "console=ttyS0 quiet" a b
	grep -qF ': event 2 of its log, type 0x80000003, \EFI\BOOT\OTHER.EFI);' "$work/log"
	machine "$work/log4" "console=ttyS0 debug" a b
	grep -qF ': event 3 of its log, type 0xd, kernel_cmdline: debug; the kernel'"'"'s command line is another from "debug" on);' "$work/log"
	machine "$work/log1" "console=ttyS0 quiet" a a
	[ "$status" = 0 ]
	# Without its log, or with one that is none, the hint is shorter.
	echo nonsense >"$work/log5"
	machine "$work/log5" "console=ttyS0 quiet" b a
	grep -qF "PCR 7 (firmware, its settings or the boot loader);" "$work/log"
}

@test "on_root_failure ephemeral: the host goes on with new keys, says so in its name, and nobody gets the old ones" {
	extra='"on_root_failure": "ephemeral"'
	tpm_manifest
	boot
	first=$name
	cp "$work/manifest.json" "$work/good"
	echo >>"$work/manifest.json"
	start_tpm
	run_host
	[ "$status" = 0 ]
	grep -q '^key(\[[0-9a-f]*\])\.Ephemeral()\.TrivialGuard("Liberal")\.Program' "$work/log"
	grep -qF "PCR 15 (the manifest has changed: only in how it is written)" "$work/log"
	# Once by the root that did not open, once for certain: no host's name has such a value.
	[ "$(ready_count)" = 2 ]
	run -1 "$verify" log --value "$(pcr15)" "$dir/tpm/eventlog"
	assert_line --partial bad-order
	# In this boot the keys stay closed, even to the host that may have them.
	cp "$work/good" "$work/manifest.json"
	run_host
	grep -q '^key(.*Ephemeral' "$work/log"
	boot
	[ "$name" = "$first" ]
}

@test "on_root_failure ephemeral: no TPM, one that is silent, another one, a key file that is torn" {
	extra='"on_root_failure": "ephemeral"'
	tpm_manifest
	run_host
	[ "$status" = 0 ]
	grep -q "no such socket" "$work/log"
	grep -q '^key(.*Ephemeral' "$work/log"
	start_tpm
	kill -STOP "$swtpm_pid"
	run_host
	[ "$status" = 0 ]
	grep -q "no answer in" "$work/log"
	grep -q '^key(.*Ephemeral' "$work/log"
	boot
	start_tpm elsewhere
	run_host
	grep -q "this is another TPM" "$work/log"
	grep -q '^key(.*Ephemeral' "$work/log"
	# That it did not open anything it made certain there, too.
	tpm2_pcrread sha256:15 | grep -qv '0x0\{64\}'
	echo nonsense >"$dir/tpm/keys"
	start_tpm
	run_host
	grep -q "not a key file of a TPM root" "$work/log"
	grep -q '^key(.*Ephemeral' "$work/log"
	[ "$(pcr15)" != "$(printf '%064d' 0)" ]
}

@test "on_root_failure of a key file" {
	extra='"on_root_failure": "ephemeral"'
	manifest "\"z\": { \"exec\": [\"$tools/tao\", \"name\"], \"type\": \"oneshot\", \"essential\": true }"
	sed -i "s,\"type\": \"soft\",&\\, $extra," "$work/manifest.json"
	mkdir -m 700 "$work/keys"
	echo nonsense >"$work/keys/keys"
	chmod 600 "$work/keys/keys"
	run_host
	[ "$status" = 0 ] || { cat "$work/log"; false; }
	grep -q '^key(.*Ephemeral' "$work/log"
	[ "$(cat "$work/keys/keys")" = nonsense ]
	sed -i 's,ephemeral",rescue",' "$work/manifest.json"
	run_host
	[ "$status" = 255 ]
}

@test "ephemeral counters count where the root was to be a TPM" {
	extra='"on_root_failure": "ephemeral"'
	tpm_manifest
	sed -i 's/"name"\]/"counter", "x", "7"]/' "$work/manifest.json"
	run_host
	[ "$status" = 0 ] || { cat "$work/log"; false; }
}
