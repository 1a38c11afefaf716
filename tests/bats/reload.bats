#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# Another manifest while the host runs: what is new starts, what is gone stops, what has changed is started again, and
# all else goes on; a manifest that is refused changes nothing. The last tests are about hosts with a TPM, where another
# manifest takes a boot and the keys are sealed to it.

load helpers
load tpm_helpers

setup_file()
{
	tpm_setup_file
}

setup()
{
	tpm_setup
	waits="\"exec\": [\"$tools/probe\", \"wait\"]"
	more=
}

teardown()
{
	tpm_teardown
}

# A host that runs, with a, b, which requires a, c, which comes after a, and d.
begin()
{
	write "\"a\": { $waits }, \"b\": { $waits, \"requires\": [\"a\"] }, \"c\": { $waits, \"after\": [\"a\"] }, \"d\": { $waits }"
	start_host
	all_up a b c d
	remember a b c d
}

write() # SERVICES
{
	manifest "$1" allow "$more"
}

all_up() # SERVICE…
{
	local s
	for s; do eventually "[ \"\$(state_of $s)\" = up ]"; done
}

remember() # SERVICE…
{
	local s
	for s; do eval "pid_$s=$(pid_of "$s")"; done
}

same() # SERVICE…
{
	local s
	for s; do eval "[ \"\$pid_$s\" = $(pid_of "$s") ]" || { echo "$s was started again" >&2; return 1; }; done
}

another() # SERVICE…
{
	local s
	for s; do eval "[ \"\$pid_$s\" != $(pid_of "$s") ]" || { echo "$s goes on" >&2; return 1; }; done
}

names()
{
	ctl --json list | jq -r '.services[].name' | sort | paste -sd' '
}

# bats test_tags=admin
@test "new, gone, changed with what requires it; all else goes on" {
	begin
	write "\"a\": { $waits, \"env\": { \"X\": \"1\" } }, \"b\": { $waits, \"requires\": [\"a\"] },
		\"d\": { $waits }, \"f\": { $waits, \"after\": [\"e\"] }, \"e\": { $waits },
		\"later\": { $waits }, \"x\": { $waits, \"on_failure\": { \"start\": \"later\" } }"
	run -0 ctl reload manifest
	[ "$output" = "$(printf '%s\n' 'services.a.env (new)' 'services.c (taken out)' 'services.f (new)' \
		'services.e (new)' 'services.later (new)' 'services.x (new)')" ]
	all_up a b d e f x
	[ "$(names)" = "a b d e f later x" ]
	same d
	another a b
	run ! kill -0 "$pid_c"
	# What only a failure starts was not.
	[ "$(state_of later)" = down ]
	grep -q "another manifest is in force: of its services 4 are new, 1 have changed and 1 are gone" "$work/log"
	# In the order that the manifest has: f waited for e.
	[ "$(grep -n ' e: started' "$work/log" | cut -d: -f1)" -lt "$(grep -n ' f: started' "$work/log" | cut -d: -f1)" ]
	# The host hands over the new one.
	[ "$(ctl reload manifest --dry-run)" = "nothing differs" ]
	run -0 ctl reload manifest
	[ "$output" = "nothing differs" ]
	same d
	# The picture of the boot is that of the boot.
	[ "$(ctl --json chart | jq '[.services[] | select(.ready_ms != null) | .name] | sort | join(" ")')" = '"a b d"' ]
	# Numbers of services in the graph are those of the list.
	[ "$(ctl tree | tr -s '\n ' ' ')" = "b (up) └─ requires a (up) x (up) d (up) f (up) └─ after e (up) later (down) " ] ||
		[[ "$(ctl tree | tr -s '\n ' ' ')" == *"f (up) └─ after e (up)"* ]]
}

@test "what a process does not see changes without it; its effect is there from then on" {
	begin
	write "\"a\": { $waits, \"restart\": \"never\", \"restart_delay\": \"5ms\", \"stop\": { \"timeout\": \"9s\" } },
		\"b\": { $waits, \"wants\": [\"d\"], \"essential\": true }, \"c\": { $waits, \"requires\": [\"a\"] }, \"d\": { $waits }"
	ctl reload manifest
	same a b c d
	kill -KILL "$pid_a"
	eventually '[ "$(state_of a)" = failed ]'
	# Which c requires now, and b no more.
	eventually '[ "$(state_of c)" = down ]'
	same b d
	kill -KILL "$pid_b"
	all_up b
	[[ $(ctl tree) == *"b (up)"*"wants d (up)"* ]]
}

