# SPDX-License-Identifier: LGPL-2.1-or-later
"""Under which confinement the daemon and its workers really run: what the kernel of a booted host says of each, seen while
they run by their units, and what becomes of one that hangs. For a scenario that has a machine anyway.
"""
import json

from scenario import check, say

# Connects to the workers' sockets, so that each runs and waits for a call, and says what /proc has about it. A file is made
# through the root of the process, where its mounts hold: EROFS is what it would get itself.
PROBE = r"""
import ctypes, errno, json, os, socket, subprocess, sys, time

def running(pattern):
    for _ in range(600):
        listed = subprocess.run(["systemctl", "list-units", "--plain", "--no-legend", "--state=active", pattern],
                                stdout=subprocess.PIPE, text=True).stdout.split()
        pid = listed and subprocess.run(["systemctl", "show", "-P", "MainPID", listed[0]], stdout=subprocess.PIPE,
                                        text=True).stdout.strip()
        if pid and pid != "0" and status(pid).get("Seccomp") == "2" and is_settled(pid):
            return listed[0], pid
        time.sleep(0.1)
    raise SystemExit(f"{pattern} does not run")

def status(pid):
    with open(f"/proc/{pid}/status") as f:
        return {name: value.strip() for name, value in (line.split(":", 1) for line in f)}

# it waits for a call: everything that it takes from itself is taken
def is_settled(pid):
    with open(f"/proc/{pid}/wchan") as f:
        return "epoll" in f.read()

def try_to_make(pid, path):
    name = f"/proc/{pid}/root{path}/dmv-test"
    try:
        os.close(os.open(name, os.O_CREAT | os.O_WRONLY))
        os.unlink(name)
        return "made"
    except OSError as e:
        return errno.errorcode[e.errno]

def seen(pid, path):
    try:
        return sorted(os.listdir(f"/proc/{pid}/root{path}"))
    except OSError as e:
        return errno.errorcode[e.errno]

workers = {}
for name in sys.argv[1:]:
    s = workers[name] = socket.socket(socket.AF_UNIX)
    s.connect(f"/run/dmv/io.dmv.{name}")
found = {"abi": ctypes.CDLL(None, use_errno=True).syscall(444, None, 0, 1)}
for pattern in ("dmvd.service", *(f"dmv-{name.lower()}@*" for name in workers)):
    unit, pid = running(pattern)
    with open(f"/proc/{pid}/net/dev") as f:
        cards = sorted(line.split(":")[0].strip() for line in f if ":" in line)
    found[pattern.split("@")[0].split(".")[0]] = {
        "unit": unit, **{k: status(pid)[k] for k in ("Uid", "NoNewPrivs", "Seccomp", "CapEff", "CapBnd")},
        "own network": os.readlink(f"/proc/{pid}/ns/net") != os.readlink("/proc/1/ns/net"), "cards": cards,
        "own mounts": os.readlink(f"/proc/{pid}/ns/mnt") != os.readlink("/proc/1/ns/mnt"),
        "makes": {path: try_to_make(pid, path) for path in ("/usr/bin", "/etc", "/usr/lib/modules", "/boot", "/var/lib/dmv")},
        "sees": {path: seen(pid, path) for path in ("/boot", "/var/lib/dmv", "/home")},
        "security": subprocess.run(["systemd-analyze", "security", "--no-pager", unit], stdout=subprocess.PIPE,
                                   text=True).stdout.strip().splitlines()[-1]}
print(json.dumps(found))
"""
# A worker that is stopped says nothing any more. PATTERN is of its unit.
HANG = r"""
import os, signal, socket, subprocess, sys, time

def show(unit, what):
    return subprocess.run(["systemctl", "show", "-P", what, unit], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()

name, pattern = sys.argv[1:]
s = socket.socket(socket.AF_UNIX)
s.connect(f"/run/dmv/io.dmv.{name}")
for _ in range(600):
    listed = subprocess.run(["systemctl", "list-units", "--plain", "--no-legend", "--state=active", pattern],
                            stdout=subprocess.PIPE, text=True).stdout.split()
    if listed and show(listed[0], "MainPID") != "0":
        break
    time.sleep(0.1)
unit, pid = listed[0], int(show(listed[0], "MainPID"))
os.kill(pid, signal.SIGSTOP)
for _ in range(1200):
    if not os.path.exists(f"/proc/{pid}"):
        break
    time.sleep(0.1)
said = ""
for _ in range(100):  # the unit itself may be forgotten already
    if "Failed with result" in said:
        break
    time.sleep(0.1)
    said = subprocess.run(["journalctl", "-b", "--no-pager", "-o", "cat", "-u", unit], stdout=subprocess.PIPE, text=True).stdout
print("timeout" if "Failed with result 'timeout'" in said else said, os.path.exists(f"/proc/{pid}"))
"""
TWO = "00000000000000c0"  # setuid, setgid
SIX = "000000000804000f"  # chown, dac_override, dac_read_search, fowner, sys_chroot, mknod
NONE = "0" * 16


