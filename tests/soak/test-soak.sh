#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# A short soak, the same each time unless DMV_SEED says otherwise: see tests/soak/run, which prints how to do a failing one again.
set -eu -o pipefail
python3 "$DMV_SOURCE/tests/soak/run" "$DMV_BUILD" --operations "${DMV_SOAK_OPERATIONS:-300}" --seed "${DMV_SEED:-11}"
