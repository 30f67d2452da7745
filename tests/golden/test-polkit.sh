#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Who may change something without being root: the real dmvd on "the running system", a real bus, the real polkitd, and a second
# user. All of it in a mount namespace, on overlays of this machine's folders in memory, so nothing here is the machine's.
# Needs: dbus-daemon, polkitd with pkttyagent, overlayfs
set -eu -o pipefail
if [[ -z ${DMV_IN_NAMESPACE:-} ]]; then
    exec env DMV_IN_NAMESPACE=1 unshare --mount --propagation private bash "$0"
fi
. "$DMV_SOURCE/tests/golden/lib.sh"

for program in /usr/lib/polkit-1/polkitd dbus-daemon pkttyagent; do
    command -v "$program" >/dev/null || fail "there is no $program here; tools/lib/packages.sh names what has it"
done
golden_memory
for folder in usr etc var; do
    mkdir -p "$scratch/memory/$folder" "$scratch/memory/work-$folder"
    mount -t overlay -o "lowerdir=/$folder,upperdir=$scratch/memory/$folder,workdir=$scratch/memory/work-$folder" overlay "/$folder"
done
mount -t tmpfs dmv-golden /run
mount -t tmpfs dmv-golden /boot
mkdir -m 755 /run/dbus /run/dmv

# ---- the system: a host with a stream ----
golden_host
golden_stream
mount -t tmpfs dmv-golden /usr/lib/modules
cp -a "$root/usr/lib/modules/." /usr/lib/modules/
rm -rf /etc/dmv /var/lib/dmv /usr/lib/dmv /etc/depmod.d
mkdir /etc/depmod.d
cp -a "$root/etc/dmv" /etc/
printf '[daemon]\nidle-timeout=1\n' >/etc/dmv/dmv.conf
unset DMV_ROOT

# ---- polkit with our policy, and rules that the test writes ----
rm -rf /usr/share/polkit-1/{actions,rules.d}/* /etc/polkit-1/rules.d/*
cp "$DMV_SOURCE/data/polkit-1/actions/io.dmv.policy" /usr/share/polkit-1/actions/
chmod 755 /etc/polkit-1/rules.d
cat >"$scratch/bus.conf" <<'END'
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path=/run/dbus/system_bus_socket</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    <allow send_type="signal"/>
    <allow send_type="method_return"/>
    <allow send_type="error"/>
    <allow receive_type="method_call"/>
    <allow receive_type="method_return"/>
    <allow receive_type="error"/>
    <allow receive_type="signal"/>
    <allow send_destination="org.freedesktop.DBus"/>
  </policy>
  <includedir>/usr/share/dbus-1/system.d</includedir>
</busconfig>
END

# an admin of polkit's, with a password, and a user without any rights
useradd --shell /bin/sh dmvadmin
useradd --shell /bin/sh dmvuser
echo 'dmvadmin:let me in' | chpasswd
cp "$DMV_BUILD/bin/dmvctl" "$scratch/"
# A fallback agent is one of a session, and without systemd-logind there are none: here it is the agent of its parent.
mkdir "$scratch/bin"
# shellcheck disable=SC2016 # expanded by the wrapper
printf '#!/bin/sh\n[ "$*" = "--notify-fd $2 --fallback" ] && exec /usr/bin/pkttyagent --notify-fd "$2"\n' >"$scratch/bin/pkttyagent"
chmod 755 "$scratch/bin/pkttyagent"
chmod 755 "$scratch"
python3 "$DMV_SOURCE/tests/golden/polkit.py" "$scratch"
echo "polkit: done"
