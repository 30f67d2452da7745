#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# What the history says can be taken back: by number, range and `last`, as one change with one plan, all of it or nothing. The judge
# is the real modprobe, and the intent as it was before.
set -eu -o pipefail
. "$DMV_SOURCE/tests/golden/lib.sh"

inbox=kernel/drivers/net/ethernet/intel/e1000e/e1000e.ko
golden_host
golden_stream
state=$root/var/lib/dmv
ok dmvctl refresh
ok dmvctl install intel-e1000e/generic@3.8.7 intel-e1000e/generic@3.9.0 intel-e1000e/alt@4.0.0

newest() { dmvctl --json history --limit 1 | json "['entries'][0]$1"; }
selection() { driver intel-e1000e '["selection"]'; }
intent() { json '["intent"]' <"$state/state.json"; }

# ---- nothing yet ----
refused 6 nothing-to-undo undo last
refused 6 nothing-to-undo undo 1
refused 3 no-such-entry undo 99
refused 2 invalid-request undo 0

# ---- last: there, back, and back again ----
before=$(snapshot)
ok dmvctl select intel-e1000e/generic@3.8.7 --now
first=$(($(newest '["number"]') - 1)) # behind it comes what activated it
equal "$(effective "$K1" e1000e)" updates/e1000e.ko "after select"
equal "$(dmvctl --json history | json '["entries"][1]["changes"][0]["after"]')" generic@3.8.7 "what the entry says it changed"
ok dmvctl undo last --dry-run
grep -q "would take back entry $first\$" "$scratch/out" || fail "a dry run does not say what"
equal "$(selection)" generic@3.8.7 "a dry run changes nothing"
ok dmvctl undo last --because "ticket 18"
equal "$(selection)" none "selection after undo"
equal "$(effective "$K1" e1000e)" updates/e1000e.ko "undo stages"
equal "$(newest '["action"]') $(newest '["because"]')" "undo ticket 18" "the entry of the undo"
ok dmvctl activate
equal "$(effective "$K1" e1000e)" "$inbox" "after undo"
equal "$(grep -v depmod.d <<<"$(snapshot)" | grep -v modules | sort)" "$(grep -v depmod.d <<<"$before" | grep -v modules | sort)" "the host after undo"
ok dmvctl undo last --now
equal "$(selection) $(effective "$K1" e1000e)" "generic@3.8.7 updates/e1000e.ko" "the undo is undone"
ok dmvctl verify

# ---- what was withdrawn meanwhile is not selected again, as select would not ----
ok dmvctl deselect intel-e1000e
"$publish" revoke "$stream" intel-e1000e/generic@3.8.7 --reason "drops packets" >"$scratch/out" 2>&1 || fail "dmv-publish revoke"
golden_publish
ok dmvctl refresh
was=$(intent)
refused 6 revoked undo last
refused 6 revoked undo last --dry-run
equal "$(intent)" "$was" "the intent after a refusal"
"$publish" revoke "$stream" intel-e1000e/generic@3.8.7 --undo >"$scratch/out" 2>&1 || fail "dmv-publish revoke --undo"
golden_publish
ok dmvctl refresh
ok dmvctl undo last
equal "$(selection)" generic@3.8.7 "selection after the undo"

# ---- ranges, pins, and what is skipped ----
was=$(intent)
ok dmvctl select intel-e1000e/generic@3.9.0
from=$(newest '["number"]')
ok dmvctl pin intel-e1000e --because "hands off"
refused 6 conflict undo "$from"
grep -q "entry $((from + 1)) (pin)" "$scratch/out" || fail "the entry in the way is not named"
ok dmvctl refresh
ok dmvctl unpin intel-e1000e
ok dmvctl select intel-e1000e/alt@4.0.0
ok dmvctl pin intel-e1000e
to=$(newest '["number"]')
same=$(sha256sum <"$state/state.json")
refused 6 conflict undo "$from..$((to - 1))"
refused 6 conflict undo "$from"
equal "$(sha256sum <"$state/state.json")" "$same" "a refusal changes nothing"
ok dmvctl undo "$from..$to"
grep -q '^nothing to take back in entr' "$scratch/out" || fail "what was skipped is not said"
equal "$(intent)" "$was" "the intent before the range"
ok dmvctl undo last
equal "$(selection) $(driver intel-e1000e '["pinned"]')" "alt@4.0.0 true" "all of it again"
refused 6 pinned select intel-e1000e inbox
ok dmvctl undo last
equal "$(intent)" "$was" "and back"

# ---- only a pin: no new generation ----
generations=$(dmvctl --json generations)
ok dmvctl pin intel-e1000e
ok dmvctl undo last --now
equal "$(dmvctl --json generations)" "$generations" "generations after the undo of a pin"
equal "$(intent)" "$was" "the intent after the undo of a pin"

# ---- rollback is a change like another ----
ok dmvctl select intel-e1000e/generic@3.9.0 --now
ok dmvctl rollback
equal "$(selection)" generic@3.8.7 "after rollback"
ok dmvctl undo last --now
equal "$(selection) $(newest '["action"]')" "generic@3.9.0 activate" "the rollback is undone"
ok dmvctl verify

# ---- what is not there any more is not selected again ----
ok dmvctl select intel-e1000e/alt@4.0.0 --now
ok dmvctl remove intel-e1000e/generic@3.9.0
refused 6 not-installed undo last
equal "$(selection)" alt@4.0.0 "after a refusal"

