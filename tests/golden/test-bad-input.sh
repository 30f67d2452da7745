#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Bad input gets a clear error for that item, never hides the others, and nothing is lost: broken releases, links that lead
# nowhere or elsewhere, a sysfs attribute that cannot be read, bad settings, a torn history, a broken state, a full disk.
set -eu -o pipefail
. "$DMV_SOURCE/tests/golden/lib.sh"

golden_host
golden_stream
ok dmvctl refresh
ok dmvctl install intel-e1000e/generic@3.8.7
ok dmvctl select intel-e1000e/generic@3.8.7 --now

# problem WORD: the status names it, and the rest is still there
problem() {
    dmvctl --json status >"$scratch/out"
    grep -q "$1" "$scratch/out" || fail "status does not name $1"
    grep -q 'intel-e1000e/generic@3.8.7' "$scratch/out" || fail "$1 hides the good driver"
    equal "$(effective "$K1" e1000e)" updates/e1000e.ko "the good driver with $1 about"
}

# ---- the store and adopted folders ----
store=$root/usr/lib/dmv/store/$K1
mkdir -p "$store/empty-driver/v/1"
cp "$scratch/modules/$K1/alt-4.0.0/e1000e.ko" "$store/empty-driver/v/1/"
dmvctl --json list --all >"$scratch/out"
grep -q 'empty-driver' "$scratch/out" || fail "a store folder without info.json is not named"
problem generic
mkdir -p "$root/usr/lib/modules/$K1/dmv/vendor-x/v1"
echo '{"name": "vendor-x", "pci_ids": {"x.ko": [{"vendor' >"$root/usr/lib/modules/$K1/dmv/vendor-x/v1/info.json"
problem vendor-x
ln -s loop "$root/usr/lib/modules/$K1/dmv/loop"
problem vendor-x
rm -r "$store/empty-driver" "$root/usr/lib/modules/$K1/dmv"

# ---- links ----
ln -s /nowhere/ice.ko "$root/usr/lib/modules/$K1/updates/ice.ko"
ln -s ../kernel/drivers/net/ethernet/intel/igb/igb.ko "$root/usr/lib/modules/$K1/updates/igb.ko"
status=0
dmvctl --json doctor >"$scratch/out" || status=$?
equal "$status" 10 "doctor has findings"
grep -q 'updates/ice.ko' "$scratch/out" || fail "doctor does not name the dangling link"
grep -q 'updates/igb.ko' "$scratch/out" || fail "doctor does not name the foreign link"
problem generic
ok dmvctl rescan
[[ -L $root/usr/lib/modules/$K1/updates/ice.ko && -L $root/usr/lib/modules/$K1/updates/igb.ko ]] || fail "foreign links were removed"
# depmod says an error for a dangling link and exits with 0: activation must not take that for success
ok dmvctl install intel-e1000e/generic@3.9.0
before=$(snapshot)
refused 1 tool-failed select intel-e1000e/generic@3.9.0 --now
[[ $(snapshot) == "$before" ]] || fail "the failed activation changed something: $(diff <(echo "$before") <(snapshot))"
no_leftovers
rm "$root/usr/lib/modules/$K1/updates/ice.ko" "$root/usr/lib/modules/$K1/updates/igb.ko"
ok dmvctl activate
equal "$(readlink "$root/usr/lib/modules/$K1/updates/e1000e.ko")" \
    "../../../dmv/store/$K1/intel-e1000e/generic/3.9.0/e1000e.ko" "activated once the link is gone"
ok dmvctl rollback

# ---- hardware ----
device=$DMV_SYSFS/bus/pci/devices/0000:00:1f.2
mv "$device/modalias" "$scratch/modalias" && mkdir "$device/modalias"
problem 0000:00:1f.2
rmdir "$device/modalias" && mv "$scratch/modalias" "$device/modalias"

# ---- settings and streams ----
printf '[daemon]\nidle-timeout=soon\n' >"$root/etc/dmv/dmv.conf"
printf '[stream]\nurl=gopher://x/\n' >"$root/etc/dmv/streams.d/bad.conf"
problem dmv.conf
grep -q 'bad.conf' "$scratch/out" || fail "the bad stream is not named"
ok dmvctl refresh
rm "$root/etc/dmv/dmv.conf" "$root/etc/dmv/streams.d/bad.conf"

