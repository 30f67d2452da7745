#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# What becomes of a generation over boots that are told of: proven, given up, gone back from, by hand and by itself.
set -eu -o pipefail
. "$DMV_SOURCE/tests/golden/lib.sh"

golden_host
golden_stream
inbox=kernel/drivers/net/ethernet/intel/e1000e/e1000e.ko
. "$DMV_SOURCE/tests/golden/boots.sh"

ok dmvctl refresh
ok dmvctl install intel-e1000e/generic@3.8.7 intel-e1000e/generic@3.9.0 intel-e1000e/alt@4.0.0

# ---- a root that nobody boots has no machine ----
[[ ! -e $root/var/lib/dmv/boot.json ]] || fail "there is a boot state before any boot"
equal "$(dmvctl --json status | json '["boot"]')" "" "boot state before any boot"

# ---- select, activate, a healthy boot ----
boot
equal "$(phase)" good "phase before anything"
[[ ! -e $root/var/lib/dmv/trial ]] || fail "a host with nothing to prove starts dmv-boot.service"
ok dmvctl select intel-e1000e/generic@3.8.7
ok dmvctl activate
equal "$(phase)" trial "phase after the switch"
[[ -e $root/var/lib/dmv/trial ]] || fail "dmv-boot.service would not start in the boot of a trial"
runs inbox
health 10 # the kernel still runs the old driver, and the trial has not booted yet
equal "$(phase)" trial "a report from the boot before the switch does not count"
entries=$(dmvctl --json history | json '["entries"][0]["number"]')
shut_down
equal "$(dmvctl --json history | json '["entries"][0]["number"]')" "$entries" "history after a shutdown with nothing to do"
shut_down
boot
equal "$(phase)" trial "phase in the trial's boot"
runs intel-e1000e/generic@3.8.7
ok dmvctl boot # told again of the same boot
equal "$(dmvctl --json status | json '["boot"]["attempts"]')" 1 "attempts, told twice"
ok dmvctl status
grep -q 'trial, attempt 1 of 2; back to generation 0' "$scratch/out" || fail "status does not show the trial"
health 0
equal "$(phase)" good "phase after a good report"
[[ ! -e $root/var/lib/dmv/trial ]] || fail "a host that has proven itself starts dmv-boot.service"
equal "$(state_of 1 '["state"]')" good "generation 1"
health 0

# ---- an intent that changes no file is staged, and nobody has switched to it because a daemon starts ----
ok dmvctl select intel-e1000e recommended # which is what is in place
equal "$(dmvctl --json status | json '["staged"]["number"]')" 2 "what is staged without a change of a file"
equal "$(in_place)" 1 "generation in place after a further start of the daemon"
ok dmvctl select intel-e1000e/generic@3.8.7
equal "$(dmvctl --json status | json '["staged"]["number"]')" "" "staged after the intent is that of the generation in place again"

# ---- staged until the shutdown ----
ok dmvctl select intel-e1000e/generic@3.9.0
equal "$(effective "$K2" e1000e)" updates/e1000e.ko "the tree before the shutdown"
equal "$(in_place)" 1 "generation before the shutdown"
shut_down
equal "$(in_place)" 2 "generation after the shutdown"
equal "$(phase)" trial "phase after the shutdown"

# ---- boots that end without a report: the third one has the drivers before, and has them before any is loaded ----
boot
runs intel-e1000e/generic@3.9.0
boot
runs intel-e1000e/generic@3.9.0
boot
runs intel-e1000e/generic@3.8.7
equal "$(readlink "$root/usr/lib/modules/$K2/updates/e1000e.ko")" \
    "../../../dmv/store/$K2/intel-e1000e/generic/3.8.7/e1000e.ko" "what is back"
equal "$(phase)" returned "phase after the way back"
equal "$(in_place)" 1 "generation after the way back"
equal "$(state_of 2 '["state"]')" bad "generation 2"
equal "$(generation 2 '["reason"]')" "2 boots ended without a report of health that lasted" "why"
ok dmvctl status
grep -q 'boot.*returned: 2 boots ended without a report' "$scratch/out" || fail "status does not say why"
ok dmvctl history
grep -q '2 boots ended without a report of health that lasted' "$scratch/out" || fail "history does not say why"
equal "$(driver intel-e1000e '["selection"]')" generic@3.8.7 "selection after the way back"
health 0
equal "$(phase)" good "phase after the way back has proven itself"
ok dmvctl status
grep -q 'went back.*from generation 2 (intel-e1000e generic@3.9.0) of .*: 2 boots ended' "$scratch/out" || fail "status has forgotten why"
grep -q 'dmvctl history' "$scratch/err" || fail "status does not say where more is"

