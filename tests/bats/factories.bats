#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# What every service can rely on, whatever starts it: the same tests for each factory. A factory is a function that writes
# an entry, entry_<factory> NAME KEYS WORDS…, whose program is tests/helpers/probe.c, or "tao WORDS…". In a machine it is
# the only one, and what a process alone has does not apply: a status (a machine that ended has ended well), a stop signal
# (the power button: vm.bats), sockets and notify, environment, descriptors and limits of the host, cwd.

load helpers

factories="process container"
machines="vm"

setup_file()
{
	helpers_setup_file
	mkdir -p "$tools/tree"
	cp "$tools/probe" "$tools/taoinit" "$tools/tree"
	ln -s taoinit "$tools/tree/tao"
	tar -C "$tools/tree" -cf "$tools/image.tar" .
	KERNEL=${KERNEL:-$(rootfs/fetch-kernel)}
	export KERNEL
	make_guest "$tools/guest"
	chmod -R a+rX "$tools"
}

setup()
{
	helpers_setup
	mark=$$.$BATS_TEST_NUMBER
}

teardown()
{
	helpers_teardown
	eventually '! pgrep -f -- "qemu-system-x86_64 .*mark=$mark " >/dev/null'
}

entry_process() # NAME KEYS WORDS…
{
	local program=probe
	[ "$3" != tao ] || program=tao
	echo "\"$1\": { \"exec\": [$(words "$tools/$program" "${@:$(first "$3")}")]$2 }"
}

entry_container()
{
	local program=probe
	[ "$3" != tao ] || program=tao
	echo "\"$1\": { \"factory\": \"container\", \"image\": \"$tools/image.tar\", \"exec\": [$(words "/$program" "${@:$(first "$3")}")]$2 }"
}

entry_vm()
{
	local ready=
	[[ $2 != *'"ready": "fd"'* ]] || ready=ready=fd
	echo "\"$1\": { \"factory\": \"vm\", \"kernel\": \"$KERNEL\", \"initrd\": \"$tools/guest\", \"accel\": \"tcg\",
		\"limits\": { \"memory\": \"128M\" }, \"stop\": { \"timeout\": \"1s\" },
		\"command_line\": \"console=ttyS0 quiet panic=-1 no_timer_check mark=$mark $ready -- ${*:3}\"$2 }"
}

# "tao" is the program's name, not a word for it.
first() # WORD
{
	if [ "$1" = tao ]; then echo 4; else echo 3; fi
}

words() # WORD…: as in a JSON array
{
	local word between=
	for word; do
		printf '%s"%s"' "$between" "$word"
		between=', '
	done
}

entry() # NAME KEYS WORDS…
{
	"entry_$factory" "$@"
}

# Runs a test for one factory after another.
each() # FUNCTION [FACTORIES]
{
	for factory in ${2:-$factories}; do
		echo "# $factory"
		"$1"
		[ -z "$host" ] || end_host
	done
}

end_host()
{
	kill -TERM "$host"
	wait "$host" || true
	host=
	eventually '[ -z "$(pgrep -f "^($tools|$work)/(probe|tao)( |$)")" ]'
	rm -f "$socket"
}

is() # SERVICE STATE
{
	eventually "[ \"\$(state_of $1)\" = $2 ]"
}

its_end()
{
	manifest "$(entry a ', "type": "oneshot", "essential": true' exit 7)"
	run_host
	[ "$status" -eq 7 ]
	manifest "$(entry a ', "type": "oneshot", "essential": true' signal 9)"
	run_host
	[ "$status" -eq 137 ]
}

@test "the end of the program is the end of the service, with its status" {
	each its_end
}

its_restarts()
{
	manifest "$(entry a ', "max_restarts": 3, "restart_delay": "1ms"' exit 1)"
	start_host
	is a failed
	ctl status a | grep -q "gave up: 3 restarts"
	[ "$(ctl --json status a | jq .services[0].restarts)" -eq 3 ]
}

@test "it is started again when it fails, and given up" {
	each its_restarts
}

ends_well()
{
	manifest "$(entry a ', "type": "oneshot", "essential": true' exit 0)"
	start_host
	status=0
	wait "$host" || status=$?
	host=
	[ "$status" -eq 0 ]
}

@test "it ends well, in a machine, too" {
	each ends_well "$factories $machines"
}

its_restart()
{
	manifest "$(entry a ', "restart": "always", "max_restarts": 1, "restart_window": "10m", "restart_delay": "1ms"' exit 0)"
	start_host
	is a failed || is a failed
	ctl status a | grep -q "gave up: 1 restarts"
	[ "$(ctl --json status a | jq .services[0].restarts)" -eq 1 ]
}

@test "it is started again when it ends, a machine, too, and given up" {
	each its_restart "$factories $machines"
}

its_life()
{
	manifest "$(entry a ', "ready": "fd", "log": "ring", "start_timeout": "10m"' notify +100 ready), $(printf '"x": { "exec": ["%s/probe", "wait"], "after": ["a"] }' "$tools")"
	start_host
	is x up || is x up
	is a up
	pid=$(pid_of a)
	ctl list | grep -qE "^a +up +$pid "
	ctl status a | grep -q "principal .*$(case $factory in process) echo Program ;; container) echo Container ;; vm) echo VM ;; esac)("
	eventually 'ctl logs a | grep -q said'
	ctl signal a KILL
	eventually '[ "$(ctl --json status a | jq .services[0].restarts)" -eq 1 ]'
	is a up || is a up
	[ "$(pid_of a)" != "$pid" ]
	ctl stop a
	is a down
	[ "$(ctl --json status a | jq .services[0].pid)" = null ]
	ctl start a || is a up
	ctl restart a || is a up
	is x up
}

