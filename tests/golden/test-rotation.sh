#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Three generations of roots, with other keys each time, and what they are on hosts: one that slept since the first, one that
# lived through all, one that is made anew with the third. Then releases that are revoked, keys that are taken away, catalogs and
# roots that expire. Publishers do what docs/publishing-keys.md says, and thieves what they could; each step has its verdict.
set -eu -o pipefail
. "$DMV_SOURCE/tests/golden/lib.sh"

golden_memory # hosts and publishers sync all that they write
hosts=$scratch/memory
stream=$hosts/stream media=$hosts/media served=$hosts/served
mkdir -p "$media"/{one,two,three,lost} "$served"

# ---- publishers ----
pub() { "$publish" "$@" >"$scratch/out" 2>"$scratch/err" || fail "dmv-publish $* ended with $?"; }
# pub_refused REASON ARGUMENTS...: dmv-publish ends with 7 and that reason
pub_refused() {
    local reason=$1 status=0
    shift
    "$publish" "$@" >"$scratch/out" 2>"$scratch/err" || status=$?
    equal "$status" 7 "exit status of dmv-publish $*"
    grep -qF "[$reason]" "$scratch/err" || fail "dmv-publish $*: the reason is not $reason"
}
# key ROLE N: the file of key N of a role, as show counts them
key() { echo "$stream/keys/$1.$("$publish" show "$stream" | sed -n "s/^$1 key $2  \(.\{16\}\).*/\1/p").pem"; }
keep() { cp -r "$stream/repo/repodata" "$served/$1"; }
serve() {
    rm -rf "$stream/repo/repodata"
    cp -r "$served/$1" "$stream/repo/repodata"
}
# keep_bundle NAME FILE: a repository with these bytes as its record
keep_bundle() {
    cp -r "$served/one" "$served/$1"
    modifyrepo_c --remove dmv "$served/$1" >/dev/null 2>&1
    cp "$2" "$scratch/dmv.yaml"
    modifyrepo_c --mdtype=dmv --no-compress "$scratch/dmv.yaml" "$served/$1" >/dev/null 2>&1
}
# forge OUT BUNDLE N KEY...: after the first N roots of a bundle one that names nobody but a thief, signed by these keys, and
# the bundle's catalog, signed by the thief
cat >"$scratch/forge.py" <<'PY'
import base64, hashlib, json, subprocess, sys, tempfile
out, source, n, keys = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4:]
bundle, scratch = json.load(open(source)), tempfile.mkdtemp(dir=sys.argv[1].rsplit("/", 1)[0])
def openssl(*args, data=None):
    return subprocess.run(("openssl",) + args, input=data, stdout=subprocess.PIPE, check=True).stdout
def spki(key): return openssl("pkey", "-in", key, "-pubout", "-outform", "DER")
def envelope(kind, payload, signers):
    pae = b"DSSEv1 %d %s %d %s" % (len(kind), kind.encode(), len(payload), payload)
    open(scratch + "/pae", "wb").write(pae)
    return {"payloadType": kind, "payload": base64.b64encode(payload).decode(), "signatures": [
        {"keyid": hashlib.sha256(spki(k)).hexdigest(),
         "sig": base64.b64encode(openssl("pkeyutl", "-sign", "-rawin", "-in", scratch + "/pae", "-inkey", k)).decode()}
        for k in signers]}
thief = scratch + "/thief.pem"
openssl("genpkey", "-algorithm", "ed25519", "-out", thief)
me = hashlib.sha256(spki(thief)).hexdigest()
root = json.loads(base64.b64decode(bundle["roots"][n - 1]["payload"]))
root["version"], root["keys"] = n + 1, {me: {"scheme": "ed25519", "spki": base64.b64encode(spki(thief)).decode()}}
root["roles"] = {role: {"keyids": [me], "threshold": 1} for role in ("root", "catalog")}
root = envelope("application/vnd.dmv.root+json", json.dumps(root).encode(), keys + [thief])
catalog = envelope("application/vnd.dmv.catalog+json", base64.b64decode(bundle["catalog"]["payload"]), [thief])
json.dump({"format": "dmv-bundle-1", "roots": bundle["roots"][:n] + [root], "catalog": catalog}, open(out, "w"))
PY
forge() { python3 "$scratch/forge.py" "$@"; }

