#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# Decisions at the boundary, with signed policies: what a denial leaves undone, verb by verb (the tests are made from
# init/boundary.def), what a new policy does to those who run, and what a bad one does not.

load helpers

setup_file()
{
	helpers_setup_file
	musl-gcc -static -Os -Iclient -o "$tools/one" tests/helpers/sealer.c client/tao.c
	musl-gcc -static -Os -DOTHER -Iclient -o "$tools/other" tests/helpers/sealer.c client/tao.c
	chmod 755 "$tools"/*
	pin=$("$tools/taopolicy" keygen "$BATS_FILE_TMPDIR/key")
	export pin
}

setup()
{
	helpers_setup
	# Its own, as their end is by the path of what runs.
	cp -a "$tools" "$work/tools"
	tools=$work/tools
	key=$BATS_FILE_TMPDIR/key
	version=0
	host_name=
	# The host's keys, and so its name, before there is a policy about it.
	manifest '' allow
	start_host
	eventually '[ "$(ctl --json status | jq -r .host.principal)" != null ]'
	host_name=$(ctl --json status | jq -r .host.principal)
	guarded="$host_name.DatalogGuard(key([$pin]))"
	ctl shutdown
	wait "$host"
	host=
}

teardown()
{
	helpers_teardown
}

hash_of() # PROGRAM
{
	sha256sum "$tools/$1" | cut -d' ' -f1
}

program() # PROGRAM: its name
{
	echo "$guarded.Program([$(hash_of "$1")])"
}

# The next version of the policy, signed, with the rules of $work/rules. $until, $signer, $kind, $number.
policy()
{
	version=$((${number:-version + 1}))
	{
		printf '%s\n' 'tao-policy: 1' 'domain: test' "version: $version" 'valid-from: 2020-01-01T00:00:00Z' \
			"valid-until: ${until:-2045-01-01T00:00:00Z}" "guard: ${kind:-datalog}" ''
		cat "$work/rules"
	} >"$work/policy.new"
	"$tools/taopolicy" sign --key "${signer:-$key}" --output "$work/policy.signed" "$work/policy.new"
	mv "$work/policy.signed" "$work/policy"
}

# A host under a policy. $strict, $on_change.
guard_manifest() # SERVICES [HOST-JSON]
{
	cat >"$work/manifest.json" <<-EOF
		{ "version": 1,
		  "host": { "root": { "type": "soft", "file": "$work/keys/keys" },
		            "guard": { "type": "${kind:-datalog}", "file": "$work/policy", "key": "$pin", "strict": ${strict:-false} },
		            "admin": [ $(admin_json) ]${2:+, $2} },
		  "services": { $1 } }
	EOF
}

executes() # PROGRAM…: rules
{
	for p in "$@"; do echo "Authorized($(program "$p"), \"Execute\")"; done
}

# By signal: nobody can be denied it who may send one.
reload()
{
	kill -HUP "$host"
	says "policy of test, version $version, is in force"
}

# What each method of the Tao is called by, as the helper's words.
words_of() # VERB
{
	case $1 in
		GetTaoName) echo name ;;
		ExtendTaoName) echo extend X ;;
		GetRandomBytes) echo random ;;
		GetSharedSecret) echo secret any ;;
		Attest) echo attest ;;
		Seal) echo seal any it ;;
		Unseal) echo "unseal $work/plain" ;;
		InitCounter) echo init "new-$version" 5 ;;
		GetCounter) echo get kept ;;
		RollbackProtectedSeal) echo pseal used any it ;;
		RollbackProtectedUnseal) echo "punseal $work/protected" ;;
		*) false ;;
	esac
}

methods()
{
	sed -n 's/^VERB(\([A-Za-z]*\), *METHOD,.*/\1/p' init/boundary.def
}

