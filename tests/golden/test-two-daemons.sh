#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Two daemons on one root, and what a dead or a stopped one leaves: sockets, locks, unfinished transactions. See two-daemons.py.
set -eu -o pipefail
. "$DMV_SOURCE/tests/golden/lib.sh"

golden_memory_host
ok dmvctl refresh
ok dmvctl install intel-e1000e/generic@3.8.7 intel-e1000e/generic@3.9.0
held_by two-daemons "$stream"
echo "two-daemons: done"