# ---- hosts ----
on() { root=$hosts/$1 DMV_ROOT=$hosts/$1; }
status_of() { dmvctl --json status | json "$1"; }
# problems OBJECT: the reasons that status has for it, also of drivers
problems() {
    dmvctl --json status | python3 -c 'import json, sys
s = json.load(sys.stdin)
print(*(p["reason"] for d in [s, *s["drivers"]] for p in d.get("problems", []) if p["object"] == sys.argv[1]))' "$1"
}
# found OBJECT: what verify says of it, "SEVERITY REASON STANDING"; sets the exit status that it had
found() {
    local status=0
    dmvctl --json verify >"$scratch/out" 2>"$scratch/err" || status=$?
    python3 -c 'import json, sys
o = json.load(open(sys.argv[1]))
assert o["clean"] == (sys.argv[3] == "0"), sys.argv[3]
print(*(" ".join((f["severity"], f["reason"], f.get("standing", "-"))) for f in o["findings"] if f["object"] == sys.argv[2]))
' "$scratch/out" "$1" "$status"
}
stored() { echo "usr/lib/dmv/store/$1/intel-e1000e/$2/e1000e.ko"; }
# steps: lines of "HOST SERVED VERDICT COMMAND...". The verdict is ok, or exit status and reason of the refusal; SERVED is what the
# server has by then, - for no matter.
steps() {
    local host what verdict command
    while read -r host what verdict command; do
        [[ -n $host && $host != \#* ]] || continue
        on "$host"
        [[ $what == - ]] || serve "$what"
        echo "$host: $command, with $what: $verdict"
        # shellcheck disable=SC2086
        case $verdict in
        ok) ok dmvctl $command ;;
        *) refused "${verdict%%:*}" "${verdict#*:}" $command ;;
        esac
    done
}

# ---- the first generation ----
root=$hosts/sleeper
golden_host
"$publish" init "$stream" --stream demo >/dev/null
mv "$(key root 1)" "$media/one"
mv "$(key root 2)" "$media/two"
mv "$(key root 3)" "$media/three"
cp -r "$media" "$scratch/first-media"
golden_release 1.0.0 good --recommended
# one that other kernels can load, too
for kver in "$K1" "$K2"; do
    golden_module "$scratch/modules/$kver/bad/e1000e.ko" e1000e "$kver" 1.1.0 bad --alias "$e1000e_alias" \
        --needs module_layout=0x1000 --needs _printk=0x2000
    pub release "$stream" --driver intel-e1000e --variant bad --version 1.1.0 --kernel "$kver" --type network \
        --module "$scratch/modules/$kver/bad/e1000e.ko"
