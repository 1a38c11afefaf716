# SPDX-License-Identifier: MIT
#
# The build: what kind of program comes out, and that it is the same in every directory.

bats_require_minimum_version 1.5.0
# Two builds of everything, on a machine that does other things as well.
export BATS_TEST_TIMEOUT=1800

setup()
{
	cd "$BATS_TEST_DIRNAME/../.." || return 1
	O=${O:-build}
	make=${MAKE:-make}
	unset MAKEFLAGS MFLAGS MAKELEVEL
}

# The sources, without history and without what was built.
copy_tree() # TO
{
	mkdir -p "$1"
	tar -cf - --exclude=./.git --exclude='./build*' . | tar -C "$1" -xf -
}

@test "taoinit is a static PIE without interpreter and needed libraries" {
	run -0 deps/assert-static "$O/taoinit"
	[[ "$(file -b "$O/taoinit" 2>/dev/null || echo static-pie linked)" == *"static-pie linked"* ]]
	# Stripped, and without a trace of where it was built.
	[ -z "$(nm "$O/taoinit" 2>/dev/null)" ]
	run ! grep -qF "$PWD" "$O/taoinit"
	run ! grep -qF "$PWD" "$O/taoinit.debug"
}

@test "what is no static PIE is told apart" {
	run -1 deps/assert-static /bin/sh
	[[ "$output" == "/bin/sh: has an interpreter"* ]]
	echo 'int main(void) { return 0; }' >"$BATS_TEST_TMPDIR/c.c"
	musl-gcc -static -no-pie -o "$BATS_TEST_TMPDIR/fixed" "$BATS_TEST_TMPDIR/c.c"
	run -1 deps/assert-static "$BATS_TEST_TMPDIR/fixed"
	[[ "$output" == *"is not position independent"* ]]
	gcc -shared -o "$BATS_TEST_TMPDIR/library" -x c /dev/null
	run -1 deps/assert-static "$BATS_TEST_TMPDIR/library"
	[[ "$output" == *"is not a PIE"* ]]
}

# 512 KiB until there were containers and machines: of what these take, the decoders are half.
@test "the stripped program is at most 584 KiB" {
	[ "$(stat -c %s "$O/taoinit")" -le $((584 * 1024)) ]
}

@test "the other names are links to it" {
	for name in taoctl tao taoverify taopolicy; do
		[ "$(readlink "$O/$name")" = taoinit ]
	done
}

@test "--version says our version and each pinned library's" {
	run -0 "$O/taoinit" --version
	[[ "$output" == *"$(cat VERSION)"* ]]
	while read -r name version _; do
		[[ "$output" == *"$name"*"$version"* ]] || {
			echo "$name $version is missing"
			return 1
		}
	done < <(sed -e 's/#.*//' -e '/^[[:space:]]*$/d' deps/pins)
	[[ "$output" == *musl*1.2.* ]]
}

@test "two directories give the same libraries and the same program" {
	a=$BATS_TEST_TMPDIR/a
	b=$BATS_TEST_TMPDIR/another/and/much/longer/directory
	for tree in "$a" "$b"; do
		copy_tree "$tree"
		mkdir -p "$tree/build"
		cp -r build/distfiles "$tree/build/"
		(cd "$tree" && "$make" -s all) >"$BATS_TEST_TMPDIR/log" 2>&1 || {
			cat "$BATS_TEST_TMPDIR/log"
			return 1
		}
	done
	# But for what is there for the link's optimiser, which has paths of headers in it; the program has none of them.
	for lib in libc.a rcrt1.o libbearssl.a libtss2.a libcjson.a libnanopb.a; do
		for tree in a b; do
			objcopy -D --remove-section '.gnu.lto_*' --remove-section '.gnu.debuglto_*' "${!tree}/build/deps/musl/lib/$lib" "$BATS_TEST_TMPDIR/$tree.lib"
		done
		cmp "$BATS_TEST_TMPDIR/a.lib" "$BATS_TEST_TMPDIR/b.lib"
	done
	cmp "$a/build/taoinit.debug" "$b/build/taoinit.debug"
	cmp "$a/build/taoinit" "$b/build/taoinit"

	# In one of them: nothing is left to do; a new file is found without an edit, and a change of a table compiles.
	cd "$a"
	"$make" -q all
	printf '/* SPDX-License-Identifier: MIT */\nint a_new_file(void);\nint a_new_file(void)\n{\n\treturn 1;\n}\n' >init/a_new_file.c
	"$make" -s all
	nm build/taoinit.debug | grep -q a_new_file || [ -f build/obj/init/a_new_file.o ]
	touch crypto/err.def
	run -1 "$make" -q all
}

@test "make install puts program, links, manuals, completions and libraries under DESTDIR" {
	run -0 "$make" -s install DESTDIR="$BATS_TEST_TMPDIR/dest" PREFIX=/usr O="$O"
	cmp "$O/taoinit" "$BATS_TEST_TMPDIR/dest/usr/sbin/taoinit"
	[ "$(readlink "$BATS_TEST_TMPDIR/dest/usr/bin/taoctl")" = /usr/sbin/taoinit ]
	for page in docs/*.[1-8]; do
		[ ! -e "$page" ] || [ -s "$BATS_TEST_TMPDIR/dest/usr/share/man/man${page##*.}/${page##*/}" ]
	done
	grep -q shutdown "$BATS_TEST_TMPDIR"/dest/usr/share/{bash-completion/completions/taoctl,zsh/site-functions/_taoctl,fish/vendor_completions.d/taoctl.fish}
	# A program built against what was installed, as pkg-config says.
	export PKG_CONFIG_PATH=$BATS_TEST_TMPDIR/dest/usr/lib/pkgconfig PKG_CONFIG_SYSROOT_DIR=$BATS_TEST_TMPDIR/dest
	# shellcheck disable=SC2046 # flags
	gcc -o "$BATS_TEST_TMPDIR/name" client/examples/name.c $(PKG_CONFIG_ALLOW_SYSTEM_CFLAGS=1 PKG_CONFIG_ALLOW_SYSTEM_LIBS=1 pkg-config --cflags --libs tao)
	run -1 env -u TAO_CHANNEL_FD "$BATS_TEST_TMPDIR/name"
	[[ $output == *"no channel"* ]]
}

@test "make help lists each target with a line" {
	run -0 "$make" -s help
	for target in all run run-container image check check-vectors lint format fuzz soak bench cov proto install clean distclean help; do
		grep -q "^  $target: ." <<<"$output" || {
			echo "$target is missing"
			return 1
		}
	done
}