@test "with a Deny for each method in turn exactly that one fails, and nothing of it is done" {
	mkdir "$work/out"
	executes one probe >"$work/rules"; policy
	# What is there before: sealed data, and counters.
	guard_manifest "\"s\": { \"exec\": [\"$tools/one\", \"init\", \"kept\", \"5\", \"init\", \"used\", \"5\",
		\"seal\", \"any\", \"plain text\", \"pseal\", \"kept\", \"any\", \"kept text\"], \"type\": \"oneshot\", \"essential\": true }"
	run_host
	[ "$status" -eq 0 ]
	sed -n 's/^one seal \([0-9a-f]*\)$/\1/p' "$work/log" >"$work/plain"
	sed -n 's/^one pseal \([0-9a-f]*\)$/\1/p' "$work/log" >"$work/protected"
	[ -s "$work/plain" ] && [ -s "$work/protected" ]
	n=0 used=5
	for denied in $(methods); do
		n=$((n + 1))
		{
			executes one
			echo "(forall P: Authorized(P, \"Execute\") implies Deny(P, \"$denied\"))"
			# A name that is longer than the program's is asked about, too.
			echo "Deny($(program one).X(), \"$denied\")"
		} >"$work/rules"; policy
		args=
		# The name is made longer last: the rules are about the one that it has.
		for verb in $(methods | grep -vx ExtendTaoName) ExtendTaoName; do
			words=$(words_of "$verb")
			for w in $words; do args+=", \"$w\""; done
		done
		guard_manifest "\"s\": { \"exec\": [\"$tools/one\"$args], \"type\": \"oneshot\", \"essential\": true }"
		run_host
		[ "$status" -eq 0 ] || { echo "status $status"; cat "$work/log"; false; }
		for verb in $(methods); do
			word=$(words_of "$verb" | cut -d' ' -f1)
			if [ "$verb" = "$denied" ]; then
				grep -qx "one $word refused: not authorized: $verb" "$work/log"
			else
				grep -q "^one $word" "$work/log"
				run ! grep "^one $word refused" "$work/log"
			fi
		done
		grep -q "s: $denied is denied (Deny" "$work/log"
		# Nothing else was refused, and nothing of it was done.
		[ "$(grep -c ' refused: ' "$work/log")" -eq 1 ]
		[ "$denied" = RollbackProtectedSeal ] || used=$((used + 1))
		made=$version
		executes one >"$work/rules"; policy
		guard_manifest "\"s\": { \"exec\": [\"$tools/one\", \"get\", \"used\", \"get\", \"new-$made\"], \"type\": \"oneshot\", \"essential\": true }"
		run_host
		grep -qx "one counter $used" "$work/log"
		if [ "$denied" = InitCounter ]; then
			grep -qx "one get refused: No such counter" "$work/log"
		else
			grep -qx "one counter 5" "$work/log"
		fi
	done
	[ "$n" -ge 11 ]
}

@test "without Execute no process is born, and a policy that is put right mends it" {
	mkdir -m 777 "$work/open"
	guard_manifest "\"s\": { \"exec\": [\"$tools/probe\", \"touch\", \"$work/open/touched\"], \"type\": \"oneshot\" }"
	executes one >"$work/rules"; policy
	start_host
	eventually '[ "$(state_of s)" = failed ]'
	[ ! -e "$work/open/touched" ]
	grep -q "the policy refuses to run it (no rule allows it)" <(ctl status s)
	run -0 ctl explain s Execute
	[[ ${lines[0]} == "denied: no rule allows it" ]]
	{ executes one probe; echo "Deny($(program probe), \"Execute\")"; } >"$work/rules"; policy
	reload
	eventually '[ "$(state_of s)" = failed ]'
	executes one probe >"$work/rules"; policy
	reload
	eventually '[ "$(state_of s)" = done ]'
	[ -e "$work/open/touched" ]
}

# Each admin verb as taoctl asks for it.
admin_words()
{
	case $1 in
		Start) echo start s ;;
		Stop) echo stop s ;;
		Status) echo status s ;;
		Reload) echo reload ;;
		Audit) echo audit ;;
		Events) echo events --timeout 50ms ;;
		Manifest) echo reload manifest --dry-run ;;
		Logs) echo logs s ;;
		Signal) echo signal s CONT ;;
		EventLog) echo eventlog ;;
		StartProgram) echo "StartHostedProgram path=$tools/probe args=exit args=0" ;;
		Shutdown) echo shutdown ;;
		*) false ;;
	esac
}

# bats test_tags=admin
@test "with a Deny for each admin verb in turn exactly that one fails for root" {
	verbs=$(sed -n 's/^VERB(\([A-Za-z]*\), *\(OWNER\|GROUP\|NOBODY\),.*/\1/p' init/boundary.def)
	guard_manifest "\"s\": { \"exec\": [\"$tools/probe\", \"wait\"], \"log\": \"ring\" }" '"max_programs": 1'
	executes probe >"$work/rules"; policy
	start_host
	eventually '[ "$(state_of s)" = up ]'
	pid=$(pid_of s)
	for denied in $verbs; do
		{ executes probe; echo "Authorized($host_name.Unix(0, 0), \"StartProgram\")"
			echo "Deny($host_name.Unix(0, 0), \"$denied\")"; } >"$work/rules"; policy
		reload
		for verb in $verbs; do
			# These end what the others need, or have nothing to give here.
			[[ $verb != @(Stop|Shutdown|EventLog) ]] || [ "$verb" = "$denied" ] || continue
			words=$(admin_words "$verb") asks=ctl
			[ "$verb" != StartProgram ] || asks=host_op
			started=$(grep -c '@1: .* asks$' "$work/log" || true)
			if [ "$verb" = "$denied" ]; then
				# shellcheck disable=SC2086 # words
				run -1 $asks $words
				[[ $output == *": not authorized: $verb (Deny on line "* ]]
				[ "$verb" != StartProgram ] || [ "$(grep -c '@1: .* asks$' "$work/log")" = "$started" ]
			else
				# For a moment after it was killed it does not run.
				# shellcheck disable=SC2086 # words
				$asks $words || eventually "$asks $words"
			fi
		done
	done
	# It was never stopped.
	executes probe >"$work/rules"; policy
	reload
	[ "$(pid_of s)" = "$pid" ]
	# A restart is a stop.
	{ executes probe; echo "Deny($host_name.Unix(0, 0), \"Stop\", \"s\")"; } >"$work/rules"; policy
	reload
	run --separate-stderr -1 ctl restart s
	[[ $stderr == *"not authorized: Stop"* ]]
	[ "$(pid_of s)" = "$pid" ]
}

