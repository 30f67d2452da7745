#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Certification in both directions: a foreign client against our server, our client against a foreign server, and
# ours against ours. Needs: varlink-go
. "$(dirname "$0")/lib.sh"
bin=$DMV_BUILD/tests/bin

start_server "$scratch/ours" "$bin/cert-service" --listen "$scratch/ours"
"$bin/cert-client" "unix:$scratch/ours"
for _ in 1 2; do
    varlink-go-certification -client "-varlink=unix:$scratch/ours" >"$scratch/log" 2>&1 || true
    cat "$scratch/log"
    # its exit status says nothing
    grep -qx "End: 'true'" "$scratch/log"
done
stop_server

# The foreign server knows no way to end well, so its status is not asked for.
start_server "$scratch/theirs" varlink-go-certification "-varlink=unix:$scratch/theirs"
"$bin/cert-client" "unix:$scratch/theirs"
