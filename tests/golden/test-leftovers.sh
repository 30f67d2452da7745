#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# What processes that died have left goes with the next call, whatever it is, and what is not theirs stays.
set -eu -o pipefail
. "$DMV_SOURCE/tests/golden/lib.sh"

# shellcheck disable=SC2119 # the default host
golden_host
"$publish" init "$stream" --stream demo >"$scratch/out" 2>"$scratch/err" || fail "dmv-publish init"
chmod 0755 "$scratch"
golden_release 3.8.7 generic
golden_publish
golden_subscribe demo "file://$stream/repo/"

# ---- a first refresh that cannot store what it trusts is no loss of trust ----
mkdir -p "$root/var/lib"
mkdir -m 0700 "$root/var/lib/dmv"
ln -s nowhere "$root/var/lib/dmv/trust"
status=0
dmvctl refresh >"$scratch/out" 2>"$scratch/err" || status=$?
[[ $status -ne 0 ]] || fail "a refresh without a place for what is trusted"
rm "$root/var/lib/dmv/trust"
dmvctl doctor >"$scratch/out" 2>"$scratch/err" || true
grep -q "no catalog of stream demo was fetched yet" "$scratch/out" || fail "doctor does not say what is missing"
! grep -q damaged "$scratch/out" || fail "what never was counts as damaged"
ok dmvctl refresh
ok dmvctl install intel-e1000e/generic@3.8.7

# ---- temporary files of a daemon, half a release, a kept index, a kept kernel ----
half=$root/usr/lib/dmv/store/.staging-0123456789abcdef
leave() {
    local folder
    for folder in "" catalogs/ trust/ generations/; do
        mkdir -p "$root/var/lib/dmv/$folder"
        echo half >"$root/var/lib/dmv/${folder}.dmv-0123456789abcdef.tmp"
    done
    mkdir -p "$half" "$root/usr/lib/modules/$K1/.dmv-index" "$root/usr/lib/modules/.dmv-switch/$K1"
    touch "$half/e1000e.ko" "$root/usr/lib/modules/$K1/.dmv-index/modules.dep"
}
before=$(snapshot)
entries=$(dmvctl --json history | json '["entries"].__len__()')
leave
ok dmvctl status
no_leftovers
equal "$(snapshot)" "$before" "the host after the leftovers have gone"
equal "$(dmvctl --json history | json '["entries"].__len__()')" "$entries" "entries of the history"

# ---- as long as somebody holds the lock they may be his ----
leave
exec 9>>"$root/run/dmv/apply.lock"
flock 9
ok dmvctl status
[[ -d $half ]] || fail "half a release of a worker that lives is gone"
exec 9>&-
ok dmvctl status
no_leftovers

# ---- what is not the worker's ----
touch "$root/usr/lib/dmv/store/.hidden"
ok dmvctl status
[[ -e $root/usr/lib/dmv/store/.hidden ]] || fail "somebody else's file is gone"

# ---- state.json decides what is wanted, and the generations follow it ----
state=$root/var/lib/dmv
generation() { dmvctl --json status | json "['generation']['$1']"; }
# staged, but the intent was never stored
ok dmvctl select intel-e1000e/generic@3.8.7
mv "$state/state.json" "$scratch/wanted"
equal "$(driver intel-e1000e '["selection"]')" none "selection without an intent"
equal "$(generation number)" "" "generation that nobody wants"
[[ ! -e $state/generations/1.json ]] || fail "what is staged and not wanted stayed"
ok dmvctl activate
equal "$(effective "$K1" e1000e)" kernel/drivers/net/ethernet/intel/e1000e/e1000e.ko "nothing was wanted"
# wanted, but what was staged is gone
cp -p "$scratch/wanted" "$state/state.json"
equal "$(driver intel-e1000e '["staged"]')" true "staged again"
[[ -e $state/generations/1.json ]] || fail "what is wanted is not staged"
ok dmvctl activate
equal "$(effective "$K1" e1000e)" updates/e1000e.ko "what was wanted"
# in place, but its file does not say so yet
sed -i 's/"state":"trial"/"state":"staged"/' "$state/generations/1.json"
equal "$(generation state)" trial "state of the generation in place"
grep -q '"state":"trial"' "$state/generations/1.json" || fail "the file does not say so"
equal "$(dmvctl --json generations | json '["generations"].__len__()')" 1 "generations"
# a pin is no other selection
ok dmvctl pin intel-e1000e --because "ticket 1"
equal "$(generation number)" 1 "generation after a pin"
equal "$(dmvctl --json generations | json '["generations"].__len__()')" 1 "generations after a pin"
echo "leftovers: done"
