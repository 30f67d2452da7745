#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# A quota that is used up: all of the host lies in a subvolume of a btrfs with a limit of its own, so EDQUOT is the kernel's. Each
# command either works or says that there is no room; then everything is as before, and with room it works.
# Needs: root, loop devices, btrfs-progs
set -eu -o pipefail
. "$DMV_SOURCE/tests/golden/lib.sh"

golden_memory
disk=$scratch/memory/disk volume=$scratch/memory/volume
truncate -s 256M "$disk"
mkfs.btrfs -q "$disk" 2>"$scratch/err"
mkdir "$volume"
mount -o loop "$disk" "$volume"
leave() {
    local status=$?
    umount -l "$volume" || true
    (exit $status)
    golden_exit
}
trap leave EXIT
btrfs quota enable "$volume"
root=$volume/root
btrfs subvolume create "$root" >"$scratch/out"
golden_host
golden_stream
. "$DMV_SOURCE/tests/golden/room.sh"
ok dmvctl refresh
release=intel-e1000e/generic@3.8.7

# the limit in the place of a full filesystem; what is used is known after a sync
group=0/$(btrfs inspect-internal rootid "$root")
fill() {
    local used
    sync -f "$volume"
    used=$(btrfs qgroup show --raw "$volume" | awk -v group="$group" '$1 == group { print $2 }')
    btrfs qgroup limit $((used + $2 * 1024)) "$group" "$volume"
}
give_back() { btrfs qgroup limit none "$group" "$volume"; }

# A btrfs wants room for taking a name away, too, so undoing can be refused: that is said, and the next call with room does it.
has_no_room() {
    local after=$2
    if [[ $(json '["error"]["reason"]' <"$scratch/out") == state-broken ]]; then
        says state-broken "$3"
        undone_later=$((undone_later + 1))
        ok dmvctl status
        after=$(host_state)
    else
        says no-space "$3"
    fi
    as_before "$1" "$after" "$3"
}
undone_later=0

fill "$root" 64
dd if=/dev/zero of="$root/much" bs=1M count=1 2>"$scratch/err" && fail "there is no quota"
grep -q 'Disk quota exceeded' "$scratch/err" || fail "it is not the quota that says no"
give_back "$root"
rm -f "$root/much"

round "$root" "a quota" 256 0
echo "$undone_later of them were undone when there was room again"
echo "quota: done"
