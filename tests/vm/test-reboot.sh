#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The main job across a real reboot: see reboot.py.
set -eu -o pipefail
. "$DMV_SOURCE/tests/vm/lib.sh"
vm reboot
