#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The fixtures themselves: what other tests build on has to be what they think it is, by the word of the real tools.
set -eu -o pipefail
. "$DMV_SOURCE/tests/support/pristine-host.sh"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
root=$scratch/host

fail() {
    echo "FAIL: $*" >&2
    exit 1
}
equal() { [[ $1 == "$2" ]] || fail "$3: got '$1', want '$2'"; }

dmv_pristine_host "$root"
for kver in "${DMV_PRISTINE_KERNELS[@]}"; do
    equal "$(dmv_would_load "$root" "$kver" e1000e | tail -n1)" kernel/drivers/net/ethernet/intel/e1000e/e1000e.ko "$kver by name"
    equal "$(dmv_would_load "$root" "$kver" pci:v00001000d0000005Dsv00001028sd00001F49bc01sc04i00)" \
        $'kernel/drivers/scsi/scsi_mod.ko\nkernel/drivers/scsi/megaraid/megaraid_sas.ko' "$kver by device, with a dependency"
    equal "$(dmv_would_load "$root" "$kver" pci:v0000144Dd0000A808sv0000144Dsd0000A801bc01sc08i02 | tail -n1)" \
        kernel/drivers/nvme/host/nvme.ko "$kver by class"
done

# the recorded hosts find their drivers here: modalias_of ID CLASS SUB
modalias_of() {
    local id=${1^^} class=${2^^} sub=${3^^}
    echo "pci:v0000${id%:*}d0000${id#*:}sv0000${sub%:*}sd0000${sub#*:}bc${class:0:2}sc${class:2:2}i${class:4:2}"
}
found=0
while read -r line; do
    # what is kept for guests is not driven by its own driver
    [[ $line == device*driver=* && $line != *module=none* && $line != *driver=pciback* ]] || continue
    [[ $line =~ \ id=([0-9a-f:]*) ]] && id=${BASH_REMATCH[1]}
    [[ $line =~ \ class=([0-9a-f]*) ]] && class=${BASH_REMATCH[1]}
    sub=0000:0000
    [[ ! $line =~ \ sub=([0-9a-f:]*) ]] || sub=${BASH_REMATCH[1]}
    [[ $line =~ \ driver=([^ ]*) ]] && want=${BASH_REMATCH[1]}
    [[ ! $line =~ \ module=([^ ]*) ]] || want=${BASH_REMATCH[1]}
    file=$(dmv_would_load "$root" "$kver" "$(modalias_of "$id" "$class" "$sub")" | tail -n1)
    name=${file##*/}
    equal "$(tr - _ <<<"${name%.ko}")" "$(tr - _ <<<"$want")" "driver of: $line"
    found=$((found + 1))
done < <(cat "$DMV_SOURCE"/tests/hosts/*.host)
((found >= 10)) || fail "only $found devices with a driver in the recorded hosts"

# a link in updates/ wins by depmod's default order, and --salt makes another file of the same words
kver=${DMV_PRISTINE_KERNELS[0]}
tree=$root/usr/lib/modules/$kver
mkdir -p "$root/usr/lib/dmv/store" "$tree/updates"
dmv_small_module "$root/usr/lib/dmv/store/e1000e.ko" e1000e "$kver" --version 3.8.7 --variant dell --note-version 3.8.7 \
    --firmware intel/x.bin --alias 'pci:v00008086d000010D3sv*sd*bc*sc*i*'
ln -s ../../../dmv/store/e1000e.ko "$tree/updates/e1000e.ko"
dmv_depmod "$root" "$kver"
equal "$(dmv_would_load "$root" "$kver" e1000e)" updates/e1000e.ko "a link in updates"
equal "$(modinfo -F version "$root/usr/lib/dmv/store/e1000e.ko")" 3.8.7 version
equal "$(modinfo -F vermagic "$root/usr/lib/dmv/store/e1000e.ko")" "$kver SMP preempt mod_unload modversions " vermagic
readelf -nW "$root/usr/lib/dmv/store/e1000e.ko" >"$scratch/notes"
grep -q 'Build ID: [0-9a-f]\{40\}$' "$scratch/notes" || fail "no build-id note"
grep -q '64 65 6c 6c 00' "$scratch/notes" || fail "no variant note"
dmv_small_module "$scratch/salted.ko" e1000e "$kver" --version 3.8.7 --salt other
dmv_small_module "$scratch/plain.ko" e1000e "$kver" --version 3.8.7
! cmp -s "$scratch/salted.ko" "$scratch/plain.ko" || fail "--salt changes nothing"

# what must not pass for success
dmv_small_module "$scratch/x.ko" x "$kver" --nonsense 1 2>/dev/null && fail "an unknown option was accepted"
rm "$root/usr/lib/dmv/store/e1000e.ko"
dmv_depmod "$root" "$kver" 2>/dev/null && fail "depmod over a dangling link was taken for success"
echo "fixtures hold"
