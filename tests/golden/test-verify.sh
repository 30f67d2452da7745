#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# verify on modules that are what they shall be and on such that are not: in the store, in the trees, among the kernel's own, in
# an initrd image and loaded; what the kernel would say; and what enforce=yes refuses. Signatures are made by the kernel's own
# sign-file. Every finding is asserted by its reason, and goes when its cause goes.
set -eu -o pipefail
. "$DMV_SOURCE/tests/golden/lib.sh"

sign_file=$(echo /usr/lib/linux-kbuild-*/scripts/sign-file)
tree=$root/usr/lib/modules/$K2
net=kernel/drivers/net/ethernet/intel

key() {
    openssl req -x509 -new -nodes -batch -sha256 -days 3650 -newkey rsa:2048 -subj "/CN=$1" -set_serial "$2" \
        -addext basicConstraints=critical,CA:FALSE -addext keyUsage=digitalSignature \
        -keyout "$scratch/$1.key" -out "$scratch/$1.pem" 2>/dev/null
    openssl x509 -in "$scratch/$1.pem" -outform DER -out "$scratch/$1.der"
}
sign() { "$sign_file" sha256 "$scratch/$1.key" "$scratch/$1.pem" "$2"; }

# look: verify as JSON in $scratch/out; sets $status
look() {
    status=0
    dmvctl --json verify >"$scratch/out" 2>"$scratch/err" || status=$?
}
# reasons OBJECT: reasons of the findings about it, "SEVERITY REASON STANDING" a line
reasons() {
    python3 -c '
import json, sys
for f in json.load(open(sys.argv[1]))["findings"]:
    if f["object"] == sys.argv[2]:
        print(f["severity"], f["reason"], f.get("standing", "-"))
        assert f["severity"] == "ok" or (f["why"] and f.get("next")), f' "$scratch/out" "$1"
}
# found OBJECT LINE...: a verify has these findings about it, and the exit status says that there are some
found() {
    local object=$1
    shift
    look
    equal "$(reasons "$object")" "$(printf '%s\n' "$@")" "findings about $object"
    case $* in *error*|*warning*) equal "$status" 10 "exit status with a finding about $object" ;; esac
}
# clean WHAT: a verify that finds nothing
clean() {
    look
    equal "$status" 0 "$1: nothing to find"
    equal "$(json '["clean"]' <"$scratch/out")" true "$1: clean"
}
count() { python3 -c '
import json, sys
print(sum(m["count"] for m in json.load(open(sys.argv[1]))["modules"] if m["standing"] == sys.argv[2]))' "$scratch/out" "$1"; }

golden_host
golden_stream
key build 66
key stranger 67
key site 68
find "$tree/kernel" -name '*.ko' | while read -r file; do sign build "$file"; done
dmv_depmod "$root" "$K2"
n=$(find "$root"/usr/lib/modules/*/kernel -name '*.ko' | wc -l)

# ---- a host as it shall be: one kernel that is signed, one that is not, and a release of a stream ----
clean "before anything"
equal "$(count inbox)" "$n" "the kernels' own"
ok dmvctl refresh
ok dmvctl install intel-e1000e/generic@3.8.7
ok dmvctl select intel-e1000e/generic@3.8.7 --now
clean "a release of a stream"
equal "$(count verified) $(count inbox)" "2 $n" "verified, and the kernels' own"
ok dmvctl verify
grep -qx "modules  $n the kernel's own, 2 verified" "$scratch/out" || fail "the counts are not one line"
grep -q 'verify: ' "$scratch/err" || fail "how far it is was not said"

# ---- the store ----
store=usr/lib/dmv/store/$K2/intel-e1000e/generic/3.8.7/e1000e.ko
cp "$root/$store" "$scratch/good.ko"
golden_module "$root/$store" e1000e "$K2" 3.8.7 generic --alias "$e1000e_alias" --salt other
found "$store" "error hash-mismatch altered"
cp "$scratch/good.ko" "$root/$store"
clean "the release is back"
mv "$root/etc/dmv/streams.d/demo.conf" "$scratch"
found "$store" "warning no-such-release unknown"
mv "$scratch/demo.conf" "$root/etc/dmv/streams.d"

# ---- files of others ----
foreign=$tree/extra/newnic.ko
golden_module "$foreign" newnic "$K2" 1.0 x
dmv_depmod "$root" "$K2"
found "$K2/extra/newnic.ko" "warning module-unsigned unsigned"
sign stranger "$foreign"
found "$K2/extra/newnic.ko" "warning module-unknown-signer foreign"
sign site "$foreign"
mkdir -p "$root/etc/dmv/trust/kernel"
cp "$scratch/site.der" "$root/etc/dmv/trust/kernel"
found "$K2/extra/newnic.ko" "ok ok adopted"
equal "$status" 0 "what the site's own key signed is no finding"
printf 'x' | dd of="$foreign" bs=1 seek=100 conv=notrunc 2>/dev/null
found "$K2/extra/newnic.ko" "error module-bad-signature altered"
printf 'no module' >"$foreign"
found "$K2/extra/newnic.ko" "error broken-release unknown"
cp "$scratch/good.ko" "$foreign" # of a catalog, wherever it lies
found "$K2/extra/newnic.ko"
printf 'no certificate' >"$root/etc/dmv/trust/kernel/bad.der"
found etc/dmv/trust "error bad-key -"
for i in {1..40}; do golden_module "$tree/extra/many$i.ko" "many$i" "$K2" 1.0 x; done
look
equal "$(grep -o 'extra/many[0-9]*.ko' "$scratch/out" | sort -u | wc -l)" 32 "of 40 files 32 are listed"
found "$K2" "warning module-unsigned -"
grep -q 'and 8 more like these' "$scratch/out" || fail "the rest is not counted"
equal "$(count unsigned)" 40 "all of them are counted"
rm -r "$tree/extra" "$root/etc/dmv/trust/kernel"
dmv_depmod "$root" "$K2"
clean "without them"

# ---- the kernel's own ----
cp "$tree/$net/igb/igb.ko" "$scratch/igb.ko"
cp "$root/usr/lib/modules/$K1/$net/igb/igb.ko" "$tree/$net/igb/igb.ko"
found "$K2/$net/igb/igb.ko" "error module-unsigned unsigned"
sign stranger "$tree/$net/igb/igb.ko"
found "$K2/$net/igb/igb.ko" "error module-unknown-signer foreign"
cp "$scratch/igb.ko" "$tree/$net/igb/igb.ko"
printf 'x' | dd of="$tree/$net/igb/igb.ko" bs=1 seek=100 conv=notrunc 2>/dev/null
clean "an altered module of the kernel, whose certificate nobody has"
mkdir -p "$root/etc/dmv/trust/kernel"
cp "$scratch/build.der" "$root/etc/dmv/trust/kernel"
found "$K2/$net/igb/igb.ko" "error module-bad-signature altered"
cp "$scratch/igb.ko" "$tree/$net/igb/igb.ko"
clean "all of them, with their certificate"
xz --check=crc32 "$tree/$net/igb/igb.ko"
dmv_depmod "$root" "$K2"
clean "a compressed one"
(cp "$scratch/igb.ko" "$scratch/packed.ko" && printf 'x' | dd of="$scratch/packed.ko" bs=1 seek=100 conv=notrunc 2>/dev/null &&
    xz -c --check=crc32 "$scratch/packed.ko" >"$tree/$net/igb/igb.ko.xz")
found "$K2/$net/igb/igb.ko.xz" "error module-bad-signature altered"
rm "$tree/$net/igb/igb.ko.xz"
cp "$scratch/igb.ko" "$tree/$net/igb/igb.ko"
dmv_depmod "$root" "$K2"

# ---- an initrd image ----
# image FILE: with this file as igb.ko
image() {
    rm -rf "$scratch/image"
    mkdir -p "$scratch/image/usr/lib/modules/$K2/$net/igb"
    cp "$1" "$scratch/image/usr/lib/modules/$K2/$net/igb/igb.ko"
    (cd "$scratch/image" && find . | cpio --quiet -o -H newc) >"$root/boot/initrd.img-$K2"
}
copy="boot/initrd.img-$K2: $net/igb/igb.ko"
image "$scratch/igb.ko"
clean "an image with the very file"
golden_module "$scratch/other.ko" igb "$K2" 9 x
image "$scratch/other.ko"
found "$copy" "warning image-differs unknown"
cp "$root/usr/lib/modules/$K1/$net/igb/igb.ko" "$scratch/same-build.ko"
dmv_small_module "$scratch/same-build.ko" igb "$K2" --salt other --build-id "$(
    objcopy -O binary --only-section=.note.gnu.build-id "$scratch/igb.ko" /dev/stdout | tail -c 20 | od -An -v -tx1 | tr -d ' \n')"
image "$scratch/same-build.ko"
found "$copy" "error hash-mismatch altered"
image "$root/usr/lib/dmv/store/$K2/intel-e1000e/generic/3.8.7/e1000e.ko" # approved, whatever it is called
found "$copy"
printf 'no image' >"$root/boot/initrd.img-$K2"
found "boot/initrd.img-$K2" "warning malformed -"
rm "$root/boot/initrd.img-$K2"
clean "without an image"

# ---- what is loaded ----
mkdir -p "$DMV_SYSFS/module/strange/notes"
echo live >"$DMV_SYSFS/module/strange/initstate"
echo OE >"$DMV_SYSFS/module/strange/taint"
found "loaded module strange" "warning module-not-on-disk unsigned"
echo O >"$DMV_SYSFS/module/strange/taint"
found "loaded module strange" "warning module-not-on-disk unknown"
: >"$DMV_SYSFS/module/strange/taint"
clean "a module that the kernel itself calls its own"
rm -r "$DMV_SYSFS/module/strange"

# ---- what the running kernel would say ----
mkdir -p "$DMV_SYSFS/module/module/parameters" "$DMV_SYSFS/kernel/security" "$DMV_PROCFS/sys/kernel"
echo "$K2" >"$DMV_PROCFS/sys/kernel/osrelease"
skid() { openssl x509 -in "$scratch/$1.pem" -noout -ext subjectKeyIdentifier | tail -n1 | tr -d ' :\n' | tr A-F a-f; }
echo "1a2b3c4d I------     1 perm 1f030000     0     0 asymmetri build: $(skid build): X509.rsa deadbeef []" >"$DMV_PROCFS/keys"
echo N >"$DMV_SYSFS/module/module/parameters/sig_enforce"
echo '[none] integrity confidentiality' >"$DMV_SYSFS/kernel/security/lockdown"
clean "a kernel that does not insist on signatures"
equal "$(json '["kernelPolicy"]["checks"]' <"$scratch/out")" true "it looks at them"
equal "$(json '["kernelPolicy"]["enforces"]' <"$scratch/out")" false "it does not insist"
echo Y >"$DMV_SYSFS/module/module/parameters/sig_enforce"
found "$K2/updates/e1000e.ko" "error module-kernel-refuses verified"
equal "$(reasons "$K2/$net/igb/igb.ko")" '' "its own modules are signed by a key that it has"
equal "$(json '["kernelPolicy"]["enforces"]' <"$scratch/out")" true "sig_enforce"
echo N >"$DMV_SYSFS/module/module/parameters/sig_enforce"
echo 'none [integrity] confidentiality' >"$DMV_SYSFS/kernel/security/lockdown"
found "$K2/updates/e1000e.ko" "error module-kernel-refuses verified"
equal "$(json '["kernelPolicy"]["lockdown"]' <"$scratch/out")" integrity "lockdown"
# what it would refuse is no choice, and what was chosen before stays and is said
refused 6 module-kernel-refuses select intel-e1000e/generic@3.8.7
grep -q "$K2 would refuse e1000e.ko" "$scratch/out" || fail "the refusal does not name kernel and module"
refused 6 module-kernel-refuses select intel-e1000e/generic@3.8.7 --dry-run
ok dmvctl activate
equal "$(effective "$K2" e1000e)" updates/e1000e.ko "what was selected before"
ok dmvctl why intel-e1000e/generic@3.8.7
grep -q "$K2 would refuse e1000e.ko" "$scratch/out" || fail "why does not say it"
dmvctl --json status >"$scratch/out" || true
grep -q module-kernel-refuses "$scratch/out" || fail "status does not say that the selected release would be refused"
# a kernel that knows the key of the stream takes it
cp "$DMV_PROCFS/keys" "$scratch/keys"
id=$(basename "$stream"/trust/modules/*.der .der)
echo "1a2b3c4e I------     1 perm 1f030000     0     0 asymmetri stream: $id: X509.rsa deadbeef []" >>"$DMV_PROCFS/keys"
ok dmvctl select intel-e1000e/generic@3.8.7
dmvctl --json status >"$scratch/out" || true
! grep -q module-kernel-refuses "$scratch/out" || fail "status says that a release would be refused that is not"
cp "$scratch/keys" "$DMV_PROCFS/keys"
: >"$DMV_PROCFS/keys"
echo "1a2b3c4d I------     1 perm 1f030000     0     0 asymmetri other: 00: X509.rsa deadbeef []" >"$DMV_PROCFS/keys"
found "$K2/$net/igb/igb.ko" "error module-kernel-refuses inbox"
rm -r "$DMV_SYSFS/module/module" "$DMV_SYSFS/kernel/security" "$DMV_PROCFS/keys" "$DMV_PROCFS/sys/kernel/osrelease"
clean "nothing runs any more"

# ---- enforce=yes ----
unsigned=$root/usr/lib/modules/$K1/updates/igb.ko
enforce() { printf '[modules]\nenforce=%s\n' "$1" >"$root/etc/dmv/dmv.conf"; }
enforce yes
clean "with enforce=yes, and nothing that it is about"
ok dmvctl select intel-e1000e/generic@3.8.7
competitor=$root/usr/lib/modules/$K1/extra/e1000e.ko
golden_module "$competitor" e1000e "$K1" 9.9 x
dmv_depmod "$root" "$K1"
ok dmvctl install intel-e1000e/generic@3.9.0
before=$(snapshot)
refused 6 unverified select intel-e1000e/generic@3.9.0
grep -q 'extra/e1000e.ko' "$scratch/out" || fail "the refusal does not name the file"
refused 6 unverified select intel-e1000e/generic@3.9.0 --now
refused 6 unverified select intel-e1000e/generic@3.9.0 --dry-run
refused 6 unverified activate
dmvctl --json plan >"$scratch/out"
grep -q '"unverified"' "$scratch/out" || fail "the plan does not say that it will be refused"
found plan "error unverified -"
equal "$(snapshot)" "$before" "a refusal changes nothing"
# the way back is not barred: drivers that nobody asked about are nobody's business here
ok dmvctl rollback 0
equal "$(effective "$K2" e1000e)" "$net/e1000e/e1000e.ko" "rolled back"
refused 6 unverified select intel-e1000e/generic@3.8.7
mv "$competitor" "$root/usr/lib/modules/$K1/updates/e1000e.ko" # where the link would be
dmv_depmod "$root" "$K1"
refused 6 unverified select intel-e1000e/generic@3.8.7
grep -q 'updates/e1000e.ko' "$scratch/out" || fail "the refusal does not name the file in updates/"
mv "$root/usr/lib/modules/$K1/updates/e1000e.ko" "$competitor"
dmv_depmod "$root" "$K1"
enforce no
ok dmvctl select intel-e1000e/generic@3.8.7 --now
enforce yes
rm "$competitor"
dmv_depmod "$root" "$K1"
ok dmvctl select intel-e1000e/generic@3.9.0 --now
golden_module "$unsigned" igb "$K1" 9.9 x # of a driver that nobody asked about
dmv_depmod "$root" "$K1"
ok dmvctl select intel-e1000e/generic@3.8.7 --now
# staged, and then somebody puts a file there: a shutdown leaves it staged
ok dmvctl select intel-e1000e/generic@3.9.0
golden_module "$competitor" e1000e "$K1" 9.9 x
dmv_depmod "$root" "$K1"
refused 6 unverified activate
ok dmvctl activate --shutdown
equal "$(readlink "$root/usr/lib/modules/$K1/updates/e1000e.ko")" \
    "../../../dmv/store/$K1/intel-e1000e/generic/3.8.7/e1000e.ko" "a shutdown does not switch to what may not be"
rm "$competitor"
dmv_depmod "$root" "$K1"
ok dmvctl activate --shutdown
equal "$(readlink "$root/usr/lib/modules/$K1/updates/e1000e.ko")" \
    "../../../dmv/store/$K1/intel-e1000e/generic/3.9.0/e1000e.ko" "once it has gone it does"
# an altered release is refused, too
golden_module "$root/usr/lib/dmv/store/$K1/intel-e1000e/generic/3.8.7/e1000e.ko" e1000e "$K1" 3.8.7 generic \
    --alias "$e1000e_alias" --salt other
refused 6 unverified select intel-e1000e/generic@3.8.7
