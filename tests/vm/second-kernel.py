# SPDX-License-Identifier: LGPL-2.1-or-later
"""A second real kernel is installed: before the reboot dmv says that what is selected cannot follow, and why; the kernel that has
it keeps it, and the new one gets its own driver.

second-kernel.py IMAGE-FOLDER
"""
import json
import sys

from scenario import CARD, check, host, say

GOOD = f"{CARD}/good@3.8.7"

with host(sys.argv[1]) as m:
    m.dmvctl("install", GOOD)
    m.dmvctl("select", GOOD, "--now", "--accept-lifeline")
    first = m.run("uname", "-r").strip()
    said = m.shell("dpkg -i /opt/second-kernel/*.deb 2>&1", seconds=1200)
    kernels = m.shell("cd /usr/lib/modules && ls").split()
    second = next(k for k in kernels if k != first)
    say(f"{second} is installed")
    words = f"there is no release of {GOOD} for kernel {second}"
    check(f"the installation of the kernel says it:\n{said}\n", words in " ".join(said.split()), True)
    result = m.try_run("dmvctl", "check-kernel", second)
    check(f"check-kernel {second}: {result}", result.status, 10)
    for word in (GOOD, f"would fall back to the driver of kernel {second}"):
        check(f"check-kernel says {word}", word in result.out, True)
    say(result.out.strip())
    result = m.try_run("dmvctl", "check-kernel", first)
    check(f"check-kernel {first}: {result}", result.status, 0)
    # what loads, by the real modprobe
    check("the first kernel", "/store/" in m.shell("readlink -f $(modinfo -n e1000e)"), True)
    check("the second kernel", "/kernel/" in m.shell(f"readlink -f $(modinfo -k {second} -n e1000e)"), True)
    check("selection", m.driver()["selection"], "good@3.8.7")
    result = m.try_run("dmvctl", "--json", "verify")
    errors = [finding["reason"] for finding in json.loads(result.out)["findings"] if finding["severity"] == "error"]
    check("what verify finds", (result.status, errors), (10, ["no-release-for-kernel"]))
    say("refused in words, before the reboot")
