# SPDX-License-Identifier: LGPL-2.1-or-later
# The hooks of an installation, run by the real tools: kernel-install's, initramfs-tools', dracut's, and the RPM whose file triggers
# see other packages come and go. Needs: dracut-core, initramfs-tools-core, cpio, rpm, cmake, shellcheck
set -eu -o pipefail
. "$DMV_SOURCE/tests/golden/lib.sh"
. "$DMV_SOURCE/tests/support/module-rpms.sh"

golden_host
golden_stream
ok dmvctl refresh
ok dmvctl install intel-e1000e/generic@3.8.7
ok dmvctl install intel-e1000e/alt@4.0.0
ok dmvctl select intel-e1000e/generic@3.8.7 --now

# ---- an installation of the build, for the prefix /usr ----
inst=$scratch/installation
cmake -S "$DMV_SOURCE" -B "$scratch/build" -G Ninja -DCMAKE_INSTALL_PREFIX=/usr -DCMAKE_INSTALL_LIBEXECDIR=libexec \
    -DDMV_TESTS=OFF >"$scratch/out" 2>"$scratch/err" || fail "cmake"
ninja -C "$scratch/build" man >"$scratch/out" 2>"$scratch/err" || fail "ninja man"
cp -r "$DMV_BUILD/bin" "$scratch/build/"
DESTDIR=$inst cmake --install "$scratch/build" >"$scratch/out" 2>"$scratch/err" || fail "cmake --install"
! grep -rl '@DMV' "$inst/usr/lib/dracut" "$inst/usr/share/initramfs-tools" || fail "a placeholder was left in a hook"

cmp -s "$inst"/etc/kernel/{postinst.d,postrm.d}/dmv || fail "Debian's kernel packages find no hook, or two different ones"
shellcheck -x "$inst/etc/kernel/postinst.d/dmv" "$inst/usr/lib/systemd/system-shutdown/dmv-reboot" "$inst"/usr/{libexec/dmv/list-selected,lib/kernel/install.d/90-dmv.install} \
    "$inst"/usr/{lib/dracut/modules.d/90dmv/module-setup.sh,share/initramfs-tools/hooks/dmv} >"$scratch/out" || fail "shellcheck"

# ---- kernel-install: planned before the first boot ----
K3=6.1.0-60-amd64
hook() { PATH=$DMV_BUILD/bin:$PATH "$inst/usr/lib/kernel/install.d/90-dmv.install" "$@" >"$scratch/out" 2>"$scratch/err"; }
golden_module "$root/usr/lib/modules/$K3/kernel/e1000e.ko" e1000e "$K3" 3.2.6-k "" --alias "$e1000e_alias"
touch "$root/usr/lib/modules/$K3"/modules.{order,builtin,builtin.modinfo}
dmv_depmod "$root" "$K3"
hook add "$K3" /boot /boot/vmlinuz || fail "kernel-install add"
ok dmvctl plan
grep -q "depmod  $K3" "$scratch/out" || fail "nothing is planned for a new kernel"
ok dmvctl activate
rm -r "$root/usr/lib/modules/$K3"
hook remove "$K3" /boot || fail "kernel-install remove"
ok dmvctl plan
! grep -q "$K3" "$scratch/out" || ! grep -q depmod "$scratch/out" || fail "a kernel that went is still planned for"
ok dmvctl rescan --now
grep -q "$K3" "$root/etc/depmod.d/00-dmv.conf" && fail "a kernel that went is still in depmod's configuration"
PATH=$DMV_BUILD/bin:$PATH "$inst/etc/kernel/postinst.d/dmv" "$K1" /boot/vmlinuz >"$scratch/out" 2>"$scratch/err" ||
    fail "Debian's hook ends with $?"
grep -q "$K1" "$scratch/out" || fail "Debian's hook does not say what a new kernel would load"
PATH=/usr/bin:/bin "$inst/etc/kernel/postinst.d/dmv" "$K1" >"$scratch/out" 2>&1 || fail "without dmvctl the installation of a kernel fails"
hook frobnicate "$K3" || fail "kernel-install with a command that it does not know"
PATH=/usr/bin:/bin "$inst/usr/lib/kernel/install.d/90-dmv.install" add "$K3" 2>"$scratch/err" ||
    fail "without dmvctl the installation of a kernel fails"
