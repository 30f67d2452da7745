#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Workers that crash, exit, hang, flood and lie, beside a daemon that serves on. See workers.py and bad-worker.py.
set -eu -o pipefail
. "$DMV_SOURCE/tests/golden/lib.sh"

golden_host
golden_stream
mkdir "$scratch/libexec"
cd "$scratch"
unset DMV_ROOT
python3 "$DMV_SOURCE/tests/golden/workers.py" "$DMV_BUILD/bin/dmvd" "$root" "$DMV_SYSFS" "$DMV_PROCFS" "$scratch/libexec" ||
    fail "workers.py"
echo "workers: done"
