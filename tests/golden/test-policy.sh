# SPDX-License-Identifier: LGPL-2.1-or-later
# XCP-ng's policy with real packages: what plain RPMs put into the trees is shown with tier and owner, respected while nothing
# is selected, beaten when something is, and never changed; what goes or comes behind our back is noticed.
set -eu -o pipefail
. "$DMV_SOURCE/tests/golden/lib.sh"
. "$DMV_SOURCE/tests/support/module-rpms.sh"

golden_host
golden_stream
mkdir -p "$root$DMV_RPM_DB" "$scratch/rpms"
# XCP-ng's order, as its own package has it; dmv's file comes before it as soon as there is one
echo 'search override updates extra built-in weak-updates' >"$root/etc/depmod.d/dist.conf"
ok dmvctl refresh
own=kernel/drivers/net/ethernet/intel/e1000e/e1000e.ko

# Workers that leave a mark when they are started, so that it can be said that none was.
mkdir "$scratch/libexec"
ln -s "$DMV_BUILD"/bin/{dmvd,dmv-apply} "$scratch/libexec/"
worker() {
    printf '#!/bin/sh\necho started >>%s\n%s\n' "$scratch/started" "$1" >"$scratch/libexec/dmv-fetch"
    chmod 755 "$scratch/libexec/dmv-fetch"
    rm -f "$scratch/started"
}
worker "exec $DMV_BUILD/bin/dmv-fetch"
export DMV_LIBEXECDIR=$scratch/libexec
driver_tool() { "$DMV_BUILD/bin/driver-tool" "$@"; }

# package NAME VERSION KVER PATH [OPTION of golden_module...]: an RPM with one module, installed by the real rpm.
package() {
    local name=$1 version=$2 kver=$3 path=$4 file module
    shift 4
    module=$(basename "$path" .ko)
    file=$scratch/files/$name.ko
    golden_module "$file" "${module//-/_}" "$kver" "$version" "" --salt "$name" "$@"
    dmv_module_rpm "$scratch/rpms/$name.rpm" "$name" "$version" "$file=lib/modules/$kver/$path"
    dmv_rpm "$root" -i --nodeps "$scratch/rpms/$name.rpm" 2>"$scratch/err" || fail "rpm -i $name"
}

# adopted KVER PATH EXPRESSION: what Status says of one adopted file.
adopted() {
    dmvctl --json status >"$scratch/status"
    python3 - "$scratch/status" "$@" <<'PY'
import json, sys
status = json.load(open(sys.argv[1]))
items = status.get("adopted", []) + [a for d in status["drivers"] for a in d.get("adopted", [])]
found = [a for a in items if (a["kernel"], a["path"]) == (sys.argv[2], sys.argv[3])]
assert len(found) == 1, (sys.argv[2:], items)
v = eval("found[0]" + sys.argv[4])
print("" if v is None else str(v).lower() if isinstance(v, bool) else v)
PY
}
effect() { equal "$(adopted "$1" "$2" "['words']")" "$3" "what becomes of $2"; }
owner() { equal "$(adopted "$1" "$2" "['owner']")" "$3" "owner of $2"; }

# ---- nobody's files: nobody is asked ----
ok dmvctl list
ok dmvctl status
ok dmvctl doctor
ok driver_tool -l
[[ ! -e $scratch/started ]] || fail "a worker was started on a host without adopted modules"

# ---- XCP-ng's order holds while nothing is selected ----
package intel-e1000e 3.5.1 "$K1" updates/e1000e.ko --alias "$e1000e_alias"
dmv_depmod "$root" "$K1"
equal "$(effective "$K1" e1000e)" updates/e1000e.ko "supported package alone"
owner "$K1" updates/e1000e.ko "package intel-e1000e-3.5.1-1.noarch"
equal "$(adopted "$K1" updates/e1000e.ko "['tier']")" supported "its tier"
package intel-e1000e-alt 4.1.0 "$K1" override/e1000e.ko --alias "$e1000e_alias"
dmv_depmod "$root" "$K1"
equal "$(effective "$K1" e1000e)" override/e1000e.ko "supported and alternate package"
effect "$K1" override/e1000e.ko "respected: it is what loads"
effect "$K1" updates/e1000e.ko "respected: another file is what loads"
equal "$(adopted "$K1" override/e1000e.ko "['tier']")" alternate "tier of the alternate"
equal "$(adopted "$K1" override/e1000e.ko "['overrides']")" intel-e1000e "what it is an alternate of"

