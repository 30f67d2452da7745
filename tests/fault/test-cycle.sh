#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# System calls that fail, and processes that are killed at one, anywhere in the life of a release: a sample, for a minute, after those
# that have once gone wrong.
#
# DMV_FAULT_SECONDS (default 60) and DMV_FAULT_SEED decide it; `tests/fault/run BUILD` tries all of them.
set -eu -o pipefail

if grep -q '^DMV_SANITIZE:BOOL=ON' "$DMV_BUILD/CMakeCache.txt"; then
    echo "skipped: the calls of a sanitizer would be what fails"
    exit 0
fi
exec "$DMV_SOURCE/tests/fault/run" "$DMV_BUILD" --self-test --known --seconds "${DMV_FAULT_SECONDS:-60}" --seed "${DMV_FAULT_SEED:-6661}"
