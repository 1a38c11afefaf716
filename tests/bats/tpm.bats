#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# taoinit --self-test --tpm against a software TPM of its own for each test: what tpm2-tools see of it, and what is said
# when it cannot work. (In a machine with a TPM device: tests/qemu.)

setup()
{
	bats_require_minimum_version 1.5.0
	cd "$BATS_TEST_DIRNAME/../.." || exit 1
	O=${O:-build}
	taoinit=$PWD/$O/taoinit
	# Short: a socket's path has 107 bytes.
	dir=$(mktemp -d "${TMPDIR:-/tmp}/tpm.XXXXXX")
	socket=$dir/s
	export TPM2TOOLS_TCTI=swtpm:path=$socket
	swtpm_pid=
}

teardown()
{
	stop_swtpm
	rm -rf "$dir"
}

stop_swtpm()
{
	[ -n "$swtpm_pid" ] || return 0
	kill -KILL "$swtpm_pid" 2>/dev/null || true
	wait "$swtpm_pid" 2>/dev/null || true
	swtpm_pid=
}

start_swtpm() # [FLAG…]
{
	mkdir -p "$dir/state"
	swtpm socket --tpm2 --tpmstate "dir=$dir/state" --server "type=unixio,path=$socket" \
		--ctrl "type=unixio,path=$socket.ctrl" --flags "not-need-init${1:+,$1}" >"$dir/swtpm.log" 2>&1 3>&- &
	swtpm_pid=$!
	for _ in $(seq 1000); do
		# As listens() in helpers.bash: the sockets are there a moment before.
		if [ "$(grep -c " 00010000 .* $socket\(.ctrl\)\?\$" /proc/net/unix)" = 2 ]; then
			return 0
		fi
		kill -0 "$swtpm_pid"
		sleep 0.02
	done
	return 1
}

self_test() # STATUS [ARGUMENT…]
{
	run "-$1" "$taoinit" --self-test --tpm "swtpm:$socket" "${@:2}"
}

# Fails in this one test, with this text in its line; nothing stays in the TPM.
fails_with() # TEXT
{
	self_test 1
	[ "$(grep -c '^not ok' <<<"$output")" = 1 ]
	grep -qF -- "$1" <<<"$(grep '^not ok' <<<"$output")"
}

srk_name()
{
	sed -n 's/.*TPM storage root key.*, name //p' <<<"$output"
}

nothing_left()
{
	[ -z "$(tpm2_getcap handles-transient)" ]
	[ -z "$(tpm2_getcap handles-loaded-session)" ]
	[ -z "$(tpm2_getcap handles-saved-session)" ]
}

# The template of the storage root key, for tpm2-tools.
attributes='fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda|restricted|decrypt'

tools_primary()
{
	tpm2_createprimary -Q -C o -g sha256 -G ecc256:aes128cfb -a "$attributes" -c "$dir/primary"
}

@test "a TPM that nobody has started passes, and passes again" {
	start_swtpm
	self_test 0
	[ "${lines[-1]}" = "1..$((${#lines[@]} - 1))" ]
	[ "$(grep -c '^ok .* TPM ' <<<"$output")" = 7 ]
	first=$output
	self_test 0
	[ "$output" = "$first" ]
	nothing_left
	run -0 "$taoinit" --self-test "--tpm=swtpm:path=$socket"
	[ "$output" = "$first" ]
}

