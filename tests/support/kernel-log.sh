# SPDX-License-Identifier: LGPL-2.1-or-later
# kernel_log ROOT BOOT-ID LINE...: a journal below ROOT in which the kernel said this in that boot. To be sourced; each call
# adds a file of its own.
kernel_log() {
    local folder=$1/var/log/journal/00000000000000000000000000000001 boot=${2//-/} line n=0
    shift 2
    mkdir -p "$folder"
    for line; do
        n=$((n + 1))
        printf '__REALTIME_TIMESTAMP=%d\n__MONOTONIC_TIMESTAMP=%d\n_BOOT_ID=%s\n' $((1700000000000000 + n)) $n "$boot"
        printf '_MACHINE_ID=00000000000000000000000000000001\n_TRANSPORT=kernel\nMESSAGE=%s\n\n' "$line"
    done >"$folder/text"
    "$(systemd_journal_remote)" -o "$folder/system@$boot-$(find "$folder" -name '*.journal' | wc -l).journal" \
        "$folder/text" 2>/dev/null
    rm "$folder/text"
}

systemd_journal_remote() {
    local folder
    for folder in /usr/lib/systemd /lib/systemd; do
        [[ ! -x $folder/systemd-journal-remote ]] || echo "$folder/systemd-journal-remote"
    done | head -n1
}
