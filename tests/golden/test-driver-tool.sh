#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# driver-tool as its callers use it: a strict reader like xapi's, the installer's flow with the real modprobe as the judge,
# and the nine known faults of the vendor's tool, each with the tree that provokes it.
set -eu -o pipefail
. "$DMV_SOURCE/tests/golden/lib.sh"

tool() { "$DMV_BUILD/bin/driver-tool" "$@"; }
modules=$root/usr/lib/modules
inbox=kernel/drivers/net/ethernet/intel/e1000e/e1000e.ko

# ---- the reader: every member and every type, as xapi insists on them ----
cat >"$scratch/reader.py" <<'PY'
import json, sys
text = open(sys.argv[1]).read()
def no_duplicates(pairs):
    keys = [k for k, _ in pairs]
    assert len(keys) == len(set(keys)), f"duplicate member in {keys}"
    return dict(pairs)
top = json.loads(text, object_pairs_hook=no_duplicates)
assert type(top["protocol"]["version"]) is float and top["protocol"]["version"] == 0.1, "protocol"
assert '"version":0.1}' in text.replace(" ", ""), "the version is not written as 0.1"
assert type(top["operation"]["reboot"]) is bool, "operation"
for name, d in top["drivers"].items():
    for key in ("type", "friendly_name", "description", "info"):
        assert type(d[key]) is str, (name, key)
    assert d["friendly_name"] == name, name
    for key in ("selected", "active"):
        assert d[key] is None or type(d[key]) is str, (name, key)
    assert d["selected"] is None or d["selected"] in d["variants"], (name, "selected")
    assert all(type(m) is str and m.endswith(".ko") for m in d["loaded modules"]), (name, "loaded modules")
    assert d["variants"], (name, "no variant")
    for variant, v in d["variants"].items():
        assert type(v["version"]) is str and type(v["status"]) is str, (name, variant)
        assert type(v["hardware_present"]) is bool, (name, variant)
        assert type(v["priority"]) in (int, float), (name, variant)
        known = {"version", "status", "hardware_present", "priority"}
        assert all(k in known or k.startswith("dmv:") for k in v), (name, variant, list(v))
    known = {"type", "friendly_name", "description", "info", "selected", "active", "loaded modules", "variants"}
    assert all(k in known or k.startswith("dmv:") for k in d), (name, list(d))
assert all(k in {"protocol", "operation", "drivers"} or k.startswith("dmv:") for k in top), list(top)
PY

# list: a listing that the reader takes, in $scratch/out
list() {
    ok tool -l
    python3 "$scratch/reader.py" "$scratch/out" || fail "the strict reader refuses the listing"
}

# listed EXPRESSION: of the last listing
listed() { json "$1" <"$scratch/out"; }
# of DRIVER KEY
of() { listed "['drivers']['$1']['$2']"; }

# selects ARGUMENT...: driver-tool has to do it and say so in one object
selects() {
    ok tool "$@"
    equal "$(json '["exit"]' <"$scratch/out")" 0 "driver-tool $*"
}

# error_object FILE ERRNO: exactly the error that the callers know
error_object() {
    python3 - "$1" "$2" <<'PY' || fail "$1 is no error object for errno $2"
import json, os, sys
o = json.load(open(sys.argv[1]))
assert o == {"version": 0.1, "exit_code": int(sys.argv[2]), "message": os.strerror(int(sys.argv[2]))}, o
PY
}

# fails ERRNO ARGUMENT...: exit status 1, the object on stdout, words on stderr
fails() {
    local want=$1 status=0
    shift
    tool "$@" >"$scratch/out" 2>"$scratch/err" || status=$?
    equal "$status" 1 "exit status of driver-tool $*"
    error_object "$scratch/out" "$want"
    [[ -s $scratch/err ]] || fail "driver-tool $* says nothing for a person"
}

