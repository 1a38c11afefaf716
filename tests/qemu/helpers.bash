# SPDX-License-Identifier: MIT
# Booting images in QEMU. Sourced by bats files.
# shellcheck shell=bash

qemu_setup_file()
{
	bats_require_minimum_version 1.5.0
	cd "$BATS_TEST_DIRNAME/../.." || return 1
	KERNEL=${KERNEL:-$(rootfs/fetch-kernel)}
	export KERNEL
	export tools=$BATS_FILE_TMPDIR/tools
	mkdir -p "$tools"
	musl-gcc -static -Os -D_GNU_SOURCE -w -o "$tools/probe" tests/helpers/probe.c
}

qemu_setup()
{
	cd "$BATS_TEST_DIRNAME/../.." || return 1
	work=$BATS_TEST_TMPDIR
	swtpm=
	qemu=
}

qemu_teardown()
{
	cut_power 2>/dev/null
}

# Ends the machine at once; the disk and the TPM's state stay as they are.
cut_power()
{
	local pid
	# QEMU is a child of timeout's.
	[ -z "$qemu" ] || pkill -KILL -P "$qemu" || true
	for pid in $qemu $swtpm; do
		kill -KILL "$pid" || true
		wait "$pid" || true
	done
	qemu='' swtpm=''
}

# Makes $work/image from a manifest's text; more files as FILE=PATH.
image() # MANIFEST-JSON [FILE=PATH…]
{
	echo "$1" >"$work/manifest.json"
	shift
	OUT=$work/image rootfs/make-image "$work/manifest.json" "$tools/probe=/bin/probe" "$@"
}

# Starts QEMU on $work/image with a software TPM; the console is $work/console, what is written to fd 8 its input.
start_vm() # [QEMU-ARGUMENT…]
{
	mkdir -p "$work/tpm"
	rm -f "$work/ctrl"
	swtpm socket --tpm2 --tpmstate "dir=$work/tpm" --ctrl "type=unixio,path=$work/ctrl" --terminate >"$work/swtpm.log" 2>&1 3>&- &
	swtpm=$!
	eventually "grep -q ' 00010000 .* $work/ctrl\$' /proc/net/unix"
	[ -p "$work/input" ] || mkfifo "$work/input"
	# no_timer_check: on a busy host an emulated timer comes late, which this kernel else takes for a broken one.
	timeout 600 qemu-system-x86_64 -M q35 -accel "${QEMU_ACCEL:-tcg}" -cpu max -m 256 -smp 1 -nodefaults -no-user-config \
		-display none -no-reboot -kernel "$KERNEL" -initrd "$work/image/initramfs.gz" \
		-append "console=ttyS0 quiet panic=-1 no_timer_check ${append:-}" -serial stdio -monitor "unix:$work/monitor,server=on,wait=off" \
		-chardev "socket,id=c,path=$work/ctrl" -tpmdev emulator,id=t,chardev=c -device tpm-crb,tpmdev=t \
		"$@" <>"$work/input" >"$work/console" 2>&1 3>&- &
	qemu=$!
}

eventually() # COMMAND
{
	local i
	for i in $(seq 1 12000); do
		if eval "$1"; then return 0; fi
		sleep 0.05
	done
	echo "in vain: $1" >&2
	cat "$work/console" >&2 2>/dev/null || true
	return 1
}

console_says() # FIXED-TEXT
{
	eventually "grep -qF -- '$1' '$work/console' || ! kill -0 $qemu 2>/dev/null"
	grep -qF -- "$1" "$work/console" || { cat "$work/console" >&2; return 1; }
}

# The machine has turned itself off: QEMU's status is 0 and the last words are the right ones (a panic is 0, too).
ended() # LAST-WORDS
{
	local status=0
	wait "$qemu" || status=$?
	qemu=
	cat "$work/console"
	[ "$status" -eq 0 ]
	grep -qF "taoinit: $1" "$work/console"
	run ! grep -q "Kernel panic" "$work/console"
}

# Ctrl-alt-del, as the keyboard has it.
ctrl_alt_del()
{
	echo "sendkey ctrl-alt-delete" | timeout 5 socat - "UNIX-CONNECT:$work/monitor" >/dev/null
}

# A disk with an ext4 file system, $work/disk, which start_vm "${disk[@]}" attaches as /dev/nvme0n1.
make_disk()
{
	truncate -s 16M "$work/disk"
	mke2fs -q -t ext4 "$work/disk"
	disk=(-drive "if=none,id=d,file=$work/disk,format=raw" -device nvme,drive=d,serial=s)
}

# Of the kernel that boots.
modules()
{
	echo "$(dirname "$KERNEL")/../lib/modules"
}

# For image: each module at its place below /lib/modules/RELEASE.
files_of() # NAME…
{
	local name path
	for name; do
		path=$(cd "$(modules)" && find . -name "$name.ko")
		echo "$(modules)/$path=/lib/modules/${path#./}"
	done
}

# As entries of host.modules.
names_of() # NAME…
{
	local name list=
	for name; do
		list="$list${list:+, }\"$(cd "$(modules)"/* && find kernel -name "$name.ko")\""
	done
	echo "$list"
}

# What /dev/vda takes, in its order.
virtio_blk='virtio_ring virtio virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci virtio_blk'
