# SPDX-License-Identifier: LGPL-2.1-or-later
"""Install, select, reboot: what was selected is what the kernel runs, and before the reboot nothing has changed.

reboot.py IMAGE-FOLDER
"""
import sys

from scenario import CARD, check, host, say

with host(sys.argv[1]) as m:
    inbox = m.loaded_build_id("e1000e")
    m.dmvctl("install", f"{CARD}/good@3.8.7")
    m.dmvctl("select", f"{CARD}/good@3.8.7", "--accept-lifeline")  # its card is the way to the network

    # staged: what is loaded now, by a reload and after a power cut, is what was there before
    m.reload()
    check("loaded while staged", m.loaded_build_id("e1000e"), inbox)
    m.run("sync")
    m.cut()
    m.start()
    m.wait_boot()
    status = m.dmvctl("status")
    check("staged after a power cut", status["staged"]["selections"], [f"{CARD} good@3.8.7"])
    check("current after a power cut", status.get("generation"), None)
    check("loaded after a power cut", m.loaded_build_id("e1000e"), inbox)
    check("clean after a power cut", m.dmvctl("verify")["clean"], True)
    say("a power cut leaves it staged")

    m.reboot()
    check("active", m.driver()["activeRelease"], f"{CARD}/good@3.8.7")
    check("by", m.driver()["modules"][0]["proof"], "build_id")
    check("another file", m.loaded_build_id("e1000e") != inbox, True)
    check("the vendor's note", "good" in m.note("e1000e") and "3.8.7" in m.note("e1000e"), True)
    status = m.dmvctl("status")
    check("reboot needed", status["rebootNeeded"], False)
    m.wait_network()  # by the card with the new driver
    say("active after the reboot")
    m.off()
