#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Two daemons on one root, and what a dead or a stopped one leaves: sockets, locks, unfinished transactions. See two-daemons.py.
set -eu -o pipefail
. "$DMV_SOURCE/tests/golden/lib.sh"

golden_memory
root=$scratch/memory/root
golden_host
golden_stream
ok dmvctl refresh
ok dmvctl install intel-e1000e/generic@3.8.7 intel-e1000e/generic@3.9.0
cd "$scratch"
unset DMV_ROOT
"$DMV_SOURCE/tests/support/with-depmod" "$DMV_SOURCE/tests/support/held-depmod/depmod" python3 "$DMV_SOURCE/tests/golden/two-daemons.py" \
    "$DMV_BUILD/bin/dmvd" "$root" "$DMV_SYSFS" "$DMV_PROCFS" "$stream" || fail "two-daemons.py"
echo "two-daemons: done"
