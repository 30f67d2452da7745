# SPDX-License-Identifier: LGPL-2.1-or-later
"""Install, select, reboot: what was selected is what the kernel runs and good by itself, and before the reboot nothing has
changed. Then at once: the trees change now, and a reload of the module has the other release. The driver is in the initrd.
Before that it is looked at how the daemon and its workers are confined, see confinement.py.

reboot.py IMAGE-FOLDER
"""
import sys

from confinement import check_confinement
from scenario import CARD, check, host, say

GOOD, ALT = f"{CARD}/good@3.8.7", f"{CARD}/alt@4.0.0"
UNITS = ("dmvd.socket", "dmvd.service", "dmv-fetch.socket", "dmv-fetch@.service", "dmv-apply.socket", "dmv-apply@.service",
         "dmv-guest.socket", "dmv-guest@.service", "dmv-stop-guests.service", "dmv-restore-guests.service",
         "dmv-activate.service", "dmv-boot.service", "dmv-commit.service", "dmv-refresh.service", "dmv-refresh.timer")


def times(m, unit):
    """When a unit did what, in microseconds since the kernel began; only what happened."""
    text = m.run("systemctl", "show", unit, "-p", "ExecMainStartTimestampMonotonic", "-p", "ExecMainExitTimestampMonotonic",
                 "-p", "ActiveEnterTimestampMonotonic")
    pairs = (line.split("=", 1) for line in text.splitlines())
    return {name.replace("TimestampMonotonic", ""): int(value) for name, value in pairs if value != "0"}


def check_order(m):
    """The first word of the boot came after the root could be written and before anything could load a driver."""
    boot = times(m, "dmv-boot.service")
    root = times(m, "systemd-remount-fs.service")["ActiveEnter"]
    check("dmv-boot.service after the root was remounted", boot["ExecMainStart"] >= root, True)
    for unit in ("systemd-udev-trigger.service", "systemd-modules-load.service", "systemd-networkd.service"):
        check(f"dmv-boot.service done before {unit}", times(m, unit)["ExecMainStart"] >= boot["ExecMainExit"], True)
    before = m.run("systemctl", "show", "dmv-boot.service", "-p", "Before", "--value").split()
    check("dmv-boot.service before the network is configured", "network-pre.target" in before, True)
    commit = times(m, "dmv-commit.service")
    check("dmv-commit.service after it", commit["ExecMainStart"] > boot["ExecMainExit"], True)
    say(f"the boot waited {(boot['ExecMainExit'] - boot['ExecMainStart']) // 1000} ms for dmv-boot.service")


def staged_until_the_reboot(m, inbox):
    m.reload()
    check("loaded while staged", m.loaded_build_id("e1000e"), inbox)
    check("active after a reload", m.driver()["activeRelease"], "inbox")
    m.run("sync")
    m.cut()
    m.start()
    m.wait_boot()
    status = m.dmvctl("status")
    check("staged after a power cut", status["staged"]["selections"], [f"{CARD} good@3.8.7"])
    check("current after a power cut", status.get("generation"), None)
    check("loaded after a power cut", m.loaded_build_id("e1000e"), inbox)
    check("clean after a power cut", m.dmvctl("verify")["clean"], True)


with host(sys.argv[1]) as m:
    verified = m.try_run("systemd-analyze", "verify", "--man=no", *UNITS)  # there is no man(1)
    check("systemd-analyze verify", (verified.status, verified.out, verified.err), (0, "", ""))
    check_confinement(m)
    m.use_initrd_with_card()
    m.shell("echo loop >/etc/modules-load.d/dmv-test.conf")  # so that there is something to load
    inbox = m.loaded_build_id("e1000e")
    m.dmvctl("install", GOOD)
    m.dmvctl("install", ALT)
    m.dmvctl("select", GOOD, "--accept-lifeline")  # its card is the way to the network
    staged_until_the_reboot(m, inbox)
    say("a power cut leaves it staged")

    m.reboot()
    m.check_committed(GOOD, 1)  # by the card with that driver
    check("another file", m.loaded_build_id("e1000e") != inbox, True)
    check_order(m)
    say("active and good after the reboot")

    good = m.loaded_build_id("e1000e")
    m.dmvctl("select", ALT, "--now", "--accept-lifeline")
    check("loaded after --now", m.loaded_build_id("e1000e"), good)
    check("next after --now", m.driver()["activeRelease"], GOOD)
    m.reload()
    check("active after --now and a reload", m.driver()["activeRelease"], ALT)
    check("trial after --now", m.dmvctl("status")["boot"]["phase"], "trial")
    check("clean after --now", m.dmvctl("verify")["clean"], True)
    say("--now switches at once")
    m.reboot()
    m.check_committed(ALT, 2)
    say("good after its reboot as well")
    m.off()
