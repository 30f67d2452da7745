#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Health of a boot against what the host looked like when all was good: links, names, lifelines, the kernel's words, and the
# site's own checks. What is bad ends a trial, what is odd does not.
set -eu -o pipefail
. "$DMV_SOURCE/tests/golden/lib.sh"
. "$DMV_SOURCE/tests/support/kernel-log.sh"

golden_host
golden_stream
. "$DMV_SOURCE/tests/golden/boots.sh"

# a second card, of a driver with which nobody changes anything
cp "$DMV_SOURCE/tests/hosts/qemu-q35.host" "$scratch/two-cards.host"
cat >>"$scratch/two-cards.host" <<'HOST'
module r8169
device 0000:00:04.0 id=10ec:8168 class=020000 driver=r8169 net=enp0s4
attribute class/net/enp0s2/carrier 1
attribute class/net/enp0s2/ifindex 2
attribute class/net/enp0s4/carrier 1
attribute class/net/enp0s4/ifindex 3
HOST
rm -r "$scratch/hardware"
"$DMV_SOURCE/tests/hosts/make-host" "$scratch/two-cards.host" "$scratch/hardware"

seen=$root/var/lib/dmv/seen.json
net=$DMV_SYSFS/devices/pci0000:00/0000:00:02.0/net
device=$DMV_SYSFS/bus/pci/devices/0000:00:02.0

carrier() { echo "$2" >"$DMV_SYSFS/class/net/$1/carrier"; }

# rename FROM TO: the card's interface
rename() {
    mv "$net/$1" "$net/$2"
    mv "$DMV_SYSFS/class/net/$1" "$DMV_SYSFS/class/net/$2"
    ln -sfn "../../devices/pci0000:00/0000:00:02.0/net/$2" "$DMV_SYSFS/class/net/$2"
}

# boot_that_says LINE...: a boot, and what the kernel says in it
boot_that_says() {
    boot
    kernel_log "$root" "$(cat "$DMV_PROCFS/sys/kernel/random/boot_id")" "Linux version $K2" "$@"
}

# switch RELEASE: it is in place, and boots next
switch() {
    ok dmvctl select "$1"
    ok dmvctl activate
    equal "$(phase)" trial "phase after the switch to $1"
}

# says SEVERITY OBJECT WHY: there is such a finding in the last answer of health
says() {
    python3 - "$scratch/out" "$@" <<'PY' || fail "no finding: $*"
import json, sys
findings = json.load(open(sys.argv[1]))["findings"]
sys.exit(not any((f["severity"], f["object"], f["why"]) == tuple(sys.argv[2:]) for f in findings))
PY
}

# went_back WHY: from a trial, with the reason in status and history
went_back() {
    equal "$(phase)" returned "phase after bad health ($1)"
    ok dmvctl status
    grep -qF "returned: $1" "$scratch/out" || fail "status does not say why: $1"
    ok dmvctl history
    grep -qF "$1" "$scratch/out" || fail "history does not say why: $1"
}

# recovers: a boot of what it went back to is good
recovers() {
    boot_that_says
    health 0
    equal "$(phase)" good "phase after the way back"
}

# base [SETTING]: of boot
base() { printf '[boot]\nreboot=lifeline\n%s\n[lifelines]\nfallback=yes\n' "$*" >"$root/etc/dmv/dmv.conf"; }

ok dmvctl refresh
ok dmvctl install intel-e1000e/generic@3.8.7 intel-e1000e/generic@3.9.0 intel-e1000e/alt@4.0.0
mkdir -p "$root/etc/dmv"
base

# ---- where nothing runs there is nothing to remember ----
ok dmvctl select intel-e1000e/generic@3.8.7
[[ ! -e $seen ]] || fail "something is remembered of a root where nothing runs"
ok dmvctl deselect intel-e1000e

# ---- nothing is known yet: said, and no fault; a report of good health is remembered ----
boot
health 0
says warning "last good boot" "nothing is known of it: links, names and lifelines are not compared"
says warning "kernel log" "no journal has anything that the kernel said in this boot"
[[ -e $seen ]] || fail "nothing is remembered after a report of good health"
boot_that_says
health 0
equal "$(json '["findings"]' <"$scratch/out" | grep -c warning || true)" 0 "warnings once all is known"
says ok enp0s2 "the link is up"
says ok enp0s4 "the link is up"

# ---- a host that never reported is remembered when something is staged ----
rm "$seen"
ok dmvctl select intel-e1000e/generic@3.8.7
grep -q '"links":\["enp0s2","enp0s4"\]' "$seen" || fail "nothing is remembered when something is staged"

# ---- a good trial ----
ok dmvctl activate
boot_that_says "e1000e: Intel(R) PRO/1000 Network Driver"
health 0
says ok intel-e1000e "module e1000e is loaded from intel-e1000e/generic@3.8.7 (known by build_id)"
equal "$(phase)" good "phase after a good trial"

