#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The real daemon on a bare scratch host, by a client that shares no code with it.
# Needs: python3
. "$(dirname "$0")/lib.sh"

mkdir "$scratch/root"
"$DMV_SOURCE/tests/hosts/make-host" "$DMV_SOURCE/tests/hosts/qemu-q35.host" "$scratch/hardware"
export DMV_LIBEXECDIR=$DMV_BUILD/bin

start_server "$scratch/socket" "$DMV_BUILD/bin/dmvd" --root "$scratch/root" --sysfs "$scratch/hardware/sys" \
    --procfs "$scratch/hardware/proc" --listen "$scratch/socket" 2>"$scratch/log"
python3 "$DMV_SOURCE/tests/wire/daemon.py" "$scratch/socket" "$DMV_SOURCE"
stop_server
cat "$scratch/log"
if grep 'is not what the interface declares' "$scratch/log"; then
    exit 1
fi
