#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# The commands of docs/first-appliance.md, as they stand there.

load helpers

setup_file()
{
	qemu_setup_file
}

setup()
{
	qemu_setup
}

@test "the first appliance: each command does what the tutorial says" {
	sed -n '/^<!-- run -->$/,/^```$/p' docs/first-appliance.md | grep -v '^```\|^<!--' | sed "s,/tmp/appliance,$work/a,g" >"$work/commands"
	[ "$(grep -c . "$work/commands")" -gt 15 ]
	# The machine ends with the test.
	{
		echo 'trap "kill \$machine 2>/dev/null || :" EXIT'
		cat "$work/commands"
	} >"$work/run"
	run -0 timeout 1200 bash -e "$work/run"
	grep -q '^report: run 1, the page begins: <!doctype html>' <<<"$output"
	grep -q 'as was to be expected: status 78' <<<"$output"
	[ "$(grep -c 'says Report("' <<<"$output")" -ge 2 ]
	grep -qx 'not from that host' <<<"$output"
}