# ---- a link that was up is down; that of another card is no reason ----
switch intel-e1000e/generic@3.9.0
boot_that_says
carrier enp0s2 0
carrier enp0s4 0
health 10
says error enp0s2 "the link was up and is not any more"
says warning enp0s4 "the link was up and is not any more"
went_back "enp0s2: the link was up and is not any more"
carrier enp0s2 1
recovers
grep -q '"links":\["enp0s2"\]' "$seen" || fail "the memory is not that of the last good report"
switch intel-e1000e/generic@3.9.0
boot_that_says
health 0 # nobody misses enp0s4 any more
equal "$(phase)" good "phase after a warning"

# ---- nor what was changed between the selection and the activation by hand ----
ok dmvctl select intel-e1000e/generic@3.8.7
carrier enp0s2 0
ok dmvctl activate
carrier enp0s4 1
boot_that_says
health 0
grep -q '"links":\["enp0s4"\]' "$seen" || fail "the memory is not that of the last good report"
carrier enp0s4 0
carrier enp0s2 1
ok dmvctl select intel-e1000e/generic@3.9.0
ok dmvctl activate
boot_that_says
health 0

# ---- what is seen in a trial is no measure ----
switch intel-e1000e/alt@4.0.0
boot_that_says
carrier enp0s2 0
ok dmvctl select intel-e1000e/generic@3.8.7
health 10
says error enp0s2 "the link was up and is not any more"
went_back "enp0s2: the link was up and is not any more"
carrier enp0s2 1
recovers
ok dmvctl select intel-e1000e/generic@3.9.0

# ---- another name: bad, unless it is allowed ----
switch intel-e1000e/alt@4.0.0
boot_that_says
rename enp0s2 eth0
health 10
says error enp0s2 "it is called eth0 now (0000:00:02.0)"
says ok enp0s2 "the link is up"
went_back "enp0s2: it is called eth0 now (0000:00:02.0)"
rename eth0 enp0s2
recovers
base allow-renames=yes
switch intel-e1000e/alt@4.0.0
boot_that_says
rename enp0s2 eth0
health 0
says warning enp0s2 "it is called eth0 now (0000:00:02.0)"
equal "$(phase)" good "phase after a change that is allowed"
base
boot_that_says
health 0 # that is its name now
rename eth0 enp0s2
health 10
equal "$(phase)" good "bad health of what is committed"
grep -q '"name":"eth0"' "$seen" || fail "bad health is remembered"
rename enp0s2 eth0
health 0
rename eth0 enp0s2
ok dmvctl select intel-e1000e/generic@3.8.7 # what is remembered is what is there when somebody changes something
grep -q '"name":"enp0s2"' "$seen" || fail "the selection does not refresh the memory"
ok dmvctl activate
boot_that_says
health 0

# ---- the kernel says that a probe failed; what it said when all was good is no news ----
switch intel-e1000e/alt@4.0.0
boot_that_says "e1000e: probe of 0000:00:02.0 failed with error -5"
health 10
says error intel-e1000e "the kernel says: e1000e: probe of 0000:00:02.0 failed with error -5"
went_back "intel-e1000e: the kernel says: e1000e: probe of 0000:00:02.0 failed with error -5"
recovers
switch intel-e1000e/alt@4.0.0
boot_that_says "r8169: probe of 0000:00:04.0 failed with error -5" # nobody changed anything with that
health 0
equal "$(phase)" good "phase after words about another driver"
boot_that_says
rm "$seen"
kernel_log "$root" "$(cat "$DMV_PROCFS/sys/kernel/random/boot_id")" "e1000e 0000:00:02.0: firmware: failed to load a.fw"
ok dmvctl select intel-e1000e/generic@3.9.0
ok dmvctl activate
boot_that_says "e1000e 0000:00:02.0: firmware: failed to load a.fw"
health 0
says warning intel-e1000e \
    "the kernel says, as it did when all was good: e1000e 0000:00:02.0: firmware: failed to load a.fw"
equal "$(phase)" good "phase after words that were said before"

# ---- a lifeline is lost: the host has to be rebooted ----
management enp0s2
switch intel-e1000e/alt@4.0.0
boot_that_says
mv "$device/driver" "$scratch/driver"
health 11
says error 0000:00:02.0 "no driver is bound to it, and enp0s2 stands on it: enp0s2 on 0000:00:02.0"
mv "$scratch/driver" "$device/driver"
recovers
switch intel-e1000e/alt@4.0.0
boot_that_says
management
health 11
says error enp0s2 "no default route goes there any more: enp0s2 on 0000:00:02.0"
management enp0s2
recovers