# ---- bad health: the drivers before are put back at once, and the host asks for a reboot ----
settings reboot=always
ok dmvctl select intel-e1000e/alt@4.0.0
ok dmvctl activate
shut_down
boot
runs intel-e1000e/alt@4.0.0
health 11 "the bond has no link" "no answer from the storage"
equal "$(json '["boot"]["phase"]' <"$scratch/out")" returned "phase in the answer"
equal "$(json '["problems"][1]' <"$scratch/out")" "report: no answer from the storage" "problems in the answer"
equal "$(effective "$K2" e1000e)" updates/e1000e.ko "the tree after bad health"
equal "$(state_of 3 '["state"]')" bad "generation 3"
equal "$(generation 3 '["reason"]')" "report: the bond has no link; report: no answer from the storage" "why"
shut_down
boot
runs intel-e1000e/generic@3.8.7
health 0
equal "$(phase)" good "phase after the reboot"

# ---- the same by what the host itself says: the device by which it is reached has no driver ----
settings reboot=lifeline
ok dmvctl select intel-e1000e/generic@3.9.0
ok dmvctl activate
shut_down
boot
management enp0s2
device=$DMV_SYSFS/bus/pci/devices/0000:00:02.0
mv "$device/driver" "$scratch/driver"
health 11
grep -q '0000:00:02.0: no driver is bound to it, and intel-e1000e is selected' "$scratch/out" || fail "no word of the device"
mv "$scratch/driver" "$device/driver"
management
equal "$(state_of 4 '["state"]')" bad "generation 4"
shut_down
boot
health 0

# ---- what waits stays while the host goes back ----
ok dmvctl select intel-e1000e/generic@3.9.0
ok dmvctl activate
ok dmvctl select intel-e1000e/alt@4.0.0
boot
boot
boot
equal "$(phase)" returned "phase with something staged"
runs intel-e1000e/generic@3.8.7
equal "$(driver intel-e1000e '["selection"]')" alt@4.0.0 "what was staged is still wanted"
refused 8 busy activate --shutdown # not while the host goes back
boot
health 0
ok dmvctl select intel-e1000e/generic@3.8.7

# ---- by hand: commit ----
ok dmvctl select intel-e1000e/generic@3.9.0
ok dmvctl activate
ok dmvctl commit
equal "$(phase)" good "phase after commit"
equal "$(state_of "$(in_place)" '["state"]')" good "generation after commit"

# ---- by hand: rollback, also to the host before dmv ----
now=$(in_place)
ok dmvctl rollback 1 --because "ticket 19"
equal "$(in_place)" 1 "generation after rollback"
equal "$(phase)" returned "phase after rollback"
equal "$(state_of "$now" '["state"]')" good "what was good stays good"
shut_down
boot
runs intel-e1000e/generic@3.8.7
health 0
refused 6 nothing-to-roll-back rollback 1
ok dmvctl rollback 0
equal "$(effective "$K2" e1000e)" "$inbox" "the host before dmv"
equal "$(phase)" returned "phase after rollback to the host before dmv"
boot
health 0
ok dmvctl rollback 1
boot
health 0

