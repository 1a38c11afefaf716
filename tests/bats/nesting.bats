#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# A taoinit with a software TPM, a virtual machine on it, a taoinit in that, a container in there with a taoinit, a program:
# one chain, and what breaks it.

load helpers
load tpm_helpers

setup_file()
{
	tpm_setup_file
	KERNEL=${KERNEL:-$(rootfs/fetch-kernel)}
	export KERNEL
	OUT=$BATS_FILE_TMPDIR/guest nest_guest
	cp "$BATS_FILE_TMPDIR/guest/initramfs.gz" "$tools/initrd"
	chmod 644 "$tools/initrd"
}

setup()
{
	tpm_setup
	cp "$KERNEL" "$work/kernel"
}

teardown()
{
	tpm_teardown
}

# Into $OUT: a machine whose taoinit has its keys on a disk and runs a container, whose taoinit runs a program.
nest_guest()
{
	local dir=$OUT.manifests
	mkdir -p "$dir/tree/bin" "$dir/tree/tmp"
	jq '.host.root = { "type": "parent", "file": "/data/keys" } | .host.mounts = [ { "source": "/dev/vda", "target": "/data", "type": "ext4" } ] |
		.services = { "middle": { "factory": "container", "image": "/images/middle.tar", "exec": ["/bin/taoinit", "-f", "/middle.json"],
			"type": "oneshot", "essential": true } }' \
		rootfs/manifests/guest.json >"$dir/outer"
	echo '{ "version": 1, "host": { "root": { "type": "parent", "ephemeral": true }, "guard": { "type": "allow" }, "runtime": "/tmp/middle" },
		"services": { "inner": { "exec": ["/bin/tao", "attest", "--hex", "Pred(1)"], "type": "oneshot", "essential": true } } }' >"$dir/tree/middle.json"
	cp "$tools/taoinit" "$dir/tree/bin"
	ln -sf taoinit "$dir/tree/bin/tao"
	chmod -R a+rX "$dir/tree"
	tar -C "$dir/tree" -cf "$dir/middle.tar" .
	rootfs/guest-image "$dir/outer" "$dir/middle.tar=/images/middle.tar"
}

# A boot of the whole, to its end or to these words; $work/log has all words, $work/attestation what was attested.
boot_nest() # [WORDS]
{
	cat >"$work/manifest.json" <<-EOF
		{ "version": 1,
		  "host": { "root": { "type": "tpm", "device": "swtpm:$dir/s", "dir": "$dir/tpm" }, "guard": { "type": "allow" },
		            "admin": [ { "unix": "$socket" } ] },
		  "services": { "machine": { "factory": "vm", "kernel": "$work/kernel", "initrd": "$tools/initrd", "accel": "tcg",
		      "command_line": "console=ttyS0 quiet panic=-1 no_timer_check${words:-}", "disks": ["$work/disk"], "type": "oneshot",
		      "restart": "never", "essential": true } } }
	EOF
	[ -f "$work/disk" ] || { truncate -s 16M "$work/disk"; mke2fs -q -t ext4 "$work/disk"; }
	start_tpm
	unshare --fork --pid --mount --mount-proc --kill-child "$tools/taoinit" -f "$work/manifest.json" >"$work/pipe" 2>&1 3>&- </dev/null &
	host=$!
	eventually "grep -qF -- '${1:-no such words}' '$work/pipe' || ! kill -0 $host 2>/dev/null" ||
		eventually "grep -qF -- '${1:-no such words}' '$work/pipe' || ! kill -0 $host 2>/dev/null"
	[ $# -eq 0 ] || kill -KILL "$host"
	status=0
	wait "$host" || status=$?
	host=
	tr -d '\r' <"$work/pipe" >"$work/log"
	cat "$work/log"
	grep -oE '[0-9a-f]{400,}' "$work/log" >"$work/attestation" || true
}

@test "four levels: the innermost program's word is verified back to the quote; each broken link is refused for its reason" {
	boot_nest
	[ "$status" -eq 0 ]
	tpm=$(sed -n 's/.*this host is \(tpm2(.*)\)\.TrivialGuard("Liberal") (new keys)$/\1/p' "$work/log" | head -n 1)
	machine="$tpm.TrivialGuard(\"Liberal\").VM([$(sha256sum <"$work/kernel" | cut -c 1-64)], [$(sha256sum <"$tools/initrd" | cut -c 1-64)]"
	run -0 "$verify" attestation --trust "$tpm" "$work/attestation"
	[[ ${lines[0]} == "$machine, "*'.Program(['*' says Pred(1)' ]]
	run -0 "$verify" attestation --json "$work/attestation"
	[ "$(jq -r '[.chain[].verified] | join(" ")' <<<"$output")" = "signature signature signature quote" ]
	[ "$(jq -r .root <<<"$output")" = "$tpm" ]
	run -0 "$verify" attestation "$work/attestation"
	for i in 0 1 2; do [[ $output == *"level $i: $machine"* ]]; done
	[[ $output == *"level 3: $tpm says key("*", quoted by $tpm"* ]]
	image=$(sha256sum <"$BATS_FILE_TMPDIR/guest.manifests/middle.tar" | cut -c 1-64)
	[[ ${lines[0]} == *".Container([$image]).Manifest("* ]]

	# Another parent; a delegation that is over; each signature.
	run --separate-stderr -1 "$verify" attestation --trust "key([0000000000000000000000000000000000000000000000000000000000000000])" "$work/attestation"
	run --separate-stderr -1 "$verify" attestation --at 2100-01-01T00:00:00Z "$work/attestation"
	[[ $stderr == *"expired"* ]]
	python3 tests/helpers/break_chain.py "$work/attestation"
	for i in 0 1 2; do
		run --separate-stderr -1 "$verify" attestation "$work/attestation.$i"
		[[ $stderr == *"its signature does not verify"* ]]
	done
	run --separate-stderr -1 "$verify" attestation "$work/attestation.3"
	[[ $stderr == *"its quote is not good"* ]]

	# The same machine has its keys again. With another manifest, not even the host has.
	boot_nest
	[ "$status" -eq 0 ]
	[ "$(grep -c "this host is .*(new keys)" "$work/log")" -eq 1 ]
	words=" more" boot_nest
	[ "$status" -ne 0 ]
	grep -q "the manifest has changed: services.machine.command_line" "$work/log"
	[ ! -s "$work/attestation" ]
}

@test "another kernel: it does not open the old one's keys, and nobody who trusts that one believes it" {
	boot_nest
	[ "$status" -eq 0 ]
	trusted=$("$verify" attestation --json "$work/attestation" | jq -r .speaker)
	trusted=${trusted%%.Manifest(*}
	run -0 "$verify" attestation --trust "$trusted" "$work/attestation"
	# A byte behind the kernel is another kernel, which boots as well.
	printf x >>"$work/kernel"
	boot_nest "the parent does not open it"
	[ ! -s "$work/attestation" ]
	grep -qF "key file /data/keys: the parent does not open it: it was sealed for another manifest, guard or program" "$work/log"
	rm "$work/disk"
	boot_nest
	[ "$status" -eq 0 ]
	run --separate-stderr -1 "$verify" attestation --trust "$trusted" "$work/attestation"
	echo "$stderr"
	[[ $stderr == *"trust"* ]]
}
