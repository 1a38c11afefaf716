#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# The admin channel: the tests that hold for each transport over the second one; every verb as each kind of caller; whom
# the host takes a caller for; and more clients than there are places. The tables are made from init/rpc.def and
# init/boundary.def.

load helpers

setup_file()
{
	helpers_setup_file
	pin=$("$tools/taopolicy" keygen "$BATS_FILE_TMPDIR/key")
	export pin
}

setup()
{
	helpers_setup
	# Its own, as their end is by the path of what runs.
	cp -a "$tools" "$work/tools"
	tools=$work/tools
	socket=$work/s
	version=0
}

teardown()
{
	[ -z "${hold:-}" ] || kill -KILL "$hold" 2>/dev/null || true
	helpers_teardown
}

# ---- over an inherited connection ----

over_fd() # FILE LEAST
{
	run env TAO_TRANSPORT=fd bats --tap --filter-tags admin "tests/bats/$1"
	echo "$output"
	[ "$status" -eq 0 ]
	[ "$(grep -c '^ok ' <<<"$output")" -ge "$2" ]
	run ! grep '# skip' <<<"$output"
}

@test "over an inherited connection: states, orders, the end" { over_fd pid1.bats 1; }
@test "over an inherited connection: what is waited for, tree and chart" { over_fd supervise.bats 5; }
@test "over an inherited connection: logs and signals" { over_fd logs.bats 2; }
@test "over an inherited connection: policies, records, programs that are started, and may not be" { over_fd policy.bats 7; }
@test "over an inherited connection: another manifest" { over_fd reload.bats 3; }

@test "an inherited connection: who is killed while he waits leaves nothing to the next; what is no frame ends it" {
	transport=fd
	manifest "\"a\": { \"exec\": [\"$tools/probe\", \"stubborn\"], \"stop\": { \"timeout\": \"2s\" } }"
	start_host
	says stubborn
	"$tools/pass" take "$socket" 9 "$tools/taoctl" -S fd:9 restart a 3>&- &
	hold=$!
	says 'a: restart, as uid'
	kill -KILL "$hold"
	[ "$(ctl --json status | jq -r .host.place)" = process ]
	[ "$(ctl --json status a | jq .host)" = null ]
	run "$tools/pass" take "$socket" 9 sh -c "printf 'garbage that is no frame' >&9; exec $tools/taoctl -S fd:9 status"
	[ "$status" -ne 0 ]
	says 'the inherited connection has ended'
	kill -0 "$host"
	run -3 "$tools/taoctl" -S fd:77 status
	run -3 "$tools/taoctl" -S fd:x status
}

@test "an inherited connection: what is none is named, and the host's own descriptors are nobody's" {
	manifest ''
	for fd in 6 7 8; do sed -i "s|\"admin\": \[|&{ \"fd\": $fd, \"as\": 0 },|" "$work/manifest.json"; done
	start_host 6>&- 7>&- 8</dev/null
	says 'admin channel 6: Bad file descriptor'
	says 'admin channel 7: Bad file descriptor'
	says 'admin channel 8: Not a socket'
	ctl status
}

@test "silence and half a request end a client of the socket; an inherited connection may be silent" {
	manifest ''
	sed -i "s|\"admin\": \[|&{ \"fd\": 5, \"as\": 0 },|" "$work/manifest.json"
	start_host "$tools/pass" pair "$work/pair" 5
	over_pair() { timeout 60 "$tools/pass" take "$work/pair" 9 "$tools/taoctl" -S fd:9 "$@"; }
	over_pair status
	ctl status
	# Each ends with the host's closing.
	for what in silence half; do
		python3 tests/helpers/crowd.py "$socket" 1 "$what" end 3>&- >"$work/$what" &
	done
	eventually 'grep -q there "$work/silence" && grep -q there "$work/half"'
	eventually 'grep -q end "$work/silence" && grep -q end "$work/half"'
	over_pair status
	# … but not in the midst of a request.
	"$tools/pass" take "$work/pair" 9 sh -c 'printf "\\0\\0" >&9'
	says 'the inherited connection has ended'
	ctl status
}

# ---- every verb, every caller ----

# A policy with the rules of standard input.
policy()
{
	version=$((version + 1))
	{
		printf '%s\n' 'tao-policy: 1' 'domain: test' "version: $version" 'valid-from: 2020-01-01T00:00:00Z' \
			'valid-until: 2045-01-01T00:00:00Z' 'guard: datalog' ''
		cat
	} >"$work/policy.new"
	"$tools/taopolicy" sign --key "$BATS_FILE_TMPDIR/key" --output "$work/policy.signed" "$work/policy.new"
	mv "$work/policy.signed" "$work/policy"
}

