#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# The container factory: what a program in a container sees and may do, what becomes of images that mean harm, and that
# nothing is left, whoever is killed when. What all factories have in common is in factories.bats.

load helpers

setup_file()
{
	helpers_setup_file
	mkdir -p "$tools/tree/bin" "$tools/tree/etc" "$tools/tree/tmp"
	cp "$(command -v busybox)" "$tools/tree/bin/sh"
	cp "$tools/probe" "$tools/taoinit" "$tools/tree/bin"
	echo "of the image" >"$tools/tree/etc/motd"
	chmod 1777 "$tools/tree/tmp"
	# Owners count, and set-uid does not.
	cp "$tools/probe" "$tools/tree/bin/suid"
	chmod 4755 "$tools/tree/bin/suid"
	chown 33:44 "$tools/tree/etc/motd"
	tar -C "$tools/tree" -cf "$tools/image.tar" .
	gzip -k "$tools/image.tar"
	chmod -R a+rX "$tools"
}

setup()
{
	helpers_setup
}

teardown()
{
	helpers_teardown
}

# A container that runs a shell's command: the image's busybox is a shell and all tools. A double quote is written \".
sh_entry() # NAME KEYS COMMAND
{
	echo "\"$1\": { \"factory\": \"container\", \"image\": \"$tools/image.tar\", \"exec\": [\"/bin/sh\", \"-c\", \"$3\"]$2 }"
}

# Runs a command in a container to its end, and keeps what it says in $work/out.
inside() # COMMAND [KEYS [HOST-KEYS]]
{
	manifest "$(sh_entry a ", \"type\": \"oneshot\", \"essential\": true, \"log\": \"$work/out\"${2:-}" "$1")" allow "${3:-}"
	rm -f "$work/out"
	run_host
	cat "$work/log" "$work/out" || true
	[ "$status" -eq 0 ]
	sed -i 's/^[^ ]* a\(\[err\]\)\?: //' "$work/out"
}

says_inside() # LINE
{
	grep -qF -- "$1" "$work/out" || { echo "not said: $1"; return 1; }
}

# The keepers of the host's containers, what unpacks for them, and what else is in them.
of_containers()
{
	local keeper
	for keeper in $(pgrep -P "$host" -x tao-keep); do
		echo "$keeper"
		pgrep -P "$keeper" || true
	done
}

has_processes() # FIRST-UID, of a container
{
	ps -eo uid= | awk -v uid="$1" '$1 >= uid && $1 < uid + 65536 { found = 1 } END { exit !found }'
}

# No process, mount, cgroup of service a; what hangs on its namespaces is gone with the last process in them.
left_nothing()
{
	local uid
	uid=$(ctl --json status a | jq .services[0].uid)
	eventually '[ -z "$(of_containers)" ]'
	# Another host that was killed a moment ago had a service of this name: what dies of it takes a moment.
	eventually "! has_processes $uid"
	run ! grep -q "uid=$uid" /proc/mounts
	eventually '[ -z "$(find /sys/fs/cgroup/unified/tao-$host -mindepth 1 -maxdepth 1 -type d 2>/dev/null)" ]'
}

@test "it is root of a user namespace of its own, without rights, whose ids are those of nobody else" {
	inside 'id; cat /proc/self/uid_map /proc/self/gid_map; grep Cap /proc/self/status; ls -ln /etc/motd /bin/suid'
	says_inside "uid=0 gid=0"
	grep -qE ' 0 +[0-9]{9,10} +65536' "$work/out"
	says_inside "CapEff:	0000000000000000"
	says_inside "CapBnd:	0000000000000000"
	grep -qE '33 +44 .*/etc/motd' "$work/out"
	grep -q -- '-rwxr-xr-x.*/bin/suid' "$work/out"
	inside 'id; grep -E \"Cap(Eff|Bnd)\" /proc/self/status; echo' ', "user": 0, "capabilities": ["NET_BIND_SERVICE"]'
	says_inside "CapBnd:	0000000000000400"
	inside 'id' ', "user": 1000, "group": "100"'
	says_inside "uid=1000 gid=100"
}

