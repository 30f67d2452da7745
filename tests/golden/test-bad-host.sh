#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Bad things that other packages, the kernel or an admin can leave on a host: notes and sizes that lie, wrong types, odd names, links
# for folders, modules that are none, damaged indexes, ten thousand variants. Each is named with its reason, the listing exits 0 with
# every good driver in it, and nothing is changed.
set -eu -o pipefail
. "$DMV_SOURCE/tests/golden/lib.sh"

tool() { "$DMV_BUILD/bin/driver-tool" "$@"; }
golden_host
modules=$root/usr/lib/modules/$K2
dmv=$modules/dmv

# vendor DRIVER VARIANT: a good release of the vendor's format
vendor() {
    mkdir -p "$dmv/$1/$2"
    printf '{"category": "network", "name": "%s", "version": "1.0", "variant": "%s", "description": "Intel", "status": "production", "priority": 1, "pci_ids": {"%s.ko": [{"vendor_id": "8086", "device_id": "10d3", "subvendor_id": "*", "subdevice_id": "*"}]}}' \
        "$1" "$2" "$1" >"$dmv/$1/$2/info.json"
    golden_module "$dmv/$1/$2/$1.ko" "$1" "$K2" 1.0 "$2" --alias "$e1000e_alias"
}

# patch FILE WAY: a vendor note that lies, in a module or in what the kernel shows of one
patch() {
    python3 - "$1" "$2" <<'PY'
import struct, sys
data = bytearray(open(sys.argv[1], "rb").read())
at = data.index(b"XenServer") - 12
name_size, description_size = struct.unpack_from("<II", data, at)
if sys.argv[2] == "long":
    struct.pack_into("<II", data, at, name_size, 0xfffffff0)
elif sys.argv[2] == "name":
    struct.pack_into("<II", data, at, 0xffffffff, description_size)
else:
    del data[at + 14:]
open(sys.argv[1], "wb").write(data)
PY
}

# reader: the listing is there, whole, with the good driver
listing() {
    status=0
    tool -l >"$scratch/out" 2>"$scratch/err" || status=$?
    equal "$status" 0 "exit status of driver-tool -l with $1"
    equal "$(json '["drivers"]["good"]["variants"]["v"]["hardware_present"]' <"$scratch/out")" true "the good driver with $1"
}

# named WHAT OBJECT REASON: one bad thing is there; it is said of what, and why
named() {
    local before
    before=$(snapshot)
    listing "$1"
    python3 - "$scratch/out" "$2" "$3" <<'PY' || fail "$1: no problem $3 of $2"
import json, sys
problems = json.load(open(sys.argv[1]))["dmv:problems"]
found = [p for p in problems if sys.argv[2] in p["object"] and p["reason"] == sys.argv[3] and p["why"]]
if not found:
    print(problems, file=sys.stderr)
sys.exit(not found)
PY
    grep -q -- "$2" "$scratch/err" || fail "$1: $2 is not named on stderr"
    ok dmvctl list
    [[ $(snapshot) == "$before" ]] || fail "$1: changed: $(diff <(echo "$before") <(snapshot))"
    equal "$(effective "$K2" good)" updates/good.ko "the good driver with $1"
}

vendor good v
ok tool -s -n good -v v
equal "$(effective "$K2" good)" updates/good.ko "to begin with"

# ---- notes and sizes that lie ----
for way in long name cut; do
    vendor lies v
    patch "$dmv/lies/v/lies.ko" $way
    named "a note of a module ($way)" lies/v broken-release
done
vendor lies v
python3 - "$dmv/lies/v/lies.ko" <<'PY'
import struct, sys
data = bytearray(open(sys.argv[1], "rb").read())
struct.pack_into("<Q", data, 0x28, len(data) * 1000)  # where the sections are said to be
open(sys.argv[1], "wb").write(data)
PY
named "section headers outside of the file" lies/v broken-release
rm -r "$dmv/lies"
notes=$DMV_SYSFS/module/good/notes
mkdir -p "$notes" && echo live >"$DMV_SYSFS/module/good/initstate"
for way in long name cut; do
    objcopy -O binary --only-section=.note.XenServer --set-section-flags .note.XenServer=alloc "$dmv/good/v/good.ko" "$notes/.note.XenServer"
    patch "$notes/.note.XenServer" $way
    named "a note of the kernel ($way)" module/good malformed
done
head -c 100000 /dev/zero >"$notes/.note.XenServer"
named "a large note of the kernel" module/good too-large
rm "$notes/.note.XenServer"
printf '\377\377\377\377\377\377\377\377\3\0\0\0GNU' >"$notes/.note.gnu.build-id"
named "a build-id of the kernel" module/good malformed
rm -r "$DMV_SYSFS/module/good"

# ---- info.json ----
# info WHAT JSON REASON
info() {
    vendor odd v
    printf '%s' "$2" >"$dmv/odd/v/info.json"
    named "$1" odd/v broken-release
    rm -r "$dmv/odd"
}
head='{"name": "odd", "version": "1", "variant": "v"'
info "pci_ids that is a list" "$head, \"pci_ids\": []}"
info "pci_ids of numbers" "$head, \"pci_ids\": {\"odd.ko\": [{\"vendor_id\": 32902}]}}"
info "pci_ids of a text" "$head, \"pci_ids\": {\"odd.ko\": \"8086\"}}"
info "pci_ids without numbers" "$head, \"pci_ids\": {\"odd.ko\": [{\"vendor_id\": \"zz\", \"device_id\": \"1\", \"subvendor_id\": \"*\", \"subdevice_id\": \"*\"}]}}"
for name in '../odd' 'odd/x' '..' '' 'a\u0000b' 'a\u001b[31m' ' odd'; do
    info "the name $name" "{\"name\": \"$name\", \"version\": \"1\", \"variant\": \"v\"}"
    info "the variant $name" "{\"name\": \"odd\", \"version\": \"1\", \"variant\": \"$name\"}"
    info "the version $name" "{\"name\": \"odd\", \"version\": \"$name\", \"variant\": \"v\"}"
