# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2086,SC2046 # lists of packages are split into words on purpose
# What the build, the tests and the demo need from the distribution. To be sourced.
#
# dmv_install_build, dmv_install_test, dmv_install_demo: install what is missing, and touch nothing (no list is
# fetched, no package is upgraded on purpose) where everything is there. Each returns non-zero with a reason.

_dmv_deb_build='gcc libc6-dev cmake ninja-build pkg-config scdoc libjson-c-dev libssl-dev libinih-dev libsystemd-dev
    libpci-dev libudev-dev libkmod-dev libelf-dev libarchive-dev librpm-dev librepo-dev libsmartcols-dev uthash-dev
    libseccomp-dev libcmocka-dev libvirt-dev libxen-dev libxml2-dev'
_dmv_deb_test='clang libclang-rt-dev clang-format clang-tidy cppcheck kmod rpm createrepo-c gnupg openssl python3 varlink-go
    systemd xz-utils zstd gzip binutils linux-headers-amd64 linux-kbuild-6.1 procps strace pciutils
    rpm2cpio util-linux bsdutils iproute2 git cpio lz4 bzip2 dracut-core initramfs-tools-core shellcheck
    dbus-daemon polkitd qemu-system-x86 mmdebstrap e2fsprogs xfsprogs btrfs-progs linux-source-6.1 make grub-common
    systemd-journal-remote xorriso tar valgrind libfuse3-dev fuse3'
_dmv_deb_demo='kmod rpm createrepo-c gnupg openssl python3 xz-utils make binutils linux-headers-amd64 linux-source-6.1'

_dmv_rpm_build='gcc cmake ninja-build pkgconf-pkg-config scdoc json-c-devel openssl-devel inih-devel systemd-devel
    pciutils-devel kmod-devel elfutils-libelf-devel libarchive-devel rpm-devel librepo-devel libsmartcols-devel
    uthash-devel libseccomp-devel libcmocka-devel libvirt-devel libxml2-devel'
_dmv_rpm_test='clang compiler-rt clang-tools-extra cppcheck libasan libubsan kmod rpm-build rpm-sign createrepo_c
    gnupg2 openssl python3 golang-github-varlink systemd xz zstd gzip binutils kernel-devel procps-ng strace
    pciutils util-linux iproute cpio lz4 bzip2 dracut ShellCheck grub2-tools-minimal grub2-tools systemd-journal-remote
    xorriso tar dbus-daemon polkit e2fsprogs xfsprogs valgrind fuse3-devel fuse3'
_dmv_rpm_demo='kmod rpm-build rpm-sign createrepo_c gnupg2 openssl python3 xz make binutils kernel-devel'

# Prints the packages of the list that are not installed.
_dmv_missing_deb() {
    local package
    for package; do
        [[ $(dpkg-query -W -f '${Status}' "$package" 2>/dev/null) == 'install ok installed' ]] || echo "$package"
    done
}

_dmv_missing_rpm() {
    local package
    for package; do
        rpm -q --whatprovides "$package" >/dev/null 2>&1 || echo "$package"
    done
}

_dmv_install_deb() {
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq && apt-get install -y -qq --no-install-recommends "$@" </dev/null >/dev/null
}

_dmv_install_rpm() {
    dnf -y -q install "$@" </dev/null
}

# _dmv_install KIND
_dmv_install() {
    local family list missing
    if command -v apt-get >/dev/null; then
        family=deb
    elif command -v dnf >/dev/null; then
        family=rpm
    else
        list=_dmv_deb_$1
        echo "neither apt-get nor dnf is here; on Debian 12 this is needed:" ${!list} >&2
        return 1
    fi
    list=_dmv_${family}_$1
    missing=$(_dmv_missing_$family ${!list})
    [[ -n $missing ]] || return 0
    echo "installing" $missing
    "_dmv_install_$family" $missing && return
    echo "these packages cannot be installed; do it as root and try again:" $missing >&2
    return 1
}

dmv_install_build() { _dmv_install build; }
dmv_install_test() { _dmv_install test; }
dmv_install_demo() { _dmv_install demo; }