@test "requirements that come while what is required is down are acted upon" {
	begin
	ctl stop d
	write "\"a\": { $waits }, \"b\": { $waits, \"requires\": [\"a\"] }, \"c\": { $waits, \"requires\": [\"d\"] }, \"d\": { $waits }"
	ctl reload manifest
	eventually '[ "$(state_of c)" = down ]'
	same a b
	ctl start c
	all_up c d
}

@test "what was stopped stays so, what had failed is tried again" {
	write "\"a\": { $waits }, \"bad\": { \"exec\": [\"$tools/probe\", \"exit\", \"3\"], \"restart\": \"never\" }, \"off\": { $waits }, \"once\": { \"exec\": [\"$tools/probe\", \"exit\", \"0\"], \"type\": \"oneshot\" }"
	start_host
	all_up a off
	eventually '[ "$(state_of bad)" = failed ]'
	eventually '[ "$(state_of once)" = done ]'
	ctl stop off
	write "\"a\": { $waits }, \"bad\": { $waits }, \"off\": { $waits, \"umask\": \"077\" }, \"once\": { \"exec\": [\"$tools/probe\", \"exit\", \"0\"], \"type\": \"oneshot\" }"
	ctl reload manifest
	all_up bad
	[ "$(state_of off)" = down ]
	[ "$(state_of once)" = "done" ]
	[ "$(grep -c ' once: started' "$work/log")" = 1 ]
	ctl start off
	[ "$(ctl --json status off | jq -r '.services[0].state')" = up ]
	[ "$(sed -n 's/^Umask:[^0-9]*//p' "/proc/$(pid_of off)/status")" = 0077 ]
	# One that ran to its end runs again when it is another.
	write "\"a\": { $waits }, \"bad\": { $waits }, \"off\": { $waits, \"umask\": \"077\" }, \"once\": { \"exec\": [\"$tools/probe\", \"exit\", \"0\"], \"type\": \"oneshot\", \"nice\": 1 }"
	ctl reload manifest
	eventually '[ "$(grep -c " once: started" "$work/log")" = 2 ]'
}

# bats test_tags=admin
@test "a manifest that is refused says why, and changes nothing" {
	begin
	echo '{ "version": 1, ' >"$work/manifest.json"
	run --separate-stderr -1 ctl reload manifest
	[[ $stderr == *"manifest.json:2:1: the file ends here"*"; the old manifest stays in force" ]]
	more='"hostname": "other"'
	write "\"a\": { $waits }"
	run --separate-stderr -1 ctl reload manifest
	[[ $stderr == *"host.hostname (new) cannot change while the host runs; take that back, or reboot; the old manifest stays in force" ]]
	more=
	write "\"a\": { $waits, \"requires\": [\"nobody\"] }"
	run --separate-stderr -1 ctl reload manifest
	[[ $stderr == *"there is no service"*"nobody"* ]]
	mv "$work/manifest.json" "$work/away"
	run --separate-stderr -1 ctl reload manifest
	[[ $stderr == *"No such file"* ]]
	run -2 ctl reload manifest "$work/away"
	[ "$(names)" = "a b c d" ]
	same a b c d
	[ "$(grep -c 'the old manifest stays in force' "$work/log")" = 4 ]
}

@test "places: as many more services as host.max_services has room for; those of the gone are free for the next" {
	more='"max_services": 6'
	begin
	three="\"e\": { $waits }, \"f\": { $waits }, \"g\": { $waits }"
	write "\"a\": { $waits }, $three"
	# Those of b, c and d are in use still.
	run --separate-stderr -1 ctl reload manifest
	[[ $stderr == *"has no place for more services (host.max_services)"* ]]
	same a b c d
	write "\"a\": { $waits }"
	ctl reload manifest
	[ "$(names)" = a ]
	write "\"a\": { $waits }, $three"
	ctl reload manifest
	all_up e f g
	same a
	write "\"a\": { $waits }, \"e\": { $waits }, \"f\": { $waits }, \"g\": { $waits }, \"h\": { $waits }, \"i\": { $waits }, \"j\": { $waits }"
	run --separate-stderr -1 ctl reload manifest
	[[ $stderr == *"services are 7 and host.max_services is 6; raise that"* ]]
}

