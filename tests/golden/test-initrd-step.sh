#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The initrd step of a transaction with the real mkinitramfs and the real dracut of this machine, run by chroot(2) in the scratch
# host. Judges: unmkinitramfs and readelf. Needs: initramfs-tools-core, dracut-core, cpio, root
set -eu -o pipefail
. "$DMV_SOURCE/tests/golden/lib.sh"

for tool in mkinitramfs dracut unmkinitramfs cpio unshare; do
    command -v "$tool" >/dev/null || fail "$tool is not here; tools/lib/packages.sh has its package"
done
inbox=kernel/drivers/net/ethernet/intel/e1000e/e1000e.ko
golden_host
golden_stream
ok dmvctl refresh
ok dmvctl install intel-e1000e/generic@3.8.7

# ---- a host with this machine's programs ----
# All of /usr is bound at /real, read-only and in a mount namespace of each command's own; the host's /usr leads there, but for
# what a test has to change.
mkdir -p "$root"/{real,tmp,proc,dev,sys,boot} "$root"/var/{tmp,lib/dmv} "$root/usr/share" "$root/usr/sbin" "$root/usr/bin" "$root/etc"
for entry in /usr/lib/*; do
    [[ -e $root/usr/lib/${entry##*/} ]] || ln -s "/real/lib/${entry##*/}" "$root/usr/lib/"
