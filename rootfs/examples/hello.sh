#!/bin/sh
# SPDX-License-Identifier: MIT
#
# A first service as a shell script, by the tao command. What runs here is not this file alone but also its interpreter
# and the tao command, so the manifest must say what is measured with it:
#
#	"hello-sh": { "exec": ["/bin/hello.sh"], "type": "oneshot",
#	              "measure": { "files": ["/bin/sh", "/bin/tao"] } }
set -eu

# "$(tao …) || exit" would lose the reason; set -e and an assignment keep it.
name=$(tao name)
random=$(tao random --hex 16)
echo "hello.sh: I am $name"
echo "hello.sh: random $random"
