# SPDX-License-Identifier: MIT
#
# The check checks: programs that crash, stop early, say nothing or lie about their plan count as failed.

bats_require_minimum_version 1.5.0

# A tree of its own, in which "making" a unit test copies a script.
setup()
{
	tree=$BATS_TEST_TMPDIR/tree
	mkdir -p "$tree/tests/unit" "$tree/bin"
	cp "$BATS_TEST_DIRNAME/../run-check" "$tree/tests/"
	cat >"$tree/bin/make" <<'M'
#!/bin/sh
mkdir -p build/unit build/unit-asan
for test in tests/unit/test_*.c; do
	[ -e "$test" ] || continue
	name=$(basename "$test" .c)
	grep -q NO_BUILD "$test" && exit 2
	for variant in unit unit-asan; do
		cp "$test" "build/$variant/$name" && chmod +x "build/$variant/$name"
	done
done
M
	chmod +x "$tree/bin/make"
	export MAKE=$tree/bin/make
	unset O
}

unit_test() # NAME TEXT
{
	printf '#!/bin/sh\n%s\n' "$2" >"$tree/tests/unit/test_$1.c"
}

last()
{
	[ "${lines[-1]}" = "$1" ] || {
		echo "$output"
		return 1
	}
}

@test "all good: everything counts, and the status is 0" {
	unit_test one 'echo "ok 1 - first"; echo "ok 2 - second"; echo 1..2'
	run -0 "$tree/tests/run-check" unit
	last "5 passed, 0 failed"
	[ "${lines[-2]}" = "1..5" ]
	[[ "$output" == *"ok 5 - unit-asan/test_one: second"* ]]
}

@test "a failed test counts, and what it said is shown" {
	unit_test one 'echo "# a hint"; echo "not ok 1 - first"; echo 1..1; echo "more words" >&2; exit 1'
	run -1 "$tree/tests/run-check" unit
	last "1 passed, 2 failed"
	[[ "$output" == *"# a hint"* ]]
	[[ "$output" == *"# more words"* ]]
}

@test "a crash after good tests counts" {
	unit_test one 'echo "ok 1 - first"; kill -SEGV $$'
	run -1 "$tree/tests/run-check" unit
	last "3 passed, 2 failed"
	[[ "$output" == *"prints no plan (status 139)"* ]]
}

@test "a failing status after a whole plan counts" {
	unit_test one 'echo "ok 1 - first"; echo 1..1; exit 23'
	run -1 "$tree/tests/run-check" unit
	last "3 passed, 2 failed"
	[[ "$output" == *"ended with status 23 although no test failed"* ]]
}

@test "a plan that does not hold counts" {
	unit_test one 'echo 1..3; echo "ok 1 - first"'
	run -1 "$tree/tests/run-check" unit
	last "3 passed, 2 failed"
	[[ "$output" == *"planned 3 tests, 1 were run"* ]]
}

@test "silence counts" {
	unit_test one 'exit 0'
	run -1 "$tree/tests/run-check" unit
	last "1 passed, 2 failed"
}

@test "an empty plan counts" {
	unit_test one 'echo 1..0'
	run -1 "$tree/tests/run-check" unit
	last "1 passed, 2 failed"
}

@test "running out of time counts" {
	unit_test one 'echo "ok 1 - first"; echo 1..1; while :; do :; done'
	TAO_UNIT_TIMEOUT=0.3 run -1 "$tree/tests/run-check" unit
	last "3 passed, 2 failed"
	[[ "$output" == *"ran out of time"* ]]
}

@test "what does not build counts, and an older program does not stand in for it" {
	unit_test one 'echo "ok 1 - first"; echo 1..1'
	run -0 "$tree/tests/run-check" unit
	unit_test one 'NO_BUILD'
	run -1 "$tree/tests/run-check" unit
	last "0 passed, 3 failed"
}

@test "a skipped test is neither passed nor failed" {
	unit_test one 'echo "ok 1 - first"; echo "ok 2 - second # skip no such device"; echo 1..2'
	run -0 "$tree/tests/run-check" unit
	last "3 passed, 0 failed"
	[ "${lines[-2]}" = "# 2 skipped" ]
}

@test "no tests at all is a failure, and an unknown part an error" {
	run -1 "$tree/tests/run-check" bats
	mkdir -p "$tree/tests/bats"
	run -2 "$tree/tests/run-check" nonsense
}
