#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Guests before a reboot to other drivers and after it: who is stopped and how, what is remembered, and guests that do not do
# as they are told. The host is guest-host.py; at the end the real worker, with libvirt's own test driver.
set -eu -o pipefail
. "$DMV_SOURCE/tests/golden/lib.sh"

golden_host
golden_stream
ok dmvctl refresh
ok dmvctl install intel-e1000e/generic@3.9.0
mkdir "$scratch/libexec"
ln -s "$DMV_BUILD"/bin/{dmvd,dmv-apply,dmv-fetch} "$scratch/libexec/"
cp "$DMV_SOURCE/tests/golden/guest-host.py" "$scratch/libexec/dmv-guest"
echo "$scratch/host" >"$scratch/libexec/guest-host"
export DMV_LIBEXECDIR=$scratch/libexec
memory=$root/var/lib/dmv/guests.json
mkdir -p "$DMV_PROCFS/xen" "$DMV_SYSFS/hypervisor"
echo xen >"$DMV_SYSFS/hypervisor/type"
echo control_d >"$DMV_PROCFS/xen/capabilities"

policy() { printf '[guests]\npolicy=%s\ntimeout=1\n[daemon]\nworker-timeout=6\n' "$1" >"$root/etc/dmv/dmv.conf"; }
# guests NAME=BEHAVIOUR[,DEVICE]...: these run, and nobody was asked anything yet.
guests() {
    rm -f "$scratch/host.calls"
    python3 - "$scratch/host" "$@" <<'PY'
import json, sys
guests = {}
for word in sys.argv[2:]:
    name, does = word.split("=")
    does, _, device = does.partition(",")
    devices = [dict(zip(("kind", "what"), device.split("/", 1)))] if device else []
    guests[name] = {"runs": does != "off", "saved": False, "does": does, "devices": devices}
json.dump(guests, open(sys.argv[1], "w"))
PY
}
# said STATUS LINE...: dmvctl ended so, and said just this.
said() {
    local want=$1
    shift
    equal "$status" "$want" "exit status"
    equal "$(cat "$scratch/out")" "$(printf '%s\n' "$@")" "what was said"
}
# What is said of a guest that libvirt does not know.
unknown() { echo "$1: runs: libvirt does not know it, because something else has started it and has to stop it: xl shutdown $1, if that was xl"; }
run() { status=0; dmvctl "$@" >"$scratch/out" 2>"$scratch/err" || status=$?; }
calls() { equal "$(cat "$scratch/host.calls" 2>/dev/null)" "$(printf '%s\n' "$@")" "what was asked of the worker"; }
no_calls() { [[ ! -e $scratch/host.calls ]] || fail "the worker was asked: $(cat "$scratch/host.calls")"; }

# ---- nobody is stopped without a reason ----
guests web=stops
for word in report refuse; do
    policy $word
    run stop-guests
    said 0 "no guests: policy= of guests does not say so"
done
policy shutdown
run stop-guests
said 0 "no guests: the next boot loads what runs now"
run restore-guests
said 0 "no guests"
no_calls
echo >"$DMV_PROCFS/xen/capabilities"
run stop-guests
said 0 "no guests: this is no control domain of Xen"
no_calls
echo control_d >"$DMV_PROCFS/xen/capabilities"

# ---- shut down, one after the other; a driver domain last ----
ok dmvctl select intel-e1000e/generic@3.9.0 --accept-lifeline
guests disk=stops "mail=stops,other/domain disk" off=off web=stops
run stop-guests
said 0 "mail: stopped" "web: stopped" "disk: stopped"
calls "Read libvirt 60" "Read xenstore 60" "Stop mail False 1" "Stop web False 1" "Stop disk False 1"
[[ ! -e $memory ]] || fail "something is remembered of guests that were shut down"

# ---- one that stays, one that libvirt does not know, one whose worker hangs: the others are stopped ----
guests a=stays b=is-unknown c=hangs d=stops
run stop-guests
said 1 "a: runs: it has not shut down in 1 seconds" "$(unknown b)" \
    "c: runs: dmv-guest took too long and was given up" "d: stopped"

# ---- nobody tells who runs: that is not that nobody does ----
guests
refused 1 guests-unknown stop-guests
grep -qF "libvirt: libvirt cannot be reached; xenstore: absent" "$scratch/out" || fail "why is not said: $(cat "$scratch/out")"

# ---- saved, remembered, and brought back in the other order; one with a card is shut down ----
policy save
guests a=stops card=stops,pci/0000:03:00.0 z=stops
run stop-guests
said 0 "a: saved" "card: stopped" "z: saved"
calls "Read libvirt 60" "Read xenstore 60" "Stop a True 1" "Stop card False 1" "Stop z True 1"
equal "$(stat -c %a "$memory")" 600 "mode of what is remembered"
rm "$scratch/host.calls"
run restore-guests
said 0 "a: restored" "z: restored"
calls "Restore z" "Restore a"
[[ ! -e $memory ]] || fail "what was brought back is still remembered"

# ---- one that was saved by a worker that died is brought back; so is one that could not be at first ----
guests a=dies b=hangs
run stop-guests
said 1 "a: saving: dmv-guest went away in the middle of it" "b: saving: dmv-guest took too long and was given up"
run restore-guests
said 1 "a: restored" "b: saving: dmv-guest took too long and was given up"
grep -q '"b"' "$memory" || fail "b is forgotten"
! grep -q '"a"' "$memory" || fail "a is still remembered"
# the next shutdown forgets it no more than that
guests b=off c=stops
run stop-guests
said 0 "c: saved" "b: saving"
run restore-guests
said 1 "c: restored" "b: lost: nothing of it was saved"
[[ ! -e $memory ]] || fail "a guest that is lost is remembered for ever"

# ---- libvirt is not there yet: nobody is forgotten; libvirt is, and knows one no more: that one is ----
guests a=waits-for-libvirt b=stops
run stop-guests
said 0 "a: saved" "b: saved"
sed -i 's/"b": {\(.*\)"does": "stops"/"b": {\1"does": "is-unknown"/' "$scratch/host"
run restore-guests
said 1 "a: saved: this host has no libvirt for Xen" "b: lost: libvirt does not know it"
sed -i 's/waits-for-libvirt/stops/' "$scratch/host"
run restore-guests
said 0 "a: restored"

# ---- what is remembered is believed only if it is root's and whole ----
echo '{"format":"dmv-guests-1","guests":[{"name":"a"' >"$memory"
chmod 600 "$memory"
refused 1 state-broken restore-guests
refused 1 state-broken stop-guests
echo '{"format":"dmv-guests-1","guests":[]}' >"$memory"
chmod 666 "$memory"
refused 1 state-broken restore-guests
rm "$memory"

# ---- the real worker ----
if grep -q '^DMV_HAS_LIBVIRT_FOUND:INTERNAL=1$' "$DMV_BUILD/CMakeCache.txt" && grep -q '^DMV_LIBVIRT:BOOL=ON$' "$DMV_BUILD/CMakeCache.txt"; then
    rm "$scratch/libexec/dmv-guest"
    printf '#!/bin/sh\nexec %s/bin/dmv-guest "$@" --libvirt test:///default\n' "$DMV_BUILD" >"$scratch/libexec/dmv-guest"
    chmod 755 "$scratch/libexec/dmv-guest"
    run stop-guests
    said 0 "test: saved"
    run restore-guests
    said 0 "test: restored"
    policy shutdown
    run stop-guests
    said 0 "test: stopped"
fi
echo "guest-policy: done"
