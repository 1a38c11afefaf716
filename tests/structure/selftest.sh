# SPDX-License-Identifier: MIT
# shellcheck shell=sh
#
# Each structure check must be able to fail: one row a way to break the tree, "CHECK COMMAND". tests/run-structure
# copies the tree, runs the command there, and expects the check to complain. Sourced by it.

# A line at the end of a file.
add() # FILE TEXT
{
	printf '%s\n' "$2" >>"$1"
}

breaks()
{
	cat <<'ROWS'
includes add crypto/tao.c '#include "../policy/name.h"'
includes add crypto/tao.h '#include "../init/sys.h"'
includes add crypto/gcm.c '#include <unistd.h>'
includes add crypto/tao.c '#include <tss2/tss2_esys.h>'
includes add policy/name.h '#include "../crypto/tao.h"'
includes add policy/guard.h '#include <bearssl.h>'
includes add policy/guard.h '#include <stdio.h>'
includes add client/tao.c '#include "../crypto/base.h"'
includes add init/launch.c '#include <cJSON.h>'
includes add init/launch.c '#include "../client/tao.h"'
includes add init/launch.c '#include <tss2/tss2_esys.h>'
symbols add crypto/gcm.c 'int getpid(void); int pure(void); int pure(void) { return getpid(); }'
symbols add crypto/hkdf.c 'static int count; int state(void); int state(void) { return ++count; }'
symbols add crypto/gcm.c 'int Esys_Free(void *); int tss(void); int tss(void) { return Esys_Free(0); }'
symbols add crypto/tao.c 'int tao_listen(void); int tao_listen(void) { return 0; }'
symbols add crypto/gcm.c '#include "root.h"' && add crypto/gcm.c 'const void *reach(void); const void *reach(void) { return &root_soft; }'
symbols add policy/name.c 'int printf(const char *, ...); int pure(void); int pure(void) { return printf("x"); }'
symbols add init/boundary.c 'int open(const char *, int, ...); int door(void); int door(void) { return open("/", 0); }'
symbols add init/launch.c 'int printf(const char *, ...); int door(void); int door(void) { return printf("x"); }'
symbols add init/launch.c 'const void *policy(void); const void *policy(void) { return (const void *)guard_decide; }'
symbols add init/loop.c 'int cmd_check(const char *); int command(void); int command(void) { return cmd_check(0); }'
symbols add init/factory_process.c 'int boundary_may(void); int policy(void); int policy(void) { return boundary_may(); }'
text add init/main.c 'static void share(void) { printf("%.1f", 0.5); }'
text add Makefile '# built in /ro''ot/somewhere'
text add deps/fetch '# from deb.deb''ian.org'
text sed -i '/SPDX/d' crypto/tao.c
text sed -i '/RUN(no_number_is_none)/d' tests/unit/test_json_number.c
text add crypto/tao.h 'int tao_start(struct tao *tao, int pid);'
text add crypto/tao.h 'int tao_set(struct tao *tao, int (*hook)(void));'
rows add crypto/root.def 'ROOT(nothing)'
rows add policy/guard.def 'GUARD(allow)'
rows cp policy/guard_allow.c policy/guard_other.c
rows sed -i '/^VERB(Stop/d' init/boundary.def
rows sed -i 's/^RPC(TAO, "Seal", Seal/RPC(TAO, "Seal", Unseal/' init/rpc.def
stack add crypto/gcm.c 'void take(char *); __attribute__((used, noipa)) void take(char *c) { *c = 0; } void deep(void); __attribute__((used)) void deep(void) { char c[9000]; take(c); }'
stack add init/launch.c 'void take(char *); __attribute__((used, noipa)) void take(char *c) { *c = 0; } void any(unsigned n); __attribute__((used)) void any(unsigned n) { take(__builtin_alloca(n)); }'
link sed -i '/^RPC(TAO, "GetTaoName"/s/rpc_get_tao_name/rpc_of_nobody/' init/rpc.def
manuals sed -i '1,/^\.Sh/s/^\.Sh .*/.Sh/' docs/taoinit.8
proto add init/proto/rpc.pb.h '/* by hand */'
proto sed -i 's/= 2;/= 3;/' init/proto/rpc.proto
ROWS
}
