#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# What is unsigned, wrongly signed, changed, old, or for somebody else is refused, with the reason, and leaves nothing behind.
# The judges of single functions have their own tests; this one goes through the whole chain of real processes.
set -eu -o pipefail
. "$DMV_SOURCE/tests/golden/lib.sh"

golden_host
mkdir -p "$root/usr/lib/dmv" # comes with dmv; its worker makes it where it is missing, so that it may write there
"$publish" init "$stream" --stream demo >/dev/null
"$publish" init "$scratch/evil" --stream demo >/dev/null

# sign_module FOLDER-OF-STREAM MODULE: with the module key of that stream, by the kernel's own tool
sign_module() {
    openssl x509 -inform DER -in "$(echo "$1"/trust/modules/*.der)" -out "$scratch/certificate.pem"
    "$(echo /usr/lib/linux-kbuild-*/scripts/sign-file)" sha256 "$1/keys/module.pem" "$scratch/certificate.pem" "$2"
}

golden_release 1.0.0 good --recommended
golden_release 1.0.1 unsigned-rpm --no-sign-rpm
golden_release 1.0.2 unsigned-module --no-sign-module
golden_release 1.0.3 foreign-rpm --no-sign-rpm
golden_release 1.0.4 changed-rpm
# signed by somebody whom the host does not know: package ...
for rpm in "$stream"/repo/Packages/*foreign-rpm*.rpm; do
    home=$scratch/evil/keys/gnupg
    rpmsign --addsign --define "_gpg_path $home" --define "_gpg_name $(gpg --homedir "$home" --list-keys --with-colons 2>/dev/null | awk -F: '/^fpr/{print $10; exit}')" \
        --define "__gpg /usr/bin/gpg" "$rpm" >/dev/null 2>&1 || fail "rpmsign"
done
# ... and module
for k in "$K1" "$K2"; do
    golden_module "$scratch/modules/$k/evil/e1000e.ko" e1000e "$k" 1.0.5 foreign-module --alias "$e1000e_alias"
    sign_module "$scratch/evil" "$scratch/modules/$k/evil/e1000e.ko"
    "$publish" release "$stream" --driver intel-e1000e --variant foreign-module --version 1.0.5 --kernel "$k" --no-sign-module \
        --module "$scratch/modules/$k/evil/e1000e.ko" --type network >/dev/null 2>&1
done
"$publish" publish "$stream" --rehash >/dev/null
# changed after the catalog was signed
cp -r "$stream/repo/Packages" "$scratch/unchanged"
for rpm in "$stream"/repo/Packages/*changed-rpm*.rpm; do
    printf '\377' | dd of="$rpm" bs=1 seek=$(($(stat -c %s "$rpm") - 20)) conv=notrunc status=none
done
golden_serve
golden_subscribe demo "$url"
ok dmvctl refresh

before=$(snapshot)
nothing_left() {
    [[ $(snapshot) == "$before" ]] || fail "$1 left something behind: $(diff <(echo "$before") <(snapshot))"
    no_leftovers
}
refused 7 rpm-unsigned install intel-e1000e/unsigned-rpm@1.0.1
nothing_left "an unsigned package"
refused 7 rpm-no-key install intel-e1000e/foreign-rpm@1.0.3
nothing_left "a package signed by a stranger"
refused 7 hash-mismatch install intel-e1000e/changed-rpm@1.0.4
nothing_left "a changed package"
cp "$scratch"/unchanged/*changed-rpm* "$stream/repo/Packages/"
refused 7 module-unsigned install intel-e1000e/unsigned-module@1.0.2
nothing_left "an unsigned module"
refused 7 module-unknown-signer install intel-e1000e/foreign-module@1.0.5
nothing_left "a module signed by a stranger"
mv "$stream/repo/Packages" "$scratch/packages-away"
refused 5 stream-unreachable install intel-e1000e/good@1.0.0
nothing_left "a package that the mirror has no more"
mv "$scratch/packages-away" "$stream/repo/Packages"
refused 3 no-such-release install intel-e1000e/good@9.9.9
refused 2 invalid-name install 'intel-e1000e/../x@1'

# ---- the catalog ----
listed() { dmvctl --json list --all | json '["drivers"][0]["releases"].__len__()'; }
all=$(listed)
# still_there WHAT: after a refused refresh the old catalog is as good as it was
still_there() { equal "$(listed)" "$all" "releases listed after $1"; }
mirror() {
    rm -rf "$scratch/mirror"
    cp -r "$stream/repo" "$scratch/mirror"
    rm -rf "$stream/repo"
}
back() {
    rm -rf "$stream/repo"
    cp -r "$scratch/mirror" "$stream/repo"
}
# with_bundle FILE: the repository carries these bytes as its record
with_bundle() {
    modifyrepo_c --remove dmv "$stream/repo/repodata" >/dev/null 2>&1 || true
    cp "$1" "$scratch/dmv.yaml"
    modifyrepo_c --mdtype=dmv --no-compress "$scratch/dmv.yaml" "$stream/repo/repodata" >/dev/null 2>&1
}
bundle=$scratch/bundle
cp "$stream"/repo/repodata/*dmv.yaml "$bundle"
cp -r "$stream" "$scratch/twin"
mirror
back

python3 - "$bundle" "$scratch" <<'PY'
import base64, json, sys
bundle, out = json.load(open(sys.argv[1])), sys.argv[2]
def write(name, o): open(f"{out}/{name}", "w").write(json.dumps(o))
altered = json.loads(json.dumps(bundle))
payload = base64.b64decode(altered["catalog"]["payload"]).replace(b"1.0.0", b"6.6.6")
altered["catalog"]["payload"] = base64.b64encode(payload).decode()
write("altered", altered)
bare = json.loads(json.dumps(bundle)); bare["catalog"]["signatures"] = []
write("bare", bare)
swapped = json.loads(json.dumps(bundle)); swapped["catalog"] = swapped["roots"][0]
write("swapped", swapped)
text = open(sys.argv[1]).read()
open(f"{out}/truncated", "w").write(text[: len(text) // 2])
open(f"{out}/twice", "w").write(text[:-1] + ',"format":"dmv-bundle-1"}')
open(f"{out}/trailing", "w").write(text + "{}")
open(f"{out}/deep", "w").write("[" * 100000 + "]" * 100000)
PY
: >"$scratch/nothing"
for case in nothing:empty altered:below-threshold bare:below-threshold swapped:wrong-type truncated:malformed twice:malformed \
    trailing:malformed deep:too-deep; do
    with_bundle "$scratch/${case%:*}"
    refused 7 "${case#*:}" refresh
    still_there "${case%:*}"
done
head -c 104857600 /dev/zero >"$scratch/huge"
with_bundle "$scratch/huge"
refused 7 too-large refresh
still_there "a record of 100 MB"
rm "$scratch/huge"
modifyrepo_c --remove dmv "$stream/repo/repodata" >/dev/null
refused 5 stream-no-catalog refresh
still_there "a repository without the record"
rm -r "$stream/repo/repodata"
refused 5 stream-unreachable refresh
still_there "a repository that is gone"
back

# ---- version and time ----
"$publish" publish "$stream" >/dev/null
ok dmvctl refresh
rm -rf "$stream/repo"
cp -r "$scratch/mirror" "$stream/repo"
refused 7 rollback refresh
rm -rf "$stream/repo"
sleep 1 # another time of issue: other bytes under the same number
"$publish" publish "$scratch/twin" >/dev/null
cp -r "$scratch/twin/repo" "$stream/repo"
refused 7 equivocation refresh
printf '[stream]\nname=other\nurl=%s\n' "$url" >"$root/etc/dmv/streams.d/other.conf"
refused 7 wrong-stream refresh other
rm "$root/etc/dmv/streams.d/other.conf"
nothing_left "all of this"

# without its trust anchors a host goes on with what it has, and takes nothing from a stream it has not met
ok dmvctl install intel-e1000e/good@1.0.0
ok dmvctl select intel-e1000e/good@1.0.0 --now
mv "$root/etc/dmv/trust" "$scratch/trust-away"
ok dmvctl activate
printf '[stream]\nname=other\nurl=%s\n' "$url" >"$root/etc/dmv/streams.d/other.conf"
refused 7 no-root refresh other
rm "$root/etc/dmv/streams.d/other.conf"
mv "$scratch/trust-away" "$root/etc/dmv/trust"
equal "$(effective "$K1" e1000e)" updates/e1000e.ko "a lost trust anchor does not take a driver away"

# ---- an expired certificate of packages: nothing new by it, and what is installed goes on ----
cp -r "$stream/keys/gnupg" "$scratch/expired"
certificate=$(echo "$root"/etc/dmv/trust/rpm/*.asc)
cp "$certificate" "$scratch/certificate.asc"
expired_gpg() { gpg --homedir "$scratch/expired" --batch --yes --quiet --pinentry-mode loopback --passphrase '' "$@" 2>/dev/null; }
expired_gpg --quick-set-expire "$(expired_gpg --list-keys --with-colons | awk -F: '/^fpr/{print $10; exit}')" seconds=1
expired_gpg --export --armor >"$certificate"
gpgconf --homedir "$scratch/expired" --kill all
sleep 2
before=$(snapshot)
refused 7 rpm-no-key install intel-e1000e/changed-rpm@1.0.4
[[ $(json '["error"]["why"]' <"$scratch/out") == *"expired on 20"* ]] || fail "it is not said that the certificate has expired"
nothing_left "a package of an expired certificate"
ok dmvctl select intel-e1000e inbox --now
ok dmvctl select intel-e1000e/good@1.0.0 --now
equal "$(effective "$K1" e1000e)" updates/e1000e.ko "an expired certificate does not take a driver away"
cp "$scratch/certificate.asc" "$certificate"

# ---- an expired catalog: nothing new from it, and what is installed goes on ----
stream_state() { dmvctl --json status | json '["streams"][0]["state"]'; }
SOURCE_DATE_EPOCH=$(($(date +%s) - 10 * 86400)) "$publish" publish "$stream" --expires 9 >/dev/null
refused 7 catalog-expired refresh
equal "$(stream_state)" ok "the state of the stream after a refused catalog"
ok dmvctl refresh --allow-stale
equal "$(stream_state)" stale "the state of the stream with an expired catalog"
refused 6 stale install intel-e1000e/changed-rpm@1.0.4
ok dmvctl select intel-e1000e inbox --now
ok dmvctl select intel-e1000e/good@1.0.0 --now
"$publish" publish "$stream" >/dev/null
ok dmvctl refresh
equal "$(stream_state)" ok "the state of the stream with a new catalog"
# the clock went back, and something signed has proven a later time: that one counts, also where the server has nothing new
trusted=$root/var/lib/dmv/trust/demo.json
cp "$trusted" "$scratch/trusted"
for case in 400:catalog-expired 4000:root-expired; do
    sed "s/\"clock_floor\":[0-9]*/\"clock_floor\":$(($(date +%s) + ${case%:*} * 86400))/" "$scratch/trusted" >"$trusted"
    equal "$(stream_state)" stale "the state of the stream ${case%:*} days later"
    refused 6 stale install intel-e1000e/changed-rpm@1.0.4
    refused 7 "${case#*:}" refresh