rm -f "$scratch/started"
ok driver_tool -l
[[ ! -e $scratch/started ]] || fail "driver-tool started a worker to know who owns files"

# ---- updates are offered by tier ----
updates() {
    dmvctl --json list | python3 -c '
import json, sys
print(*sorted(r["name"] for d in json.load(sys.stdin)["drivers"] for r in d["releases"] if r.get("update")))'
}
equal "$(updates)" intel-e1000e/generic@3.8.7 "offered to a host without releases: the recommended one, no alternate"
ok dmvctl install intel-e1000e/generic@3.8.7
equal "$(updates)" intel-e1000e/generic@3.9.0 "offered to a host with an older supported release"

# ---- selected: beaten, and nothing of theirs is touched ----
foreign() { snapshot | grep -E "/(updates|override|extra|weak-updates)/[^ ]*\.ko f |$DMV_RPM_DB" || true; }
foreign >"$scratch/before"
ok dmvctl select intel-e1000e/generic@3.8.7 --now
effect "$K1" override/e1000e.ko "beaten by intel-e1000e/generic@3.8.7"
effect "$K1" updates/e1000e.ko "beaten by intel-e1000e/generic@3.8.7"
ours() { dmv_would_load "$root" "$1" e1000e | tail -n1 | xargs -I{} readlink "$root/usr/lib/modules/$1/{}" | grep -o 'store/.*'; }
equal "$(ours "$K1")" "store/$K1/intel-e1000e/generic/3.8.7/e1000e.ko" "what modprobe loads against two packages"
ok dmvctl install intel-e1000e/generic@3.9.0
ok dmvctl select intel-e1000e/generic@3.9.0 --now
equal "$(ours "$K1")" "store/$K1/intel-e1000e/generic/3.9.0/e1000e.ko" "a newer supported one"
ok dmvctl select intel-e1000e/generic@3.8.7 --now
equal "$(ours "$K1")" "store/$K1/intel-e1000e/generic/3.8.7/e1000e.ko" "an older supported one again"
ok dmvctl deselect intel-e1000e --now
equal "$(effective "$K1" e1000e)" "$own" "inbox against two packages"
# depmod takes a kernel's name in its configuration for a regular expression: that of XCP-ng's has an operator in it
dmv_pristine_kernel "$root" 4.19.0+1
golden_module "$root/usr/lib/modules/4.19.0+1/override/e1000e.ko" e1000e 4.19.0+1 1.0 ""
dmv_depmod "$root" 4.19.0+1
ok dmvctl rescan --now
equal "$(effective 4.19.0+1 e1000e)" "$own" "inbox in a kernel with a + in its name"
rm -r "$root/usr/lib/modules/4.19.0+1"
ok dmvctl rescan --now
effect "$K1" override/e1000e.ko "beaten by the kernel's own (inbox selected)"
foreign | diff "$scratch/before" - || fail "files of others were changed"

# ---- recommended is the catalog's word: neither the newest nor the alternate ----
ok dmvctl select intel-e1000e recommended --now
equal "$(ours "$K1")" "store/$K1/intel-e1000e/generic/3.8.7/e1000e.ko" "recommended, with a newer one and an alternate at hand"
equal "$(driver intel-e1000e "['outdated']")" false "the recommended one is not outdated"

# ---- older than what is recommended: said, and nothing else ----
ok dmvctl select intel-e1000e/generic@3.8.7 --now
golden_release 3.9.1 generic --recommended
golden_publish
ok dmvctl refresh
equal "$(ours "$K1")" "store/$K1/intel-e1000e/generic/3.8.7/e1000e.ko" "a newer recommendation selects nothing"
ok dmvctl list
grep -q '^outdated  *intel-e1000e/generic@3.8.7 is selected, and intel-e1000e/generic@3.9.1 is recommended$' "$scratch/out" ||
    fail "list does not say that the selection is outdated"
ok dmvctl status
grep -q '^intel-e1000e .*outdated' "$scratch/out" || fail "status does not say that the selection is outdated"
dmvctl doctor >"$scratch/out" 2>"$scratch/err" && fail "doctor finds nothing about an outdated selection"
grep -q 'intel-e1000e/generic@3.8.7 is selected, and intel-e1000e/generic@3.9.1 is recommended' "$scratch/out" ||
    fail "doctor does not say that the selection is outdated"

