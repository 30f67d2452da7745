# SPDX-License-Identifier: LGPL-2.1-or-later
"""A release that is broken: the host comes back on what was good before, by itself, and says why.

broken.py IMAGE-FOLDER FAULT...

The faults are those of make-modules. One machine has them one after the other: each time it is good before, and good after.
"""
import re
import sys

from scenario import CARD, check, host, say

# fault: release; settings of the section [boot]; what the reason says
FAULTS = {
    # the device stays without a driver, which is the management card: bad health, and a reboot
    "probe": ("probe@9.1", {}, r"0000:00:02\.0: no driver is bound to it"),
    "init": ("init@9.6", {}, r"0000:00:02\.0: no driver is bound to it"),
    "hang": ("hang@9.3", {}, r"0000:00:02\.0"),
    # the kernel panics before anything could report, as often as attempts are allowed
    "oops": ("oops@9.2", {}, r"2 boots ended without a report of health that lasted"),
    # all is well at first, and the soak has not ended
    "panic": ("panic@9.5", {"soak": 300, "attempts": 1}, r"1 boot ended without a report of health that lasted"),
    # it binds, and the management interface never has a carrier
    "link": ("link@9.4", {}, r"link"),
}


def gone_back(m, number):
    """That generation, once it is bad and the one before has proven itself."""
    generations = {g["number"]: g for g in m.dmvctl("generations")["generations"]}
    return generations[number] if m.status_in("good") and generations.get(number, {}).get("state") == "bad" else None


def comes_back(m, fault):
    release, settings, reason = FAULTS[fault]
    before = m.dmvctl("status").get("generation")
    m.settings(**settings)
    m.dmvctl("install", f"{CARD}/{release}")
    m.dmvctl("select", f"{CARD}/{release}", "--accept-lifeline")
    number = m.dmvctl("status")["staged"]["number"]
    say(f"{fault}: selected")
    m.post("systemctl", "reboot")
    generation = m.wait_for(f"the way back from generation {number}", lambda: gone_back(m, number))
    check(f"{fault}: generation", m.dmvctl("status").get("generation"), before)
    check(f"{fault}: active", m.driver()["activeRelease"], "inbox")
    check(f"{fault}: next", "/kernel/" in m.run("modinfo", "-n", "e1000e"), True)
    m.wait_network()
    for where, text in (("generations", generation["reason"]), ("history", m.run("dmvctl", "history"))):
        if not re.search(reason, text):
            sys.exit(f"FAIL: {fault}: no word of {reason!r} in {where}: {text}")
    check(f"{fault}: clean", m.dmvctl("verify")["clean"], True)
    say(f"{fault}: back by itself: {generation['reason']}")


with host(sys.argv[1]) as m:
    for fault in sys.argv[2:]:
        comes_back(m, fault)
    m.off()