@test "policies of Execute only: every method follows from it, unless strict, unless a rule names the method" {
	guard_manifest "\"s\": { \"exec\": [\"$tools/one\", \"secret\", \"self\", \"seal\", \"self\", \"x\", \"seal\", \"any\", \"x\"],
		\"type\": \"oneshot\", \"essential\": true }"
	executes one >"$work/rules"; policy
	run_host
	run ! grep refused "$work/log"
	grep -q '^one secret [0-9a-f]' "$work/log"
	# Named for somebody else, it is a method that must be allowed.
	{ executes one; echo "Authorized($(program other), \"Seal\")"; } >"$work/rules"; policy
	run_host
	[ "$(grep -c '^one seal refused: not authorized: Seal' "$work/log")" -eq 2 ]
	grep -q '^one secret [0-9a-f]' "$work/log"
	# With arguments it is about those alone; without, about all.
	{ executes one; echo "Authorized($(program one), \"Seal\", \"self\")"; } >"$work/rules"; policy
	run_host
	[ "$(grep -c '^one seal refused' "$work/log")" -eq 1 ]
	{ executes one; echo "Authorized($(program one), \"Seal\")"; } >"$work/rules"; policy
	run_host
	run ! grep refused "$work/log"
	{ executes one; echo "Authorized($(program one), \"Seal\")"; echo "Deny($(program one), \"Seal\", \"any\")"; } >"$work/rules"; policy
	run_host
	[ "$(grep -c '^one seal refused' "$work/log")" -eq 1 ]
	strict=true
	guard_manifest "\"s\": { \"exec\": [\"$tools/one\", \"secret\", \"self\", \"seal\", \"self\", \"x\"],
		\"type\": \"oneshot\", \"essential\": true }"
	executes one >"$work/rules"; policy
	run_host
	grep -qx 'one secret refused: not authorized: GetSharedSecret' "$work/log"
	grep -qx 'one seal refused: not authorized: Seal' "$work/log"
}

@test "an access control list" {
	kind=acl
	guard_manifest "\"s\": { \"exec\": [\"$tools/one\", \"name\"], \"type\": \"oneshot\", \"essential\": true }"
	guarded="$host_name.ACLGuard(key([$pin]))"
	executes one >"$work/rules"; policy
	run_host
	[ "$status" -eq 0 ]
	grep -qx 'one name ' "$work/log"
	executes other >"$work/rules"; policy
	run_host
	[ "$status" -ne 0 ]
}

# bats test_tags=admin
@test "retracted permissions fail from the next request on" {
	local again=
	for _ in $(seq 300); do again+=", \"seal\", \"self\", \"x\""; done
	guard_manifest "\"s\": { \"exec\": [\"$tools/one\", \"seal\", \"self\", \"x\", \"await\", \"$work/go\"$again, \"wait\"] }"
	executes one >"$work/rules"; policy
	start_host
	eventually 'grep -q "^one seal [0-9a-f]" "$work/log"'
	# While requests are in flight: once one has failed, none succeeds.
	{ executes one; echo "Deny($(program one), \"Seal\")"; } >"$work/rules"
	policy
	touch "$work/go"
	reload
	says waiting
	run -0 grep -E '^one seal' "$work/log"
	[ "$(grep -c 'one seal refused: not authorized: Seal' <<<"$output")" -ge 0 ]
	[ -z "$(sed -n "/refused/,\$p" <<<"$output" | grep -v refused)" ]
	ctl restart s
	eventually '[ "$(grep -c "not authorized: Seal" "$work/log")" -ge 1 ]'
	[ "$(state_of s)" = up ]
}