# ---- going back fails twice: stuck, and it says so ----
ok dmvctl select intel-e1000e/generic@3.9.0
ok dmvctl activate
boot
boot
power_on
rm -rf "$scratch/generations.d"
cp -r "$root/var/lib/dmv/generations" "$scratch/generations.d"
rm "$root/var/lib/dmv/generations/1.json" # nobody knows any more what to go back to
refused 3 no-such-generation boot
equal "$(phase)" restoring "phase after the first failure"
refused 3 no-such-generation health
equal "$(phase)" stuck "phase after the second failure"
ok dmvctl boot
equal "$(phase)" stuck "stuck stays stuck"
ok dmvctl status
grep -q 'stuck: going back to generation 1 failed 2 times: generation 1 is not kept' "$scratch/out" || fail "status does not say what failed"
grep -q 'dmvctl commit' "$scratch/err" || fail "status does not say what to do"
ok dmvctl history
grep -q 'going back to generation 1 failed 2 times' "$scratch/out" || fail "history does not say that it is stuck"
ok dmvctl select intel-e1000e/alt@4.0.0
refused 6 stuck activate --shutdown
cp "$scratch/generations.d/1.json" "$root/var/lib/dmv/generations/"
ok dmvctl rollback 1
equal "$(phase)" returned "phase after an admin's rollback"
equal "$(dmvctl --json status | json '["staged"]')" "" "what was staged before is not wanted any more"
boot
health 0
equal "$(phase)" good "phase at the end"

# ---- what the unit does: the site's own checks, and the report ----
checks=$root/etc/dmv/health.d
mkdir -p "$checks"
printf '#!/bin/sh\necho fine\n' >"$checks/10-fine"
printf '#!/bin/sh\nexit 1\n' >"$checks/20-no-program"
chmod +x "$checks/10-fine"
settings soak=3
ok dmvctl select intel-e1000e/generic@3.9.0
ok dmvctl activate
boot
check_health 0 # a report, the soak, and one more
grep -q 'a report in [123] seconds can end the trial' "$scratch/out" || fail "no word of the soak"
equal "$(phase)" good "phase after the soak"
settings reboot=never
ok dmvctl select intel-e1000e/generic@3.8.7
ok dmvctl activate
boot
printf '#!/bin/sh\necho first\necho "no path to the storage" >&2\nexit 3\n' >"$checks/30-storage"
printf '#!/bin/sh\nexit 4\n' >"$checks/40-silent"
chmod +x "$checks"/*-s*
check_health 10
equal "$(phase)" returned "phase after the site's own checks"
grep -q 'returned: 30-storage: no path to the storage; 40-silent: exit status 4' "$scratch/out" ||
    fail "the report does not say what the checks said"
rm -r "$checks"
boot
check_health 0
equal "$(phase)" good "phase after the way back from a bad check"

# ---- a release asks for more than the host does ----
wanted() { dmvctl --json status | json "['boot']['$1']"; }
golden_release 4.1.0 slow --trial-boots 2
golden_release 4.2.0 slower --trial-boots 2 --trial-hours 1
golden_publish
ok dmvctl refresh
ok dmvctl install intel-e1000e/slow@4.1.0 intel-e1000e/slower@4.2.0
ok dmvctl show intel-e1000e
grep -q '^ *slower@4.2.0: 2 boots, 1 h$' "$scratch/out" || fail "show does not say what a release asks for"
rm "$root/etc/dmv/dmv.conf"
ok dmvctl select intel-e1000e/slow@4.1.0
ok dmvctl activate
equal "$(wanted bootsWanted)" 2 "good boots that are wanted"
equal "$(wanted soakSeconds)" 0 "seconds that are wanted"
boot
health 0
equal "$(phase)" trial "phase after the first good boot"
ok dmvctl status
grep -q '0 of 2 good boots' "$scratch/out" || fail "status does not say how many boots are wanted"
shut_down
boot
runs intel-e1000e/slow@4.1.0
health 0
equal "$(phase)" good "phase after the second good boot"
settings boots=3 soak=60
ok dmvctl select intel-e1000e/slower@4.2.0
ok dmvctl activate
equal "$(wanted bootsWanted)" 3 "good boots that the admin wants"
equal "$(wanted soakSeconds)" 3600 "seconds that the release wants"
rm "$root/etc/dmv/dmv.conf"
ok dmvctl select intel-e1000e/generic@3.9.0
shut_down
equal "$(wanted bootsWanted)" 1 "good boots of a release that asks for none"
boot
health 0
equal "$(phase)" good "phase after a release that asks for none"

# ---- a state that cannot be is no state ----
cp "$root/var/lib/dmv/boot.json" "$scratch/boot.json"
echo '{"format":"dmv-boot-1"}' >"$root/var/lib/dmv/boot.json"
refused 1 state-broken boot
refused 1 state-broken health
refused 1 state-broken activate
cp "$scratch/boot.json" "$root/var/lib/dmv/boot.json"
ok dmvctl boot
no_leftovers
