#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Raw bytes against our server, and the ways in which a service manager hands sockets over.
# Needs: python3
. "$(dirname "$0")/lib.sh"
service=$DMV_BUILD/tests/bin/cert-service

start_server "$scratch/socket" "$service" --listen "$scratch/socket" --max-connections 8 --max-per-uid 3
python3 "$DMV_SOURCE/tests/wire/probe.py" "$scratch/socket" \
    "$DMV_SOURCE/src/lib/varlink/org.varlink.service.varlink" 8 3 "$server"
stop_server

python3 "$DMV_SOURCE/tests/wire/activation.py" "$service"
