# SPDX-License-Identifier: MIT
#
# What is said about the manifest in other places than the parser: the JSON schema, the manual page, the entry's hash.

bats_require_minimum_version 1.5.0

setup()
{
	cd "$BATS_TEST_DIRNAME/../.." || return 1
	O=${O:-build}
	parser=$O/unit/test_manifest
	unset MAKEFLAGS MFLAGS MAKELEVEL
	"${MAKE:-make}" -s "$parser"
	manifest=$BATS_TEST_TMPDIR/manifest.json
}

@test "schema, manual page and parser agree" {
	run tests/schema/agree "$parser"
	[ "$status" -ne 77 ] || skip "python3-jsonschema is missing"
	echo "$output"
	[ "$status" -eq 0 ]
}

@test "the recipe of entry-hash.md gives the hash that the page and the parser give" {
	sed -n '/^    { "version"/,/^$/s/^    //p' docs/entry-hash.md >"$manifest"
	recipe=$(sed -n '/^    jq /,$s/^    //p' docs/entry-hash.md)
	cd "$BATS_TEST_TMPDIR"
	run -0 sh -c "$recipe"
	cd "$OLDPWD"
	hash=${output%% *}
	[ "${#hash}" -eq 64 ]
	grep -q "^    $hash\$" docs/entry-hash.md
	# The unit test asks the parser for the same.
	grep -q "$hash" tests/unit/test_manifest*.c
}

@test "the examples of the manual page are good" {
	sed -n '/^{ "version"/,/^\.Ed/p' docs/tao.manifest.5 | sed '/^\.Ed/d' >"$manifest"
	run -0 "$parser" "$manifest"
	[ "$output" = "good " ]
	{
		printf '{ "version": 1, "services": {'
		sed -n '/^"hello"/,/^\.Ed/p' docs/tao.manifest.5 | sed '/^\.Ed/d'
		printf '} }'
	} >"$manifest"
	run -0 "$parser" "$manifest"
	[ "$output" = "good " ]
}

@test "the manifests of the images and of the README are good" {
	sed -n '/cat >hello.json/,/EOF$/s/^    //p' README.md | sed '1d;$d' >"$manifest"
	run -0 "$parser" "$manifest"
	[ "$output" = "good " ]
	for file in rootfs/manifests/*.json; do
		[ -f "$file" ] || continue
		run -0 "$parser" "$file"
		[ "$output" = "good " ] || {
			echo "$file: $output"
			return 1
		}
	done
}