grep -q 'dmv: the new plan could not be made' "$scratch/err" || fail "without dmvctl the hook says nothing"

# ---- what is selected, for images ----
listed() { equal "$("$inst/usr/libexec/dmv/list-selected" "$1" 2>"$scratch/err" | xargs)" "$2" "selected for $1"; }
mkdir -p "$root/usr/lib/firmware/updates/$K1"
blob=$root/usr/lib/dmv/store/$K1/intel-e1000e/generic/3.8.7/firmware.bin
echo blob >"$blob"
ln -s "../../../dmv/store/$K1/intel-e1000e/generic/3.8.7/firmware.bin" "$root/usr/lib/firmware/updates/$K1/blob.bin"
ln -s /nowhere "$root/usr/lib/firmware/updates/$K1/of-others.bin"
listed "$K1" "module e1000e firmware /usr/lib/firmware/updates/$K1/blob.bin"
listed "$K2" "module e1000e"
listed 5.0.0-none ""
DMV_ROOT=$scratch/empty listed "$K1" ""
mv "$blob" "$blob.away"
! "$inst/usr/libexec/dmv/list-selected" "$K1" >"$scratch/out" 2>"$scratch/err" || fail "a dangling link is no failure"
grep -q 'blob.bin leads nowhere and is left out' "$scratch/err" || fail "a dangling link is not said"
mv "$blob.away" "$blob"

# ---- real images, in a world whose /lib holds the host's modules ----
echo CONFIG_RD_GZIP=y >"$root/boot/config-$K1"
# image COMMAND: runs it where /boot, /usr/lib/modules, /usr/lib/firmware and /usr/lib/dmv are the scratch host's. All else of /usr/lib is
# this machine's, behind links.
image() {
    local entry
    rm -rf "$scratch/lib" "$scratch/real"
    mkdir "$scratch/lib" "$scratch/real"
    for entry in /usr/lib/*; do
        case ${entry##*/} in
        modules | dmv | firmware) ;;
        dracut)
            mkdir -p "$scratch/lib/dracut/modules.d"
            find /usr/lib/dracut -mindepth 1 -maxdepth 1 ! -name modules.d -printf '%f\n' |
                xargs -I{} ln -s "$scratch/real/dracut/{}" "$scratch/lib/dracut/{}"
            find /usr/lib/dracut/modules.d -mindepth 1 -maxdepth 1 -printf '%f\n' |
                xargs -I{} ln -s "$scratch/real/dracut/modules.d/{}" "$scratch/lib/dracut/modules.d/{}"
            cp -r "$inst/usr/lib/dracut/modules.d/90dmv" "$scratch/lib/dracut/modules.d/"
            ;;
        *) ln -s "$scratch/real/${entry##*/}" "$scratch/lib/" ;;
        esac
    done
    cp -a "$root/usr/lib/modules" "$root/usr/lib/dmv" "$root/usr/lib/firmware" "$scratch/lib/"
    DMV_LIST_SELECTED=$inst/usr/libexec/dmv/list-selected DMV_ROOT=$root unshare -m bash -c "
        set -eu
        mount --bind /usr/lib '$scratch/real'
        mount --bind '$root/boot' /boot
        mount --bind '$scratch/lib' /usr/lib
        $1" >"$scratch/out" 2>"$scratch/err" || fail "image: $1"
}
# holds IMAGE-LISTING: the selected module, its target and its firmware, and nothing else of the store
holds() {
    grep -q "usr/lib/modules/$K1/updates/e1000e.ko" "$1" || fail "$2: the selected module is not in the image: $(grep dmv "$1")"
    grep -q "usr/lib/dmv/store/$K1/intel-e1000e/generic/3.8.7/e1000e.ko" "$1" || fail "$2: the release is not in the image"
    grep -q "usr/lib/firmware/updates/$K1/blob.bin" "$1" || fail "$2: the firmware is not in the image"
    ! grep -E 'store/.*(alt|4\.0\.0)|override/' "$1" || fail "$2: what is not selected is in the image"
}
for tool in mkinitramfs dracut cpio; do
    command -v "$tool" >/dev/null || fail "$tool is not here; tools/lib/packages.sh has its package"
