# SPDX-License-Identifier: MIT
#
# Where the libraries come from: deps/fetch, deps/build and deps/install-packages, without a network of any kind.

bats_require_minimum_version 1.5.0

setup()
{
	cd "$BATS_TEST_DIRNAME/../.." || return 1
	files=$PWD/build/distfiles
	export TAO_FETCH_DIR=$BATS_TEST_TMPDIR/out
	unset TAO_DISTFILES TAO_UPSTREAM
	# Whatever apt does goes to a port where nobody listens.
	export APT_CONFIG=$BATS_TEST_TMPDIR/apt.conf
	printf 'Acquire::http::Proxy "http://127.0.0.1:9/";\nAcquire::https::Proxy "http://127.0.0.1:9/";\nAcquire::Retries "0";\n' >"$APT_CONFIG"
	export http_proxy=http://127.0.0.1:9/ https_proxy=http://127.0.0.1:9/ no_proxy=127.0.0.1
}

teardown()
{
	[ -z "${server:-}" ] || kill "$server"
}

# A PATH that has these programs only.
only_programs() # NAME…
{
	local name
	mkdir -p "$BATS_TEST_TMPDIR/bin"
	for name; do
		ln -sf "$(command -v "$name")" "$BATS_TEST_TMPDIR/bin/$name"
	done
	PATH=$BATS_TEST_TMPDIR/bin
}
tools="sh sha256sum cut sed awk mktemp mkdir mv cp rm cat chmod head ls id dirname tr timeout env"

cjson_row()
{
	grep '^cjson ' deps/pins >"$BATS_TEST_TMPDIR/pins"
	export TAO_PINS=$BATS_TEST_TMPDIR/pins
	cjson=$(awk '{ print $4 }' "$TAO_PINS")
}

serve() # DIRECTORY: sets url
{
	/usr/bin/python3 -u - "$1" >"$BATS_TEST_TMPDIR/port" 2>/dev/null 3>&- <<'P' &
import functools, http.server, sys
handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=sys.argv[1])
with http.server.HTTPServer(("127.0.0.1", 0), handler) as server:
    print(server.server_address[1], flush=True)
    server.serve_forever()
P
	server=$!
	for _ in $(seq 200); do
		[ -s "$BATS_TEST_TMPDIR/port" ] && break
		sleep 0.05
	done
	url=http://127.0.0.1:$(cat "$BATS_TEST_TMPDIR/port")/
}

# Nothing but whole files with the right hash under their names, and no private directory left.
nothing_partial()
{
	[ -z "$(ls -A "$TAO_FETCH_DIR")" ] || {
		ls -lA "$TAO_FETCH_DIR"
		return 1
	}
}

@test "TAO_DISTFILES serves every file without a network, and a second run fetches nothing" {
	TAO_DISTFILES=$files run -0 deps/fetch
	[ -z "$output" ]
	for file in $(sed -e 's/#.*//' deps/pins | awk 'NF { print $4 }'); do
		cmp "$files/$file" "$TAO_FETCH_DIR/$file"
	done
	# No source at all is left, and it does not matter.
	run -0 deps/fetch
	[ -z "$output" ]
}

@test "a file that was damaged in place is fetched again" {
	mkdir -p "$TAO_FETCH_DIR"
	cjson_row
	echo damaged >"$TAO_FETCH_DIR/$cjson"
	TAO_DISTFILES=$files run -0 deps/fetch
	cmp "$files/$cjson" "$TAO_FETCH_DIR/$cjson"
}

@test "a wrong hash is refused in one sentence that names file, source and remedy" {
	cjson_row
	mkdir "$BATS_TEST_TMPDIR/given"
	echo something else >"$BATS_TEST_TMPDIR/given/$cjson"
	TAO_DISTFILES=$BATS_TEST_TMPDIR/given run -1 deps/fetch
	[ "${#lines[@]}" = 1 ]
	[[ "$output" == "deps/fetch: $cjson from $BATS_TEST_TMPDIR/given has sha256 "*"give the right file with TAO_DISTFILES=DIRECTORY." ]]
	nothing_partial
}

@test "a TAO_DISTFILES that is no directory is said to be none" {
	TAO_DISTFILES=/nowhere/at/all run -1 deps/fetch
	[ "$output" = "deps/fetch: TAO_DISTFILES=/nowhere/at/all is not a directory." ]
}

@test "without a network the sentence says so, and the files to provide stand below" {
	TAO_UPSTREAM=http://127.0.0.1:9/ run -1 deps/fetch
	[[ "${lines[0]}" == "deps/fetch: cannot fetch bearssl_"*"could not be reached"*"TAO_DISTFILES=DIRECTORY." ]]
	[ "${#lines[@]}" = $(($(sed -e 's/#.*//' deps/pins | awk 'NF' | wc -l) + 1)) ]
	for file in $(sed -e 's/#.*//' deps/pins | awk 'NF { print $4 }'); do
		[[ "$output" == *"  sha256 $(sha256sum <"$files/$file" | cut -d' ' -f1)  $file"* ]]
	done
	nothing_partial
}

