# SPDX-License-Identifier: LGPL-2.1-or-later
# Boots of a scratch host that are told of: a boot is a new boot id in the recorded procfs and the build-id of what the real
# modprobe would have loaded in the recorded sysfs. To be sourced after lib.sh and golden_host.
boots=0

# power_on [WORD...]: a boot begins; the words are on the kernel's command line. Nothing has loaded a driver yet.
power_on() {
    boots=$((boots + 1))
    mkdir -p "$DMV_PROCFS/sys/kernel/random"
    printf '%08d-7f0e-4a55-8f5a-0d3b6c1c9a11\n' "$boots" >"$DMV_PROCFS/sys/kernel/random/boot_id"
    echo "root=/dev/sda1 ro $*" >"$DMV_PROCFS/cmdline"
}

# load: udev loads what the index gives, and the kernel shows its build-id.
load() {
    objcopy -O binary --only-section=.note.gnu.build-id "$root/usr/lib/modules/$K2/$(effective "$K2" e1000e)" \
        "$DMV_SYSFS/module/e1000e/notes/.note.gnu.build-id"
}

boot() {
    power_on "$@"
    ok dmvctl boot
    load
}

# health STATUS [PROBLEM...]
health() {
    local want=$1 status=0
    shift
    dmvctl --json health "$@" >"$scratch/out" 2>"$scratch/err" || status=$?
    equal "$status" "$want" "exit status of dmvctl health $*"
}

shut_down() { ok dmvctl activate --shutdown; }
phase() { dmvctl --json status | json '["boot"]["phase"]'; }
in_place() { dmvctl --json status | json '["generation"]["number"]'; }
generation() { dmvctl --json generations | json "['generations'][[g['number'] for g in json.load(open('$scratch/generations'))['generations']].index($1)]$2"; }
state_of() {
    dmvctl --json generations >"$scratch/generations"
    generation "$1" "$2"
}
runs() { equal "$(driver intel-e1000e '["activeRelease"]')" "$1" "what the kernel runs"; }
settings() {
    mkdir -p "$root/etc/dmv"
    printf '[boot]\n' >"$root/etc/dmv/dmv.conf"
    printf '%s\n' "$@" >>"$root/etc/dmv/dmv.conf"
}

# management [INTERFACE]: the host is reached by it, or by none.
management() {
    mkdir -p "$DMV_PROCFS/net"
    printf 'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n' >"$DMV_PROCFS/net/route"
    (($# == 0)) || printf '%s\t00000000\t00000000\t0003\t0\t0\t100\t00000000\t0\t0\t0\n' "$1" >>"$DMV_PROCFS/net/route"
}

# check_health STATUS [OPTION...]: what the unit does
check_health() {
    local want=$1 status=0
    shift
    DMVCTL=$DMV_BUILD/bin/dmvctl "$DMV_BUILD/generated/hooks/check-health" "$@" >"$scratch/out" 2>"$scratch/err" || status=$?
    equal "$status" "$want" "exit status of check-health"
}
