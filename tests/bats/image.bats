#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# Images of containers: measured by the real worker, and unpacked into a private root by tests/helpers/image_tool.c. What
# real tools have made comes out as it was; what means harm is refused with a reason, or harms nobody.

load helpers

setup_file()
{
	helpers_setup_file
	image_tool
	export images=$BATS_FILE_TMPDIR/images outside=$BATS_FILE_TMPDIR/outside
	mkdir -p "$outside"
	echo mine >"$outside/secret"
	python3 tests/helpers/make_images.py "$images" "$outside"
	seen >"$BATS_FILE_TMPDIR/seen"
}

# Not even the times of what is outside change.
teardown_file()
{
	seen | diff "$BATS_FILE_TMPDIR/seen" - >&2
}

setup()
{
	cd "$BATS_TEST_DIRNAME/../.." || return 1
	work=$BATS_TEST_TMPDIR
	if unshare -Urm true 2>/dev/null; then return; fi
	skip "user namespaces are not to be had here"
}

image_tool()
{
	local deps=build/deps/musl
	find "$O"/obj/init "$O"/obj/crypto "$O"/obj/policy -name '*.o' ! -path '*/init/main.o' -exec ar rcs "$tools/init.a" {} +
	"$deps"/bin/musl-gcc -static -Os -D_GNU_SOURCE -fno-lto -w -I"$O" -isystem "$deps/include" -isystem build/deps/kernel-headers \
		-o "$tools/image_tool" tests/helpers/image_tool.c -Wl,--gc-sections -Wl,--start-group "$tools/init.a" \
		"$deps"/lib/lib{tss2,cjson,nanopb,zstd,z,bearssl}.a -Wl,--end-group
}

seen()
{
	find "$outside" -printf '%p %y %m %U:%G %T@ %n %s %l\n'
	cat "$outside/secret"
}

