#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# A release that was installed for one kernel serves another one where every symbol version is the same, and only there. The
# judges are the real depmod and modprobe.
set -eu -o pipefail
. "$DMV_SOURCE/tests/golden/lib.sh"

modules=$root/usr/lib/modules
inbox=kernel/drivers/net/ethernet/intel/e1000e/e1000e.ko
release=intel-e1000e/generic@3.8.7

# own KVER CRC: the kernel's own e1000e, which needs two symbols of the kernel with these versions
own() {
    dmv_small_module "$modules/$1/$inbox" e1000e "$1" --alias "$e1000e_alias" --needs module_layout=0x1000 --needs "_printk=$2" \
        --needs ptp_clock_register
}

# symvers KVER SYMBOL=CRC...: the list that a distribution ships
symvers() {
    local kver=$1 pair
    shift
    for pair; do printf '%s\t%s\tvmlinux\tEXPORT_SYMBOL\t\n' "${pair#*=}" "${pair%=*}"; done | gzip >"$root/boot/symvers-$kver.gz"
}

# fit KVER MEMBER: what the release is to a kernel
fit() {
    dmvctl --json show intel-e1000e | python3 -c '
import json, sys
for r in json.load(sys.stdin)["driver"]["releases"]:
    if r["name"] == sys.argv[1]:
        print(*(f.get(sys.argv[3], "") for f in r["kernelFits"] if f["kernel"] == sys.argv[2]))' "$release" "$1" "$2"
}

# link KVER: where the link of the kernel leads
link() { readlink "$modules/$1/updates/e1000e.ko"; }

# stranded KVER REASON-WORDS: check-kernel says so, by its status as well
stranded() {
    local status=0
    dmvctl check-kernel "$1" >"$scratch/out" 2>"$scratch/err" || status=$?
    equal "$status" 10 "exit status of check-kernel $1"
    grep -qF -- "$2" "$scratch/out" || fail "check-kernel $1 does not say '$2'"
}

golden_host
for kver in "$K1" "$K2"; do
    own "$kver" 0x2000
    dmv_depmod "$root" "$kver"
done
"$publish" init "$stream" --stream demo >"$scratch/out" 2>"$scratch/err" || fail "dmv-publish init"
golden_module "$scratch/modules/e1000e.ko" e1000e "$K1" 3.8.7 generic --alias "$e1000e_alias" --needs module_layout=0x1000 \
    --needs _printk=0x2000
for tier in supported alternate; do
    variant=generic
    [[ $tier == supported ]] || variant=alt
    "$publish" release "$stream" --driver intel-e1000e --variant $variant --version 3.8.7 --kernel "$K1" --tier $tier \
        --module "$scratch/modules/e1000e.ko" --type network >"$scratch/out" 2>"$scratch/err" || fail "dmv-publish release"
done
golden_publish
golden_serve
golden_subscribe demo "$url"
ok dmvctl refresh
ok dmvctl check-kernel "$K2" # nothing is selected: nobody is left behind

