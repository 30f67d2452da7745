#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The forecast in the answers of plan and why: what stands in the way is told, a failure costs the forecast only, and
# nobody can make it run again and again.
set -eu -o pipefail
. "$DMV_SOURCE/tests/golden/lib.sh"

inbox=kernel/drivers/net/ethernet/intel/e1000e/e1000e.ko
golden_host
golden_stream
ok dmvctl refresh
ok dmvctl install intel-e1000e/generic@3.8.7

# device SLOT EXPRESSION: of the forecast for the first kernel
device() {
    dmvctl --json plan | python3 -c '
import json, sys
d = [d for d in json.load(sys.stdin)["devices"] if d["kernel"] == sys.argv[1] and d["slot"] == sys.argv[2]][0]
v = eval("d" + sys.argv[3])
print(str(v).lower() if isinstance(v, bool) else v)' "$K1" "$@"
}

# ---- now and next ----
equal "$(device 0000:00:02.0 '["now"][0]["path"]')" "$inbox" "now"
equal "$(device 0000:00:02.0 '["changed"]')" false "nothing was selected"
ok dmvctl select intel-e1000e/generic@3.8.7
equal "$(device 0000:00:02.0 '["now"][0]["release"]')" inbox "release now"
equal "$(device 0000:00:02.0 '["next"][0]["path"]')" updates/e1000e.ko "next"
equal "$(device 0000:00:02.0 '["next"][0]["release"]')" intel-e1000e/generic@3.8.7 "release next"
equal "$(device 0000:00:02.0 '["changed"]')" true "a change"
equal "$(device 0000:00:1f.2 '["changed"]')" false "another device"
[[ ! -e $root/usr/lib/modules/$K1/updates ]] || fail "a forecast has changed the tree"
[[ -z $(find "$root/run/dmv" -name 'shadow-*') ]] || fail "a scratch folder stayed"
ok dmvctl plan
grep -q 'devices that change at the next boot of' "$scratch/out" || fail "plan does not show the device"

# ---- what of modprobe.d stands in the way: the root's, each folder of it ----
echo 'blacklist e1000e' >"$root/etc/modprobe.d/site.conf"
equal "$(device 0000:00:02.0 '["next"]')" '[]' "blacklisted"
ok dmvctl why enp0s2
grep -q 'e1000e matches and is blacklisted' "$scratch/out" || fail "why does not name the blacklist"
rm "$root/etc/modprobe.d/site.conf"
mkdir -p "$root/run/modprobe.d" "$root/usr/lib/modprobe.d"
echo 'install e1000e /usr/bin/site-e1000e --quiet' >"$root/run/modprobe.d/site.conf"
echo 'softdep ahci pre: libahci post: sd_mod' >"$root/usr/lib/modprobe.d/disks.conf"
equal "$(device 0000:00:02.0 '["next"][0]["install"]')" '/usr/bin/site-e1000e --quiet' "install rule"
ok dmvctl why 0000:00:02.0
grep -q 'an install rule of modprobe.d runs in the place of loading e1000e' "$scratch/out" || fail "why misses the install rule"
ok dmvctl why sda
grep -q 'softdep of ahci pre: libahci post: sd_mod' "$scratch/out" || fail "why misses the softdep"
rm "$root/run/modprobe.d/site.conf"

# ---- depmod will fail: said before ----
mkdir -p "$root/usr/lib/modules/$K1/extra"
ln -s /nowhere/x.ko "$root/usr/lib/modules/$K1/extra/x.ko"
dmvctl --json plan >"$scratch/out"
grep -q 'extra/x.ko leads nowhere' "$scratch/out" || fail "plan does not say that an activation would be undone"
refused 1 tool-failed activate
rm -r "$root/usr/lib/modules/$K1/extra"

