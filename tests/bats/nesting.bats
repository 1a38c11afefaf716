#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# A taoinit with a software TPM, a virtual machine on it, a taoinit in that, containers in there with a taoinit each, a
# program: one chain, and what breaks it. Each test begins after the first boot, and differs from it in one link.

load helpers
load tpm_helpers

setup_file()
{
	tpm_setup_file
	KERNEL=${KERNEL:-$(rootfs/fetch-kernel)}
	pin=$("$tools/taopolicy" keygen "$BATS_FILE_TMPDIR/key")
	BATS_TEST_TMPDIR=$BATS_FILE_TMPDIR tpm_setup
	place=$dir
	parts=$BATS_FILE_TMPDIR/parts
	export KERNEL pin place parts
	make_parts
	cp "$KERNEL" "$dir/kernel"
	cp "$parts/guest/initramfs.gz" "$dir/initrd"
	boot_nest
	stop_tpm
	mv "$dir" "$BATS_FILE_TMPDIR/first"
	[ "$status" -eq 0 ]
}

# The host's manifest names the same files in each boot, because it is measured: they are in $dir, as the first boot left
# them. trusted: who spoke in that, without the program.
setup()
{
	tpm_setup
	rmdir "$dir"
	dir=$place
	cp -a "$BATS_FILE_TMPDIR/first" "$dir"
	trusted=$("$verify" attestation --json "$dir/right" | jq -r .speaker)
	trusted=${trusted%.Program(*}
	image=$(hash_of "$parts/right.tar")
}

teardown()
{
	tpm_teardown
}

hash_of() # FILE
{
	sha256sum <"$1" | cut -c 1-64
}

# A signed policy, by which what has this last part of its name may run.
policy_for() # FILE EXTENSION
{
	printf '%s\n' 'tao-policy: 1' 'domain: test' 'version: 1' 'valid-from: 2020-01-01T00:00:00Z' \
		'valid-until: 2045-01-01T00:00:00Z' 'guard: datalog' '' "Trusted(ext.$2)" \
		'(forall P: forall Host: forall E: Trusted(E) and Subprin(P, Host, E) implies Authorized(P, "Execute"))' >"$1.rules"
	"$tools/taopolicy" sign --key "$BATS_FILE_TMPDIR/key" --output "$1" "$1.rules"
}

datalog_guard() # FILE
{
	echo "{ \"type\": \"datalog\", \"file\": \"$1\", \"key\": \"$pin\" }"
}

# Of a taoinit in a container, with this guard.
middle_manifest() # GUARD-JSON
{
	echo "{ \"version\": 1, \"host\": { \"root\": { \"type\": \"parent\", \"ephemeral\": true }, \"guard\": $1, \"runtime\": \"/tmp/middle\", \"admin\": [] },
		\"services\": { \"inner\": { \"exec\": [\"/bin/tao\", \"attest\", \"--hex\", \"Pred(1)\"], \"type\": \"oneshot\", \"essential\": true } } }"
}

# Into $parts: the machine's initramfs, whose taoinit has its keys on a disk and runs a container, whose taoinit runs a
# program; and before that one, one of another image, and one that differs by its guard.
make_parts()
{
	local tree=$parts/tree
	mkdir -p "$tree/bin" "$tree/tmp"
	middle_manifest '{ "type": "allow" }' >"$tree/middle.json"
	middle_manifest "$(datalog_guard /policy)" >"$tree/policy.json"
	policy_for "$parts/policy" "Program([$(hash_of "$tools/taoinit")])"
	cp "$parts/policy" "$tree/policy"
	cp "$tools/taoinit" "$tree/bin"
	ln -sf taoinit "$tree/bin/tao"
	chmod -R a+rX "$tree"
	tar -C "$tree" -cf "$parts/right.tar" .
	touch "$tree/one.more"
	tar -C "$tree" -cf "$parts/other.tar" .
	jq --argjson middle '{ "factory": "container", "image": "/images/right.tar", "exec": ["/bin/taoinit", "-f", "/middle.json"], "type": "oneshot" }' \
		'.host.root = { "type": "parent", "file": "/data/keys" } | .host.mounts = [ { "source": "/dev/vda", "target": "/data", "type": "ext4" } ] |
		.services = { "image": ($middle + { "image": "/images/other.tar", "log": "/data/image" }),
			"policy": ($middle + { "exec": ["/bin/taoinit", "-f", "/policy.json"], "log": "/data/policy" }),
			"right": ($middle + { "essential": true, "requires": ["image", "policy"], "log": "/data/right" }) }' \
		rootfs/manifests/guest.json >"$parts/guest.json"
	OUT=$parts/guest rootfs/guest-image "$parts/guest.json" "$parts/right.tar=/images/right.tar" "$parts/other.tar=/images/other.tar"
}

# The kernel unpacks one archive after the other over what was there.
into_initrd() # DIRECTORY
{
	(cd "$1" && find . | cpio -o -H newc --quiet | gzip) >>"$dir/initrd"
}

# A boot of the whole, to its end or to these words; $dir/log has all words, $dir/SERVICE what its program attested.
boot_nest() # [WORDS]
{
	local service
	cat >"$dir/manifest.json" <<-EOF
		{ "version": 1,
		  "host": { "root": { "type": "tpm", "device": "swtpm:$dir/s", "dir": "$dir/tpm" }, "guard": ${guard:-{ \"type\": \"allow\" \}}, "admin": [] },
		  "services": { "machine": { "factory": "vm", "kernel": "$dir/kernel", "initrd": "$dir/initrd", "accel": "tcg",
		      "command_line": "console=ttyS0 quiet panic=-1 no_timer_check${words:-}", "disks": ["$dir/disk"], "type": "oneshot",
		      "restart": "never", "essential": true } } }
	EOF
	[ -f "$dir/disk" ] || { truncate -s 16M "$dir/disk"; mke2fs -q -t ext4 "$dir/disk"; }
	for service in image policy right; do debugfs -w -R "rm $service" "$dir/disk" 2>/dev/null; done
	start_tpm "${state:-state}"
	unshare --fork --pid --mount --mount-proc --kill-child "$tools/taoinit" -f "$dir/manifest.json" >"$dir/raw" 2>&1 3>&- </dev/null &
	host=$!
	eventually "grep -qF -- '${1:-no such words}' '$dir/raw' || ! kill -0 $host 2>/dev/null" ||
		eventually "grep -qF -- '${1:-no such words}' '$dir/raw' || ! kill -0 $host 2>/dev/null"
	[ $# -eq 0 ] || kill -KILL "$host"
	status=0
	wait "$host" || status=$?
	host=
	tr -d '\r' <"$dir/raw" >"$dir/log"
	cat "$dir/log"
	for service in image policy right; do
		debugfs -R "cat $service" "$dir/disk" >"$dir/$service.log" 2>/dev/null
		cat "$dir/$service.log"
		sed -nE "s/^[^ ]* $service: ([0-9a-f]+)\$/\\1/p" "$dir/$service.log" >"$dir/$service"
	done
}

# What the host or the machine says, and nobody got to attest anything.
says_refused() # WORDS
{
	grep -qF -- "$1" "$dir/log" || { echo "not said: $1"; return 1; }
	[ ! -s "$dir/right" ]
}

# Whoever trusts the first boot's speaker does not believe this one, and is told its name, and which part of that is
# another's. Whoever trusts that name, does.
refused_as() # NAME ATTESTATION [PART]
{
	[ "$1" != "$trusted" ]
	run --separate-stderr -1 "$verify" attestation --trust "$trusted" "$2"
	echo "$stderr"
	[[ $stderr == "taoverify: attestation: its speaker is none of the trusted principals or a subprincipal of one"$'\n'* ]]
	[[ $stderr == *$'\n'"level 0: $1.Program("* ]]
	[ $# -lt 3 ] || [[ $stderr == *$'\n'"differs: $3"* ]]
	run -0 "$verify" attestation --trust "$1" "$2"
	[[ ${lines[0]} == *" says Pred(1)" ]]
}

refused_because() # REASON VERIFY-WORDS…
{
	run --separate-stderr -1 "$verify" attestation "${@:2}"
	echo "$stderr"
	[[ $stderr == "taoverify: attestation: $1"* ]]
}

until_of() # LEVEL ATTESTATION
{
	"$verify" attestation --json "$2" | jq -r ".chain[$1].until"
}

@test "four levels: the innermost program's word is verified back to the quote; a broken signature is found at its level" {
	tpm=$(sed -n 's/.*this host is \(tpm2(.*)\)\.TrivialGuard("Liberal") (new keys)$/\1/p' "$dir/log" | head -n 1)
	machine="$tpm.TrivialGuard(\"Liberal\").VM([$(hash_of "$KERNEL")], [$(hash_of "$dir/initrd")]"
	run -0 "$verify" attestation --trust "$tpm" "$dir/right"
	[[ ${lines[0]} == *".Container([$image]).Manifest("* ]]
	[[ ${lines[0]} == "$machine, "*'.Program(['*' says Pred(1)' ]]
	for i in 0 1 2; do [[ $output == *"level $i: $machine"* ]]; done
	[[ $output == *"level 3: $tpm says key("*", quoted by $tpm"* ]]
	run -0 "$verify" attestation --json "$dir/right"
	[ "$(jq -r '[.chain[].verified] | join(" ")' <<<"$output")" = "signature signature signature quote" ]
	[ "$(jq -r .root <<<"$output")" = "$tpm" ]

	python3 tests/helpers/break_chain.py "$dir/right"
	refused_because "statement: its signature does not verify" "$dir/right.0"
	for level in 1 2; do refused_because "delegation $level: its signature does not verify" "$dir/right.$level"; done
	refused_because "delegation 3: its quote is not good: " "$dir/right.3"
}

@test "the same machine has its keys again, with another manifest not even the host has; each delegation expires" {
	cp "$dir/right" "$dir/before"
	boot_nest
	[ "$status" -eq 0 ]
	grep -q "this host is " "$dir/log"
	run ! grep -q "(new keys)" "$dir/log"
	run -0 "$verify" attestation --trust "$trusted" "$dir/right"

	# The root's delegation is the oldest. On newer ones of the same keys, it is that of the machine, and of the container.
	python3 tests/helpers/break_chain.py "$dir/before" "$dir/right"
	cp "$dir/before" "$dir/before.4.grafted"
	for level in 1 2 3; do
		grafted=$dir/before.$((level + 1)).grafted
		at=$(until_of $level "$grafted")
		refused_because "delegation $level: expired" --at "$at" "$grafted"
		run -0 "$verify" attestation --at $((at - 1)) "$grafted"
	done
	refused_because "delegation 1: delegates to another than the signer of what rests on it" "$dir/before.1.grafted"

	words=" more" boot_nest
	[ "$status" -ne 0 ]
	says_refused "the manifest has changed: services.machine.command_line"
}

@test "another kernel, another initrd: it does not open the old one's keys, and nobody who trusts that one believes it" {
	for part in kernel initrd; do
		rm -rf "$dir"
		cp -a "$BATS_FILE_TMPDIR/first" "$dir"
		was=$(hash_of "$dir/$part")
		if [ $part = kernel ]; then
			printf x >>"$dir/kernel" # boots as well
		else
			mkdir -p "$work/more/etc"
			echo more >"$work/more/etc/more"
			into_initrd "$work/more"
		fi
		boot_nest "the parent does not open it"
		says_refused "key file /data/keys: the parent does not open it: it was sealed for another manifest, guard or program"
		rm "$dir/disk"
		boot_nest
		[ "$status" -eq 0 ]
		is=$(hash_of "$dir/$part")
		[ $part = kernel ] && part=".VM([$is" || part=", [$is"
		refused_as "${trusted/"$was"/"$is"}" "$dir/right" "$part"
	done
}

@test "another image of the container, another guard in it: nobody who trusts the right one believes it, nor its keys" {
	is=$(hash_of "$parts/other.tar")
	refused_as "${trusted/"$image"/"$is"}" "$dir/image" ".Container([$is])"
	middle="Manifest([$(hash_of "$parts/tree/middle.json")]).TrivialGuard(\"Liberal\")"
	is="Manifest([$(hash_of "$parts/tree/policy.json")])"
	refused_as "${trusted/"$middle"/"$is.DatalogGuard(key([$pin]))"}" "$dir/policy" ".$is.Data"
	for other in image policy; do
		python3 tests/helpers/break_chain.py "$dir/right" "$dir/$other"
		refused_because "delegation 1: delegates to another than the signer of what rests on it" "$dir/right.1.grafted"
	done
}

@test "another guard in the machine, whose policy knows no container but the right one" {
	was="[$(hash_of "$dir/initrd")]"
	mkdir -p "$work/more/etc/tao"
	policy_for "$work/more/etc/tao/policy" "Container([$image])"
	jq ".host.guard = $(datalog_guard /etc/tao/policy) | del(.services.policy) | .services.right.requires = [] | .services.right.after = [\"image\"]" \
		"$parts/guest.json" >"$work/more/etc/tao/manifest.json"
	into_initrd "$work/more"
	rm "$dir/disk"
	boot_nest
	[ "$status" -eq 0 ]
	name=${trusted/"$was"/"[$(hash_of "$dir/initrd")]"}
	refused_as "${name/"Manifest([$(hash_of "$parts/guest.json")]).TrivialGuard(\"Liberal\")"/"Manifest([$(hash_of "$work/more/etc/tao/manifest.json")]).DatalogGuard(key([$pin]))"}" \
		"$dir/right"
	[ ! -s "$dir/image" ]
	grep -q "error: image: the policy refuses to run it" "$dir/log"
}

@test "another guard in the host: no keys of before, and it is another host" {
	machine=VM${trusted#*.VM}
	policy_for "$dir/policy-of-host" "${machine%%.Manifest(*}"
	guard=$(datalog_guard "$dir/policy-of-host") boot_nest
	says_refused "the manifest has changed: host.guard"
	rm -r "$dir/tpm" "$dir/disk"
	guard=$(datalog_guard "$dir/policy-of-host") boot_nest
	[ "$status" -eq 0 ]
	name=$(sed -n 's/.*this host is \(tpm2(.*)\) (new keys)$/\1/p' "$dir/log" | head -n 1)
	ready=$("$verify" predict "$dir/manifest.json" | sed -n 's/^ready: //p')
	[[ $name == "tpm2(["*"]).PCRs(\"15\", \"$ready\").DatalogGuard(key([$pin]))" ]]
	refused_as "$name.$machine" "$dir/right"
}

@test "another parent: not the TPM's keys, not the machine's; who trusts the one TPM does not believe the other" {
	cp "$dir/right" "$dir/before"
	state=other boot_nest
	[ "$status" -ne 0 ]
	says_refused "this is another TPM than the one that the keys were sealed by"
	rm -r "$dir/tpm"
	state=other boot_nest "the parent does not open it"
	says_refused "key file /data/keys: the parent does not open it: "
	grep -qF "or by another parent" "$dir/log"
	rm "$dir/disk"
	state=other boot_nest
	[ "$status" -eq 0 ]
	old=${trusted%%.PCRs(*}
	new=$("$verify" attestation --json "$dir/right" | jq -r .root)
	new=${new%%.PCRs(*}
	[[ $new == "tpm2(["*"])" ]]
	refused_as "${trusted/"$old"/"$new"}" "$dir/right"
	[[ $stderr == *", quoted by $new.PCRs("* ]]
	refused_because "its speaker is none of the trusted principals" --trust "$new" "$dir/before"
	python3 tests/helpers/break_chain.py "$dir/before" "$dir/right"
	for level in 1 2 3; do
		refused_because "delegation $level: delegates to another than the signer of what rests on it" "$dir/before.$level.grafted"
	done
}
