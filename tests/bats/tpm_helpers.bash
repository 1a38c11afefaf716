# SPDX-License-Identifier: MIT
# What the tests of a root in a TPM share: a host against a software TPM of its own for each test. A reset is a new swtpm
# on the old state. Sourced by bats files, after helpers.bash.
# shellcheck shell=bash

tpm_setup_file()
{
	helpers_setup_file
	ln -sf taoinit "$tools/taoverify"
}

tpm_setup()
{
	helpers_setup
	# Short: a socket's path has 107 bytes.
	dir=$(mktemp -d "${TMPDIR:-/tmp}/tpmr.XXXXXX")
	chmod 755 "$dir"
	export TPM2TOOLS_TCTI=swtpm:path=$dir/s
	swtpm_pid=
	extra=
	# shellcheck disable=SC2034 # of the tests
	verify=$tools/taoverify
}

tpm_teardown()
{
	stop_tpm
	helpers_teardown
	rm -rf "$dir"
}

stop_tpm()
{
	[ -n "$swtpm_pid" ] || return 0
	kill -KILL "$swtpm_pid" 2>/dev/null || true
	wait "$swtpm_pid" 2>/dev/null || true
	swtpm_pid=
	rm -f "$dir/s" "$dir/s.ctrl"
}

# With a state of its own each, a machine each.
start_tpm() # [STATE]
{
	stop_tpm
	mkdir -p "$dir/${1:-state}"
	swtpm socket --tpm2 --tpmstate "dir=$dir/${1:-state}" --server "type=unixio,path=$dir/s" \
		--ctrl "type=unixio,path=$dir/s.ctrl" --flags not-need-init >"$dir/swtpm.log" 2>&1 3>&- &
	swtpm_pid=$!
	eventually "listens '$dir/s' && listens '$dir/s.ctrl'"
}

# A program that says its name, and ends the host; services before it.
tpm_manifest() # [SERVICES, each with a comma behind it]
{
	cat >"$work/manifest.json" <<-EOF
		{ "version": 1,
		  "host": { "root": { "type": "tpm", "device": "swtpm:$dir/s", "dir": "$dir/tpm" ${extra:+, $extra} },
		            "guard": { "type": "${guard:-allow}" }, "admin": [ { "unix": "$socket" } ] },
		  "services": { ${1:-}
		    "z": { "exec": ["$tools/tao", "name"], "type": "oneshot", "essential": true } } }
	EOF
}

# A boot: the TPM is reset, the host runs to its end; its name is $name.
boot() # [STATUS]
{
	start_tpm "${state:-state}"
	run_host
	[ "$status" = "${1:-0}" ] || { cat "$work/log"; return 1; }
	name=$(sed -n 's/^\(tpm2(.*)\)\.Program.*/\1/p' "$work/log")
}

refused() # TEXT
{
	boot 255
	grep -qF -- "$1" "$work/log" || { cat "$work/log"; return 1; }
}

# Is this line in $output? As the n-th, from 0; or containing it.
assert_line() # [-n N] [--partial] TEXT
{
	local text=$output
	if [ "$1" = -n ]; then
		text=${lines[$2]}
		shift 2
	fi
	if [ "$1" = --partial ]; then
		grep -qF -- "$2" <<<"$text" && return 0
	else
		grep -qxF -- "$1" <<<"$text" && return 0
	fi
	printf 'not there: %s\nin: %s\n' "${*: -1}" "$output" >&2
	return 1
}

pcr15()
{
	tpm2_pcrread -Q sha256:15 -o "$dir/pcr" >/dev/null
	od -An -v -tx1 "$dir/pcr" | tr -d ' \n'
}