@test "questions that cost all that they may keep nobody from being heard" {
	executes one >"$work/rules"
	for i in $(seq 300); do echo "N($i)"; done >>"$work/rules"
	echo "(forall P: forall E: forall A: forall B: forall C: forall D: Subprin(P, $guarded, E) and N(A) and N(B)" \
		'and N(C) and N(D) and not N(D) implies Authorized(P, "GetRandomBytes"))' >>"$work/rules"
	policy
	asks='' floods=''
	for _ in $(seq 50); do asks+=', "random"'; done
	for i in 1 2 3 4; do floods+="\"flood$i\": { \"exec\": [\"$tools/one\", \"flood\"] },"; done
	guard_manifest "$floods \"s\": { \"exec\": [\"$tools/one\", \"await\", \"$work/go\"$asks], \"type\": \"oneshot\" }"
	start_host
	for i in 1 2 3 4; do eventually "grep -q 'flood$i: GetRandomBytes is denied (.*budget' '$work/log'"; done
	touch "$work/go"
	eventually '[ "$(state_of s)" = done ]'
	[ "$(grep -c '^one random refused: not authorized: GetRandomBytes' "$work/log")" -ge 50 ]
	for i in 1 2 3 4; do [ "$(state_of flood$i)" = up ]; done
	# However often they ask, the log tells it once.
	[ "$(grep -c 'GetRandomBytes is denied' "$work/log")" -eq 5 ]
}

@test "retracting Execute stops who runs, or keeps it, as its entry says" {
	guard_manifest "\"stops\": { \"exec\": [\"$tools/probe\", \"wait\"] },
		\"keeps\": { \"exec\": [\"$tools/one\", \"await\", \"$work/go\", \"seal\", \"self\", \"x\", \"wait\"], \"on_policy_change\": \"keep\" },
		\"needs\": { \"exec\": [\"$tools/other\", \"wait\"], \"requires\": [\"stops\"] },
		\"allowed\": { \"exec\": [\"$tools/other\", \"wait\"] }"
	executes probe one other >"$work/rules"; policy
	start_host
	for s in stops keeps needs allowed; do eventually "[ \$(state_of $s) = up ]"; done
	pid=$(pid_of keeps) other=$(pid_of allowed)
	executes other >"$work/rules"; policy
	reload
	eventually '[ "$(state_of stops)" = down ] && [ "$(state_of needs)" = down ]'
	[[ $(ctl status needs) == *"the policy does not let it run, or what it requires"* ]]
	says 'keeps: the policy would not start it any more'
	[ "$(pid_of keeps)" = "$pid" ]
	[ "$(pid_of allowed)" = "$other" ]
	# It has nothing of its host any more.
	touch "$work/go"
	says 'one seal refused: not authorized: Seal'
	# Permitted again, it comes back, with what requires it.
	executes probe other >"$work/rules"; policy
	reload
	eventually '[ "$(state_of stops)" = up ] && [ "$(state_of needs)" = up ]'
	# What is stopped by hand meanwhile does not, nor what was stopped with it.
	executes other >"$work/rules"; policy
	reload
	eventually '[ "$(state_of stops)" = down ] && [ "$(state_of needs)" = down ]'
	ctl stop stops
	executes probe other >"$work/rules"; policy
	reload
	[ "$(state_of stops)" = down ] && [ "$(state_of needs)" = down ]
	# What was refused from the beginning takes up what waits for it, too.
	ctl shutdown
	wait "$host"
	executes other >"$work/rules"; policy
	start_host
	eventually '[ "$(state_of stops)" = failed ] && [ "$(state_of needs)" = down ]'
	executes probe other >"$work/rules"; policy
	reload
	eventually '[ "$(state_of needs)" = up ]'
}

# bats test_tags=admin
@test "a bad policy leaves the old one in force, and says what is wrong and what to do" {
	guard_manifest "\"s\": { \"exec\": [\"$tools/probe\", \"wait\"] }"
	executes probe >"$work/rules"; policy
	start_host
	eventually '[ "$(state_of s)" = up ]'
	pid=$(pid_of s)
	refused() # TEXT
	{
		run --separate-stderr -1 ctl reload
		[[ $stderr == "taoctl: $work/policy: "*"$1"*"; the old policy stays in force" ]]
		[ "$(pid_of s)" = "$pid" ]
		run -0 ctl explain s Execute
		[[ $output == "allowed: Authorized on line 8"* ]]
	}
	cp "$work/policy" "$work/good"
	executes one >"$work/rules"; policy
	sed -i 's/^domain: test$/domain: Test/' "$work/policy"
	refused "the signature does not verify"
	sed -i '/^signature/d' "$work/policy"
	refused "line "
	"$tools/taopolicy" keygen "$work/other-key"
	executes one >"$work/rules"; signer=$work/other-key policy
	refused "signed by another key"
	executes one >"$work/rules"; until=2021-01-01T00:00:00Z policy
	refused "not valid any more"
	executes probe >"$work/rules"
	number=8 policy
	reload
	executes one >"$work/rules"; number=7 policy
	refused "an older version than the one that was in force, 8"
	version=8
	executes one >"$work/rules"; kind=acl policy
	refused "the policy is for the guard acl"
	rm "$work/policy"
	refused "No such file"
	mkdir "$work/policy"
	refused "no regular file"
	rmdir "$work/policy"
	mkfifo "$work/policy"
	refused "no regular file"
	rm "$work/policy"
	head -c 2000000 /dev/zero >"$work/policy"
	refused "longer than a policy may be"
	: >"$work/policy"
	refused "ends within a line"
}

