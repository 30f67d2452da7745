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

# ---- a journal that never got its name ----
echo half >"$root/var/lib/dmv/.dmv-new"
ok dmvctl status
no_leftovers

# ---- a catalog on its way ----
catalogs=$root/var/lib/dmv/catalogs
verified=$(sha256sum <"$catalogs/demo.json")
# not trusted yet: never believed
sed 's/3\.8\.7/3.8.8/g' "$catalogs/demo.json" >"$catalogs/demo.next"
chmod 0600 "$catalogs/demo.next"
ok dmvctl list
! grep -q 3.8.8 "$scratch/out" || fail "a catalog is believed that was never trusted"
no_leftovers
equal "$(sha256sum <"$catalogs/demo.json")" "$verified" "the catalog that is trusted"
# trusted, and the one before has its name still
mv "$catalogs/demo.json" "$catalogs/demo.next"
sed 's/3\.8\.7/3.8.6/g' "$catalogs/demo.next" >"$catalogs/demo.json"
chmod 0600 "$catalogs"/demo.*
ok dmvctl list
grep -q 3.8.7 "$scratch/out" || fail "the catalog that is trusted does not count"
no_leftovers
equal "$(sha256sum <"$catalogs/demo.json")" "$verified" "it has its name"

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

# ---- a rollback that is not in place is not wanted ----
ok dmvctl unpin intel-e1000e
wants() { echo "$(driver intel-e1000e '["selection"]') $(dmvctl --json status | json '["staged"]')"; }
# fails_at CALL VERB...: with that call of the apply worker failing
fails_at() {
    local call=$1
    shift
    DMV_ROOT=$root "$DMV_BUILD/tests/bin/fault-inject" --report "$scratch/report" --fault "dmv-apply:$call" "$DMV_BUILD/bin/dmvctl" "$@" \
        >"$scratch/out" 2>&1 || fail "fault-inject $*"
    grep -q '^injected' "$scratch/report" || fail "dmvctl $* did not come to $call"
    grep -q "^end.0$" "$scratch/report" && fail "dmvctl $* although $call failed"
    return 0
}
before=$(wants)
# the daemon died on the way: what it has stored until then
python3 - "$state" <<'PY'
import json, sys
with open(sys.argv[1] + "/state.json") as f:
    state = json.load(f)
state["before"], state["intent"] = {"intent": state["intent"], "staged": False}, {"drivers": []}
with open(sys.argv[1] + "/state.json", "w") as f:
    json.dump(state, f)
with open(sys.argv[1] + "/generations/2.json", "w") as f:
    json.dump({"number": 2, "state": "staged", "created": 1, "intent": state["intent"]}, f)
PY
chmod 0600 "$state/generations/2.json"
equal "$(wants)" "$before" "what is wanted after a rollback that never arrived"
[[ ! -e $state/generations/2.json ]] || fail "the rollback stays staged"
! grep -q before "$state/state.json" || fail "state.json still knows of the rollback"
if ! grep -q '^DMV_SANITIZE:BOOL=ON' "$DMV_BUILD/CMakeCache.txt"; then
    fails_at renameat:1:ENOSPC rollback 0
    ! grep -q "stays staged" "$scratch/out" || fail "it says that a rollback which failed is staged"
    equal "$(wants)" "$before" "what is wanted after a rollback that failed"
    # the last word of the history after a loss of power: which of the two states it is
    killed_at() { DMV_ROOT=$root "$DMV_BUILD/tests/bin/fault-inject" --report "$scratch/report" --fault "$1:POWER" "$DMV_BUILD/bin/dmvctl" "${@:2}" >"$scratch/out" 2>&1; }
    said() { dmvctl --json history --limit 1 | json '["entries"][0]["action"]'; dmvctl --json history --limit 1 | json '["entries"][0]["detail"]'; }
    killed_at dmv-apply:renameat2:1 rollback 0 || fail "fault-inject"
    equal "$(wants)" "$before" "what is wanted after a loss of power in the middle of a rollback"
    equal "$(said)" $'recover\nwhat was interrupted is undone: every file is as before it' "the history then"
    killed_at dmvd:renameat:3 rollback 0 || fail "fault-inject"
    equal "$(driver intel-e1000e '["selection"]')" none "what is wanted after a loss of power behind a rollback"
    equal "$(said)" $'recover\na rollback that was interrupted is in place' "the history then"
    equal "$(effective "$K1" e1000e)" kernel/drivers/net/ethernet/intel/e1000e/e1000e.ko "what is loaded then"
    ok dmvctl undo "$(dmvctl --json history --limit 1 | json '["entries"][0]["number"]')"
    killed_at dmvd:renameat:1 activate || fail "fault-inject"
    equal "$(effective "$K1" e1000e)" updates/e1000e.ko "after that is taken back"
    equal "$(said)" $'recover\nan activation that was interrupted is in place' "the history after a loss of power behind an activation"
    ok dmvctl status
    equal "$(said)" $'recover\nan activation that was interrupted is in place' "the history says it once"
    before=$(wants)
    # what somebody has asked for stays wanted, and that is said
    fails_at renameat:1:ENOSPC deselect intel-e1000e --now
    grep -q "generation [0-9]* stays staged" "$scratch/out" || fail "it does not say that it is staged"
    ok dmvctl activate
    equal "$(effective "$K1" e1000e)" kernel/drivers/net/ethernet/intel/e1000e/e1000e.ko "after the activation"
    ok dmvctl rollback 0
    ! grep -q before "$state/state.json" || fail "state.json still knows of a rollback that is in place"
fi
echo "leftovers: done"
