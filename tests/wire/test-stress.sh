#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# A reader that stalls, and a storm of connections.
# Needs: python3
. "$(dirname "$0")/lib.sh"
service=$DMV_BUILD/tests/bin/cert-service

# A sanitizer's shadow and quarantine are no measure of what the server needs.
limit=16384
if grep -q '^DMV_SANITIZE:BOOL=\(ON\|1\|TRUE\|YES\)$' "$DMV_BUILD/CMakeCache.txt"; then
    limit=0
fi

start_server "$scratch/socket" "$service" --listen "$scratch/socket"
python3 "$DMV_SOURCE/tests/wire/stress.py" stream "$scratch/socket" "$server" "$limit"
stop_server

rm -f "$scratch/socket"
start_server "$scratch/socket" "$service" --listen "$scratch/socket"
python3 "$DMV_SOURCE/tests/wire/stress.py" storm "$scratch/socket" "$server" "${DMV_SEED:-$$}"
stop_server