@test "sockets that stay keep whom they have; others go and come" {
	listen="\"sockets\": [ { \"unix\": \"$work/one\" } ]"
	write "\"a\": { $waits, $listen }"
	start_host
	all_up a
	remember a
	inode=$(stat -c %i "$work/one")
	write "\"a\": { $waits, \"nice\": 1, \"sockets\": [ { \"unix\": \"$work/two\" }, { \"unix\": \"$work/one\" } ] }"
	ctl reload manifest
	all_up a
	another a
	[ "$(stat -c %i "$work/one")" = "$inode" ]
	[ -S "$work/two" ]
	socat -u - "UNIX-CONNECT:$work/one" </dev/null
	write "\"a\": { $waits, \"sockets\": [ { \"unix\": \"$work/two\" } ] }"
	ctl reload manifest
	[ ! -e "$work/one" ]
	[ -S "$work/two" ]
	write "\"b\": { $waits }"
	ctl reload manifest
	[ ! -e "$work/two" ]
}

@test "output: lines from before are there still; a service that gets a ring has one" {
	says_one="\"exec\": [\"$tools/probe\", \"word\"]"
	write "\"a\": { $says_one, \"log\": \"ring\" }, \"b\": { $waits }"
	start_host
	all_up a b
	eventually '[ "$(ctl logs a | wc -l)" -ge 1 ]'
	before=$(ctl logs a | head -n 1)
	write "\"a\": { $says_one, \"log\": \"ring\", \"nice\": 1 }, \"b\": { $waits, \"log\": \"ring\" }, \"c\": { $waits, \"log\": \"ring\" }"
	ctl reload manifest
	all_up a b c
	eventually '[ "$(ctl logs a | wc -l)" -ge 2 ]'
	[ "$(ctl logs a | head -n 1)" = "$before" ]
	eventually '[ "$(ctl logs b | wc -l)" -ge 1 ]'
	eventually '[ "$(ctl logs c | wc -l)" -ge 1 ]'
	run ! grep -q "output worker ended" "$work/log"
	# All of it was inherited, until one is not.
	ctl shutdown
	wait "$host"
	write "\"b\": { $waits }"
	start_host
	all_up b
	write "\"b\": { $waits }, \"c\": { $waits, \"log\": \"ring\" }"
	ctl reload manifest
	eventually '[ "$(ctl logs c | wc -l)" -ge 1 ]'
}

@test "included files, which come, change and go" {
	mkdir "$work/more"
	write "\"a\": { $waits }"
	sed -i 's|"version": 1,|"version": 1, "include": "more",|' "$work/manifest.json"
	echo "{ \"version\": 1, \"services\": { \"b\": { $waits } } }" >"$work/more/b.json"
	start_host
	all_up a b
	remember a b
	echo "{ \"version\": 1, \"services\": { \"c\": { $waits } } }" >"$work/more/c.json"
	ctl reload manifest
	all_up c
	same a b
	# From one file to another, and otherwise the same: started again, because the difference does not tell.
	mv "$work/more/b.json" "$work/more/d.json"
	ctl reload manifest
	rm "$work/more/c.json"
	run -0 ctl reload manifest
	[ "$output" = "services.c (taken out)" ]
	[ "$(names)" = "a b" ]
	same a
}

@test "a larger message than any before, a name with a dot, a service that does not want to stop" {
	write "\"a\": { $waits }, \"a.restart\": { \"exec\": [\"$tools/probe\", \"stubborn\"], \"stop\": { \"timeout\": \"300ms\" } }"
	start_host
	all_up a a.restart
	pid_a=$(pid_of a)
	write "\"a\": { $waits }, \"a.restart\": { $waits }, \"big\": { \"exec\": [\"$tools/tao\", \"random\", \"--hex\", \"3000000\"], \"type\": \"oneshot\", \"log\": \"none\", \"tao\": { \"max_message\": \"8M\" } }"
	ctl reload manifest
	[ "$pid_a" = "$(pid_of a)" ]
	all_up a.restart
	eventually '[ "$(state_of big)" = done ]'
}

@test "whom the policy does not let run is not started; retracted by name, a place is nobody's" {
	write "\"a\": { $waits }"
	start_host
	all_up a
	write "\"a\": { $waits }, \"b\": { \"exec\": [\"$tools/nowhere\"] }"
	ctl reload manifest
	eventually '[ "$(state_of b)" = failed ]'
	write "\"a\": { $waits }"
	ctl reload manifest
	run -1 ctl status b
	run -1 ctl start ""
	run -1 ctl start b
}

