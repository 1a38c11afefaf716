# SPDX-License-Identifier: MIT
# A software TPM of its own for each test, at $dir/s. Sourced by bats files.
# shellcheck shell=bash disable=SC2154 # $dir is the test's

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
	eventually "[ -S '$dir/s' ] && [ -S '$dir/s.ctrl' ]"
}
