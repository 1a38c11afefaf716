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

@test "a directory of files is read in the order of names, measured with the manifest, and wrong files are named" {
	taoinit=$O/taoinit
	mkdir "$BATS_TEST_TMPDIR/more.d"
	echo '{ "version": 1, "include": "more.d", "host": { "root": { "type": "tpm" }, "guard": { "type": "allow" } }, "services": {} }' >"$manifest"
	one() { echo "{ \"version\": 1, \"services\": { \"$1\": { \"exec\": [\"/bin/true\"], \"measure\": { \"trust_rootfs\": true } } } }"; }
	one second >"$BATS_TEST_TMPDIR/more.d/20.json"
	one first >"$BATS_TEST_TMPDIR/more.d/10.json"
	echo rubbish >"$BATS_TEST_TMPDIR/more.d/.30.json"
	echo rubbish >"$BATS_TEST_TMPDIR/more.d/40.json~"
	run -0 "$taoinit" -n "$manifest"
	[[ "$output" == *first*second* ]]
	run -0 "$taoinit" -n "$BATS_TEST_TMPDIR/more.d/10.json"
	# Each byte of them is measured.
	run -0 "$O/taoverify" predict "$manifest"
	before=$output
	printf ' ' >>"$BATS_TEST_TMPDIR/more.d/20.json"
	run -0 "$O/taoverify" predict "$manifest"
	[ "$output" != "$before" ]
	one first >"$BATS_TEST_TMPDIR/more.d/30.json"
	run -78 "$taoinit" -n "$manifest"
	[[ "$output" == *"more.d/30.json:1:31: services.first: stands here after $BATS_TEST_TMPDIR/more.d/10.json a second time"* ]]
	echo '{' >"$BATS_TEST_TMPDIR/more.d/30.json"
	run -78 "$taoinit" -n "$manifest"
	[[ "$output" == *"more.d/30.json:2:1: "* ]]
	rm "$BATS_TEST_TMPDIR/more.d/30.json"
	mkdir "$BATS_TEST_TMPDIR/more.d/30.json"
	run -78 "$taoinit" -n "$manifest"
	[[ "$output" == *"more.d/30.json: Is a directory; mend"* ]]
	rm -r "$BATS_TEST_TMPDIR/more.d"
	run -78 "$taoinit" -n "$manifest"
	[[ "$output" == *"include: "*"more.d: No such file or directory; make the directory"* ]]
}