@test "ready by fd, logs, list, status, signal, stop, start and restart, of a machine, too" {
	each its_life "$factories $machines"
}

its_readiness()
{
	rm -f "$work/go"
	manifest "$(entry n ', "ready": "notify"' notify STATUS=warming_up +200 READY=1), $(entry f ', "ready": "fd"' notify ready),
		$(entry once ', "type": "oneshot"' exit 0), $(entry x ', "after": ["n", "f", "once"]' wait),
		$(entry never ', "ready": "notify", "start_timeout": "300ms", "restart": "never"' wait),
		$(entry shut ', "ready": "fd", "restart": "never"' notify close),
		$(entry dog ', "ready": "notify", "watchdog": "300ms", "restart": "never"' notify READY=1)"
	start_host
	is x up
	is n up
	is f up
	is once "done"
	is never failed
	is shut failed
	is dog failed
	ctl status n | grep -q "warming_up"
	ctl status dog | grep -q "watchdog"
}

@test "ready: exec, notify, fd, exit; too late, and silent" {
	each its_readiness
}

its_stop()
{
	manifest "$(entry soft '' wait), $(entry hard ', "stop": { "timeout": "200ms" }' stubborn), $(entry stray '' stray),
		$(entry int ', "stop": { "signal": "INT" }' wait)"
	start_host
	for s in soft hard stray int; do is $s up; done
	pid=$(pid_of soft)
	tr '\0' ' ' <"/proc/$pid/cmdline" | grep -q 'probe wait $'
	ctl stop soft
	ctl stop hard
	ctl stop stray
	ctl stop int
	for s in soft hard stray int; do is $s down; done
	ctl status soft | grep -q "ended by signal 15"
	ctl status hard | grep -q "ended by signal 9"
	ctl status int | grep -q "ended by signal 2"
	run ! pgrep -f "^($tools)?/probe "
	ctl start soft
	is soft up
	[ "$(pid_of soft)" != "$pid" ]
	ctl signal soft USR1
	eventually '[ "$(ctl --json status soft | jq .services[0].restarts)" -eq 1 ]'
	ctl restart soft
	is soft up
}

@test "stopped by its signal, then by force, with all that it has started; taoctl shows its pid and signals it" {
	each its_stop
}

its_output()
{
	manifest "$(entry a ', "log": "ring"' word), $(entry b ', "log": "'"$work/file.$factory"'"' word)"
	start_host
	eventually 'ctl logs a | grep -q probe'
	eventually "grep -q probe $work/file.$factory"
}

@test "its output goes where the manifest says" {
	each its_output
}

its_name()
{
	manifest "$(entry a ', "type": "oneshot", "log": "ring", "measure": { "args": true }' tao name)"
	start_host
	is a "done"
	[ "$(ctl logs a | sed 's/^.*key/key/' | tail -n 1)" = "$(principal_of a)" ]
	[[ $(principal_of a) == *'.'[PC]*'(['*'], ext.Args("name"))' ]]
}

@test "its channel is there, and the name on it is the one that taoctl shows" {
	each its_name
}

its_surroundings()
{
	manifest "$(entry a ', "type": "oneshot", "log": "ring", "env": { "LANG": "C" }' env), $(entry b ', "type": "oneshot", "log": "ring"' fds),
		$(entry c ', "type": "oneshot", "log": "ring"' rights), $(entry l ', "type": "oneshot", "log": "ring", "limits": { "as": "64M" }' limits)"
	A_SECRET=x start_host
	for s in a b c l; do is $s "done"; done
	ctl logs a | grep -q "LANG=C"
	run ! grep -q A_SECRET <(ctl logs a)
	ctl logs b | grep -qx "fds: 0 1 2 3" || ctl logs b | grep -q "fds: 0 1 2 3$"
	ctl logs c | grep -q "CapEff:.0000000000000000"
	ctl logs c | grep -q "CapBnd:.0000000000000000"
	ctl logs c | grep -q "NoNewPrivs:.1"
	ctl logs l | grep -q "as 67108864"
}

@test "nothing is inherited: environment, descriptors, rights; limits hold" {
	each its_surroundings
}

its_sockets()
{
	rm -f "$work/web"
	manifest "$(entry a ', "sockets": [{ "unix": "'"$work"'/web", "mode": "0666" }]' serve)"
	start_host
	is a up
	eventually "socat -u UNIX-CONNECT:$work/web - | grep -q 'served by'"
	ctl restart a
	eventually "socat -u UNIX-CONNECT:$work/web - | grep -q 'served by'"
}

@test "sockets are passed to it, over restarts" {
	each its_sockets
}

its_refusal()
{
	manifest "$(entry a '' wait)" deny
	start_host
	is a failed
	ctl status a | grep -q "policy refuses"
	[ "$(ctl --json status a | jq .services[0].pid)" = null ]
	run ! pgrep -P "$host" tao-keep
	run ! find /sys/fs/cgroup/unified/tao-"$host"/a -maxdepth 0
	run ! grep -q "$tools/tree\|tmpfs.*nr_inodes=262144" /proc/mounts
}

@test "what the policy refuses leaves nothing" {
	each its_refusal "$factories $machines"
}

its_failure()
{
	manifest "$(entry a ', "user": "77", "cwd": "/not/there"' wait)"
	start_host
	is a failed
	ctl status a | grep -q "could not be run: cwd: No such file or directory"
}

@test "what fails on the way to its program is said" {
	each its_failure
}
