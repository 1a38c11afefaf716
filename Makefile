# SPDX-License-Identifier: MIT
#
# make help lists what there is to make. One file, no recursion. A new .c file in a room, a new tests/unit/test_*.c,
# tests/fuzz/fuzz_*.c or tests/bats/*.bats needs no change here.
#
# O=DIRECTORY builds elsewhere than in build/ (the libraries stay in build/deps).

O ?= build
DEPS := build/deps
PREFIX ?= /usr/local
SBINDIR ?= $(PREFIX)/sbin
BINDIR ?= $(PREFIX)/bin
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
DATADIR ?= $(PREFIX)/share
MANDIR ?= $(DATADIR)/man
# The day of VERSION: the date that images carry.
SOURCE_DATE_EPOCH ?= 1795478400
export SOURCE_DATE_EPOCH
export LC_ALL := C

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:

# Uses the processors that there are, unless told otherwise.
ifeq ($(filter -j% --jobserver%,$(MAKEFLAGS))$(filter clean distclean,$(MAKECMDGOALS)),)
MAKEFLAGS += -j$(shell nproc)
endif

# ---- Sources ----------------------------------------------------------------------------------------------------

ROOMS := crypto policy init
PROTO := $(sort $(wildcard crypto/proto/*.proto init/proto/*.proto))
SRC_crypto := $(sort $(wildcard crypto/*.c crypto/proto/*.pb.c))
SRC_policy := $(sort $(wildcard policy/*.c))
SRC_init := $(sort $(wildcard init/*.c init/proto/*.pb.c))
SRC := $(SRC_crypto) $(SRC_policy) $(SRC_init) client/tao.c
UNIT := $(sort $(wildcard tests/unit/test_*.c))
FUZZ := $(sort $(wildcard tests/fuzz/fuzz_*.c))
VECTOR := $(sort $(wildcard tests/vectors/vectors_*.c))
LINKS := taoctl tao taoverify taopolicy
MAN := $(sort $(wildcard docs/*.[1-8]))

# ---- Flags ------------------------------------------------------------------------------------------------------

CC_musl := $(DEPS)/musl/bin/musl-gcc
CC_asan := gcc
CC_fuzz := clang
CC_cov := gcc

WARN := -Wall -Wextra -Werror -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wcast-qual -Wundef \
	-Wvla -Wswitch-enum -Wimplicit-fallthrough -Wwrite-strings -Wformat=2
# PB_NO_ERRMSG: nanopb's words for what is wrong, which nobody is told; deps/build has it, too.
COMMON = -std=c11 -D_GNU_SOURCE -DPB_NO_ERRMSG -g $(WARN) $(EXTRA) -I$(O) -ffile-prefix-map=$(CURDIR)=. $(if $(filter /%,$(O)),-ffile-prefix-map=$(O)=build)
# No -fcf-protection: Linux has no indirect branch tracking for programs, and musl no shadow stack.
HARDEN := -fPIE -fstack-protector-strong -fno-asynchronous-unwind-tables -ffunction-sections -fdata-sections
# The program is optimised as a whole when it is linked, with the libraries but musl: 28 KiB less. Objects are whole
# ones besides, for tests and libtaoverify.a.
LTO = -flto -ffat-lto-objects -frandom-seed=$< -Wa,--debug-prefix-map=$(CURDIR)=.
LINK_LTO := -flto -flto-partition=one -Oz $(HARDEN) -fstack-usage -ffile-prefix-map=$(CURDIR)=.
SANITIZE := -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined

CFLAGS_musl = $(COMMON) -Oz $(HARDEN) $(LTO) -isystem $(DEPS)/musl/include -isystem $(DEPS)/kernel-headers
CFLAGS_asan = $(COMMON) $(SANITIZE) -isystem $(DEPS)/asan/include
# Warnings are gcc's business: each file is compiled by it, too.
CFLAGS_fuzz = $(COMMON) -w $(SANITIZE) -O2 -fsanitize=fuzzer-no-link -isystem $(DEPS)/asan/include
CFLAGS_cov = $(COMMON) -O0 --coverage -isystem $(DEPS)/asan/include

# nanopb's output is not ours to warn about; tests include helpers of which not every one is used.
$(O)/%.pb.o: WARN := -w
$(O)/obj/tests/% $(O)/obj-asan/tests/% $(O)/obj-cov/tests/%: EXTRA := -Wno-unused-function

# A static PIE, spelled out: musl-gcc -static-pie quietly makes a dynamic program.
CRT := $(DEPS)/musl/lib
LDFLAGS_musl := -static-pie -nostdlib -Wl,-z,relro,-z,now,-z,noexecstack,-z,pack-relative-relocs,--build-id=none
GC := -Wl,--gc-sections
HEAD_musl = $(LDFLAGS_musl) $(GC) $(CRT)/rcrt1.o $(CRT)/crti.o
TAIL_musl = $(call libraries,musl) $(CRT)/libc.a $(shell gcc -print-libgcc-file-name) $(CRT)/crtn.o
HEAD_asan := -fsanitize=address,undefined
TAIL_asan = $(call libraries,asan)
HEAD_fuzz := -fsanitize=fuzzer,address,undefined
TAIL_fuzz = $(TAIL_asan)
HEAD_cov := --coverage -fsanitize=address,undefined
TAIL_cov = $(TAIL_asan)
libraries = $(addprefix $(DEPS)/$1/lib/,libtss2.a libcjson.a libnanopb.a libzstd.a libz.a libbearssl.a)

# ---- What there is to make --------------------------------------------------------------------------------------

.PHONY: all run run-container run-vm image check check-vectors lint format fuzz soak bench cov proto install clean distclean \
	help packages deps version objects unit unit-asan fuzzers vectors analyze tidy nogc

## all: the program build/taoinit and its links, and libtaoverify.a for other programs (default)
all: $(O)/taoinit $(addprefix $(O)/,$(LINKS)) $(O)/libtaoverify.a

## run: installs what is missing, builds, and boots the demo in QEMU with a software TPM
run: all
	rootfs/run-qemu

## run-container: the same demo as PID 1 of a runc container
run-container: all
	rootfs/run-runc

## run-vm: a virtual machine as a service, and another taoinit in it
run-vm: all
	rootfs/run-vm

## image: an initramfs and an OCI bundle in build/image
image: all
	rootfs/make-image

## check: installs what is missing and runs every test; PART=unit (fuzz structure lint bats qemu vectors …) runs one
check: packages
	@env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL MAKE='$(MAKE)' O='$(O)' tests/run-check $(PART)

## check-vectors: other implementations' answers; VECTORS=DIR takes the files from there
check-vectors: $(DEPS)/asan/.done
	@env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL MAKE='$(MAKE)' O='$(O)' tests/run-vectors '$(VECTORS)'

## lint: format, static analysis of C and of scripts, manual pages
lint: packages
	@env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL MAKE='$(MAKE)' O='$(O)' tests/run-check lint

## format: puts C files into the one format
format:
	clang-format -i $(filter-out %.pb.c %.pb.h,$(wildcard $(foreach d,crypto policy init client client/examples \
		rootfs rootfs/examples tests/unit tests/fuzz tests/vectors tests/bench tests/helpers tests/factory,$d/*.[ch])))

## fuzz: each fuzzer for FUZZ_TIME seconds (600), corpora grow in build/corpus
FUZZ_TIME ?= 600
fuzz: fuzzers
	tests/run-fuzz long '$(O)' $(FUZZ_TIME)

## soak: the checks in their long form (TAO_SOAK=1)
soak: packages
	@env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL MAKE='$(MAKE)' O='$(O)' TAO_SOAK=1 tests/run-check unit unit-asan bats qemu

## bench: measurements, each against a floor or a peer of the same run; PART=peers (other inits) … runs one
bench: all
	deps/install-packages bench
	tests/bench/run $(PART)

## cov: line coverage of the unit tests
cov: $(UNIT:tests/unit/%.c=$(O)/unit-cov/%)
	tests/run-cov '$(O)'

## proto: nanopb's output for crypto/proto and init/proto, which is committed beside them
proto: $(DEPS)/musl/.done
	deps/nanopb . $(PROTO)

## version: build/version.h
version: $(O)/version.h

## packages: installs the Debian packages that building, running and checking need (GROUPS="build run check")
packages:
	@deps/install-packages $(or $(GROUPS),$(NEEDS),build run check)

## deps: the libraries, for the program and for the tests
deps: $(DEPS)/musl/.done $(DEPS)/asan/.done

## install: program, links, manuals, completions, libraries with their headers, to $(DESTDIR)$(PREFIX)
install: all $(O)/libtao.a
	install -d '$(DESTDIR)$(SBINDIR)' '$(DESTDIR)$(BINDIR)' '$(DESTDIR)$(LIBDIR)' '$(DESTDIR)$(INCLUDEDIR)'
	install -m 0755 $(O)/taoinit '$(DESTDIR)$(SBINDIR)/taoinit'
	install -m 0644 $(O)/libtaoverify.a '$(DESTDIR)$(LIBDIR)/libtaoverify.a'
	install -m 0644 client/taoverify.h '$(DESTDIR)$(INCLUDEDIR)/taoverify.h'
	install -m 0644 $(O)/libtao.a '$(DESTDIR)$(LIBDIR)/libtao.a'
	install -m 0644 client/tao.h '$(DESTDIR)$(INCLUDEDIR)/tao.h'
	install -d '$(DESTDIR)$(LIBDIR)/pkgconfig'
	sed 's,@PREFIX@,$(PREFIX),; s,@VERSION@,$(shell cat VERSION),' client/tao.pc.in >'$(DESTDIR)$(LIBDIR)/pkgconfig/tao.pc'
	for name in $(LINKS); do ln -sf '$(SBINDIR)/taoinit' "$(DESTDIR)$(BINDIR)/$$name" || exit; done
	docs/make-completions $(O) $(O)/completions
	install -D -m 0644 -t '$(DESTDIR)$(DATADIR)/bash-completion/completions' $(O)/completions/bash/*
	install -D -m 0644 -t '$(DESTDIR)$(DATADIR)/zsh/site-functions' $(O)/completions/zsh/*
	install -D -m 0644 -t '$(DESTDIR)$(DATADIR)/fish/vendor_completions.d' $(O)/completions/fish/*
	for page in $(MAN); do \
		install -D -m 0644 $$page "$(DESTDIR)$(MANDIR)/man$${page##*.}/$${page##*/}" || exit; done

## clean: removes what was built, but not the libraries
clean:
	rm -rf $(filter-out $(O)/deps $(O)/distfiles,$(wildcard $(O)/*))

## distclean: removes the libraries and their sources, too
distclean:
	rm -rf $(O) build

## help: this list
help:
	@sed -n 's/^## /  /p' Makefile

# What has to be installed before anything is compiled, for the goals that promise to see to that.
NEEDS := $(if $(filter run run-container run-vm image bench,$(MAKECMDGOALS)),build run)
ifneq ($(NEEDS),)
$(DEPS)/musl/.done: | packages
endif

# ---- Libraries and version --------------------------------------------------------------------------------------

$(DEPS)/%/.done: deps/pins deps/build
	@deps/build $*
	@touch $@

$(O)/version.h: VERSION deps/pins deps/version | $(DEPS)/musl/.done
	@mkdir -p $(O)
	@deps/version >$@.new
	@cmp -s $@.new $@ && rm $@.new || mv $@.new $@
	@touch $@

# ---- Compiling --------------------------------------------------------------------------------------------------

# One rule a variant: obj (as shipped), obj-asan, obj-fuzz, obj-cov. A change of flags, which are written down while this
# file is read, compiles again (but not LATE, with which tests/run-structure silences warnings).
define variant
$(O)/$2/%.o: %.c $(O)/$2/.flags | $(O)/version.h $(DEPS)/$3/.done
	@mkdir -p $$(@D)
	$(if $(V),,@echo "  CC  $$@" &&) $$(CC_$1) $$(CFLAGS_$1) $$(LATE) -MMD -MP -c $$< -o $$@

$(if $(filter help clean distclean,$(MAKECMDGOALS)),,$(shell mkdir -p $(O)/$2; f=$(O)/$2/.flags; \
	want='$(CC_$1) $(subst $(CURDIR),.,$(CFLAGS_$1))'; [ "$$(cat $$f 2>/dev/null)" = "$$want" ] || echo "$$want" >$$f))

$(foreach room,$(ROOMS),$(eval $(O)/$2/$(room).a: $(SRC_$(room):%.c=$(O)/$2/%.o)))
$(ROOMS:%=$(O)/$2/%.a):
	@rm -f $$@
	@ar rcsD $$@ $$^
endef
$(eval $(call variant,musl,obj,musl))
$(eval $(call variant,asan,obj-asan,asan))
$(eval $(call variant,fuzz,obj-fuzz,asan))
$(eval $(call variant,cov,obj-cov,asan))

-include $(SRC:%.c=$(O)/obj/%.d)
ifneq ($(filter-out all run run-container run-vm image bench install help clean distclean,$(MAKECMDGOALS)),)
-include $(UNIT:%.c=$(O)/obj/%.d) $(foreach v,asan fuzz cov,$(patsubst %.c,$(O)/obj-$v/%.d,$(SRC) $(UNIT) $(FUZZ) $(VECTOR)))
endif

# ---- The program ------------------------------------------------------------------------------------------------

OBJ := $(SRC:%.c=$(O)/obj/%.o)

objects: $(OBJ)

$(O)/taoinit.debug: $(OBJ) deps/layout.ld | $(DEPS)/musl/.done
	@echo "  LD  $@"
	@gcc -o $@ $(LINK_LTO) $(HEAD_musl) -Wl,-T,deps/layout.ld $(OBJ) $(TAIL_musl)

$(O)/taoinit: $(O)/taoinit.debug deps/assert-static
	@strip -o $@.new $<
	@deps/assert-static $@.new
	@mv $@.new $@
	@echo "  $@: $$(($$(stat -c %s $@) / 1024)) KiB"

$(addprefix $(O)/,$(LINKS)): $(O)/taoinit
	@ln -sf taoinit $@

# The client library for programs of the system's own C library; they may as well take the two files.
$(O)/libtao.a: client/tao.c client/tao.h
	@mkdir -p $(O)/obj-client
	@gcc -std=c11 -Os -fPIC -fstack-protector-strong -c client/tao.c -o $(O)/obj-client/tao.o
	@rm -f $@
	@ar rcsD $@ $(O)/obj-client/tao.o

# The same without --gc-sections: with it, a table row whose handler does not exist would go unnoticed.
nogc: $(O)/taoinit.nogc
$(O)/taoinit.nogc: GC :=
$(O)/taoinit.nogc: $(OBJ)
	@gcc -fno-lto -o $@ $(HEAD_musl) $(OBJ) $(TAIL_musl)

# ---- The library ------------------------------------------------------------------------------------------------

# One object: what client/taoverify.h declares, and of the rooms and libraries only what it takes. All other names are
# local, so that a program may have a BearSSL of its own. It calls nothing but string functions and the stack protector.
TAOVERIFY_API = $(shell sed -n 's/^int \(taoverify_[a-z0-9_]*\).*/\1/p' client/taoverify.h)
$(O)/libtaoverify.a: $(O)/obj/init/verify.o $(O)/obj/crypto.a $(O)/obj/policy.a client/taoverify.h
	@echo "  AR  $@"
	@ld -r --gc-sections $(TAOVERIFY_API:%=-u %) -o $(O)/libtaoverify.o $< --start-group $(O)/obj/crypto.a \
		$(O)/obj/policy.a $(addprefix $(DEPS)/musl/lib/,libnanopb.a libbearssl.a) --end-group
	@objcopy --strip-debug --remove-section '.gnu.lto_*' $(TAOVERIFY_API:%=--keep-global-symbol=%) $(O)/libtaoverify.o
	@rm -f $@
	@ar rcsD $@ $(O)/libtaoverify.o

# ---- Tests ------------------------------------------------------------------------------------------------------

# The first "link:" comment of a test names what it is linked with: files, or rooms (crypto policy init), from which
# the linker takes what is asked for. The libraries are always there.
LINKED := $(shell for f in $(UNIT) $(FUZZ) $(VECTOR); do echo "$$f:$$(sed -n 's,.*\blink: *\([^*]*\).*,\1,p' $$f | head -n 1 | tr ' ' ':')"; done)
linked = $(patsubst $1:%,%,$(filter $1:%,$(LINKED)))
colon := :
words_of = $(subst $(colon), ,$(call linked,$1))
link_objects = $(patsubst %.c,$(O)/$2/%.o,$(filter %.c,$(call words_of,$1))) \
	$(patsubst %,$(O)/$2/%.a,$(filter $(ROOMS),$(call words_of,$1)))

define program # SOURCE BINARY VARIANT OBJECTS-DIRECTORY LINKER
$2: $(O)/$4/$(1:.c=.o) $(call link_objects,$1,$4) | $(DEPS)/$(if $(filter musl,$3),musl,asan)/.done
	@mkdir -p $$(@D)
	@echo "  LD  $$@"
	@$5 -o $$@ $$(HEAD_$3) $$(filter %.o,$$^) -Wl,--start-group $$(filter %.a,$$^) $$(TAIL_$3) -Wl,--end-group
endef
# (crtn.o stands inside the group: it is an object, and the order of its section is kept.)
ifneq ($(filter-out all run run-container run-vm image bench install help clean distclean,$(MAKECMDGOALS)),)
$(foreach t,$(UNIT),$(eval $(call program,$t,$(t:tests/unit/%.c=$(O)/unit/%),musl,obj,gcc -fno-lto)))
$(foreach t,$(UNIT),$(eval $(call program,$t,$(t:tests/unit/%.c=$(O)/unit-asan/%),asan,obj-asan,gcc)))
$(foreach t,$(UNIT),$(eval $(call program,$t,$(t:tests/unit/%.c=$(O)/unit-cov/%),cov,obj-cov,gcc)))
$(foreach t,$(VECTOR),$(eval $(call program,$t,$(t:tests/vectors/%.c=$(O)/vectors/%),asan,obj-asan,gcc)))
$(foreach t,$(FUZZ),$(eval $(call program,$t,$(t:tests/fuzz/%.c=$(O)/fuzz/%),fuzz,obj-fuzz,clang)))
endif

unit: $(UNIT:tests/unit/%.c=$(O)/unit/%)
unit-asan: $(UNIT:tests/unit/%.c=$(O)/unit-asan/%)
vectors: $(VECTOR:tests/vectors/%.c=$(O)/vectors/%)
fuzzers: $(FUZZ:tests/fuzz/%.c=$(O)/fuzz/%)

# ---- Analysis ---------------------------------------------------------------------------------------------------

# gcc's analyzer over each of our files; what it found before and has not changed is not looked at again.
OURS := $(filter-out %.pb.c,$(SRC))
analyze: $(OURS:%.c=$(O)/analyze/%.ok)
$(O)/analyze/%.ok: $(O)/obj/%.o tests/lint-flags
	@mkdir -p $(@D)
	@$(CC_musl) $(filter-out $(LTO),$(CFLAGS_musl)) -fanalyzer $(call lint_flags,analyzer) -S -o /dev/null $*.c
	@touch $@
lint_flags = $$(sed -n 's/^$1 //p' tests/lint-flags | sed 's/[[:space:]]*\#.*//')

# clang-tidy with the checks of .clang-tidy.
tidy: $(OURS:%.c=$(O)/tidy/%.ok)
$(O)/tidy/%.ok: $(O)/obj/%.o tests/lint-flags .clang-tidy
	@mkdir -p $(@D)
	@clang-tidy --quiet --warnings-as-errors='*' $*.c -- -std=c11 -D_GNU_SOURCE -I$(O) -isystem $(DEPS)/musl/include 2>/dev/null
	@touch $@
