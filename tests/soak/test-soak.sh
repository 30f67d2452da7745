#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# A short soak, by a seed of the day: see tests/soak/run, which prints how to do a failing one again.
set -eu -o pipefail
python3 "$DMV_SOURCE/tests/soak/run" "$DMV_BUILD" --operations "${DMV_SOAK_OPERATIONS:-300}" ${DMV_SEED:+--seed "$DMV_SEED"}
