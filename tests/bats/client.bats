#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# client/ as people take it: two files, any of their compilers, pkg-config, the examples as their comments build them.

setup()
{
	bats_require_minimum_version 1.5.0
	cd "$BATS_TEST_DIRNAME/../.." || exit 1
	unset CLOUDPROXY_TAO_HOST_SPEC CLOUDPROXY_TAO_HOST_CHANNEL_TYPE TAO_CHANNEL_FD
	tmp=$BATS_TEST_TMPDIR
}

@test "two files and a C library are enough, for C99, C11 and musl" {
	cp client/tao.[ch] "$tmp"
	for compiler in "gcc -std=c99 -pedantic" "gcc -std=c11" "gcc" "clang -std=c99" "musl-gcc -std=c11"; do
		# shellcheck disable=SC2086 # words
		$compiler -Wall -Wextra -Wconversion -Werror -O2 -c "$tmp/tao.c" -o "$tmp/tao.o"
		nm -u "$tmp/tao.o" | grep -v ' \(__\)\?[a-z_0-9]*$' | grep -v _GLOBAL_OFFSET_TABLE_ && false
	done
	[ "$(nm --defined-only -g "$tmp/tao.o" | awk '{ print $3 }' | grep -cvE '^tao_(host|name|subprin|bytes)')" = 0 ]
}

@test "C++ may include the header and link" {
	echo '#include "tao.h"
	int main() { tao_host *host; return tao_host_connect(&host) == TAO_E_NO_CHANNEL ? 0 : 1; }' >"$tmp/main.cc"
	gcc -Wall -Werror -O2 -Iclient -c client/tao.c -o "$tmp/tao.o"
	g++ -std=c++11 -pedantic -Wall -Wextra -Werror -Iclient "$tmp/main.cc" "$tmp/tao.o" -o "$tmp/main"
	"$tmp/main"
}

@test "the examples build as their comments say, and say what is missing where there is no host" {
	n=0
	for source in client/examples/*.c rootfs/examples/*.c; do
		command=$(sed -n 's,^ \*[[:space:]]*\(.*cc .*\.c\)$,\1,p; s,^ \*[[:space:]]*\(.*cc .*client/tao\.c\).*,\1,p' "$source" | head -n 1)
		[ -n "$command" ]
		name=${source##*/}
		name=${name%.c}
		eval "${command/-o $name/-Wall -Wextra -Werror -o \"\$tmp/$name\"}"
		# Servers look for their socket first.
		run --separate-stderr "$tmp/$name"
		[[ $status == 1 && $stderr == *"no channel to a Tao host"* || $status == 2 && $stderr == "usage: "*"one listening socket"* ]]
		n=$((n + 1))
	done
	[ $n -ge 6 ]
}

@test "pkg-config reads the file" {
	sed 's,@PREFIX@,/opt/tao,; s,@VERSION@,1.2.3,' client/tao.pc.in >"$tmp/tao.pc"
	export PKG_CONFIG_PATH=$tmp
	[ "$(pkg-config --modversion tao)" = 1.2.3 ]
	[[ $(pkg-config --cflags --libs tao) == *"-I/opt/tao/include"*"-L/opt/tao/lib"*"-ltao"* ]]
	pkg-config --validate tao
}
