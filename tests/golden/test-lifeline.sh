#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Lifelines with the real binaries on two recorded servers: shown, explained, and not changed at once without a word. Then
# this machine itself, by the word of lsblk and ip.
set -eu -o pipefail
. "$DMV_SOURCE/tests/golden/lib.sh"

# release DRIVER MODULE ID...: an adopted release of DRIVER, variant test, for both kernels
release() {
    local driver=$1 module=$2 kver id aliases=()
    shift 2
    for id; do aliases+=(--alias "pci:v0000${id%:*}d0000${id#*:}sv*sd*bc*sc*i*"); done
    for kver in "$K1" "$K2"; do
        golden_module "$root/usr/lib/modules/$kver/dmv/$driver/test/$module.ko" "$module" "$kver" 9.9 test "${aliases[@]}"
        printf '{"name": "%s", "variant": "test", "version": "9.9", "category": "network"}\n' "$driver" \
            >"$root/usr/lib/modules/$kver/dmv/$driver/test/info.json"
    done
}

# lifelines_of SLOT: as `dmvctl devices` says them
lifelines_of() { dmvctl devices --no-headings --fields slot,lifelines | sed -n "s/^$1 *//p" | sed 's/ *$//'; }

# has TEXT: the last output
has() { grep -qF -- "$1" "$scratch/out" || fail "no '$1' in the output"; }

# ---- a host of a pool: logical volumes on the PERC, management on a bond under Open vSwitch ----
golden_host dell-r650
release bnxt bnxt_en 14E4:16D7
release intel-ice ice 8086:159B
inbox=kernel/drivers/net/ethernet/broadcom/bnxt/bnxt_en.ko
equal "$(lifelines_of 0000:65:00.0)" "/, /boot, /boot/efi, /dev/dm-1" "the PERC"
equal "$(lifelines_of 0000:17:00.0)" xenbr0 "the first port of the bond"
equal "$(lifelines_of 0000:17:00.1)" xenbr0 "the second port of the bond"
equal "$(lifelines_of 0000:4b:00.0)" - "a card for guests"
equal "$(lifelines_of 0000:98:00.0)" - "a disk for guests"
ok dmvctl why 0000:65:00.0
has 'it is a lifeline, the host needs it to come back: / on dm-0 (vg-root) on sda3 on sda on 0000:65:00.0'
ok dmvctl why bnxt
has 'a lifeline stands on bnxt: xenbr0 on ovs-system on bond0 on eno12399np0 on 0000:17:00.0 and eno12409np1 on 0000:17:00.1'
equal "$(driver bnxt '["lifeline"]')" true "a driver with a lifeline"
equal "$(driver intel-ice '["lifeline"]')" false "a driver without"
equal "$(dmvctl --json status | json '["lifelines"][0]["chain"]')" "/ on dm-0 (vg-root) on sda3 on sda on 0000:65:00.0" "status"

# a driver that no lifeline stands on: nobody asks
ok dmvctl select intel-ice/test --now
equal "$(effective "$K1" ice)" updates/ice.ko "no lifeline"

# at once: refused, and nothing has changed
before=$(snapshot)
refused 6 lifeline select bnxt/test --now
refused 6 lifeline select bnxt/test --now --dry-run
has 'bnxt_en would change for kernel'
has "$K2"
has '(xenbr0 on ovs-system on bond0'
has '--accept-lifeline'
equal "$(driver bnxt '["selection"]')" none "refused: the intent is as before"
equal "$(dmvctl --json status | json '["staged"]')" "" "refused: nothing is staged"
diff <(echo "$before") <(snapshot) >"$scratch/out" || fail "refused, and something has changed"

# left to the reboot: refused as well, since nothing brings the host back from a boot that fails
refused 6 lifeline select bnxt/test
refused 6 lifeline select bnxt/test --dry-run
equal "$(dmvctl --json status | json '["staged"]')" "" "refused without --now: nothing is staged"

# where the site has something that does: said, and done
printf '[lifelines]\nfallback=yes\n' >"$root/etc/dmv/dmv.conf"
ok dmvctl select bnxt/test --dry-run
has 'lifelines (the host needs them to come back)'
ok dmvctl select bnxt/test
has "stands on bnxt_en, which changes for kernel $K1, $K2"
ok dmvctl plan
has '  xenbr0 on ovs-system on bond0'
equal "$(dmvctl --json activate --dry-run | json '["lifelines"][0]["what"]')" xenbr0 "dry run of activate"
ok dmvctl activate
equal "$(effective "$K1" bnxt_en)" updates/bnxt_en.ko "activated"
equal "$(dmvctl --json plan | json '["lifelines"]')" '[]' "nothing is left to do"

# back, at once: refused as well; accepted: done. A rollback is the way back and never refused.
refused 6 lifeline deselect bnxt --now
ok dmvctl deselect bnxt --now --accept-lifeline
equal "$(effective "$K2" bnxt_en)" "$inbox" "accepted"
ok dmvctl select bnxt/test --now --accept-lifeline
equal "$(effective "$K2" bnxt_en)" updates/bnxt_en.ko "accepted"
ok dmvctl rollback
equal "$(effective "$K2" bnxt_en)" "$inbox" "rolled back"

