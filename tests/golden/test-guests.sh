#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Guests of a recorded Xen host with the real binaries: who stands on which driver, what a change means for them, when it is
# refused; channels that hang, crash and talk nonsense; and a host without Xen, which pays nothing. What the guest worker tells
# is told by guest-stand-in.py.
set -eu -o pipefail
. "$DMV_SOURCE/tests/golden/lib.sh"

golden_host xen-dom0
golden_stream
ok dmvctl refresh
ok dmvctl install intel-e1000e/generic@3.9.0

# the stand-in beside the real workers
libexec=$scratch/libexec
mkdir -p "$libexec/guests" "$DMV_PROCFS/xen" "$root/etc/xen"
for name in dmvd dmv-apply dmv-fetch; do ln -s "$DMV_BUILD/bin/$name" "$libexec/$name"; done
cp "$DMV_SOURCE/tests/golden/guest-stand-in.py" "$libexec/dmv-guest"
export DMV_LIBEXECDIR=$libexec
touch "$libexec/guests/log"
echo control_d >"$DMV_PROCFS/xen/capabilities"
mkdir -p "$root/etc/dmv"

# tells CHANNEL GUEST...: the guests, comma-separated JSON objects, that a channel tells of
tells() {
    local channel=$1 IFS=,
    shift
    printf '{"state": "ok", "gave": "%s", "guests": [%s], "problems": []}\n' "$# guests" "$*" >"$libexec/guests/$channel"
}

# device KIND WHAT [TARGET] / guest NAME ID STATE DEVICE...: one of them as JSON; ID is - for one that does not run
device() { printf '{"kind": "%s", "what": "%s"%s}' "$1" "$2" "${3:+, \"target\": \"$3\"}"; }
guest() {
    local name=$1 id=$2 state=$3 IFS=,
    shift 3
    [[ $id == - ]] && id= || id="\"id\": $id, "
    printf '{"name": "%s", %s"state": "%s", "devices": [%s]}' "$name" "$id" "$state" "$*"
}

# names CLASS: the guests in a class of the last output's member "guests"
names() {
    python3 -c '
import json, sys
print(*[g["name"] for g in json.load(open(sys.argv[1]))["guests"][sys.argv[2]]])' "$scratch/out" "$1"
}
classes() { echo "now: $(names now); reboot: $(names reboot); defined: $(names defined); passed: $(names passedThrough)"; }

# has TEXT: the last output
has() { grep -qF -- "$1" "$scratch/out" || fail "no '$1' in the output"; }

# asked CHANNEL...: exactly these were asked since the last time
asked() {
    equal "$(LC_ALL=C sort "$libexec/guests/log" | tr '\n' ' ')" "${*:+$* }" "asked"
    : >"$libexec/guests/log"
}

web=$(guest web 3 running "$(device interface xenbr0 00:16:3e:00:00:03)" "$(device block /dev/guests/web xvda)")
db=$(guest db 1 running "$(device block /dev/guests/db-1 xvda)" "$(device pci 0000:08:00.2)")
router=$(guest router 4 running "$(device pci 0000:05:00.0)" "$(device file /srv/images/router.img xvda)")
idle=$(guest idle - defined "$(device interface xenbr0)" "$(device file /srv/images/idle.img xvda)")
tells libvirt "$web" "$db" "$router"
tells xenstore "$web" "$db" "$router"
tells config "$idle"

# ---- the map, and the channels ----
ok dmvctl impact
asked config libvirt xenstore
has 'bond0.7 on bond0 on eth1 on 0000:03:00.0 and eth2 on 0000:04:00.0'
has 'dm-1 (guests-web) on dm-0 (mpatha) on sdb on 0000:01:00.0 and sdc on 0000:06:00.0'
has 'given to it: intel-e1000e not in use'
has 'nvme0n1 on 0000:07:00.0'
ok dmvctl --json impact
equal "$(classes)" "now: db router web; reboot: db router web; defined: idle; passed: db router" "the map"
equal "$(json '["hypervisor"]' <"$scratch/out")" 4.17.5 "the hypervisor"
ok dmvctl describe
has 'libvirt ok: 3 guests'
has 'hypervisor ok: 4.17.5, xen-3.0-x86_64'
has 'config ok: 1 guests'
has 'xend absent'

