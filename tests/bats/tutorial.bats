#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# The commands of docs/policy-tutorial.md, as they stand there.

load helpers

setup_file()
{
	helpers_setup_file
}

setup()
{
	helpers_setup
}

teardown()
{
	helpers_teardown
}

@test "the tutorial's commands do what it says" {
	sed -n '/^<!-- run -->$/,/^```$/p' docs/policy-tutorial.md | grep -v '^```\|^<!--' | sed "s,/tmp/tutorial,$work/t,g" >"$work/commands"
	[ "$(grep -c . "$work/commands")" -gt 50 ]
	run -0 env PATH="$tools:$PATH" bash -e "$work/commands"
	[ "$(grep -c '\.Program(\[' <<<"$output")" -ge 3 ]
	grep -q 'TrivialGuard("Liberal")\.Program' <<<"$output"
	grep -q 'ACLGuard(key(\[[0-9a-f]*\]))\.Program' <<<"$output"
	grep -q 'DatalogGuard(key(\[[0-9a-f]*\]))\.Program' <<<"$output"
	[ "$(grep -cx 'colour=blue' <<<"$output")" -eq 1 ]
	grep -q 'principal not authorized for unseal' <<<"$output"
	grep -qx 'the old one may not, as nothing names it' <<<"$output"
}
