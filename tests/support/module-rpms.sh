# SPDX-License-Identifier: LGPL-2.1-or-later
# RPMs that put files into a kernel's trees, as the packages of other people do, and a host's own RPM database.
#
# To be sourced. The database lies where hosts have it, whatever the rpm at hand is used to.

DMV_RPM_DB=/var/lib/rpm

# dmv_module_rpm OUT NAME VERSION FILE=PATH...: builds OUT, a package that installs each FILE as /PATH. What stands in
# $DMV_RPM_EXTRA goes into the spec after its %files.
dmv_module_rpm() {
    local out=$1 name=$2 version=$3 work entry
    shift 3
    work=$(mktemp -d)
    {
        printf 'Name: %s\nVersion: %s\nRelease: 1\nSummary: Modules\nLicense: GPL\nBuildArch: noarch\nAutoReqProv: no\n' "$name" "$version"
        printf '%%description\nModules.\n%%install\n'
        for entry; do
            printf 'mkdir -p "$(dirname "%%{buildroot}/%s")"\ncp -P "%s" "%%{buildroot}/%s"\n' "${entry#*=}" "${entry%%=*}" "${entry#*=}"
        done
        printf '%%files\n'
        for entry; do printf '/%s\n' "${entry#*=}"; done
        printf '%s\n' "${DMV_RPM_EXTRA:-}"
    } >"$work/package.spec"
    rpmbuild -bb --quiet --define "_topdir $work" --define "_rpmdir $work/out" --define '_build_id_links none' \
        --define '__os_install_post %{nil}' --define 'debug_package %{nil}' --define "_dbpath $work/db" \
        --define '_rpmfilename %{NAME}.rpm' "$work/package.spec" >"$work/log" 2>&1 || {
        cat "$work/log" >&2
        return 1
    }
    cp "$work/out/$name.rpm" "$out"
    rm -rf "$work"
}

# dmv_rpm ROOT ARGUMENT...: the real rpm on a root.
dmv_rpm() {
    local root=$1
    shift
    rpm --root "$root" --dbpath "$DMV_RPM_DB" "$@"
}
