# SPDX-License-Identifier: LGPL-2.1-or-later
"""A Xen host: the control domain is booted by GRUB and has real guests. The main job is done in it, with the way back of a broken
release.

xen.py IMAGE-FOLDER

IMAGE-FOLDER is what make-image made for a host of the kind "xen".
"""
import re
import sys

from confinement import check_guest_confinement
from scenario import CARD, DISK, Host, check, host, say

GIVEN = "0000:00:10.0"
GOOD, BROKEN = f"{CARD}/good@3.8.7", f"{CARD}/probe@9.1"


class XenHost(Host):
    """libvirt's Xen driver needs a processor that it has a name for. One without what needs help of Xen or slows the emulation:
    memory protections, and instructions for ciphers, which the kernel tries out at every boot."""

    CPU = "Nehalem"
    MEMORY = 2560
    # a second card of the same model, for a guest of its own; Xen gives no function away without an IOMMU
    DEVICES = ("-device", "intel-iommu", "-netdev", "user,id=n2,restrict=on", "-device", f"e1000e,netdev=n2,romfile=,addr={GIVEN[8:10]}")
    MANAGEMENT = "xenbr1"

    def says(self, guest):
        """The last line of the guest's console: (how many there were since it was started, what its disk is, what the gateway does)."""
        said = self.shell(f"tail -n 20 /var/log/xen/console/guest-{guest}.log 2>/dev/null || true")
        lines = re.findall(rf"guest {guest}: (\d+), disk ([^,]+), gateway (\w+)", said)
        return (int(lines[-1][0]), *lines[-1][1:]) if lines else None

    def wait_says(self, guest, disk, gateway, after=0):
        """Until it has said that, and more than so many lines."""
        def has_said():
            said = self.says(guest)
            return said and said[0] > after and said[1:] == (disk, gateway)
        self.wait_for(f"a word of guest {guest}", has_said)

    def wait_restored(self):
        """Until no guest is remembered as saved. The unit tries again what libxl has not brought back in its time."""
        self.wait_for("the guests that were saved", lambda: self.try_run("test", "-e", "/var/lib/dmv/guests.json").status)

    def running(self):
        """The guests that run, by what Xen says."""
        return sorted(line.split()[0] for line in self.run("xl", "list").splitlines()[2:])


def start(m, *command):
    """Starts a guest. libxl gives its scripts 40 seconds, which an emulated machine beside other work may need more of: then it
    is tried again."""
    for _ in range(4):
        result = m.try_run(*command)
        if result.status == 0:
            return
        if "unable to add" not in result.err and "because of timeout" not in result.err and "libxenlight" not in result.err:
            break
        say(f"once more: {result.err.strip().splitlines()[-1]}")
    sys.exit(f"FAIL: {result}")


def virsh(*arguments):
    return ("virsh", "-c", "xen:///system", *arguments)


def start_guests(m):
    """web and aside as libvirt's own, db by a file of xl."""
    for name in ("web", "aside"):
        m.run(*virsh("define", f"/var/lib/xen/install/{name}.xml"))
    start(m, *virsh("start", "web"))
    start(m, "xl", "create", "/etc/xen/db.cfg")
    start(m, *virsh("start", "aside"))
    check("guests", m.running(), ["aside", "db", "web"])
    m.wait_says("web", "of web", "answers")
    m.wait_says("db", "none", "answers")
    m.wait_says("aside", "none", "answers")
    say("three guests run, and reach the network by their bridges")


def touched(answer):
    """Which guests a change would touch, by the answer of impact: (reloaded under, ended by the reboot, defined)."""
    guests = answer["guests"]
    return tuple([g["name"] for g in guests[x] if x != "reboot" or g["modules"]] for x in ("now", "reboot", "defined"))


def check_impact(m):
    """Exactly the guests on the bridge over the card; and the one whose disk is a file, for the driver of the root."""
    answer = m.dmvctl("impact", CARD)
    check("channels", {c["channel"]: c["state"] for c in answer["channels"]},
          {"libvirt": "ok", "xenstore": "ok", "hypervisor": "ok", "config": "ok", "xend": "absent"})
    check("guests on the card", touched(answer), (["db", "web"], ["db", "web"], []))
    check("guests on the disk", touched(m.dmvctl("impact", DISK)), (["web"], ["web"], []))
    m.run("xl", "destroy", "db")
    check("guests on the card without db", touched(m.dmvctl("impact", CARD)), (["web"], ["web"], ["db"]))
    say("impact names the guests on the card, also after one has stopped")