# ---- by driver, module, address, interface, bridge; also of a driver that dmv does not know ----
for object in intel-e1000e e1000e 0000:03:00.0 eth1; do
    ok dmvctl --json impact "$object"
    equal "$(classes)" "now: web; reboot: db router web; defined: idle; passed: router" "impact $object"
    equal "$(json '["driver"]' <"$scratch/out")" intel-e1000e "impact $object"
done
ok dmvctl --json impact xenbr0
equal "$(names now)" web "by the bridge"
ok dmvctl --json impact megaraid_sas
equal "$(classes)" "now: db web; reboot: db router web; defined: ; passed: " "a driver that no catalog has"
ok dmvctl --json impact sdc
equal "$(names now)" "db web" "one leg of the multipath"
ok dmvctl --json impact mlx5_core
equal "$(classes)" "now: db; reboot: db router web; defined: ; passed: " "the physical function of what a guest has"
inner=$(guest inner 6 running "$(device interface internal)")
tells xenstore "$web" "$db" "$router" "$inner"
ok dmvctl --json impact internal
equal "$(classes)" "now: ; reboot: ; defined: ; passed: " "a bridge with nothing under it"
has 'not all that guests stand on there is known: nothing under interface internal leads to a device'
tells xenstore "$web" "$db" "$router"
status=0
dmvctl --json impact nothing >"$scratch/out" 2>&1 || status=$?
equal "$status" 3 "an object that is not there"

# ---- a change: said everywhere, and not made at once without a word ----
ok dmvctl --json plan
equal "$(classes)" "now: ; reboot: ; defined: ; passed: " "nothing is planned"
ok dmvctl select intel-e1000e/generic --dry-run
has 'guests (a reboot ends the 3 that run here)'
has 'web: runs on e1000e, and goes on until somebody reloads it or reboots'
has 'idle: does not run, and would be started on e1000e'
has '0000:05:00.0, which is the guest'"'"'s: intel-e1000e is not in use there'
before=$(snapshot)
refused 6 guests-affected select intel-e1000e/generic --now
has '--accept-guests'
has 'web runs on what would change now, e1000e (xenbr0 on bond0.7'
refused 6 guests-affected select intel-e1000e/generic --now --dry-run
equal "$(driver intel-e1000e '["selection"]')" none "refused: the intent is as before"
diff <(echo "$before") <(snapshot) >"$scratch/out" || fail "refused, and something has changed"
ok dmvctl select intel-e1000e/generic
has 'guests (a reboot ends the 3 that run here)'
ok dmvctl --json plan
equal "$(classes)" "now: web; reboot: db router web; defined: idle; passed: router" "plan"
ok dmvctl --json status
equal "$(classes)" "now: web; reboot: db router web; defined: idle; passed: router" "status"
ok dmvctl status
has 'a reboot ends the 3 that run'
ok dmvctl --json activate --dry-run
equal "$(names now)" web "dry run of activate"

# a guest that stops, and one that starts, without a rescan
web_off=$(guest web - defined "$(device interface xenbr0)")
started=$(guest started 5 running "$(device interface xenbr0)")
tells libvirt "$web_off" "$db" "$router"
tells xenstore "$db" "$router" "$started"
ok dmvctl --json plan
equal "$(classes)" "now: started; reboot: db router started; defined: idle web; passed: router" "web stopped, another started"
tells xenstore "$db" "$router"
ok dmvctl deselect intel-e1000e --now
equal "$(effective "$K1" e1000e)" kernel/drivers/net/ethernet/intel/e1000e/e1000e.ko "nobody on it runs: nobody asks"
tells libvirt "$web" "$db" "$router"
tells xenstore "$web" "$db" "$router"