@test "without a good policy at boot nothing runs, and a reload mends it" {
	guard_manifest "\"s\": { \"exec\": [\"$tools/probe\", \"wait\"] }"
	start_host
	says "$work/policy: No such file or directory; put a signed policy there, then taoctl reload"
	[ "$(state_of s)" = down ]
	grep -qF "$work/policy: No such file" <(ctl status)
	run --separate-stderr -1 ctl reload
	executes probe >"$work/rules"; policy
	ctl reload
	eventually '[ "$(state_of s)" = up ]'
	[[ $(ctl status) != *problem* ]]
}

@test "taoinit -n reads the policy, and says what it would not let run" {
	checks() # STATUS
	{
		run --separate-stderr "-$1" "$tools/taoinit" -n "$work/manifest.json"
	}
	guard_manifest "\"s\": { \"exec\": [\"$tools/probe\", \"wait\"] }, \"t\": { \"exec\": [\"$tools/one\"] }"
	checks 0
	[[ $stderr == *"warning: $work/manifest.json: host.guard.file: $work/policy: No such file or directory; nothing runs until"* ]]
	executes probe >"$work/rules"; policy
	checks 0
	[ "$stderr" = "warning: $work/manifest.json: services.t: the policy does not let it run (no rule allows it)" ]
	executes probe one >"$work/rules"; policy
	checks 0
	[ -z "$stderr" ]
	sed -i 's/^domain: test$/domain: Test/' "$work/policy"
	checks 78
	[[ $stderr == "$work/manifest.json: host.guard.file: $work/policy: line "*": the signature does not verify"*"; sign it with the key that host.guard.key names"* ]]
	"$tools/taopolicy" keygen "$work/other-key"
	signer=$work/other-key policy
	checks 78
	[[ $stderr == *"signed by another key than the one that is trusted"* ]]
	until=2021-01-01T00:00:00Z policy
	checks 78
	[[ $stderr == *"not valid any more"* ]]
	kind=acl policy
	checks 78
	[[ $stderr == *"the policy is for the guard acl"* ]]
	# Before the first boot the host has no name.
	policy
	rm "$work/keys/keys"
	checks 0
	[[ $stderr == "note: "*"the name that this host will have is not known here"* ]]
	[ ! -e "$work/keys/keys" ]
}

# bats test_tags=admin
@test "reload without a policy says so" {
	manifest '' allow
	start_host
	run --separate-stderr -1 ctl reload
	[[ $stderr == *"the guard of this host has no policy"* ]]
}

@test "rule: seals open for whom the policy names" {
	guard_manifest "\"s\": { \"exec\": [\"$tools/one\", \"seal\", \"rule:settings\", \"mine\", \"secret\", \"rule:settings\", \"seal\", \"rule:\", \"x\"], \"type\": \"oneshot\", \"essential\": true }"
	executes one other >"$work/rules"; policy
	run_host
	sed -n 's/^one seal \([0-9a-f]*\)$/\1/p' "$work/log" >"$work/blob"
	[ -s "$work/blob" ]
	grep -qx 'one secret refused: policy not supported for GetSharedSecret: rule:settings' "$work/log"
	grep -qx 'one seal refused: policy not supported for Seal: rule:' "$work/log"
	asks() # PROGRAM: what it gets
	{
		guard_manifest "\"s\": { \"exec\": [\"$tools/$1\", \"unseal\", \"$work/blob\"], \"type\": \"oneshot\", \"essential\": true }"
		run_host
		grep "^$1 unseal" "$work/log"
	}
	# Not even its sealer, unless it is said.
	[ "$(asks one)" = "one unseal refused: principal not authorized for unseal" ]
	{ executes one other; echo "Authorized($(program other), \"Open\", \"settings\", $(program one))"; } >"$work/rules"; policy
	[ "$(asks other)" = "other unseal mine" ]
	[ "$(asks one)" = "one unseal refused: principal not authorized for unseal" ]
	{ executes one other; echo "Authorized($(program other), \"Open\", \"others\", $(program one))"
		echo "Authorized($(program one), \"Open\", \"settings\", $(program other))"; } >"$work/rules"; policy
	[ "$(asks other)" = "other unseal refused: principal not authorized for unseal" ]
	[ "$(asks one)" = "one unseal refused: principal not authorized for unseal" ]
}

