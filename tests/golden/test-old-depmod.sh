#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Hosts whose depmod has no `exclude` (kmod 20 and 28): variants that nobody selected are not in the index all the same.
# Runs itself and the other tests that matter where depmod is an old one, see tests/support/with-old-depmod.
set -eu -o pipefail
support=$DMV_SOURCE/tests/support
if [[ -z ${DMV_OLD_DEPMOD:-} ]]; then
    for test in golden/test-old-depmod golden/test-driver-tool golden/test-main-job fault/test-apply; do
        "$support/with-old-depmod" bash "$DMV_SOURCE/tests/$test.sh"
    done
    exit 0
fi
. "$DMV_SOURCE/tests/golden/lib.sh"

inbox=kernel/drivers/net/ethernet/intel/e1000e/e1000e.ko
golden_host
equal "$(dmvctl --json describe | json '["depmodExcludes"]')" false "this depmod knows no exclude"

# variant KVER DRIVER VARIANT VERSION MODULE [OPTION...]: as a vendor's package puts it into the tree
variant() {
    local kver=$1 driver=$2 name=$3 version=$4 module=$5
    local folder=$root/usr/lib/modules/$kver/dmv/$driver/$name
    shift 5
    golden_module "$folder/$module.ko" "$module" "$kver" "$version" "$name" "$@"
    printf '{"category":"net","name":"%s","version":"%s","variant":"%s","description":"","status":"production","priority":10,"pci_ids":{}}\n' \
        "$driver" "$version" "$name" >"$folder/info.json"
}

# plain_depmod: what another package's script runs
plain_depmod() {
    local kver
    for kver in "$K1" "$K2"; do depmod -b "$root" -C "$root/etc/depmod.d" "$kver" 2>"$scratch/err"; done
}

for kver in "$K1" "$K2"; do
    variant "$kver" e1000e dell 3.9.1 e1000e --alias "$e1000e_alias"
    variant "$kver" newnic generic 1.0 newnic --alias 'pci:v000010ECd00008139sv*sd*bc*sc*i*'
done
before=$(snapshot)

# ---- the trap: this depmod takes what nobody chose ----
plain_depmod
equal "$(effective "$K1" newnic)" dmv/newnic/generic/newnic.ko "a variant that is the only file of its name"
status=0
dmvctl --json verify >"$scratch/out" || status=$?
equal "$status" 10 "verify sees it"
grep -q 'dmv/newnic/generic/newnic.ko' "$scratch/out" || fail "verify does not name the file"

# ---- nothing is selected, and yet it is put right ----
dmvctl --json plan >"$scratch/out"
equal "$(json '["changed"]' <"$scratch/out")" true "the plan has something to do"
ok dmvctl rescan --now
for kver in "$K1" "$K2"; do
    equal "$(effective "$kver" e1000e)" "$inbox" "the kernel's own, kernel $kver"
    equal "$(effective "$kver" newnic 2>/dev/null || true)" '' "not in the index at all, kernel $kver"
    grep -Fqx "override e1000e ^$kver\$ kernel/drivers/net/ethernet/intel/e1000e" "$root/etc/depmod.d/00-dmv.conf" ||
        fail "no override line for what has another file"
    ! grep -q dmv/ "$root/usr/lib/modules/$kver/modules.dep" || fail "a variant is in the index of $kver"
done
no_leftovers
[[ -z $(find "$root/run/dmv" -name 'shadow-*') ]] || fail "a scratch folder stayed"
ok dmvctl verify
equal "$(dmvctl --json plan | json '["changed"]')" false "nothing is left to do"

# ---- a plain depmod of somebody else: the override lines hold, the rest is noticed ----
plain_depmod
for kver in "$K1" "$K2"; do equal "$(effective "$kver" e1000e)" "$inbox" "the override line holds, kernel $kver"; done
equal "$(effective "$K1" newnic)" dmv/newnic/generic/newnic.ko "depmod brings back what only a shadow can hide"
status=0
dmvctl --json doctor >"$scratch/out" || status=$?
equal "$status" 10 "doctor sees it"
ok dmvctl rescan --now
equal "$(effective "$K1" newnic 2>/dev/null || true)" '' "gone again"

# ---- the variant is selected: it is there, by its link ----
ok dmvctl select newnic/generic --any-hardware --now
for kver in "$K1" "$K2"; do equal "$(effective "$kver" newnic)" updates/newnic.ko "selected, kernel $kver"; done
ok dmvctl deselect newnic --now
equal "$(effective "$K1" newnic 2>/dev/null || true)" '' "deselected: not in the index"

# ---- a failure: everything is as before, index included ----
snapshot >"$scratch/snapshot"
mkdir -p "$root/usr/lib/modules/$K2/extra"
ln -s /nowhere/y.ko "$root/usr/lib/modules/$K2/extra/y.ko"
refused 1 tool-failed select newnic/generic --any-hardware --now
rm "$root/usr/lib/modules/$K2/extra/y.ko" && rmdir "$root/usr/lib/modules/$K2/extra"
snapshot | diff "$scratch/snapshot" - >"$scratch/out" || fail "a failed change left something behind"

# ---- the packages go: nothing of ours is left ----
ok dmvctl rollback 0
rm -r "$root/usr/lib/modules/"*/dmv
ok dmvctl rescan --now
snapshot >"$scratch/snapshot"
[[ ! -e $root/etc/depmod.d/00-dmv.conf ]] || fail "the depmod configuration stayed"
diff <(grep '\.ko ' <<<"$before" | grep -v /dmv/) <(grep '\.ko ' "$scratch/snapshot") >"$scratch/out" ||
    fail "modules are not as they were before"
echo "old depmod: done"
