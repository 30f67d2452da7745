# SPDX-License-Identifier: LGPL-2.1-or-later
"""What dmv costs a machine that boots: the time that its units add to a boot with nothing to do, and where the time of a switch
goes. Prints figures, judges nothing.

measure.py IMAGE-FOLDER
"""
import re
import sys

from scenario import CARD, host, say

RELEASES = ("good@3.8.7", "alt@4.0.0")
STAMPED = """
begin() { date +%s%3N; }
begin
"$@" 2>&1 | while read -r line; do echo "$(begin) $line"; done
begin
"""


def unit_cost(m):
    """Milliseconds that each unit of dmv kept others waiting in this boot: from its start until it was active."""
    units = m.shell("systemctl list-units --all --plain --no-legend 'dmv*' | cut -d' ' -f1").split()
    cost = {}
    for unit in units:
        text = m.run("systemctl", "show", unit, "-p", "InactiveExitTimestampMonotonic", "-p", "ActiveEnterTimestampMonotonic")
        times = dict(line.split("=", 1) for line in text.splitlines())
        start, active = (int(times[f"{name}TimestampMonotonic"]) for name in ("InactiveExit", "ActiveEnter"))
        cost[unit] = (active - start) / 1000 if start and active else 0
    return cost


def stamped(m, *argv):
    """Runs a command. Return: (milliseconds in all, {what each line of its progress began with: milliseconds})."""
    lines = m.run("sh", "-euc", STAMPED, "sh", *argv).splitlines()
    begin, end = int(lines[0]), int(lines[-1])
    parts, last = {}, None
    for line in lines[1:]:
        stamp, _, text = line.partition(" ")
        if last:
            parts[last[1]] = parts.get(last[1], 0) + int(stamp) - last[0]
        step = re.search(r"activate[^:]*: (\w+)", text)
        last = (int(stamp), step.group(1) if step else "end")
    return end - begin, parts


with host(sys.argv[1]) as m:
    m.use_initrd_with_card()
    for release in RELEASES:
        m.dmvctl("install", f"{CARD}/{release}")
    m.dmvctl("select", f"{CARD}/{RELEASES[0]}")
    m.reboot()
    m.wait_phase("good")
    say("the boot of a trial:")
    for unit, cost in unit_cost(m).items():
        say(f"  {unit:24} {cost:8.1f} ms")
    m.reboot()
    say("a boot with nothing to do:")
    for unit, cost in unit_cost(m).items():
        say(f"  {unit:24} {cost:8.1f} ms")
    say(f"  units of dmv in the critical chain: {m.shell('systemd-analyze critical-chain | grep -c dmv || true').strip()}")
    total, _ = stamped(m, "dmvctl", "select", f"{CARD}/{RELEASES[1]}")
    say(f"select until it is staged: {total} ms")
    total, parts = stamped(m, "dmvctl", "activate")
    say(f"activate: {total} ms, of that " + ", ".join(f"{name} {value} ms ({value / total:.0%})" for name, value in parts.items()))
    m.off()
