#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# What happens to a host while a change runs: its root becomes read-only, a kernel is removed. A depmod that waits gives the time for
# it. In each case the host is as before or as after, says which, and the command works once the cause is gone. Needs: root
set -eu -o pipefail

# dmv looks for depmod in the system's folders only, so there is another /usr/sbin, in a mount namespace of our own
if [[ ${1:-} != --inside ]]; then
    exec unshare --mount --propagation private bash "$0" --inside
fi
. "$DMV_SOURCE/tests/golden/lib.sh"

mkdir "$scratch/real" "$scratch/sbin" "$scratch/wait"
mount --bind /usr/sbin "$scratch/real"
for file in "$scratch"/real/*; do ln -s "$file" "$scratch/sbin/"; done
rm "$scratch/sbin/depmod"
# it waits as long as the folder is there, and has to be seen to: nothing may be written there by a confined worker. Not where it
# is asked for its version: that is part of every look at the host.
cat >"$scratch/sbin/depmod" <<SCRIPT
#!/bin/bash
for ((i = 0; i < 600; i++)); do
    [[ \${1-} == -b && -d $scratch/wait ]] || break
    read -r -t 0.05 <> <(:) || true
done
exec $scratch/real/depmod "\$@"
SCRIPT
chmod 755 "$scratch/sbin/depmod" "$scratch"
rmdir "$scratch/wait"
mount --bind "$scratch/sbin" /usr/sbin
leave() {
    local status=$?
    umount -l /usr/sbin "$scratch/real" || true
    (exit $status)
    golden_exit
}
trap leave EXIT

golden_memory
root=$scratch/memory/root
mkdir "$root"
mount -t tmpfs dmv-root "$root"
mkdir "$root/run"
mount -t tmpfs dmv-run "$root/run" # as on every host: the worker's lock is open for writing
golden_host
golden_stream
inbox=kernel/drivers/net/ethernet/intel/e1000e/e1000e.ko
release=intel-e1000e/generic@3.8.7
ok dmvctl refresh
ok dmvctl install $release intel-e1000e/generic@3.9.0

host_state() {
    snapshot
    dmvctl --json list
    dmvctl --json generations
}

# in_the_middle WHAT COMMAND...: does WHAT while the depmod of the command waits; its exit status is in $status
in_the_middle() {
    local what=$1 i
    shift
    mkdir "$scratch/wait"
    status=0
    dmvctl --json "$@" >"$scratch/out" 2>"$scratch/err" &
    local command=$!
    for ((i = 0; i < 400; i++)); do
        ! pgrep -f "^/bin/bash /usr/sbin/depmod -b $root" >/dev/null || break
        sleep 0.05
    done
    ((i < 400)) || fail "no depmod was run by dmvctl $*"
    eval "$what"
    rmdir "$scratch/wait"
    wait $command || status=$?
}

# A file that the worker has just written may still be open for a moment.
remount_ro() {
    local i
    for ((i = 0; i < 60; i++)); do
        ! mount -o remount,ro "$1" 2>>"$scratch/mounts" || return 0
        sleep 0.05
    done
    fail "$1 cannot be made read-only"
}

# ---- the root becomes read-only; /var is a filesystem of its own, as the daemon's lock there would keep it writable ----
state=$root/var/lib/dmv
cp -a "$state" "$scratch/memory/state"
mount -t tmpfs -o mode=0700 dmv-var "$state"
cp -a "$scratch/memory/state/." "$state/"
ok dmvctl select $release
before=$(host_state)
in_the_middle 'remount_ro "$root"' activate
[[ $status != 0 ]] || fail "activate on a root that became read-only"
equal "$(json '["error"]["reason"]' <"$scratch/out")" state-broken "reason on a root that became read-only"
[[ -n $(json '["error"]["next"]' <"$scratch/out") ]] || fail "nothing is said about what to do"
ok dmvctl --json status
equal "$(json '["problems"][0]["reason"]' <"$scratch/out")" state-broken "what status says about a change that cannot be undone"
refused 1 state-broken select intel-e1000e/generic@3.9.0
mount -o remount,rw "$root"
ok dmvctl status # undoes it
diff <(echo "$before") <(host_state) >"$scratch/out" || fail "a root that was read-only for a while: not as before"
no_leftovers
ok dmvctl activate
equal "$(effective "$K1" e1000e)" updates/e1000e.ko "after activate on a root that is writable again"

# ---- read-only from the beginning, and all of it ----
cp -a "$state" "$scratch/memory/var"
umount "$state"
rm -r "${state:?}"
cp -a "$scratch/memory/var" "$state"
ok dmvctl select intel-e1000e/generic@3.9.0
before=$(host_state)
remount_ro "$root"
for command in "select $release" activate "install intel-e1000e/alt@4.0.0" "deselect intel-e1000e"; do
    status=0
    # shellcheck disable=SC2086 # words of a command
    dmvctl --json $command >"$scratch/out" 2>"$scratch/err" || status=$?
    [[ $status != 0 ]] || fail "$command on a read-only root"
    equal "$(json '["error"]["reason"]' <"$scratch/out")" read-only "reason of $command on a read-only root"
done
diff <(echo "$before") <(host_state) >"$scratch/out" || fail "a read-only root: not as before"
mount -o remount,rw "$root"
ok dmvctl activate

# ---- a kernel is removed while a change runs ----
ok dmvctl select $release
in_the_middle 'mv "$root/usr/lib/modules/$K1" "$scratch/memory/gone"' activate
[[ $status != 0 ]] || fail "activate for a kernel that went away"
equal "$(json '["error"]["reason"]' <"$scratch/out")" tool-failed "reason when a kernel goes away"
[[ -n $(json '["error"]["why"]' <"$scratch/out") ]] || fail "nothing is said about why"
ok dmvctl rescan
equal "$(effective "$K2" e1000e)" updates/e1000e.ko "the kernel that is there"
ok dmvctl activate
equal "$(readlink "$root/usr/lib/modules/$K2/updates/e1000e.ko")" "../../../dmv/store/$K2/intel-e1000e/generic/3.8.7/e1000e.ko" "the kernel that is there"
no_leftovers

# ---- before a change, and between a change and the way back ----
ok dmvctl select intel-e1000e/generic@3.9.0
mv "$scratch/memory/gone" "$root/usr/lib/modules/$K1"
ok dmvctl activate
equal "$(effective "$K1" e1000e)" updates/e1000e.ko "a kernel that is back"
rm -r "$root/usr/lib/modules/$K1"
ok dmvctl rollback
equal "$(readlink "$root/usr/lib/modules/$K2/updates/e1000e.ko")" "../../../dmv/store/$K2/intel-e1000e/generic/3.8.7/e1000e.ko" "the way back without a kernel"
[[ ! -e $root/usr/lib/modules/$K1 ]] || fail "a kernel's folder was made"
ok dmvctl verify
ok dmvctl deselect intel-e1000e --now
equal "$(effective "$K2" e1000e)" "$inbox" "after all"
no_leftovers

# ---- after its switch, and before the change is confirmed: the image of the other kernel is being built ----
. "$DMV_SOURCE/tests/golden/images.sh"
dmv_pristine_kernel "$root" "$K1"
ok dmvctl rescan
ok dmvctl install $release
mkdir -p "$root/boot"
image_tool ': >/boot/built; while [ -e /images/wait ]; do :; done; cat "$image" >"$2"'
cp "$root/images/$K2/own" "$root/boot/initrd.img-$K2"
ok dmvctl select $release
: >"$root/images/wait"
status=0
dmvctl --json activate >"$scratch/out" 2>"$scratch/err" &
command=$!
for ((i = 0; i < 400; i++)); do
    [[ ! -e $root/boot/built ]] || break
    sleep 0.05
done
((i < 400)) || fail "no image was built"
equal "$(effective "$K1" e1000e)" updates/e1000e.ko "the kernel that goes, after its switch"
mv "$root/usr/lib/modules/$K1" "$scratch/memory/gone"
rm "$root/images/wait"
wait $command || status=$?
equal "$status" 7 "exit status when a switched kernel goes away"
equal "$(json '["error"]["reason"]' <"$scratch/out")" prediction-failed "reason when a switched kernel goes away"
equal "$(json '["error"]["why"]' <"$scratch/out")" "kernel $K1 has gone" "why"
rm "$root/boot/built"
no_leftovers
cmp "$root/images/$K2/own" "$root/boot/initrd.img-$K2" || fail "the image of the kernel that stays"
equal "$(effective "$K2" e1000e)" "$inbox" "the kernel that stays"
mv "$scratch/memory/gone" "$root/usr/lib/modules/$K1" # with the links of a switch that was undone
image_tool
ok dmvctl activate
for kver in "$K1" "$K2"; do equal "$(effective "$kver" e1000e)" updates/e1000e.ko "a kernel that is back after its switch"; done
rm "$root/boot/initrd.img-$K2"
ok dmvctl deselect intel-e1000e --now

# ---- between a trial and the way back, which comes by itself ----
. "$DMV_SOURCE/tests/golden/boots.sh"
boot
ok dmvctl select $release --now
boot
equal "$(phase)" trial "phase of a trial"
mv "$root/usr/lib/modules/$K1" "$scratch/memory/gone"
boot
boot
equal "$(phase)" returned "phase after two boots without a report"
equal "$(effective "$K2" e1000e)" "$inbox" "the kernel that is there, after the way back"
equal "$(dmvctl --json status | json '["problems"]')" "[]" "problems after the way back without a kernel"
[[ ! -e $root/usr/lib/modules/$K1 ]] || fail "a kernel's folder was made on the way back"
mv "$scratch/memory/gone" "$root/usr/lib/modules/$K1"
ok dmvctl rescan --now
equal "$(effective "$K1" e1000e)" "$inbox" "a kernel that comes back after the way back"
ok dmvctl verify
no_leftovers
echo "bad moments: done"
