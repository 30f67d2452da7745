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
arguments=("$DMV_SOURCE/tests/golden/daemon.py" "$DMV_BUILD/bin/dmvd" "$root" "$DMV_SYSFS" "$DMV_PROCFS"
    "$DMV_SOURCE/src/lib/varlink/io.dmv.Manager.varlink")
python3 "${arguments[@]}" || fail "daemon.py"
# the journal's socket is a fixed path: a /run of our own stands in for the machine's
unshare -m sh -c 'mount -t tmpfs tmpfs /run && exec python3 "$@"' sh "${arguments[@]}" journal || fail "daemon.py journal"
echo "daemon: done"
