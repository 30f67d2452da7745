#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# A sample of the broken releases: see broken.py. All of them: broken.py BUILD/vm probe init hang oops panic link disk unsigned.
set -eu -o pipefail
. "$DMV_SOURCE/tests/vm/lib.sh"
vm broken disk link