# a host whose boot nobody goes back from, as it is by default: what is staged needs a word, too
rm "$root/etc/dmv/dmv.conf"
refused 6 lifeline select bnxt/test
ok dmvctl select bnxt/test --accept-lifeline
refused 6 lifeline activate
refused 6 lifeline activate --dry-run
ok dmvctl activate --accept-lifeline
equal "$(effective "$K1" bnxt_en)" updates/bnxt_en.ko "accepted twice"
ok dmvctl rollback

# whom an installer or a toolstack asks is not asked back
"$DMV_BUILD/bin/driver-tool" -s -n bnxt -v test >"$scratch/out" 2>"$scratch/err" || fail "driver-tool -s"
equal "$(effective "$K1" bnxt_en)" updates/bnxt_en.ko "driver-tool -s"
"$DMV_BUILD/bin/driver-tool" -d bnxt >"$scratch/out" 2>"$scratch/err" || fail "driver-tool -d"
equal "$(effective "$K1" bnxt_en)" "$inbox" "driver-tool -d"

# the admin knows better than the routes
printf '[lifelines]\nmanagement=ens1f0\n' >"$root/etc/dmv/dmv.conf"
equal "$(lifelines_of 0000:17:00.0)" - "named: another"
equal "$(lifelines_of 0000:4b:00.0)" ens1f0 "named: this"
refused 6 lifeline deselect intel-ice --now
printf '[lifelines]\nmanagement=gone0\n' >"$root/etc/dmv/dmv.conf"
equal "$(dmvctl --json status | json '["problems"][0]["why"]')" \
    "what carries it is not known: there is no interface gone0" "a name that is not there"
status=0
dmvctl doctor >"$scratch/out" || status=$?
equal "$status" 10 "doctor has a finding"
has 'lifeline gone0: what carries it is not known'
# what was applied is as it should be all the same; the recorded kernel runs a build of ice that is on no disk
status=0
dmvctl --json verify >"$scratch/out" || status=$?
equal "$status" 10 "verify of a kernel that runs what is on no disk"
equal "$(python3 -c 'import json, sys; print(*[f["reason"] for f in json.load(sys.stdin)["findings"] if f["severity"] != "ok"])' \
    <"$scratch/out")" module-not-on-disk "and nothing else"
printf '[lifelines]\nmanagement=none\n' >"$root/etc/dmv/dmv.conf"
equal "$(dmvctl --json status | json '["problems"]')" '[]' "none is no problem"
ok dmvctl deselect intel-ice --now

# ---- a virtualisation host: a mirror of two NVMe disks, management on a VLAN on a team, /var over iSCSI ----
rm -rf "$root" "$scratch/hardware"
golden_host hpe-dl380
release nvme-test nvme 1C5C:2839 144D:A80A
equal "$(lifelines_of 0000:af:00.0)" "/, /boot/efi" "first disk of the mirror"
equal "$(lifelines_of 0000:b0:00.0)" "/" "second disk of the mirror"
equal "$(lifelines_of 0000:13:00.1)" br0 "a port of the team"
equal "$(lifelines_of 0000:37:00.0)" /var "the physical function under the iSCSI disk"
equal "$(lifelines_of 0000:5c:00.0)" - "a controller of guests' disks"
ok dmvctl why 0000:b0:00.0
has '/ on md0 on nvme0n1p2 on nvme0n1 on 0000:af:00.0 and nvme1n1p2 on nvme1n1 on 0000:b0:00.0'
refused 6 lifeline select nvme-test/test --now
has 'nvme would change for kernel'
has 'and for 1 more'
ok dmvctl select nvme-test/test --accept-lifeline
ok dmvctl select nvme-test/test --now --accept-lifeline
equal "$(effective "$K1" nvme)" updates/nvme.ko "accepted"

# ---- this machine ----
unset DMV_ROOT DMV_SYSFS DMV_PROCFS
dmvctl --root / --json status >"$scratch/out" 2>"$scratch/err" || fail "status of this machine"
# below the disk that lsblk finds under the root there is the PCI function that dmv finds
disk=$(findmnt -no SOURCE / | sed 's/\[.*//')
[[ ! -b $disk ]] || disk=$(lsblk -srno NAME "$disk" | tail -n1)
carrier=$(readlink -f "/sys/class/block/$(basename "$disk")" 2>/dev/null | grep -o '[0-9a-f]*:[0-9a-f]*:[0-9a-f]*\.[0-7]' | tail -n1) || true
found=$(json '["lifelines"][0]["devices"]' <"$scratch/out")
if [[ -n $carrier ]]; then
    [[ $found == *"$carrier"* ]] || fail "the root disk $disk is on $carrier by lsblk, and on $found by dmvctl"
else
    echo "the root of this machine is on no PCI device: not compared"
fi
ip -o route show default >"$scratch/routes"
for interface in $(sed -n 's/.* dev \([^ ]*\).*/\1/p' "$scratch/routes"); do
    grep -q "\"what\":\"$interface\"" "$scratch/out" || fail "$interface has the default route by ip, and is no lifeline"
done
echo "lifelines: done"
