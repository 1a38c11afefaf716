#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# That the benchmarks print figures: one part, as short as it can be. What they say is not judged.

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
