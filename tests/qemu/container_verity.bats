#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# Containers whose root is a squashfs or an erofs under dm-verity, as mksquashfs, mkfs.erofs and veritysetup make them:
# what runs in them, what becomes of a changed byte, and that no device is left, whoever is killed when.

load helpers

setup_file()
{
	qemu_setup_file
	local name tree=$tools/tree
	mkdir -p "$tree/bin" "$tree/etc" "$tree/dev" "$tree/proc" "$tree/run" "$tree/data"
	cp "$(command -v busybox)" "$tree/bin/sh"
	cp "$tools/probe" "$tree/bin"
	{ head -c 5000 /dev/zero | tr '\0' x; echo; echo "MARK of the image"; } >"$tree/etc/motd"
	# What stands behind the files is not in the same block.
	head -c 65536 /dev/zero | tr "\\0" z >"$tree/etc/zzz"
	chmod -R a+rX "$tree"
	# Not compressed: a byte of a file is a byte of the image.
	mksquashfs "$tree" "$tools/squashfs" -noI -noD -noF -noX -no-fragments -all-root -quiet -no-progress
	mkfs.erofs "$tools/erofs" "$tree" >"$tools/log"
	for name in squashfs erofs; do
		/sbin/veritysetup format "$tools/$name" "$tools/$name.hashes" | sed -n 's/^Root hash:[[:space:]]*//p' >"$tools/$name.root"
	done
}

setup()
{
	qemu_setup
	cat >"$work/helpers.sh" <<'END'
busybox() { /bin/busybox "$@"; }
grep() { busybox grep "$@"; }
export NO_COLOR=1
# Devices of ours, and what holds them.
devices()
{
	ls -d /sys/block/dm-*/dm/name /sys/block/loop*/loop/backing_file 2>/dev/null
	grep -E "squashfs|erofs" /proc/mounts
}
gone() # nothing is left, after a while at the most
{
	local i=0
	while [ -n "$(devices)" ]; do
		i=$((i + 1))
		[ $i -lt 200 ] || { echo "left: $(devices)"; return 1; }
		sleep 0.05
	done
	echo "gone: $1"
}
is() # SERVICE STATE
{
	local i=0
	until taoctl status "$1" | grep -q "$2"; do
		i=$((i + 1))
		[ $i -lt 200 ] || { echo "$1 is not $2: $(taoctl status "$1")"; return 1; }
		sleep 0.05
	done
}
# They print what has become of it, and fail where it has gone wrong.
start() { taoctl start "$1" >/dev/null; }
stop() { taoctl stop "$1" >/dev/null; }
keepers()
{
	local p
	for p in /proc/[0-9]*; do
		[ "$(cat $p/comm 2>/dev/null)" != tao-keep ] || echo "${p#/proc/}"
	done
}
END
}

teardown()
{
	qemu_teardown
}

modules="loop libcrc32c squashfs erofs reed_solomon dm-mod dm-bufio dm-verity"

# Boots a host of these services, which runs a script.
boot() # SERVICES SCRIPT FILE=PATH…
{
	local services=$1 manifest
	echo "$2" >"$work/script.sh"
	shift 2
	# shellcheck disable=SC2086
	manifest="{ \"version\": 1, \"host\": { \"root\": { \"type\": \"soft\", \"file\": \"/var/lib/tao/keys\" }, \"guard\": { \"type\": \"allow\" },
		\"modules\": [$(names_of ${host_modules-$modules})] },
		\"services\": { $services, \"look\": { \"exec\": [\"/bin/sh\", \"-c\", \". /helpers.sh; . /script.sh\"], \"type\": \"oneshot\",
			\"essential\": true, \"user\": \"root\", \"privileged\": true,
			\"capabilities\": [\"SYS_ADMIN\", \"SYS_PTRACE\", \"DAC_OVERRIDE\", \"KILL\"] } } }"
	# shellcheck disable=SC2046,SC2086
	image "$manifest" "$work/helpers.sh=/helpers.sh" "$work/script.sh=/script.sh" "$@" $(files_of $modules)
	start_vm
	ended "powering off"
}

entry() # NAME IMAGE HASHES COMMAND [KEYS]
{
	echo "\"$1\": { \"factory\": \"container\", \"image\": \"$2\", \"verity\": \"$3\", \"exec\": [\"/bin/sh\", \"-c\", \"$4\"], \"restart\": \"never\"${5:-} }"
}

