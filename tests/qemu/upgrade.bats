#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# How a program's successor gets what it has sealed: version 1 seals under rule:settings, a signed policy names version 2,
# which opens it; version 3, which nothing names, does not, and after the next policy version 1 does not.

load helpers

setup_file()
{
	qemu_setup_file
	O=${O:-build}
	musl-gcc -static -Os -Iclient -o "$tools/v1" tests/helpers/sealer.c client/tao.c
	musl-gcc -static -Os -DOTHER -Iclient -o "$tools/v2" tests/helpers/sealer.c client/tao.c
	musl-gcc -static -Os -DTHIRD -Iclient -o "$tools/v3" tests/helpers/sealer.c client/tao.c
	pin=$("$O/taopolicy" keygen "$BATS_FILE_TMPDIR/key")
	export pin
}

setup()
{
	qemu_setup
	make_disk
}

teardown()
{
	qemu_teardown
}

program() # VERSION: as an extension of a host's name
{
	echo "ext.Program([$(sha256sum "$tools/$1" | cut -d' ' -f1)])"
}

# Of a version, signed: all three may run, and the named ones may open what version 1 has sealed.
policy() # VERSION MAY-OPEN…
{
	local v
	{
		printf '%s\n' 'tao-policy: 1' 'domain: test' "version: $1" 'valid-from: 2020-01-01T00:00:00Z' \
			'valid-until: 2060-01-01T00:00:00Z' 'guard: datalog' ''
		for v in v1 v2 v3; do echo "MayRun($(program $v))"; done
		for v in "${@:2}"; do echo "MayOpen($(program "$v"))"; done
		echo '(forall P: forall H: forall E: MayRun(E) and Subprin(P, H, E) implies Authorized(P, "Execute"))'
		echo "(forall P: forall H: forall E: forall S: MayOpen(E) and Subprin(P, H, E) and Sealer(S, H) implies Authorized(P, \"Open\", \"settings\", S))"
	} >"$work/rules"
	# The sealer is version 1 on the same host.
	sed -i "s/Sealer(S, H)/Subprin(S, H, $(program v1))/" "$work/rules"
	"${O:-build}/taopolicy" sign --key "$BATS_FILE_TMPDIR/key" --output "$work/policy" "$work/rules"
}

# Boots a machine that runs these, one after the other.
boot() # SERVICES-JSON [FILE=PATH…]
{
	image "{ \"version\": 1, \"host\": { \"root\": { \"type\": \"soft\", \"file\": \"/data/tao/keys\" },
		\"guard\": { \"type\": \"datalog\", \"file\": \"/etc/tao/policy\", \"key\": \"$pin\" },
		\"mounts\": [ { \"source\": \"/dev/nvme0n1\", \"target\": \"/data\", \"type\": \"ext4\" } ] },
		\"services\": { $1 } }" \
		"$work/policy=/etc/tao/policy" "$tools/v1=/bin/v1" "$tools/v2=/bin/v2" "$tools/v3=/bin/v3" "${@:2}"
	start_vm "${disk[@]}"
	ended "powering off"
}

opens() # VERSION AFTER [MORE]
{
	echo "\"$1\": { \"exec\": [\"/bin/$1\", \"unseal\", \"/etc/blob\"], \"type\": \"oneshot\"$2 }"
}

@test "a successor opens what its predecessor sealed, when a signed policy says so" {
	policy 1
	boot '"s": { "exec": ["/bin/v1", "seal", "rule:settings", "colour blue"], "type": "oneshot", "essential": true }'
	tr -d '\r' <"$work/console" | sed -n 's/^s: one seal \([0-9a-f]*\)$/\1/p' >"$work/blob"
	[ -s "$work/blob" ]

	policy 2 v1 v2
	all="$(opens v1 ''), $(opens v2 ', "after": ["v1"]'), $(opens v3 ', "after": ["v2"], "essential": true')"
	boot "$all" "$work/blob=/etc/blob"
	grep -q 'policy of test, version 2, is in force' "$work/console"
	grep -q 'one unseal colour blue' "$work/console"
	grep -q 'other unseal colour blue' "$work/console"
	grep -q 'third unseal refused: principal not authorized for unseal' "$work/console"

	policy 3 v2
	boot "$all" "$work/blob=/etc/blob"
	grep -q 'one unseal refused: principal not authorized for unseal' "$work/console"
	grep -q 'other unseal colour blue' "$work/console"
	grep -q 'third unseal refused: principal not authorized for unseal' "$work/console"
}
