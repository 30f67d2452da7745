#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# A host whose filesystems are full, or become so in the middle: the root, what the state lies on, and /boot. Each command either works or
# says that there is no room; then everything is as before, nothing is left over, and with room it works. Needs: root
set -eu -o pipefail
. "$DMV_SOURCE/tests/golden/lib.sh"

golden_memory
root=$scratch/memory/root
mkdir "$root"
mount -t tmpfs -o size=48m dmv-full "$root"
golden_host
golden_stream
mkdir "$root/usr/lib/dmv" # as the package brings it
ok dmvctl refresh
state=$root/var/lib/dmv
release=intel-e1000e/generic@3.8.7

. "$DMV_SOURCE/tests/golden/room.sh"

round "$root/run" / 64 0

# ---- /var is a filesystem of its own ----
cp -a "$state" "$scratch/state"
mount -t tmpfs -o size=16m,mode=0700 dmv-full "$state"
cp -a "$scratch/state/." "$state/"
round "$state" /var 64 0
umount "$state"

# ---- /boot is a filesystem of its own ----
. "$DMV_SOURCE/tests/golden/images.sh"
boot=$root/boot
cp -a "$boot" "$scratch/boot"
mount -t tmpfs -o size=12m dmv-full "$boot"
cp -a "$scratch/boot/." "$boot/"
image_tool
truncate -s 16M "$root/images/zeros"
for kver in "$K1" "$K2"; do cp "$root/images/$kver/own" "$boot/initrd.img-$kver"; done
ok dmvctl install $release
ok dmvctl select $release

# nothing_in_boot: but what was there before
nothing_in_boot() { equal "$(find "$boot" -name '*.dmv-*' -o -name '.dmv-*' -o -name ballast)" "" "$1: left in /boot"; }

# full beforehand: refused before anything is built, also with room for the images and none for those that are kept
for left in 0 1024 5000; do
    before=$(host_state)
    fill "$boot" $left
    refused 1 no-space activate
    after=$(host_state)
    give_back "$boot"
    has_no_room "$before" "$after" "activate with $left KiB in /boot"
    nothing_in_boot "with $left KiB"
done

# it fills up while an image is built: the first one, or the second one
full='cat /images/zeros >/boot/ballast 2>&-'
for body in "$full; cat \"\$image\" >\"\$2\"" \
    "[ \$3 = $K1 ] || $full; cat \"\$image\" >\"\$2\""; do
    image_tool "$body"
    before=$(host_state)
    status=0
    dmvctl --json activate >"$scratch/out" 2>"$scratch/err" || status=$?
    rm "$boot/ballast"
    ((status > 0)) || fail "activate while /boot filled up by '$body'"
    has_no_room "$before" "$(host_state)" "activate while /boot filled up by '$body'"
    nothing_in_boot "$body"
done

# right after the last one is ready: what is left to do takes no room
image_tool "cat \"\$image\" >\"\$2\"; [ \$3 = $K1 ] || $full; true"
ok dmvctl activate
rm "$boot/ballast"
image_tool
for kver in "$K1" "$K2"; do
    cmp "$boot/initrd.img-$kver" "$root/images/$kver/generic-3.8.7" || fail "the image of $kver"
    equal "$(effective "$kver" e1000e)" updates/e1000e.ko "with an image that is ready"
done
try "$boot" 0 deselect intel-e1000e
try "$boot" 0 activate
for kver in "$K1" "$K2"; do cmp "$boot/initrd.img-$kver" "$root/images/$kver/own" || fail "the image of $kver afterwards"; done
ok dmvctl verify
echo "disk full: done"
