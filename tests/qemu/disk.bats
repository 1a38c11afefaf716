#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# A machine whose keys stand on a disk: host.mounts, and what a boot finds that comes after another.

load helpers

setup_file()
{
	qemu_setup_file
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

host() # SOURCE SERVICES-JSON
{
	echo "{ \"version\": 1, \"host\": { \"root\": { \"type\": \"soft\", \"file\": \"/data/tao/keys\" }, \"guard\": { \"type\": \"allow\" },
		\"mounts\": [ { \"source\": \"$1\", \"target\": \"/data\", \"type\": \"ext4\", \"options\": [ \"noatime\" ], \"wait\": \"2s\" } ] },
		\"services\": { $2 } }"
}

@test "a disk is mounted before the keys are read, and left clean: the next boot has the same name" {
	image "$(host /dev/nvme0n1 '"n": { "exec": ["/bin/tao", "name"], "type": "oneshot", "essential": true }')"
	start_vm "${disk[@]}"
	ended "powering off"
	grep -qF "new keys" "$work/console"
	name=$(grep '^n: key(' "$work/console")
	run -0 dumpe2fs -h "$work/disk"
	[[ $output == *"Filesystem state:"*clean* ]]
	[[ $output != *needs_recovery* ]]
	start_vm "${disk[@]}"
	ended "powering off"
	run ! grep -qF "new keys" "$work/console"
	[ "$(grep '^n: key(' "$work/console")" = "$name" ]
}

@test "a disk that does not come is named, and PID 1 stays" {
	image "$(host /dev/nvme7n1 '')"
	start_vm "${disk[@]}"
	console_says "PID 1 stays"
	grep -qF "host.mounts[0]: cannot mount /dev/nvme7n1 on /data as ext4: No such device; the device did not appear" "$work/console"
	ctrl_alt_del
	ended "rebooting"
}