done
golden_publish
keep one
golden_serve
golden_subscribe demo "$url"
steps <<'END'
sleeper one ok refresh
sleeper - ok install intel-e1000e/good@1.0.0
sleeper - ok install intel-e1000e/bad@1.1.0
sleeper - ok select intel-e1000e/good@1.0.0 --now
sleeper - ok select intel-e1000e/bad@1.1.0 --now
END
cp -a "$hosts/sleeper" "$hosts/awake"
# one catalog key is stolen, and a root key that is too few
cp -r "$stream" "$hosts/thief"
cp "$stream/bundle.json" "$scratch/first-bundle"
"$publish" catalog "$hosts/thief" >/dev/null
sed -i 's/"version":2,/"version":999,/' "$hosts/thief/catalog.json"
"$publish" sign "$hosts/thief" >/dev/null
"$publish" repo "$hosts/thief" >/dev/null
cp -r "$hosts/thief/repo/repodata" "$served/thief"
forge "$scratch/forged" "$scratch/first-bundle" 1 "$media"/one/*.pem
keep_bundle one-root-key "$scratch/forged"

# ---- the second: all catalog keys and a root key are replaced, and catalogs need two signatures; a release is withdrawn ----
pub root "$stream" --keys "$media/one" --keys "$media/two" --replace-root-key 2 --replace-catalog-key --catalog-threshold 2
rm "$media"/two/*.pem
mv "$(key root 2)" "$media/two"
pub revoke "$stream" intel-e1000e/bad@1.1.0 --reason "drops packets"
pub publish "$stream"
keep two
# the second signature by somebody else, on another machine
mv "$(key catalog 2)" "$media/lost"
pub_refused below-threshold publish "$stream"
pub sign "$stream" --keys "$media/lost"
pub repo "$stream"
keep two-again

# ---- the third: a catalog key and a root key are lost, so new ones are named ----
rm "$media"/lost/*.pem "$media"/one/*.pem
pub_refused below-threshold publish "$stream"
pub_refused root-not-signed-by-old root "$stream" --keys "$media/three" --replace-root-key 1
pub root "$stream" --keys "$media/two" --keys "$media/three" --replace-root-key 1 --replace-catalog-key=2
mv "$(key root 1)" "$media/one"
golden_release 2.0.0 next
pub publish "$stream"
keep three-before
pub publish "$stream"
keep three
cp "$stream/bundle.json" "$scratch/third-bundle"
forge "$scratch/forged" "$scratch/third-bundle" 3 "$scratch"/first-media/*/*.pem # two of these three were replaced since
keep_bundle old-root-keys "$scratch/forged"
python3 - "$scratch/third-bundle" "$scratch/forged" <<'PY'
import json, sys
o = json.load(open(sys.argv[1]))
del o["roots"][1]
json.dump(o, open(sys.argv[2], "w"))
PY
keep_bundle gap "$scratch/forged"
root=$hosts/new
dmv_pristine_host "$root"
golden_subscribe demo "$url"

# ---- on the hosts ----
steps <<'END'
# who sleeps believes what he knew; a root needs more than one key, and each root its follower
sleeper one-root-key 7:root-not-signed-by-old refresh
sleeper gap 7:root-not-signed-by-old refresh
# a stolen key that met the threshold drives the count up, and the new keys begin anew
awake thief ok refresh
awake one 7:rollback refresh
awake two ok refresh
awake thief 7:below-threshold refresh
awake one 7:below-threshold refresh
awake two-again ok refresh
awake two 7:rollback refresh
# through two roots in one refresh
sleeper three ok refresh
awake three ok refresh
# who has never seen a catalog takes none that is older than the one its anchors were made with
new three-before 7:rollback refresh
new three ok refresh
END
for host in sleeper awake new; do
    on $host
    equal "$(status_of '["streams"][0]["rootVersion"]')" 3 "root of $host"
    for old in one:below-threshold two-again:below-threshold thief:below-threshold three-before:rollback \
        one-root-key:below-threshold old-root-keys:root-not-signed-by-old; do
        steps <<<"$host ${old%:*} 7:${old#*:} refresh"
    done
    equal "$(status_of '["streams"][0]["rootVersion"]')" 3 "root of $host after all of this"
    steps <<<"$host three ok refresh"
done

# ---- a release that was withdrawn, where it is selected ----
for host in sleeper awake; do
    on $host
    equal "$(problems intel-e1000e/bad@1.1.0)" revoked "what status of $host says of it"
    equal "$(effective "$K1" e1000e)" updates/e1000e.ko "it stays on $host"
    for k in "$K1" "$K2"; do
        equal "$(found "$(stored "$k" bad/1.1.0)")" "error revoked revoked" "verify on $host, kernel $k"
        equal "$(found "$(stored "$k" good/1.0.0)")" "" "what the first generation has signed, on $host"
    done
    dmvctl --json doctor >"$scratch/out" && fail "doctor of $host finds nothing"
    grep -q 'drops packets; it stays until you choose: dmvctl select intel-e1000e/good@1.0.0, or dmvctl deselect' "$scratch/out" ||
        fail "doctor of $host does not say what to choose"
    equal "$(dmvctl --json history --limit 200 | grep -o '"action":"revoked","object":"intel-e1000e/bad@1.1.0"' | wc -l)" 1 "alarms on $host"
    equal "$(dmvctl --json plan | json '["problems"][0]["reason"]')" revoked "what the plan of $host says"
    equal "$(dmvctl --json plan | json '["changed"]')" false "what the plan of $host does"
    ok dmvctl list
    grep -q 'bad@1.1.0 .*, revoked ' "$scratch/out" || fail "list on $host does not mark it"
