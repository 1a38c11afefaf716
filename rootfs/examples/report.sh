#!/bin/sh
# SPDX-License-Identifier: MIT
#
# A job written as a script: asks the web server and the store whether they answer, and has the host sign what it found,
# so that somebody far away can check that this script on this machine found it (taoverify attestation). Interpreter and
# tools are measured with it:
#
#	"report": { "exec": ["/bin/report.sh"], "type": "oneshot", "requires": ["web", "store"],
#	            "measure": { "files": ["/bin/sh", "/bin/tao", "/bin/wget", …] } }
set -eu

page=$(wget -q -O - http://127.0.0.1/)
runs=$(echo "get runs" | nc -w 5 127.0.0.1 7000)
runs=$((${runs:-0} + 1))
echo "set runs $runs" | nc -w 5 127.0.0.1 7000
signed=$(tao attest --base64 "Report(\"$(echo "$page" | sha256sum | cut -c 1-64)\", $runs)")
echo "run $runs, the page begins: $(echo "$page" | head -n 1)"
echo "signed $signed"