@test "without apt-get, curl and wget the sentence names what is missing" {
	# shellcheck disable=SC2086 # words
	(only_programs $tools; deps/fetch) >"$BATS_TEST_TMPDIR/said" 2>&1 && return 1
	head -n 1 "$BATS_TEST_TMPDIR/said"
	grep -q '^deps/fetch: cannot fetch .*the program apt-get is missing.*neither curl nor wget.*TAO_DISTFILES=DIRECTORY\.$' "$BATS_TEST_TMPDIR/said"
	nothing_partial
}

@test "without sha256sum the sentence names it" {
	# shellcheck disable=SC2086
	(only_programs $tools; rm "$BATS_TEST_TMPDIR/bin/sha256sum"; deps/fetch) >"$BATS_TEST_TMPDIR/said" 2>&1 && return 1
	[ "$(wc -l <"$BATS_TEST_TMPDIR/said")" = 1 ]
	grep -q '^deps/fetch: the program sha256sum is missing; install .* and run this again\.$' "$BATS_TEST_TMPDIR/said"
}

@test "upstream serves when Debian does not, by curl" {
	cjson_row
	mkdir "$BATS_TEST_TMPDIR/www"
	cp "$files/$cjson" "$BATS_TEST_TMPDIR/www/v1.7.18.tar.gz"
	serve "$BATS_TEST_TMPDIR/www"
	TAO_UPSTREAM=$url run -0 deps/fetch
	cmp "$files/$cjson" "$TAO_FETCH_DIR/$cjson"
}

@test "upstream serves when Debian does not, by wget" {
	command -v wget >/dev/null || skip "no wget"
	cjson_row
	mkdir "$BATS_TEST_TMPDIR/www"
	cp "$files/$cjson" "$BATS_TEST_TMPDIR/www/v1.7.18.tar.gz"
	serve "$BATS_TEST_TMPDIR/www"
	# shellcheck disable=SC2086
	(only_programs $tools wget; TAO_UPSTREAM=$url deps/fetch)
	cmp "$files/$cjson" "$TAO_FETCH_DIR/$cjson"
}

@test "upstream with a wrong hash is refused, and nothing is kept" {
	cjson_row
	mkdir "$BATS_TEST_TMPDIR/www"
	echo an error page >"$BATS_TEST_TMPDIR/www/v1.7.18.tar.gz"
	serve "$BATS_TEST_TMPDIR/www"
	TAO_UPSTREAM=$url run -1 deps/fetch
	[[ "$output" == "deps/fetch: $cjson from ${url}v1.7.18.tar.gz has sha256 "*"it was not kept"* ]]
	nothing_partial
}

@test "upstream without the file is told like no network" {
	cjson_row
	mkdir "$BATS_TEST_TMPDIR/www"
	serve "$BATS_TEST_TMPDIR/www"
	TAO_UPSTREAM=$url run -1 deps/fetch
	[[ "${lines[0]}" == "deps/fetch: cannot fetch $cjson: "* ]]
	nothing_partial
}

@test "a second build of the libraries fetches and rebuilds nothing" {
	deps/build musl
	before=$(stat -c '%n %Y %Z' build/deps/musl/lib/* build/distfiles/*)
	run -0 deps/build musl
	[ -z "$output" ]
	[ "$before" = "$(stat -c '%n %Y %Z' build/deps/musl/lib/* build/distfiles/*)" ]
}

@test "without the compiler deps/build names the package" {
	# shellcheck disable=SC2086
	(only_programs $tools ar tar xz flock; deps/build musl) >"$BATS_TEST_TMPDIR/said" 2>&1 && return 1
	[ "$(wc -l <"$BATS_TEST_TMPDIR/said")" = 1 ]
	grep -q 'the program gcc is missing; install the Debian package gcc' "$BATS_TEST_TMPDIR/said"
}

# A system where nothing is installed, for whoever stub says.
stub_system() # UID
{
	mkdir "$BATS_TEST_TMPDIR/bin"
	printf '#!/bin/sh\nexit 1\n' >"$BATS_TEST_TMPDIR/bin/dpkg-query"
	printf '#!/bin/sh\necho %s\n' "$1" >"$BATS_TEST_TMPDIR/bin/id"
	printf '#!/bin/sh\necho "E: no network" >&2\nexit 100\n' >"$BATS_TEST_TMPDIR/bin/apt-get"
	chmod +x "$BATS_TEST_TMPDIR"/bin/*
	only_programs sh cat mktemp rm tail tr
}

@test "packages: who is not root and has no sudo is told the command" {
	(stub_system 1000; deps/install-packages build) >"$BATS_TEST_TMPDIR/said" 2>&1 && return 1
	[ "$(wc -l <"$BATS_TEST_TMPDIR/said")" = 1 ]
	grep -q 'as root, run: apt-get install --no-install-recommends gcc libc6-dev' "$BATS_TEST_TMPDIR/said"
}

@test "packages: a failure of apt-get is shown with a remedy" {
	(stub_system 0; deps/install-packages build) >"$BATS_TEST_TMPDIR/said" 2>&1 && return 1
	grep -q 'E: no network' "$BATS_TEST_TMPDIR/said"
	grep -q 'could not install .*run apt-get update, see that the network is there, and try again\.$' "$BATS_TEST_TMPDIR/said"
}

@test "packages: TAO_PACKAGES=skip asks nobody, and an unknown group is an error" {
	(stub_system 1000; TAO_PACKAGES=skip deps/install-packages build run check)
	run -2 deps/install-packages nonsense
}