# ---- history: a torn tail hides nothing, and the next entry goes on ----
entries() { dmvctl --json history --limit 1000 | json '["entries"].__len__()'; }
n=$(entries)
truncate -s -7 "$root/var/lib/dmv/history.jsonl"
printf '\377\377 rubbish' >>"$root/var/lib/dmv/history.jsonl"
equal "$(entries)" $((n - 1)) "entries before a torn tail"
status=0
dmvctl --json verify >"$scratch/out" || status=$?
equal "$status" 10 "verify notices the torn history"
ok dmvctl pin intel-e1000e
ok dmvctl verify
equal "$(entries)" $((n + 1)) "entries after the next one, of which one tells of the torn tail"
[[ -s $root/var/lib/dmv/history.jsonl.broken ]] || fail "the torn tail was thrown away"
ok dmvctl unpin intel-e1000e

# ---- state ----
cp "$root/var/lib/dmv/state.json" "$scratch/state.json"
for bad in '' '{"format":"dmv-state-1","current":1' '{"format":"dmv-state-9","current":1,"intent":{"drivers":[]}}' '[]'; do
    printf '%s' "$bad" >"$root/var/lib/dmv/state.json"
    refused 1 state-broken select intel-e1000e/generic@3.9.0
    refused 1 state-broken activate
    ok dmvctl list
    equal "$(cat "$root/var/lib/dmv/state.json")" "$bad" "a broken state is kept for whoever looks"
done
cp "$scratch/state.json" "$root/var/lib/dmv/state.json"
ok dmvctl verify

# ---- a state that somebody else can have written ----
state=$root/var/lib/dmv
# planted FILE ARGUMENTS...: for each way in which FILE is not root's own, dmvctl with these arguments, if any, is refused, doctor has a
# finding, and dmvctl goes on answering
planted() {
    local file=$1 way
    shift
    cp -p "$file" "$scratch/own"
    for way in 'chown 12345 "$file"' 'chmod 660 "$file"' 'chmod 602 "$file"' 'ln -sf ../../../../own "$file"' \
        'rm "$file"; mkfifo "$file"' 'chown 12345 "${file%/*}"' 'chmod 770 "${file%/*}"'; do
        eval "$way"
        [[ $# -eq 0 ]] || refused 1 state-broken "$@"
        ok dmvctl list
        dmvctl --json doctor >"$scratch/out" || true
        grep -q '"state-broken"' "$scratch/out" || fail "$way: doctor does not say it"
        chown 0 "${file%/*}" && chmod 700 "${file%/*}"
        rm "$file" && cp -p "$scratch/own" "$file"
    done
    ok dmvctl verify
}
planted "$state/state.json" select intel-e1000e/generic@3.9.0
planted "$(find "$state/generations" -name '*.json' | head -n1)" activate
# trust has its copy to go on with
planted "$state/trust/demo.json"
chmod 666 "$state/catalogs/demo.json"
equal "$(dmvctl --json status | json '["streams"][0]["state"]')" refused "a catalog that others may write"
chmod 600 "$state/catalogs/demo.json"
chmod 606 "$state/history.jsonl"
status=0
dmvctl --json verify >"$scratch/out" || status=$?
equal "$status" 10 "verify notices a history that others may write"
chmod 600 "$state/history.jsonl"
ok dmvctl verify

# ---- a full disk ----
mkdir -p "$scratch/small"
mount -t tmpfs -o size=64k tmpfs "$scratch/small"
mv "$root/usr/lib/dmv" "$scratch/dmv-away"
mkdir "$root/usr/lib/dmv"
mount --move "$scratch/small" "$root/usr/lib/dmv" 2>/dev/null || mount --bind "$scratch/small" "$root/usr/lib/dmv"
head -c 60000 /dev/zero >"$root/usr/lib/dmv/ballast"
refused 1 no-space install intel-e1000e/alt@4.0.0
find "$root/usr/lib/dmv" -name '*.ko' | grep -q . && fail "a full disk left files behind"
umount "$root/usr/lib/dmv" || umount -l "$root/usr/lib/dmv"
umount -l "$scratch/small" 2>/dev/null || true
rmdir "$root/usr/lib/dmv"
mv "$scratch/dmv-away" "$root/usr/lib/dmv"
ok dmvctl verify

# ---- two drivers that want the same module ----
for k in "$K1" "$K2"; do
    "$publish" release "$stream" --driver other-e1000e --variant x --version 1 --kernel "$k" --type network \
        --module "$scratch/modules/$k/alt-4.0.0/e1000e.ko" >/dev/null 2>&1
done
golden_publish
ok dmvctl refresh
ok dmvctl install other-e1000e/x@1
refused 6 conflict select other-e1000e/x@1
equal "$(driver intel-e1000e '["selection"]')" generic@3.8.7 "the refused selection changed nothing"
echo "bad input: done"
