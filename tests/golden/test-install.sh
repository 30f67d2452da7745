#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# What cmake --install puts on a host: every file in its place, units that systemd accepts and that confine as promised,
# a catalog entry for every message id, a depmod template that depmod obeys. Needs: systemd, kmod
# shellcheck disable=SC2015 # "A && B || wrong" means: unless both hold
set -eu -o pipefail
: "${DMV_BUILD:?}" "${DMV_SOURCE:?}"

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
root=$scratch/root
failed=0
wrong() {
    echo "wrong: $*"
    failed=1
}

# A build of its own for the prefix: paths are compiled into units and programs. Nothing is compiled for it, the
# programs come from the build that is under test.
cmake -S "$DMV_SOURCE" -B "$scratch/build" -G Ninja -DCMAKE_INSTALL_PREFIX=/usr -DCMAKE_INSTALL_LIBEXECDIR=libexec \
    -DDMV_TESTS=OFF >"$scratch/log" 2>&1 || { cat "$scratch/log"; exit 1; }
ninja -C "$scratch/build" man >"$scratch/log" 2>&1 || { cat "$scratch/log"; exit 1; }
cp -r "$DMV_BUILD/bin" "$scratch/build/"
DESTDIR=$root cmake --install "$scratch/build" >"$scratch/log" 2>&1 || { cat "$scratch/log"; exit 1; }

# ---- every file in its place ----
for program in libexec/dmv/dmvd libexec/dmv/dmv-fetch libexec/dmv/dmv-apply libexec/dmv/dmv-guest bin/dmvctl bin/dmv-publish; do
    [ -x "$root/usr/$program" ] || wrong "no program /usr/$program"
done
units=(dmvd.socket dmvd.service dmv-fetch.socket dmv-fetch@.service dmv-apply.socket dmv-apply@.service
    dmv-guest.socket dmv-guest@.service dmv-stop-guests.service dmv-restore-guests.service
    dmv-activate.service dmv-boot.service dmv-commit.service dmv-refresh.service dmv-refresh.timer)
for unit in "${units[@]}"; do
    [ -f "$root/usr/lib/systemd/system/$unit" ] || wrong "no unit $unit"
done
for file in lib/systemd/system-preset/90-dmv.preset lib/systemd/catalog/dmv.catalog lib/tmpfiles.d/dmv.conf \
    lib/depmod.d/00-dmv.conf lib/kernel/install.d/90-dmv.install lib/dracut/modules.d/90dmv/module-setup.sh \
    share/initramfs-tools/hooks/dmv libexec/dmv/list-selected libexec/dmv/check-health lib/systemd/system-shutdown/dmv-reboot share/dmv/varlink/io.dmv.Manager.varlink share/doc/dmv/examples/dmv.conf \
    share/polkit-1/actions/io.dmv.policy \
    share/doc/dmv/examples/stream.conf; do
    [ -s "$root/usr/$file" ] || wrong "no file /usr/$file"