# A host whose admin channel is the transport's: on the socket for group 4321, by the connection as somebody. Sets $name
# and $uid, of the service s.
guarded_host() # AS-JSON
{
	local admin="{ \"unix\": \"$socket\", \"group\": 4321 }"
	[ "$transport" != fd ] || admin="{ \"fd\": 5, $1 }"
	cat >"$work/manifest.json" <<-EOF
		{ "version": 1,
		  "host": { "root": { "type": "soft", "file": "$work/keys/keys" }, "max_programs": 2,
		            "guard": { "type": "datalog", "file": "$work/policy", "key": "$pin" }, "admin": [ $admin ] },
		  "services": { "s": { "exec": ["$tools/probe", "wait"], "log": "ring" } } }
	EOF
	start_host
	says 's: '
	[ "$transport" = fd ] || chmod 666 "$socket"
}

# What only a first start tells: the host's name, and the service's uid.
first_host()
{
	echo "Authorized(key([00]), \"Execute\")" | policy
	local was=$transport
	transport=unix
	guarded_host
	name=$(ctl --json status | jq -r .host.principal)
	uid=$(ctl --json status s | jq .services[0].uid)
	program="$name.DatalogGuard(key([$pin])).Program([$(sha256sum "$tools/probe" | cut -d' ' -f1)])"
	ctl shutdown
	wait "$host"
	host=
	transport=$was
}

verbs()
{
	sed -n 's/^VERB(\([A-Za-z]*\), *\(OWNER\|GROUP\|NOBODY\),.*/\1 \2/p' init/boundary.def
}

# Each method: its op, its verb, and what that is without a rule.
rows()
{
	sed -n 's/^RPC(\(INIT\|HOST\), "\([A-Za-z]*\)", \([A-Za-z]*\),.*/\1 \2 \3/p' init/rpc.def | while read -r service op verb; do
		kind=$(verbs | sed -n "s/^$verb //p")
		[ "$service" = INIT ] && echo "TaoInit.$op $verb $kind" || echo "LinuxHost.$op $verb $kind"
	done
}

# What each is asked with, so that nothing ends what the next one needs.
words_for() # OP
{
	case $1 in
		TaoInit.Start | TaoInit.Stop | TaoInit.Restart | TaoInit.Logs | TaoInit.Status) echo 1=s ;;
		TaoInit.Signal) echo 1=s 2=CONT ;;
		TaoInit.Wait) echo 1=s 2=up '#13=1' ;;
		TaoInit.Events) echo '#13=1' ;;
		TaoInit.Shutdown) echo 2=nowhere ;;
		LinuxHost.StartHostedProgram) echo "path=$tools/probe" args=wait ;;
		LinuxHost.StopHostedProgram | LinuxHost.KillHostedProgram) echo subprin=00 ;;
		LinuxHost.WaitHostedProgram) echo pid=1 ;;
	esac
}

# Asks all methods, the host's end last; what is refused must be exactly what is not of the kinds.
asks_all() # KINDS [UID:GID]
{
	local kinds=$1 refused=0 op verb kind words
	while read -r op verb kind; do
		read -ra words <<<"$(words_for "$op")"
		[ -z "${2:-}" ] || [ "$transport" = fd ] || words+=("as=$2")
		run host_op "$op" "${words[@]}"
		if [[ " $kinds " == *" $kind "* ]]; then
			[[ $output != *"not authorized"* && $output != *Traceback* ]] || { echo "$op is refused: $output"; return 1; }
		else
			[[ $output == "error: not authorized: "* ]] || { echo "$op is not refused: $output"; return 1; }
			refused=$((refused + 1))
		fi
	done < <(rows)
	if [[ " $kinds " == *" OWNER "* ]]; then
		wait "$host"
		host=
	else
		kill -0 "$host"
	fi
	echo "$refused refused"
}

# What is built in …
every_verb()
{
	[ "$(id -u)" -eq 0 ] || skip "needs root"
	[ "$(rows | grep -c .)" -ge 18 ]
	run ! grep -vE ' (OWNER|GROUP|NOBODY)$' < <(rows)
	first_host
	execute="Authorized($program, \"Execute\")"
	echo "$execute" | policy
	guarded_host '"as": 0'
	asks_all 'OWNER GROUP'
	guarded_host '"as": 1234, "group": 4321'
	asks_all GROUP 1234:4321
	helpers_teardown
	guarded_host '"as": 1234'
	asks_all '' 1234:1234
}

