#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# What docs/make-completions makes of the tools' own words, asked in each of the three shells.

bats_require_minimum_version 1.5.0

setup_file()
{
	cd "$BATS_TEST_DIRNAME/../.." || return 1
	export O=${O:-build}
	export COMPLETIONS=$BATS_FILE_TMPDIR/completions FAKE=$BATS_FILE_TMPDIR/bin
	docs/make-completions "$O" "$COMPLETIONS"
	# Services are asked of the host: here of a tool that knows two.
	mkdir "$FAKE"
	printf '#!/bin/sh\n[ "$1" = list ] && printf "NAME STATE\\ndb up\\nweb up\\n"\n' >"$FAKE/taoctl"
	chmod +x "$FAKE/taoctl"
	export PATH=$FAKE:$PATH
}

bash_completes() # WORD…: what bash offers for the last one
{
	bash -c '. "$COMPLETIONS/bash/$1"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _"$1"; echo "${COMPREPLY[*]}"' bash "$@"
}

fish_completes() # LINE
{
	HOME=$BATS_TEST_TMPDIR fish --no-config -c 'source $COMPLETIONS/fish/'"${1%% *}"'.fish; complete -C '"'$1'" | cut -f1 | tr '\n' ' '
}

@test "bash: commands, options of a command, services, choices" {
	[ "$(bash_completes taoctl sh)" = shutdown ]
	[ "$(bash_completes taoctl -S socket st)" = "status start stop" ]
	[ "$(bash_completes taoctl --js)" = --json ]
	[ "$(bash_completes taoctl stop d)" = db ]
	[ "$(bash_completes taoctl shutdown re)" = reboot ]
	[ "$(bash_completes taoctl reload m)" = manifest ]
	[ "$(bash_completes taoctl wait d)" = db ]
	[ "$(bash_completes taoctl --dr)" = --dry-run ]
	[ "$(bash_completes tao seal --pol)" = --policy ]
	[ "$(bash_completes tao extend --pol)" = "" ]
	[ "$(bash_completes taoverify att)" = attestation ]
	cd "$BATS_TEST_TMPDIR"
	touch some.policy
	[ "$(bash_completes taopolicy check some)" = some.policy ]
}

@test "fish: the same" {
	[ "$(fish_completes "taoctl sh")" = "shutdown " ]
	[[ "$(fish_completes "taoctl stop ")" = *"db web "* ]]
	[ "$(fish_completes "taoctl shutdown re")" = "reboot " ]
	[ "$(fish_completes "tao seal --pol")" = "--policy " ]
	[ "$(fish_completes "taoverify att")" = "attestation " ]
}

@test "zsh: a line is completed as it is typed" {
	cat >"$BATS_TEST_TMPDIR/type" <<-'END'
	zmodload zsh/zpty
	zpty shell zsh -f -i
	typed() # TEXT EXPECTED: types, waits until the line reads so
	{
		zpty -w -n shell "$1"$'\t'
		local seen= piece= tries=0
		while ((tries++ < 300)); do
			if zpty -r -t shell piece; then
				seen+=$piece
				[[ $seen == *"$2"* ]] && { zpty -w -n shell $'\C-u'; return 0 }
			else
				sleep 0.1
			fi
		done
		print -r -- "typed $1, saw: $seen"
		return 1
	}
	zpty -w shell 'PS1=; fpath=($COMPLETIONS/zsh $fpath); autoload -Uz compinit; compinit -u -D; bindkey -e; print rea""dy'
	typed '' ready || exit
	typed 'taoctl shu' 'taoctl shutdown ' || exit
	typed 'taoctl stop d' 'taoctl stop db' || exit
	typed 'tao seal --pol' 'tao seal --policy' || exit
	END
	HOME=$BATS_TEST_TMPDIR TERM=dumb run -0 zsh -f "$BATS_TEST_TMPDIR/type"
}

@test "each command of each tool is offered" {
	local tool command
	for tool in taoctl tao taoverify taopolicy; do
		for command in $("$O/$tool" --help | sed -n 's/^  \([a-z][a-z]*\)\( .*\)*$/\1/p'); do
			[[ " $(bash_completes "$tool" "") " = *" $command "* ]]
			[[ " $(fish_completes "$tool ") " = *" $command "* ]]
			grep -q "'$command:" "$COMPLETIONS/zsh/_$tool"
		done
	done
}
