#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# What a host must not forget, over its restarts: counters, the version of the last policy, the time. On a root in a TPM an
# earlier disk is refused. A boot is a new swtpm on the old state.

load helpers
load tpm_helpers

setup_file()
{
	helpers_setup_file
	pin=$("$tools/taopolicy" keygen "$BATS_FILE_TMPDIR/key")
	export pin
}

setup()
{
	tpm_setup
	cp "$(command -v busybox)" "$work/sh"
	chmod 755 "$work/sh"
	on_tpm="\"type\": \"tpm\", \"device\": \"swtpm:$dir/s\", \"dir\": \"$dir/tpm\""
	tpm="{ $on_tpm }"
	soft="{ \"type\": \"soft\", \"file\": \"$work/keys/keys\" }"
	reset=$dir/tpm/keys.counters.reset
}

teardown()
{
	tpm_teardown
}

# A host on this root, whose one program does what $work/script says. The guard may be given.
host_on() # ROOT [GUARD]
{
	local guard=${2:-}
	local essential=', "essential": true'
	if [ -z "$guard" ]; then guard='{ "type": "allow" }'; else essential=; fi
	cat >"$work/manifest.json" <<-EOT
		{ "version": 1,
		  "host": { "root": $1, "guard": $guard, "admin": [ { "unix": "$socket" } ] },
		  "services": { "z": { "exec": ["$work/sh", "$work/script"], "type": "oneshot"$essential } } }
	EOT
	touch "$work/script"
}

# A boot that runs these commands (tao is the tool); its words are in $work/log.
boot() # COMMAND…
{
	printf 'tao() { %s "$@"; }\n' "$tools/tao" >"$work/script"
	printf '%s\n' "$@" >>"$work/script"
	[[ $(cat "$work/manifest.json") != *swtpm* ]] || start_tpm
	run_host
}

# A boot, in which the counters are given up; "unset" in the log: they were.
give_up()
{
	printf 'tao() { %s "$@"; }\n' "$tools/tao" >"$work/script"
	echo "tao counter c || echo waiting; while ! [ -e $work/go ]; do sleep 0.05; done
		f=\$(tao counter c 2>&1); case \$f in *'No such counter'*) echo unset; tao counter c 1;; *) echo \"\$f\";; esac" >>"$work/script"
	rm -f "$work/go"
	start_tpm
	start_host
	eventually "grep -q '^waiting$' '$work/log'"
	install -m 600 /dev/null "$reset"
	touch "$work/go"
	wait "$host"
	host=
}

# Is this in the log of the last boot?
said() # TEXT
{
	grep -qF -- "$1" "$work/log" || { cat "$work/log"; return 1; }
}

save()
{
	rm -rf "$dir/saved.$1"
	cp -a "$dir/tpm" "$dir/saved.$1"
}

restore()
{
	rm -rf "$dir/tpm"
	cp -a "$dir/saved.$1" "$dir/tpm"
}

@test "TPM: counters stay over boots; an earlier disk is refused, and the last one is taken again" {
	host_on "$tpm"
	boot 'tao counter c 5'
	said 5
	save 1
	boot 'echo found $(tao counter c)' 'tao counter c 7'
	said "found 5"
	save 2
	restore 1
	boot 'tao counter c || echo refused' 'tao counter c 8 || echo refused'
	said "counters file $dir/tpm/keys.counters: older than the counter of its root says: the disk was put back to an earlier state"
	said "counters are older than the counter of their root says"
	[ "$(grep -c '^refused$' "$work/log")" = 2 ]
	restore 2
	boot 'echo found $(tao counter c)'
	said "found 7"
	# One file of each.
	cp "$dir/saved.1/keys.counters"* "$dir/tpm/"
	boot 'tao counter c || echo refused'
	said "earlier state"
	# What was sealed against the counter goes the same way.
	restore 2
	boot 'true'
	save 3
	boot 'echo -n one >/tmp/x' 'tao counter c 9'
	restore 3
	boot 'tao counter c || echo refused'
	said "earlier state"
	# Given up, by an order while the host runs; who put the older disk back could have left one there.
	install -m 600 /dev/null "$reset"
	boot 'tao counter c || echo refused'
	said refused
	[ ! -e "$reset" ]
	give_up
	said "is replaced by an empty one, as was asked"
	said unset
	[ ! -e "$reset" ]
	boot 'echo found $(tao counter c)'
	said "found 1"
	restore 2
	boot 'tao counter c || echo refused'
	said "earlier state"
}

