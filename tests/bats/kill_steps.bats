#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# kill -9 in every step of a start, of every process that has a part in it, for each factory: the host goes on, says what
# happened, nothing is left and it can be started again (tests/helpers/kill_steps.py). TAO_SOAK=1: in every single step;
# else in each of a few, another few each time.

load helpers

setup_file()
{
	helpers_setup_file
	mkdir -p "$tools/tree"
	cp "$tools/probe" "$tools/tree"
	tar -C "$tools/tree" -cf "$tools/image.tar" .
	chmod -R a+rX "$tools"
	KERNEL=${KERNEL:-$(rootfs/fetch-kernel)}
	export KERNEL
}

setup()
{
	helpers_setup
	mkdir "$work/own"
	chmod 777 "$work/own"
}

teardown()
{
	helpers_teardown
}

# A host with one service, which is not up until it says so.
host_of() # ENTRY-JSON [PREFIX…]
{
	local entry=$1
	shift
	socket=$work/own/admin
	manifest "\"a\": { $entry, \"restart\": \"never\", \"log\": \"ring\" }" allow "\"runtime\": \"$work/own/run\""
	sed -i "s,$work/keys,$work/own/keys," "$work/manifest.json"
	export KILL_STEPS_LOG=$work/log
	start_host "$@"
}

process="\"exec\": [\"$BATS_FILE_TMPDIR/tools/probe\", \"notify\", \"READY=1\"], \"ready\": \"notify\""
container="\"factory\": \"container\", \"image\": \"$BATS_FILE_TMPDIR/tools/image.tar\", \"exec\": [\"/probe\", \"notify\", \"READY=1\"], \"ready\": \"notify\""

# Kills each of the start's processes.
killed_in_each_step() # STEPS-BETWEEN WHO…
{
	local who every=$1 first
	for who in $2; do
		first=$((RANDOM % every + 1))
		[ -z "${TAO_SOAK:-}" ] || every=1 first=1
		python3 tests/helpers/kill_steps.py "$host" "$who" "$first" "$every" 10000 "$work/own" a "$tools/taoctl" -S "$socket" >"$work/steps" || {
			tail "$work/log"
			return 1
		}
		sed "s/^/# ${who%=*}: /" "$work/steps" >&3
		grep -q "^all of" "$work/steps"
	done
}

as_nobody=(setpriv --reuid 65534 --regid 65534 --clear-groups)

@test "a process" {
	host_of "$process"
	killed_in_each_step 10 1
}

@test "a process with a keeper, of an ordinary user" {
	host_of "$process" "${as_nobody[@]}"
	killed_in_each_step 10 "1 2"
}

@test "a keeper that is slower than its program" {
	host_of "$process" "${as_nobody[@]}"
	KILL_STEPS_SLOW=0.02 python3 tests/helpers/kill_steps.py "$host" 1 1000 1 1 "$work/own" a "$tools/taoctl" -S "$socket"
	cat "$work/log"
	run ! grep "did not reach" "$work/log"
}

@test "a container: keeper, unpacker, program" {
	host_of "$container"
	killed_in_each_step 10 "1 2 3"
}

@test "a container of an ordinary user" {
	host_of "$container" "${as_nobody[@]}"
	killed_in_each_step 10 "1 2 3"
}

@test "a virtual machine: keeper, QEMU" {
	host_of "\"factory\": \"vm\", \"kernel\": \"$KERNEL\", \"initrd\": \"$tools/image.tar\", \"accel\": \"tcg\", \"limits\": { \"memory\": \"64M\" },
		\"stop\": { \"timeout\": \"10ms\" }"
	killed_in_each_step 10 "1 2"
}

# A worker that dies often is started again later and later: a few a host.
worker_killed_in_each_step() # STEPS-BETWEEN WORKER=FILE ENTRY
{
	local every=$1 who=$2 first
	shift 2
	first=$((RANDOM % every + 1))
	[ -z "${TAO_SOAK:-}" ] || every=1 first=1
	while :; do
		host_of "$@"
		python3 tests/helpers/kill_steps.py "$host" "$who" "$first" "$every" 8 "$work/own" a "$tools/taoctl" -S "$socket" >"$work/steps"
		sed "s/^/# ${who%=*}: /" "$work/steps" >&3
		kill -TERM "$host"
		wait "$host"
		host=
		first=$(sed -n 's/^next //p' "$work/steps")
		[ -n "$first" ] || break
	done
}

@test "the worker that measures a program" {
	worker_killed_in_each_step 10 tao-measure="$tools/probe" "$process"
}

@test "the worker that measures a container's image" {
	worker_killed_in_each_step 10 tao-measure="$tools/image.tar" "$container"
}

@test "the process that copies a large program for it" {
	cp "$tools/probe" "$work/large"
	truncate -s 9M "$work/large"
	host_of "${process//"$tools/probe"/$work/large}"
	killed_in_each_step 10 tao-measure.1="$work/large"
}

# It counts, and whatever happened, no acknowledged value is lost.
@test "the worker that stores counters" {
	cat >"$work/own/count" <<-EOF
		#!/bin/sh
		[ -s $work/own/acked ] || { $tools/tao counter c 1 && echo 1 >$work/own/acked; }
		acked=\$(cat $work/own/acked)
		before=\$($tools/tao counter c) || before=\$($tools/tao counter c) || exit 97
		[ "\$before" -ge "\$acked" ] || exit 98
		if $tools/tao counter c \$((before + 1)); then
		    echo \$((before + 1)) >$work/own/acked
		fi
		after=\$($tools/tao counter c) || after=\$($tools/tao counter c) || exit 99
		[ "\$after" -ge "\$(cat $work/own/acked)" ] && [ "\$after" -le \$((before + 1)) ]
	EOF
	chmod 755 "$work/own/count"
	touch "$work/own/acked"
	chmod 666 "$work/own/acked"
	worker_killed_in_each_step 10 tao-root="$work/own/acked" "\"exec\": [\"$work/own/count\"], \"measure\": { \"trust_rootfs\": true }, \"type\": \"oneshot\""
}