@test "one after another, a hundred times, while others are told no: nothing is left behind" {
	begin
	fds=$(find "/proc/$host/fd" -type l | wc -l)
	maps=$(wc -l <"/proc/$host/maps")
	for i in $(seq 50); do
		write "\"a\": { $waits }, \"b\": { $waits, \"requires\": [\"a\"] }, \"c$i\": { \"exec\": [\"$tools/probe\", \"exit\", \"0\"], \"type\": \"oneshot\", \"log\": \"ring\" }, \"d\": { $waits }"
		ctl reload manifest >/dev/null
		echo '{' >"$work/manifest.json"
		run -1 ctl reload manifest
	done
	same a b d
	write "\"a\": { $waits }, \"b\": { $waits, \"requires\": [\"a\"] }, \"c\": { $waits, \"after\": [\"a\"] }, \"d\": { $waits }"
	ctl reload manifest >/dev/null
	all_up c
	# The log worker's socket, and its arena's mapping, are there from the first time on.
	eventually '[ "$(find "/proc/$host/fd" -type l | wc -l)" -le "$((fds + 1))" ]'
	[ "$(wc -l <"/proc/$host/maps")" -le $((maps + 3)) ]
}

@test "the worker that reads it is killed: the old one stays, and the next reload is good" {
	begin
	mkfifo "$work/pipe"
	mv "$work/manifest.json" "$work/good"
	mkfifo "$work/manifest.json"
	ctl reload manifest 2>"$work/why" &
	asking=$!
	eventually 'pgrep -P "$host" -x tao-manifest >/dev/null'
	run --separate-stderr -1 ctl reload manifest
	[[ $stderr == *"another one is being taken over: try again when it is"* ]]
	pkill -KILL -P "$host" -x tao-manifest
	status=0
	wait "$asking" || status=$?
	[ "$status" = 1 ]
	grep -q "the worker that reads it has died" "$work/why"
	rm "$work/manifest.json"
	mv "$work/good" "$work/manifest.json"
	ctl reload manifest
	same a b c d
}

@test "shutting down while services are stopped for it" {
	write "\"a\": { \"exec\": [\"$tools/probe\", \"stubborn\"], \"stop\": { \"timeout\": \"100s\" } }, \"b\": { $waits }"
	start_host
	all_up a b
	write "\"b\": { $waits }"
	ctl reload manifest 2>"$work/why" &
	asking=$!
	eventually '[ "$(state_of a)" = stopping ]'
	run -1 ctl --timeout 100ms reload manifest
	ctl shutdown
	status=0
	wait "$asking" || status=$?
	[ "$status" != 0 ]
	kill -KILL "$(pgrep -f "^$tools/probe stubborn")"
	wait "$host"
	host=
}

# bats test_tags=admin
@test "services are told to read their configuration again" {
	hears="\"exec\": [\"$tools/sh\", \"-c\", \"trap 'echo again \$0' HUP; echo here; while :; do sleep 0.05; done\", \"NAME\"]"
	cp "$(command -v busybox)" "$tools/sh"
	write "\"a\": { ${hears/NAME/a}, \"log\": \"ring\" }, \"b\": { ${hears/NAME/b}, \"log\": \"ring\" }, \"c\": { $waits, \"restart\": \"never\" }"
	start_host
	all_up a b c
	eventually '[ "$(ctl logs a b | grep -c here)" = 2 ]'
	ctl reload service a b
	eventually '[ "$(ctl logs a b | grep -c "again [ab]")" = 2 ]'
	ctl stop a
	run --separate-stderr -1 ctl reload service a b nobody
	[[ $stderr == *"a does not run"*"no such service: nobody"* ]]
	eventually '[ "$(ctl logs b | grep -c "again b")" = 2 ]'
	# "service" alone names none.
	run -2 ctl reload service
	run -2 ctl --dry-run reload service b
}

# ---- hosts with a TPM ----

# With an admin channel, and a service that waits.
tpm_host()
{
	tpm_manifest "\"w\": { $waits },"
	sed -i 's/"essential": true/"restart": "never"/' "$work/manifest.json"
}

up_with_tpm()
{
	start_tpm
	start_host
	eventually '[ "$(state_of w)" = up ]'
	name=$(ctl --json status | jq -r .host.principal)
}

down()
{
	ctl shutdown
	wait "$host"
	host=
	cp "$work/log" "$work/log.before"
}

