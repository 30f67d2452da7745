#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The main job on real input: from a signed stream to the file that modprobe would insert, and back. The judge is always the
# real modprobe on the real index, never dmv itself.
set -eu -o pipefail
. "$DMV_SOURCE/tests/golden/lib.sh"

inbox=kernel/drivers/net/ethernet/intel/e1000e/e1000e.ko
golden_host
golden_stream

# ---- hardware ----
ok dmvctl --json devices
grep -q '0000:00:02.0' "$scratch/out" || fail "the network card is not shown"

# ---- refresh, list ----
ok dmvctl refresh
equal "$(dmvctl --json list | json '["drivers"][0]["name"]')" intel-e1000e "driver offered"
equal "$(driver intel-e1000e '["recommended"]')" intel-e1000e/generic@3.8.7 "recommended release"
equal "$(driver intel-e1000e '["selection"]')" none "selection before anything"
ok dmvctl refresh
equal "$(dmvctl --json status | json '["streams"][0]["state"]')" ok "state of the stream"

# ---- install ----
refused 6 not-installed select intel-e1000e/generic@3.8.7
before=$(snapshot)
ok dmvctl install intel-e1000e/generic@3.8.7
for k in "$K1" "$K2"; do
    [[ -f $root/usr/lib/dmv/store/$k/intel-e1000e/generic/3.8.7/e1000e.ko ]] || fail "not in the store for $k"
    equal "$(effective "$k" e1000e)" "$inbox" "installing alone changes nothing"
done
no_leftovers
ok dmvctl install intel-e1000e/generic@3.8.7 # again: nothing to do
ok dmvctl install intel-e1000e/generic@3.9.0 intel-e1000e/alt@4.0.0

# ---- select stages, activate applies ----
ok dmvctl select intel-e1000e/generic@3.8.7 --because "ticket 17"
equal "$(effective "$K1" e1000e)" "$inbox" "selecting alone changes nothing"
equal "$(driver intel-e1000e '["staged"]')" true "staged"
equal "$(dmvctl --json plan | json '["changed"]')" true "plan has something to do"
ok dmvctl plan
grep -q 'updates/e1000e.ko' "$scratch/out" || fail "the plan does not name the file"
ok dmvctl activate
for k in "$K1" "$K2"; do
    equal "$(effective "$k" e1000e)" updates/e1000e.ko "after activate, kernel $k"
    equal "$(readlink "$root/usr/lib/modules/$k/updates/e1000e.ko")" \
        "../../../dmv/store/$k/intel-e1000e/generic/3.8.7/e1000e.ko" "the link"
done
grep -Fqx "override e1000e ^$K1\$ updates" "$root/etc/depmod.d/00-dmv.conf" || fail "no override line"
no_leftovers
equal "$(dmvctl --json plan | json '["changed"]')" false "nothing is left to do"
ok dmvctl activate # again: nothing to do
ok dmvctl verify
equal "$(dmvctl --json status | json '["generation"]["number"]')" 1 "generation"
equal "$(driver intel-e1000e '["activeRelease"]')" "" "active is what the kernel has loaded, and that is another build"
ok dmvctl why intel-e1000e
ok dmvctl why enp0s2
ok dmvctl why 0000:00:02.0

# ---- what is loaded is known by its build-id ----
golden_id=$(python3 - "$root/usr/lib/dmv/store/$K2/intel-e1000e/generic/3.8.7/e1000e.ko" "$DMV_SYSFS/module/e1000e/notes/.note.gnu.build-id" <<'PY'
import subprocess, sys
subprocess.run(["objcopy", "-O", "binary", "--only-section=.note.gnu.build-id", sys.argv[1], sys.argv[2]], check=True)
print(open(sys.argv[2], "rb").read()[16:].hex())
PY
)
[[ -n $golden_id ]] || fail "no build-id"
equal "$(driver intel-e1000e '["activeRelease"]')" intel-e1000e/generic@3.8.7 "active by build-id"
equal "$(driver intel-e1000e '["modules"][0]["proof"]')" build_id "proof"
equal "$(driver intel-e1000e '["rebootNeeded"]')" false "no reboot needed"

# ---- another tier, at once ----
ok dmvctl select intel-e1000e/alt@4.0.0 --now
equal "$(effective "$K2" e1000e)" override/e1000e.ko "alternate tier"
equal "$(readlink "$root/usr/lib/modules/$K2/updates/e1000e.ko")" \
    "../../../dmv/store/$K2/intel-e1000e/alt/4.0.0/e1000e.ko" "what updates/ shows"
equal "$(driver intel-e1000e '["rebootNeeded"]')" true "another release is loaded: reboot needed"

# ---- remove: never what is selected ----
refused 6 in-use remove intel-e1000e/alt@4.0.0
ok dmvctl remove intel-e1000e/generic@3.9.0
[[ ! -e $root/usr/lib/dmv/store/$K1/intel-e1000e/generic/3.9.0 ]] || fail "removed, but still in the store"
refused 6 not-installed remove intel-e1000e/generic@3.9.0