done
info "2 MiB" "$head, \"description\": \"$(head -c 2097152 /dev/zero | tr '\0' x)\"}" 2>/dev/null || {
    # longer than an argument may be
    vendor odd v
    { printf '%s, "description": "' "$head"; head -c 2097152 /dev/zero | tr '\0' x; printf '"}'; } >"$dmv/odd/v/info.json"
    named "2 MiB" odd/v broken-release
}
vendor odd v
python3 -c 'print("{\"name\": " + "[" * 20000 + "]" * 20000 + "}", end="")' >"$dmv/odd/v/info.json"
named "deep nesting" odd/v broken-release
rm -r "$dmv/odd"

# ---- modules that are none ----
# module WHAT COMMAND...: the command makes the second module of a release, $2 is its place
module() {
    local what=$1
    shift
    vendor odd v
    "$@" "$dmv/odd/v/second.ko"
    named "$what" odd/v broken-release
    status=0
    tool -s -n odd -v v >"$scratch/out" 2>"$scratch/err" || status=$?
    equal "$status" 1 "$what can be selected"
    rm -r "$dmv/odd"
}
module "a text" cp "$0"
module "an empty file" touch
module "a program" cp -L "$(command -v depmod)"
module "a FIFO" mkfifo
device() { mknod "$1" c 1 3; }
module "a device" device
module "a dangling link" ln -s gone
module "a link that leads to itself" ln -s second.ko
vendor odd v
rm "$dmv/odd/v/odd.ko" && mkdir "$dmv/odd/v/odd.ko"
named "a folder called odd.ko" odd/v broken-release
rm -r "$dmv/odd"
mkfifo "$modules/updates/pipe.ko"
named "a FIFO in updates/" updates/pipe.ko invalid-name
rm "$modules/updates/pipe.ko"
mkdir "$modules/updates/folder.ko"
listing "a folder called folder.ko"
rmdir "$modules/updates/folder.ko"

# ---- names ----
odd=$'e\033[31m'
mkdir -p "$dmv/$odd/v" "$modules/updates/$odd.ko" "$dmv/good/a b"
listing "names with control bytes and blanks"
! grep -q $'\033' "$scratch/err" || fail "a control byte of a name reaches the terminal"
rm -r "${dmv:?}/$odd" "$modules/updates/$odd.ko" "$dmv/good/a b"

# ---- folders that are links ----
vendor linked v
ln -s v "$dmv/linked/w"
named "a release's folder that is a link" linked/w malformed
rm "$dmv/linked/w"
ln -s linked "$dmv/other"
named "a driver's folder that is a link" dmv/other malformed
rm "$dmv/other"
ln -s loop "$dmv/linked/loop"
named "a folder that cannot be opened (ELOOP)" linked/loop malformed
rm -r "$dmv/linked"

# ---- the index of a kernel ----
cp "$modules/modules.dep.bin" "$scratch/index"
for size in 0 7 100; do
    truncate -s $size "$modules/modules.dep.bin"
    listing "an index of $size bytes"
    ok dmvctl status
    equal "$(stat -c %s "$modules/modules.dep.bin")" $size "the damaged index is left to the next plan"
done
head -c 20000 /dev/urandom >"$modules/modules.dep.bin"
listing "an index of random bytes"
ok dmvctl rescan --now
equal "$(effective "$K2" good)" updates/good.ko "depmod has put the index right"
cmp -s "$modules/modules.dep.bin" "$scratch/index" || fail "the index is not as it was"

# ---- ten thousand variants ----
python3 - "$dmv" <<'PY'
import os, shutil, sys
dmv = sys.argv[1]
text = open(f"{dmv}/good/v/info.json").read()
for i in range(10000):
    folder = f"{dmv}/good/v{i}"
    os.makedirs(folder)
    open(f"{folder}/info.json", "w").write(text.replace('"v"', f'"v{i}"'))
    os.link(f"{dmv}/good/v/good.ko", f"{folder}/good.ko")
PY
listing "ten thousand variants"
equal "$(json '["drivers"]["good"]["variants"].__len__()' <"$scratch/out")" 10001 "variants"
ok tool -s -n good -v v4711
equal "$(readlink "$modules/updates/good.ko")" ../dmv/good/v4711/good.ko "one of ten thousand"
for verb in status list verify "why good" plan; do
    status=0
    # shellcheck disable=SC2086
    dmvctl $verb >"$scratch/out" 2>"$scratch/err" || status=$?
    [[ $status == 0 || $status == 10 ]] || fail "$verb with ten thousand variants ends with $status"
done
find "$dmv/good" -mindepth 1 -maxdepth 1 -name 'v?*' -exec rm -r {} +
ok tool -s -n good -v v

# ---- trees and <kver>/dmv that are links ----
mv "$modules/updates" "$modules/trees" && ln -s trees "$modules/updates"
listing "updates/ that is a link"
before=$(snapshot)
tool -s -n good -v v >"$scratch/out" 2>"$scratch/err" || [[ $(snapshot) == "$before" ]] || fail "the refused selection changed something"
rm "$modules/updates" && mv "$modules/trees" "$modules/updates"
mv "$dmv" "$scratch/dmv" && ln -s ../../../../somewhere "$dmv"
status=0
tool -l >"$scratch/out" 2>"$scratch/err" || status=$?
equal "$status" 0 "a dangling <kver>/dmv"
rm "$dmv" && mv "$scratch/dmv" "$dmv"
listing "everything as it was"
echo "bad host: done"