# the toolstack consents by asking
asked_before=$(wc -l <"$libexec/guests/log")
"$DMV_BUILD/bin/driver-tool" -l >"$scratch/out" 2>"$scratch/err" || fail "driver-tool -l"
"$DMV_BUILD/bin/driver-tool" -s -n intel-e1000e -v generic >"$scratch/out" 2>"$scratch/err" || fail "driver-tool -s"
equal "$(wc -l <"$libexec/guests/log")" "$asked_before" "the toolstack waits for no channel"
equal "$(effective "$K1" e1000e)" updates/e1000e.ko "driver-tool -s"
ok dmvctl --json status
equal "$(json '["guests"]["rebootNeeded"]' <"$scratch/out")" true "in place, and not taken over"
equal "$(names now)" web "whoever reloads it takes it away from web"
ok dmvctl deselect intel-e1000e --now --accept-guests
equal "$(effective "$K1" e1000e)" kernel/drivers/net/ethernet/intel/e1000e/e1000e.ko "accepted"

# ---- the policy ----
printf '[guests]\npolicy=refuse\n' >"$root/etc/dmv/dmv.conf"
refused 6 guests-affected select intel-e1000e/generic
has 'db, router, web run here (policy=refuse in dmv.conf)'
refused 6 guests-affected select intel-e1000e/generic --dry-run
ok dmvctl select intel-e1000e/generic --accept-guests
refused 6 guests-affected activate
refused 6 guests-affected activate --dry-run
refused 6 guests-affected rescan
refused 6 guests-affected rescan --now
ok dmvctl rescan --accept-guests
ok dmvctl activate --accept-guests
equal "$(effective "$K1" e1000e)" updates/e1000e.ko "accepted twice"
refused 6 guests-affected deselect intel-e1000e --now
refused 6 guests-affected deselect intel-e1000e
ok dmvctl rollback # the way back is never barred
equal "$(effective "$K1" e1000e)" kernel/drivers/net/ethernet/intel/e1000e/e1000e.ko "rolled back"
tells libvirt
tells xenstore
ok dmvctl select intel-e1000e/generic # nobody runs
ok dmvctl deselect intel-e1000e
# nobody tells who runs
for behaviour in absent fails; do
    rm "$libexec"/guests/{libvirt,xenstore}
    [[ $behaviour = absent ]] || echo $behaviour | tee "$libexec/guests/libvirt" >"$libexec/guests/xenstore"
    refused 6 guests-affected select intel-e1000e/generic
    has 'nobody tells which guests run here'
    touch "$libexec"/guests/{libvirt,xenstore}
done
printf '[guests]\npolicy=report\n' >"$root/etc/dmv/dmv.conf"
refused 6 guests-affected select intel-e1000e/generic --now
has 'nobody tells which guests run here'
ok dmvctl select intel-e1000e/generic
ok dmvctl deselect intel-e1000e
rm "$root/etc/dmv/dmv.conf"
tells libvirt "$web" "$db" "$router"

# ---- guests that somebody else has started cannot be stopped, and doctor says so before a reboot ----
tells libvirt "$web"
tells xenstore "$web" "$db"
for word in shutdown save; do
    printf '[guests]\npolicy=%s\n' $word >"$root/etc/dmv/dmv.conf"
    status=0
    dmvctl doctor >"$scratch/out" 2>"$scratch/err" || status=$?
    equal "$status" 10 "doctor, policy=$word"
    has "db: policy=$word of guests cannot stop it: libvirt does not know it"
    ! grep -q 'web: policy' "$scratch/out" || fail "libvirt knows web"
done
rm "$root/etc/dmv/dmv.conf"
ok dmvctl doctor
tells libvirt "$web" "$db" "$router"

# ---- channels that do not answer, end or talk nonsense: the others do ----
printf '[guests]\nwait=1\n' >"$root/etc/dmv/dmv.conf"
tells xenstore "$web"
for behaviour in hangs crashes nonsense fails; do
    echo "$behaviour" >"$libexec/guests/libvirt"
    SECONDS=0
    ok dmvctl --json impact
    ((SECONDS < 20)) || fail "libvirt $behaviour: an answer after $SECONDS seconds"
    equal "$(names now)" web "libvirt $behaviour: by XenStore"
    equal "$(json '["channels"][0]["state"]' <"$scratch/out")" failed "libvirt $behaviour"
    has 'guests that only this channel knows are left out'