# ---- an entry without what it changed, as they were written before ----
n=$(newest '["number"]')
python3 - "$state/history.jsonl" <<'PY'
import hashlib, json, sys
lines = open(sys.argv[1], "rb").read().splitlines()
entry = {"number": json.loads(lines[-1])["number"] + 1, "time": 5, "action": "select", "object": "intel-e1000e", "outcome": "ok",
         "previous": hashlib.sha256(lines[-1]).hexdigest()}
open(sys.argv[1], "ab").write(json.dumps(entry).encode() + b"\n")
PY
refused 6 not-recorded undo $((n + 1))
refused 6 not-recorded undo last

# ---- what is recorded is what verify finds: breaks, and where ----
history=$state/history.jsonl
cp "$history" "$scratch/whole"

# broken WORDS: verify says them, and nothing else is the matter
broken() {
    local status=0
    dmvctl --json verify >"$scratch/out" || status=$?
    equal "$status" 10 "verify with a broken history ($1)"
    grep -qF "$1" "$scratch/out" || fail "verify does not say '$1'"
    equal "$(grep -o '"reason":"state-broken"' "$scratch/out" | wc -l)" "${2-1}" "findings ($1)"
    ok dmvctl list
}

sed -i 3d "$history"
broken "line 3, at byte $(head -n2 "$scratch/whole" | wc -c), where entry 3 belongs: it does not continue the line before it"
cp "$scratch/whole" "$history"
truncate -s +4096 "$history"
broken "4096 bytes of zero, as a loss of power leaves them"
printf 'garbage\n' | cat - "$scratch/whole" >"$history"
broken "line 1, at byte 0, where entry 1 belongs"
head -n5 "$scratch/whole" >"$history" # an older copy
broken "it ends with entry 5, but entry "
rm "$history"
broken "it ends with entry 0, but entry "
cp "$scratch/whole" "$history"
python3 "$DMV_SOURCE/tests/golden/chain.py" rehash "$history" 4 "it was somebody else"
broken "another one than was there when the state was stored"
cp "$scratch/whole" "$history"
ok dmvctl verify

# ---- two breaks: what the first one left is not written over, and the history tells of both ----
printf 'torn once' >>"$history"
ok dmvctl pin intel-e1000e
printf 'torn twice' >>"$history"
ok dmvctl unpin intel-e1000e
equal "$(cat "$history.broken") and $(cat "$history.broken.2")" "torn once and torn twice" "what was set aside"
equal "$(dmvctl --json history --all | grep -o '"action":"history"' | wc -l)" 2 "entries about breaks"
ok dmvctl verify

# ---- bounded: the live file becomes the older one, and the chain goes across ----
python3 "$DMV_SOURCE/tests/golden/chain.py" long "$history" 4000
python3 - "$state/state.json" <<'PY'
import json, sys
state = json.load(open(sys.argv[1]))
del state["history"]
json.dump(state, open(sys.argv[1], "w"), separators=(",", ":"))
PY
ok dmvctl verify
ok dmvctl pin intel-e1000e
equal "$(wc -l <"$history.1") $(wc -l <"$history")" "4000 1" "lines of both files"
ok dmvctl unpin intel-e1000e
equal "$(python3 "$DMV_SOURCE/tests/golden/chain.py" check "$history.1" "$history")" 4002 "the chain across both files"
ok dmvctl verify
equal "$(dmvctl --json history --all | json '["entries"].__len__()')" 4002 "entries of both files"
equal "$(dmvctl --json history | json '["entries"].__len__()')" 50 "entries without --all"
ok dmvctl undo 4001..4002
mv "$history.1" "$scratch/older"
broken "line 1, at byte 0, where entry 1 belongs: the file before it is missing"
refused 3 no-such-entry undo 4000
head -n3999 "$scratch/older" >"$history.1" && chmod 600 "$history.1"
broken "it does not continue the end of the file before it"
sed 7d "$scratch/older" >"$history.1"
broken "history.jsonl.1" 2
cp -p "$scratch/older" "$history.1"
# between the rename and the next entry, where a crash may leave it
mv "$history" "$scratch/live"
broken "it ends with entry 4000, but entry "
mv "$scratch/live" "$history"
ok dmvctl verify
# the oldest goes
for ((i = 0; i < 2; i++)); do
    python3 - "$history" <<'PY'
import hashlib, json, sys
lines = open(sys.argv[1], "rb").read().splitlines()
number = json.loads(lines[-1])["number"]
for i in range(4000 - len(lines)):
    lines.append(json.dumps({"number": number + 1 + i, "time": 5, "action": "refresh", "outcome": "ok",
                             "previous": hashlib.sha256(lines[-1]).hexdigest()}).encode())
open(sys.argv[1], "wb").write(b"\n".join(lines) + b"\n")
PY
    ok dmvctl pin intel-e1000e
done
ok dmvctl verify
equal "$(wc -l <"$history.1") $(wc -l <"$history")" "4000 1" "lines after further turns"
equal "$(python3 "$DMV_SOURCE/tests/golden/chain.py" check "$history.1" "$history")" 12001 "the chain after further turns"
refused 3 no-such-entry undo 1
grep -q 'is not kept any more, the oldest one is 8001' "$scratch/out" || fail "what is kept is not said"
equal "$(find "$state" -name 'history.jsonl*' | wc -l)" 4 "files of the history"

# ---- what cannot be turned goes on growing ----
rm "$history.1"
mkdir "$history.1"
python3 "$DMV_SOURCE/tests/golden/chain.py" long "$history" 4000
ok dmvctl pin intel-e1000e
equal "$(dmvctl --json history --limit 1 | json '["entries"][0]["action"]')" pin "the newest entry"
(($(wc -l <"$history") > 4000)) || fail "a history that cannot be turned loses entries"