# info DRIVER VARIANT VERSION PRIORITY MODULE...: an info.json of the vendor's generator
info() {
    local driver=$1 variant=$2 version=$3 priority=$4 module sep='' ids=''
    shift 4
    for module; do
        ids+="$sep\"$module.ko\": [{\"vendor_id\": \"8086\", \"device_id\": \"10d3\", \"subvendor_id\": \"*\", \"subdevice_id\": \"*\"}]"
        sep=', '
    done
    printf '{"category": "network", "name": "%s", "version": "%s", "minor_version": "1", "variant": "%s", "kABI": "", "description": "Intel %s", "status": "production", "priority": %s, "pci_ids": {%s}}\n' \
        "$driver" "$version" "$variant" "$driver" "$priority" "$ids"
}

# vendor KVER LAYOUT DRIVER VARIANT VERSION PRIORITY MODULE...: what a package of the vendor puts there
vendor() {
    local kver=$1 folder=$modules/$1/$2/$3/$4 driver=$3 variant=$4 version=$5 priority=$6 module
    shift 6
    mkdir -p "$folder"
    info "$driver" "$variant" "$version" "$priority" "$@" >"$folder/info.json"
    for module; do
        golden_module "$folder/$module.ko" "$module" "$kver" "$version" "$variant" --alias "$e1000e_alias"
    done
}

# loads FILE: the kernel is what it would be with that module loaded
loads() {
    local name notes
    name=$(basename "$1" .ko)
    notes=$DMV_SYSFS/module/$name/notes
    rm -rf "$notes" && mkdir -p "$notes" && echo live >"$DMV_SYSFS/module/$name/initstate"
    for section in .note.gnu.build-id .note.XenServer; do
        objcopy -O binary --only-section=$section --set-section-flags $section=alloc "$1" "$notes/$section"
        [[ -s $notes/$section ]] || rm -f "$notes/$section"
    done
}

golden_host
golden_module "$scratch/modules/other.ko" e1000e 4.19.0+1 1.0 built --alias "$e1000e_alias"
cp "$DMV_SOURCE/data/depmod.d/00-dmv.conf" "$root/usr/lib/" && mkdir -p "$root/usr/lib/depmod.d" &&
    mv "$root/usr/lib/00-dmv.conf" "$root/usr/lib/depmod.d/"
# an old depmod's package has no such line, see DMV_DEPMOD_EXCLUDE
[[ -z ${DMV_OLD_DEPMOD:-} ]] || sed -i '/^exclude/d' "$root/usr/lib/depmod.d/00-dmv.conf"
# reindex: what a package manager does; where depmod knows no exclude, dmv's file trigger comes after it
reindex() {
    local kver
    for kver in "$K1" "$K2"; do depmod -b "$root" -C "$root/etc/depmod.d" -C "$root/usr/lib/depmod.d" "$kver" 2>/dev/null; done
    [[ -z ${DMV_OLD_DEPMOD:-} ]] || dmvctl rescan --now >"$scratch/out" 2>"$scratch/err"
}

# forget: the host as it is before dmv was asked for anything
forget() {
    rm -rf "$root/var/lib/dmv" "$root/etc/depmod.d/00-dmv.conf"
    reindex
}

# ---- the command line ----
for arguments in '' '-x' '-s' '-s -n e1000e' '-s -v dell' '-d' '-l -s -n a -v b' '-l extra' '-n a' '-l -n a' '-d a -v b' '-d a -n b'; do
    status=0
    # shellcheck disable=SC2086
    tool $arguments >"$scratch/out" 2>"$scratch/err" || status=$?
    equal "$status" 1 "exit status of driver-tool $arguments"
    [[ ! -s $scratch/out ]] || fail "driver-tool $arguments writes to stdout"
    error_object "$scratch/err" 22
done
ok tool -h
ok tool -V