# ---- an initrd image carries copies: the old driver would load from it ----
# image FILE: an image for the first kernel that holds that file as updates/e1000e.ko
image() {
    local folder=$scratch/image/usr/lib/modules/$K1/updates
    rm -rf "$scratch/image" && mkdir -p "$folder" && cp "$1" "$folder/e1000e.ko"
    (cd "$scratch/image" && find . | cpio --quiet -o -H newc) >"$root/boot/initrd.img-$K1"
}
# initrd EXPRESSION: of the forecast for that image
initrd() { dmvctl --json plan | json "['initrds'][0]$1"; }
image "$root/usr/lib/modules/$K1/$inbox"
equal "$(initrd '["path"]')" "boot/initrd.img-$K1" "the image"
equal "$(initrd '["stale"]')" true "the copy is the kernel's own, and another one was selected"
equal "$(initrd '["modules"][0]["release"]')" inbox "what the copy is"
equal "$(initrd '["modules"][0]["nextRelease"]')" intel-e1000e/generic@3.8.7 "what the tree gives"
ok dmvctl plan
grep -q "update-initramfs -u -k $K1" "$scratch/out" || fail "plan does not say what to do about the image"
ok dmvctl why enp0s2
grep -q "boot/initrd.img-$K1 has another e1000e (inbox)" "$scratch/out" || fail "why does not name the image"
image "$root/usr/lib/dmv/store/$K1/intel-e1000e/generic/3.8.7/e1000e.ko"
equal "$(initrd '["stale"]')" false "the copy is what was selected"
equal "$(initrd '["modules"][0]["release"]')" intel-e1000e/generic@3.8.7 "what the copy is now"
echo "this is no image" >"$root/boot/initrd.img-$K1"
equal "$(initrd '["path"]')" "boot/initrd.img-$K1" "an image that cannot be read"
[[ -n $(initrd '["problem"]') ]] || fail "no word about an image that cannot be read"
rm "$root/boot/initrd.img-$K1"

# ---- a worker that does not work costs the forecast, not the plan ----
mkdir "$scratch/libexec"
ln -s "$DMV_BUILD/bin/dmvd" "$DMV_BUILD/bin/dmv-fetch" "$scratch/libexec/"
printf '#!/bin/sh\nexit 1\n' >"$scratch/libexec/dmv-apply"
chmod +x "$scratch/libexec/dmv-apply"
DMV_LIBEXECDIR=$scratch/libexec dmvctl --json plan >"$scratch/out" 2>"$scratch/err" || fail "no plan without a worker"
equal "$(json '["changed"]' <"$scratch/out")" true "the plan is there"
equal "$(json '["problems"][0]["object"]' <"$scratch/out")" forecast "the reason is there"
DMV_LIBEXECDIR=$scratch/libexec dmvctl why enp0s2 >"$scratch/out" 2>"$scratch/err" || fail "no why without a worker"

# ---- one daemon, many clients: one run for all, until something changes ----
cat >"$scratch/libexec/dmv-apply" <<SCRIPT
#!/bin/sh
echo run >>$scratch/runs
exec $DMV_BUILD/bin/dmv-apply "\$@"
SCRIPT
runs() { wc -l <"$scratch/runs"; }
: >"$scratch/runs"
DMV_LIBEXECDIR=$scratch/libexec "$DMV_BUILD/bin/dmvd" --root "$root" --sysfs "$DMV_SYSFS" --procfs "$DMV_PROCFS" \
    --listen "$scratch/socket" 2>"$scratch/log" &
daemon_pid=$!
until_listening "$scratch/socket" "$daemon_pid" || fail "$(cat "$scratch/log")"
unset DMV_ROOT DMV_SYSFS DMV_PROCFS
export DMV_ADDRESS=$scratch/socket
clients=()
for ((i = 0; i < 8; i++)); do
    dmvctl --json plan >"$scratch/plan-$i" 2>&1 &
    clients+=($!)
done
# one that goes away in the middle of it
timeout --signal=KILL 0.01 "$DMV_BUILD/bin/dmvctl" plan >/dev/null 2>&1 || true
for pid in "${clients[@]}"; do wait "$pid" || fail "a client got no plan"; done
for ((i = 1; i < 8; i++)); do cmp -s "$scratch/plan-0" "$scratch/plan-$i" || fail "two clients, two plans"; done
grep -q '"devices"' "$scratch/plan-0" || fail "no forecast"
equal "$(runs)" 1 "runs for nine clients"
ok dmvctl plan
ok dmvctl why enp0s2
equal "$(runs)" 1 "runs while nothing changes"
ok dmvctl rescan
ok dmvctl plan
equal "$(runs)" 2 "runs after the host was looked at again"

# ---- while a change is made: every plan is answered, none holds it up ----
ok dmvctl deselect intel-e1000e --now
for ((i = 0; i < 6; i++)); do
    dmvctl --json plan >"$scratch/plan-$i" 2>&1 &
    clients[i]=$!
done
ok dmvctl select intel-e1000e/generic@3.8.7 --now
for ((i = 0; i < 6; i++)); do wait "${clients[i]}" || fail "a client got no plan during a change"; done
equal "$(effective "$K1" e1000e)" updates/e1000e.ko "the change was made"
kill "$daemon_pid" && wait "$daemon_pid" || fail "dmvd did not end well: $(cat "$scratch/log")"
! grep 'is not what the interface declares' "$scratch/log" || fail "an answer is not what the interface declares"
echo "plan: done"
