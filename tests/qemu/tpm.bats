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
	console_says "PCR 15 (the manifest has changed: services.one.exec)"
	console_says "PID 1 stays"
	cut_power

	image "$(host "$one")"
	start_vm "${disk[@]}"
	ended "powering off"
	[ "$(name)" = "$first" ]
}

@test "tao.rescue: the PCR is capped before the shell starts, and the keys do not open in that boot" {
	make_disk
	image "$(host "$one")"
	start_vm "${disk[@]}"
	ended "powering off"
	first=$(name)
	append=tao.rescue
	start_vm "${disk[@]}"
	console_says "tao.rescue: no service is run"
	ready=$(printf '\003OAT\000\000\000\000' | sha256sum | cut -d' ' -f1)
	# Of zeros, extended by READY alone: no host's name has it.
	value=$(python3 -c "import hashlib; print(hashlib.sha256(bytes(32) + bytes.fromhex('$ready')).hexdigest())")
	echo 'cat /sys/class/tpm/tpm0/pcr-sha256/15; exit' >"$work/input"
	ended "rebooting"
	grep -qi "$value" "$work/console"
	run ! grep -q "this host is" "$work/console"
	# Whoever names a manifest that is not there gets no other shell.
	append="tao.rescue tao.manifest=/nowhere"
	start_vm "${disk[@]}"
	console_says "tao.rescue: no service is run"
	echo 'cat /sys/class/tpm/tpm0/pcr-sha256/15 /sys/class/tpm/tpm0/pcr-sha256/14; exit' >"$work/input"
	ended "rebooting"
	[ "$(grep -ci "$value" "$work/console")" = 2 ]
	append=
	start_vm "${disk[@]}"
	ended "powering off"
	[ "$(name)" = "$first" ]
}

@test "on_root_failure rescue: a shell, after the PCR was capped" {
	make_disk
	image "$(host "$one" | sed 's,"type": "tpm",&\, "on_root_failure": "rescue",')"
	start_vm "${disk[@]}"
	ended "powering off"
	image "$(host "${one/exit/wait}" | sed 's,"type": "tpm",&\, "on_root_failure": "rescue",')"
	start_vm "${disk[@]}"
	console_says "(the manifest has changed: services.one.exec)"
	console_says "no service is run and the root of trust stays closed"
	echo 'NO_COLOR=1 taoctl status; exit' >"$work/input"
	ended "rebooting"
	grep -q "problem .*the manifest has changed" "$work/console"
}
