#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The filesystem that forgets (forget/) forgets: what was not synced may be lost, what was synced is not, in each of its orders.
# Without this, test-lost-writes.sh could pass because nothing is ever lost. Needs: fuse3, root
set -eu -o pipefail
[[ -x $DMV_BUILD/tests/bin/forget ]] || { echo "FAIL: no forget was built; tools/lib/packages.sh has its libraries" >&2; exit 1; }

scratch=$(mktemp -d)
forget=$DMV_BUILD/tests/bin/forget
cleanup() {
    local status=$?
    ! mountpoint -q "$scratch/host" || umount -l "$scratch/host"
    ! mountpoint -q "$scratch/memory" || umount -l "$scratch/memory"
    rm -rf "$scratch"
    exit $status
}
trap cleanup EXIT
fail() {
    echo "FAIL: $*" >&2
    exit 1
}
mkdir "$scratch/memory"
mount -t tmpfs dmv-forget "$scratch/memory"
cd "$scratch/memory"
mkdir base base/a base/b host
echo before >base/a/old
echo left >base/a/left
echo right >base/b/right
ln base/a/old base/b/second
cp -a base back

"$forget" serve "$PWD/back" "$PWD/host" "$PWD/log" &
for _ in {1..500}; do
    ! mountpoint -q host || break
    sleep 0.01
done
mountpoint -q host || fail "not mounted"
python3 - host <<'PY'
import ctypes, os, sys
os.chdir(sys.argv[1])
libc = ctypes.CDLL(None, use_errno=True)

def sync(path):
    fd = os.open(path, os.O_RDONLY)
    os.fsync(fd)
    os.close(fd)

def write(path, text):
    with open(path, "w") as f:
        f.write(text)

write("a/unsynced", "u" * 9000)
write("a/synced", "s" * 9000)
sync("a/synced")
sync("a")
write("a/name-lost", "n")
sync("a/name-lost")          # the file and not its folder
write("b/new", "after\n")
sync("b/new")
os.rename("b/new", "a/old")  # and no sync of a folder
if libc.renameat2(-100, b"a/left", -100, b"b/right", 2) != 0:  # RENAME_EXCHANGE
    sys.exit(f"renameat2: {os.strerror(ctypes.get_errno())}")
if libc.renameat2(-100, b"a/synced", -100, b"b/right", 1) == 0:  # RENAME_NOREPLACE
    sys.exit("RENAME_NOREPLACE replaced something")
os.symlink("old", "a/link")
os.link("a/synced", "b/another")
os.posix_fallocate(fd := os.open("b/room", os.O_CREAT | os.O_WRONLY), 0, 8192)
os.close(fd)
assert os.stat("b/room").st_size == 8192
assert os.stat("a/synced").st_ino == os.stat("b/another").st_ino and os.stat("a/synced").st_nlink == 2
assert open("a/left").read() == "right\n" and open("b/right").read() == "left\n"
PY
umount host
wait
changes=$("$forget" list log | grep -c '^[0-9]')

# what may be found, over all seeds, of one thing
declare -A seen
see() { seen[$1]+="$2 "; }
has() { [[ " ${seen[$1]} " == *" $2 "* ]] || fail "$3 ($1): only ${seen[$1]}"; }
never() { [[ " ${seen[$1]} " != *" $2 "* ]] || fail "$3 ($1)"; }
for order in journal folder name; do
    for ((seed = 0; seed < 60; seed++)); do
        rm -rf out
        "$forget" crash log base $order "$changes" $seed out inodes
        [[ $(cat out/a/synced 2>/dev/null | wc -c) == 9000 ]] || fail "$order, seed $seed: what was synced is not there"
        if [[ ! -e out/a/unsynced ]]; then
            see $order-data no-name
        elif cmp -s out/a/unsynced back/a/unsynced; then
            see $order-data all
        elif [[ ! -s out/a/unsynced ]]; then
            see $order-data empty
        elif cmp -s -n "$(stat -c %s out/a/unsynced)" out/a/unsynced back/a/unsynced; then
            see $order-data torn
        else
            see $order-data zeros
        fi
        see $order-name "$([[ -e out/a/name-lost ]] && echo there || echo lost)"
        see $order-rename "$(cat out/a/old)"
        [[ ! -e out/b/new || $(cat out/a/old) == before ]] || fail "$order, seed $seed: two names by one rename"
        see $order-exchange "$(cat out/a/left)+$(cat out/b/right)"
        [[ $order != journal || ! -L out/a/link || $(cat out/a/left) == right ]] || fail "the journal has the later change without the earlier"
        [[ $order != name || ! -L out/a/link || $(cat out/a/old) == after ]] || see name-order independent
        [[ ! -e out/b/another || $(stat -c %h out/b/another) == 2 ]] || fail "a second name is another file"
    done
    for way in all empty torn zeros; do has $order-data $way "a file that was not synced"; done
    has $order-rename before "a rename without a sync of the folder"
    has $order-rename after "a rename without a sync of the folder"
    has $order-exchange left+right "an exchange"
    has $order-exchange right+left "an exchange"
    never $order-exchange left+left "half an exchange"
    never $order-exchange right+right "half an exchange"
done
for order in folder name; do
    has $order-name lost "a file whose folder was not synced"
    has $order-name there "a file whose folder was not synced"
done
has name-order independent "two names of a folder"
# a journal writes what was before a sync of anything
never journal-name lost "a file that was synced"
# the power can fail anywhere: before the first change nothing has changed
rm -rf out
"$forget" crash log base name 0 1 out inodes
diff -r base out || fail "changes before the first one"
echo "forget: done"