@test "TPM: the keys are sealed to the new manifest, which the next boot has, and the old one opens nothing" {
	tpm_host
	up_with_tpm
	first=$name
	cp "$work/manifest.json" "$work/old"
	sed -i "s|\"w\": { |\"w\": { \"nice\": 1, |" "$work/manifest.json"
	run --separate-stderr -0 ctl reload manifest
	[ "$output" = "services.w.nice (new)" ]
	[[ $stderr == "taoctl: from the next boot on" ]]
	[ "$(ctl --json reload manifest | jq -c .)" = '{"changes":["services.w.nice (new)"],"from":"boot"}' ]
	grep -q "the keys are sealed to the manifest as it is now; reboot to put it in force" "$work/log"
	# Nothing happens before.
	[ "$(ctl reload manifest --dry-run)" = "services.w.nice (new)" ]
	down
	# Other values of PCR 15, so another name; but the keys.
	up_with_tpm
	[ "$name" != "$first" ]
	[ "${name%%.PCRs*}" = "${first%%.PCRs*}" ]
	run ! grep -q "new keys" "$work/log"
	[ "$(awk '{ print $19 }' "/proc/$(pid_of w)/stat")" = 1 ]
	down
	cp "$work/old" "$work/manifest.json"
	refused "PCR 15 (the manifest has changed: services.w.nice (taken out)"
}

@test "TPM: what was sealed before opens after; the host's part may change, but where its keys are" {
	tpm_host
	sed -i "s|\"exec\": \[\"$tools/tao\", \"name\"\]|\"exec\": [\"$tools/tao\", \"counter\", \"c\", \"7\"]|" "$work/manifest.json"
	up_with_tpm
	eventually '[ "$(state_of z)" = done ]'
	sed -i "s|\"dir\": \"$dir/tpm\"|\"dir\": \"$dir/else\"|" "$work/manifest.json"
	run --separate-stderr -1 ctl reload manifest
	[[ $stderr == *"host.root.dir would leave the keys where they are, unsealed; take that back"* ]]
	sed -i "s|\"dir\": \"$dir/else\"|\"dir\": \"$dir/tpm\"|; s|\"allow\"|\"deny\"|" "$work/manifest.json"
	run --separate-stderr -0 ctl reload manifest
	[ "$output" = host.guard.type ]
	down
	start_tpm
	start_host
	eventually 'grep -q "TrivialGuard(\"Conservative\")" "$work/log"'
	run ! grep -q "new keys" "$work/log"
	sed -i "s|\"deny\"|\"allow\"|; s|\"counter\", \"c\", \"7\"|\"counter\", \"c\"|" "$work/manifest.json"
	ctl reload manifest
	down
	up_with_tpm
	eventually 'grep -qx 7 "$work/log"'
}

@test "TPM: the worker is killed, or the TPM gone: the keys stay as they were" {
	tpm_host
	up_with_tpm
	first=$name
	cp "$work/manifest.json" "$work/old"
	sed -i "s|\"w\": { |\"w\": { \"nice\": 1, |" "$work/manifest.json"
	sum=$(sha256sum <"$dir/tpm/keys")
	kill -STOP "$swtpm_pid"
	ctl reload manifest 2>"$work/why" &
	asking=$!
	eventually 'pgrep -P "$host" -x tao-manifest >/dev/null'
	pkill -KILL -P "$host" -x tao-manifest
	status=0
	wait "$asking" || status=$?
	[ "$status" = 1 ]
	grep -q "the worker that reads it has died" "$work/why"
	kill -KILL "$swtpm_pid"
	run --separate-stderr -1 ctl reload manifest
	[[ $stderr == *"the keys could not be sealed to it: TPM: "* ]]
	[ "$(sha256sum <"$dir/tpm/keys")" = "$sum" ]
	down
	cp "$work/old" "$work/manifest.json"
	up_with_tpm
	[ "$name" = "$first" ]
}

@test "TPM: a domain's key is added to a host whose keys were sealed without one" {
	tpm_host
	up_with_tpm
	first=$name
	key=$("$tools/taopolicy" keygen "$dir/domain")
	sed -i "s|\"dir\": \"$dir/tpm\"|\"dir\": \"$dir/tpm\", \"domain_key\": \"$key\"|" "$work/manifest.json"
	run --separate-stderr -0 ctl reload manifest
	[ "$output" = "host.root.domain_key (new)" ]
	down
	up_with_tpm
	[ "${name%%.PCRs*}" = "${first%%.PCRs*}" ]
	run ! grep -q "new keys" "$work/log"
	down
}