done
cp "$scratch/trusted" "$trusted"
equal "$(stream_state)" ok "the state of the stream with the right time"

# ---- what is kept about a stream ----
equal "$(find "$root/var/lib/dmv" -perm /077)" "" "what others may read or write of the state"
echo ' ' >>"$root/var/lib/dmv/catalogs/demo.json"
equal "$(stream_state)" refused "the state of the stream with a catalog that was changed on the disk"
ok dmvctl refresh
equal "$(stream_state)" ok "the state of the stream once the catalog is fetched again"

# damaged: what status says of the stream's trust, as a reason
damaged() { dmvctl --json status | python3 -c 'import json, sys
print(*(p["reason"] for p in json.load(sys.stdin)["problems"] if p["object"] == "demo"))'; }
copy=$root/var/lib/dmv/catalogs/demo.trust
kept=$root/var/lib/dmv/catalogs/demo.json
cp "$kept" "$scratch/kept"
equal "$(damaged)" "" "trust that is whole"
cp -r "$stream/repo" "$scratch/newest"
# with_repo FOLDER: the server has this one
with_repo() {
    rm -rf "$stream/repo"
    cp -r "$1" "$stream/repo"
}
for what in rubbish '' "$(head -c 100 "$trusted")" gone; do
    printf %s "$what" >"$trusted"
    [[ $what != gone ]] || rm "$trusted"
    equal "$(damaged)" state-broken "trust that is '$what'"
    DMV_LOG_LEVEL=4 dmvctl status >/dev/null 2>"$scratch/err"
    grep -q 'dmvd: what is trusted of stream demo is damaged: ' "$scratch/err" || fail "the log does not tell of '$what'"
    equal "$(stream_state)" ok "the state of the stream, by the copy of '$what'"
    dmvctl --json verify >"$scratch/out" 2>/dev/null && fail "verify finds nothing wrong with '$what'"
    grep -q '"reason":"state-broken"' "$scratch/out" || fail "verify does not tell of '$what'"
    with_repo "$scratch/mirror"
    refused 7 rollback refresh
    equal "$(damaged)" state-broken "a refused refresh does not hide '$what'"
    with_repo "$scratch/newest"
    ok dmvctl refresh
    equal "$(damaged)" "" "trust that was written anew"
    [[ $what != gone ]] || continue
    equal "$(cat "$trusted.broken")" "$what" "what is kept of '$what'"
    dmvctl --json doctor >"$scratch/out" || true
    grep -q 'demo.json.broken' "$scratch/out" || fail "doctor does not name what is kept of '$what'"
    rm "$trusted.broken"
done
# the copy, too: the catalog that was kept still says which version was seen
echo rubbish >"$trusted"
echo rubbish >"$copy"
equal "$(stream_state)" missing "the state of the stream without what was known of it"
refused 3 no-such-release install intel-e1000e/changed-rpm@1.0.4
with_repo "$scratch/mirror"
refused 7 rollback refresh
with_repo "$scratch/newest"
ok dmvctl refresh
equal "$(stream_state)" ok "the state of the stream that began again from the installed root"
# all of it: the version that the stream's package was made with
cp "$scratch/twin/trust/floor.json" "$root/etc/dmv/trust/floor.json"
for file in "$trusted" "$copy" "$kept"; do echo rubbish >"$file"; done
with_repo "$scratch/mirror"
refused 7 rollback refresh
printf '{"format":"dmv-floor-1"}' >"$root/etc/dmv/trust/floor.json"
refused 7 no-root refresh
rm "$root/etc/dmv/trust/floor.json"
ok dmvctl refresh
equal "$(json '["streams"][0]["catalogVersion"]' <<<"$(dmvctl --json status)")" 1 "a host that knows nothing takes what is signed"
with_repo "$scratch/newest"
ok dmvctl refresh
rm "$trusted.broken"

# ---- what the caller's environment says to OpenSSL and curl ----
cat >"$scratch/openssl.cnf" <<'END'
openssl_conf = init
[init]
providers = providers
[providers]
base = base
[base]
activate = 1
END
export OPENSSL_CONF=$scratch/openssl.cnf
! openssl dgst -sha256 /dev/null >/dev/null 2>&1 || fail "these settings of OpenSSL disturb nobody"
env -u OPENSSL_CONF "$publish" publish "$stream" >/dev/null
http_proxy=http://127.0.0.1:1 ok dmvctl refresh
# ... to rpm, gpg and the loader: what no process of the job opens, and the fetch worker least of all. A sanitizer cannot look for leaks
# while it is traced
mkdir -p "$scratch/home/.gnupg" "$scratch/ld"
for file in .rpmmacros .rpmrc .gnupg/gpg.conf; do echo >"$scratch/home/$file"; done
HOME=$scratch/home GNUPGHOME=$scratch/home/.gnupg LD_LIBRARY_PATH=$scratch/ld ASAN_OPTIONS=detect_leaks=0 \
    ok strace -f -qq -s 4096 -e trace=%file,%process -e signal=none -o "$scratch/trace" "$DMV_BUILD/bin/dmvctl" install intel-e1000e/changed-rpm@1.0.4
unset OPENSSL_CONF
python3 - "$scratch" <<'PY'
import re, sys
scratch = sys.argv[1]
lines = [l.split(None, 1) for l in open(f"{scratch}/trace", errors="replace")]
fetch = set()  # processes of the fetch worker, once it is executed
opened = {True: [], False: []}
for pid, call in lines:
    if call.startswith("execve(") and "/dmv-fetch" in call:
        fetch.add(pid)
    child = re.match(r"(?:<\.\.\. )?(?:clone3?|v?fork)\b.* = (\d+)$", call)
    if child and pid in fetch:
        fetch.add(child.group(1))
    opened[pid in fetch] += re.findall(r'"([^"]*)"', call) if not call.startswith("execve(") else []
assert fetch and any(x.endswith("e1000e.ko") for x in opened[True]), "the worker that got the package was not traced"
assert any(x.startswith(f"{scratch}/ld/") for x in opened[False]), "the loader was not asked to look there at all"
for which, paths in opened.items():
    for path in paths:
        bad = re.search(r"\.rpmmacros|\.rpmrc|\.gnupg|^/etc/rpm|^/usr/lib/rpm|openssl\.cnf", path) or \
            path.startswith(f"{scratch}/home") or (which and path.startswith(f"{scratch}/ld"))
        assert not bad, f"{path} was looked at" + (" by the fetch worker" if which else "")
PY

# ---- not root ----
if id nobody >/dev/null 2>&1; then
    mkdir -p "$scratch/run" && chmod 755 "$scratch" "$scratch/run"
    "$DMV_BUILD/bin/dmvd" --root "$root" --sysfs "$DMV_SYSFS" --procfs "$DMV_PROCFS" --listen "$scratch/run/socket" &
    daemon=$!
    until_listening "$scratch/run/socket" "$daemon" || fail "dmvd does not listen"
    call='import json,socket,sys
s=socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])
s.sendall(json.dumps({"method":"io.dmv.Manager."+sys.argv[2],"parameters":json.loads(sys.argv[3])}).encode()+b"\0")
b=b""
while b"\0" not in b: b+=s.recv(65536)
print(json.loads(b.split(b"\0")[0]).get("error","answered"))'
    as_nobody() { setpriv --reuid=nobody --regid=nogroup --clear-groups /usr/bin/python3 -c "$call" "$scratch/run/socket" "$@"; }
    equal "$(as_nobody Status '{}')" answered "reading is open to everybody"
    for method in 'Select {"object":"intel-e1000e","selection":"inbox"}' 'Refresh {}' 'Rescan {}' 'Commit {}' 'Boot {}' 'Health {}' \
        'Install {"release":"intel-e1000e/good@1.0.0"}' 'Import {}' 'Remove {"release":"x/y@1"}' 'Deselect {"driver":"intel-e1000e"}' \
        'Pin {"driver":"intel-e1000e"}' 'Unpin {"driver":"intel-e1000e"}' 'Activate {}' 'Rollback {}' 'StopGuests {}' 'RestoreGuests {}'; do
        equal "$(as_nobody "${method%% *}" "${method#* }")" org.varlink.service.PermissionDenied "${method%% *} as nobody"
    done
    kill "$daemon"
    wait "$daemon" || fail "the daemon ended with $?"
else
    fail "there is no user nobody to try without privileges"
fi
echo "refusals: done"