# ---- every form of name, and what does not fit ----
package broadcom-bnxt-en 1.10 "$K1" updates/bnxt_en.ko
package broadcom-bnxt-en-alt 1.11 "$K1" override/bnxt_en.ko
package qlogic-netxtreme2 7.14 "$K1" updates/bnx2x.ko
package tg3-module-alt 3.137 "$K1" override/tg3.ko
package igb-module 5.12 "$K1" extra/igb.ko
package zfs-modules 2.1 "$K1" extra/zfs/zfs.ko
package "kmod-ice-$K1" 1.15 "$K1" extra/ice.ko
package i40e-module-kernel6.1 2.24 "$K1" extra/i40e.ko
package mpt3sas-module-alt 43 "$K1" updates/mpt3sas.ko
package kmod-lpfc-5.10.0 14.2 "$K1" extra/lpfc.ko
package ixgbe-module-alt-kernel6.1 5.19 "$K1" override/ixgbe.ko
package ceph-module-kernel4.19 4.19 "$K1" extra/ceph.ko
package qla2xxx-module 10.2 "$K1" extra/iavf.ko
package plain-name 1 "$K1" override/megaraid_sas.ko
golden_module "$root/usr/lib/modules/$K1/updates/smartpqi.ko" smartpqi "$K1" 2.1 ""
mkdir -p "$root/usr/lib/modules/$K2/weak-updates"
ln -s "../../$K1/extra/ice.ko" "$root/usr/lib/modules/$K2/weak-updates/ice.ko"
dmv_depmod "$root" "$K1"
dmv_depmod "$root" "$K2"

# form KVER PATH FORM TIER: what the name says, and that nothing is wrong with it
form() {
    equal "$(adopted "$1" "$2" ".get('form', '')")" "$3" "form of the owner of $2"
    equal "$(adopted "$1" "$2" "['tier']")" "$4" "tier of $2"
    equal "$(adopted "$1" "$2" "['inconsistencies']")" "[]" "inconsistencies of $2"
}
form "$K1" updates/bnxt_en.ko vendor supported
form "$K1" override/bnxt_en.ko vendor alternate
form "$K1" updates/bnx2x.ko vendor supported
form "$K1" override/tg3.ko module alternate
form "$K1" extra/igb.ko module additional
form "$K1" extra/zfs/zfs.ko modules additional
form "$K1" extra/ice.ko kmod additional
form "$K1" extra/i40e.ko module additional
form "$K2" weak-updates/ice.ko kmod additional
form "$K1" updates/smartpqi.ko "" supported
owner "$K1" updates/smartpqi.ko "no package"
owner "$K2" weak-updates/ice.ko "package kmod-ice-$K1-1.15-1.noarch"
equal "$(adopted "$K1" extra/i40e.ko "['alternateKernel']")" 6.1 "the alternate kernel in a name"
equal "$(effective "$K1" tg3)" override/tg3.ko "an alternate of the kernel's own module"

# wrong PATH TEXT: doctor has that to say of it, and its exit status says that something is
wrong() {
    local text
    text=$(adopted "$K1" "$1" "['inconsistencies'][0]")
    [[ $text == *"$2"* ]] || fail "of $1 it is said: $text"
    grep -qF "$2" "$scratch/doctor" || fail "doctor does not say: $2"
}
status=0
dmvctl doctor >"$scratch/doctor" 2>"$scratch/err" || status=$?
equal "$status" 10 "doctor's exit status"
wrong updates/mpt3sas.ko "called an alternate one, but its file lies in updates/"
wrong extra/lpfc.ko "is for kernel 5.10.0, but its file lies in the tree of kernel $K1"
wrong override/ixgbe.ko "there are no alternate modules for alternate kernels"
wrong extra/ceph.ko "is for the alternate kernel 4.19"
wrong extra/iavf.ko "named after another module than iavf"
grep -q 'plain-name' "$scratch/doctor" || fail "doctor does not name the owner of an ordinary package"
equal "$(adopted "$K1" override/megaraid_sas.ko "['inconsistencies']")" "[]" "of other names nothing can be said"

for verb in list status; do
    ok dmvctl "$verb"
    grep -Eq "^$K1 override/tg3.ko +alternate +tg3-module-alt-3.137-1.noarch +respected: it is what loads$" "$scratch/out" ||
        fail "dmvctl $verb does not show an adopted module"