done
# nothing changes by itself: not when somebody looks, at a shutdown, or with a kernel that comes
on sleeper
before=$(snapshot)
ok dmvctl rescan
ok dmvctl activate --shutdown
equal "$(snapshot)" "$before" "a host with a revoked release after a shutdown"
K3=6.1.0-98-amd64 K4=6.1.0-99-amd64
dmv_pristine_kernel "$root" $K3
dmv_pristine_kernel "$root" $K4
printf '%s\tvmlinux\tEXPORT_SYMBOL\t\n' $'0x00001000\tmodule_layout' $'0x00002000\t_printk' | gzip >"$root/boot/symvers-$K3.gz"
ok dmvctl rescan
ok dmvctl activate --shutdown
equal "$(effective $K3 e1000e)" updates/e1000e.ko "the selection holds for a kernel that comes, where it fits"
equal "$(effective $K4 e1000e)" kernel/drivers/net/ethernet/intel/e1000e/e1000e.ko "and where nothing of it is installed"
equal "$(problems intel-e1000e/bad@1.1.0) $(problems intel-e1000e)" "revoked no-release-for-kernel" "and both are said"
# an administrator decides; what was withdrawn is not chosen again by accident
steps <<'END'
sleeper - 6:revoked install intel-e1000e/bad@1.1.0
sleeper - 6:revoked select intel-e1000e/bad@1.1.0
sleeper - 6:in-use remove intel-e1000e/bad@1.1.0
sleeper - ok select intel-e1000e/good@1.0.0 --dry-run
sleeper - ok select intel-e1000e/good@1.0.0 --now
sleeper - 6:revoked rollback
sleeper - 6:revoked rollback --dry-run
sleeper - ok rollback --accept-revoked
sleeper - ok rollback
END
equal "$(problems intel-e1000e/bad@1.1.0)" "" "an alarm about what is not selected"
equal "$(found "$(stored "$K1" bad/1.1.0)")" "warning revoked revoked" "it still lies there"
rm -r "$root/usr/lib/modules"/{$K3,$K4} "$root/boot/symvers-$K3.gz"
steps <<'END'
sleeper - ok rescan --now
sleeper - ok remove intel-e1000e/bad@1.1.0
END
found none >/dev/null
equal "$(json '["clean"]' <"$scratch/out")" true "verify once it has gone"
# with enforce=yes no plan leaves it, and the way out is open
printf '[modules]\nenforce=yes\n' >"$hosts/awake/etc/dmv/dmv.conf"
steps <<'END'
awake - 6:unverified activate
awake - ok deselect intel-e1000e --now
END
rm "$hosts/awake/etc/dmv/dmv.conf"

# ---- who follows what is recommended is not left without a driver ----
steps <<'END'
awake - ok select intel-e1000e recommended --now
END
pub revoke "$stream" intel-e1000e/good@1.0.0 --reason "hangs"
pub recommend "$stream" intel-e1000e/next@2.0.0
pub publish "$stream"
keep withdrawn
# a daemon with a subscriber, so that its log and its events can be seen
there=(env -u DMV_ROOT -u DMV_SYSFS -u DMV_PROCFS)
DMV_LOG_LEVEL=4 "${there[@]}" "$DMV_BUILD/bin/dmvd" --root "$root" --sysfs "$DMV_SYSFS" --procfs "$DMV_PROCFS" --listen "$scratch/socket" \
    2>"$scratch/log" &
daemon=$!
until_listening "$scratch/socket" "$daemon" || fail "dmvd does not listen"
"${there[@]}" "$DMV_BUILD/bin/dmvctl" --address "$scratch/socket" --json monitor >"$scratch/events" &
subscriber=$!
for ((i = 0; i < 100; i++)); do
    ! grep -q '"ready"' "$scratch/events" || break
    sleep 0.1
