#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Two hundred clients of one daemon with real workers. See crowd.py.
set -eu -o pipefail
. "$DMV_SOURCE/tests/golden/lib.sh"

golden_memory_host
ok dmvctl refresh
ok dmvctl install intel-e1000e/generic@3.8.7 intel-e1000e/generic@3.9.0 intel-e1000e/alt@4.0.0
sanitized=no
! grep -q '^DMV_SANITIZE:BOOL=\(ON\|1\|TRUE\|YES\)$' "$DMV_BUILD/CMakeCache.txt" || sanitized=yes
held_by crowd $sanitized
echo "crowd: done"
