#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# Virtual machines as services: measured, confined, asked to stop by their power button, and whatever is in them troubles
# nobody else. The host is an ordinary process; QEMU emulates.

load helpers

setup_file()
{
	helpers_setup_file
	KERNEL=${KERNEL:-$(rootfs/fetch-kernel)}
	export KERNEL
	make_guest "$tools/guest"
}

setup()
{
	helpers_setup
	# By which this test's machines are known. no_timer_check: on a busy host an emulated timer comes late, which this
	# kernel else takes for a broken one.
	mark=$$.$BATS_TEST_NUMBER
	words="console=ttyS0 quiet panic=-1 no_timer_check mark=$mark"
}

teardown()
{
	helpers_teardown
	# Nothing of a machine outlives its host, however that ended.
	eventually '! machines'
}

# An entry of the manifest: a machine whose init does that.
guest() # WORD [MORE-JSON]
{
	echo "\"factory\": \"vm\", \"kernel\": \"$KERNEL\", \"initrd\": \"$tools/guest\", \"accel\": \"tcg\",
		\"limits\": { \"memory\": \"128M\" }, \"stop\": { \"timeout\": \"1s\" }${2:+, $2},
		\"command_line\": \"do=$1 $words\""
}

# Are there any of this test's?
machines()
{
	pgrep -f -- "qemu-system-x86_64 .*mark=$mark\$" >/dev/null
}

sha()
{
	sha256sum "$1" | cut -d' ' -f1
}

@test "a machine has the name of what it is made of, and seals to it over its port" {
	manifest "\"g\": { $(guest talk) }"
	start_host
	says "sealed and opened"
	name="VM([$(sha "$KERNEL")], [$(sha "$tools/guest")], \"do=talk $words\", [$(sha /usr/share/seabios/bios-256k.bin)])"
	[[ $(principal_of g) == *".$name" ]]
	grep -qF "I am $(principal_of g)" "$work/log"
}

@test "memory, processors and disks are what the manifest says, and a machine that turns itself off has ended well" {
	printf 'the disk%504s' '' >"$work/disk"
	truncate -s 4K "$work/disk"
	manifest "\"g\": { $(guest look "\"disks\": [\"$work/disk\"], \"cpus\": 2") , \"restart\": \"on-failure\", \"essential\": true }"
	start_host timeout 600
	status=0
	wait "$host" || status=$?
	host=
	cat "$work/log"
	[ "$status" -eq 0 ]
	grep -qE "memory (9|10|11)[0-9] MiB, processors 2" "$work/log"
	grep -q "disk the disk" "$work/log"
	grep -q "written" "$work/log"
	[ "$(tail -c +513 "$work/disk" | head -c 7)" = "from me" ]
}

@test "a machine says that it is ready over its second port, and one that is deaf to its button is killed" {
	manifest "\"g\": { $(guest ready "\"ready\": \"fd\"") }"
	start_host
	eventually '[ "$(state_of g)" = up ]'
	machines
	ctl stop g
	says "g: did not stop within 1000 ms: killing it"
	[ "$(state_of g)" = down ]
	run ! machines
}

@test "QEMU has a uid of its own, no capabilities, a filter of system calls, and two sockets" {
	manifest "\"g\": { $(guest nothing) }"
	start_host
	eventually '[ "$(state_of g)" = up ]'
	says "done"
	pid=$(pid_of g)
	cat "/proc/$pid/status"
	uid=$(awk '/^Uid:/ { print $2 }' "/proc/$pid/status")
	[ "$uid" -ge 1000 ]
	grep -qE '^CapEff:.0+$' "/proc/$pid/status"
	grep -qE '^CapBnd:.0+$' "/proc/$pid/status"
	grep -qE '^NoNewPrivs:.1$' "/proc/$pid/status"
	grep -qE '^Seccomp:.2$' "/proc/$pid/status"
	# Its channel and its monitor are the only sockets.
	[ "$(find "/proc/$pid/fd" -lname 'socket:*' | wc -l)" -eq 2 ]
}

@test "a machine that reboots has ended: it is measured anew, and given up on when that goes on" {
	manifest "\"g\": { $(guest reboot) , \"restart\": \"always\", \"max_restarts\": 1, \"restart_window\": \"10m\" }"
	start_host
	eventually '[ "$(state_of g)" = failed ]'
	[ "$(grep -c "^done" "$work/log")" -eq 2 ]
	run ! machines
}

@test "a refused machine leaves nothing: no process, no descriptor, no file" {
	manifest "\"g\": { $(guest nothing) }, \"x\": { \"exec\": [\"$tools/probe\", \"wait\"] }" deny
	start_host
	eventually '[ "$(state_of g)" = failed ] || [ "$(state_of g)" = down ]'
	before=$(held)
	for _ in 1 2 3; do ctl start g || true; done
	[ "$(held | cut -d' ' -f2)" = "$(echo "$before" | cut -d' ' -f2)" ]
	run ! machines
	run ! pgrep -P "$host" tao-keep
}

