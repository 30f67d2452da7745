#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Driver disks: what a publisher's disk brings, in every form that one comes in, and that nothing of one that is unsigned, old,
# changed, damaged or made to do harm gets onto the host. The disks are made by tar and xorriso.
# Needs: xorriso
set -eu -o pipefail
. "$DMV_SOURCE/tests/golden/lib.sh"

golden_host
"$publish" init "$stream" --stream demo >/dev/null
golden_release 3.8.7 generic --recommended
golden_release 3.9.0 generic
golden_release 4.0.0 alt --tier alternate
# one that nothing here needs
for k in "$K1" "$K2"; do
    golden_module "$scratch/modules/$k/other/igb.ko" igb "$k" 5.0 other --alias 'pci:v00008086d0000DEADsv*sd*bc*sc*i*'
    "$publish" release "$stream" --driver intel-igb --variant other --version 5.0 --kernel "$k" --type network \
        --module "$scratch/modules/$k/other/igb.ko" >/dev/null 2>&1 || fail "dmv-publish release igb"
done
golden_publish
cp -r "$stream" "$scratch/twin"

# a host that has never seen a network: the stream has no URL
mkdir -p "$root/etc/dmv/streams.d" "$root/etc/dmv/trust"
cp -r "$stream/trust/." "$root/etc/dmv/trust/"
printf '[stream]\nurl=none\n' >"$root/etc/dmv/streams.d/demo.conf"
refused 5 stream-bad-url refresh demo
ok dmvctl refresh

disk=$scratch/demo.tar
(cd "$scratch" && "$publish" disk "$stream" demo.tar >/dev/null) || fail "dmv-publish disk"
tar tf "$disk" | grep -q '^repodata/repomd.xml$' || fail "the disk has no repodata/repomd.xml: $(tar tf "$disk")"
SOURCE_DATE_EPOCH=1700000000 "$publish" disk "$stream" "$scratch/a.tar" >/dev/null
SOURCE_DATE_EPOCH=1700000000 "$publish" disk "$stream" "$scratch/b.tar" >/dev/null
cmp "$scratch/a.tar" "$scratch/b.tar" || fail "two disks of one repository differ"

# result RELEASE: what came of it, and why
result() {
    python3 -c '
import json, sys
for r in json.load(open(sys.argv[1]))["releases"]:
    if r["release"] == sys.argv[2]:
        print(r["result"], len(r["kernels"]), r.get("reason", "-"))' "$scratch/out" "$1"
}
# fresh: the host as it was before it saw a disk
cp -r "$root" "$scratch/pristine"
fresh() {
    rm -rf "$root"
    cp -r "$scratch/pristine" "$root"
}
state() { find "$root/var/lib/dmv" -type f ! -name lock -exec sha256sum {} + 2>/dev/null | LC_ALL=C sort; }

# ---- a dry run changes nothing ----
before=$(snapshot; state)
ok dmvctl --json import "$disk" --dry-run
equal "$(result intel-e1000e/generic@3.8.7)" "installed 2 -" "what a dry run says of a release"
equal "$(result intel-igb/other@5.0)" "skipped 0 no-hardware" "what a dry run says of a driver for other hardware"
equal "$(snapshot; state)" "$before" "the host after a dry run"
equal "$(dmvctl --json list --all | json '["drivers"].__len__()')" 0 "drivers that are known after a dry run"