# … and what a policy gives.
every_rule()
{
	[ "$(id -u)" -eq 0 ] || skip "needs root"
	first_host
	execute="Authorized($program, \"Execute\")"
	{ echo "$execute"; verbs | sed "s/\([A-Za-z]*\) .*/Authorized($name.Unix(1234, 1234), \"\1\")/"; } | policy
	guarded_host '"as": 1234'
	asks_all 'OWNER GROUP NOBODY' 1234:1234
	# The service s, known by its uid, is not the host's user of that number, but one of its own name.
	{ echo "$execute"; verbs | sed "s/\([A-Za-z]*\) .*/Authorized($name.Unix($uid, 4321), \"\1\")/"; } | policy
	guarded_host "\"as\": $uid, \"group\": 4321"
	asks_all '' "$uid:4321"
	helpers_teardown
	{ echo "$execute"; verbs | sed "s/\([A-Za-z]*\) .*/Authorized($program.Unix($uid, 4321), \"\1\")/"; } | policy
	guarded_host "\"as\": $uid, \"group\": 4321"
	asks_all 'OWNER GROUP NOBODY' "$uid:4321"
}

@test "every verb as root, as the socket's group, as somebody else" { every_verb; }
@test "every verb as whom the policy lets, and as a service" { every_rule; }

@test "every verb by an inherited connection, as root, as somebody in the group, as somebody else" {
	transport=fd
	every_verb
}

@test "every verb by an inherited connection, as whom the policy lets, and as a service" {
	transport=fd
	every_rule
}

