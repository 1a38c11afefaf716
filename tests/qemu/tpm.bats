#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# A machine whose root is in its TPM: disk and TPM stay over reboots. What opens the keys, and what does not.

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

host() # SERVICES-JSON [GUARD]
{
	echo "{ \"version\": 1, \"host\": { \"root\": { \"type\": \"tpm\", \"dir\": \"/data/tpm\" }, \"guard\": { \"type\": \"${2:-allow}\" },
		\"mounts\": [{ \"source\": \"/dev/nvme0n1\", \"target\": \"/data\", \"type\": \"ext4\" }] },
		\"services\": { $1 } }"
}

one='"one": { "exec": ["/bin/probe", "exit", "0"], "type": "oneshot", "essential": true }'

name()
{
	sed -n 's/.*this host is \(tpm2(.*)\)\.TrivialGuard.*/\1/p' "$work/console" | tr -d '\r'
}

@test "the keys open on the next boot; with a changed manifest they do not, and put back they do" {
	make_disk
	image "$(host "$one")"
	start_vm "${disk[@]}"
	ended "powering off"
	grep -q "(new keys)" "$work/console"
	first=$(name)
	[ -n "$first" ]
	start_vm "${disk[@]}"
	ended "powering off"
	[ "$(name)" = "$first" ]
	run ! grep -q "(new keys)" "$work/console"

	image "$(host "${one/exit/wait}")"
	start_vm "${disk[@]}"
	console_says "PCR 15 (the manifest has changed)"
	console_says "PID 1 stays"
	cut_power

	image "$(host "$one")"
	start_vm "${disk[@]}"
	ended "powering off"
	[ "$(name)" = "$first" ]
}