done
echo hangs >"$libexec/guests/libvirt"
ok dmvctl describe
has 'libvirt failed: it has not answered in 1 seconds'
status=0
dmvctl doctor >"$scratch/out" 2>"$scratch/err" || status=$?
equal "$status" 10 "doctor"
has 'libvirt: guests that only this channel knows are left out: it has not answered in 1 seconds'
for channel in libvirt xenstore config; do echo hangs >"$libexec/guests/$channel"; done
SECONDS=0
ok dmvctl --json status
((SECONDS < 20)) || fail "all hang: an answer after $SECONDS seconds"
equal "$(names reboot)" "" "nobody knows of a guest"
ok dmvctl impact
grep -qxF "No guest is known here." "$scratch/err" || fail "that nobody was heard is not said: $(cat "$scratch/err")"
! grep -q 'There is no guest' "$scratch/out" "$scratch/err" || fail "it is said that there is none"
rm "$libexec/dmv-guest"
ok dmvctl describe
has 'libvirt failed'
cp "$DMV_SOURCE/tests/golden/guest-stand-in.py" "$libexec/dmv-guest"
rm "$root/etc/dmv/dmv.conf" "$libexec"/guests/{libvirt,xenstore,config}

# a guest that cannot be followed, and one that the channel could not read
cat >"$libexec/guests/libvirt" <<JSON
{"state": "ok", "guests": [$(guest lost 9 running "$(device block /dev/gone/disk xvda)" "$(device other "network default")")],
 "problems": [{"object": "guest odd", "reason": "malformed", "why": "its XML ends early"}]}
JSON
ok dmvctl impact
has '/dev/gone/disk: not all that guests stand on there is known: sysfs has no block device gone!disk'
has 'guest odd: its XML ends early'
rm "$libexec/guests/libvirt"

# ---- a channel has its whole wait=, however little the workers' own silence is allowed to be ----
printf '[guests]\nwait=60\n[daemon]\nworker-timeout=1\n' >"$root/etc/dmv/dmv.conf"
tells libvirt.told "$web"
echo slow >"$libexec/guests/libvirt"
(sleep 4 && touch "$libexec/guests/go") &
ok dmvctl --json impact
equal "$(json '["channels"][0]["state"]' <"$scratch/out")" ok "a channel that takes its time"
wait "$!"
rm "$libexec"/guests/{libvirt,libvirt.told,go}

# ---- several clients at once ----
printf '[guests]\nwait=60\n' >"$root/etc/dmv/dmv.conf"
cd "$scratch"
python3 "$DMV_SOURCE/tests/golden/guests.py" "$DMV_BUILD/bin/dmvd" "$root" "$DMV_SYSFS" "$DMV_PROCFS" "$libexec" ||
    fail "guests.py"
rm "$libexec"/guests/{libvirt,libvirt.told,go} "$root/etc/dmv/dmv.conf"

# ---- xend ----
echo '(xend-unix-server yes)' >"$root/etc/xen/xend-config.sxp"
status=0
dmvctl doctor >"$scratch/out" 2>"$scratch/err" || status=$?
equal "$status" 10 "doctor finds what is left of xend"
has 'xend: /etc/xen/xend-config.sxp opens its socket'
echo '(xend-http-server yes)' >"$root/etc/xen/xend-config.sxp"
printf '  sl  local_address rem_address   st\n   0: 00000000:1F40 00000000:0000 0A\n' >"$DMV_PROCFS/net/tcp"
ok dmvctl describe
has 'xend unsafe: its HTTP port is open'
dmvctl doctor >"$scratch/out" 2>"$scratch/err" || status=$?
has 'error    xend: its HTTP port is open'

# ---- not the control domain: only what lies in /etc/xen is asked; without that nobody is ----
rm "$root/etc/xen/xend-config.sxp" "$DMV_PROCFS/xen/capabilities"
echo 00000305 >"$DMV_SYSFS/hypervisor/properties/features"
tells config "$idle"
: >"$libexec/guests/log"
ok dmvctl --json impact
asked config
equal "$(names defined)" idle "a definition for another boot"
rm -r "$root/etc/xen" "$DMV_SYSFS/hypervisor"
ok dmvctl --json status
equal "$(json '["guests"]' <"$scratch/out")" "" "no Xen: no answer speaks of guests"
ok dmvctl --json plan
ok dmvctl select intel-e1000e/generic
ok dmvctl doctor
ok dmvctl impact
asked
echo "guests: done"