# ---- pin ----
ok dmvctl pin intel-e1000e --because "ticket 18" --until 2099-01-01
refused 6 pinned select intel-e1000e/generic@3.8.7
refused 6 pinned deselect intel-e1000e
refused 6 pinned rollback
ok dmvctl unpin intel-e1000e

# ---- rollback ----
ok dmvctl rollback
equal "$(effective "$K1" e1000e)" updates/e1000e.ko "rolled back to the first generation"
equal "$(driver intel-e1000e '["selection"]')" generic@3.8.7 "selection after rollback"
refused 3 no-such-generation rollback 77

# ---- a foreign file does not win, and is not touched ----
mkdir -p "$root/usr/lib/modules/$K1/override"
golden_module "$scratch/foreign/e1000e.ko" e1000e "$K1" 9.9 foreign --alias "$e1000e_alias"
cp "$scratch/foreign/e1000e.ko" "$root/usr/lib/modules/$K1/override/e1000e.ko"
dmv_depmod "$root" "$K1"
equal "$(effective "$K1" e1000e)" updates/e1000e.ko "the override line beats the foreign file's rank"
ok dmvctl rescan --now
cmp -s "$scratch/foreign/e1000e.ko" "$root/usr/lib/modules/$K1/override/e1000e.ko" || fail "the foreign file was touched"

# ---- deselect: the kernel's own, proven by lookup, although the foreign file is there ----
ok dmvctl deselect intel-e1000e --now
for k in "$K1" "$K2"; do equal "$(effective "$k" e1000e)" "$inbox" "after deselect, kernel $k"; done
rm -r "$root/usr/lib/modules/$K1/override"

# ---- before a kernel is updated: would it load what is selected? ----
ok dmvctl select intel-e1000e/generic@3.8.7
ok dmvctl check-kernel "$K2"
status=0
dmvctl --json check-kernel 6.1.0-60-amd64 >"$scratch/out" || status=$?
equal "$status" 10 "a kernel that would leave a driver behind"
grep -q 'no-release-for-kernel' "$scratch/out" || fail "check-kernel does not name the reason"
ok dmvctl deselect intel-e1000e
ok dmvctl check-kernel 6.1.0-60-amd64

# ---- a new kernel: rescan plans for it, and says that nothing is there for it ----
ok dmvctl select intel-e1000e recommended --now
dmv_pristine_kernel "$root" 6.1.0-60-amd64
ok dmvctl rescan --now
equal "$(effective 6.1.0-60-amd64 e1000e)" "$inbox" "a kernel without a package loads its own"
dmvctl --json status >"$scratch/out"
grep -q 'no-release-for-kernel' "$scratch/out" || fail "status does not say that the new kernel has no release"
rm -r "$root/usr/lib/modules/6.1.0-60-amd64"
ok dmvctl rescan

# ---- a selected release vanishes: an error, and the kernel's own driver ----
mv "$root/usr/lib/dmv/store" "$scratch/away"
ok dmvctl rescan --now
equal "$(effective "$K1" e1000e)" "$inbox" "never another variant by accident"
status=0
dmvctl --json doctor >"$scratch/out" || status=$?
equal "$status" 10 "doctor has findings"
grep -q 'not-installed' "$scratch/out" || fail "doctor does not name the vanished release"
mv "$scratch/away" "$root/usr/lib/dmv/store"
ok dmvctl rescan --now
equal "$(effective "$K1" e1000e)" updates/e1000e.ko "it is back"

# ---- all the way back ----
ok dmvctl rollback 0
ok dmvctl remove intel-e1000e/generic@3.8.7
ok dmvctl remove intel-e1000e/alt@4.0.0
[[ ! -e $root/etc/depmod.d/00-dmv.conf ]] || fail "the depmod configuration stayed"
diff <(echo "$before" | grep '\.ko ') <(snapshot | grep '\.ko ') >"$scratch/out" || fail "modules are not as they were before"
dmvctl --json history --limit 1000 >"$scratch/out"
for action in refresh install select activate pin unpin rollback deselect remove; do
    grep -q "\"action\": *\"$action\"" "$scratch/out" || fail "the history misses $action"
done
grep -q 'ticket 17' "$scratch/out" || fail "the history misses the reason"

# ---- what was written about it is root's alone ----
# only_roots FOLDER MODE LEAST: the folder has that mode, and holds at least so many files that nobody else may open, and nothing else
only_roots() {
    equal "$(stat -c '%a %U %G' "$1")" "$2 root root" "whose $1 is"
    [[ $(find "$1" -type f | wc -l) -ge $3 ]] || fail "there is next to nothing in $1"
    equal "$(find "$1" -mindepth 1 \( ! -user root -o ! -group root -o -type d ! -perm 0700 -o -type f ! -perm 0600 -o \
        ! -type d ! -type f \) -printf '%P %M %u:%g\n')" "" "what others may open, or is no file, in $1"
}
only_roots "$root/var/lib/dmv" 700 10
only_roots "$root/run/dmv" 755 1
echo "main job: done"
