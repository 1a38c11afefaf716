#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# Power cuts: QEMU is killed at random moments while a service moves a counter, and the disk is kept. What was
# acknowledged is there at the next boot, and the host is the same.

load helpers

setup_file()
{
	qemu_setup_file
}

setup()
{
	qemu_setup
	make_disk
	# Not as an NVMe disk: QEMU 7.2's stops answering once in some ten boots under load.
	disk=(-drive "if=none,id=d,file=$work/disk,format=raw" -device "virtio-blk-pci,drive=d")
}

teardown()
{
	qemu_teardown
}

@test "no counter is lost by a power cut, and no key file" {
	command="n=\$(tao counter c 2>/dev/null || echo 0); echo found \$n; while n=\$((n + 1)); tao counter c \$n && echo acknowledged \$n; do :; done; echo refused"
	# shellcheck disable=SC2086,SC2046
	image "{ \"version\": 1, \"host\": { \"root\": { \"type\": \"soft\", \"file\": \"/data/keys\" }, \"guard\": { \"type\": \"allow\" },
			\"modules\": [$(names_of $virtio_blk)],
			\"mounts\": [ { \"source\": \"/dev/vda\", \"target\": \"/data\", \"type\": \"ext4\" } ] },
		\"services\": { \"count\": { \"exec\": [\"/bin/sh\", \"-c\", \"$command\"], \"type\": \"oneshot\" } } }" $(files_of $virtio_blk)
	last=0 name='' cuts=10
	[ -z "${TAO_SOAK:-}" ] || cuts=100
	for i in $(seq 0 "$cuts"); do
		start_vm "${disk[@]}"
		console_says "found "
		found=$(sed -n 's/^count: found \([0-9]*\).*/\1/p' "$work/console")
		echo "cut $i: acknowledged $last, found $found"
		[ "$found" -ge "$last" ]
		here=$(sed -n 's/.*this host is \(key([^ \r]*\).*/\1/p' "$work/console")
		[ -n "$here" ] && [ "$here" = "${name:-$here}" ]
		name=$here
		# The first cut comes in the first seconds of the key file's life.
		[ "$i" = 0 ] || console_says "acknowledged "
		sleep "0.$((RANDOM % 10))"
		cut_power
		run ! grep -q refused "$work/console"
		# A line that was cut short says nothing.
		acknowledged=$(sed -n 's/^count: acknowledged \([0-9]*\).$/\1/p' "$work/console" | tail -n 1)
		last=${acknowledged:-$last}
	done
	[ "$last" -gt "$cuts" ]
}