@test "a service's own channel has no admin verb" {
	hex() { printf '%s' "$1" | od -An -v -tx1 | tr -d ' \n'; }
	frames=
	while read -r op _; do
		header=0a$(printf %02x ${#op})$(hex "$op")1007
		frames+=$(printf '%08x%s00000000' $((${#header} / 2)) "$header")
	done < <(rows)
	manifest "\"s\": { \"exec\": [\"$tools/probe\", \"raw\", \"$frames\", \"300\"], \"type\": \"oneshot\", \"privileged\": true, \"user\": \"root\" }"
	start_host
	eventually '[ "$(state_of s)" = done ]'
	sed 's/^bytes //' "$work/log" | tr -d '\n' >"$work/flat"
	while read -r op _; do
		grep -qF "$(hex "rpc: can't find service $op")" "$work/flat"
	done < <(rows)
	kill -0 "$host"
}

# ---- who is who ----

@test "a connection is whose it was when it was made, whoever has it now; who was gone is nobody" {
	[ "$(id -u)" -eq 0 ] || skip "needs root"
	manifest "\"s\": { \"exec\": [\"$tools/probe\", \"wait\"] }"
	start_host
	eventually '[ "$(state_of s)" = up ]'
	chmod 666 "$socket"
	run -0 host_op TaoInit.Stop from=0:0 as=1234:1234 1=s
	[ "$(state_of s)" = down ]
	run -1 host_op TaoInit.Start from=1234:1234 1=s
	[[ $output == "error: not authorized: Start ("* ]]
	[ "$(state_of s)" = down ]
	grep -q '^0::/' /proc/self/cgroup && [ -d "/sys/fs/cgroup/unified/tao-$host" ] || skip "no cgroup2"
	run -1 host_op TaoInit.Start gone="$host" from=0:0 1=s
	[ "$output" = "error: not authorized: Start (it is not known who asks)" ]
}

# In a user namespace with root and some more ids, which somebody outside maps.
in_user_namespace() # COMMAND…
{
	local me=$BASHPID ours
	ours=$(readlink /proc/self/ns/user)
	{
		until [ "$(readlink "/proc/$me/ns/user")" != "$ours" ]; do sleep 0.05; done
		for map in gid_map uid_map; do env printf '0 0 1\n100000 100000 1000\n' >"/proc/$me/$map"; done
	} &
	# shellcheck disable=SC2016 # the inner shell's
	exec unshare --user sh -c 'until read -r _ </proc/self/uid_map; do sleep 0.05; done; exec "$@"' sh "$@"
}

@test "ids that the host's user namespace does not map are nobody" {
	[ "$(id -u)" -eq 0 ] || skip "needs root"
	unshare --user true || skip "no user namespaces"
	manifest "\"s\": { \"exec\": [\"$tools/probe\", \"wait\"] }"
	start_host in_user_namespace
	eventually '[ "$(state_of s)" = up ]'
	chmod 666 "$socket"
	for who in 1234:1234 65534:65534 1234:0 100001:1234; do
		run -1 host_op TaoInit.Status as=$who
		[ "$output" = "error: not authorized: Status (it is not known who asks)" ]
	done
	run -1 host_op TaoInit.Status as=100001:100001
	[ "$output" = "error: not authorized: Status (no rule allows it, and nothing built in)" ]
}

@test "a service that runs as an admin's user is the service" {
	[ "$(id -u)" -eq 0 ] || skip "needs root"
	first_host
	grep -q '^0::/' /proc/self/cgroup || skip "no cgroup2"
	service="$name.DatalogGuard(key([$pin])).Program([$(sha256sum "$tools/taoctl" | cut -d' ' -f1)])"
	printf '%s\n' "Authorized($program, \"Execute\")" "Authorized($service, \"Execute\")" \
		"Authorized($name.Unix(1234, 1234), \"Stop\")" | policy
	guarded_host
	helpers_teardown
	sed -i "s|\"services\": {|&\"t\": { \"exec\": [\"$tools/taoctl\", \"-S\", \"$socket\", \"stop\", \"s\"], \"user\": 1234, \"type\": \"oneshot\", \"restart\": \"never\" },|" "$work/manifest.json"
	start_host
	eventually '[ "$(state_of s)" = up ]'
	chmod 666 "$socket"
	eventually '[ "$(state_of t)" = failed ]'
	run ! grep 'not authorized' "$work/log"
	ctl restart t || true
	eventually '[ "$(state_of t)" = failed ]'
	grep -q 'not authorized: Stop' "$work/log"
	[ "$(state_of s)" = up ]
	# The admin himself.
	run -0 host_op TaoInit.Stop as=1234:1234 1=s
	[ "$(state_of s)" = down ]
}

# ---- many ----

# N clients that connect and do as they are told, until they are killed: silence, half, garbage, deaf. Prints "there" when
# all have connected.
crowd() # N WHAT [UID:GID]
{
	python3 tests/helpers/crowd.py "$socket" "$@" >"$work/crowd" 3>&- &
	hold=$!
	eventually 'grep -q there "$work/crowd"'
}

many() # WHAT
{
	manifest "\"s\": { \"exec\": [\"$tools/probe\", \"wait\"] }, \"n\": { \"exec\": [\"$tools/tao\", \"name\"], \"type\": \"oneshot\" }"
	start_host
	eventually '[ "$(state_of s)" = up ] && [ "$(state_of n)" = done ]'
	fds=$(find "/proc/$host/fd" | wc -l)
	crowd 1000 "$1"
	[ "$(state_of s)" = up ]
	ctl restart s
	ctl restart n
	[ "$(grep -c '^key(' "$work/log")" -eq 2 ]
	[ "$(find "/proc/$host/fd" | wc -l)" -le $((fds + 80)) ]
	kill -KILL "$hold"
	eventually '[ "$(find "/proc/$host/fd" | wc -l)" -le '$((fds + 4))' ]'
	[ "$(state_of s)" = up ]
}

@test "a thousand clients that say nothing" { many silence; }
@test "a thousand clients that send half a request" { many half; }
@test "a thousand clients that send garbage" { many garbage; }
@test "a thousand clients that ask and do not read" { many deaf; }

@test "those who wait for an answer keep their places, but others' waits do not shut the owner out" {
	[ "$(id -u)" -eq 0 ] || skip "needs root"
	first_host
	printf '%s\n' "Authorized($program, \"Execute\")" "Authorized($name.Unix(1234, 1234), \"Stop\")" | policy
	guarded_host
	helpers_teardown
	# It does not stop.
	sed -i 's|"wait"\]|"stubborn"], "stop": { "timeout": "200s" }|' "$work/manifest.json"
	start_host
	eventually '[ "$(state_of s)" = up ]'
	chmod 666 "$socket"
	ctl stop s 3>&- &
	waiter=$!
	crowd 100 waits 1234:1234
	[ "$(state_of s)" = stopping ]
	kill -0 "$waiter"
	# Whom there is no place for is told so at once.
	python3 tests/helpers/crowd.py "$socket" 1 waits 1234:1234 end >"$work/last"
	grep -q end "$work/last"
	kill -KILL "$(pid_of s)"
	wait "$waiter"
}