@test "admin clients are principals: what the built-in gives, and what a rule gives and takes" {
	[ "$(id -u)" -eq 0 ] || skip "needs root"
	# Where every uid can reach it.
	socket=$work/s
	executes probe >"$work/rules"; policy
	cat >"$work/manifest.json" <<-EOF
		{ "version": 1,
		  "host": { "root": { "type": "soft", "file": "$work/keys/keys" },
		            "guard": { "type": "datalog", "file": "$work/policy", "key": "$pin" },
		            "admin": [ { "unix": "$socket", "group": 4321 } ] },
		  "services": { "s": { "exec": ["$tools/probe", "wait"] } } }
	EOF
	start_host
	eventually '[ "$(state_of s)" = up ]'
	[ "$(stat -c '%a %g' "$socket")" = "660 4321" ]
	as() # UID GID [--groups G] WORDS
	{
		setpriv --reuid "$1" --regid "$2" --clear-groups "$tools/taoctl" -S "$socket" "${@:3}"
	}
	run -3 as 1234 1234 status
	as 1234 4321 status s
	setpriv --reuid 1234 --regid 1234 --groups 4321 "$tools/taoctl" -S "$socket" status s
	run --separate-stderr -1 as 1234 4321 stop s
	[[ $stderr == *"not authorized: Stop"* ]]
	run --separate-stderr -1 as 1234 4321 audit
	{ executes probe; echo "Authorized($host_name.Unix(1234, 4321), \"Stop\", \"s\")"
		echo "Deny($host_name.Unix(1234, 4321), \"Status\")"; } >"$work/rules"; policy
	reload
	as 1234 4321 stop s
	run --separate-stderr -1 as 1234 4321 status s
	[[ $stderr == *"not authorized: Status (Deny"* ]]
	as 1235 4321 status s
	ctl start s
	# The uid of a service is that service, whoever has it; it is not the host's user of that number.
	uid=$(ctl --json status s | jq .services[0].uid)
	{ executes probe; echo "Authorized($host_name.Unix($uid, 4321), \"Stop\")"; } >"$work/rules"; policy
	reload
	run --separate-stderr -1 as "$uid" 4321 stop s
	run --separate-stderr -1 as "$uid" 4321 status s
	{ executes probe; echo "Authorized($(program probe).Unix($uid, 4321), \"Stop\")"; } >"$work/rules"; policy
	reload
	as "$uid" 4321 stop s
}

@test "root in a service's cgroup is that service, not the host's root" {
	[ "$(id -u)" -eq 0 ] || skip "needs root"
	guard_manifest "\"s\": { \"exec\": [\"$tools/taoctl\", \"-S\", \"$socket\", \"stop\", \"t\"], \"type\": \"oneshot\", \"restart\": \"never\",
		\"privileged\": true, \"user\": \"root\", \"after\": [\"t\"] }, \"t\": { \"exec\": [\"$tools/probe\", \"wait\"] }"
	{ executes probe; echo "Authorized($guarded.Program([$(hash_of taoctl)], ext.Privileged()), \"Execute\")"; } >"$work/rules"; policy
	start_host
	eventually '[ "$(state_of s)" = failed ]'
	[ -d /sys/fs/cgroup/unified ] || [ -e /sys/fs/cgroup/cgroup.controllers ] || skip "no cgroup2"
	grep -q 'not authorized: Stop' "$work/log"
	[ "$(state_of t)" = up ]
}

