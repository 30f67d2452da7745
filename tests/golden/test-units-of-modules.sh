#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# A driver with several modules is one unit: switching to a variant with fewer of them leaves none behind. Firmware follows the
# release that brings it.
set -eu -o pipefail
. "$DMV_SOURCE/tests/golden/lib.sh"

golden_host supermicro-x11
"$publish" init "$stream" --stream demo >/dev/null
alias='pci:v00001000d00000097sv*sd*bc*sc*i*'
echo "firmware of the release" >"$scratch/blob"
for k in "$K1" "$K2"; do
    golden_module "$scratch/m/$k/full/mpt3sas.ko" mpt3sas "$k" 50.0 full --alias "$alias" --needs raid_class_attach
    golden_module "$scratch/m/$k/full/raid_class.ko" raid_class "$k" 50.0 full --exports raid_class_attach
    golden_module "$scratch/m/$k/lean/mpt3sas.ko" mpt3sas "$k" 51.0 lean --alias "$alias"
    "$publish" release "$stream" --driver lsi-mpt3sas --variant full --version 50.0 --kernel "$k" --type storage \
        --module "$scratch/m/$k/full/mpt3sas.ko" --module "$scratch/m/$k/full/raid_class.ko" \
        --firmware "$scratch/blob=lsi/mpt3.bin" >/dev/null 2>&1
    "$publish" release "$stream" --driver lsi-mpt3sas --variant lean --version 51.0 --kernel "$k" --type storage \
        --module "$scratch/m/$k/lean/mpt3sas.ko" >/dev/null 2>&1
done
golden_publish
golden_subscribe demo "file://$stream/repo/" # a repository on a disk is as good as one on the net
chmod -R a+rX "$scratch"

ok dmvctl refresh
ok dmvctl install lsi-mpt3sas/full@50.0 lsi-mpt3sas/lean@51.0
ok dmvctl select lsi-mpt3sas/full@50.0 --now
equal "$(effective "$K1" mpt3sas)" updates/mpt3sas.ko "first module"
equal "$(effective "$K1" raid_class)" updates/raid_class.ko "second module"
equal "$(cat "$root/usr/lib/firmware/updates/$K1/lsi/mpt3.bin")" "firmware of the release" "firmware through its link"
dmv_would_load "$root" "$K1" mpt3sas | grep -qx updates/raid_class.ko || fail "the dependency is not the release's own"

ok dmvctl select lsi-mpt3sas/lean@51.0 --now
equal "$(effective "$K1" mpt3sas)" updates/mpt3sas.ko "the lean variant"
for k in "$K1" "$K2"; do
    [[ ! -L $root/usr/lib/modules/$k/updates/raid_class.ko ]] || fail "the second module was left behind for $k"
    [[ ! -L $root/usr/lib/firmware/updates/$k/lsi/mpt3.bin ]] || fail "the firmware was left behind for $k"
done
no_leftovers

# the object can be named by module, disk, or address as well
ok dmvctl deselect mpt3sas --now
equal "$(effective "$K2" mpt3sas)" kernel/drivers/scsi/mpt3sas/mpt3sas.ko "the kernel's own"