done
ok dmvctl show intel-e1000e
grep -Eq "override/e1000e.ko +alternate .* beaten by intel-e1000e/generic@3.8.7" "$scratch/out" || fail "dmvctl show"
ok dmvctl why tg3
grep -q "override/tg3.ko of package tg3-module-alt" "$scratch/out" || fail "dmvctl why of a module that no catalog knows"
refused 3 no-such-object why nothing_of_that_name

# ---- behind our back: the alternate goes ----
ok dmvctl rescan
dmv_rpm "$root" -e tg3-module-alt 2>"$scratch/err" || fail "rpm -e"
# no scriptlet ran depmod: the index still gives what is gone
equal "$(effective "$K1" tg3)" override/tg3.ko "the index before anything was done"
ok dmvctl rescan
grep -q "kernel $K1: the index is made anew" "$scratch/out" || fail "a rescan after rpm -e finds nothing"
grep -q staged "$scratch/err" || fail "a rescan after rpm -e stages nothing"
status=0
dmvctl doctor >"$scratch/doctor" 2>"$scratch/err" || status=$?
equal "$status" 10 "doctor with a file that has gone"
grep -q "error    tg3: the index of kernel $K1 gives override/tg3.ko for it, and there is no such file" "$scratch/doctor" ||
    fail "doctor does not know of a file that has gone"
ok dmvctl plan
grep -q "depmod  $K1" "$scratch/out" || fail "the plan runs no depmod for a file that has gone"
ok dmvctl rescan --now
equal "$(effective "$K1" tg3)" kernel/drivers/net/ethernet/broadcom/tg3.ko "the kernel's own is back"
dmv_rpm "$root" -e broadcom-bnxt-en-alt 2>"$scratch/err" || fail "rpm -e"
ok dmvctl rescan --now
equal "$(effective "$K1" bnxt_en)" updates/bnxt_en.ko "without its alternate the supported module is back"
ok dmvctl rescan --now
grep -q 'nothing to change' "$scratch/out" || fail "a second rescan finds something: $(cat "$scratch/out")"

# verify_finds REASON NUMBER WHAT: all findings that are none to be left so have that reason, and there are so many
verify_finds() {
    local status=0
    dmvctl --json verify >"$scratch/out" 2>"$scratch/err" || status=$?
    equal "$status" 10 "$3: exit status of verify"
    equal "$(python3 -c '
import json, sys
found = [f["reason"] for f in json.load(open(sys.argv[1]))["findings"] if f["severity"] != "ok"]
print(*sorted(set(found)), len(found))' "$scratch/out")" "$1 $2" "$3: findings of verify"
}

# ---- behind our back: what is selected goes ----
verify_finds module-unsigned 1 "the one file that no package owns"
mv "$root/usr/lib/dmv/store/$K1/intel-e1000e/generic/3.8.7" "$scratch/away"
ok dmvctl rescan
grep -q "$K1: e1000e" "$scratch/out" || fail "a rescan does not say what changes"
ok dmvctl status
grep -q 'is not installed for kernel' "$scratch/out" || fail "status does not say that the selected release has vanished"
status=0
dmvctl verify >"$scratch/out" 2>"$scratch/err" || status=$?
equal "$status" 10 "verify with a selected release that has vanished"
status=0
dmvctl doctor >"$scratch/out" 2>"$scratch/err" || status=$?
equal "$status" 10 "doctor with a selected release that has vanished"
grep -q '^error .*is not installed for kernel' "$scratch/out" || fail "doctor does not call it an error"
ok dmvctl activate
equal "$(effective "$K1" e1000e)" "$own" "with a vanished release: the kernel's own, and neither alternate nor package"
effect "$K1" override/e1000e.ko "beaten by the kernel's own (what is selected cannot be loaded)"
equal "$(ours "$K2")" "store/$K2/intel-e1000e/generic/3.8.7/e1000e.ko" "the other kernel keeps it"
mv "$scratch/away" "$root/usr/lib/dmv/store/$K1/intel-e1000e/generic/3.8.7"
ok dmvctl rescan --now
equal "$(ours "$K1")" "store/$K1/intel-e1000e/generic/3.8.7/e1000e.ko" "it came back"

