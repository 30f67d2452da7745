#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# dmv-guest and the channels that it asks. See guest-worker.py.
set -eu -o pipefail

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
# It becomes another user before it reads, and the sockets of this test are root's.
chmod 755 "$scratch"
built() { grep -qE "^$1:INTERNAL=1$" "$DMV_BUILD/CMakeCache.txt" && grep -qE "^$2:BOOL=ON$" "$DMV_BUILD/CMakeCache.txt" && echo ON || echo OFF; }
python3 "$DMV_SOURCE/tests/golden/guest-worker.py" "$DMV_BUILD/bin/dmv-guest" "$DMV_SOURCE" "$scratch" \
    "$(built DMV_HAS_LIBVIRT_FOUND DMV_LIBVIRT)" "$(built DMV_HAS_XENSTORE_FOUND DMV_XENSTORE)"
echo "guest-worker: done"
