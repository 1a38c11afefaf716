#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# A machine whose clock is set back ten years between two boots: it knows better.

load helpers

setup_file()
{
	qemu_setup_file
	pin=$("${O:-build}/taopolicy" keygen "$BATS_FILE_TMPDIR/key")
	export pin
}

setup()
{
	qemu_setup
	make_disk
}

teardown()
{
	qemu_teardown
}

# Boots at a time; a program attests.
boot() # TIME
{
	start_vm "${disk[@]}" -rtc "base=$1"
	ended "powering off"
	sed -n 's/^a: \([0-9a-f]\{200,\}\)\r*$/\1/p' "$work/console" >"$work/attestation"
}

@test "set back ten years at a reboot, a policy is still valid, and statements are of the right time" {
	printf '%s\n' 'tao-policy: 1' 'domain: test' 'version: 1' 'valid-from: 2034-01-01T00:00:00Z' \
		'valid-until: 2045-01-01T00:00:00Z' 'guard: datalog' '' \
		"Runs(ext.Program([$(sha256sum "${O:-build}/taoinit" | cut -d' ' -f1)]))" \
		'(forall P: forall H: forall E: Runs(E) and Subprin(P, H, E) implies Authorized(P, "Execute"))' >"$work/rules"
	"${O:-build}/taopolicy" sign --key "$BATS_FILE_TMPDIR/key" --output "$work/policy" "$work/rules"
	image "{ \"version\": 1, \"host\": { \"root\": { \"type\": \"soft\", \"file\": \"/data/tao/keys\" },
		\"guard\": { \"type\": \"datalog\", \"file\": \"/etc/tao/policy\", \"key\": \"$pin\" },
		\"mounts\": [ { \"source\": \"/dev/nvme0n1\", \"target\": \"/data\", \"type\": \"ext4\" } ] },
		\"services\": { \"a\": { \"exec\": [\"/bin/tao\", \"attest\", \"--hex\", \"Pred(1)\"], \"type\": \"oneshot\", \"essential\": true } } }" \
		"$work/policy=/etc/tao/policy"
	boot 2034-06-01T00:00:00
	grep -qF "version 1, is in force" "$work/console"
	boot 2024-06-01T00:00:00
	grep -qF "version 1, is in force" "$work/console"
	run -0 "${O:-build}/taoverify" attestation --at 2034-07-01T00:00:00Z "$work/attestation"
	[[ $output == *"valid: from 2034-06-01T00:"* ]]
	# A machine that has never been so far does not take it.
	make_disk
	start_vm "${disk[@]}" -rtc base=2024-06-01T00:00:00
	console_says "not valid yet (valid-from); see to the clock"
	cut_power
}
