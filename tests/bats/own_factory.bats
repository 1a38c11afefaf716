#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# A factory of one's own is one file and one row: a copy of the tree gets both, and its program runs services by it.

load helpers

# A link of the whole program, on a machine that does other things as well.
export BATS_TEST_TIMEOUT=1800

setup_file()
{
	helpers_setup_file
	export own=$BATS_FILE_TMPDIR/tree
	# What is built is taken along, so that only what must is built again; make sees what is older by the times.
	mkdir -p "$own/build"
	tar -cf - --exclude=./.git --exclude='./build*' . | tar -C "$own" -xf -
	ln -s "$(realpath build/deps)" "$own/build/deps"
	cp -a "$O/obj" "$O/version.h" "$own/build"
	cp tests/factory/factory_nice.c "$own/init"
	echo 'FACTORY(nice)' >>"$own/init/factory.def"
	env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL "${MAKE:-make}" -C "$own" -j1 build/taoinit >"$BATS_FILE_TMPDIR/make.log" 2>&1 ||
		{ cat "$BATS_FILE_TMPDIR/make.log"; return 1; }
}

setup()
{
	helpers_setup
}

teardown()
{
	helpers_teardown
}

@test "without the row the word is refused, with those that there are" {
	manifest "\"a\": { \"factory\": \"nice\", \"exec\": [\"$tools/probe\", \"wait\"] }"
	run_host
	[ "$status" -eq 78 ]
	grep -qF 'services.a.factory: ' "$work/log"
	grep -qF 'write process, container or vm' "$work/log"
}

@test "one file and one row: it starts, is named, restarted and stopped as by any other" {
	cp "$own/build/taoinit" "$work/taoinit"
	ln -s taoinit "$work/tao"
	manifest "\"a\": { \"factory\": \"nice\", \"exec\": [\"$tools/probe\", \"wait\"] },
		\"b\": { \"factory\": \"nice\", \"exec\": [\"$work/tao\", \"name\"], \"type\": \"oneshot\", \"log\": \"ring\" },
		\"c\": { \"exec\": [\"$tools/probe\", \"wait\"] },
		\"d\": { \"factory\": \"nice\", \"exec\": [\"$tools/probe\", \"exit\", \"1\"], \"max_restarts\": 2, \"restart_delay\": \"1ms\" }"
	tools=$work start_host
	eventually '[ "$(state_of a)$(state_of b)$(state_of c)" = updoneup ]'
	# The same program has another name.
	digest=$(sha256sum "$tools/probe" | cut -d' ' -f1)
	[[ $(principal_of a) == *".Nice([$digest])" ]]
	[[ $(principal_of c) == *".Program([$digest])" ]]
	ctl logs b | grep -qF "$(principal_of b)"
	pid=$(pid_of a)
	[ "$(ps -o ni= -p "$pid" | tr -d ' ')" -eq 19 ]
	[ "$(ps -o ni= -p "$(pid_of c)" | tr -d ' ')" -ne 19 ] || [ "$(ps -o ni= -p $$ | tr -d ' ')" -eq 19 ]
	eventually '[ "$(state_of d)" = failed ]'
	ctl signal a USR1
	eventually '[ "$(state_of a)" = up ] && [ "$(pid_of a)" != $pid ]'
	ctl restart a
	[ "$(ps -o ni= -p "$(pid_of a)" | tr -d ' ')" -eq 19 ]
	ctl stop a
	[ "$(state_of a)" = down ]
	ctl status a | grep -q "ended by signal 15"
}
