# SPDX-License-Identifier: LGPL-2.1-or-later
"""A release that is broken: the host comes back on what was good before, by itself, and says why.

broken.py IMAGE-FOLDER FAULT...

The faults are those of make-modules. One machine has them one after the other: each time it is good before, and good after.
"""
import re
import sys

from scenario import CARD, DISK, check, host, say

MODULES = {CARD: "e1000e", DISK: "vmw_pvscsi"}
# fault: release; settings of the section [boot]; what the reason says
FAULTS = {
    # the device stays without a driver, which is the management card: bad health, and a reboot
    "probe": (f"{CARD}/probe@9.1", {}, r"0000:00:02\.0: no driver is bound to it"),
    "init": (f"{CARD}/init@9.6", {}, r"0000:00:02\.0: no driver is bound to it"),
    # the kernel takes signed modules only, and this one is not: see enforce_signatures()
    "unsigned": (f"{CARD}/good@3.8.7", {}, r"0000:00:02\.0: no driver is bound to it"),
    # it is never done with its device
    "hang": (f"{CARD}/hang@9.3", {}, r"e1000e"),
    # the kernel panics before anything could report, as often as attempts are allowed
    "oops": (f"{CARD}/oops@9.2", {}, r"2 boots ended without a report of health that lasted"),
    # all is well at first, and the soak has not ended
    "panic": (f"{CARD}/panic@9.5", {"soak": 300, "attempts": 1}, r"1 boot ended without a report of health that lasted"),
    # it binds, and the management interface never has a carrier
    "link": (f"{CARD}/link@9.4", {"settle": 10}, r"the link was up"),
    # the initrd has no way to the root: nothing of the new generation's system ever runs
    "disk": (f"{DISK}/probe@9.1", {}, r"the host came up by the default entry"),
}


def enforce_signatures(m):
    """From the next boot on the kernel loads no module without a signature that it trusts. The one that runs does not know of it, or dmv
    would refuse the selection."""
    m.shell("sed -i 's/^GRUB_CMDLINE_LINUX=\"/&module.sig_enforce=1 /' /etc/default/grub; update-grub 2>&1")


def check_enforced(m, release):
    """The kernel does, and what it would refuse cannot be selected any more."""
    check("the kernel enforces signatures", m.read("/sys/module/module/parameters/sig_enforce").strip(), "Y")
    check("a choice that the kernel would refuse", m.refused(6, "select", release)["reason"], "module-kernel-refuses")


def comes_back(m, fault):
    release, settings, reason = FAULTS[fault]
    driver = release.split("/")[0]
    if fault == "unsigned":
        enforce_signatures(m)
    before = m.dmvctl("status").get("generation")
    m.settings(boot=settings)
    m.dmvctl("install", release)
    m.dmvctl("select", release)  # lifelines as they are: there is a way back
    number = m.dmvctl("status")["staged"]["number"]
    say(f"{fault}: selected")
    m.post("systemctl", "reboot")
    generation = m.wait_gone_back(number)
    status = m.dmvctl("status")
    check(f"{fault}: generation", status.get("generation"), before)
    check(f"{fault}: what status says was left", status["left"]["reason"], generation["reason"])
    check(f"{fault}: active", m.driver(driver)["activeRelease"], "inbox")
    check(f"{fault}: next", "/kernel/" in m.run("modinfo", "-n", MODULES[driver]), True)
    m.wait_network()
    for where in ("status", "history"):
        text = m.run("dmvctl", where)
        print(f"# dmvctl {where}\n{text}", flush=True)
        if not re.search(reason, text):
            sys.exit(f"FAIL: {fault}: no word of {reason!r} in {where}: {text}")
    check(f"{fault}: clean", m.dmvctl("verify")["clean"], True)
    if fault == "unsigned":
        check_enforced(m, release)
    check(f"{fault}: boot entry", m.shell("ls /boot/grub/dmv.cfg /boot/*.dmv-trial 2>/dev/null || true"), "")
    say(f"{fault}: back by itself: {generation['reason']}")


with host(sys.argv[1]) as m:
    for fault in sys.argv[2:]:
        comes_back(m, fault)
    m.off()