@test "two containers have other ids; a user by name, or out of range, is refused" {
	manifest "$(sh_entry a '' 'sleep 1000'), $(sh_entry b '' 'sleep 1000')"
	start_host
	eventually '[ "$(state_of a)$(state_of b)" = upup ]'
	[ "$(stat -c %u "/proc/$(pid_of a)/root")" != "$(stat -c %u "/proc/$(pid_of b)/root")" ]
	for user in '"www"' 65536; do
		manifest "$(sh_entry a ", \"user\": $user" 'true')"
		run -78 timeout 20 "$tools/taoinit" -f "$work/manifest.json"
		[[ $output == *"services.a.user: "*" is no id of a container; write a number"* ]]
	done
}

@test "of the host it sees nothing: file systems, processes, names, sockets, descriptors, variables, keys" {
	echo secret >"$work/secret"
	chmod 666 "$work/secret"
	A_SECRET=1 inside 'cut -d\" \" -f2 /proc/mounts; ls /; ls /proc; cat /proc/1/cmdline; echo; hostname; env; ls /proc/self/fd; cat /proc/net/unix; cat /proc/sysvipc/shm; cat /proc/self/cgroup; cat /proc/keys; ls '"$work"'; cat '"$work/secret"'; kill -9 1; kill -9 2; echo alive'
	says_inside alive
	run ! grep -qE "$work|secret|A_SECRET|manifest|/sys|/run|/home" <(sed '/^ls: /d; /^cat: /d' "$work/out")
	says_inside a # its hostname
	# No process but its own.
	[ "$(grep -cxE '[0-9]+' "$work/out")" -le 8 ]
	[ "$(grep -cE 'tao_host|@/' "$work/out")" -eq 0 ]
	says_inside "0::/"
	for place in / /proc /dev /dev/pts /dev/shm /dev/null /dev/zero /dev/full /dev/random /dev/urandom /dev/tty; do
		grep -qx "$place" "$work/out"
	done
	[ "$(grep -cE '^/' "$work/out")" -le 12 ]
}

@test "it may not look into its keeper, write to the kernel, mount, or make devices" {
	inside 'cat /proc/1/environ; cat /proc/1/maps; cd /proc/1/root && ls; ls /proc/1/fd; echo 1 >/proc/sys/vm/swappiness; echo 1 >/proc/sys/kernel/panic; mount -t tmpfs x /tmp; umount /proc; mknod /tmp/n c 1 3; hostname other; hostname; echo done'
	[ "$(grep -ciE 'permission denied|not permitted|denied|read-only' "$work/out")" -ge 9 ]
	says_inside "done"
	run ! grep -qx other "$work/out"
}

@test "its root is its own and in memory: written to, and as the image was at the next start" {
	inside 'cat /etc/motd; echo changed >/etc/new; cat /etc/new; dd if=/dev/zero of=/tmp/big bs=1M count=8; echo end' ', "root_size": "4M"' || true
	inside 'test ! -e /etc/new && cat /etc/motd; dd if=/dev/zero of=/tmp/big bs=1M count=64; echo end' ', "root_size": "16M"'
	says_inside "of the image"
	says_inside "No space left on device"
	says_inside end
}

@test "plain and compressed are the same container; its name has the measured hash" {
	for image in image.tar image.tar.gz; do
		manifest "\"a\": { \"factory\": \"container\", \"image\": \"$tools/$image\", \"exec\": [\"/bin/sh\", \"-c\", \"cat /etc/motd\"],
			\"type\": \"oneshot\", \"essential\": true, \"sha256\": \"$(sha256sum <"$tools/$image" | cut -c 1-64)\" }"
		run_host
		cat "$work/log"
		[ "$status" -eq 0 ]
		grep -q "of the image" "$work/log"
		grep -q "started as .Container(\[$(sha256sum <"$tools/$image" | cut -c 1-64)\])" "$work/log"
	done
}

