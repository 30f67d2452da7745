#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Packages, a depmod and a link by hand, and a kernel that is removed, while something is activated: before it, in the middle, before the
# confirmation, and at random moments. See races.py.
set -eu -o pipefail
. "$DMV_SOURCE/tests/golden/lib.sh"
. "$DMV_SOURCE/tests/support/module-rpms.sh"

golden_memory_host
ok dmvctl refresh
ok dmvctl install intel-e1000e/generic@3.8.7 intel-e1000e/generic@3.9.0
dmv_small_module "$scratch/e1000e.ko" e1000e "$K2" --alias "$e1000e_alias" --version foreign
install -D "$scratch/e1000e.ko" "$root/opt/e1000e.ko" # for a link by hand
# what a kmod package does: a file in a tree, and depmod in its scriptlet
DMV_RPM_EXTRA=$(printf '%%%%post\ndepmod %s\n%%%%postun\ndepmod %s\n' "$K2" "$K2") dmv_module_rpm "$scratch/kmod-e1000e.rpm" kmod-e1000e 1.0 \
    "$scratch/e1000e.ko=lib/modules/$K2/updates/e1000e.ko"
cp -a "$root/usr/lib/modules/$K1" "$scratch/kernel"
held_by races "$scratch" "$K1" "$K2"
echo "races: done"
