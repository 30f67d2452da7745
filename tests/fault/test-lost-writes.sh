#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The power fails and what was not synced is lost: after any change that a command makes on the disk, in the orders in which
# filesystems write. See lost-writes.py and forget/. Needs: fuse3, root
#
# DMV_LOST_CASES losses are tried (default 60), chosen by DMV_LOST_SEED; `all`: every one, with DMV_LOST_SEEDS seeds (default 2), or
# of them the part I of N that DMV_LOST_SHARD=I/N says; CHANGES:ORDER:SEED: that one, as the test has printed it. DMV_LOST_COMMAND:
# only while that verb of dmvctl is at work. DMV_LOST_AGAIN=N: in one of N the power fails once more while the first loss is recovered. DMV_LOST_JOBS (default 2) are tried at the same time.
set -eu -o pipefail
[[ -x $DMV_BUILD/tests/bin/forget ]] || { echo "FAIL: no forget was built; tools/lib/packages.sh has its libraries" >&2; exit 1; }
. "$DMV_SOURCE/tests/golden/lib.sh"

export DMV_LOST=$scratch/memory DMV_LOST_STREAM=$stream DMV_LOST_KERNELS="$K1 $K2" DMV_LOST_CASES=${DMV_LOST_CASES:-60} DMV_LOST_SEED=${DMV_LOST_SEED:-9769} DMV_LOST_AGAIN=${DMV_LOST_AGAIN:-4}
golden_memory
root=$DMV_LOST/base
golden_host
. "$DMV_SOURCE/tests/golden/boots.sh"
golden_stream
. "$DMV_SOURCE/tests/golden/images.sh"
image_tool
cp "$root/images/$K1/own" "$root/boot/initrd.img-$K1"
power_on
cp -a "$root" "$DMV_LOST/back"
python3 "$DMV_SOURCE/tests/fault/lost-writes.py" record
power_on
python3 "$DMV_SOURCE/tests/fault/lost-writes.py" try
echo "lost writes: done"
