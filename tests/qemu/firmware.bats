#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# A machine whose firmware (OVMF) measures the kernel, its command line and the initramfs into the TPM: keys that are
# sealed to those too open for the same ones alone, and a boot in which they do not open says what is another.

load helpers

setup_file()
{
	qemu_setup_file
}

setup()
{
	qemu_setup
	make_disk
	cp /usr/share/OVMF/OVMF_VARS_4M.fd "$work/vars"
	firmware=(-drive "if=pflash,format=raw,readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.fd"
		-drive "if=pflash,format=raw,file=$work/vars" -m 512)
}

teardown()
{
	qemu_teardown
}

host() # GUARD-JSON
{
	echo "{ \"version\": 1, \"host\": { \"root\": { \"type\": \"tpm\", \"dir\": \"/data/tpm\", \"pcrs\": [4, 7, 9, 15] },
		\"guard\": { \"type\": \"allow\" }, \"mounts\": [{ \"source\": \"/dev/nvme0n1\", \"target\": \"/data\", \"type\": \"ext4\" }] },
		\"services\": { \"one\": { \"exec\": [\"/bin/probe\", \"exit\", \"0\"], \"type\": \"oneshot\", \"essential\": true } } }"
}

boot()
{
	start_vm "${disk[@]}" "${firmware[@]}"
}

opens()
{
	boot
	ended "powering off"
	name=$(sed -n 's/.*this host is \(tpm2(.*)\)\.TrivialGuard.*/\1/p' "$work/console" | tr -d '\r')
	[ -n "$name" ]
}

# The keys stay shut, and the console says why.
refuses() # WORDS…
{
	boot
	console_says "PID 1 stays"
	for words in "$@"; do grep -F -- "$words" "$work/console"; done
	run ! grep "this host is" "$work/console"
	cut_power
}

@test "a kernel, a command line and an initramfs that the firmware measured" {
	image "$(host)"
	opens
	first=$name
	[[ $first == *'.PCRs("4,7,9,15", '* ]]
	opens
	[ "$name" = "$first" ]
	# The command line alone.
	append='more'
	refuses "PCR 9" "the kernel's command line is another from \"more"
	append=''
	# A file of the initramfs that nothing in the manifest speaks of.
	cp -a "$work/image" "$work/image.first"
	echo other >"$work/other"
	image "$(host)" "$work/other=/etc/other"
	refuses "PCR 9"
	run ! grep "command line is another" "$work/console"
	# Put back, they open.
	rm -rf "$work/image"
	mv "$work/image.first" "$work/image"
	opens
	[ "$name" = "$first" ]
}
