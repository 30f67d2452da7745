#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The life of the daemon as a service manager sees it: activation, readiness, watchdog, idle exit, one job at a time, events,
# signals. See daemon.py.
set -eu -o pipefail
. "$DMV_SOURCE/tests/golden/lib.sh"

golden_host
golden_stream
cd "$scratch"
unset DMV_ROOT
python3 "$DMV_SOURCE/tests/golden/daemon.py" "$DMV_BUILD/bin/dmvd" "$root" "$DMV_SYSFS" "$DMV_PROCFS" \
    "$DMV_SOURCE/src/lib/varlink/io.dmv.Manager.varlink" || fail "daemon.py"
echo "daemon: done"
