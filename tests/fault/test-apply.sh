#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# A change whose system calls fail, one after the other, or that is killed at one of them: after a recovery everything has
# to be as before, byte by byte. strace(1) does the injection.
#
# Every DMV_FAULT_STEP-th call of a kind is tried (default 4, 1: all of them), beginning at one that DMV_FAULT_SEED decides.
set -eu -o pipefail

# shellcheck source=tests/support/small-modules.sh
. "$DMV_SOURCE/tests/support/small-modules.sh"

kver=6.1.0-test
step=${DMV_FAULT_STEP:-4}
seed=${DMV_FAULT_SEED:-$RANDOM}
victim=$DMV_BUILD/tests/bin/apply-change
export ASAN_OPTIONS=detect_leaks=0 # it cannot look for leaks while it is traced

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root

make_root() {
    local tree=$root/usr/lib/modules/$kver version module
    mkdir -p "$tree"/{kernel,updates} "$root"/{etc/depmod.d,var/lib/dmv,run/dmv}
    ln -s usr/lib "$root/lib"
    for version in 1 2; do
        mkdir -p "$root/usr/lib/dmv/store/$kver/d/v/$version"
        for module in a b; do
            dmv_small_module "$root/usr/lib/dmv/store/$kver/d/v/$version/$module.ko" $module $kver --salt $version
        done
    done
    for module in a b; do
        cp "$root/usr/lib/dmv/store/$kver/d/v/1/$module.ko" "$tree/kernel/"
        ln -s "../../../dmv/store/$kver/d/v/1/$module.ko" "$tree/updates/$module.ko"
    done
    echo "search updates built-in" >"$root/etc/depmod.d/00-dmv.conf"
    touch "$tree"/modules.{order,builtin,builtin.modinfo}
    depmod -b "$root" -C "$root/etc/depmod.d" $kver
    if [[ -n ${DMV_OLD_DEPMOD:-} ]]; then # a variant that is not in the index, and has to be kept out of it
        mkdir -p "$tree/dmv/d/alone"
        dmv_small_module "$tree/dmv/d/alone/alone.ko" alone $kver
    fi
}

snapshot() {
    (
        cd "$root"
        find . -printf '%y %m %p %l\n' | sort
        find . -type f -exec sha256sum {} + | sort -k2
    )
}

tried=0
wrong=0

# fault SYSCALL WHAT WHEN: false if there are not that many calls
fault() {
    local status=0
    # in a shell of its own, which keeps the words about the killed process to itself
    (
        strace -o "$work/trace" -e "trace=$1" -e "inject=$1:$2:when=$3" "$victim" "$root" $kver apply
        exit $?
    ) >"$work/said" 2>&1 || status=$?
    [[ $2 == signal=* && $status -eq 137 ]] || grep -q INJECTED "$work/trace" || return 1
    tried=$((tried + 1))
    if ! "$victim" "$root" $kver recover >>"$work/said" 2>&1 || ! cmp -s "$work/before" <(snapshot); then
        wrong=$((wrong + 1))
        echo "$1 $2, call $3, exit status $status: not as before"
        cat "$work/said"
        diff "$work/before" <(snapshot) | head -n 10 || true
        rm -rf "$root"
        cp -a "$work/pristine" "$root"
    fi
}

make_root
snapshot >"$work/before"
cp -a "$root" "$work/pristine"
"$victim" "$root" $kver apply
cmp "$work/before" <(snapshot)

faults=('fsync error=EIO' 'renameat error=EIO' 'symlinkat error=ENOSPC' 'mkdirat error=ENOSPC' 'linkat error=ENOSPC'
    'linkat error=EPERM' 'renameat2 error=EINVAL' 'renameat2 error=EIO' 'fchown error=EPERM' 'write error=ENOSPC' 'fchmod error=EROFS' 'unlinkat error=EIO' 'openat2 error=EMFILE'
    'read error=EIO' 'readlinkat error=EIO' 'fsync signal=KILL' 'renameat signal=KILL' 'renameat2 signal=KILL' 'symlinkat signal=KILL'
    'mkdirat signal=KILL' 'linkat signal=KILL' 'write signal=KILL' 'unlinkat signal=KILL')
for pair in "${faults[@]}"; do
    read -r call what <<<"$pair"
    when=$((seed % step + 1))
    while fault "$call" "$what" $when; do
        when=$((when + step))
    done
    seed=$((seed + 1))
done

echo "$tried faults, every $step. call, seed $((seed - ${#faults[@]})): $wrong left something behind"
[[ $tried -gt 19 && $wrong -eq 0 ]]
