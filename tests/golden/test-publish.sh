#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# What dmv-publish publishes, judged without any code of ours: openssl over the bytes that DSSE says are signed, rpmkeys with
# the exported key, modinfo and openssl cms on the modules, Python's XML and JSON on the repository.
set -eu -o pipefail
. "$DMV_SOURCE/tests/support/small-modules.sh"
publish=$DMV_BUILD/bin/dmv-publish
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
k1=6.1.0-50-amd64 k2=6.1.0-56-amd64

fail() {
    echo "FAIL: $*" >&2
    exit 1
}
equal() { [[ $1 == "$2" ]] || fail "$3: got '$1', want '$2'"; }
# refused STATUS REASON COMMAND...
refused() {
    local want=$1 reason=$2 status=0
    shift 2
    "$@" >out 2>&1 || status=$?
    equal "$status" "$want" "exit status of $*"
    grep -q "\[$reason\]" out || fail "$*: no reason $reason in: $(cat out)"
}

# good_signatures ENVELOPE KEYS-OF-ROOT ROLE: how many keys of a role have signed, as openssl sees it. KEYS-OF-ROOT is the
# envelope of the root that names the keys.
good_signatures() {
    rm -rf sigs && mkdir sigs
    python3 - "$@" <<'PY'
import base64, hashlib, json, sys
envelope, root, role = json.load(open(sys.argv[1])), json.load(open(sys.argv[2])), sys.argv[3]
if "catalog" in envelope: envelope = envelope["catalog"]
root = json.loads(base64.b64decode(root["payload"], validate=True))
payload, kind = base64.b64decode(envelope["payload"], validate=True), envelope["payloadType"].encode()
open("sigs/pae", "wb").write(b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload))
for n, s in enumerate(envelope["signatures"]):
    if s["keyid"] not in root["roles"][role]["keyids"]: continue
    key = root["keys"][s["keyid"]]
    spki = base64.b64decode(key["spki"], validate=True)
    assert hashlib.sha256(spki).hexdigest() == s["keyid"], "a key id is not the hash of its key"
    open(f"sigs/{n}.{key['scheme']}.spki", "wb").write(spki)
    open(f"sigs/{n}.{key['scheme']}.sig", "wb").write(base64.b64decode(s["sig"], validate=True))