def give_card(m):
    """The second card goes to router: it is no card of the host any more, whatever becomes of its driver."""
    check("its driver", m.run("readlink", f"/sys/bus/pci/devices/{GIVEN}/driver").strip().split("/")[-1], "e1000e")
    m.run("modprobe", "xen-pciback")
    m.run("xl", "pci-assignable-add", GIVEN)
    check("kept for guests", m.dmvctl("impact", CARD)["guests"]["reserved"], [GIVEN])
    m.run(*virsh("define", "/var/lib/xen/install/router.xml"))
    start(m, *virsh("start", "router"))
    answer = m.dmvctl("impact", CARD)
    guests = answer["guests"]
    check("kept for guests, given away", guests["reserved"], [])
    check("guests with a card", [(g["name"], g["state"], [d["what"] for d in g["devices"]], [d["unusedDrivers"] for d in g["devices"]])
                                 for g in guests["passedThrough"]], [("router", "running", [GIVEN], [[CARD]])])
    check("guests on the card beside router", touched(answer), (["web"], ["web"], ["db"]))
    say("a card that was given to a guest is that guest's alone")


def set_policy(m, policy):
    """A channel answers late where a process takes a second to start; and the card is no lifeline of this host, which is managed by
    the other one."""
    m.settings(boot={"reboot": "always"}, guests={"wait": 60, "policy": policy})


def stopped(m):
    """What the last shutdown that had guests to stop said of them."""
    said = m.run("journalctl", "--no-pager", "-o", "cat", "-u", "dmv-stop-guests.service").split("stop-guests: ask\n")[1:]
    return [found for x in said if (found := dict(re.findall(r"(?m)^(\w+): (\w+)", x)))][-1]


def main_job(m):
    """Selected, rebooted, active. web and aside are saved by it and go on afterwards, router, which has a card, is shut down, and
    db is not libvirt's."""
    set_policy(m, "save")
    start(m, "xl", "create", "/etc/xen/db.cfg")
    inbox = m.loaded_build_id("e1000e")
    m.dmvctl("install", GOOD)
    m.dmvctl("select", GOOD)
    check("loaded while staged", m.loaded_build_id("e1000e"), inbox)
    before = {name: m.says(name)[0] for name in ("web", "aside")}
    m.reboot()
    m.check_committed(GOOD, 1)
    check("another file", m.loaded_build_id("e1000e") != inbox, True)
    check("guests at the shutdown", stopped(m), {"aside": "saved", "db": "runs", "router": "stopped", "web": "saved"})
    m.wait_restored()
    m.wait_says("web", "of web", "answers", after=before["web"])
    m.wait_says("aside", "none", "answers", after=before["aside"])
    for name in before:
        check(f"starts of {name}", m.shell(f"grep -c 'guest {name}: 1,' /var/log/xen/console/guest-{name}.log").strip(), "1")
    check("guests after the reboot", m.running(), ["aside", "web"])
    say("active and good after the reboot; two guests were saved and go on, one was shut down")


def way_back(m):
    set_policy(m, "shutdown")
    m.dmvctl("install", BROKEN)
    m.dmvctl("select", BROKEN)
    m.post("systemctl", "reboot")
    generation = m.wait_gone_back(2)
    check("why", bool(re.search(r"0000:00:02\.0: no driver is bound to it", generation["reason"])), True)
    m.check_committed(GOOD, 1)
    check("clean", m.dmvctl("verify")["clean"], True)
    check("guests at the shutdown", stopped(m), {"aside": "stopped", "web": "stopped"})
    check("guests after the way back", m.running(), [])
    say(f"back by itself: {generation['reason']}")


with host(sys.argv[1], XenHost) as m:
    check("the control domain", "control_d" in m.read("/proc/xen/capabilities"), True)
    set_policy(m, "report")
    start_guests(m)
    check_impact(m)
    give_card(m)
    main_job(m)
    way_back(m)
    check_guest_confinement(m)
    m.off()