# ---- built for K1, and K2 has the same versions, as its own modules prove ----
ok dmvctl install "$release"
equal "$(fit "$K1" fit)" exact "K1"
equal "$(fit "$K2" fit)" compatible "K2"
equal "$(fit "$K2" builtFor)" "$K1" "K2: built for"
ok dmvctl show intel-e1000e
grep -q "generic@3.8.7 on $K2: compatible, built for $K1" "$scratch/out" || fail "show does not say that it is compatible"
ok dmvctl select "$release" --now
for kver in "$K1" "$K2"; do
    equal "$(effective "$kver" e1000e)" updates/e1000e.ko "the real modprobe on $kver"
    equal "$(link "$kver")" "../../../dmv/store/$K1/intel-e1000e/generic/3.8.7/e1000e.ko" "the one folder, from $kver"
    equal "$(dmv_would_load "$root" "$kver" "${e1000e_alias//\*/0}" | tail -n1)" updates/e1000e.ko "by the card's alias on $kver"
done
[[ ! -e $root/usr/lib/dmv/store/$K2 ]] || fail "the release was copied for $K2"
ok dmvctl verify
ok dmvctl doctor
ok dmvctl check-kernel "$K2"
grep -q "compatible: it was built for kernel $K1" "$scratch/out" || fail "check-kernel does not say compatible"
ok dmvctl check-kernel "$K1"
grep -q "exact: " "$scratch/out" || fail "check-kernel does not say exact"
equal "$(dmvctl --json plan | json '["changed"]')" false "nothing is left to do"
ok dmvctl why "$release"
grep -q "kernel $K2: compatible, built for kernel $K1" "$scratch/out" || fail "why does not say compatible"
ok dmvctl why intel-e1000e
grep -q "kernel $K2 takes the one that was built for kernel $K1" "$scratch/out" || fail "why of the driver does not say compatible"
no_leftovers

# ---- in use as long as one kernel's link leads to it ----
refused 6 in-use remove "$release"
ok dmvctl deselect intel-e1000e # staged: the links are still there
refused 6 in-use remove "$release"
grep -q "updates/e1000e.ko of kernel" "$scratch/out" || fail "remove does not say which link leads to it"
ok dmvctl activate
for kver in "$K1" "$K2"; do equal "$(effective "$kver" e1000e)" "$inbox" "deselected on $kver"; done
ok dmvctl rollback
for kver in "$K1" "$K2"; do equal "$(effective "$kver" e1000e)" updates/e1000e.ko "rolled back on $kver"; done

# ---- the kernel of the release is removed: its folder in the store goes on serving K2 ----
mv "$modules/$K1" "$scratch/k1"
ok dmvctl rescan --now
equal "$(effective "$K2" e1000e)" updates/e1000e.ko "K1 has gone"
equal "$(dmvctl --json show intel-e1000e | json '["driver"]["releases"][1]["verdict"]')" fits "the verdict without its kernel"
refused 6 in-use remove "$release"
ok dmvctl verify
mv "$scratch/k1" "$modules/$K1"
ok dmvctl rescan --now

# ---- one version changes in K2: its own driver, in words, and check-kernel fails ----
own "$K2" 0x2001
dmv_depmod "$root" "$K2"
ok dmvctl rescan --now
equal "$(effective "$K2" e1000e)" "$inbox" "another version of _printk: the kernel's own driver"
equal "$(effective "$K1" e1000e)" updates/e1000e.ko "the kernel of the release is not concerned"
[[ ! -L $modules/$K2/updates/e1000e.ko ]] || fail "the link into a release that does not fit stayed"
equal "$(fit "$K2" fit)" none "K2 with another version"
stranded "$K2" "e1000e.ko: it needs version 0x00002000 of _printk, and there it is 0x00002001"
ok dmvctl why-not "$release"
grep -q "kernel $K2: no release for this kernel: .*0x00002000 of _printk, and there it is 0x00002001" "$scratch/out" ||
    fail "why-not does not name the symbol"
ok dmvctl why-not intel-e1000e/alt@3.8.7
tail -n1 "$scratch/out" | grep -qx "intel-e1000e/alt@3.8.7 is not installed" || fail "why-not does not end with what decides"
grep -qx "next: dmvctl install intel-e1000e/alt@3.8.7" "$scratch/err" || fail "why-not does not say what to do"
refused 3 no-such-release why-not intel-e1000e/alt@9
status=0
dmvctl doctor >"$scratch/out" 2>"$scratch/err" || status=$?
equal "$status" 10 "doctor complains"
grep -q "there is no release of $release for kernel $K2" "$scratch/out" || fail "doctor does not say that there is no release"

# ---- a symvers file has the last word, and what nobody knows is no yes ----
symvers "$K2" module_layout=0x00001000 _printk=0x00002000
ok dmvctl rescan --now
equal "$(effective "$K2" e1000e)" updates/e1000e.ko "the symvers file says that it fits"
symvers "$K2" module_layout=0x00001000
ok dmvctl rescan --now
equal "$(effective "$K2" e1000e)" "$inbox" "the symbol is gone"
stranded "$K2" "it needs _printk, which is not there"
rm "$root/boot/symvers-$K2.gz"
dmv_small_module "$modules/$K2/$inbox" e1000e "$K2" --alias "$e1000e_alias" --needs module_layout=0x1000
ok dmvctl rescan --now
equal "$(effective "$K2" e1000e)" "$inbox" "nobody knows _printk"
stranded "$K2" "no module of this kernel uses that"

# ---- a kernel to come, of which there is the symvers file only ----
K3=6.1.0-60-amd64
stranded "$K3" "there is no package of it for this kernel"
symvers "$K3" module_layout=0x00001000 _printk=0x00002000
ok dmvctl check-kernel "$K3"
grep -q "compatible: " "$scratch/out" || fail "check-kernel $K3 does not look at the symvers file"
symvers "$K3" module_layout=0x00001000 _printk=0x00003000
stranded "$K3" "it needs version 0x00002000 of _printk, and there it is 0x00003000"

# ---- alternate kernels: supported releases by the same rules, alternate ones never ----
own "$K2" 0x2000
dmv_depmod "$root" "$K2"
ok dmvctl install intel-e1000e/alt@3.8.7
ok dmvctl select intel-e1000e/alt@3.8.7 --now
equal "$(effective "$K2" e1000e)" override/e1000e.ko "an alternate release on a kernel that is none"
printf '[kernels]\nalternate=%s\n' "${K2%-*}*" >"$root/etc/dmv/dmv.conf"
ok dmvctl rescan --now
equal "$(effective "$K2" e1000e)" "$inbox" "no alternate release on an alternate kernel"
equal "$(effective "$K1" e1000e)" override/e1000e.ko "the other kernel"
stranded "$K2" "there are no alternate modules for alternate kernels"
ok dmvctl describe
grep -q "$K2.*(alternate)" "$scratch/out" || fail "describe does not show the alternate kernel"
ok dmvctl select "$release" --now
equal "$(effective "$K2" e1000e)" updates/e1000e.ko "a supported release on an alternate kernel"
ok dmvctl deselect intel-e1000e --now

# ---- adopted, with modules of K1 in the folder of K2: broken, unless the symbols say that it fits ----
folder=$modules/$K2/dmv/weak-e1000e/site
mkdir -p "$folder"
printf '{"category": "network", "name": "weak-e1000e", "version": "1.0", "variant": "site", "priority": 1, "pci_ids": {}}\n' \
    >"$folder/info.json"
for crc in 0x2000 0x2001; do
    golden_module "$folder/e1000e.ko" e1000e "$K1" 1.0 site --alias "$e1000e_alias" --needs module_layout=0x1000 --needs _printk=$crc
    ok dmvctl rescan
    if [[ $crc == 0x2000 ]]; then
        ok dmvctl select weak-e1000e/site --now
        equal "$(readlink "$modules/$K2/updates/e1000e.ko")" ../dmv/weak-e1000e/site/e1000e.ko "adopted, and it fits"
    else
        ok dmvctl activate
        equal "$(effective "$K2" e1000e)" "$inbox" "adopted, and it does not fit"
        refused 6 broken-release select weak-e1000e/site@1.0
        grep -q "was built for kernel $K1; e1000e.ko: it needs version 0x00002001 of _printk" "$scratch/out" ||
            fail "the reason is not named"
    fi
done
no_leftovers
