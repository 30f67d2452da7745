#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# A host whose clock jumps by half a century, back and forth: between commands, in the middle of them, and from boot to boot.
# What is in place does not depend on it; what does depend on it says so, and is right again when the clock is.
# The clock is that of the daemon and the workers alone, see tests/support/preload/clock.c.
set -eu -o pipefail
. "$DMV_SOURCE/tests/golden/lib.sh"

golden_memory_host
. "$DMV_SOURCE/tests/golden/boots.sh"
inbox=kernel/drivers/net/ethernet/intel/e1000e/e1000e.ko
generic=intel-e1000e/generic@3.8.7
alt=intel-e1000e/alt@4.0.0
half=$((50 * 365 * 24 * 3600)) # seconds of half a century
clock=$scratch/clock jump=$scratch/jump

# at SECONDS: so far from the real time the clock is from now on; in_the_middle SECONDS: from the next start of a worker on.
at() { printf '%+020d\n' "$1" 1<>"$clock"; }
in_the_middle() { printf '%+020d\n' "$1" >"$jump"; }
at 0

shifted=(env "LD_PRELOAD=$DMV_BUILD/tests/lib/clock.so" "DMV_TEST_CLOCK=$clock" "ASAN_OPTIONS=${ASAN_OPTIONS:-}:verify_asan_link_order=0")
mkdir "$scratch/workers"
for worker in dmv-fetch dmv-apply; do
    cat >"$scratch/workers/$worker" <<SCRIPT
#!/bin/sh
if [ -e $jump ]; then
    cat $jump 1<>$clock
    rm $jump
    sleep 0.3
fi
exec ${shifted[*]} $DMV_BUILD/bin/$worker "\$@"
SCRIPT
    chmod 755 "$scratch/workers/$worker"
done
export DMV_LIBEXECDIR=$scratch/workers
chmod 755 "$scratch"
ln -s "$DMV_BUILD/bin/dmvd" "$scratch/workers/dmvd"
dmvctl() { "${shifted[@]}" "$DMV_BUILD/bin/dmvctl" "$@"; }

# jumped COMMAND...: ok, and the clock has jumped in the middle of it.
jumped() {
    ok "$@"
    [[ ! -e $jump ]] || fail "$* started no worker: the clock did not jump"
}
year() { dmvctl --json history | json '["entries"][0]["time"]' | cut -c1-4; }
state() { dmvctl --json list; snapshot; }

# whole WHAT: nothing is wrong with what is stored, and the history is in the order in which things happened.
whole() {
    ok dmvctl verify
    equal "$(dmvctl --json status | json '["problems"]')" "[]" "problems $1"
    dmvctl --json history --limit 1000 | python3 -c '
import json, sys
numbers = [e["number"] for e in json.load(sys.stdin)["entries"]]
sys.exit(numbers != list(range(len(numbers), 0, -1)))' || fail "the history is out of order $1"
    no_leftovers
}

# ---- that it jumps at all ----
ok dmvctl refresh
this_year=$(date -u +%Y)
equal "$(year)" "$this_year" "the year of the first entry"
at -$half
ok dmvctl refresh # the floor stands for the clock
ok dmvctl install $generic
equal "$(year)" "$(date -u -d "@$(($(date +%s) - half))" +%Y)" "the year of the next entry"
whole "in the past"
ok dmvctl remove $generic

# ---- a clock that is far ahead: what is new has expired, what is there goes on, and nothing of it stays ----
before=$(snapshot)
expired() {
    at "$2"
    refused 7 "$1" refresh
    json '["error"]["why"]' <"$scratch/out" | grep -q "expired at 20.*, and it is $(date -u -d "@$(($(date +%s) + $2))" +%Y-)" ||
        fail "it is not said when it expired, and what the clock says"
    json '["error"]["next"]' <"$scratch/out" | grep -q "set the clock" || fail "it is not said that the clock may be wrong"
    equal "$(dmvctl --json status | json '["streams"][0]["state"]')" stale "state of the stream far ahead"
}
expired catalog-expired $((half / 25))
expired root-expired $half
equal "$before" "$(snapshot)" "the host after a refused refresh"
at 0
ok dmvctl refresh
equal "$(dmvctl --json status | json '["streams"][0]["state"]')" ok "state of the stream when the clock is right"
whole "after a clock that was ahead"

# ---- the life of a release with a jump in the middle of each job, there and back ----
in_the_middle -$half
jumped dmvctl install $generic
in_the_middle 0
jumped dmvctl install $alt
in_the_middle $half
ok dmvctl select $generic
jumped dmvctl activate
for kver in "$K1" "$K2"; do equal "$(effective "$kver" e1000e)" updates/e1000e.ko "after an activation with a jump ahead"; done
whole "after a jump ahead"
ok dmvctl select $alt
in_the_middle -$half
jumped dmvctl activate
whole "after a jump back by a century"
equal "$(in_place)" 2 "the generation in place"
in_the_middle $half
jumped dmvctl rollback 1
equal "$(driver intel-e1000e '["selection"]')" generic@3.8.7 "what a rollback over a jump gave"
ok dmvctl rescan # far ahead, with a catalog that has expired: no reason to change anything
equal "$(effective "$K1" e1000e)" updates/e1000e.ko "after a look with an expired catalog"
at -$half
ok dmvctl undo last
equal "$(driver intel-e1000e '["selection"]')" alt@4.0.0 "what undo takes for the last change"
ok dmvctl deselect intel-e1000e --now
equal "$(effective "$K1" e1000e)" "$inbox" "after all"
whole "after everything in the past"

# ---- a pin with an end ends by the clock, and the end is not forgotten ----
at 0
ok dmvctl select $generic
ok dmvctl pin intel-e1000e --until "$(date -u -d tomorrow +%F)" --because "ticket 7"
refused 6 pinned select $alt
at $half
equal "$(driver intel-e1000e '["pinned"]')" false "a pin whose end is over"
dmvctl doctor >"$scratch/out" 2>&1 || true
grep -q 'its pin has ended' "$scratch/out" || fail "nobody says that a pin has ended"
at -$half
equal "$(driver intel-e1000e '["pinned"]')" true "a pin long before its end"
refused 6 pinned select $alt
at 0
refused 6 pinned select $alt
ok dmvctl unpin intel-e1000e
ok dmvctl deselect intel-e1000e --now

# ---- a trial waits for hours of the boot, not for the clock's ----
settings soak=3
boot
ok dmvctl select $generic --now
boot
health 0
for shift in $half -$half 0 -$half; do
    at "$shift"
    ok dmvctl status
    equal "$(phase)" trial "phase after a jump by $shift"
done
sleep 3
health 0
equal "$(phase)" good "phase after the soak, with another clock"

# ---- a clock without a battery: the boot begins in the past, and becomes right later ----
at -$half
ok dmvctl select $alt
at 0
shut_down
at -$half
boot
equal "$(phase)" trial "phase in a boot in the past"
runs $alt
health 0
at 0
sleep 3
health 0
equal "$(phase)" good "phase when the clock is right"
whole "after the boots"
echo "clock: done"