# ---- what lies at the path that the toolstack calls: ours, its mock, something odd, nothing ----
# finding REASON: what doctor says about the path, "" for nothing
finding() {
    dmvctl --json doctor >"$scratch/out" || [[ $? == 10 ]] || fail "doctor"
    python3 -c '
import json, sys
print("".join(f["reason"] for f in json.load(open(sys.argv[1]))["findings"] if f["object"] == "usr/sbin/driver-tool"))' "$scratch/out"
}
path=$root/usr/sbin/driver-tool
equal "$(finding)" '' "no toolstack, no tool"
mkdir -p "$root/opt/xensource/bin" && : >"$root/opt/xensource/bin/xapi"
equal "$(finding)" not-installed "a toolstack without the tool"
cp "$DMV_BUILD/bin/driver-tool" "$path"
equal "$(finding)" '' "ours"
strip "$path"
equal "$(finding)" '' "ours, stripped"
printf '#!/usr/bin/bash\ncat <<X\n{"drivers": {"qlogic-netxtreme2": {}}}\nX\ntouch %s\n' "$scratch/was-run" >"$path"
chmod +x "$path"
equal "$(finding)" conflict "the mock of xapi"
[[ ! -e $scratch/was-run ]] || fail "doctor runs what it does not know"
cp -L "$(command -v depmod)" "$path"
equal "$(finding)" conflict "another program"
rm "$path" && mkfifo "$path"
equal "$(finding)" conflict "a FIFO"
rm "$path" && ln -s ../bin/nothing "$path"
equal "$(finding)" conflict "a link that leads nowhere"
rm -r "$path" "$root/opt"

# ---- an empty host ----
list
equal "$(listed '["drivers"].__len__()')" 0 "drivers of an empty host"
fails 2 -s -n e1000e -v dell
fails 2 -d e1000e
fails 2 -s -n ../x -v ../../y

# ---- fault 1: packages in the tree, nothing selected: nobody's variant is what loads ----
for kver in "$K1" "$K2"; do
    vendor "$kver" dmv e1000e generic 3.9.0 50 e1000e
    vendor "$kver" dmv e1000e dell 3.9.1 100 e1000e
    vendor "$kver" xenserver e1000e old 3.1.0 10 e1000e
done
reindex
for kver in "$K1" "$K2"; do equal "$(effective "$kver" e1000e)" "$inbox" "fault 1: nothing is selected"; done
list
equal "$(of e1000e selected)" '' "fault 1: selected"
equal "$(of e1000e active)" '' "another build is loaded"
equal "$(listed '["drivers"]["e1000e"]["variants"].keys().__len__()')" 3 "variants of both layouts"
equal "$(listed '["drivers"]["e1000e"]["variants"]["dell"]["hardware_present"]')" true "the card is there"
equal "$(listed '["drivers"]["e1000e"]["variants"]["dell"]["priority"]')" 100 "priority"
equal "$(listed '["drivers"]["e1000e"]["variants"]["old"]["version"]')" 3.1.0 "version"
equal "$(listed '["drivers"]["e1000e"]["loaded modules"]')" "['e1000e.ko']" "loaded modules"
equal "$(of e1000e type)" network "type"
equal "$(listed '["operation"]["reboot"]')" false "nothing is pending"

