# SPDX-License-Identifier: MIT
# What the tests of a running host share. Sourced by bats files.
# shellcheck shell=bash

# Once a file: the tools, where every uid can reach them.
helpers_setup_file()
{
	bats_require_minimum_version 1.5.0
	cd "$BATS_TEST_DIRNAME/../.." || return 1
	export O=${O:-build}
	export tools=$BATS_FILE_TMPDIR/tools
	# /tmp/bats-run-… is 0700: services of other uids must be able to look their programs up.
	local dir=$BATS_FILE_TMPDIR
	while [ "$dir" != / ] && [ "$dir" != /tmp ]; do
		chmod a+x "$dir"
		dir=$(dirname "$dir")
	done
	mkdir -p "$tools"
	chmod 755 "$tools"
	musl-gcc -static -Os -D_GNU_SOURCE -w -o "$tools/probe" tests/helpers/probe.c
	musl-gcc -static -Os -D_GNU_SOURCE -o "$tools/pass" tests/helpers/pass.c
	cp "$O/taoinit" "$tools/taoinit"
	local name
	for name in tao taoctl taopolicy; do ln -sf taoinit "$tools/$name"; done
	chmod 755 "$tools"/*
}

helpers_setup()
{
	cd "$BATS_TEST_DIRNAME/../.." || return 1
	host=
	work=$BATS_TEST_TMPDIR
	chmod a+x "$work"
	socket=$work/admin
}

# An initramfs with tests/helpers/guest.c, the modules that it needs, and the probe.
make_guest() # FILE
{
	local n=0 name
	mkdir -p "$BATS_FILE_TMPDIR/guest/modules"
	musl-gcc -static -Os -D_GNU_SOURCE -Iclient -o "$BATS_FILE_TMPDIR/guest/init" tests/helpers/guest.c client/tao.c
	cp "$tools/probe" "$BATS_FILE_TMPDIR/guest/probe"
	for name in virtio_ring virtio virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci virtio_console virtio_blk; do
		n=$((n + 1))
		cp "$(find "$(dirname "$KERNEL")/../lib/modules" -name "$name.ko")" "$BATS_FILE_TMPDIR/guest/modules/$n.ko"
	done
	(cd "$BATS_FILE_TMPDIR/guest" && find . | cpio -o -H newc --quiet) >"$1"
	chmod 644 "$1"
}

# Kills the host and whatever it left.
helpers_teardown()
{
	[ -z "$host" ] || kill -KILL "$host" 2>/dev/null || true
	[ -z "$host" ] || wait "$host" 2>/dev/null || true
	pkill -KILL -f "^($tools|$work)/" 2>/dev/null || true
	rm -f "${socket:-}"
	rmdir /sys/fs/cgroup/unified/tao-"$host"/* /sys/fs/cgroup/unified/tao-"$host" 2>/dev/null || true
}

# How the admin channel is reached: unix, or fd, an inherited connection. Tests that hold for both have the tag "admin"
# and use ctl, host_op and admin_json; admin.bats runs them a second time, over fd.
transport=${TAO_TRANSPORT:-unix}

admin_json()
{
	if [ "$transport" = fd ]; then
		echo "{ \"fd\": 5, \"as\": $(id -u), \"group\": $(id -g) }"
	else
		echo "{ \"unix\": \"$socket\" }"
	fi
}

# Writes $work/manifest.json: services as JSON text; the guard (allow) and more of host may be given.
manifest() # SERVICES [GUARD [HOST-JSON]]
{
	cat >"$work/manifest.json" <<-EOF
		{ "version": 1,
		  "host": { "root": { "type": "soft", "file": "$work/keys/keys" }, "guard": { "type": "${2:-allow}" },
		            "admin": [ $(admin_json) ]${3:+, $3} },
		  "services": { $1 } }
	EOF
}

# Does somebody listen on this unix socket? It is there a moment before (in /proc/net/unix: SO_ACCEPTCON).
listens() # PATH
{
	grep -q " 00010000 .* $1\$" /proc/net/unix
}

# Starts the host of $work/manifest.json in the background; its words and its services' go to $work/log.
start_host() # [PREFIX…]
{
	if [ "$transport" = fd ]; then
		rm -f "$socket"
		set -- "$tools/pass" pair "$socket" 5 "$@"
	fi
	"$@" "$tools/taoinit" -f "$work/manifest.json" >"$work/log" 2>&1 3>&- </dev/null &
	host=$!
	eventually "listens '$socket' || ! kill -0 $host 2>/dev/null"
}

# A prefix for start_host: where there are no cgroups.
without_cgroups=(unshare --mount sh -c 'umount -R /sys/fs/cgroup 2>/dev/null || umount -l /sys/fs/cgroup; exec "$@"' sh)

# As PID 1 of a pid namespace. $host is unshare; the host itself sees itself as 1.
start_pid1()
{
	start_host unshare --fork --pid --mount --mount-proc --kill-child
}

ctl()
{
	by_transport "$tools/taoctl" -S -- "$@"
}

# LinuxHost.OP, or any other op, as bytes.
host_op() # OP WORDS…
{
	by_transport python3 tests/helpers/host_client.py -- "$@"
}

by_transport() # COMMAND… -- WORDS…: with what names the admin channel between them
{
	local command=()
	while [ "$1" != -- ]; do command+=("$1"); shift; done
	if [ "$transport" = fd ]; then
		timeout 60 "$tools/pass" take "$socket" 9 "${command[@]}" fd:9 "${@:2}"
	else
		timeout 60 "${command[@]}" "$socket" "${@:2}"
	fi
}

# Waits for a condition, a second at most if it is true already, a minute if it must be.
eventually() # COMMAND
{
	local i
	for i in $(seq 1 1200); do
		if eval "$1"; then return 0; fi
		sleep 0.05
	done
	echo "in vain: $1" >&2
	cat "$work/log" >&2 2>/dev/null || true
	return 1
}

# Waits for a line of the log.
says() # FIXED-TEXT
{
	eventually "grep -qF -- '$1' '$work/log'"
}

state_of() # SERVICE
{
	ctl --json status "$1" | jq -r '.services[0].state'
}

pid_of() # SERVICE
{
	ctl --json status "$1" | jq -r '.services[0].pid'
}

principal_of() # SERVICE
{
	ctl --json status "$1" | jq -r '.services[0].principal'
}

# The shell command of a service, for a manifest, that raises a counter and says which values were acknowledged. A change whose
# answer did not come may hold: what is found then is what was asked for, or what was before; anything else is WRONG. It ends
# with its host, whoever ends that.
counting()
{
	tr -d '\n\t' <<-EOF
		tao=$tools/tao; n=0; while :; do if \$tao counter c \$((n + 1)) 2>/dev/null; then n=\$((n + 1)); echo acknowledged \$n;
		else f=\$(\$tao counter c 2>/dev/null) && { [ \$f -ge \$n ] && [ \$f -le \$((n + 1)) ] || echo WRONG \$f after \$n; n=\$f; echo found \$n; } || \$tao name >/dev/null 2>&1 || exit; fi; done
	EOF
}

# Anonymous memory in KiB, and descriptors, of the host and of its workers.
held()
{
	local pid memory=0 fds=0
	for pid in "$host" $(pgrep -P "$host" tao-); do
		memory=$((memory + $(sed -n 's/^RssAnon:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$pid/status")))
		fds=$((fds + $(find "/proc/$pid/fd" -type l | wc -l)))
	done
	echo "$memory $fds"
}

# Runs the host to its end: sets $status; words in $work/log.
run_host() # [PREFIX…]
{
	status=0
	timeout 60 "$@" "$tools/taoinit" -f "$work/manifest.json" >"$work/log" 2>&1 3>&- </dev/null || status=$?
}