# bats test_tags=admin
@test "records: denials with their derivation, repeats folded, JSON lines in a file, none lost to a flood of calls" {
	guard_manifest "\"s\": { \"exec\": [\"$tools/one\", \"secret\", \"self\", $(printf '"seal", "any", "x", %.0s' $(seq 200)) \"wait\"] }" \
		"\"audit\": \"$work/audit\""
	{ executes one; echo "Deny($(program one), \"GetSharedSecret\")"; } >"$work/rules"; policy
	start_host
	says waiting
	run -0 ctl audit
	grep -qE ' deny +s +GetSharedSecret +Deny on line 9$' <<<"$output"
	grep -qE ' allow +s +Seal +Authorized on line 8, as Execute \(200 times\)$' <<<"$output"
	run -0 ctl --json audit
	while read -r line; do jq -e 'has("seq") and has("time") and has("boot") and has("principal") and has("verb") and
		has("arguments") and has("verdict") and has("rule")' <<<"$line"; done <<<"$output"
	run -0 ctl explain
	[[ $output == *'"verb":"GetSharedSecret"'*$'\n''Deny('*'"GetSharedSecret"): line 9'* ]]
	run -0 ctl explain s Seal any
	[[ $output == "allowed: Authorized on line 8, as Execute"$'\n''Authorized('*'"Execute"): line 8' ]]
	eventually '[ "$(jq -c "select(.verb == \"Seal\") | .count // 1" "$work/audit" | sort -n | tail -1)" -ge 128 ]'
	[ "$(stat -c %a "$work/audit")" = 600 ]
	jq -se 'any(.[]; .verb == "GetSharedSecret" and .verdict == "deny" and .service == "s")' "$work/audit"
	[ "$(wc -l <"$work/audit")" -lt 100 ]
}

