#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# A machine boots: taoinit is PID 1 of a real kernel, in an initramfs, with a software TPM.

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

# A host with these services; a script among them runs busybox with all rights.
host() # SERVICES-JSON
{
	echo "{ \"version\": 1, \"host\": { \"root\": { \"type\": \"soft\", \"file\": \"/var/lib/tao/keys\" }, \"guard\": { \"type\": \"allow\" }, \"hostname\": \"box7\" },
		\"services\": { $1 } }"
}

# A privileged shell command as a service: KEYS are further keys of the entry.
shell() # NAME COMMAND [KEYS]
{
	printf '"%s": { "exec": ["/bin/sh", "-c", "%s"], "type": "oneshot", "user": "root", "privileged": true, "capabilities": ["SYS_ADMIN", "SYS_BOOT", "KILL", "DAC_OVERRIDE"]%s }' "$1" "$2" "${3:-}"
}

@test "mounts, hostname, loopback, console, TPM: what a system needs is there, and the machine turns itself off" {
	image "$(host "$(shell look 'cat /proc/mounts; echo host=$(hostname); ip addr show lo; ls -l /dev/tpmrm0; echo looked' ', "essential": true')")"
	start_vm
	ended "powering off"
	for mount in '/proc proc' '/sys sysfs' '/dev devtmpfs' '/dev/pts devpts' '/dev/shm tmpfs' '/run tmpfs' '/sys/fs/cgroup cgroup2'; do
		grep -qF " $mount " "$work/console"
	done
	grep -qF "host=box7" "$work/console"
	grep -qE "lo:.*UP" "$work/console"
	grep -qF "/dev/tpmrm0" "$work/console"
	grep -qF "looked" "$work/console"
}

@test "the self-test passes on the machine, with the TPM" {
	image "$(host "\"test\": { \"exec\": [\"/bin/taoinit\", \"--self-test\", \"--tpm\", \"/dev/tpmrm0\"], \"type\": \"oneshot\", \"user\": \"root\", \"privileged\": true, \"essential\": true }")"
	start_vm
	ended "powering off"
	grep -qE "^test: 1\.\.[0-9]+" "$work/console"
	run ! grep -q "not ok" "$work/console"
	grep -qi "PCR" "$work/console"
}

@test "orphans are reaped by PID 1, and the cgroup takes what is left" {
	image "$(host "\"o\": { \"exec\": [\"/bin/probe\", \"orphans\", \"300\"], \"type\": \"oneshot\" },
		\"s\": { \"exec\": [\"/bin/probe\", \"stray\"], \"restart\": \"never\", \"after\": [\"o\"] },
		$(shell look 'until [ $(ps | grep -c \"[Z] \") = 0 ] && [ $(ps | grep -c \"[p]robe\") = 0 ]; do sleep 0.1; done; echo looked' ', "after": ["s"], "essential": true')")"
	start_vm
	ended "powering off"
	grep -qF "orphans made" "$work/console"
	grep -qF "looked" "$work/console"
}

@test "SIGTERM to PID 1 reboots, as busybox reboot asks" {
	image "$(host "$(shell look 'kill -TERM 1; sleep 100')")"
	start_vm
	ended "rebooting"
}

@test "SIGUSR2 powers off, as busybox poweroff asks" {
	image "$(host "$(shell look 'kill -USR2 1; sleep 100')")"
	start_vm
	ended "powering off"
}

@test "ctrl-alt-del reboots in order" {
	image "$(host "\"w\": { \"exec\": [\"/bin/probe\", \"wait\"] }")"
	start_vm
	console_says waiting
	ctrl_alt_del
	ended "rebooting"
	grep -qF "signal 2" "$work/console"
}

@test "taoctl shutdown reboot" {
	image "$(host "$(shell look 'taoctl list; taoctl shutdown reboot; sleep 100')")"
	start_vm
	ended "rebooting"
	grep -qF "SERVICE" "$work/console"
}

@test "a bad manifest: PID 1 stays, says so with place and remedy, and goes on reaping" {
	image '{ "version": 1, "services": { "a": { "exec": ["bin/probe"] } } }'
	start_vm
	console_says "PID 1 stays"
	grep -qF "services.a.exec" "$work/console"
	grep -qF "absolute" "$work/console"
	# Still there: it answers ctrl-alt-del as ever.
	ctrl_alt_del
	ended "rebooting"
}

@test "no manifest: PID 1 stays, says so, and taoctl reaches it" {
	append=tao.manifest=/nowhere
	image "$(host "\"a\": { \"exec\": [\"/bin/probe\", \"wait\"] }")"
	start_vm
	console_says "PID 1 stays"
	grep -qF "/nowhere: No such file or directory; write a manifest there" "$work/console"
	ctrl_alt_del
	ended "rebooting"
}

@test "a service that cannot be measured fails alone; the machine goes on" {
	image "$(host "\"bad\": { \"exec\": [\"/bin/nothere\"] }, \"dir\": { \"exec\": [\"/etc\"] },
		$(shell look 'until [ $(NO_COLOR=1 taoctl list | grep -cE \"^(bad|dir) +failed\") = 2 ]; do sleep 0.1; done; echo looked' ', "essential": true')")"
	start_vm
	ended "powering off"
	grep -qF "/bin/nothere: " "$work/console"
	grep -qF "looked" "$work/console"
}

@test "options on the kernel's command line: another manifest, a quieter log, and one that is none" {
	host "$(shell look 'echo other manifest' ', "essential": true')" >"$work/other.json"
	image "$(host '')" "$work/other.json=/other.json"
	append="tao.manifest=/other.json tao.log=warning tao.nothing"
	start_vm
	ended "warning: kernel command line: tao.nothing: no such option"
	grep -qF "other manifest" "$work/console"
	run ! grep -qF "started as" "$work/console"
}

@test "tao.rescue: a shell on the console, no service, no keys; its end reboots" {
	image "$(host "\"n\": { \"exec\": [\"/bin/tao\", \"name\"], \"type\": \"oneshot\" }")"
	append=tao.rescue
	start_vm
	console_says "tao.rescue: no service is run"
	echo 'NO_COLOR=1 taoctl status; [ -e /var/lib/tao/keys ] || echo no" "keys; exit' >"$work/input"
	ended "rebooting"
	grep -qF "rescue: a shell runs on the console" "$work/console"
	grep -qF "no keys" "$work/console"
	run ! grep -q "^n: key(" "$work/console"
}