# ---- the installer's flow: the highest priority among those present, then modprobe ----
best=$(python3 -c '
import json, sys
for name, d in json.load(open(sys.argv[1]))["drivers"].items():
    present = {k: v for k, v in d["variants"].items() if v["hardware_present"]}
    if present: print(name, max(present, key=lambda k: present[k]["priority"]))' "$scratch/out")
equal "$best" "e1000e dell" "what the installer chooses"
selects -s -n e1000e -v dell
# the vendor's reader: the link, and the info.json beside what it leads to; fault 6: for every kernel at once
for kver in "$K1" "$K2"; do
    equal "$(effective "$kver" e1000e)" updates/e1000e.ko "fault 6: the next modprobe on $kver"
    link=$modules/$kver/updates/e1000e.ko
    [[ -L $link ]] || fail "updates/e1000e.ko is no link"
    equal "$(json '["variant"]' <"$(dirname "$(realpath "$link")")/info.json")" dell "what the vendor's reader finds"
    no_leftovers
done
list
equal "$(of e1000e selected)" dell "selected"
equal "$(listed '["operation"]["reboot"]')" true "another build is loaded: reboot"
loads "$modules/$K2/dmv/e1000e/dell/e1000e.ko"
list
equal "$(of e1000e active)" dell "active by build-id"
equal "$(listed '["operation"]["reboot"]')" false "selected is active"
selects -s -n e1000e -v dell # again: nothing to do
selects -d e1000e
for kver in "$K1" "$K2"; do
    equal "$(effective "$kver" e1000e)" "$inbox" "deselected"
    [[ ! -e $modules/$kver/updates/e1000e.ko ]] || fail "the link stayed"
done
list
equal "$(of e1000e selected)" '' "selected after -d"
equal "$(of e1000e active)" dell "active is independent of selected"
equal "$(listed '["operation"]["reboot"]')" true "what runs is not what would load"
fails 2 -s -n e1000e -v nonesuch
fails 2 -s -n nonesuch -v dell

# ---- selected by the vendor's tool: its link counts, without an intent of ours ----
for kver in "$K1" "$K2"; do
    mkdir -p "$modules/$kver/updates"
    ln -s ../dmv/e1000e/generic/e1000e.ko "$modules/$kver/updates/e1000e.ko"
done
forget
equal "$(effective "$K2" e1000e)" updates/e1000e.ko "the vendor's link is in effect"
list
equal "$(of e1000e selected)" generic "selected by another tool"
# and with another kernel running, as in an installer
mv "$DMV_PROCFS/sys/kernel/osrelease" "$scratch/osrelease"
echo 5.10.0-installer >"$DMV_PROCFS/sys/kernel/osrelease"
list
equal "$(of e1000e selected)" generic "selected, seen from another kernel"
equal "$(listed '["operation"]["reboot"]')" false "another kernel runs: a reboot changes nothing that this root knows of"
selects -s -n e1000e -v old
for kver in "$K1" "$K2"; do equal "$(readlink "$modules/$kver/updates/e1000e.ko")" ../xenserver/e1000e/old/e1000e.ko "switched over"; done
list
equal "$(of e1000e selected)" old "selected in the chroot"
mv "$scratch/osrelease" "$DMV_PROCFS/sys/kernel/osrelease"

# ---- a tier whose tree is not updates/: the vendor's reader finds it all the same ----
for tier in alternate additional; do
    tree=override
    [[ $tier == alternate ]] || tree=extra
    for kver in "$K1" "$K2"; do
        vendor "$kver" dmv e1000e "$tier" 4.2.0 10 e1000e
        sed -i "s/^{/{\"dmv\": {\"spec\": 1, \"tier\": \"$tier\"}, /" "$modules/$kver/dmv/e1000e/$tier/info.json"
    done
    selects -s -n e1000e -v "$tier"
    for kver in "$K1" "$K2"; do
        equal "$(effective "$kver" e1000e)" "$tree/e1000e.ko" "what decides for tier $tier"
        grep -Fqx "override e1000e ^$kver\$ $tree" "$root/etc/depmod.d/00-dmv.conf" || fail "no override line for $tree"
        link=$modules/$kver/updates/e1000e.ko
        [[ -L $link ]] || fail "tier $tier: updates/e1000e.ko is no link"
        equal "$(json '["variant"]' <"$(dirname "$(realpath "$link")")/info.json")" "$tier" "what the vendor's reader finds"
    done
    list
    equal "$(of e1000e selected)" "$tier" "selected"
done
selects -d e1000e
for kver in "$K1" "$K2"; do
    equal "$(effective "$kver" e1000e)" "$inbox" "deselected"
    [[ -z $(find "$modules/$kver" -path "$modules/$kver/kernel" -prune -o -type l -print) ]] || fail "a link stayed"
done
# somebody else's file has the place
golden_module "$modules/$K2/updates/e1000e.ko" e1000e "$K2" 9.9 foreign --alias "$e1000e_alias"
selects -s -n e1000e -v alternate
[[ ! -L $modules/$K2/updates/e1000e.ko && -L $modules/$K1/updates/e1000e.ko ]] || fail "the foreign file was replaced"
equal "$(effective "$K2" e1000e)" override/e1000e.ko "the selection beats the foreign file"
selects -s -n e1000e -v old
[[ ! -L $modules/$K2/updates/e1000e.ko ]] || fail "the foreign file was replaced"
rm -r "$modules/$K2/updates/e1000e.ko" "$modules/$K1/dmv/e1000e/"{alternate,additional} "$modules/$K2/dmv/e1000e/"{alternate,additional}
ok dmvctl activate

# ---- fault 2: the selected variant was erased ----
rm -r "$modules/$K1/xenserver" "$modules/$K2/xenserver"
list
equal "$(of e1000e selected)" '' "fault 2: an erased variant is not selected"
grep -q "updates/e1000e.ko" "$scratch/err" || fail "fault 2: the dangling link is not named"
listed '["dmv:problems"]' | grep -q "updates/e1000e.ko" || fail "fault 2: the dangling link is no problem of the listing"
ok dmvctl activate
for kver in "$K1" "$K2"; do
    equal "$(effective "$kver" e1000e)" "$inbox" "fault 2: the kernel's own driver, and no other variant"
    [[ ! -L $modules/$kver/updates/e1000e.ko ]] || fail "fault 2: the dangling link stayed"
done
selects -d e1000e

# ---- fault 3: one broken thing hides nothing ----
vendor "$K2" dmv broken v1 1.0 1 broken
echo '{"name": "broken", "variant":' >"$modules/$K2/dmv/broken/v1/info.json"
vendor "$K2" dmv e1000e torn 1.0 1 e1000e
truncate -s 60 "$modules/$K2/dmv/e1000e/torn/info.json"
vendor "$K2" dmv wrong v1 1.0 '"high"' wrong
mkdir -p "$modules/$K2/dmv/empty/v1"
ln -s loop "$modules/$K2/dmv/loop"
ln -s ../../nowhere/gone.ko "$modules/$K2/updates/gone.ko"
ln -s ../kernel/drivers/net/ethernet/intel/igb/igb.ko "$modules/$K2/updates/igb.ko"
list
for object in broken/v1 e1000e/torn wrong/v1 empty/v1 dmv/loop updates/gone.ko updates/igb.ko; do
    grep -q "$object" "$scratch/err" || fail "fault 3: $object is not named on stderr"
    listed '["dmv:problems"]' | grep -q "$object" || fail "fault 3: $object is not in the extra member"
done
equal "$(listed '["drivers"].keys().__len__()')" 1 "fault 3: the good driver, and no bad one"
equal "$(listed '["drivers"]["e1000e"]["variants"].keys().__len__()')" 2 "fault 3: the good variants"
fails 2 -s -n e1000e -v torn
rm -r "$modules/$K2"/dmv/{broken,wrong,empty,loop,e1000e/torn} "$modules/$K2"/updates/{gone,igb}.ko

# ---- fault 4: a file in override/ does not beat what was selected ----
mkdir -p "$modules/$K2/override"
golden_module "$modules/$K2/override/e1000e.ko" e1000e "$K2" 9.9 alt --alias "$e1000e_alias"
forget
equal "$(effective "$K2" e1000e)" override/e1000e.ko "fault 4: the tree provokes it"
selects -s -n e1000e -v generic
equal "$(effective "$K2" e1000e)" updates/e1000e.ko "fault 4: the selection beats override/"
selects -d e1000e
equal "$(effective "$K2" e1000e)" "$inbox" "fault 4: so does going back"
rm -r "$modules/$K2/override"

# ---- fault 5: from two modules to one ----
for kver in "$K1" "$K2"; do
    vendor "$kver" dmv pair both 2.0 10 e1000 e1000e
    vendor "$kver" dmv pair one 3.0 20 e1000e
    rm -r "$modules/$kver/dmv/e1000e"
done
selects -s -n pair -v both
equal "$(effective "$K1" e1000)" updates/e1000.ko "both modules"
selects -s -n pair -v one
for kver in "$K1" "$K2"; do
    equal "$(effective "$kver" e1000e)" updates/e1000e.ko "fault 5: the module of the new variant"
    equal "$(effective "$kver" e1000)" kernel/drivers/net/ethernet/intel/e1000/e1000.ko "fault 5: the second module is not left behind"
    [[ ! -L $modules/$kver/updates/e1000.ko ]] || fail "fault 5: its link stayed"
done
list
equal "$(of pair selected)" one "fault 5: selected"

# ---- fault 7: an update inside a variant, in place, needs a reboot ----
loads "$modules/$K2/dmv/pair/one/e1000e.ko"
list
equal "$(of pair active)" one "before the update"
equal "$(listed '["operation"]["reboot"]')" false "before the update"
for kver in "$K1" "$K2"; do vendor "$kver" dmv pair one 3.1 20 e1000e; done
list
equal "$(of pair selected)/$(of pair active)" one/one "fault 7: the same variant"
equal "$(listed '["drivers"]["pair"]["dmv:active_release"]')" pair/one@3.0 "fault 7: the version that runs"
equal "$(listed '["drivers"]["pair"]["variants"]["one"]["version"]')" 3.1 "fault 7: the version that is installed"
equal "$(listed '["operation"]["reboot"]')" true "fault 7: reboot needed"
ok dmvctl activate
equal "$(effective "$K2" e1000e)" updates/e1000e.ko "fault 7: the variant stays selected"
selects -s -n pair -v one
# the note with the name's length of the vendor's generator: 9, without the NUL
rm "$DMV_SYSFS/module/e1000e/notes/.note.gnu.build-id"
python3 - "$DMV_SYSFS/module/e1000e/notes/.note.XenServer" <<'PY'
import struct, sys
def record(kind, text, name=b"XenServer"):
    pad = lambda b: b + b"\0" * (-len(b) % 4)
    desc = text.encode() + b"\0"
    return struct.pack("<III", len(name), len(desc), kind) + pad(name) + pad(desc)
open(sys.argv[1], "wb").write(record(2, "2.9") + record(1, "one"))
PY
list
equal "$(of pair active)" one "active by a note of the vendor's generator"
equal "$(listed '["drivers"]["pair"]["dmv:active_release"]')" pair/one@2.9 "its version"
# neither note nor a build-id of a release: unknown
rm "$DMV_SYSFS/module/e1000e/notes/.note.XenServer"
list
equal "$(of pair active)" '' "not known"

# ---- fault 8: a failure in the middle leaves nothing behind ----
ln -s /nowhere/x.ko "$modules/$K2/updates/x.ko" # depmod complains about it, for the second kernel only
before=$(snapshot)
fails 5 -s -n pair -v both
[[ $(snapshot) == "$before" ]] || fail "fault 8: changed: $(diff <(echo "$before") <(snapshot))"
no_leftovers
rm "$modules/$K2/updates/x.ko"
ok dmvctl activate
selects -s -n pair -v both
list
equal "$(of pair selected)" both "fault 8: afterwards it works"
selects -d pair

# ---- fault 9: a release for another kernel ----
for kver in "$K1" "$K2"; do rm -r "$modules/$kver/dmv"; done
vendor "$K2" dmv e1000e said 1.0 90 e1000e
sed -i 's/"kABI": ""/"kABI": "4.19.0+1"/' "$modules/$K2/dmv/e1000e/said/info.json"
vendor "$K2" dmv e1000e built 1.0 90 e1000e
cp "$scratch/modules/other.ko" "$modules/$K2/dmv/e1000e/built/e1000e.ko"
vendor "$K1" dmv e1000e generic 3.9.0 50 e1000e
list
for variant in said built; do
    grep -q "e1000e/$variant@1.0.*for kernel 4.19.0+1" "$scratch/err" || fail "fault 9: $variant is not refused"
done
equal "$(listed '["drivers"]["e1000e"]["variants"].keys().__len__()')" 1 "fault 9: what is for another kernel is no variant"
fails 2 -s -n e1000e -v said
fails 2 -s -n e1000e -v built
rm -r "$modules/$K2/dmv"
selects -s -n e1000e -v generic
equal "$(effective "$K1" e1000e)" updates/e1000e.ko "fault 9: the kernel that it is for"
equal "$(effective "$K2" e1000e)" "$inbox" "fault 9: not for another one"
# the vendor's packages bring a version for each kernel
vendor "$K2" dmv e1000e generic 3.9.5 50 e1000e
ok dmvctl activate
equal "$(effective "$K2" e1000e)" updates/e1000e.ko "the package for the other kernel came later"
list
equal "$(listed '["drivers"]["e1000e"]["variants"].keys().__len__()')" 1 "one variant"
equal "$(of e1000e selected)" generic "selected"
selects -d e1000e
rm -r "$modules/$K1/dmv" "$modules/$K2/dmv"

# ---- hardware by the modules' own aliases, which pci_ids does not have ----
for driver in ahci nvme virtio_blk; do
    mkdir -p "$modules/$K2/dmv/$driver/v"
    info "$driver" v 1.0 10 | sed 's/"network"/"storage"/' >"$modules/$K2/dmv/$driver/v/info.json"
done
golden_module "$modules/$K2/dmv/ahci/v/ahci.ko" ahci "$K2" 1.0 v --alias 'pci:v*d*sv*sd*bc01sc06i01*'
golden_module "$modules/$K2/dmv/nvme/v/nvme.ko" nvme "$K2" 1.0 v --alias 'pci:v*d*sv*sd*bc01sc08i02*'
golden_module "$modules/$K2/dmv/virtio_blk/v/virtio_blk.ko" virtio_blk "$K2" 1.0 v --alias 'virtio:d00000002v*'
list
equal "$(listed '["drivers"]["ahci"]["variants"]["v"]["hardware_present"]')" true "by class"
equal "$(listed '["drivers"]["nvme"]["variants"]["v"]["hardware_present"]')" false "no such device"
equal "$(listed '["drivers"]["virtio_blk"]["variants"]["v"]["hardware_present"]')" true "on the bus below a PCI device"
fails 19 -s -n nvme -v v
rm -r "$modules/$K2/dmv"

# class aliases of controllers that the host has: NVMe and AHCI on another recorded server, and one for a whole vendor
old_sysfs=$DMV_SYSFS
for host in dell-r650 hpe-dl380 supermicro-x11 qemu-q35; do
    "$DMV_SOURCE/tests/hosts/make-host" "$DMV_SOURCE/tests/hosts/$host.host" "$scratch/$host"
    export DMV_SYSFS=$scratch/$host/sys
    for driver in ahci nvme all_intel no_vendor; do
        mkdir -p "$modules/$K2/dmv/$driver/v"
        info "$driver" v 1.0 10 >"$modules/$K2/dmv/$driver/v/info.json"
    done
    golden_module "$modules/$K2/dmv/ahci/v/ahci.ko" ahci "$K2" 1.0 v --alias 'pci:v*d*sv*sd*bc01sc06i01*'
    golden_module "$modules/$K2/dmv/nvme/v/nvme.ko" nvme "$K2" 1.0 v --alias 'pci:v*d*sv*sd*bc01sc08i02*'
    golden_module "$modules/$K2/dmv/all_intel/v/all_intel.ko" all_intel "$K2" 1.0 v --alias 'pci:v00008086d*sv*sd*bc*sc*i*'
    golden_module "$modules/$K2/dmv/no_vendor/v/no_vendor.ko" no_vendor "$K2" 1.0 v --alias 'pci:v0000FFFEd*sv*sd*bc*sc*i*'
    list
    for driver in ahci:0x010601 nvme:0x010802; do
        want=false
        grep -q "^${driver#*:}" "$DMV_SYSFS"/bus/pci/devices/*/class && want=true
        equal "$(listed "['drivers']['${driver%:*}']['variants']['v']['hardware_present']")" $want "$host: ${driver%:*} by class"
    done
    want=false
    grep -q '^0x8086' "$DMV_SYSFS"/bus/pci/devices/*/vendor && want=true
    equal "$(listed "['drivers']['all_intel']['variants']['v']['hardware_present']")" $want "$host: by vendor"
    equal "$(listed "['drivers']['no_vendor']['variants']['v']['hardware_present']")" false "$host: no such vendor"
    [[ $host != dell-r650 ]] || equal "$(listed "['drivers']['nvme']['variants']['v']['hardware_present']")" true "a server with NVMe"
    rm -r "$modules/$K2/dmv" "${scratch:?}/$host"
done
export DMV_SYSFS=$old_sysfs

# ---- a driver of a stream looks the same as one of a package, member by member ----
golden_stream
ok dmvctl refresh
ok dmvctl install intel-e1000e/generic@3.8.7
for kver in "$K1" "$K2"; do
    # the package brings the same file; its info.json is the vendor's part of that of the store
    mkdir -p "$modules/$kver/dmv/plain-e1000e/generic"
    cp "$root/usr/lib/dmv/store/$kver/intel-e1000e/generic/3.8.7/e1000e.ko" "$modules/$kver/dmv/plain-e1000e/generic/"
    python3 - "$root/usr/lib/dmv/store/$kver/intel-e1000e/generic/3.8.7/info.json" \
        "$modules/$kver/dmv/plain-e1000e/generic/info.json" <<'PY'
import json, sys
info = json.load(open(sys.argv[1]))
del info["dmv"]
info["name"] = "plain-e1000e"
json.dump(info, open(sys.argv[2], "w"))
PY
done
list
cat >"$scratch/same.py" <<'PY'
import json, sys
def ours_apart(o):
    return {k: ours_apart(v) for k, v in o.items() if not k.startswith("dmv:")} if isinstance(o, dict) else o
drivers = json.load(open(sys.argv[1]))["drivers"]
stream, package = (ours_apart(drivers[name]) for name in ("intel-e1000e", "plain-e1000e"))
stream["friendly_name"] = stream["friendly_name"].replace("intel-", "plain-")
assert list(stream) == list(package), (list(stream), list(package))
for member in stream:
    assert stream[member] == package[member], (member, stream[member], package[member])
PY
python3 "$scratch/same.py" "$scratch/out" || fail "from a stream and from a package are not the same"
rm -r "$modules/$K1/dmv" "$modules/$K2/dmv"
ok dmvctl install intel-e1000e/generic@3.9.0
list
equal "$(listed '["drivers"]["intel-e1000e"]["variants"]["generic"]["version"]')" 3.9.0 "the newest version stands for the variant"
ok dmvctl select intel-e1000e/generic@3.8.7 --now
list
equal "$(listed '["drivers"]["intel-e1000e"]["variants"]["generic"]["version"]')" 3.8.7 "the selected one, where one is"
selects -d intel-e1000e
selects -s -n intel-e1000e -v generic
equal "$(readlink "$modules/$K2/updates/e1000e.ko")" "../../../dmv/store/$K2/intel-e1000e/generic/3.9.0/e1000e.ko" "-s takes what -l shows"
ok dmvctl pin intel-e1000e
fails 1 -d intel-e1000e
ok dmvctl unpin intel-e1000e
