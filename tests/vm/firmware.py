# SPDX-License-Identifier: LGPL-2.1-or-later
"""A release that brings firmware: after the switch the kernel's own search finds it, in the initrd and after it, before the file of
the same name that the distribution has.

firmware.py IMAGE-FOLDER
"""
import sys

from scenario import CARD, check, host, say

NAME = "dmv-test/card.bin"


def got(m):
    """What the driver has said that it got, once for every time it was loaded."""
    return m.shell("dmesg | sed -n 's/.*dmv test: firmware //p'").splitlines()


with host(sys.argv[1]) as m:
    kernel = m.run("uname", "-r").strip()
    link = f"/usr/lib/firmware/updates/{kernel}/{NAME}"
    m.use_initrd_with_card()
    m.shell(f"mkdir -p /usr/lib/firmware/dmv-test; printf 'of the distribution' >/usr/lib/firmware/{NAME}")
    m.dmvctl("install", f"{CARD}/firmware@5.0")
    m.dmvctl("select", f"{CARD}/firmware@5.0", "--accept-lifeline")
    check("the link while staged", m.try_run("test", "-e", link).status, 1)
    m.reboot()
    m.wait_phase("good")
    check("the link", m.read(link), "of the release")
    check("in the image", f"usr/lib/firmware/updates/{kernel}/{NAME}" in m.shell("lsinitramfs /boot/initrd.img-$(uname -r)"), True)
    check("from the initrd", got(m), ["of the release"])
    in_initrd = m.shell("dmesg | grep -nE 'dmv test: firmware|Mounting root|EXT4-fs .*mounted' | head -n1")
    check("before the root was there", "dmv test" in in_initrd, True)
    say("found from the initrd")
    m.reload()
    check("from the root", got(m), ["of the release"] * 2)
    say("found from the root")
    m.dmvctl("select", CARD, "inbox", "--now", "--accept-lifeline")
    check("the link after deselection", m.try_run("test", "-e", link).status, 1)
    check("clean", m.dmvctl("verify")["clean"], True)