# ---- links get time; what counts is what is so after it ----
base settle=30
switch intel-e1000e/alt@4.0.0
boot_that_says
carrier enp0s2 0
health 10 --waited 0
equal "$(json '["settle"]' <"$scratch/out")" 5 "seconds to wait"
health 10 --waited 27
equal "$(json '["settle"]' <"$scratch/out")" 3 "seconds that are left to wait"
equal "$(phase)" trial "nothing is reported while links may come up"
(sleep 2 && carrier enp0s2 1) &
check_health 0
wait $!
grep -q 'nothing is reported yet' "$scratch/out" || fail "check-health has not waited"
equal "$(phase)" good "phase after a link that took its time"
base settle=2
switch intel-e1000e/generic@3.8.7
boot_that_says
carrier enp0s2 0
mkdir -p "$scratch/systemctl"
printf '#!/bin/sh\necho "$@" >>%q\n' "$scratch/reboots" >"$scratch/systemctl/systemctl"
chmod +x "$scratch/systemctl/systemctl"
shutdown_end() { DMV_SYSRQ=$scratch/sysrq "$DMV_SOURCE/data/health/dmv-reboot" "$1"; }
: >"$scratch/sysrq"
shutdown_end reboot # somebody else's
equal "$(cat "$scratch/sysrq")" "" "what the kernel is told in a reboot of somebody else"
PATH=$scratch/systemctl:$PATH check_health 0 --reboot
equal "$(cat "$scratch/reboots")" "--no-block reboot" "what check-health --reboot has systemctl do"
shutdown_end poweroff
equal "$(cat "$scratch/sysrq")" "" "what the kernel is told when the power goes off"
shutdown_end reboot
equal "$(xargs <"$scratch/sysrq")" "s u b" "what the kernel is told at the end of that reboot"
rm "$root/run/dmv/reboot-by-force"
grep -q 'nothing is reported yet: what is missing may come in [12] seconds' "$scratch/out" || fail "check-health has not waited"
went_back "enp0s2: the link was up and is not any more"
carrier enp0s2 1
recovers
base settle=30
switch intel-e1000e/generic@3.8.7
boot_that_says "e1000e: probe of 0000:00:02.0 failed with error -5"
carrier enp0s2 0
health 11 --waited 0 # there is no sense in waiting
equal "$(phase)" returned "phase after what does not settle"
carrier enp0s2 1
recovers

# ---- a memory that cannot be read: said, nothing is compared, nothing is refused ----
switch intel-e1000e/generic@3.8.7
boot_that_says
echo '{"format":"dmv-seen-1"' >"$seen"
dmvctl doctor >"$scratch/out" 2>&1 || true
grep -q 'var/lib/dmv/seen.json: var/lib/dmv/seen.json cannot be used' "$scratch/out" || fail "doctor does not see a broken memory"
carrier enp0s2 0
health 0
grep -q 'seen.json cannot be used, nothing is compared with it' "$scratch/out" || fail "health does not say that nothing is compared"
equal "$(phase)" good "phase without a memory"
carrier enp0s2 1
ok dmvctl select intel-e1000e/generic@3.9.0
grep -q '"links":\["enp0s2"\]' "$seen" || fail "the memory is not written anew"
dmvctl doctor >"$scratch/out" 2>&1 || true
! grep -q seen.json "$scratch/out" || fail "doctor still sees a broken memory"

# ---- the example of dmv-boot(7) is what it says ----
mkdir -p "$root/etc/dmv/health.d" "$scratch/bin"
awk '/^#!\/bin\/sh$/ { on = 1 } /^```$/ { on = 0 } on' "$DMV_SOURCE/docs/man/dmv-boot.7.scd" >"$root/etc/dmv/health.d/50-gateway"
[[ -s $root/etc/dmv/health.d/50-gateway ]] || fail "dmv-boot(7) has no example"
chmod +x "$root/etc/dmv/health.d/50-gateway"
printf '#!/bin/sh\n[ "$1 $2" = "route show" ] && echo "default via 192.0.2.1 dev enp0s2 proto dhcp"\n' >"$scratch/bin/ip"
printf '#!/bin/sh\necho "$@" >"%s/pinged"\nexit "$(cat "%s/answer")"\n' "$scratch" "$scratch" >"$scratch/bin/ping"
chmod +x "$scratch/bin"/*
echo 1 >"$scratch/answer"
ok dmvctl activate
boot_that_says
PATH=$scratch/bin:$PATH check_health 10
grep -q ' 192.0.2.1$' "$scratch/pinged" || fail "the example has not asked the gateway"
went_back "50-gateway: the gateway 192.0.2.1 does not answer"
echo 0 >"$scratch/answer"
boot_that_says
PATH=$scratch/bin:$PATH check_health 0
equal "$(phase)" good "phase after a check that passed"
rm -r "$root/var/log"
no_leftovers