# The image is refused, in these words (a pattern).
refused() # IMAGE WORDS [OPTION…]
{
	local image=$1
	[[ $1 == /* ]] || image=$images/$1
	run "$tools/image_tool" "${@:3}" "$image"
	echo "$output"
	[ "$status" -eq 1 ] && [[ ${lines[-1]} == "refused: "$2 ]] && [ "${#lines[-1]}" -lt 260 ]
}

# The image is unpacked, and holds exactly these files.
unpacked() # IMAGE LINE…
{
	run -0 "$tools/image_tool" "$images/$1"
	shift
	diff <(printf '%s\n' "$@") <(printf '%s\n' "${lines[@]:3}" | sed 's/ 1[0-9]\{9\}$/ now/')
}

# ---- what real tools have made ----

make_tree()
{
	local long
	long=$(printf 'x%.0s' $(seq 90))
	mkdir -p "$work/tree/etc" "$work/tree/$long/$long/$long" "$work/tree/srv/private" "$work/tree/bin"
	echo 'hello' >"$work/tree/etc/motd"
	: >"$work/tree/etc/empty"
	head -c 100000 /dev/urandom >"$work/tree/bin/app"
	chmod 755 "$work/tree/bin/app"
	chmod 700 "$work/tree/srv/private"
	chmod 1777 "$work/tree/srv"
	echo 'deep' >"$work/tree/$long/$long/$long/$long"
	echo 'umlaut' >"$work/tree/etc/zürich"
	ln -s ../bin/app "$work/tree/etc/link"
	ln -s "/$long/$long/$long/$long" "$work/tree/etc/longlink"
	ln "$work/tree/bin/app" "$work/tree/bin/same"
	chown -R 0:0 "$work/tree"
	chown 1000:100 "$work/tree/srv/private"
	chown -h 7:8 "$work/tree/etc/link"
	find "$work/tree" -exec touch -h -d @1000000000 {} +
}

same_tree() # IMAGE
{
	run -0 "$tools/image_tool" -o "$1"
	[ "${lines[0]}" = "measured $(sha256sum <"$1" | cut -d' ' -f1)" ]
	diff <(python3 tests/helpers/make_images.py list "$work/tree") <(printf '%s\n' "$output" | tail -n +4)
}

@test "archives of GNU tar and of Python come out as they were, in each format and compression" {
	[ "$(id -u)" = 0 ] || skip "only root makes files of other owners"
	make_tree
	local format
	for format in gnu pax; do
		tar -C "$work/tree" --format=$format -cf "$work/$format.tar" .
		same_tree "$work/$format.tar"
	done
	(cd "$work/tree" && tar --format=pax --pax-option='comment=of a tool' --xattrs -cf "$work/names.tar" -- *)
	same_tree "$work/names.tar"
	python3 -c 'import sys, tarfile
with tarfile.open(sys.argv[2], "w", format=tarfile.PAX_FORMAT) as tar: tar.add(sys.argv[1], ".")' "$work/tree" "$work/python.tar"
	same_tree "$work/python.tar"
	gzip -1 -k "$work/gnu.tar"
	same_tree "$work/gnu.tar.gz"
	gzip -9 -k -n "$work/pax.tar"
	same_tree "$work/pax.tar.gz"
	# Members, and frames, one behind the other; a skippable one first.
	{ head -c 5000 "$work/gnu.tar" | gzip -N; tail -c +5001 "$work/gnu.tar" | gzip; head -c 512 /dev/zero; } >"$work/members.tar.gz"
	same_tree "$work/members.tar.gz"
	zstd -q -19 --long=27 "$work/gnu.tar" -o "$work/long.tar.zst"
	same_tree "$work/long.tar.zst"
	{ printf '\120\052\115\030\003\000\000\000abc'; head -c 5000 "$work/pax.tar" | zstd -q; tail -c +5001 "$work/pax.tar" | zstd -q -1 --no-check; } >"$work/frames.tar.zst"
	same_tree "$work/frames.tar.zst"
}

@test "without ids to give, owners are ignored" {
	run -0 "$tools/image_tool" "$images/owners.tar"
	[ "${lines[3]}" = '/f 100644 0:0 1 1 1 "x"' ]
	run -0 "$tools/image_tool" -o "$images/owners.tar"
	[ "${lines[3]}" = '/f 100644 1000:100 1 1 1 "x"' ]
	refused owner-none.tar "f: its owner is none of the container's ids" -o
}

# ---- what means harm ----

@test "names that lead upwards are refused, absolute ones stay below the root" {
	refused dotdot.tar '../evil: its name leads upwards (..)'
	refused dotdot-inside.tar 'a/../../evil: its name leads upwards (..)'
	refused dotdot-pax.tar '*/evil: its name leads upwards (..)'
	refused dotdot-hard.tar 'evil: a hard link to a name that leads upwards*'
	run -0 "$tools/image_tool" "$images/absolute.tar"
	[[ ${lines[-1]} == "$outside/evil "*'"inside"' ]]
}

@test "links lead nowhere but within the root" {
	refused absolute-link.tar 'way/evil: its directory is a link that leads nowhere*'
	refused dotdot-link.tar 'way/evil: its directory is a link that leads nowhere*'
	refused dangling.tar 'way/evil: its directory is a link that leads nowhere*'
	refused loop.tar 'a/evil: Symbolic link loop'
	refused empty-link.tar 'l: a link to nothing'
	unpacked root-link.tar '/inside 100644 0:0 1 1 1 "x"' '/way 120777 0:0 1 -> /'
}

@test "nothing is written through a link that an earlier entry made" {
	unpacked link-then-file.tar '/f 100644 0:0 1 1 4 "mine"'
	unpacked link-then-directory.tar '/d 40755 0:0 1' '/d/evil 100644 0:0 1 1 4 "mine"'
	unpacked link-then-hard.tar "/f 120777 0:0 1 -> $outside/secret" '/g 100644 0:0 1 1 4 "mine"'
	refused directory-then-link.tar 'd/evil: its directory is a link that leads nowhere*'
}

@test "hard links lead to what is there" {
	refused hard-outside.tar 'f: a hard link to what is not there'
	refused hard-to-directory.tar 'f: a hard link to a directory'
	refused hard-with-data.tar 'g: it has data, and is no file'
	refused hard-in-what-goes.tar 'd: *what it links to is gone'
	unpacked hard-to-itself.tar '/f 100644 0:0 1 1 4 "mine"'
}

@test "devices and fifos are refused, set-uid and set-gid go" {
	refused character.tar 'dev/null: a character device, which no image may bring'
	refused block.tar 'dev/sda: a block device, which no image may bring'
	refused fifo.tar 'run/pipe: a fifo, which no image may bring'
	unpacked setuid.tar '/d 41755 0:0 1' '/empty 100755 0:0 1 1 0 ""' '/su 100755 0:0 1 1 1 "x"' '/t 41777 0:0 1'
}

@test "sparse files, and sizes that nobody can have, are refused" {
	refused sparse-gnu.tar 'hole: a sparse file*'
	refused sparse-pax.tar 'pax: a sparse file*'
	truncate -s 10G "$work/real"
	for format in gnu pax; do
		tar -C "$work" --sparse --format=$format -cf "$work/real.tar" real
		refused "$work/real.tar" '*: a sparse file*'
	done
	# A time that no file can have becomes one that it can.
	run -0 "$tools/image_tool" "$images/mtimes.tar"
	[[ ${lines[3]} == '/early 100644 0:0 -1 '* && ${lines[4]} == '/late 100644 0:0 '* ]]
	refused size-10g.tar 'huge: the archive ends within it'
	refused size-negative.tar 'huge: its size is less than nothing'
	refused size-no-number.tar 'huge: a field of its header is no number'
}

@test "pax records say what they may, and no more" {
	local name
	for name in overflow wraps negative; do
		refused pax-size-$name.tar 'pax: its size is no number'
	done
	refused pax-path-huge.tar '*: its name is longer than 4095 bytes'
	refused pax-path-long.tar '*nnn: Filename too long'
	refused pax-path-deep.tar '*d/f: its name has more than 128 parts'
	refused pax-path-nul.tar 'pax: a NUL stands in its name'
	refused pax-too-large.tar 'pax: an extended header of more than 1 MiB'
	refused pax-length.tar 'pax: its pax header has a record of a wrong length'
	refused pax-length-0.tar 'pax: its pax header has a record of a wrong length'
	refused pax-no-key.tar 'pax: its pax header has a record without a key'
	refused pax-uid.tar 'pax: its uid or gid is no number that one can have'
	refused pax-global.tar 'pax: a pax header that says something of all entries'
	refused pax-alone.tar 'none: an extended header without an entry'
	unpacked pax-records.tar '/last 100644 0:0 1 1 2 "ok"'
	unpacked pax-global-comment.tar '/x 100644 0:0 1 1 2 "ok"'
}

@test "names: controls are refused, case counts, the last of equal ones stays" {
	refused control.tar 'a?b: a control character in its name'
	refused escape.tar '?]0;title?: a control character in its name'
	refused no-name.tar 'the root can only be a directory'
	refused root-file.tar './: it has data, and is no file'
	refused root-whiteout.tar '.wh...: a whiteout of no name'
	unpacked case.tar '/FILE 100644 0:0 1 1 5 "three"' '/File 100644 0:0 1 1 3 "one"' '/file 100644 0:0 1 1 3 "two"'
	unpacked duplicates.tar '/f 100644 0:0 1 1 5 "third"'
	unpacked file-then-directory.tar '/d 40755 0:0 1' '/d/f 100644 0:0 1 1 5 "in it"'
	unpacked directory-then-file.tar '/d 100644 0:0 1 1 10 "now a file"'
	refused file-as-directory.tar 'd/f: its directory is a file'
}

@test "a tree that is deeper than any path can be is removed" {
	run -0 "$tools/image_tool" "$images/deep.tar"
	[[ $output == *$'\n/top 100644 0:0 1 1 10 "now a file"\n'* ]]
}

@test "bombs end at the most that an image may have, a million entries at the most that one may make" {
	refused bomb.tar.gz 'larger, when it is decoded, than an image may be' -m 100000000
	gzip -dc "$images/bomb.tar.gz" | zstd -q >"$work/bomb.tar.zst"
	refused "$work/bomb.tar.zst" 'larger, when it is decoded, than an image may be' -m 100000000
	# The same, but its frame says its size at once.
	gzip -dc "$images/bomb.tar.gz" >"$work/bomb.tar"
	zstd -q -f "$work/bomb.tar" -o "$work/bomb.tar.zst"
	refused "$work/bomb.tar.zst" 'larger, when it is decoded, than an image may be' -m 100000000
	refused "$work/bomb.tar" 'larger than an image may be' -m 100000000
	rm "$work/bomb.tar"
	refused million.tar.gz 'same: this is one entry more than the 524288 that are unpacked'
	refused many-inodes.tar "f99?: no room is left in the container's memory for it" -i 1000
}

@test "what is damaged, or no archive, is refused" {
	refused empty.tar 'the archive ends without its end mark*'
	refused behind.tar 'something stands behind the end of the archive'
	refused wrong-sum.tar "a header's checksum is wrong*"
	refused unknown.tar 'f: an entry of a kind that no image has*'
	refused volume.tar 'f: an entry of a kind that no image has*'
	printf '\037\213' >"$work/short"
	{ gzip <"$images/good.tar"; echo garbage; } >"$work/behind.gz"
	{ zstd -q <"$images/good.tar"; echo garbage; } >"$work/behind.zst"
	local name
	for name in short behind.gz behind.zst; do
		refused "$work/$name" 'its compressed data is damaged, or a part is missing'
	done
}

@test "truncated at every block, and anywhere in what is compressed: refused" {
	local size n tool
	size=$(stat -c %s "$images/good.tar")
	for ((n = 0; n < size - 1024; n += 512)); do
		head -c $n "$images/good.tar" >"$work/cut"
		refused "$work/cut" '*the archive ends*'
	done
	for tool in "gzip" "zstd -q"; do
		$tool <"$images/good.tar" >"$work/whole"
		size=$(stat -c %s "$work/whole")
		for ((n = 5; n < size; n += 9)); do
			head -c $n "$work/whole" >"$work/cut"
			refused "$work/cut" 'its compressed data is damaged, or a part is missing'
		done
	done
}

# ---- OCI image layouts ----

@test "layouts: the manifest's digest, the config, and layers one upon the other" {
	gzip <"$images/lower.tar" >"$work/lower.tar.gz"
	zstd -q <"$images/upper.tar" >"$work/upper.tar.zst"
	local bad=$images/character.tar images=$work
	digest=$(python3 tests/helpers/make_images.py layouts "$work" "$work/lower.tar.gz" "$work/upper.tar.zst")
	local name
	for name in plain platforms nested tags:1.0; do
		run -0 "$tools/image_tool" "$work/$name"
		[ "${lines[0]}" = "measured $digest" ]
		[ "${lines[*]:1:8}" = "layers 2 args 3 env 2 config /bin/app config --serve config now config A=1 config B=two words config /srv config app:100" ]
	done
	# What a whiteout names of the layer below is gone; what its own layer brings is not.
	diff - <(printf '%s\n' "${lines[@]:10}" | sed 's/ 1[0-9]\{9\}$/ now/') <<-'EOF'
		/etc 40755 0:0 now
		/etc/keep 100644 0:0 1 1 5 "below"
		/etc/keep2 100644 0:0 1 1 5 "above"
		/lib 120777 0:0 1 -> usr/lib
		/opaque 40755 0:0 now
		/opaque/new 100644 0:0 1 1 5 "above"
		/tree 100644 0:0 1 1 5 "above"
		/usr 40755 0:0 now
		/usr/lib 40755 0:0 now
		/usr/lib/so 100644 0:0 1 1 5 "above"
	EOF
	[ "$("$tools/image_tool" "$work/tags:2.0" | sed -n 's/^config //p' | tail -n 1)" = 2 ]

	refused tags '*has several images; name the one that is meant by its tag*'
	refused tags:3.0 '*has no image of this tag for linux on *'
	refused tags:1.0:1.0 '*there is no such file*'
	refused two '*has several images*'
	refused elsewhere '*has no image for linux on *'
	refused config-elsewhere '*is not for linux on *'
	refused none '*has no image for linux on *'
	refused nested3 '*an index in an index in an index'
	refused size '*is of another size than the one that refers to it says'
	refused size-fraction '*refers to a blob of no size'
	refused sha512 '*by another digest than sha256:'
	refused upwards '*by another digest than sha256:'
	refused missing '*there is no such file*'
	refused altered-manifest '*is not the blob that its name says*'
	refused altered-layer '*is not the blob that its name says*'
	refused version '*oci-layout: is of another version than 1.0.0'
	refused large-index '*is larger than 1 MiB*'
	refused no-json '*index.json: JSON:1:16: *'
	refused layers '*has more than 64 layers'
	refused foreign '*has a layer that is no tar, tar+gzip or tar+zstd'
	refused artifact '*is of no container image*'
	refused confusion '*is no manifest of schemaVersion 2'
	mkdir "$work/nothing"
	refused nothing '*oci-layout: there is no such file*'
	refused nowhere '*there is no such file*'
	# The layer, too, is named in what is said.
	rm -r "$work/plain"
	python3 tests/helpers/make_images.py layouts "$work" "$work/lower.tar.gz" "$bad" >"$work/log"
	refused plain 'layer 2: dev/null: a character device*'
}