# bats test_tags=admin
@test "programs started at run time, as CloudProxy's tools do: passed descriptors, arguments, lists, ends" {
	guard_manifest "\"s\": { \"exec\": [\"$tools/one\", \"wait\"] }" '"max_programs": 2'
	cp "$(command -v busybox)" "$tools/busybox"
	executes probe one busybox >"$work/rules"
	for p in probe busybox; do
		echo "Authorized($host_name.Unix($(id -u), $(id -g)), \"StartProgram\", \"$tools/$p\")" >>"$work/rules"
	done
	policy
	start_host
	eventually '[ "$(state_of s)" = up ]'
	[[ $(ctl --json status | jq -r '.services[].name') == s ]]
	echo from stdin >"$work/in"
	run -0 host_op StartHostedProgram "path=$tools/busybox" container_args=sh args=-c 'args=pwd; cat; echo "$1" >&2' args=sh "args=two words" dir=/tmp \
		"fd=$work/in" "fd=$work/out" stdin=0 stdout=1 stderr=1
	[[ $output =~ ^child\ ([0-9a-f]+)\ ([0-9]+)$ ]]
	subprin=${BASH_REMATCH[1]} pid=${BASH_REMATCH[2]}
	run -0 host_op WaitHostedProgram "pid=$pid" "subprin=$subprin"
	[ "$output" = "status 0" ]
	[ "$(cat "$work/out")" = $'/tmp\nfrom stdin\ntwo words' ]
	# It has been waited for, and is gone.
	run -1 host_op WaitHostedProgram "pid=$pid" "subprin=$subprin"
	[ "$output" = "error: no such hosted program" ]
	# Two run; there is no place for a third, until one of them has ended.
	run -0 host_op StartHostedProgram "path=$tools/probe" container_args=probe args=wait
	[[ $output =~ ^child\ ([0-9a-f]+)\ ([0-9]+)$ ]]
	subprin=${BASH_REMATCH[1]} first=${BASH_REMATCH[2]}
	run -0 host_op StartHostedProgram "path=$tools/probe" container_args=probe args=wait
	second=${output##* }
	run -1 host_op StartHostedProgram "path=$tools/probe" container_args=probe args=wait
	[ "$output" = "error: host.max_programs of them run already" ]
	run -0 host_op ListHostedPrograms
	[ "$(wc -l <<<"$output")" -eq 3 ]
	grep -qx "child $subprin $first" <<<"$output"
	grep -qx "child [0-9a-f]* $(pid_of s)" <<<"$output"
	[ "$(state_of @1)" = up ]
	# An inherited connection serves one after the other.
	waiter=
	if [ "$transport" = unix ]; then
		host_op WaitHostedProgram "pid=$first" "subprin=$subprin" >"$work/waited" &
		waiter=$!
	fi
	# A program that was started so is not restarted by name, for that needs another right.
	run -1 --separate-stderr ctl restart @1
	[[ $stderr == *"is no service"* ]]
	run -0 host_op StopHostedProgram "subprin=$subprin"
	if [ -n "$waiter" ]; then wait "$waiter"; else host_op WaitHostedProgram "pid=$first" "subprin=$subprin" >"$work/waited"; fi
	[ "$(cat "$work/waited")" = "status 15" ]
	run -0 host_op WaitHostedProgram "pid=$second" "subprin=$subprin"
	[ "$output" = "status 15" ]
	run -1 host_op StopHostedProgram "subprin=$subprin"
	[ "$output" = "error: no such hosted program" ]
	# Killed.
	run -0 host_op StartHostedProgram "path=$tools/probe" container_args=probe args=wait
	pid=${output##* }
	run -0 host_op KillHostedProgram "subprin=$subprin"
	run -0 host_op WaitHostedProgram "pid=$pid" "subprin=$subprin"
	[ "$output" = "status 9" ]
	[ "$(state_of s)" = up ]
	run -0 host_op HostName
	[[ $output == "prin "* ]]
	run -0 host_op Shutdown
	wait "$host"
	host=
}

# bats test_tags=admin
@test "what is started at run time is asked for, and errors say what is wrong" {
	guard_manifest "\"s\": { \"exec\": [\"$tools/one\", \"wait\"] }" '"max_programs": 2'
	executes one >"$work/rules"; policy
	start_host
	eventually '[ "$(state_of s)" = up ]'
	# It is no right of root's.
	run -1 host_op StartHostedProgram "path=$tools/probe" args=wait
	[[ $output == "error: not authorized: StartProgram ("* ]]
	{ executes one; echo "Authorized($host_name.Unix($(id -u), $(id -g)), \"StartProgram\")"
		echo "Deny($host_name.Unix($(id -u), $(id -g)), \"StartProgram\", \"$tools/taoctl\")"; } >"$work/rules"; policy
	reload
	run -1 host_op StartHostedProgram "path=$tools/taoctl"
	[[ $output == "error: not authorized: StartProgram (Deny on line "* ]]
	# What may not run does not.
	run -1 host_op StartHostedProgram "path=$tools/probe" args=wait
	[[ $output == "error: the policy refuses to run it (no rule allows it)" ]]
	run -1 host_op StartHostedProgram "path=$tools/none"
	[[ $output == "error: "*"there is no such file"* ]]
	run -1 host_op StartHostedProgram path=probe
	[[ $output == "error: the path of the program is not absolute" ]]
	run -1 host_op StartHostedProgram "path=$tools/one" stdin=0
	[[ $output == "error: stdin, stdout or stderr is the number of no descriptor that came along" ]]
	run -1 host_op StartHostedProgram "path=$tools/one" dir=tmp
	[[ $output == "error: "*"a dir that is not absolute" ]]
	many=(); for _ in $(seq 70); do many+=(args=x); done
	run -1 host_op StartHostedProgram "path=$tools/one" "${many[@]}"
	[[ $output == "error: too many arguments"* ]]
	run -1 host_op Bogus
	[[ $output == "error: rpc: can't find method LinuxHost.Bogus" ]]
	run -1 host_op WaitHostedProgram pid=1
	[ "$output" = "error: no such hosted program" ]
	# Descriptors that nobody wants are not kept.
	before=$(find "/proc/$host/fd" | wc -l)
	for _ in 1 2 3; do run -0 host_op HostName "fd=$work/a" "fd=$work/b"; done
	eventually "[ \$(find /proc/$host/fd | wc -l) -le $before ]"
	# A Deny of Stop for a service holds here as well.
	run -0 host_op ListHostedPrograms
	subprin=$(cut -d' ' -f2 <<<"$output")
	{ executes one; echo "Deny($host_name.Unix($(id -u), $(id -g)), \"Stop\", \"s\")"; } >"$work/rules"; policy
	reload
	run -1 host_op StopHostedProgram "subprin=$subprin"
	[[ $output == "error: not authorized: Stop (Deny on line "* ]]
	[ "$(state_of s)" = up ]
}

@test "a program that a user starts is opened with his rights and has them" {
	[ "$(id -u)" -eq 0 ] || skip "needs root"
	guard_manifest '' '"max_programs": 2'
	executes probe >"$work/rules"
	{ echo "Authorized($host_name.Unix(1234, 4321), \"StartProgram\")"; echo "Authorized($host_name.Unix(1234, 4321), \"Status\")"
		echo "Authorized($host_name.Unix(0, 0), \"StartProgram\")"; } >>"$work/rules"
	policy
	sed -i "s|\"unix\": \"$socket\"|\"unix\": \"$socket\", \"group\": 4321|" "$work/manifest.json"
	start_host
	eventually 'host_op HostName as=1234:4321'
	run -0 host_op StartHostedProgram as=1234:4321 "path=$tools/probe" args=wait
	pid=${output##* }
	[ "$(awk '/^Uid/ { print $2 }' "/proc/$pid/status")" = 1234 ]
	# What he may not execute is not executed for him; for root it is, under a uid of its own.
	chmod 700 "$tools/probe"
	run -1 host_op StartHostedProgram as=1234:4321 "path=$tools/probe" args=wait
	[[ $output == "error: "*"uid 1234 may not execute it"* ]]
	run -0 host_op StartHostedProgram "path=$tools/probe" args=wait
	pid=${output##* }
	uid=$(awk '/^Uid/ { print $2 }' "/proc/$pid/status")
	[ "$uid" -ne 0 ] && [ "$uid" -ne 1234 ]
}
