# SPDX-License-Identifier: LGPL-2.1-or-later
"""Power cuts while the host switches from one release to another and back: it boots, all is whole, and the state is the old or the
new generation.

power-cuts.py IMAGE-FOLDER [--count N] [--seed S] [--steps] [--initrd]

--count   cuts at random moments from `systemctl reboot` until the machine resets (3)
--seed    of the moments; the same seed cuts at the same shares of the time (1)
--steps   also a cut when each step of `dmvctl activate` begins
--initrd  the driver is in the initrd image, which is then a step as well

QEMU's writes reach the page cache of this machine, which survives the end of QEMU: lost is what the guest had not written.
"""
import argparse
import os
import random
import re
import time

from scenario import CARD, check, host, say

RELEASES = ("good@3.8.7", "alt@4.0.0")
RESET = "reboot: Restarting system"
STEP = re.compile(r"job_progress .*activate[^:]*: (.+)")


class Console:
    """What the guest's console says from now on."""

    def __init__(self, m):
        self.file = open(m.console, errors="replace")
        self.file.seek(0, os.SEEK_END)
        self.text = ""

    def wait(self, found, seconds):
        """Until found(text) is true. Return: it, or None when the time is over."""
        end = time.monotonic() + seconds
        while True:
            self.text += self.file.read()
            answer = found(self.text)
            if answer or time.monotonic() > end:
                return answer
            time.sleep(0.005)

    def steps(self):
        return STEP.findall(self.text)


def current(m):
    """The release in place, as the generation says it."""
    selections = m.dmvctl("status").get("generation", {}).get("selections", [])
    return selections[0].split()[1] if selections else "inbox"


def stage_other(m):
    """Return: what is in place, and what will be."""
    old = current(m)
    new = RELEASES[old == RELEASES[0]]
    m.dmvctl("select", f"{CARD}/{new}", "--accept-lifeline")
    m.run("sync")
    return old, new


def cut_and_look(m, what, old, new):
    """Pulls the cord now, and looks at what the next boot finds."""
    m.cut()
    m.start()
    m.wait_boot()
    m.wait_phase("good")
    state = current(m)
    check(f"{what}: old or new", state in (old, new), True)
    check(f"{what}: clean", m.dmvctl("verify")["clean"], True)
    check(f"{what}: what runs", m.driver()["activeRelease"], "inbox" if state == "inbox" else f"{CARD}/{state}")
    check(f"{what}: what loads next", (state.split("@")[0] if state != "inbox" else "kernel") in
          m.shell("readlink -f $(modinfo -n e1000e)").split("/"), True)
    check(f"{what}: no transaction left", m.shell("ls -A /var/lib/dmv/journal 2>/dev/null || true"), "")
    say(f"{what}: {'the new' if state == new else 'the old'} generation")


def whole_reboot(m):
    """One without a cut. Return: seconds until the reset."""
    stage_other(m)
    console, begin = Console(m), time.monotonic()
    m.post("systemctl", "reboot")
    check("the reset", bool(console.wait(lambda text: RESET in text, 600)), True)
    seconds = time.monotonic() - begin
    m.wait_boot()
    m.wait_phase("good")
    return seconds


def random_cuts(m, count, seed):
    length = whole_reboot(m)
    say(f"from the command to the reset: {length:.1f} s")
    moments = random.Random(seed)
    for i in range(count):  # one in each of as many parts of the time
        share = (i + moments.random()) / count
        old, new = stage_other(m)
        m.post("systemctl", "reboot")
        time.sleep(share * length)
        cut_and_look(m, f"cut {i + 1} of {count}, at {share:.0%}", old, new)


def activate(m, console):
    m.post("sh", "-c", "dmvctl monitor >/dev/ttyS0 & sleep 1; dmvctl activate --accept-lifeline; kill $!")


def named_steps(m):
    stage_other(m)
    console = Console(m)
    activate(m, console)
    check("the activation", bool(console.wait(lambda text: "job_finished" in text, 600)), True)
    n = len(console.steps())
    say(f"steps: {'; '.join(console.steps())}")
    m.reboot()
    m.wait_phase("good")
    for i in range(n):
        old, new = stage_other(m)
        console = Console(m)
        activate(m, console)
        check(f"step {i + 1}", bool(console.wait(lambda text: len(STEP.findall(text)) > i, 600)), True)
        cut_and_look(m, f"step {i + 1} of {n}, {console.steps()[i]}", old, new)
    _, new = stage_other(m)
    console = Console(m)
    activate(m, console)
    check("the activation", bool(console.wait(lambda text: "job_finished" in text, 600)), True)
    cut_and_look(m, "right after the activation", new, new)  # what was answered stays


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("image")
    parser.add_argument("--count", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--steps", action="store_true")
    parser.add_argument("--initrd", action="store_true")
    options = parser.parse_args()
    with host(options.image) as m:
        if options.initrd:
            m.use_initrd_with_card()
        for release in RELEASES:
            m.dmvctl("install", f"{CARD}/{release}")
        random_cuts(m, options.count, options.seed)
        if options.steps:
            named_steps(m)


main()