@test "mounts: what the manifest gives it is there, as it says; and nothing through a link of the image" {
	mkdir -p "$work/data"
	echo shared >"$work/data/file"
	chmod -R a+rwX "$work/data"
	local ro="{ \"source\": \"$work/data\", \"target\": \"/data/in\", \"type\": \"bind\", \"options\": [\"ro\"] }"
	local rw="{ \"source\": \"$work/data\", \"target\": \"/rw\", \"type\": \"bind\" }"
	local one="{ \"source\": \"$work/data/file\", \"target\": \"/one\", \"type\": \"bind\" }"
	local mem='{ "source": "x", "target": "/mem", "type": "tmpfs", "options": ["size=64k", "mode=700"] }'
	inside 'cat /data/in/file /one; echo x >/data/in/new; echo y >/rw/new; ls -ld /mem; grep /mem /proc/mounts' ", \"mounts\": [$ro, $rw, $one, $mem]"
	[ "$(grep -c shared "$work/out")" -eq 2 ]
	says_inside "Read-only file system"
	[ "$(cat "$work/data/new")" = y ]
	says_inside "size=64k"
	manifest "$(sh_entry a ', "mounts": [{ "source": "/dev/vda", "target": "/x", "type": "ext4" }]' true)"
	run -78 timeout 20 "$tools/taoinit" -f "$work/manifest.json"
	[[ $output == *'services.a.mounts[0]: '*'bind or tmpfs'* ]]
}

@test "network: its own by default, the host's, or that of a path" {
	inside 'ls /sys/class/net; cat /proc/net/dev; readlink /proc/self/ns/net'
	run ! grep -q "eth\|ens\|veth" "$work/out"
	run ! grep -q "$(readlink /proc/self/ns/net)" "$work/out"
	grep -q "lo:" "$work/out"
	inside 'readlink /proc/self/ns/net' ', "network": "host"'
	says_inside "$(readlink /proc/self/ns/net)"
	touch "$work/net"
	unshare --net="$work/net" true
	inside 'readlink /proc/self/ns/net' ", \"network\": \"$work/net\"" || r=$?
	umount "$work/net"
	[ -z "${r:-}" ]
	run ! grep -q "$(readlink /proc/self/ns/net)" "$work/out"
}

@test "without root it works, with one id" {
	chmod 777 "$work"
	manifest "$(sh_entry a ', "type": "oneshot", "essential": true' 'id; cat /proc/self/uid_map; cat /proc/1/cmdline; ls /')"
	sed -i "s,$work/keys,$work/own/keys," "$work/manifest.json"
	run_host setpriv --reuid 65534 --regid 65534 --clear-groups
	cat "$work/log"
	[ "$status" -eq 0 ]
	grep -q "uid=0 gid=0" "$work/log"
	grep -qE "^ +0 +65534 +1$" "$work/log"
}

@test "where user namespaces are forbidden, it says so and what to do" {
	chmod 777 "$work"
	manifest "$(sh_entry a '' 'id')"
	sed -i "s,$work/keys,$work/own/keys," "$work/manifest.json"
	# Nobody may make more than none of them, below this one.
	unshare --user --map-root-user sh -c "echo 0 >/proc/sys/user/max_user_namespaces && exec setpriv --bounding-set=-all --inh-caps=-all timeout 20 $tools/taoinit -f $work/manifest.json" >"$work/log" 2>&1 &
	host=$!
	says "a container needs user namespaces, which are forbidden here"
}

