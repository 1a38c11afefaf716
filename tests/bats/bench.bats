#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# That the benchmarks print figures: the parts that take seconds, and one as short as it can be. What they say is not judged.

@test "factories: each row has the figure, the peer's and the ratio" {
	bats_require_minimum_version 1.5.0
	cd "$BATS_TEST_DIRNAME/../.."
	BENCH_CONTAINERS=1 BENCH_MACHINES=1 run -0 tests/bench/run factories
	echo "$output"
	[ "${#lines[@]}" -eq 14 ]
	for line in "${lines[@]}"; do
		[[ $line == factories:*" ratio" || $line =~ \ [0-9]+\.[0-9]\ +[0-9]+\.[0-9]\ +[0-9]+\.[0-9][0-9]$ ]]
	done
}

@test "parts, hash, policies: each row has its figures" {
	bats_require_minimum_version 1.5.0
	cd "$BATS_TEST_DIRNAME/../.."
	run -0 tests/bench/run parts
	echo "$output"
	[ "$(grep -cE '^ +.* [0-9]+\.[0-9]{2}(  \(.*\))?$' <<<"$output")" -ge 15 ]
	run -0 tests/bench/run hash
	[[ $output =~ ^"hashing into a sealed image, MB/s (openssl)"\ +[0-9]+\ +[0-9]+\ +[0-9]\.[0-9]{2}$ ]]
	run -0 tests/bench/run policies
	echo "$output"
	[ "$(grep -cE '^Datalog, [0-9]+ facts.* [0-9.]+ +1000 +[0-9.]+$' <<<"$output")" -eq 4 ]
	[ "$(grep -cE 'p99 us \(bound\) +[0-9]+ +10000 +[0-9.]+$' <<<"$output")" -eq 7 ]
	run -64 tests/bench/run nothing
}