@test "a squashfs and an erofs are mounted, named by their root hash, and gone when they are stopped or killed" {
	local name files=()
	for name in squashfs erofs; do
		files+=("$tools/$name=/$name" "$tools/$name.hashes=/$name.hashes")
	done
	musl-gcc -static -Os -isystem build/deps/kernel-headers -o "$work/verity" tests/helpers/verity.c
	boot "$(entry s /squashfs /squashfs.hashes 'tail -n 1 /etc/motd; grep dm- /proc/mounts; echo x >/etc/new; ls -ld /etc; exec probe notify READY=1' \
		", \"ready\": \"notify\", \"sha256\": \"$(cat "$tools/squashfs.root")\", \"mounts\": [{ \"source\": \"x\", \"target\": \"/run\", \"type\": \"tmpfs\" }]"),
		$(entry e /erofs /erofs.hashes 'tail -n 1 /etc/motd; exec sleep 1000')" '
		is s up; is e up
		for n in /sys/block/dm-*/dm/name; do echo "device $(cat $n)"; done
		echo "$(devices | busybox wc -l) devices"
		stop s; stop e
		gone stop
		for i in 00 05 10 15 20 25 30 40 50 60 70 80; do
			start s & start e &
			sleep 0.$i
			pids=$(keepers)
			[ -z "$pids" ] || busybox kill -9 $pids && echo "killed after 0.$i"
			wait
		done
		stop s; stop e
		gone kill
		start s; is s up
		name=$(cat /sys/block/dm-*/dm/name)
		busybox kill -9 $(keepers)
		gone keeper
		/bin/verity $name && ! /bin/verity $name && echo "left behind"
		start s; is s up
		taoctl restart s >/dev/null; is s up
		echo "restarted with $(ls -d /sys/block/dm-* | busybox wc -l)"
		stop s
		gone leftover' "${files[@]}" "$work/verity=/bin/verity"
	for name in squashfs erofs; do
		grep -qF "started as .Container([$(cat "$tools/$name.root")], ext.Verity([$(head -c 512 "$tools/$name.hashes" | sha256sum | cut -c 1-64)]))" "$work/console"
	done
	grep -q "^s: MARK of the image" "$work/console"
	grep -q "^e: MARK of the image" "$work/console"
	grep -q "^s: /dev/dm-[01] / squashfs ro,nosuid,nodev" "$work/console"
	grep -q "^s.*: Read-only file system" "$work/console"
	grep -Eq "^s: drwxr-xr-x .* 65534 +65534 .*/etc" "$work/console"
	grep -q "^look: device tao-s-" "$work/console"
	grep -q "^look: 6 devices" "$work/console"
	grep -q "^look: killed after" "$work/console"
	grep -q "^look: left behind" "$work/console"
	grep -q "^look: restarted with 1" "$work/console"
	for name in stop kill keeper leftover; do grep -q "^look: gone: $name" "$work/console"; done
}

flip() # FILE OFFSET
{
	python3 -c 'import sys
with open(sys.argv[1], "r+b") as f:
    f.seek(int(sys.argv[2])); b = f.read(1)[0]; f.seek(-1, 1); f.write(bytes([b ^ 1]))' "$@"
}

@test "a changed byte, of the image or of its hashes, is never read; what is missing is named, and nothing is left" {
	local name mark
	mark=$(grep -abo MARK "$tools/squashfs" | cut -d: -f1)
	for name in data first; do cp "$tools/squashfs" "$work/$name"; done
	for name in low top; do cp "$tools/squashfs.hashes" "$work/$name"; done
	flip "$work/data" "$mark"
	flip "$work/first" 8
	flip "$work/low" $((8192 + 32 * (mark / 4096)))
	flip "$work/top" 4096
	host_modules=${modules/ erofs/}
	boot "$(entry data /data /squashfs.hashes 'tail -n 1 /etc/motd; exec sleep 1000'),
		$(entry low /squashfs /low 'tail -n 1 /etc/motd; exit 1'),
		$(entry first /first /squashfs.hashes true),
		$(entry top /squashfs /top true),
		$(entry pinned /squashfs /top true ", \"sha256\": \"$(cat "$tools/squashfs.root")\""),
		$(entry erofs /erofs /erofs.hashes true),
		$(entry target /squashfs /squashfs.hashes true ', "mounts": [{ "source": "x", "target": "/missing/here", "type": "tmpfs" }]')" '
		is data up; stop data
		for s in low first top pinned erofs target; do is $s failed; done
		gone all' \
		"$work/data=/data" "$work/first=/first" "$work/low=/low" "$work/top=/top" "$tools/squashfs=/squashfs" \
		"$tools/squashfs.hashes=/squashfs.hashes" "$tools/erofs=/erofs" "$tools/erofs.hashes=/erofs.hashes"
	grep -q "^data.*: Input/output error" "$work/console"
	grep -q "verity: .* metadata block .* is corrupted" "$work/console"
	run ! grep -q "ARK of the image" "$work/console"
	grep -q ": /first: could not be run: reading /first: I/O error" "$work/console"
	grep -q ": /squashfs: could not be run: reading /squashfs: I/O error" "$work/console"
	grep -q ": /squashfs: its SHA-256 is .* not the one in the manifest" "$work/console"
	grep -q ": /erofs: could not be run: mounting, which takes the module (host.modules) erofs: No such device" "$work/console"
	grep -q ": /squashfs: could not be run: the image is read-only, and has to have /missing/here: Read-only file system" "$work/console"
	grep -q "^look: gone: all" "$work/console"
}