done
for source in "$DMV_SOURCE"/docs/man/*.scd; do
    page=$(basename "$source" .scd)
    [ -s "$root/usr/share/man/man${page##*.}/$page" ] || wrong "no manual page $page"
done
[ -s "$root/usr/share/man/man8/dmvd.8" ] || wrong "no manual page dmvd(8)"
for source in "$DMV_SOURCE"/data/completions/*.bash; do
    [ -e "$source" ] || continue
    [ -s "$root/usr/share/bash-completion/completions/$(basename "$source" .bash)" ] || wrong "no completion $source"
done
for folder in etc/dmv/streams.d etc/dmv/dmv.conf.d etc/dmv/health.d etc/dmv/trust/rpm etc/dmv/trust/modules usr/lib/dmv/store; do
    [ -d "$root/$folder" ] || wrong "no folder /$folder"
done
# Debian's kernel packages look nowhere else
outside=$(cd "$root" && find . -type f ! -path './usr/*' ! -path './etc/kernel/post*.d/dmv')
[ -z "$outside" ] || wrong "files outside of the prefix: $outside"
! grep -rIlE '@[A-Z_]+@' "$root/usr/lib/systemd/system" || wrong "a placeholder was left in a unit"
! grep -rIl "$scratch" "$root/usr" --include='*.service' --include='*.socket' || wrong "a path of the build is in a unit"

# ---- what the linker and the compiler were told ----
# hardened PROGRAM WHAT PATTERN: readelf says so
hardened() { grep -qE "$3" <<<"$elf" || wrong "$1: $2"; }
built_with() { grep -qE "^$1\$" "$DMV_BUILD/CMakeCache.txt"; }
for program in libexec/dmv/dmvd libexec/dmv/dmv-fetch libexec/dmv/dmv-apply libexec/dmv/dmv-guest bin/dmvctl bin/dmv-publish sbin/driver-tool; do
    elf=$(readelf -W --file-header --program-headers --dynamic --dyn-syms "$root/usr/$program")
    hardened $program "not position-independent" '^ *Type: +DYN '
    hardened $program "no RELRO" '^ *GNU_RELRO '
    hardened $program "symbols are bound late" 'FLAGS_1.* NOW( |$)'
    hardened $program "an executable stack" '^ *GNU_STACK .* RW +0x'
    hardened $program "no stack protector" ' __stack_chk_fail(@|$)'
    ! grep -qE '^ *LOAD .* RWE ' <<<"$elf" || wrong "$program: a segment that is writable and executable"
    # a sanitizer has its own variants of these functions, and Debug is not optimised
    built_with 'CMAKE_BUILD_TYPE:.*=Debug' || built_with 'DMV_SANITIZE:BOOL=ON' ||
        hardened $program "not fortified" ' __[a-z]+_chk(@|$)'
    # crt1.o of many a distribution lacks the mark, so the linker leaves it out; what was compiled here has the instruction
    case $(uname -m) in x86_64)
        objdump -d --no-show-raw-insn --disassemble=main "$root/usr/$program" | grep -A1 '<main>:' | grep -q endbr64 ||
            wrong "$program: indirect calls are not guarded (CET)"
        ;;
    esac
done

# ---- systemd ----
mapfile -t paths < <(printf "$root/usr/lib/systemd/system/%s\n" "${units[@]}")
# The programs of the units are looked up on this machine, so the check is made on copies that name what was installed;
# manual pages are looked up on this machine too, so --man=no.
mkdir "$scratch/units"
for path in "${paths[@]}"; do
    sed -E "s|^(ExecStart=)(/usr/(libexec/dmv\|bin)/)|\1$root\2|" "$path" >"$scratch/units/$(basename "$path")"
done
(cd "$scratch/units" && SYSTEMD_UNIT_PATH=$scratch/units: systemd-analyze verify --man=no ./*) >"$scratch/log" 2>&1 ||
    wrong "systemd-analyze verify: $(cat "$scratch/log")"
! grep "$scratch/units\|dmv" "$scratch/log" || wrong "systemd-analyze verify has something to say"

# exposure UNIT LIMIT
exposure() {
    local said
    said=$(SYSTEMD_UNIT_PATH=$scratch/units: systemd-analyze security --offline=true --no-pager --threshold="$2" \
        "$scratch/units/$1" 2>&1) || { grep -v '^✓' <<<"$said"; wrong "$1 is more exposed than $2 tenths"; }
    grep 'Overall exposure' <<<"$said"
}
exposure dmvd.service 15
exposure dmv-fetch@.service 18
exposure dmv-apply@.service 36
exposure dmv-guest@.service 15
exposure dmv-refresh.service 15

# ---- the journal ----
journalctl --root="$root" --update-catalog >"$scratch/log" 2>&1 || wrong "the catalog: $(cat "$scratch/log")"
mapfile -t ids < <(sed -n 's/^#define DMV_MESSAGE_[A-Z_]* "\([0-9a-f]*\)".*/\1/p' "$DMV_SOURCE/src/daemon/log.h")
for id in "${ids[@]}"; do
    journalctl --root="$root" --dump-catalog "$id" | grep -q '^Subject: .' || wrong "no catalog entry for $id"
done
[ "${#ids[@]}" -gt 0 ] && [ "$(grep -c '^-- ' "$DMV_SOURCE/data/dmv.catalog")" -eq "${#ids[@]}" ] ||
    wrong "a catalog entry has no message"

# ---- depmod ----
# Three files for one module: the one below dmv/ must not be seen, and override/ goes before updates/.
. "$DMV_SOURCE/tests/support/small-modules.sh"
kernel=6.1.0-1-test
tree=$scratch/k/lib/modules/$kernel
mkdir -p "$tree"/{override,updates,dmv/x/y}
touch "$tree"/modules.{order,builtin,builtin.modinfo}
for folder in override updates dmv/x/y; do dmv_small_module "$tree/$folder/a.ko" a "$kernel" --salt "$folder"; done
dmv_small_module "$tree/dmv/x/y/only.ko" only "$kernel"
said=$(depmod -b "$scratch/k" -C "$root/usr/lib/depmod.d" "$kernel" 2>&1) && [ -z "$said" ] ||
    wrong "depmod does not like the template: $said"
[ "$(sed 's/:.*//' "$tree/modules.dep")" = override/a.ko ] || wrong "the index: $(cat "$tree/modules.dep")"

exit "$failed"