done
for folder in bin sbin share; do
    for entry in "/usr/$folder"/*; do
        case ${entry##*/} in
        mkinitramfs | dracut) ;;
        *) [[ -e $root/usr/$folder/${entry##*/} || -L $root/usr/$folder/${entry##*/} ]] || ln -s "/real/$folder/${entry##*/}" "$root/usr/$folder/" ;;
        esac
    done
done
for folder in bin sbin lib64; do
    [[ -e $root/$folder || -L $root/$folder ]] || ln -s "usr/$folder" "$root/$folder"
done
[[ -e $root/usr/lib64 ]] || ln -s /real/lib64 "$root/usr/lib64"
cp -a /etc/ld.so.cache /etc/ld.so.conf /etc/ld.so.conf.d /etc/passwd /etc/group /etc/os-release /etc/udev "$root/etc/" 2>/dev/null || true
mkdir -p "$root/etc/initramfs-tools/"{hooks,scripts,conf.d} "$root/etc/dracut.conf.d"
printf 'MODULES=list\nBUSYBOX=n\nCOMPRESS=gzip\nRUNSIZE=10%%\n' >"$root/etc/initramfs-tools/initramfs.conf"
echo e1000e >"$root/etc/initramfs-tools/modules"
printf 'hostonly=no\nhostonly_cmdline=no\nearly_microcode=no\ncompress=gzip\ndracutmodules=" base kernel-modules "\ndrivers=" e1000e "\n' \
    >"$root/etc/dracut.conf.d/site.conf"
for kver in "$K1" "$K2"; do echo CONFIG_RD_GZIP=y >"$root/boot/config-$kver"; done

# inside COMMAND...: with the programs bound.
inside() {
    unshare -m bash -c '
        set -eu
        mount --bind /usr "$0/real" && mount -o remount,bind,ro "$0/real"
        mount --bind /proc "$0/proc"
        mount --bind /dev "$0/dev"
        "$@"' "$root" "$@"
}
# tool NAME [BODY]: puts the tool there, counted; BODY is run in the place of the real one, as $real "$@".
tool() {
    local file=$root/usr/sbin/mkinitramfs real=/real/sbin/mkinitramfs
    [[ $1 != dracut ]] || file=$root/usr/bin/dracut real=/real/bin/dracut
    cat >"$file" <<SCRIPT
#!/bin/sh
echo "$1 \$*" >>/tmp/builds
real=$real
${2:-exec \$real "\$@"}
SCRIPT
    chmod +x "$file"
}
builds() { wc -l <"$root/tmp/builds"; }

dmvctl() { inside "$DMV_BUILD/bin/dmvctl" "$@"; }
# make KVER: the image of that kernel by mkinitramfs, as an installation makes it; dracut_make likewise.
make() { inside chroot "$root" /real/sbin/mkinitramfs -o "/boot/initrd.img-$1" "$1" >"$scratch/out" 2>&1 || fail "mkinitramfs"; }
dracut_make() {
    inside chroot "$root" /real/bin/dracut --force --kver "$1" "/boot/initramfs-$1.img" >"$scratch/out" 2>&1 || fail "dracut"
}
build_id() { readelf -n "$1" 2>/dev/null | sed -n 's/.*Build ID: //p'; }
# image_ids IMAGE KVER: build-ids of every e1000e of that kernel in it
image_ids() {
    local file
    rm -rf "$scratch/unpacked" && mkdir "$scratch/unpacked"
    unmkinitramfs "$1" "$scratch/unpacked" 2>"$scratch/err" || fail "unmkinitramfs $1"
    find "$scratch/unpacked" -name e1000e.ko -type f -path "*/$2/*" | while read -r file; do build_id "$file"; done | sort -u
}
store_id() { build_id "$root/usr/lib/dmv/store/$1/intel-e1000e/generic/$2/e1000e.ko"; }
times() { find "$root/boot" -type f -printf '%p %T@ %m %s\n' | sort; }
# contents: the host without what this test changes itself
contents() { snapshot | grep -vE '^\./(tmp/builds|usr/sbin/mkinitramfs|usr/bin/dracut) '; }
# as_before WHAT: compares with $before and $before_times
as_before() {
    contents | diff <(echo "$before") - >"$scratch/out" || fail "$1: not everything is as before"
    times | diff <(echo "$before_times") - >"$scratch/out" || fail "$1: times or modes in /boot"
    no_leftovers
    [[ -z $(find "$root/boot" "$root/var/lib/dmv" "$root/var/tmp" -name '*.dmv-kept' -o -name '.dmv-new' -o -name 'initrd-build' \
        -o -name 'mkinitramfs*' -o -name 'dracut.*') ]] || fail "$1: left behind"
}
remember() { before=$(contents) before_times=$(times); }
: >"$root/tmp/builds"

# ---- no image: nothing to build ----
tool mkinitramfs
tool dracut
ok dmvctl select intel-e1000e/generic@3.8.7 --now
equal "$(builds)" 0 "builds on a host without images"
ok dmvctl deselect intel-e1000e --now

# ---- two kernels: each image once, checked, the one before kept ----
for kver in "$K1" "$K2"; do
    make "$kver"
    chmod 0640 "$root/boot/initrd.img-$kver"
    cp -p "$root/boot/initrd.img-$kver" "$scratch/first-$kver"
    equal "$(image_ids "$root/boot/initrd.img-$kver" "$kver")" "$(build_id "$root/usr/lib/modules/$kver/$inbox")" "an image of the kernel's own"
done
ok dmvctl select intel-e1000e/generic@3.8.7
ok dmvctl plan
grep -q "initrd  $K1" "$scratch/out" || fail "plan has no initrd step"
grep -q "activating builds it again with /usr/sbin/mkinitramfs" "$scratch/out" || fail "plan does not say that the image is built again"
ok dmvctl activate
grep -q "initrd $K1" "$scratch/err" "$scratch/out" || fail "no progress for the image"
equal "$(sort "$root/tmp/builds")" "mkinitramfs -o /boot/.dmv-new $K1
mkinitramfs -o /boot/.dmv-new $K2" "builds for two kernels"
for kver in "$K1" "$K2"; do
    equal "$(image_ids "$root/boot/initrd.img-$kver" "$kver")" "$(store_id "$kver" 3.8.7)" "the module in the new image"
    cmp "$scratch/first-$kver" "$root/boot/initrd.img-$kver.dmv-previous" || fail "the image before was not kept"
    equal "$(stat -c %Y "$root/boot/initrd.img-$kver.dmv-previous")" "$(stat -c %Y "$scratch/first-$kver")" "its time"
    equal "$(stat -c %a "$root/boot/initrd.img-$kver")" 640 "mode of the new image"
done
[[ -z $(find "$root/boot" "$root/var/lib/dmv" -name '*.dmv-kept' -o -name '.dmv-new' -o -name initrd-build) ]] || fail "left behind"
ok dmvctl plan
! grep -q 'initrd' "$scratch/out" || fail "after the activation there is something left to do"

# ---- tools that fail: everything as before, also the image before ----
: >"$root/tmp/builds"
ok dmvctl install intel-e1000e/generic@3.9.0
ok dmvctl select intel-e1000e/generic@3.9.0
remember
tool mkinitramfs 'echo "no space for a thing"; echo half >"$2"; exit 3'
refused 1 tool-failed activate
grep -q 'ended with status 3: no space for a thing' "$scratch/out" || fail "the tool's words are not in the error"
as_before "a tool that fails"
tool mkinitramfs '$real "$@" && truncate -s 100000 "$2"'
refused 7 prediction-failed activate
as_before "a truncated image"
tool mkinitramfs 'cat "/boot/initrd.img-$3" >"$2"'
refused 7 prediction-failed activate
grep -q 'does not hold the e1000e that the index gives' "$scratch/out" || fail "the old module in the image is not named"
as_before "an image with the old module"
tool mkinitramfs 'exit 0'
refused 1 tool-failed activate
as_before "a tool that makes nothing"
tool mkinitramfs "case \$3 in $K2) exit 1 ;; esac; exec \$real \"\$@\""
refused 1 tool-failed activate
as_before "the second of two kernels"

# ---- killed in the middle of a build ----
tool mkinitramfs 'mkdir "$TMPDIR/mkinitramfs_x"; echo half >"$2"; touch /tmp/started; sleep 60'
dmvctl activate >"$scratch/log" 2>&1 &
client=$!
for ((i = 0; i < 200; i++)); do
    [[ ! -e $root/tmp/started ]] || break
    sleep 0.1
done
[[ -e $root/tmp/started && -e $root/boot/.dmv-new && -e $root/boot/initrd.img-$K1.dmv-kept ]] || fail "the build did not begin"
rm "$root/tmp/started"
for exe in /proc/[0-9]*/exe; do
    [[ $(readlink "$exe") == "$DMV_BUILD/bin/dmv-apply" ]] || continue
    ! tr '\0' '\n' <"${exe%exe}cmdline" | grep -qxF "$root" || { pid=${exe#/proc/} && kill -9 "${pid%/exe}"; }
done
wait "$client" && fail "an activation whose worker was killed ended well"
ok dmvctl status
as_before "a worker that was killed"

# ---- no room in /boot: refused before anything is changed ----
: >"$root/tmp/builds"
tool mkinitramfs
dmvctl() { inside bash -c 'mount -t tmpfs -o size=18m none "$0/boot" && cp -p "$1"/* "$0/boot" && shift && exec "$@"' "$root" "$scratch/full" "$DMV_BUILD/bin/dmvctl" "$@"; }
mkdir "$scratch/full"
cp -p "$root/boot/initrd.img-$K1" "$root/boot/initrd.img-$K2" "$scratch/full"
refused 1 no-space activate
grep -q 'nothing was changed' "$scratch/out" || fail "no word that nothing was changed"
equal "$(builds)" 0 "builds without room"
as_before "no room"
dmvctl() { inside "$DMV_BUILD/bin/dmvctl" "$@"; }

# ---- an image without the module is left alone; one that would lose it is not taken ----
: >"$root/etc/initramfs-tools/modules"
make "$K2"
cp -p "$root/boot/initrd.img-$K2" "$scratch/without"
remember
refused 7 prediction-failed activate
as_before "settings that leave the module out"
echo e1000e >"$root/etc/initramfs-tools/modules"
: >"$root/tmp/builds"
cp -p "$root/boot/initrd.img-$K1" "$scratch/second"
ok dmvctl activate
equal "$(cat "$root/tmp/builds")" "mkinitramfs -o /boot/.dmv-new $K1" "builds where one of two images holds the module"
cmp "$scratch/without" "$root/boot/initrd.img-$K2" || fail "an image without the module was changed"
equal "$(image_ids "$root/boot/initrd.img-$K1" "$K1")" "$(store_id "$K1" 3.9.0)" "the module in the new image"
cmp "$scratch/second" "$root/boot/initrd.img-$K1.dmv-previous" || fail "one generation back is not what is kept"

# ---- a rollback builds too ----
: >"$root/tmp/builds"
ok dmvctl rollback
ok dmvctl activate
equal "$(image_ids "$root/boot/initrd.img-$K1" "$K1")" "$(store_id "$K1" 3.8.7)" "after the rollback"
equal "$(builds)" 1 "builds of a rollback"

# ---- no tool, other tools, other images: the change is made, and what has to be done is said ----
rm "$root/usr/sbin/mkinitramfs"
cp -p "$root/boot/initrd.img-$K1" "$scratch/third"
ok dmvctl select intel-e1000e/generic@3.9.0 --now
grep -q 'mkinitramfs is not installed here: run update-initramfs' "$scratch/err" || fail "no word about a missing tool"
cmp "$scratch/third" "$root/boot/initrd.img-$K1" || fail "the image was changed without a tool"
ok dmvctl plan --all
grep -q "activating does not rebuild it: run update-initramfs -u -k $K1" "$scratch/out" || fail "plan does not say what to run"

# ---- dracut ----
rm "$root/boot"/initrd.img-*
: >"$root/tmp/builds"
dracut_make "$K1"
cp -p "$root/boot/initramfs-$K1.img" "$root/boot/initramfs-${K1}kdump.img"
cp -p "$root/boot/initramfs-$K1.img" "$scratch/first"
equal "$(image_ids "$root/boot/initramfs-$K1.img" "$K1")" "$(store_id "$K1" 3.9.0)" "an image by dracut"
tool mkinitramfs
ok dmvctl select intel-e1000e/generic@3.8.7 --now
grep -q "kdump.img holds another e1000e and was not built again" "$scratch/err" || fail "no word about the kdump image"
equal "$(cat "$root/tmp/builds")" "dracut --force --kver $K1 /boot/.dmv-new" "builds by dracut"
equal "$(image_ids "$root/boot/initramfs-$K1.img" "$K1")" "$(store_id "$K1" 3.8.7)" "the module in the new image"
cmp "$scratch/first" "$root/boot/initramfs-$K1.img.dmv-previous" || fail "the image before was not kept"
cmp "$scratch/first" "$root/boot/initramfs-${K1}kdump.img" || fail "a kdump image was built again"
remember
tool dracut 'cat "/boot/initramfs-$3.img" >"$4"; exit 0'
ok dmvctl select intel-e1000e/generic@3.9.0
refused 7 prediction-failed activate
as_before "dracut that leaves the old module in"

# ---- a kernel that went takes its kept image along ----
rm -r "$root/usr/lib/modules/$K1" "$root/boot/initramfs-$K1.img"
ok dmvctl activate
[[ ! -e $root/boot/initramfs-$K1.img.dmv-previous ]] || fail "the previous image of a kernel that went stayed"
echo "initrd step: done"
