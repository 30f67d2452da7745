#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Broken releases, those that end soonest: see broken.py.
set -eu -o pipefail
. "$DMV_SOURCE/tests/vm/lib.sh"
vm broken probe init oops
