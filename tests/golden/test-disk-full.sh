#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# A host whose filesystems are full, or become so in the middle: the root, and what the state lies on. Each command either works or
# says that there is no room; then everything is as before, nothing is left over, and with room it works. Needs: root
set -eu -o pipefail
. "$DMV_SOURCE/tests/golden/lib.sh"

golden_memory
root=$scratch/memory/root
mkdir "$root"
mount -t tmpfs -o size=48m dmv-full "$root"
golden_host
golden_stream
mkdir "$root/usr/lib/dmv" # as the package brings it
ok dmvctl refresh
state=$root/var/lib/dmv
release=intel-e1000e/generic@3.8.7

# what a person would ask about; it has to be answered on a full disk, too
host_state() {
    snapshot
    dmvctl --json list
    dmvctl --json generations
}

# fill FOLDER KIB: so much is left on its filesystem
fill() {
    local free
    free=$(df --output=avail -k "$1" | tail -n1)
    fallocate -l $((free - $2))K "$1/ballast"
}

# try FOLDER KIB COMMAND...: with so much room on the filesystem of the folder, and then with all of it
try() {
    local folder=$1 left=$2 before after status=0
    shift 2
    before=$(host_state)
    fill "$folder" "$left"
    dmvctl --json "$@" >"$scratch/out" 2>"$scratch/err" || status=$?
    after=$(host_state)
    rm "$folder/ballast"
    tried=$((tried + 1))
    if ((status == 0)); then
        equal "$(dmvctl --json status | json '["problems"]')" "[]" "problems after dmvctl $* with $left KiB"
        return
    fi
    refused=$((refused + 1))
    equal "$(json '["error"]["reason"]' <"$scratch/out")" no-space "reason of dmvctl $* with $left KiB"
    [[ -n $(json '["error"]["why"]' <"$scratch/out") ]] || fail "dmvctl $* does not say why"
    [[ -n $(json '["error"]["next"]' <"$scratch/out") ]] || fail "dmvctl $* does not say what to do"
    diff <(echo "$before") <(echo "$after") >"$scratch/out" || fail "dmvctl $* with $left KiB: not as before"
    no_leftovers
    ok dmvctl "$@"
}

# round FOLDER NAME: all commands, with less and less room
round() {
    local left
    tried=0 refused=0
    for left in 64 0; do
        try "$1" $left install $release
        try "$1" $left select $release
        try "$1" $left activate
        for kver in "$K1" "$K2"; do equal "$(effective "$kver" e1000e)" updates/e1000e.ko "$2 with $left KiB: after activate"; done
        try "$1" $left deselect intel-e1000e
        try "$1" $left activate
        try "$1" $left remove $release
        ok dmvctl verify
        no_leftovers
    done
    echo "$2: $refused of $tried commands had no room"
    ((refused > 3)) || fail "$2 was hardly ever full"
}

round "$root/run" /

# ---- /var is a filesystem of its own ----
cp -a "$state" "$scratch/state"
mount -t tmpfs -o size=16m,mode=0700 dmv-full "$state"
cp -a "$scratch/state/." "$state/"
round "$state" /var
echo "disk full: done"
