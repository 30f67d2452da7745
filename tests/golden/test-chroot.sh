#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# driver-tool in a real chroot(2), as the host installer calls it: no systemd, no daemon, no dracut, the kernel that runs is none of
# the root's, and no option or variable of ours. Installed by cmake --install for the prefix /usr; modprobe is the judge.
set -eu -o pipefail
. "$DMV_SOURCE/tests/golden/lib.sh"

dmv_pristine_host "$root"
modules=$root/usr/lib/modules

# ---- what an installation brings ----
# A build of its own: the prefix is compiled into the programs. Of it only the three that run in the chroot.
cmake -S "$DMV_SOURCE" -B "$scratch/build" -G Ninja -DCMAKE_INSTALL_PREFIX=/usr -DCMAKE_INSTALL_LIBEXECDIR=libexec \
    -DCMAKE_BUILD_TYPE=Debug -DCMAKE_C_FLAGS=-O0 -DDMV_TESTS=OFF >"$scratch/out" 2>&1 || fail "cmake"
ninja -C "$scratch/build" driver-tool dmvd dmv-apply man >"$scratch/out" 2>&1 || fail "ninja"
for program in dmvctl dmv-fetch dmv-guest dmv-publish; do cp "$DMV_BUILD/bin/$program" "$scratch/build/bin/"; done
DESTDIR=$root cmake --install "$scratch/build" >"$scratch/out" 2>&1 || fail "cmake --install"

# ---- what a minimal system has: kmod and the libraries ----
cp -L "$(command -v depmod)" "$root/usr/sbin/depmod"
ln -s depmod "$root/usr/sbin/modprobe"
[[ -e $root/lib64 ]] || { mkdir -p "$root/usr/lib64" && ln -s usr/lib64 "$root/lib64"; }
for program in "$root"/usr/sbin/{driver-tool,depmod} "$root"/usr/libexec/dmv/{dmvd,dmv-apply}; do
    ldd "$program"
done | grep -o '/[^ ]*' | grep '\.so' | sort -u | while read -r library; do
    mkdir -p "$root$(dirname "$library")"
    cp -nL "$library" "$root$library"
done
for tool in sh systemctl dracut mkinitramfs; do
    [[ ! -e $root/usr/bin/$tool && ! -e $root/usr/sbin/$tool ]] || fail "the root has a $tool"
done

# inside COMMAND...: in the chroot, with nothing in its environment. With $live the machine's /sys and /proc are in it, in a
# mount namespace of that command alone and read-only: nothing that removes the scratch folder can ever reach them.
live=
inside() {
    # shellcheck disable=SC2016 # expanded in the namespace
    unshare --mount --propagation private env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin ${live:+LIVE=1} sh -ec '
        root=$1
        shift
        if [ -n "${LIVE:-}" ]; then
            for folder in sys proc; do
                mount --bind "/$folder" "$root/$folder"
                mount -o remount,bind,ro "$root/$folder"
            done
            unset LIVE
        fi
        exec chroot "$root" "$@"' sh "$root" "$@"
}
# would_load KVER MODULE: what the chroot's own modprobe says, relative to the kernel's folder
would_load() { inside modprobe -S "$1" --show-depends "$2" | sed -n "s|^insmod .*/lib/modules/$1/\([^ ]*\).*|\1|p" | tail -n1; }
listed() { json "['drivers']['e1000e']$1" <"$scratch/out"; }

# ---- a package of the vendor for hardware with these aliases: ALIAS VENDOR-ID DEVICE-ID ----
package() {
    local kver variant priority=10 folder
    for kver in "$K1" "$K2"; do
        for variant in generic dell; do
            folder=$modules/$kver/dmv/e1000e/$variant
            golden_module "$folder/e1000e.ko" e1000e "$kver" 4.0 "$variant" --alias "$1"
            printf '{"category": "network", "name": "e1000e", "version": "4.0", "variant": "%s", "description": "Intel", "status": "production", "priority": %d, "pci_ids": {"e1000e.ko": [{"vendor_id": "%s", "device_id": "%s", "subvendor_id": "*", "subdevice_id": "*"}]}}' \
                "$variant" "$priority" "$2" "$3" >"$folder/info.json"
        done
    done
}

# whole_flow NAME: list, select, modprobe, deselect, modprobe
whole_flow() {
    local kver inbox=kernel/drivers/net/ethernet/intel/e1000e/e1000e.ko before
    for kver in "$K1" "$K2"; do inside depmod "$kver" 2>/dev/null; done
    before=$(cd "$modules" && find . -type l -o -type f ! -name 'modules.*' | LC_ALL=C sort)
    ok inside /usr/sbin/driver-tool -l
    equal "$(listed '["selected"]')" '' "$1: nothing is selected"
    equal "$(listed '["variants"]["dell"]["hardware_present"]')" true "$1: the hardware is there"
    equal "$(json '["operation"]["reboot"]' <"$scratch/out")" false "$1: no kernel of this root runs"
    for variant in dell generic; do
        ok inside /usr/sbin/driver-tool -s -n e1000e -v $variant
        equal "$(json '["exit"]' <"$scratch/out")" 0 "$1: -s"
        for kver in "$K1" "$K2"; do
            equal "$(would_load "$kver" e1000e)" updates/e1000e.ko "$1: the next modprobe on $kver"
            equal "$(readlink "$modules/$kver/updates/e1000e.ko")" ../dmv/e1000e/$variant/e1000e.ko "$1: its link"
        done
        ok inside /usr/sbin/driver-tool -l
        equal "$(listed '["selected"]')" $variant "$1: selected"
    done
    ok inside /usr/sbin/driver-tool -d e1000e
    for kver in "$K1" "$K2"; do equal "$(would_load "$kver" e1000e)" $inbox "$1: the kernel's own driver"; done
    equal "$(cd "$modules" && find . -type l -o -type f ! -name 'modules.*' | LC_ALL=C sort)" "$before" "$1: nothing was left"
    no_leftovers
    pgrep -f "^/usr/libexec/dmv/dmvd" >/dev/null && fail "$1: a daemon was left running"
    rm -rf "$root/var/lib/dmv" "$root/etc/depmod.d/00-dmv.conf" "$modules"/*/dmv
}

# ---- plain folders with a recorded server in them ----
"$DMV_SOURCE/tests/hosts/make-host" "$DMV_SOURCE/tests/hosts/qemu-q35.host" "$scratch/hardware"
cp -a "$scratch/hardware/sys/." "$root/sys/"
echo 5.4.0-installer >"$scratch/hardware/proc/sys/kernel/osrelease"
cp -a "$scratch/hardware/proc/." "$root/proc/"
package "$e1000e_alias" 8086 10d3
whole_flow "plain folders"
find "$root/sys" "$root/proc" -mindepth 1 -maxdepth 1 -exec rm -rf {} +

# ---- the machine's own /sys and /proc; its first PCI device is the hardware ----
live=yes
for device in /sys/bus/pci/devices/*; do
    [[ -e $device/modalias ]] || continue
    alias=$(<"$device/modalias") vendor=$(<"$device/vendor") id=$(<"$device/device")
    package "${alias%%sv*}sv*sd*bc*sc*i*" "${vendor#0x}" "${id#0x}"
    [[ ! -d $modules/$(uname -r) ]] || fail "the running kernel is one of the root's"
    whole_flow "bind mounts"
    found=yes
    break
done
[[ -n ${found:-} ]] || echo "no PCI device on this machine: only plain folders were tried"
echo "chroot: done"