def exposure(process):
    return float(process["security"].split("Overall exposure level for ")[1].split(": ")[1].split()[0])


def check_common(name, process, capabilities, most):
    for what, want in (("NoNewPrivs", "1"), ("Seccomp", "2"), ("CapEff", capabilities), ("CapBnd", capabilities),
                       ("own mounts", True)):
        check(f"{name}: {what}", process[what], want)
    check(f"{name}: exposure {exposure(process)} at most {most}", exposure(process) <= most, True)
    for path in ("/usr/bin", "/etc"):
        check(f"{name} in {path}", process["makes"][path], "EROFS")


def check_hang(m, name, unit):
    """Its unit ends it, after a time that is shortened here."""
    limit = m.run("systemctl", "show", "-P", "RuntimeMaxUSec", f"{unit}x.service").strip()
    check(f"{unit} has an end", limit not in ("", "infinity"), True)
    drop_in = f"/run/systemd/system/{unit}.service.d"
    m.shell(f"mkdir {drop_in} && echo '[Service]\nRuntimeMaxSec=5' >{drop_in}/test.conf && systemctl daemon-reload")
    check(f"{unit}: hangs", m.run("python3", "-c", HANG, name, f"{unit}*").split(), ["timeout", "False"])
    m.shell(f"rm -r {drop_in} && systemctl daemon-reload")


def check_said_nothing(m, *workers):
    """What workers take from themselves comes on top: whatever of it they had to pass over they would have said."""
    words = m.run("journalctl", "-b", "--no-pager", "-o", "cat", *(word for worker in workers for word in ("-t", worker)))
    check("said of Landlock and filters", [w for w in words.splitlines() if "this kernel" in w], [])


def check_confinement(m):
    m.dmvctl("status")
    found = json.loads(m.run("python3", "-c", PROBE, "Fetch", "Apply"))
    daemon, fetch, apply = found["dmvd"], found["dmv-fetch"], found["dmv-apply"]

    check_common("dmvd", daemon, NONE, 1.5)
    check("dmvd: uid", daemon["Uid"].split(), ["0"] * 4)
    check("dmvd writes", daemon["makes"], {"/usr/bin": "EROFS", "/etc": "EROFS", "/usr/lib/modules": "EROFS", "/boot": "EROFS",
                                           "/var/lib/dmv": "made"})

    check_common("dmv-fetch", fetch, NONE, 1.8)
    uids = set(fetch["Uid"].split())
    check(f"dmv-fetch: a user of its own {uids}", len(uids) == 1 and 61184 <= int(uids.pop()) <= 65519, True)
    check("dmv-fetch sees of /boot", fetch["sees"]["/boot"], [])
    check("dmv-fetch sees of /var/lib/dmv", fetch["sees"]["/var/lib/dmv"], [])
    check("dmv-fetch in the module trees", fetch["makes"]["/usr/lib/modules"], "EROFS")
    check("dmv-fetch: its own network", fetch["own network"], False)

    check_common("dmv-apply", apply, SIX, 3.6)
    check("dmv-apply: uid", apply["Uid"].split(), ["0"] * 4)
    check("dmv-apply: its own network", (apply["own network"], apply["cards"]), (True, ["lo"]))
    for path in ("/usr/lib/modules", "/boot", "/var/lib/dmv"):
        check(f"dmv-apply in {path}", apply["makes"][path], "made")

    check("Landlock in this kernel", found["abi"] >= 2, True)
    check_said_nothing(m, "dmv-fetch", "dmv-apply")
    for name, pattern in (("Fetch", "dmv-fetch@"), ("Apply", "dmv-apply@")):
        check_hang(m, name, pattern)
    say("confined: " + ", ".join(f"{n} {exposure(found[n])}" for n in ("dmvd", "dmv-fetch", "dmv-apply")))


def check_guest_confinement(m):
    """Of the guest worker, on a Xen host: while it waits for a call it is root still, and can become somebody else only."""
    m.dmvctl("status")
    found = json.loads(m.run("python3", "-c", PROBE, "Guest"))
    guest = found["dmv-guest"]
    check_common("dmv-guest", guest, TWO, 1.6)
    check("dmv-guest: uid", guest["Uid"].split(), ["0"] * 4)
    check("dmv-guest: its own network", (guest["own network"], guest["cards"]), (True, ["lo"]))
    for path in ("/usr/lib/modules", "/var/lib/dmv"):
        check(f"dmv-guest in {path}", guest["makes"][path] in ("EROFS", "EACCES"), True)
    check("dmv-guest sees of /boot and /var/lib/dmv", (guest["sees"]["/boot"], guest["sees"]["/var/lib/dmv"]), ([], []))
    check_said_nothing(m, "dmv-guest")
    say(f"confined: dmv-guest {exposure(guest)}")
