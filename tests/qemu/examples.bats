#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# The appliance of rootfs/manifests/appliance.json boots: a web server behind a socket, a store with sealed data, a job
# written as a script. And a job in a container, rootfs/manifests/container.json.

load helpers

setup_file()
{
	qemu_setup_file
	export O=${O:-build}
}

setup()
{
	qemu_setup
}

teardown()
{
	qemu_teardown
}

# The appliance, and a shell with all rights that runs COMMAND when the job is done; its end is the host's.
appliance_then() # COMMAND
{
	jq --arg command "$1" '.services.look = { "exec": ["/bin/sh", "-c", $command], "type": "oneshot", "after": ["report"],
		"user": "root", "privileged": true, "capabilities": ["DAC_OVERRIDE", "FOWNER", "CHOWN"], "essential": true,
		"measure": {"trust_rootfs": true} }' rootfs/manifests/appliance.json >"$work/appliance.json"
	image "$(cat "$work/appliance.json")"
	start_vm
	ended "powering off"
}

@test "web, store and report: a page is served, a value is kept over restarts, the report is signed and believed" {
	appliance_then 'taoctl restart report; taoctl restart store; echo "get runs" | nc -w 5 127.0.0.1 7000 | sed "s/^/kept: /";
		wget -q -O - http://127.0.0.1/../etc/passwd || echo "nothing outside"; grep -c "set\|runs" /var/lib/store/data | sed "s/^/plain: /"'
	grep -qF "report: run 1, the page begins: <!doctype html>" "$work/console"
	grep -qF "report: run 2," "$work/console"
	grep -qF "kept: 2" "$work/console"
	grep -qF "nothing outside" "$work/console"
	grep -qF "plain: 0" "$work/console"
	sed -n 's/.*report: signed //p' "$work/console" | tr -d '\r' | tail -n 1 >"$work/attestation"
	# The machine's clock may be a little ahead of ours.
	eventually '"$O/taoverify" attestation "$work/attestation" >/dev/null'
	run -0 "$O/taoverify" attestation "$work/attestation"
	[[ $output == *'Report("'*'", 2)'* ]]
}

@test "store: an older copy of its file is refused, the newest one is taken again" {
	appliance_then 'cp -p /var/lib/store/data /tmp/old; taoctl restart report; taoctl stop store; cp -p /var/lib/store/data /tmp/newest;
		cp -p /tmp/old /var/lib/store/data; taoctl start store || echo "not started";
		cp -p /tmp/newest /var/lib/store/data; taoctl start store; echo "get runs" | nc -w 5 127.0.0.1 7000 | sed "s/^/kept: /"'
	grep -qF "is an older copy" "$work/console"
	grep -qF "not started" "$work/console"
	grep -qF "kept: 2" "$work/console"
}

# The root is an initramfs, which cannot be pivoted away from: what no other test has.
@test "container: a job whose image is measured runs in it, and the machine ends with the job" {
	rootfs/container-image "$work/job.tar"
	image "$(cat rootfs/manifests/container.json)" "$work/job.tar=/images/job.tar"
	start_vm
	ended "powering off"
	grep -qE "hello: I am key.*\.Container\(\[$(sha256sum "$work/job.tar" | cut -d' ' -f1)\]\)" "$work/console"
	grep -q "hello: random" "$work/console"
}
