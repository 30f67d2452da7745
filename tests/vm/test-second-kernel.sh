#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# A second kernel: see second-kernel.py.
set -eu -o pipefail
. "$DMV_SOURCE/tests/vm/lib.sh"
vm second-kernel
