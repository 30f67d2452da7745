# SPDX-License-Identifier: LGPL-2.1-or-later
# Commands on filesystems with little room. To be sourced after lib.sh, golden_host and golden_stream.
tried=0 refused=0

# what a person would ask about; it has to be answered on a full disk, too
host_state() {
    snapshot | grep -v '/ballast '
    dmvctl --json list
    dmvctl --json generations
}

# fill FOLDER KIB: so much is left on its filesystem; give_back FOLDER: all of it again
fill() {
    local free
    free=$(df --output=avail -k "$1" | tail -n1)
    fallocate -l $((free - $2))K "$1/ballast"
}
give_back() { rm "$1/ballast"; }

# says REASON WHAT: so does the answer of the last command, which is in $scratch/out, and why, and what to do.
says() {
    equal "$(json '["error"]["reason"]' <"$scratch/out")" "$1" "reason of $2"
    [[ -n $(json '["error"]["why"]' <"$scratch/out") ]] || fail "$2 does not say why"
    [[ -n $(json '["error"]["next"]' <"$scratch/out") ]] || fail "$2 does not say what to do"
}

# as_before BEFORE AFTER WHAT: of host_state
as_before() {
    diff <(echo "$1") <(echo "$2") >"$scratch/out" || fail "$3: not as before"
    no_leftovers
}

# has_no_room BEFORE AFTER WHAT: the last command has said so, and everything is as it was.
has_no_room() {
    says no-space "$3"
    as_before "$@"
}

# try FOLDER KIB COMMAND...: with so much room on the filesystem of the folder, and then with all of it
try() {
    local folder=$1 left=$2 before after status=0
    shift 2
    before=$(host_state)
    fill "$folder" "$left"
    dmvctl --json "$@" >"$scratch/out" 2>"$scratch/err" || status=$?
    after=$(host_state)
    give_back "$folder"
    tried=$((tried + 1))
    if ((status == 0)); then
        equal "$(dmvctl --json status | json '["problems"]')" "[]" "problems after dmvctl $* with $left KiB"
        return
    fi
    refused=$((refused + 1))
    has_no_room "$before" "$after" "dmvctl $* with $left KiB"
    ok dmvctl "$@"
}

# round FOLDER NAME KIB...: all commands, with less and less room
round() {
    local folder=$1 name=$2 left
    shift 2
    tried=0 refused=0
    for left; do
        try "$folder" "$left" install $release
        try "$folder" "$left" select $release
        try "$folder" "$left" activate
        for kver in "$K1" "$K2"; do equal "$(effective "$kver" e1000e)" updates/e1000e.ko "$name with $left KiB: after activate"; done
        try "$folder" "$left" deselect intel-e1000e
        try "$folder" "$left" activate
        try "$folder" "$left" remove $release
        ok dmvctl verify
        no_leftovers
    done
    echo "$name: $refused of $tried commands had no room"
    ((refused > 3)) || fail "$name was hardly ever full"
}