# ---- every form ----
gzip -k "$disk"
xz -kT1 "$disk"
zstd -q "$disk"
bzip2 -k "$disk"
xorriso -as mkisofs -quiet -r -J -o "$scratch/demo.iso" "$stream/repo" 2>/dev/null || fail "xorriso"
xorriso -as mkisofs -quiet -o "$scratch/demo-plain.iso" -iso-level 4 "$stream/repo" 2>/dev/null || fail "xorriso"
tar -C "$stream" -cf "$scratch/folder.tar" repo
# a supplemental pack: its tools put packages beside their own lists, and know of no records
mkdir "$scratch/pack"
cp "$stream"/repo/Packages/*.rpm "$scratch/pack/"
cp "$stream"/repo/repodata/*dmv.yaml "$scratch/pack/dmv.yaml"
echo '<repository originator="oem" name="drivers" product="XenServer" version="1.0"/>' >"$scratch/pack/XS-REPOSITORY"
echo '<packages/>' >"$scratch/pack/XS-PACKAGES"
xorriso -as mkisofs -quiet -r -o "$scratch/pack.iso" "$scratch/pack" 2>/dev/null || fail "xorriso"
tar -C "$scratch/pack" -cf "$scratch/pack.tar" .
# a pack that was made a repository of as well, but without the record
createrepo_c --quiet "$scratch/pack"
xorriso -as mkisofs -quiet -r -o "$scratch/pack-repo.iso" "$scratch/pack" 2>/dev/null || fail "xorriso"

for form in demo.tar demo.tar.gz demo.tar.xz demo.tar.zst demo.tar.bz2 demo.iso demo-plain.iso folder.tar pack.iso pack.tar \
    pack-repo.iso; do
    fresh
    ok dmvctl --json import "$scratch/$form"
    equal "$(json "['stream']" <"$scratch/out")" demo "stream of $form"
    for release in generic@3.8.7 generic@3.9.0 alt@4.0.0; do
        equal "$(result "intel-e1000e/$release")" "installed 2 -" "$release of $form"
    done
    equal "$(result intel-igb/other@5.0)" "skipped 0 no-hardware" "igb of $form"
    equal "$(json "['unknown']" <"$scratch/out")" "[]" "unknown packages of $form"
    no_leftovers
done
equal "$(dmvctl --json list --all --installed | json "['drivers'][0]['releases'].__len__()")" 3 "installed releases"
equal "$(dmvctl --json history | json "['entries'][0]['action']")" import "newest entry of the history"
equal "$(dmvctl --json history | json "['entries'][1]['because']")" "driver disk" "why a release was installed"

# the releases are as good as fetched ones, and once more brings nothing
ok dmvctl select intel-e1000e/generic@3.9.0 --now
equal "$(effective "$K1" e1000e)" updates/e1000e.ko "what modprobe takes"
ok dmvctl --json import "$disk"
equal "$(result intel-e1000e/generic@3.9.0)" "present 0 -" "a second import"
ok dmvctl --json import "$disk" --any-hardware
equal "$(result intel-igb/other@5.0)" "installed 2 -" "with --any-hardware"

# ---- a newer disk, and then older ones ----
before=$(snapshot; state)
# unchanged WHAT: the host but for its history, which tells of refusals
unchanged() {
    local now
    now=$(snapshot; state)
    equal "$(grep -v history.jsonl <<<"$now")" "$(grep -v history.jsonl <<<"$before")" "the host after $1"
    no_leftovers
}
"$publish" revoke "$stream" intel-e1000e/alt@4.0.0 --reason "hangs" >/dev/null
golden_release 4.2.0 generic
golden_publish
"$publish" disk "$stream" "$scratch/newer.tar" >/dev/null
ok dmvctl --json import "$scratch/newer.tar"
equal "$(result intel-e1000e/generic@4.2.0)" "installed 2 -" "what the newer disk brings"
equal "$(result intel-e1000e/alt@4.0.0)" "skipped 0 revoked" "a release that the newer disk withdraws"
before=$(snapshot; state)
# refuse_disk STATUS REASON FILE
refuse_disk() {
    refused "$1" "$2" import "$scratch/$3"
    unchanged "$3"
}
refuse_disk 7 rollback demo.tar
refused 7 rollback import "$disk" --dry-run
"$publish" publish "$scratch/twin" >/dev/null # number 2, too, with other bytes
"$publish" disk "$scratch/twin" "$scratch/twin.tar" >/dev/null
refuse_disk 7 equivocation twin.tar

# ---- who has signed it, for what ----
"$publish" init "$scratch/evil" --stream demo >/dev/null
"$publish" publish "$scratch/evil" >/dev/null
"$publish" disk "$scratch/evil" "$scratch/evil.tar" >/dev/null
refuse_disk 7 below-threshold evil.tar
mkdir "$scratch/bundle"
tar -C "$scratch/bundle" -xf "$scratch/newer.tar"
# with_bundle OUT EXPRESSION: a flat disk whose bundle o was changed by Python
with_bundle() {
    python3 -c '
import base64, glob, json, sys
o = json.load(open(glob.glob(sys.argv[1] + "/repodata/*-dmv.yaml")[0]))
payload = base64.b64decode(o["catalog"]["payload"])
exec(sys.argv[3])
json.dump(o, open(sys.argv[2], "w"))' "$scratch/bundle" "$scratch/dmv.yaml" "$2"
    tar -C "$scratch" -cf "$scratch/$1" dmv.yaml
}
with_bundle altered.tar 'o["catalog"]["payload"] = base64.b64encode(payload.replace(b"4.2.0", b"6.6.6")).decode()'
refuse_disk 7 below-threshold altered.tar
with_bundle bare.tar 'o["catalog"]["signatures"] = []'
refuse_disk 7 below-threshold bare.tar
with_bundle swapped.tar 'o["catalog"] = o["roots"][0]'
refuse_disk 7 wrong-type swapped.tar
mv "$root/etc/dmv/streams.d/demo.conf" "$scratch/demo.conf"
refused 3 no-such-stream import "$scratch/newer.tar"
printf '[stream]\nurl=none\n' >"$root/etc/dmv/streams.d/another.conf" # by the same keys
refused 7 wrong-stream import "$scratch/newer.tar"
mv "$scratch/demo.conf" "$root/etc/dmv/streams.d/demo.conf"
ok dmvctl --json import "$scratch/newer.tar" # one of two streams is the right one
equal "$(json "['stream']" <"$scratch/out")" demo "stream of a disk on a host with two"
rm "$root/etc/dmv/streams.d/another.conf"
mv "$root/etc/dmv/trust" "$scratch/trust"
mv "$root/var/lib/dmv/trust" "$scratch/state-of-trust"
mv "$root/var/lib/dmv/catalogs" "$scratch/catalogs"
refused 7 no-root import "$scratch/newer.tar"
mv "$scratch/trust" "$root/etc/dmv/trust"
mv "$scratch/state-of-trust" "$root/var/lib/dmv/trust"
mv "$scratch/catalogs" "$root/var/lib/dmv/catalogs"

# ---- one bad package does not hide the others ----
fresh
cp -r "$scratch/bundle" "$scratch/mixed"
for rpm in "$scratch"/mixed/Packages/*generic-3.9.0*; do
    printf '\377' | dd of="$rpm" bs=1 seek=$(($(stat -c %s "$rpm") - 20)) conv=notrunc status=none
done
for rpm in "$scratch"/mixed/Packages/*generic-3.8.7*; do echo more >>"$rpm"; done
cp "$(printf '%s\n' "$scratch"/mixed/Packages/*4.2.0* | head -1)" "$scratch/mixed/Packages/stranger-1-1.noarch.rpm"
tar -C "$scratch/mixed" -cf "$scratch/mixed.tar" repodata Packages
status=0
dmvctl --json import "$scratch/mixed.tar" >"$scratch/out" 2>"$scratch/err" || status=$?
equal "$status" 7 "exit status for a disk with bad packages"
equal "$(result intel-e1000e/generic@3.9.0)" "refused 2 hash-mismatch" "an altered package"
equal "$(result intel-e1000e/generic@3.8.7)" "refused 2 size-mismatch" "a longer package"
equal "$(result intel-e1000e/generic@4.2.0)" "installed 2 -" "a good package beside bad ones"
equal "$(json "['unknown']" <"$scratch/out")" "['Packages/stranger-1-1.noarch.rpm']" "a package of nobody"
equal "$(dmvctl --json list --all --installed | json "['drivers'][0]['releases'].__len__()")" 1 "installed releases"
no_leftovers
# alone, it is no success either
tar -C "$scratch/mixed" -cf "$scratch/stranger.tar" repodata Packages/stranger-1-1.noarch.rpm
status=0
dmvctl import "$scratch/stranger.tar" >"$scratch/out" 2>"$scratch/err" || status=$?
equal "$status" 7 "exit status for a package that the catalog does not name"
grep -q '^unknown .*stranger' "$scratch/out" || fail "it is not said"
# a package for one kernel of two
(cd "$scratch/bundle" && tar -cf "$scratch/half.tar" repodata Packages/*3.9.0*"$K1"*)
ok dmvctl --json import "$scratch/half.tar"
equal "$(result intel-e1000e/generic@3.9.0)" "installed 1 -" "a disk for one kernel"

# ---- damaged, or made to do harm ----
fresh
before=$(snapshot; state)
python3 "$DMV_SOURCE/tests/support/hostile-disks.py" "$scratch/bundle" "$scratch"
for name in dotdot absolute inner-dotdot symlink hardlink device fifo twice two-repositories two-bundles control twice-compressed \
    bad-name garbage; do
    refuse_disk 7 malformed "hostile-$name"
done
truncate -s 5G "$scratch/one" "$scratch/two"
tar -C "$scratch" --sparse -cf "$scratch/hostile-many-huge" one two
rm "$scratch/one" "$scratch/two"
for name in entries huge-member many-huge huge-bundle huge-repomd; do refuse_disk 7 too-large "hostile-$name"; done
refuse_disk 5 stream-no-catalog hostile-nothing
refuse_disk 7 stream-bad-repository hostile-two-records
size=$(stat -c %s "$scratch/newer.tar")
for part in 100 2000 $((size / 2)) $((size - 12000)); do
    head -c "$part" "$scratch/newer.tar" >"$scratch/truncated.tar"
    refuse_disk 7 malformed truncated.tar
done
# an image has its folders at the front: its packages are missed when they are wanted
for part in 50000 60000 80000; do
    fresh
    head -c "$part" "$scratch/demo.iso" >"$scratch/truncated.iso"
    status=0
    dmvctl --json import "$scratch/truncated.iso" >"$scratch/out" 2>"$scratch/err" || status=$?
    equal "$status" 7 "exit status for an image of $part bytes"
    grep -q '"reason":"malformed"' "$scratch/out" || fail "an image of $part bytes"
    no_leftovers
done
fresh
head -c 4000 "$scratch/demo.tar.xz" >"$scratch/truncated.tar.xz"
refuse_disk 7 malformed truncated.tar.xz

# ---- what is no file ----
mkfifo "$scratch/fifo"
: >"$scratch/nothing"
truncate -s 5G "$scratch/sparse"
refuse_disk 2 invalid-request fifo
refuse_disk 2 invalid-request bundle
refuse_disk 7 empty nothing
refuse_disk 7 too-large sparse
refused 2 invalid-request import /dev/zero
refused 2 invalid-request import /dev/null
refused 7 empty import /proc/self/environ
refused 3 no-such-object import "$scratch/not-there"
unchanged "what is no file"
rm "$scratch/sparse"


# ---- by whom ----
mkdir "$scratch/run"
chmod 755 "$scratch" "$scratch/run"
env -u DMV_ROOT -u DMV_SYSFS -u DMV_PROCFS "$DMV_BUILD/bin/dmvd" --root "$root" --sysfs "$DMV_SYSFS" --procfs "$DMV_PROCFS" \
    --listen "$scratch/run/socket" &
daemon=$!
until_listening "$scratch/run/socket" "$daemon" || fail "dmvd does not listen"
there() { env -u DMV_ROOT -u DMV_SYSFS -u DMV_PROCFS "$@" --address "$scratch/run/socket" --json; }
status=0
there setpriv --reuid=nobody --regid=nogroup --clear-groups "$DMV_BUILD/bin/dmvctl" import "$scratch/newer.tar" \
    >"$scratch/out" 2>"$scratch/err" || status=$?
equal "$status" 4 "import as nobody"
unchanged "an import as nobody"
# the descriptor is what counts: no call without one, with one for writing only, or with a mere path
python3 - "$scratch/run/socket" "$scratch/newer.tar" <<'PY' || fail "descriptors"
import array, json, os, socket, sys

def ask(*fds):
    s = socket.socket(socket.AF_UNIX)
    s.connect(sys.argv[1])
    call = json.dumps({"method": "io.dmv.Manager.Import", "parameters": {}}).encode() + b"\0"
    s.sendmsg([call], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else [])
    answer = b""
    while b"\0" not in answer:
        answer += s.recv(65536)
    answer = json.loads(answer.split(b"\0")[0])
    return answer.get("parameters", {}).get("reason", answer.get("error", "answered"))

left, right = socket.socketpair()
for what, fds in {
    "nothing": [],
    "only for writing": [os.open(sys.argv[2], os.O_WRONLY)],
    "a mere path": [os.open(sys.argv[2], os.O_PATH)],
    "a folder": [os.open("/", os.O_RDONLY)],
    "a socket": [left.fileno()],
    "a pipe": [os.pipe()[0]],
}.items():
    said = ask(*fds)
    if said != "invalid-request":
        sys.exit(f"{what}: {said}")
if ask(os.open(sys.argv[2], os.O_RDONLY)) != "answered":
    sys.exit("a file")
PY
ok there "$DMV_BUILD/bin/dmvctl" status
equal "$(json "['streams'][0]['catalogVersion']" <"$scratch/out")" 2 "the running daemon has the disk's catalog"
# one at a time; and who goes away while the disk is read leaves nothing behind
# (a disk that takes seconds: one file of 7 GiB of zeros, in gzip streams of 64 MiB)
truncate -s 7G "$scratch/README"
tar -C "$scratch" -cf - README 2>/dev/null | head -c 512 | gzip >"$scratch/slow.tar.gz" || true
rm "$scratch/README"
head -c 64M /dev/zero | gzip >"$scratch/zeros.gz"
for ((i = 0; i < 112; i++)); do cat "$scratch/zeros.gz"; done >>"$scratch/slow.tar.gz"
working() { there "$DMV_BUILD/bin/dmvctl" status | json "['job']['action']"; }
env -u DMV_ROOT -u DMV_SYSFS -u DMV_PROCFS "$DMV_BUILD/bin/dmvctl" --address "$scratch/run/socket" \
    import "$scratch/slow.tar.gz" >"$scratch/out" 2>"$scratch/err" &
client=$!
for ((i = 0; i < 100; i++)); do
    [[ $(working) != import ]] || break
    sleep 0.05
done
status=0
there "$DMV_BUILD/bin/dmvctl" import "$scratch/newer.tar" >"$scratch/out" 2>&1 || status=$?
equal "$status" 8 "a second import"
kill "$client"
wait "$client" || true
for ((i = 0; i < 100; i++)); do
    [[ -n $(working) ]] || break
    sleep 0.05
done
equal "$(working)" "" "the job of a client that went away"
equal "$(there "$DMV_BUILD/bin/dmvctl" history | json "['entries'][0]['outcome']")" cancelled "what the history says of it"
kill "$daemon"
wait "$daemon" || fail "the daemon ended with $?"
echo "import: done"