@test "TPM: the index is gone, or another's; it was taken before; a TPM that was cleared" {
	host_on "$tpm"
	boot 'tao counter c 5'
	start_tpm
	tpm2_startup -Q -c
	tpm2_nvundefine -Q 0x01817461
	boot 'tao counter c || echo refused'
	said "NV index 0x01817461 of the TPM, by which it counts for the counters file, is gone"
	said refused
	start_tpm
	tpm2_startup -Q -c
	tpm2_nvdefine -Q 0x01817461 -s 8 -a "nt=counter|authread|authwrite|no_da"
	tpm2_nvincrement -Q 0x01817461
	boot 'tao counter c || echo refused'
	said "NV index 0x01817461 of the TPM is another's: ours was undefined"
	give_up
	said "is another's"
	run ! grep -q '^unset$' "$work/log"
	start_tpm
	tpm2_startup -Q -c
	tpm2_nvundefine -Q 0x01817461
	give_up
	said unset
	boot 'echo found $(tao counter c)'
	said "found 1"
	# Another identity takes another index, or the one that it is told, if that is free.
	rm -rf "$dir/tpm"
	boot 'tao counter c 3'
	cat "$work/log"
	[ "$(tpm2_getcap handles-nv-index)" = "$(printf -- '- 0x1817461\n- 0x1817462')" ]
	rm -rf "$dir/tpm"
	host_on "{ $on_tpm, \"nv_index\": \"0x01817462\" }"
	boot true
	said "NV index 0x01817462 of the TPM is somebody's already; name another in host.root.nv_index"
	host_on "{ $on_tpm, \"nv_index\": \"0x01817499\" }"
	boot 'tao counter c 3'
	tpm2_getcap handles-nv-index | grep -q 0x1817499
	start_tpm
	tpm2_startup -Q -c
	tpm2_clear -Q
	boot true
	said "the TPM has been cleared"
}

@test "TPM: a program that changes its counters too often is refused, and others are not" {
	host_on "$tpm"
	sed -i "s|\"z\": |\"a\": { \"exec\": [\"$work/sh2\", \"$work/other\"], \"type\": \"oneshot\" }, \"z\": |" "$work/manifest.json"
	sed -i 's|"type": "oneshot", "essential"|"after": ["a"], &|' "$work/manifest.json"
	cp -p "$work/sh" "$work/sh2"
	echo >>"$work/sh2"
	echo "for i in \$(seq 11); do $tools/tao counter c \$i; done 2>&1" >"$work/other"
	boot 'tao counter c 7' 'echo z has $(tao counter c)' \
		'for i in $(seq 8 17); do said=$(tao counter c $i 2>&1) && n=$i; done; echo n is $n, $said' \
		'echo z has $(tao counter c)'
	said "counters are changed too often: again in "
	said "z has 7"
	# Ten changes of its own.
	said "n is 16, "
	said "z has 16"
	# No limit, if the manifest says so.
	rm -rf "$dir/tpm"
	host_on "{ $on_tpm, \"counter_interval\": \"0ms\" }"
	boot 'for i in $(seq 20 40); do tao counter c $i && n=$i; done; echo n is $n'
	said "n is 40"
	# One that has passed is one change more.
	rm -rf "$dir/tpm"
	host_on "{ $on_tpm, \"counter_interval\": \"3s\" }"
	boot 'for i in $(seq 50 61); do until tao counter c $i 2>/dev/null; do sleep 0.1; echo waited; done; n=$i; done; echo n is $n'
	said "n is 61"
	said waited
}

@test "TPM: the root worker is killed: what was answered stays, over resets too" {
	host_on "{ $on_tpm, \"counter_interval\": \"0ms\" }"
	sed -i 's/, "essential": true//' "$work/manifest.json"
	cat >"$work/script" <<-EOT
		tao=$tools/tao
		n=\$(\$tao counter c 2>/dev/null) || n=0
		while :; do
			if \$tao counter c \$((n + 1)) 2>/dev/null; then
				n=\$((n + 1)); echo acknowledged \$n
			else
				f=\$(\$tao counter c 2>/dev/null) && { [ \$f -ge \$n ] && [ \$f -le \$((n + 1)) ] || echo WRONG \$f after \$n; n=\$f; } ||
					\$tao name >/dev/null 2>&1 || exit
			fi
		done
	EOT
	last=0
	for _ in 1 2 3; do
		start_tpm
		start_host
		eventually "grep -q acknowledged '$work/log'"
		[ "$(sed -n 's/^acknowledged //p' "$work/log" | head -n 1)" -gt "$last" ]
		# A killed worker may leave a session in a TPM without a resource manager, which has three.
		for _ in 1 2; do
			here=$(grep -c acknowledged "$work/log")
			eventually "pkill -KILL -P $host tao-root"
			eventually "[ \$(grep -c acknowledged '$work/log') -gt $here ]"
		done
		run ! grep WRONG "$work/log"
		kill -KILL "$host"
		wait "$host" || true
		pkill -KILL -f "^$work/" || true
		last=$(sed -n 's/^acknowledged //p' "$work/log" | tail -n 1)
	done
	host_on "$tpm"
}