done
ok "${there[@]}" "$DMV_BUILD/bin/dmvctl" --address "$scratch/socket" refresh
ok "${there[@]}" "$DMV_BUILD/bin/dmvctl" --address "$scratch/socket" refresh # brings nothing new, and is no second alarm
kill "$daemon"
wait "$daemon" || fail "the daemon ended with $?"
wait "$subscriber" || true # its connection has ended
equal "$(grep -c 'dmvd: intel-e1000e/good@1.0.0 is selected, and its publisher has revoked it: hangs' "$scratch/log")" 1 "words in the log"
equal "$(grep -c '"release_revoked".*"intel-e1000e/good@1.0.0"' "$scratch/events")" 1 "events"
ok dmvctl rescan
ok dmvctl activate --shutdown
equal "$(readlink "$root/usr/lib/modules/$K1/updates/e1000e.ko")" "../../../dmv/store/$K1/intel-e1000e/good/1.0.0/e1000e.ko" \
    "what is in place, until what is recommended is installed"
equal "$(problems intel-e1000e) $(problems intel-e1000e/good@1.0.0)" "not-installed revoked" "and that is said"
steps <<'END'
awake - ok install intel-e1000e/next@2.0.0
awake - ok rescan --now
END
equal "$(readlink "$root/usr/lib/modules/$K1/updates/e1000e.ko")" "../../../dmv/store/$K1/intel-e1000e/next/2.0.0/e1000e.ko" "the new one"
pub revoke "$stream" intel-e1000e/good@1.0.0 --undo
pub publish "$stream"
steps <<'END'
sleeper - ok refresh
new - ok refresh
new - ok install intel-e1000e/good@1.0.0
new - ok select intel-e1000e/good@1.0.0 --now
END