done
mkdir -p "$scratch/initramfs/hooks" "$scratch/initramfs/scripts"
cp "$inst/usr/share/initramfs-tools/hooks/dmv" "$scratch/initramfs/hooks/"
printf 'MODULES=list\nBUSYBOX=n\nCOMPRESS=gzip\nRUNSIZE=10%%\n' >"$scratch/initramfs/initramfs.conf"
: >"$scratch/initramfs/modules"
image "mkinitramfs -d '$scratch/initramfs' -o '$scratch/initrd.img' '$K1'"
lsinitramfs "$scratch/initrd.img" >"$scratch/listing"
holds "$scratch/listing" initramfs-tools
image "dracut --force --no-hostonly --no-hostonly-cmdline --no-early-microcode --gzip --modules dmv --kver '$K1' '$scratch/dracut.img'"
zcat "$scratch/dracut.img" | cpio -t >"$scratch/listing" 2>/dev/null
holds "$scratch/listing" dracut
mv "$blob" "$blob.away"
image "mkinitramfs -d '$scratch/initramfs' -o '$scratch/initrd.img' '$K1'"
grep -q 'W: dmv: not all that is selected is in the image' "$scratch/err" || fail "initramfs-tools' hook does not say what is missing"
image "dracut --force --no-hostonly --no-early-microcode --gzip --modules dmv --kver '$K1' '$scratch/dracut.img'"
grep -q 'dmv: not all that is selected is in the image' "$scratch/err" || fail "dracut's module does not say what is missing"