# The policy's version, signed.
policy() # VERSION
{
	printf '%s\n' 'tao-policy: 1' 'domain: test' "version: $1" 'valid-from: 2020-01-01T00:00:00Z' \
		'valid-until: 2045-01-01T00:00:00Z' 'guard: datalog' '' \
		'(forall P: forall H: Subprin(P, H, ext.Program([0000000000000000000000000000000000000000000000000000000000000000])) implies Authorized(P, "Execute"))' >"$work/rules"
	"$tools/taopolicy" sign --key "$BATS_FILE_TMPDIR/key" --output "$work/policy" "$work/rules"
}

# A host runs until a line of its log.
until_said() # TEXT
{
	start_host
	says "$1"
	ctl shutdown || kill -TERM "$host"
	wait "$host" || true
	host=
}

@test "a version of the policy that was in force is the least for good, and a reload does not change that" {
	host_on "$soft" "{ \"type\": \"datalog\", \"file\": \"$work/policy\", \"key\": \"$pin\" }"
	policy 7
	cp "$work/policy" "$work/7"
	until_said "policy of test, version 7, is in force"
	until_said "policy of test, version 7, is in force"
	policy 9
	until_said "policy of test, version 9, is in force"
	cp "$work/7" "$work/policy"
	until_said "an older version than the one that was in force, 9; raise its version and sign it"
	# What is not known is not taken for none.
	cp "$work/keys/keys.counters" "$work/counters"
	echo torn >"$work/keys/keys.counters"
	until_said "its version cannot be stored"
	cp "$work/counters" "$work/keys/keys.counters"
	until_said "the one that was in force, 9"
	# Another key has versions of its own.
	"$tools/taopolicy" keygen "$work/other" >"$work/pin"
	host_on "$soft" "{ \"type\": \"datalog\", \"file\": \"$work/policy\", \"key\": \"$(cat "$work/pin")\" }"
	"$tools/taopolicy" sign --key "$work/other" --output "$work/policy" "$work/rules"
	sed -i 's/^version: .*/version: 1/' "$work/rules"
	"$tools/taopolicy" sign --key "$work/other" --output "$work/policy" "$work/rules"
	until_said "policy of test, version 1, is in force"
}

@test "TPM: an older policy with the disk of its day is refused" {
	host_on "$tpm" "{ \"type\": \"datalog\", \"file\": \"$work/policy\", \"key\": \"$pin\" }"
	policy 7
	cp "$work/policy" "$work/7"
	start_tpm
	until_said "version 7, is in force"
	save 7
	policy 9
	start_tpm
	until_said "version 9, is in force"
	save 9
	cp "$work/7" "$work/policy"
	start_tpm
	until_said "an older version than the one that was in force, 9"
	restore 7
	start_tpm
	until_said "its version cannot be stored: the counters are older than the counter of their root"
	grep -qF "earlier state" "$work/log"
	policy 9
	restore 9
}

@test "an ephemeral root keeps the version while it runs" {
	host_on '{ "type": "soft", "ephemeral": true }' "{ \"type\": \"datalog\", \"file\": \"$work/policy\", \"key\": \"$pin\" }"
	policy 7
	cp "$work/policy" "$work/7"
	policy 9
	start_host
	says "version 9, is in force"
	cp "$work/7" "$work/policy"
	run --separate-stderr -1 ctl reload
	[[ $stderr == *"an older version than the one that was in force, 9"* ]]
	ctl shutdown
	wait "$host"
	until_said "version 7, is in force"
}

@test "a disk that takes nothing more: a new version is not in force, the old one is" {
	host_on "$soft" "{ \"type\": \"datalog\", \"file\": \"$work/policy\", \"key\": \"$pin\" }"
	policy 7
	start_host
	says "version 7, is in force"
	policy 9
	mkdir "$work/keys/keys.counters.new" # where the new table is written
	run --separate-stderr -1 ctl reload
	rmdir "$work/keys/keys.counters.new"
	[[ $stderr == *"its version cannot be stored"*"the old policy stays in force" ]]
	run -0 ctl reload
	says "version 9, is in force"
}
