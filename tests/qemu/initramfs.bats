#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# What an initramfs is for: host.modules and host.switch_root.

load helpers

setup_file()
{
	qemu_setup_file
}

setup()
{
	qemu_setup
}

teardown()
{
	qemu_teardown
}

# A host with these keys, and one service that runs a script with all rights.
host() # HOST-JSON SCRIPT
{
	echo "{ \"version\": 1, \"host\": { \"root\": { \"type\": \"soft\", \"file\": \"/var/lib/tao/keys\" }, \"guard\": { \"type\": \"allow\" }, $1 },
		\"services\": { \"look\": { \"exec\": [\"/bin/sh\", \"-c\", \"$2\"], \"type\": \"oneshot\", \"essential\": true, \"user\": \"root\",
			\"privileged\": true, \"capabilities\": [\"SYS_ADMIN\", \"SYS_PTRACE\", \"DAC_OVERRIDE\"] } } }"
}

@test "modules are loaded in their order, with parameters, and the disk that they drive is mounted" {
	make_disk
	# shellcheck disable=SC2086,SC2046
	image "$(host "\"modules\": [$(names_of $virtio_blk virtio_blk), \"/lib/modules/$(cd "$(modules)" && find . -name loop.ko) max_loop=3\"],
		\"mounts\": [ { \"source\": \"/dev/vda\", \"target\": \"/data\", \"type\": \"ext4\" } ]" \
		'cat /proc/modules /proc/mounts; echo loop=$(cat /sys/module/loop/parameters/max_loop)')" $(files_of $virtio_blk loop)
	start_vm -drive "if=none,id=d,file=$work/disk,format=raw" -device virtio-blk-pci,drive=d
	ended "powering off"
	grep -q '^look: virtio_blk ' "$work/console"
	grep -q '^look: /dev/vda /data ext4' "$work/console"
	grep -q '^look: loop=3' "$work/console"
}

@test "a module whose other one is missing is named with the cause, and PID 1 stays" {
	# shellcheck disable=SC2046
	image "$(host "\"modules\": [$(names_of virtio virtio_pci)]" '')" $(files_of virtio virtio_pci)
	start_vm
	console_says "PID 1 stays"
	cat "$work/console"
	grep -q "host.modules\[0\]: cannot load kernel/drivers/virtio/virtio.ko: No such file or directory; the file, or a module that has to come before" "$work/console"
	ctrl_alt_del
	ended "rebooting"
}

@test "what is no module is refused by the kernel, and named" {
	echo nothing >"$work/none.ko"
	image "$(host '"modules": ["/none.ko"]' '')" "$work/none.ko=/none.ko"
	start_vm
	console_says "PID 1 stays"
	cat "$work/console"
	grep -q "host.modules\[0\]: cannot load /none.ko: Exec format error; it is for another kernel" "$work/console"
	ctrl_alt_del
	ended "rebooting"
}

# A disk with the image's files as a root of its own, and a word in /here.
make_root() # WORD [MKE2FS-OPTION…]
{
	echo "$1" >"$work/image/bundle/rootfs/here"
	rm -f "$work/disk"
	truncate -s 32M "$work/disk"
	mke2fs -q -t ext4 "${@:2}" -d "$work/image/bundle/rootfs" "$work/disk"
	disk=(-drive "if=none,id=d,file=$work/disk,format=raw" -device "nvme,drive=d,serial=s")
}

rooted='"mounts": [ { "source": "/dev/nvme0n1", "target": "/sysroot", "type": "ext4" } ], "switch_root": { "root": "/sysroot" }'

@test "switch_root: services, keys and PID 1 are in the new root; the initramfs is gone, and the disk left clean" {
	echo "in the initramfs" >"$work/word"
	script='cat /here /proc/mounts; ls -a /; echo pid1=$(cd /proc/1/root; cat here); NO_COLOR=1 taoctl list; tao name'
	image "$(host "$rooted" "$script")" "$work/word=/here"
	make_root "on the disk"
	start_vm "${disk[@]}"
	ended "powering off"
	grep -q "^look: on the disk" "$work/console"
	run ! grep -q "in the initramfs" "$work/console"
	run ! grep -q "stays mounted" "$work/console"
	grep -q '^look: /dev/nvme0n1 / ext4' "$work/console"
	for mount in '/proc proc' '/sys sysfs' '/dev devtmpfs' '/dev/pts devpts' '/run tmpfs' '/sys/fs/cgroup cgroup2'; do
		grep -qF " $mount " "$work/console"
	done
	grep -q '^look: pid1=on the disk' "$work/console"
	grep -qF "SERVICE" "$work/console"
	run -0 dumpe2fs -h "$work/disk"
	[[ $output == *"Filesystem state:"*clean* ]]
	[[ $output != *needs_recovery* ]]
	name=$(grep '^look: key(' "$work/console")
	[ -n "$name" ]
	# The key file stands in the new root: the next boot is the same host.
	start_vm "${disk[@]}"
	ended "powering off"
	[ "$(grep '^look: key(' "$work/console")" = "$name" ]
}