bad_image() # WORDS, of what python3 does to "t", a tar
{
	python3 - "$work/bad.tar" <<-EOF
		import io, sys, tarfile
		t = tarfile.open(sys.argv[1], "w")
		def add(name, kind=tarfile.REGTYPE, link="", data=b"", mode=0o755):
		    i = tarfile.TarInfo(name); i.type = kind; i.linkname = link; i.size = len(data); i.mode = mode
		    t.addfile(i, io.BytesIO(data))
		$1
		t.close()
	EOF
	chmod a+r "$work/bad.tar"
}

# The service has failed with these words (a pattern), and nothing is left.
refused() # WORDS
{
	manifest "\"a\": { \"factory\": \"container\", \"image\": \"$work/bad.tar\", \"exec\": [\"/x\"], \"root_size\": \"1M\" }"
	start_host
	eventually '[ "$(state_of a)" = failed ]'
	ctl status a
	ctl status a | grep -qE "because .*$1"
	left_nothing
	kill "$host"
	wait "$host" || true
	host=
}

@test "images that mean harm: refused with the reason, nothing is left" {
	bad_image 'add("../escape")'
	refused 'unpacking: .*\.\.'
	bad_image 'add("d", tarfile.CHRTYPE)'
	refused 'unpacking: .*d'
	bad_image 'add("proc", tarfile.SYMTYPE, "/tmp"); add("x")'
	refused 'in the image: proc: Symbolic link loop'
	bad_image 'add("dev", tarfile.SYMTYPE, "../../../dev"); add("x")'
	refused 'in the image: dev: Symbolic link loop'
	bad_image 'add("dev"); add("x")'
	refused 'mounting dev|in the image'
	bad_image 'add("x", data=bytes(4 << 20))'
	refused 'unpacking: .*'
	bad_image '[add("f%d" % i) for i in range(5000)]'
	refused 'unpacking: .*'
	bad_image 'add("y")'
	refused 'exec /x: No such file or directory'
	head -c 100000 /dev/urandom >"$work/bad.tar"
	refused ''
}

@test "killed at any time, whoever it is: nothing is left, and it starts again" {
	mkdir -p "$work/big/bin"
	cp "$tools/tree/bin/sh" "$work/big/bin"
	for i in $(seq 1 3000); do echo "$i" >"$work/big/file.$i"; done
	tar -C "$work/big" -czf "$work/big.tar" .
	chmod a+r "$work/big.tar"
	manifest "\"a\": { \"factory\": \"container\", \"image\": \"$work/big.tar\", \"exec\": [\"/bin/sh\", \"-c\", \"sleep 1000\"], \"restart\": \"always\" }"
	start_host
	local i pids
	for i in $(seq 1 12); do
		sleep "0.0$((RANDOM % 90 + 10))"
		pids=$(of_containers)
		# shellcheck disable=SC2086 # a list
		[ -z "$pids" ] || kill -KILL "$(shuf -n 1 -e $pids)" 2>/dev/null || true
		[ $((i % 3)) -gt 0 ] || ctl stop a
		ctl start a >/dev/null || true
	done
	eventually '[ "$(state_of a)" = up ] || ! ctl start a'
	ctl stop a
	left_nothing
	kill "$host"
	wait "$host"
	host=
}

@test "stopped, or late, while it is unpacked: gone at once" {
	dd if=/dev/zero bs=1M count=60 of="$work/zeros" status=none
	tar -C "$work" -cf "$work/big.tar" zeros
	rm "$work/zeros"
	manifest "\"a\": { \"factory\": \"container\", \"image\": \"$work/big.tar\", \"exec\": [\"/x\"], \"start_timeout\": \"1ms\", \"restart\": \"never\" }"
	start_host
	eventually '[ "$(state_of a)" = failed ]'
	left_nothing
}

@test "a host that ends, however, takes its containers along" {
	manifest "$(sh_entry a '' 'sleep 4321')"
	start_host
	eventually '[ "$(state_of a)" = up ]'
	local uid pids
	uid=$(ctl --json status a | jq .services[0].uid)
	pids=$(of_containers)
	[ -n "$pids" ]
	kill -TERM "$host"
	wait "$host"
	host=
	run ! has_processes "$uid"
}