# ---- the RPM: built of the installation, installed into the host, and run by rpm in there ----
rm "$root/usr/lib/firmware/updates/$K1"/*.bin
rm -f "$blob.away"
mkdir -p "$scratch/rpms" "$root$DMV_RPM_DB"
rpmbuild -bb --quiet --define "_topdir $scratch/topdir" --define "_rpmdir $scratch/rpms" --define "_dbpath $scratch/topdir/db" \
    --define '_rpmfilename %{NAME}.rpm' --define "dmv_installation $inst" --define 'dmv_version 1.0.0' --nodeps \
    "$DMV_SOURCE/data/rpm/dmv.spec" >"$scratch/out" 2>"$scratch/err" || fail "rpmbuild"
rpm -qpl "$scratch/rpms/dmv.rpm" 2>/dev/null | sort >"$scratch/files"
grep -qx /usr/sbin/driver-tool "$scratch/files" || fail "the package does not own driver-tool"
(cd "$inst" && find . ! -type d | sed 's/^\.//' | sort) | diff - <(grep -vxF -f <(rpm -qpl --dump "$scratch/rpms/dmv.rpm" 2>/dev/null |
    awk '$5 ~ /^04/ { print $1 }') "$scratch/files") >"$scratch/out" || fail "the package and the installation differ"
! grep -xE '/usr(/(bin|sbin|lib|share))?|/etc' "$scratch/files" || fail "the package owns a folder of everybody"

# a shell and the libraries of our programs, so that scriptlets can run in there
mkdir -p "$root/tmp" "$root/dev" "$root/lib64"
mknod -m 666 "$root/dev/null" c 1 3
for file in /bin/sh "$inst"/usr/bin/dmvctl "$inst"/usr/libexec/dmv/dmv{d,-fetch,-apply}; do
    ldd "$file" | grep -o '/[^ ]*' | while read -r library; do
        mkdir -p "$root$(dirname "$library")"
        cp -L --update "$library" "$root$library"
    done
done
cp -L /bin/sh "$root/usr/bin/sh"
# with a /proc, as a host has, which is gone with the command
in_there() {
    env -u DMV_ROOT -u DMV_SYSFS -u DMV_PROCFS DMV_LIBEXECDIR=/usr/libexec/dmv \
        unshare -m sh -c 'mount --bind /proc "$0/proc" && exec "$@"' "$root" "$@"
}
host_rpm() { in_there rpm --root "$root" --dbpath "$DMV_RPM_DB" "$@" >"$scratch/out" 2>"$scratch/err" || fail "rpm $*"; }
staged() { dmvctl --json status | json "['staged']['number']"; }
# clean: no scriptlet had anything to say but what rpm says of itself
clean() { ! grep -vE '^rpm: ' "$scratch/err" || fail "$1: a scriptlet complains"; }

ok dmvctl rescan --now
host_rpm -i --nodeps "$scratch/rpms/dmv.rpm"
clean "installing dmv"
ok in_there chroot "$root" /usr/bin/dmvctl status
equal "$(staged)" "" "staged by installing dmv"

# a kernel comes as a package, and nobody calls kernel-install
K4=6.1.0-70-amd64
mkdir -p "$scratch/k4/usr/lib/modules/$K4"
ln -s usr/lib "$scratch/k4/lib"
golden_module "$scratch/k4/usr/lib/modules/$K4/kernel/e1000e.ko" e1000e "$K4" 3.2.6-k "" --alias "$e1000e_alias"
touch "$scratch/k4/usr/lib/modules/$K4"/modules.{order,builtin,builtin.modinfo}
depmod -b "$scratch/k4" -C /nonexistent "$K4" 2>"$scratch/err" || fail "depmod"
files=()
while read -r file; do files+=("$scratch/k4/$file=$file"); done < <(cd "$scratch/k4" && find . -type f -printf '%P\n')
dmv_module_rpm "$scratch/rpms/kernel.rpm" kernel-test 6.1 "${files[@]}"
host_rpm -i --nodeps "$scratch/rpms/kernel.rpm"
clean "installing a kernel"
[[ -n $(staged) ]] || fail "rpm installed a kernel, and nothing was planned for it"
ok dmvctl plan
grep -q "depmod  $K4" "$scratch/out" || fail "the plan does not know the kernel that rpm installed"
ok dmvctl activate

# an indexed module goes with its package, and the package runs no depmod
golden_module "$scratch/igb.ko" igb "$K1" 5.12 ""
dmv_module_rpm "$scratch/rpms/igb.rpm" igb-module 5.12 "$scratch/igb.ko=lib/modules/$K1/extra/igb.ko"
host_rpm -i --nodeps "$scratch/rpms/igb.rpm"
dmv_depmod "$root" "$K1"
equal "$(effective "$K1" igb)" extra/igb.ko "the module of a package"
equal "$(staged)" "" "staged before the package goes"
host_rpm -e igb-module
clean "removing a package"
[[ -n $(staged) ]] || fail "rpm removed a module, and nothing was planned"
ok dmvctl activate
equal "$(effective "$K1" igb)" kernel/drivers/net/ethernet/intel/igb/igb.ko "after the package"

# dmv that fails costs the transaction of somebody else nothing but a line
mv "$root/usr/libexec/dmv/dmvd" "$root/usr/libexec/dmv/away"
host_rpm -i --nodeps "$scratch/rpms/igb.rpm"
grep -q 'dmv: what this transaction changed is not planned for yet' "$scratch/err" || fail "a rescan that failed is not said"
mv "$root/usr/libexec/dmv/away" "$root/usr/libexec/dmv/dmvd"

# dmv goes: what was selected stays
link=$(readlink "$root/usr/lib/modules/$K1/updates/e1000e.ko")
host_rpm -e dmv
clean "removing dmv"
[[ ! -e $root/usr/sbin/driver-tool && ! -e $root/usr/libexec/dmv ]] || fail "removing the package leaves programs behind"
equal "$(readlink "$root/usr/lib/modules/$K1/updates/e1000e.ko")" "$link" "the selected module without dmv"
equal "$(effective "$K1" e1000e)" updates/e1000e.ko "what modprobe loads without dmv"