# ---- new keys for packages and modules, as publishing-keys.md has it ----
(
    cd "$stream"
    (umask 077; openssl req -x509 -new -nodes -batch -sha256 -days 3650 -newkey rsa:3072 -subj '/CN=demo (modules) 2' \
        -addext basicConstraints=critical,CA:FALSE -addext keyUsage=digitalSignature -addext subjectKeyIdentifier=hash \
        -keyout key.tmp -out cert.tmp 2>/dev/null)
    id=$(openssl x509 -in cert.tmp -noout -ext subjectKeyIdentifier | tail -n1 | tr -d ' :' | tr A-F a-f)
    openssl x509 -in cert.tmp -outform DER -out "trust/modules/$id.der"
    (umask 077; cat key.tmp cert.tmp >keys/module.pem); rm key.tmp cert.tmp
    sed -i "s/\"module_signer\":\"[0-9a-f]*\"/\"module_signer\":\"$id\"/" publish.json
    before=$(ls trust/rpm)
    gpg --homedir keys/gnupg --batch --pinentry-mode loopback --passphrase '' --quick-gen-key 'demo (packages) 2' rsa3072 sign never 2>/dev/null
    fingerprint=$(gpg --homedir keys/gnupg --list-secret-keys --with-colons 2>/dev/null | awk -F: '/^fpr/ { print $10 }' | grep -iv "${before%.asc}$")
    sed -i "s/\"gpg_key\":\"[0-9A-F]*\"/\"gpg_key\":\"$fingerprint\"/" publish.json
    gpg --homedir keys/gnupg --armor --export "$fingerprint" 2>/dev/null >"trust/rpm/$fingerprint.asc"
)
golden_release 3.0.0 fresh
pub publish "$stream"
steps <<'END'
new - ok refresh
new - 7:rpm-no-key install intel-e1000e/fresh@3.0.0
END
on new
old_package=$(ls "$root/etc/dmv/trust/rpm") old_module=$(ls "$root/etc/dmv/trust/modules")
cp "$stream"/trust/rpm/* "$root/etc/dmv/trust/rpm"
steps <<<"new - 7:module-unknown-signer install intel-e1000e/fresh@3.0.0"
cp "$stream"/trust/modules/* "$root/etc/dmv/trust/modules"
steps <<<"new - ok install intel-e1000e/fresh@3.0.0"
equal "$(found "$(stored "$K1" good/1.0.0)")$(found "$(stored "$K1" fresh/3.0.0)")" "" "by both certificates"
# the old ones are not to be trusted any more: what they signed is told, and stays
rm "$root/etc/dmv/trust/rpm/$old_package" "$root/etc/dmv/trust/modules/$old_module"
equal "$(found "$(stored "$K1" good/1.0.0)")" "error module-unknown-signer foreign" "the signer of what is selected has gone"
equal "$(found "$(stored "$K1" fresh/3.0.0)")" "" "the new one"
equal "$(effective "$K1" e1000e)" updates/e1000e.ko "what is selected stays"
steps <<'END'
new - 7:rpm-no-key install intel-e1000e/next@2.0.0
new - ok select intel-e1000e/fresh@3.0.0 --now
END
equal "$(found "$(stored "$K1" good/1.0.0)")" "warning module-unknown-signer foreign" "it only lies there"
steps <<<"new - ok remove intel-e1000e/good@1.0.0"
# a release that the publisher offers no more
mkdir "$scratch/taken-back"
mv "$stream"/releases/*fresh* "$scratch/taken-back"
pub publish "$stream"
steps <<<"new - ok refresh"
equal "$(found "$(stored "$K1" fresh/3.0.0)")" "warning no-such-release verified" "what no catalog lists any more"
equal "$(effective "$K1" e1000e)" updates/e1000e.ko "and it stays"
mv "$scratch"/taken-back/* "$stream/releases"
pub publish "$stream"
steps <<<"new - ok refresh"

# ---- nobody signs: the catalog expires, then the root ----
now=$(date +%s)
SOURCE_DATE_EPOCH=$((now - 10 * 86400)) pub publish "$stream" --expires 9
steps <<'END'
new - 7:catalog-expired refresh
new - ok refresh --allow-stale
new - 6:stale install intel-e1000e/bad@1.1.0
new - ok deselect intel-e1000e --now
new - ok select intel-e1000e/fresh@3.0.0 --now
new - ok rollback
new - ok rollback
new - ok list
END
equal "$(status_of '["streams"][0]["state"]')" stale "the stream"
dmvctl --json doctor >"$scratch/out" && fail "doctor finds nothing"
grep -q '"reason":"stale","why":"the catalog has expired at 20' "$scratch/out" || fail "doctor does not say since when"
pub publish "$stream"
steps <<<"new - ok refresh"
SOURCE_DATE_EPOCH=$((now - 2 * 86400)) pub root "$stream" --keys "$media/one" --keys "$media/two" --expires 1
pub_refused root-expired publish "$stream"
SOURCE_DATE_EPOCH=$((now - 2 * 86400)) pub sign "$stream"
cp "$stream/bundle.json" "$scratch/forged"
keep_bundle root-expired "$scratch/forged"
steps <<'END'
new root-expired 7:root-expired refresh
new - 7:root-expired refresh --allow-stale
new - ok select intel-e1000e/fresh@3.0.0
END
dmvctl --json doctor >"$scratch/out" && fail "doctor finds nothing"
grep -q '"reason":"root-expired"' "$scratch/out" || fail "doctor does not tell of the root"
pub root "$stream" --keys "$media/one" --keys "$media/two"
pub publish "$stream"
keep five
# the roots that only live longer leave the count as it was
steps <<'END'
new five ok refresh
sleeper five ok refresh
new three 7:rollback refresh
sleeper withdrawn 7:rollback refresh
END
on sleeper
equal "$(status_of '["streams"][0]["rootVersion"]')" 5 "root of the sleeper at the end"

# ---- the keys of roots are lost: anew, by another way ----
"$publish" init "$hosts/anew" --stream demo >/dev/null
stream=$hosts/anew
golden_release 1.0.0 good
pub publish "$stream"
kill "$server_pid"
rm "$scratch/port"
golden_serve
printf '[stream]\nname=demo\nurl=%s\n' "$url" >"$root/etc/dmv/streams.d/demo.conf"
refused 7 below-threshold refresh
rm -r "$root/etc/dmv/trust"
cp -r "$stream/trust" "$root/etc/dmv/trust"
refused 7 below-threshold refresh
rm "$root/var/lib/dmv/trust/demo.json" "$root"/var/lib/dmv/catalogs/demo.*
ok dmvctl refresh demo
equal "$(status_of '["streams"][0]["rootVersion"]')" 1 "root of the stream that began anew"
equal "$(effective "$K1" e1000e)" updates/e1000e.ko "what is selected works all the time"
no_leftovers
echo "rotation: done"