# ---- who owns what cannot be known: all else works ----
all_else() {
    ok dmvctl list
    ok dmvctl status
    grep -q 'who owns files of the trees is not known: ' "$scratch/out" || fail "$1: status does not say so"
    equal "$(grep -c 'who owns files' "$scratch/out")" 1 "$1: said once"
    owner "$K1" extra/igb.ko "a package that is not known"
    equal "$(adopted "$K1" extra/igb.ko "['tier']")" additional "$1: the tier is known all the same"
    ok driver_tool -l
    verify_finds module-unsigned 16 "$1"
}
mv "$root$DMV_RPM_DB/rpmdb.sqlite" "$scratch/rpmdb.sqlite"
all_else "no database"
head -c 100000 /dev/urandom >"$root$DMV_RPM_DB/rpmdb.sqlite"
all_else "garbage"
head -c 20000 "$scratch/rpmdb.sqlite" >"$root$DMV_RPM_DB/rpmdb.sqlite"
all_else "half a database"
rm "$root$DMV_RPM_DB/rpmdb.sqlite"
mkdir "$root$DMV_RPM_DB/rpmdb.sqlite"
all_else "a folder"
rmdir "$root$DMV_RPM_DB/rpmdb.sqlite"
install -m 0000 "$scratch/rpmdb.sqlite" "$root$DMV_RPM_DB/rpmdb.sqlite"
all_else "closed to the worker"
chmod 644 "$root$DMV_RPM_DB/rpmdb.sqlite"
owner "$K1" extra/igb.ko "package igb-module-5.12-1.noarch"
worker 'kill -9 $$'
all_else "a worker that dies"
worker 'exec sleep 600'
began=$SECONDS
ok dmvctl status
((SECONDS - began >= 8 && SECONDS - began < 30)) || fail "a worker that hangs: status took $((SECONDS - began)) s"
grep -q 'takes too long' "$scratch/out" || fail "a worker that hangs: status does not say so"

# ---- one question for many, and again only after a change ----
worker "exec $DMV_BUILD/bin/dmv-fetch"
"$DMV_BUILD/bin/dmvd" --root "$root" --sysfs "$DMV_SYSFS" --procfs "$DMV_PROCFS" --listen "$scratch/socket" 2>"$scratch/err" &
daemon=$!
python3 - "$scratch/socket" "$scratch/started" "$root/usr/lib/modules/$K1/updates" <<'PY' || fail "the questions of a daemon that stays"
import json, os, socket, sys, time
path, started, tree = sys.argv[1:]

def connect():
    for _ in range(200):
        try:
            s = socket.socket(socket.AF_UNIX)
            s.connect(path)
            return s
        except OSError:
            s.close()
            time.sleep(0.05)
    raise SystemExit("nobody listens")

def send(s, method, **parameters):
    s.sendall(json.dumps({"method": "io.dmv.Manager." + method, "parameters": parameters}).encode() + b"\0")

def receive(s):
    data = b""
    while not data.endswith(b"\0"):
        more = s.recv(65536)
        assert more, "the daemon closed the connection"
        data += more
    return json.loads(data[:-1])

def questions():
    return len(open(started).readlines()) if os.path.exists(started) else 0

def files(reply):
    p = reply["parameters"]
    return {a["path"]: a for a in p.get("adopted", []) + [a for d in p["drivers"] for a in d.get("adopted", [])]}

quick = connect()
send(quick, "ListDrivers", installed=True, owners=False)
assert receive(quick)["parameters"]["drivers"] and questions() == 0
clients = [connect() for _ in range(5)]
for i, c in enumerate(clients):
    send(c, ("Status", "ListDrivers", "Doctor")[i % 3])
gone = connect() # asks, and does not wait
send(gone, "Status")
gone.close()
for c in clients:
    assert "error" not in receive(c)
assert questions() == 1, questions()
send(clients[0], "Status")
assert files(receive(clients[0]))["extra/igb.ko"]["packages"] == ["igb-module-5.12-1.noarch"]
send(clients[0], "Rescan")
receive(clients[0])
send(clients[0], "Status")
assert files(receive(clients[0]))["extra/igb.ko"]["packages"] == ["igb-module-5.12-1.noarch"]
assert questions() == 1, "nothing has changed"
os.link(tree + "/smartpqi.ko", tree + "/fresh.ko")
send(clients[0], "Rescan")
receive(clients[0])
send(clients[0], "Status")
assert files(receive(clients[0]))["updates/fresh.ko"]["owner"] == "no package"
assert questions() == 2, questions()
PY
kill "$daemon"
wait "$daemon" || fail "the daemon ended with $?"
no_leftovers