@test "the storage root key is the one that tpm2-tools make of the same template" {
	start_swtpm startup-clear
	self_test 0
	name=$(srk_name)
	[ ${#name} = 68 ]
	tools_primary
	[ "$(tpm2_readpublic -c "$dir/primary" | sed -n 's/^name: //p')" = "$name" ]
	# And another one after the TPM has been cleared.
	tpm2_flushcontext -t
	tpm2_clear -c p
	self_test 0
	[ "$(srk_name)" != "$name" ]
}

@test "the PCRs are what tpm2_pcrread shows" {
	start_swtpm startup-clear
	tpm2_pcrextend 15:sha256=e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
	self_test 0
	for pcr in 0 15; do
		value=$(tpm2_pcrread "sha256:$pcr" -o "$dir/pcr" >/dev/null && od -An -v -tx1 "$dir/pcr" | tr -d ' \n')
		[ ${#value} = 64 ]
		grep -qE "^ok [0-9]+ - TPM PCR $pcr, SHA-256, $value\$" <<<"$output"
	done
	[[ $value != 0000* ]]
}

@test "a persistent storage root key is used, also where only it can be" {
	start_swtpm startup-clear
	self_test 0
	name=$(srk_name)
	tools_primary
	tpm2_evictcontrol -Q -C o -c "$dir/primary" 0x81000001
	tpm2_flushcontext -t
	self_test 0
	[[ $output == *"TPM storage root key at 0x81000001, name $name"* ]]
	tpm2_changeauth -c owner secret
	self_test 0
	[ "$(srk_name)" = "$name" ]
	nothing_left
	tpm2_evictcontrol -Q -C o -P secret -c 0x81000001
	fails_with "CreatePrimary: 0x9a2 BAD_AUTH: wrong authorization: the owner hierarchy has a password"
	nothing_left
}

@test "a persistent key of another kind is left alone" {
	start_swtpm startup-clear
	tpm2_createprimary -Q -C o -g sha256 -G rsa2048:aes128cfb -c "$dir/primary"
	tpm2_evictcontrol -Q -C o -c "$dir/primary" 0x81000001
	tpm2_flushcontext -t
	self_test 0
	[[ $output == *"TPM storage root key, name 000b"* ]]
	# The same curve, but a key that signs is no storage key.
	tpm2_evictcontrol -Q -C o -c 0x81000001
	tpm2_createprimary -Q -C o -g sha256 -G ecc256:ecdsa-sha256:null -a 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda|restricted|sign' -c "$dir/primary"
	tpm2_evictcontrol -Q -C o -c "$dir/primary" 0x81000001
	tpm2_flushcontext -t
	self_test 0
	[[ $output == *"TPM storage root key, name 000b"* ]]
	nothing_left
}

@test "an owner hierarchy that is switched off is named" {
	start_swtpm startup-clear
	tpm2_hierarchycontrol -C p shEnable clear
	fails_with "CreatePrimary: 0x185 HIERARCHY: the owner hierarchy is switched off"
}

@test "a TPM full of other programs' keys or sessions is named, and they stay" {
	start_swtpm startup-clear
	for _ in 1 2 3; do
		tools_primary
	done
	before=$(tpm2_getcap handles-transient)
	[ "$(wc -l <<<"$before")" = 3 ]
	fails_with ": 0x902 OBJECT_MEMORY"
	[[ $output == *"tpm2_flushcontext -t"* ]]
	[ "$(tpm2_getcap handles-transient)" = "$before" ]
	tpm2_flushcontext -t
	self_test 0
}

@test "a bank that is switched off is named" {
	start_swtpm startup-clear
	tpm2_pcrallocate -Q sha1:all+sha256:none
	stop_swtpm
	rm -f "$socket" "$socket.ctrl"
	start_swtpm
	fails_with "SHA-256 bank of PCRs: not supported"
	nothing_left
}

@test "no socket, nobody behind it, no socket at all" {
	fails_with "TPM answers: Startup: the connection to the TPM failed"
	[[ $output == *"# $socket: no such socket; start swtpm with --tpm2 --server type=unixio,path=$socket"* ]]
	start_swtpm
	stop_swtpm
	fails_with "the connection to the TPM failed"
	[[ $output == *"# $socket: nobody listens there; has swtpm ended?"* ]]
	rm "$socket"
	: >"$socket"
	fails_with "the connection to the TPM failed"
}

@test "a TPM that stops answering is given up after the deadline" {
	start_swtpm
	kill -STOP "$swtpm_pid"
	fails_with "TPM answers: Startup: the TPM does not answer"
	[[ $output == *"# $socket: no answer in 10000 ms; is swtpm stopped"* ]]
	kill -CONT "$swtpm_pid"
	self_test 0
}

@test "a TPM whose state is nowhere is in failure mode" {
	# With --daemon swtpm changes to /, and a relative directory is not there any more.
	mkdir "$dir/state"
	(cd "$dir" && swtpm socket --tpm2 --tpmstate dir=state --server "type=unixio,path=$socket" --ctrl "type=unixio,path=$socket.ctrl" \
		--flags not-need-init --pid "file=$dir/pid" --daemon 3>&- >"$dir/swtpm.log" 2>&1)
	swtpm_pid=$(cat "$dir/pid")
	until grep -q " 00010000 .* $socket\$" /proc/net/unix; do sleep 0.02; done
	fails_with "Startup: 0x101 FAILURE: the TPM is in failure mode"
}

@test "devices: none, not permitted, something else" {
	run -1 "$taoinit" --self-test --tpm /dev/no-such-tpm
	[[ $output == *"not ok 8 - TPM opens: /dev/no-such-tpm: no such device; there is no TPM"* ]]
	run -1 "$taoinit" --self-test --tpm "device:$dir"
	[[ $output == *"TPM opens: $dir: is no device; for swtpm's socket, say swtpm:$dir"* ]]
	run -1 "$taoinit" --self-test --tpm /dev/null
	[[ $output == *"TPM answers: Startup: the connection to the TPM failed"*"# /dev/null: read: closed"* ]]
}

@test "without the right to open it" {
	if [ "$(id -u)" != 0 ]; then
		skip "needs root, to become somebody else"
	fi
	start_swtpm
	chmod 711 "$dir"
	chmod 600 "$socket"
	cp -L "$taoinit" "$dir/taoinit"
	run -1 setpriv --reuid 65534 --clear-groups "$dir/taoinit" --self-test --tpm "swtpm:$socket"
	[[ $output == *"# $socket: not permitted; run as the user that swtpm runs as"* ]]
	run -1 setpriv --reuid 65534 --clear-groups "$dir/taoinit" --self-test --tpm /dev/mem
	[[ $output == *"TPM opens: /dev/mem: "* ]]
}

@test "usage" {
	run -0 "$taoinit" --self-test --help
	[[ ${lines[0]} == "usage: taoinit --self-test [--tpm SPEC]" ]]
	run -0 "$taoinit" --self-test
	[[ $output != *TPM* ]]
	run -2 "$taoinit" --self-test --tpm
	[[ $output == "taoinit: needs a value: --tpm"* ]]
	run -2 "$taoinit" --self-test --frob
	[[ $output == "taoinit: unknown argument: --frob"*"Try: taoinit --self-test --help" ]]
	run -2 "$taoinit" --self-test --tpm /dev/tpmrm0 --tpm /dev/tpm0
	[[ $output == "taoinit: given twice: --tpm"* ]]
	run -1 "$taoinit" --self-test --tpm tpm0
	[[ $output == *"not ok 8 - TPM opens: tpm0: not the place of a TPM; say /dev/tpmrm0, or swtpm:SOCKET"* ]]
}