PY
    local key good=0
    for key in sigs/*.spki; do
        [[ -e $key ]] || continue
        openssl pkey -pubin -inform DER -in "$key" -out sigs/pub.pem
        case $key in
        *.ed25519.*) openssl pkeyutl -verify -rawin -pubin -inkey sigs/pub.pem -sigfile "${key%.spki}.sig" -in sigs/pae >/dev/null ;;
        *) openssl dgst -sha256 -verify sigs/pub.pem -signature "${key%.spki}.sig" sigs/pae >/dev/null ;;
        esac || fail "openssl refuses a signature of $1"
        good=$((good + 1))
    done
    echo "$good"
}

# field JSON EXPRESSION
field() { python3 -c 'import json,sys; o=json.load(open(sys.argv[1])); print(eval(sys.argv[2]))' "$1" "$2"; }

# ---- a stream with three releases for two kernels ----

"$publish" init s --stream demo
mkdir -p m/{a,b,c,d}
alias='pci:v00008086d000010D3sv*sd*bc*sc*i*'
for where in a:$k1 b:$k2; do
    dmv_small_module "m/${where%%:*}/e1000e.ko" e1000e "${where#*:}" --version 3.8.7 --alias "$alias" --variant generic --note-version 3.8.7
done
dmv_small_module m/c/e1000e.ko e1000e $k2 --version 3.8.8 --alias "$alias" --variant dell --note-version 3.8.8
dmv_small_module m/d/e1000e.ko e1000e $k2 --version 3.9.0 --alias "$alias"
head -c 3000 /dev/urandom >fw.bin
for where in a b; do
    "$publish" release s --driver intel-e1000e --variant generic --module m/$where/e1000e.ko --type network 2>err
    equal "$(cat err)" "" "warnings about a module with a note"
done
"$publish" release s --driver intel-e1000e --variant dell --module m/c/e1000e.ko --firmware fw.bin=intel/e1000e.bin \
    --trial-boots 2 --trial-hours 24
"$publish" release s --driver intel-e1000e --variant bare --module m/d/e1000e.ko --no-sign-module --no-sign-rpm 2>err
grep -q 'note of e1000e.ko is missing' err || fail "no warning about a module without a note"
"$publish" publish s

# ---- signatures of root and catalog ----

equal "$(good_signatures s/roots/1.json s/roots/1.json root)" 3 "signatures of root 1"
equal "$(good_signatures s/bundle.json s/roots/1.json catalog)" 2 "signatures of the catalog"
equal "$(good_signatures s/bundle.json s/roots/1.json root)" 0 "root keys that signed the catalog"
equal "$(stat -c %a s/keys/*.pem s/keys/gnupg | sort -u | tr '\n' ' ')" "600 700 " "modes of private keys"

# ---- the repository ----

python3 - <<'PY'
import hashlib, json, xml.etree.ElementTree as ET
ns = {"r": "http://linux.duke.edu/metadata/repo"}
records = [d for d in ET.parse("s/repo/repodata/repomd.xml").getroot().findall("r:data", ns) if d.get("type") == "dmv"]
assert len(records) == 1, "there is not exactly one record dmv"
href = records[0].find("r:location", ns).get("href")
data = open("s/repo/" + href, "rb").read()
assert href.endswith("-dmv.yaml"), href
assert hashlib.sha256(data).hexdigest() == records[0].find("r:checksum", ns).text
assert data == open("s/bundle.json", "rb").read(), "the record is not the bundle"
catalog = json.load(open("s/catalog.json"))
assert [r["variant"] for r in catalog["releases"]] == ["bare", "dell", "generic"], catalog
assert [p["kernel"] for p in catalog["releases"][2]["packages"]] == ["6.1.0-50-amd64", "6.1.0-56-amd64"]
assert [r.get("trial") for r in catalog["releases"]] == [None, {"boots": 2, "hours": 24}, None], catalog
names = [p["rpm"]["name"] for r in catalog["releases"] for p in r["packages"]]
assert len(set(names)) == 4, "two packages share a Name"
for r in catalog["releases"]:
    for p in r["packages"]:
        rpm = open("s/repo/" + p["rpm"]["href"], "rb").read()
        assert len(rpm) == p["rpm"]["size"] and hashlib.sha256(rpm).hexdigest() == p["rpm"]["sha256"]
PY
equal "$(find s/repo -name '*.rpm' | wc -l)" 4 "packages"
[[ ! -e s/repo/.next && ! -e s/repo/.new.rpm ]] || fail "something was left in the repository"

# ---- packages and modules ----

rpmkeys --dbpath "$scratch/db" --import s/trust/rpm/*.asc
for rpm in s/repo/Packages/*.rpm; do
    said=$(rpmkeys --dbpath "$scratch/db" -K "$rpm")
    case $rpm in
    *-bare-*) [[ $said != *signatures* ]] || fail "the unsigned package is signed: $said" ;;
    *) [[ $said == *"digests signatures OK" ]] || fail "$said" ;;
    esac
    equal "$(rpm --dbpath "$scratch/db" -qp --nosignature --scripts "$rpm")" "" "scriptlets of $rpm"
    equal "$(rpm --dbpath "$scratch/db" -qp --nosignature --requires "$rpm" | grep -v '^rpmlib(' || true)" "" "what $rpm asks for"
done

# unpack RPM: its files below x/
unpack() {
    rm -rf x && mkdir x
    rpm2archive -n <"$1" | tar -C x -x
}
unpack s/repo/Packages/*-dell-*.rpm
folder=x/lib/modules/$k2/dmv/intel-e1000e/dell
equal "$(cd $folder && find . -type f | sort | tr '\n' ' ')" "./e1000e.ko ./firmware/intel/e1000e.bin ./info.json " "files of the package"
cmp fw.bin $folder/firmware/intel/e1000e.bin
equal "$(field $folder/info.json 'o["name"], o["variant"], o["version"], o["kABI"], o["category"]')" \
    "('intel-e1000e', 'dell', '3.8.8', '$k2', 'network')" info.json
equal "$(field $folder/info.json 'o["pci_ids"]["e1000e.ko"][0]["device_id"]')" 10d3 "ids in info.json"
equal "$(modinfo -F signer $folder/e1000e.ko)" "dmv stream demo (modules)" "signer of the module"
equal "$(modinfo -F sig_hashalgo $folder/e1000e.ko)" sha256 "hash of the module's signature"
size=$(stat -c %s m/c/e1000e.ko)
cmp -n "$size" m/c/e1000e.ko $folder/e1000e.ko || fail "the module is not what was signed"
# ELF | CMS | 12 bytes | 28 bytes
tail -c +$((size + 1)) $folder/e1000e.ko | head -c -40 >sig.der
openssl x509 -inform DER -in s/trust/modules/*.der -out cert.pem
openssl cms -verify -binary -inform DER -in sig.der -content m/c/e1000e.ko -certfile cert.pem -nointern -noverify -out /dev/null 2>err ||
    fail "openssl refuses the module's signature: $(cat err)"
head -c $((size - 1)) m/c/e1000e.ko >other
! openssl cms -verify -binary -inform DER -in sig.der -content other -certfile cert.pem -nointern -noverify -out /dev/null 2>err ||
    fail "openssl takes the signature for other bytes"
equal "$(openssl x509 -in cert.pem -noout -ext basicConstraints,keyUsage | grep -v X509 | tr -d ' \n')" "CA:FALSEDigitalSignature" "profile of the certificate"
equal "$(field s/catalog.json 'o["releases"][1]["packages"][0]["files"][0]["signer"]')" \
    "$(openssl x509 -in cert.pem -noout -ext subjectKeyIdentifier | tail -n1 | tr -d ' :' | tr A-F a-f)" "signer in the catalog"

unpack s/repo/Packages/*-bare-*.rpm
cmp m/d/e1000e.ko x/lib/modules/$k2/dmv/intel-e1000e/bare/e1000e.ko || fail "--no-sign-module changed the module"

# ---- rotation: 1 -> 2 -> 3, each signed by two of three keys of the root before it and by two of its own ----

"$publish" root s --replace-root-key 1
"$publish" root s --replace-root-key 2 --replace-catalog-key
"$publish" publish s
for n in 2 3; do
    (($(good_signatures s/roots/$n.json s/roots/$((n - 1)).json root) >= 2)) || fail "root $n is not signed by root $((n - 1))"
    (($(good_signatures s/roots/$n.json s/roots/$n.json root) >= 2)) || fail "root $n is not signed by itself"
done
equal "$(field s/bundle.json 'len(o["roots"])')" 3 "roots in the bundle"
equal "$(field s/catalog.json 'o["version"]')" 2 "version of the catalog"
equal "$(good_signatures s/bundle.json s/roots/3.json catalog)" 2 "new keys that signed the catalog"
equal "$(good_signatures s/bundle.json s/roots/2.json catalog)" 0 "old keys that signed the catalog"
cmp s/roots/3.json s/trust/root.json || fail "new hosts are not given the newest root"

# ---- other keys ----

# gpg's agent wants short paths for its sockets; a publisher does not have to care
long=$(printf 'a-long-name-%.0s' {1..12})
mkdir "$long"
"$publish" init "$long/with a blank" --stream long
"$publish" release "$long/with a blank" --driver d --variant generic --module m/a/e1000e.ko

"$publish" init e --scheme ecdsa-sha2-nistp256 --catalog-threshold 2
"$publish" publish e
equal "$(good_signatures e/bundle.json e/roots/1.json catalog)" 2 "ECDSA signatures of the catalog"
mv e/keys/catalog.*.pem . && cp catalog.*.pem e/keys && rm "$(find e/keys -name 'catalog.*.pem' | head -n1)"
refused 7 below-threshold "$publish" publish e
mkdir safe && mv catalog.*.pem safe
"$publish" sign e --keys safe

# ---- a module that is found by its class alone ----

mkdir m/e && dmv_small_module m/e/nvme.ko nvme $k2 --version 1.0 --alias 'pci:v*d*sv*sd*bc01sc08i02*' --variant generic --note-version 1.0
"$publish" release e --driver nvme --variant generic --module m/e/nvme.ko --type storage
"$publish" publish e --keys safe
equal "$(field e/catalog.json 'o["releases"][0]["pci_ids"], o["releases"][0]["aliases"]')" \
    "({}, {'nvme.ko': ['pci:v*d*sv*sd*bc01sc08i02*']})" "ids of a driver that goes by class"

# ---- the same input, the same bytes ----

for stream in r1 r2; do
    cp -a e $stream
    SOURCE_DATE_EPOCH=1790000000 "$publish" release $stream --driver d --variant generic --module m/a/e1000e.ko --no-sign-module --no-sign-rpm
done
cmp r1/repo/Packages/dmv-d-*.rpm r2/repo/Packages/dmv-d-*.rpm || fail "packages of the same input differ"

# ---- the note that is compiled in ----

"$publish" note --variant alt --version 1.2-3 | as -o note.o -
readelf -SW note.o | grep -q '\.note\.XenServer *NOTE .* A ' || fail "the kernel would not show this note"
objcopy -O binary -j .note.XenServer note.o note.bin
python3 - <<'PY'
import struct
pad = lambda b: b + b"\0" * (-len(b) % 4)
record = lambda kind, text: struct.pack("<3I", 10, len(text) + 1, kind) + pad(b"XenServer\0") + pad(text + b"\0")
note = open("note.bin", "rb").read()
assert note == record(1, b"alt") + record(2, b"1.2-3"), note
PY

# ---- refusals ----

refused 2 invalid-request "$publish" init s
refused 3 no-such-object "$publish" publish m
mkdir -p taken/repo
refused 2 invalid-request "$publish" init taken
# an init that fails leaves nothing behind that would stand in the way of the next one; no file may grow here
status=0
(trap '' XFSZ && ulimit -f 0 && exec "$publish" init half 2>&1) | cat >out || status=$?
equal "$status" 1 "exit status of an init that cannot write"
grep -q 'File too large \[failed\]' out || fail "what it says: $(cat out)"
equal "$(find half -mindepth 1)" "" "what a failed init left"
refused 2 invalid-request "$publish" release s --driver intel-e1000e --variant dell --module m/c/e1000e.ko
refused 7 module-wrong-vermagic "$publish" release s --driver d --variant v --kernel 6.6.0 --module m/a/e1000e.ko
cp m/a/e1000e.ko ice.ko
refused 7 module-wrong-name "$publish" release s --driver d --variant v --module ice.ko
refused 7 module-not-elf "$publish" release s --driver d --variant v --version 1 --kernel $k1 --module fw.bin
refused 2 invalid-name "$publish" release s --driver 'a b' --variant v --module m/a/e1000e.ko
refused 2 invalid-name "$publish" release s --driver d --variant v --module m/a/e1000e.ko --firmware fw.bin=../x
refused 2 invalid-request "$publish" release s --driver d --variant v --module m/a/e1000e.ko --trial-boots 101
refused 2 invalid-request "$publish" release s --driver d --variant v --module m/a/e1000e.ko --trial-hours -1
[[ ! -e s/releases/d@v@3.8.7.json ]] || fail "a release that was refused is there"
refused 2 invalid-name "$publish" note --variant 'a"b' --version 1
refused 3 no-such-release "$publish" revoke s intel-e1000e/dell@9 --reason x
echo x >>"$(find s/repo -name '*-dell-*.rpm')"
refused 7 hash-mismatch "$publish" catalog s
# what somebody did to a release's file by hand
echo '{"driver":"x"}' >s/releases/x@y@1.json
refused 7 malformed "$publish" catalog s --rehash
cp s/releases/intel-e1000e@bare@3.9.0.json s/releases/x@y@1.json
refused 7 malformed "$publish" publish s --rehash
rm s/releases/x@y@1.json
sed -i 's/"tier":"supported"/"tier":"best"/' s/releases/intel-e1000e@bare@3.9.0.json
refused 7 malformed "$publish" catalog s --rehash
equal "$(field s/catalog.json 'o["version"]')" 2 "version of the catalog after refusals"
echo "published, and it holds"
