#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# A sample of the power cuts: see power-cuts.py. All of them: power-cuts.py BUILD/vm --count 30 --steps, and once more with --initrd.
set -eu -o pipefail
. "$DMV_SOURCE/tests/vm/lib.sh"
vm power-cuts --count 2