# The tree as a squashfs and as an erofs, with hashes; the root hash is in $tools/verity.KIND.root.
make_verity()
{
	local kind
	mksquashfs "$tools/tree" "$work/squashfs" -quiet -no-progress
	mkfs.erofs "$work/erofs" "$tools/tree" >"$work/mkfs.log"
	for kind in squashfs erofs; do
		/sbin/veritysetup format "$work/$kind" "$work/$kind.hashes" "$@" | sed -n 's/^Root hash:[[:space:]]*//p' >"$work/$kind.root"
	done
	chmod -R a+rX "$work"
}

verity_entry() # NAME IMAGE HASHES [KEYS]
{
	echo "\"$1\": { \"factory\": \"container\", \"image\": \"$work/$2\", \"verity\": \"$work/$3\", \"exec\": [\"/bin/sh\"], \"restart\": \"never\"${4:-} }"
}

@test "an image under dm-verity has the name that veritysetup prints; without device-mapper it says what is missing" {
	make_verity
	manifest "$(verity_entry a squashfs squashfs.hashes ", \"sha256\": \"$(cat "$work/squashfs.root")\""), $(verity_entry e erofs erofs.hashes)"
	run -0 "$tools/taoinit" -n "$work/manifest.json"
	start_host unshare --mount sh -c '[ ! -d /dev/mapper ] || mount -t tmpfs none /dev/mapper; exec "$@"' --
	local kind
	for kind in squashfs erofs; do
		says "$kind: could not be run: /dev/mapper/control, which takes the modules dm-mod and dm-verity (host.modules): No such file or directory"
		says "started as .Container([$(cat "$work/$kind.root")], ext.Verity([$(head -c 512 "$work/$kind.hashes" | sha256sum | cut -c 1-64)]))"
	done
	left_nothing
}

@test "an image under dm-verity is for root alone, and refused where it is none" {
	make_verity --no-superblock
	manifest "$(verity_entry a squashfs squashfs.hashes)"
	run -78 "$tools/taoinit" -n "$work/manifest.json"
	[[ $output == *"squashfs.hashes: has no superblock of dm-verity, version 1, hash type 1; make it by veritysetup format IMAGE HASHES"* ]]
	make_verity --hash=sha512
	run -78 "$tools/taoinit" -n "$work/manifest.json"
	[[ $output == *"squashfs.hashes: has another algorithm than sha256; "* ]]
	make_verity
	cp "$tools/image.tar" "$work"
	manifest "$(verity_entry a image.tar squashfs.hashes)"
	run -78 "$tools/taoinit" -n "$work/manifest.json"
	[[ $output == *"image.tar: holds no squashfs or erofs, "* ]]
	manifest "$(verity_entry a squashfs squashfs.hashes)"
	sed -i 's/, "exec": \["[^]]*"\]//' "$work/manifest.json"
	run -78 "$tools/taoinit" -n "$work/manifest.json"
	[[ $output == *'services.a: has no "exec"; write "exec": '* ]]
	manifest "$(verity_entry a squashfs squashfs.hashes ', "root_size": "1M"')"
	run -78 "$tools/taoinit" -n "$work/manifest.json"
	[[ $output == *'services.a.root_size: '*'take it out'* ]]
	chmod 777 "$work"
	manifest "$(verity_entry a squashfs squashfs.hashes ', "type": "oneshot", "essential": true')"
	sed -i "s,$work/keys,$work/own/keys," "$work/manifest.json"
	run_host setpriv --reuid 65534 --regid 65534 --clear-groups
	[ "$status" -ne 0 ]
	grep -qF "an image under dm-verity, which is for root alone to mount; make it a tar: Operation not permitted" "$work/log"
}
