#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# The channel of a service: what it may ask, and what becomes of what nobody should send. Each hostile frame ends at
# most the channel that it came by: a neighbour asks for its name before and after.

load helpers

setup_file()
{
	helpers_setup_file
}

setup()
{
	helpers_setup
}

teardown()
{
	helpers_teardown
}

# Sends bytes (hex) by a service's channel and leaves the host running; the neighbour must then be served as ever.
hostile() # HEX [PATIENCE-MS]
{
	manifest "\"bad\": { \"exec\": [\"$tools/probe\", \"raw\", \"$1\", \"${2:-20000}\"], \"type\": \"oneshot\" },
		\"good\": { \"exec\": [\"$tools/tao\", \"name\"], \"type\": \"oneshot\", \"after\": [\"bad\"] }"
	start_host
	eventually '[ "$(state_of good)" = done ]'
	grep -qF "key([" "$work/log"
	kill -0 "$host"
}

hex() # TEXT
{
	printf '%s' "$1" | od -An -v -tx1 | tr -d ' \n'
}

# A request as a client sends it: op and body.
request() # OP BODY-HEX
{
	local op header
	op=$(hex "$1")
	header=0a$(printf %02x $((${#op} / 2)))${op}1007
	printf '%08x%s%08x%s' $((${#header} / 2)) "$header" $((${#2} / 2)) "$2"
}

@test "name, random and extension by the tao command" {
	manifest "\"n\": { \"exec\": [\"$tools/tao\", \"name\"], \"type\": \"oneshot\" },
		\"r\": { \"exec\": [\"$tools/tao\", \"random\", \"--hex\", \"32\"], \"type\": \"oneshot\" },
		\"e\": { \"exec\": [\"$tools/tao\", \"extend\", \".Doing(\\\"backup\\\", 3)\"], \"type\": \"oneshot\" }"
	start_host
	for s in n r e; do eventually "[ \$(state_of $s) = done ]"; done
	digest=$(sha256sum "$tools/tao" | cut -d' ' -f1)
	grep -qE "^key\(\[[0-9a-f]{64}\]\)\.TrivialGuard\(\"Liberal\"\)\.Program\(\[$digest\]\)$" "$work/log"
	grep -qE '^[0-9a-f]{64}$' "$work/log"
}

@test "a program extends its name, and only makes it longer" {
	cat >"$work/c.c" <<-'EOF'
		#include <stdio.h>
		#include <stdlib.h>
		#include "tao.h"
		static void show(struct tao_host *h) {
			struct tao_bytes n; char *t;
			if (tao_host_name(h, &n) == 0 && tao_name_text(n.data, n.size, &t) == 0) puts(t);
		}
		int main(void) {
			struct tao_host *h; struct tao_bytes s; const char *a[] = { "x" };
			if (tao_host_connect(&h) != 0) return 1;
			show(h);
			tao_subprin("Part", a, 1, &s);
			if (tao_host_extend_name(h, s.data, s.size) != 0) return 2;
			show(h);
			if (tao_host_extend_name(h, "\x11\x01\x05\x05", 4) != TAO_E_REFUSED) return 3;
			for (int i = 0; i < 2000; i++)
				if (tao_host_extend_name(h, s.data, s.size) == TAO_E_REFUSED) { puts("enough"); show(h); return 0; }
			return 4;
		}
	EOF
	musl-gcc -static -Os -Iclient -o "$work/c" "$work/c.c" client/tao.c
	manifest "\"c\": { \"exec\": [\"$work/c\"], \"type\": \"oneshot\", \"essential\": true }"
	run_host
	[ "$status" -eq 0 ]
	grep -qE '\.Program\(\[[0-9a-f]+\]\)$' "$work/log"
	grep -qE '\.Program\(\[[0-9a-f]+\]\)\.Part\("x"\)$' "$work/log"
	grep -qx enough "$work/log"
}

@test "an unknown method and an unknown service get the published errors" {
	hostile "$(request Tao.Fly "")" 300
	grep -qF "$(hex "rpc: can't find method Tao.Fly")" "$work/log"
	hostile "$(request Kite.Fly "")" 300
	grep -qF "$(hex "rpc: can't find service Kite.Fly")" "$work/log"
}

@test "random bytes: zero, less and too many are invalid sizes" {
	for size in 1000 10ffffffffffffffffff01 1080808001; do
		hostile "$(request Tao.GetRandomBytes "$size")" 300
		grep -qF "$(hex "invalid size")" "$work/log"
		helpers_teardown
	done
}

@test "a header of 4 GiB ends the channel" {
	hostile ffffffff
	grep -qx end "$work/log"
	grep -qF "bad: its channel is closed: malformed frame" "$work/log"
}

@test "a body of 4 GiB is answered, and ends the channel" {
	header=$(request Tao.GetTaoName "")
	hostile "${header%????????}ffffffff"
	grep -qF "$(hex "message too large")" "$work/log"
	grep -qx end "$work/log"
}

@test "garbage for protobuf ends the channel" {
	hostile 00000004deadbeef00000000
	grep -qx end "$work/log"
	helpers_teardown
	good=$(request Tao.GetRandomBytes ffffffff)
	hostile "$good"
	grep -qx end "$work/log"
}

@test "half a frame and silence ends the channel when its time is over, and not before" {
	hostile 000000
	grep -qx end "$work/log"
	grep -qF "half a frame" "$work/log"
}

@test "half a frame and the end of the program: nothing else notices" {
	hostile "0000001f0a0e54" 100
	grep -qx silence "$work/log"
}

@test "whoever floods is served in turn, and so is everybody else" {
	manifest "\"bad\": { \"exec\": [\"$tools/probe\", \"flood\", \"20000\"], \"type\": \"oneshot\" },
		\"good\": { \"exec\": [\"$tools/tao\", \"name\"], \"type\": \"oneshot\" }"
	start_host
	eventually '[ "$(state_of good)" = done ]'
	eventually '[ "$(state_of bad)" = done ]'
	grep -qx "answers 20000" "$work/log"
}

@test "on_channel_error restart starts the service again" {
	manifest "\"bad\": { \"exec\": [\"$tools/probe\", \"raw\", \"ffffffff\", \"20000\"], \"on_channel_error\": \"restart\", \"restart\": \"never\" }"
	start_host
	eventually "[ \$(grep -c 'bad: started as' '$work/log') -ge 3 ]"
}
