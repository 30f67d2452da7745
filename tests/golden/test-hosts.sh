#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Recorded hosts are what they say they are by the word of lspci, which reads the configuration space and the links of a
# sysfs, and a wrong description is refused.
set -eu -o pipefail
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
make_host=$DMV_SOURCE/tests/hosts/make-host

fail() {
    echo "FAIL: $*" >&2
    exit 1
}
equal() { [[ $1 == "$2" ]] || fail "$3: got '$1', want '$2'"; }
seen() { lspci -A linux-sysfs -O "sysfs.path=$scratch/$1/sys/bus/pci" -D "${@:2}" 2>/dev/null; }

for file in "$DMV_SOURCE"/tests/hosts/*.host; do
    name=$(basename "$file" .host)
    bash "$make_host" "$file" "$scratch/$name"
    devices=$(grep -c '^device ' "$file")
    functions=$(sed -n 's/^functions .*count=\([0-9]*\).*/\1/p' "$file" | paste -sd+)
    equal "$(seen "$name" -n | wc -l)" $((devices + ${functions:-0})) "$name: devices"
    while read -r _ slot words; do
        [[ $words =~ id=([0-9a-f]{4}):([0-9a-f]{4}) ]]
        id="\"${BASH_REMATCH[1]}\" \"${BASH_REMATCH[2]}\""
        [[ $words =~ class=([0-9a-f]{4}) ]]
        line=$(seen "$name" -nm -s "$slot")
        [[ $line == "$slot \"${BASH_REMATCH[1]}\" $id "* ]] || fail "$name: lspci sees '$line' for $slot $words"
        [[ ! $words =~ driver=([^ ]*) ]] ||
            equal "$(seen "$name" -nk -s "$slot" | sed -n 's/.*in use: //p')" "${BASH_REMATCH[1]}" "$name: driver of $slot"
    done < <(grep '^device ' "$file")
    dangling=$(find "$scratch/$name" -xtype l)
    equal "$dangling" '' "$name: dangling links"
done

refused() {
    local why=$1 said
    printf '%b' "$2" >"$scratch/bad.host"
    rm -rf "$scratch/bad"
    if said=$(bash "$make_host" "$scratch/bad.host" "$scratch/bad" 2>&1); then fail "taken: $2"; fi
    [[ $said == *"$why"* ]] || fail "refused with '$said' instead of '$why'"
}
refused 'is not known' 'gadget 1\n'
refused 'have to be there' 'device 0000:00:01.0 id=8086:1234\n'
refused 'is not key=value' 'device 0000:00:01.0 id=8086:1234 class=020000 e1000e\n'
refused 'is not described' 'device 0000:00:01.0 id=8086:1234 class=020000 driver=e1000e\n'
refused 'is not described before it' 'device 0000:01:00.0 id=8086:1234 class=020000 under=0000:00:01.0\n'
refused 'is not described before its functions' 'functions 0000:01:00.0 count=1 first=0000:01:00.1 id=8086:1 class=020000\n'
nic='module e1000e\ndevice 0000:00:01.0 id=8086:10d3 class=020000 driver=e1000e net=eth0 disk=sda\n'
refused 'is not described before what stands on it' "${nic}stack dm-0 on=sdb\n"
refused 'is not described before what stands on it' "${nic}interface br0 on=eth1\n"
refused 'is not described before what stands on it' "${nic}mount / ext4 sdb\n"
refused 'an interface is no tunnel' "${nic}interface wg0 is=tunnel\n"
echo "hosts: ok"