@test "switch_root: the memory of the initramfs is given back" {
	dd if=/dev/urandom of="$work/large" bs=1M count=48 status=none
	script='while :; do set -- $(cat /proc/meminfo | grep Shmem:); [ $2 -gt 20000 ] || break; sleep 0.1; done; echo shared memory is $2'
	image "$(host "$rooted" "$script")" "$work/large=/large"
	rm "$work/image/bundle/rootfs/large"
	make_root x
	start_vm "${disk[@]}"
	ended "powering off"
	grep -q "shared memory is" "$work/console"
}

@test "switch_root: a root that lacks a directory is refused before anything moves" {
	image "$(host "$rooted" '')"
	rmdir "$work/image/bundle/rootfs/run"
	make_root x
	start_vm "${disk[@]}"
	console_says "PID 1 stays"
	grep -qF "host.switch_root: /sysroot/run: No such file or directory; / stays as it is" "$work/console"
	ctrl_alt_del
	ended "rebooting"
}

# The root of make_root under dm-verity: its hashes behind it, and for the helper that makes the device its table.
make_verity()
{
	python3 - "$work/disk" >"$work/table" <<-'END'
		import hashlib, os, sys
		path = sys.argv[1]
		blocks, salt = os.path.getsize(path) // 4096, bytes(range(16))
		digest = lambda block: hashlib.sha256(salt + block).digest()
		data, levels = open(path, "rb").read(), []
		while True:
		    data = b"".join(digest(data[i:i + 4096]) for i in range(0, len(data), 4096))
		    data += bytes(-len(data) % 4096)
		    levels.insert(0, data)
		    if len(data) == 4096:
		        break
		with open(path, "r+b") as disk:
		    disk.seek(blocks * 4096)
		    disk.write(b"".join(levels))
		print(blocks * 8, "1 /dev/nvme0n1 /dev/nvme0n1 4096 4096", blocks, blocks, "sha256",
		      digest(levels[0]).hex(), salt.hex())
	END
	verity=$(cut -d' ' -f10 "$work/table")
}

@test "switch_root to a dm-verity device: its root hash is in the log and the PCR before a service runs" {
	musl-gcc -static -Os -isystem build/deps/kernel-headers -o "$work/verity" tests/helpers/verity.c
	verified='"mounts": [ { "source": "/dev/dm-0", "target": "/sysroot", "type": "ext4", "options": ["ro"] },
			{ "source": "state", "target": "/sysroot/tmp", "type": "tmpfs" } ],
		"switch_root": { "root": "/sysroot" }'
	manifest=$(host "$verified" 'taoctl eventlog /tmp/log; taoverify log --value $(cat /sys/class/tpm/tpm0/pcr-sha256/15) /tmp/log' |
		sed 's,"type": "soft"\, "file": "/var/lib/tao/keys","type": "tpm"\, "dir": "/tmp/tpm",')
	mods="reed_solomon dm-mod dm-bufio dm-verity"
	# shellcheck disable=SC2086
	for path in $(files_of $mods); do echo "${path#*=}"; done >"$work/modules"
	: >"$work/table"
	# shellcheck disable=SC2086,SC2046
	image "$manifest" "$work/verity=/bin/verity" "$work/modules=/modules" "$work/table=/table" $(files_of $mods)
	make_root "under dm-verity" -b 4096 -O ^has_journal
	make_verity
	# shellcheck disable=SC2086,SC2046
	image "$manifest" "$work/verity=/bin/verity" "$work/modules=/modules" "$work/table=/table" $(files_of $mods)
	append="rdinit=/bin/verity"
	start_vm "${disk[@]}"
	ended "powering off"
	grep -q "^look:.*ROOT.*$verity" "$work/console"
}
