#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Firmware that a release brings: see firmware.py.
set -eu -o pipefail
. "$DMV_SOURCE/tests/vm/lib.sh"
vm firmware