@test "QEMU killed is a crash; its keeper killed takes it along" {
	manifest "\"g\": { $(guest nothing) , \"restart\": \"always\" }"
	start_host
	eventually '[ "$(state_of g)" = up ]'
	first=$(pid_of g)
	kill -KILL "$first"
	eventually '[ "$(state_of g)" = up ] && [ "$(pid_of g)" != $first ]'
	second=$(pid_of g)
	kill -KILL "$(pgrep -P "$host" tao-keep)"
	eventually '! kill -0 $second 2>/dev/null'
	eventually '[ "$(state_of g)" = up ] && [ "$(pid_of g)" != $second ]'
	[ "$(pgrep -fc -- "qemu-system-x86_64 .*mark=$mark\$")" -eq 1 ]
	kill -KILL "$host"
	wait "$host" || true
	host=
	eventually '! machines'
}

@test "half a frame is read on where the port is opened again" {
	manifest "\"g\": { $(guest reopen) }"
	start_host
	says "g: its channel is closed: half a frame, and then nothing for 10 s"
	[ "$(state_of g)" = up ]
}

# A machine that does that for ever, beside a service that asks the host something again and again: that is answered, the host
# and its workers hold no more after a while than they did at first, and the machine is stopped in the end.
troubles_nobody() # WORD SAID [MORE-JSON]
{
	local begin now
	manifest "\"g\": { $(guest "$1" "${3:-}") }, \"x\": { \"exec\": [\"/bin/sh\", \"-c\",
		\"while $tools/tao name >/dev/null; do echo served; sleep 0.1; done\"], \"measure\": { \"trust_rootfs\": true }, \"log\": \"$work/x\" }"
	start_host
	eventually "[ \"\$(state_of g)\" = up ] && { $2; }"
	served 20
	begin=$(held)
	served 30
	now=$(held)
	echo "KiB and descriptors held: $begin, then $now"
	[ "${now% *}" -le $((${begin% *} + 256)) ]
	[ "${now% *}" -le 8192 ]
	[ "${now#* }" -le "${begin#* }" ]
	[ "$(state_of g)" = up ]
	ctl restart x
	ctl stop g
	[ "$(state_of g)" = down ]
	run ! machines
	served 1
}

# Waits until x was answered so many times more.
served() # TIMES
{
	local there
	there=$(grep -c served "$work/x" || true)
	eventually "[ \$(grep -c served '$work/x' || true) -ge $((there + $1)) ]"
}

@test "garbage on the port without end" {
	troubles_nobody junk "grep -q 'g: its channel is closed: malformed frame' '$work/log'"
	# No guest's word for it makes a line each.
	[ "$(grep -c "its channel is closed" "$work/log")" -eq 1 ]
}

@test "requests on the port without end, whose answers nobody takes" {
	troubles_nobody flood "grep -q ^done '$work/log'"
}

@test "half a message on the port, and then nothing" {
	troubles_nobody half "grep -q 'g: its channel is closed: half a frame, and then nothing for 10 s' '$work/log'"
}

@test "a console without end: lines are lost, and what is kept is bounded" {
	troubles_nobody console "[ \"\$(ctl logs g 2>/dev/null | grep -c 'all work')\" -gt 100 ]" "\"log\": \"ring\""
}

@test "a machine that never stops, and never listens" {
	troubles_nobody deaf "grep -q ^done '$work/log'"
	says "g: did not stop within 1000 ms: killing it"
}

@test "a QEMU that talks on its monitor without end, and takes nothing from it" {
	musl-gcc -static -Os -o "$tools/false_qemu" tests/helpers/false_qemu.c
	chmod 755 "$tools/false_qemu"
	troubles_nobody nothing true "\"exec\": [\"$tools/false_qemu\"]"
	says "g: did not stop within 1000 ms: killing it"
	run ! pgrep -f "^$tools/false_qemu"
}

@test "the power button: a taoinit in a machine is told to stop, and stops all that it runs" {
	jq '.services = { "deaf": { "exec": ["/bin/probe", "wait"], "ready": "exec" } }' rootfs/manifests/guest.json >"$work/guest.json"
	OUT=$work/guest rootfs/guest-image "$work/guest.json" "$tools/probe=/bin/probe"
	manifest "\"g\": { \"factory\": \"vm\", \"kernel\": \"$KERNEL\", \"initrd\": \"$work/guest/initramfs.gz\", \"accel\": \"tcg\", \"ready\": \"fd\",
		\"command_line\": \"$words\", \"stop\": { \"timeout\": \"5m\" } }"
	start_host
	eventually '[ "$(state_of g)" = up ]' || eventually '[ "$(state_of g)" = up ]'
	ctl --no-wait stop g
	says "the power button"
	says "powering off"
	eventually '[ "$(state_of g)" = down ]'
	run ! machines
	run ! grep -q "killing it" "$work/log"
}

@test "the example boots, and what the machine says of itself is verified down to the host's key" {
	RUN=$work/run run -0 rootfs/run-vm
	[[ $output == *'says Spoken("hello")'* ]]
	[ "$(grep -c "^level [01]: " <<<"$output")" -eq 2 ]
}
