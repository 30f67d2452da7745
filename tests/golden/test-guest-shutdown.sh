#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Guests are stopped in a shutdown of "the running system": systemd still takes connections to the guest worker's socket then, and
# closes them at once. All of it in a mount namespace, on overlays of this machine's folders in memory. Needs: overlayfs
set -eu -o pipefail
if [[ -z ${DMV_IN_NAMESPACE:-} ]]; then
    exec env DMV_IN_NAMESPACE=1 unshare --mount --propagation private bash "$0"
fi
. "$DMV_SOURCE/tests/golden/lib.sh"

golden_memory
for folder in usr etc var; do
    mkdir -p "$scratch/memory/$folder" "$scratch/memory/work-$folder"
    mount -t overlay -o "lowerdir=/$folder,upperdir=$scratch/memory/$folder,workdir=$scratch/memory/work-$folder" overlay "/$folder"
done
mount -t tmpfs dmv-golden /run
mount -t tmpfs dmv-golden /boot
mkdir -m 755 /run/dmv

# ---- the system: the control domain of a Xen host, with a guest ----
golden_host
golden_stream
mount -t tmpfs dmv-golden /usr/lib/modules
cp -a "$root/usr/lib/modules/." /usr/lib/modules/
rm -rf /etc/dmv /var/lib/dmv /usr/lib/dmv /etc/depmod.d
mkdir /etc/depmod.d
cp -a "$root/etc/dmv" /etc/
printf '[guests]\npolicy=shutdown\n' >/etc/dmv/dmv.conf
mkdir -p "$DMV_PROCFS/xen" "$DMV_SYSFS/hypervisor"
echo xen >"$DMV_SYSFS/hypervisor/type"
echo control_d >"$DMV_PROCFS/xen/capabilities"
mkdir "$scratch/libexec"
ln -s "$DMV_BUILD"/bin/{dmvd,dmv-apply,dmv-fetch} "$scratch/libexec/"
cp "$DMV_SOURCE/tests/golden/guest-host.py" "$scratch/libexec/dmv-guest"
echo "$scratch/host" >"$scratch/libexec/guest-host"
echo '{"web": {"runs": true, "saved": false, "does": "stops", "devices": []}}' >"$scratch/host"
export DMV_LIBEXECDIR=$scratch/libexec
unset DMV_ROOT
ok dmvctl --root / refresh
ok dmvctl --root / install intel-e1000e/generic@3.9.0
ok dmvctl --root / select intel-e1000e/generic@3.9.0 --accept-lifeline

# ---- the socket, as systemd serves it when its stop is due ----
setpriv --pdeathsig KILL python3 - "$scratch/taken" <<'PY' &
import socket, sys
listener = socket.socket(socket.AF_UNIX)
listener.bind("/run/dmv/io.dmv.Guest")
listener.listen()
while True:
    listener.accept()[0].close()
    open(sys.argv[1], "w").close()
PY
for _ in $(seq 100); do
    [[ ! -S /run/dmv/io.dmv.Guest ]] || break
    sleep 0.1
done
python3 -c 'import socket; s = socket.socket(socket.AF_UNIX); s.connect("/run/dmv/io.dmv.Guest"); assert not s.recv(1)' || fail "the socket"
rm -f "$scratch/taken"

ok dmvctl --root / stop-guests
equal "$(cat "$scratch/out")" "web: stopped" "in a shutdown"
[[ ! -e $scratch/taken ]] || fail "the socket that is about to go was used"
echo "guest-shutdown: done"
