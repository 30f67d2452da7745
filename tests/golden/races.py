#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Others change the host while something is activated. The worker is held at its depmod, or the daemon before it looks at what came of it;
and then nobody is held, and the moments are random.

Afterwards no link leads nowhere, no journal is left, the real modprobe finds a file for every kernel, what somebody else has put there is
as he left it, and `rescan --now` brings what is selected, whoever won before.
"""
import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../support"))
from dmvd import Client, Daemon, wait_for  # noqa: E402

DMVD, ROOT, SYSFS, PROCFS, SCRATCH, K1, K2 = sys.argv[1:8]
HOLD = f"{ROOT}/run/hold-depmod"
MODULES = f"{ROOT}/usr/lib/modules"
DRIVER = "intel-e1000e"
RELEASES = [f"{DRIVER}/generic@3.8.7", f"{DRIVER}/generic@3.9.0"]
# of a change that met somebody else's: each says that every file is as before
FAILURES = {"prediction-failed", "tool-failed", "world-moved", "undone", "failed", "conflict", "no-such-kernel", "broken-release"}


def run(*argv):
    result = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert result.returncode == 0, f"{' '.join(argv)}: {result.returncode}\n{result.stdout}"
    return result.stdout


def give_root_a_shell():
    """For scriptlets, which rpm runs inside: programs and libraries of this machine, in this mount namespace only."""
    libraries = [os.path.join("/usr/lib", d) for d in os.listdir("/usr/lib") if d.endswith("-linux-gnu")]
    for source in ["/usr/bin", *libraries, os.path.realpath("/lib64")]:
        target = f"{ROOT}/lib64" if source == os.path.realpath("/lib64") else ROOT + source
        os.makedirs(target, exist_ok=True)
        run("mount", "--bind", source, target)
    os.symlink("../bin/kmod", f"{ROOT}/usr/sbin/depmod")


# ---- what others do ----

class Rpm:
    """A package with a module in updates/, which runs depmod in its scriptlet."""
    foreign = f"{MODULES}/{K2}/updates/e1000e.ko"

    def do(self):
        run("rpm", "--root", ROOT, "--dbpath", "/var/lib/rpm", "-i", "--nodeps", f"{SCRATCH}/kmod-e1000e.rpm")

    def undo(self):
        run("rpm", "--root", ROOT, "--dbpath", "/var/lib/rpm", "-e", "kmod-e1000e")


class Depmod:
    foreign = None

    def do(self):
        depmod(K2)

    def undo(self):
        pass


class Link:
    """A link by hand, to a file that is not ours, and no depmod."""
    foreign = f"{MODULES}/{K2}/updates/e1000e.ko"
    target = os.path.relpath(f"{ROOT}/opt/e1000e.ko", os.path.dirname(foreign))

    def do(self):
        os.makedirs(os.path.dirname(self.foreign), exist_ok=True)
        run("ln", "-sf", self.target, self.foreign)

    def undo(self):
        if os.readlink(self.foreign) == self.target:
            os.unlink(self.foreign)
        depmod(K2)


class Removal:
    """The package of a kernel goes: its folder, and then its scriptlet's depmod finds nothing to do."""
    foreign = None

    def do(self):
        while os.path.exists(f"{MODULES}/{K1}"):  # as somebody who is sure: what appears meanwhile goes as well
            shutil.rmtree(f"{MODULES}/{K1}", ignore_errors=True)

    def undo(self):
        shutil.copytree(f"{SCRATCH}/kernel", f"{MODULES}/{K1}", symlinks=True)


def depmod(kernel):
    run("bash", "-c", 'exec -a depmod /bin/kmod "$@"', "depmod", "-b", ROOT, "-C", f"{ROOT}/etc/depmod.d", kernel)


# ---- looking ----

def look(path):
    """A file or a link as it is, to see later that nobody has touched it."""
    if not path or not os.path.lexists(path):
        return None
    if os.path.islink(path):
        return os.readlink(path)
    with open(path, "rb") as f:
        return hashlib.sha256(f.read()).hexdigest()


def effective(kernel):
    said = run("modprobe", "-d", ROOT, "-C", f"{ROOT}/etc/modprobe.d", "-S", kernel, "--show-depends", "e1000e")
    path = said.split()[-1]
    assert os.path.exists(path), f"modprobe would insert {path}, which is not there"
    return os.path.realpath(path)


def is_of(path, release):
    driver, _, rest = release.partition("/")
    return "/store/" in path and f"/{driver}/{rest.replace('@', '/')}/" in path


def kernels():
    return [k for k in (K1, K2) if os.path.exists(f"{MODULES}/{k}")]


class Host:
    def __init__(self):
        self.daemon = Daemon([DMVD, "--root", ROOT, "--sysfs", SYSFS, "--procfs", PROCFS], open("log", "a"))
        self.daemon.wait_notification("READY=1")
        self.client = Client(self.daemon.path)

    def call(self, method, parameters=None):
        reply = self.client.call(method, parameters)
        assert "error" not in reply, reply
        return reply["parameters"]

    def wait_idle(self):
        while "job" in self.call("Status"):
            time.sleep(0.01)

    def begin(self, release):
        self.client.send("Select", {"object": release, "now": True})

    def end(self):
        """Return: None, or the reason why it was undone."""
        reply = self.client.receive()
        if "error" not in reply:
            return None
        assert reply["parameters"]["reason"] in FAILURES, reply
        return reply["parameters"]["reason"]


def check(host, what, other, touched):
    """The host is in a state that can be explained, and says so itself."""
    host.wait_idle()
    for kernel in kernels():
        effective(kernel)
        for tree in ("updates", "override", "extra"):
            for folder, _, files in os.walk(f"{MODULES}/{kernel}/{tree}"):
                for name in files:
                    assert os.path.exists(os.path.join(folder, name)), f"{what}: {folder}/{name} leads nowhere"
    assert not os.path.exists(f"{ROOT}/var/lib/dmv/journal"), what
    assert look(other.foreign) == touched, f"{what}: the file of somebody else was touched"
    for method in ("Status", "Verify", "ListDrivers"):
        host.call(method)
    problems = [p for p in host.call("Status")["problems"] if p["reason"] == "state-broken"]
    assert not problems, f"{what}: {problems}"
    assert host.call("History", {"limit": 1000})["problems"] == []


def check_settled(host, what, release, other, touched):
    """What is wanted is in force, over whatever somebody else has put there."""
    host.call("Rescan", {"now": True})
    check(host, what, other, touched)
    for kernel in kernels():
        assert is_of(effective(kernel), release), f"{what}: {kernel} would load {effective(kernel)} and not {release}"
    assert host.call("Plan")["changed"] is False, what
    if other.foreign:
        said = str(host.call("Show", {"object": DRIVER})["driver"].get("adopted"))
        assert "beaten" in said, f"{what}: list does not say that the file of somebody else is beaten: {said}"


def restore(host, other):
    other.undo()
    host.call("Rescan", {"now": True})


# ---- moments ----

def do(other):
    other.do()
    return look(other.foreign)


def begin_held(host, release):
    """Until depmod runs. Return: the worker."""
    open(HOLD, "w").close()
    host.begin(release)
    wait_for("depmod runs", host.daemon.at_depmod)
    return host.daemon.at_depmod()


def before(host, other, release):
    """Done, and nobody has told dmv."""
    touched = do(other)
    host.begin(release)
    return host.end(), touched


def in_the_middle(host, other, release):
    """The index is being made."""
    begin_held(host, release)
    touched = do(other)
    os.unlink(HOLD)
    return host.end(), touched


def before_the_confirmation(host, other, release):
    """All is done, and the daemon has not looked at it."""
    worker = begin_held(host, release)
    host.daemon.process.send_signal(signal.SIGSTOP)
    os.unlink(HOLD)

    def sleeps():
        with open(f"/proc/{worker}/wchan") as w, open(f"/proc/{worker}/task/{worker}/children") as f, \
                open(f"/proc/{worker}/syscall") as s:
            return not f.read() and ("epoll" in w.read() or s.read().split()[0] in ("232", "281", "441", "22"))
    try:
        wait_for("the worker waits for the confirmation", sleeps)
        touched = do(other)
    finally:
        host.daemon.process.send_signal(signal.SIGCONT)
    return host.end(), touched


# A worker with sanitizers does not sleep in the call that one is known by
with open(DMVD, "rb") as f:
    MOMENTS = (before, in_the_middle) if b"__asan_init" in f.read() else (before, in_the_middle, before_the_confirmation)


def test_each_at_each_moment(host):
    turn = 0
    for other in (Rpm(), Depmod(), Link(), Removal()):
        for moment in MOMENTS:
            turn += 1
            release = RELEASES[turn % 2]
            what = f"{type(other).__name__}, {moment.__name__}"
            failure, touched = moment(host, other, release)
            print(f"  {what}: {failure or 'done'}", flush=True)
            check(host, what, other, touched)
            check_settled(host, what, release, other, touched)
            restore(host, other)
            check_settled(host, f"{what}, and back", release, Depmod(), None)


def test_at_random_moments(host):
    seed = int(os.environ.get("DMV_SEED", random.randrange(1 << 32)))
    turns = int(os.environ.get("DMV_RACES", 12))
    print(f"  {turns} turns, seed {seed}", flush=True)
    dice = random.Random(seed)
    undone = 0
    for turn in range(turns):
        other, release = dice.choice((Rpm, Depmod, Link, Removal))(), RELEASES[turn % 2]
        what = f"turn {turn}, {type(other).__name__}"
        thread = threading.Timer(dice.random() * 0.12, other.do)
        thread.start()
        host.begin(release)
        undone += host.end() is not None
        thread.join()
        touched = look(other.foreign)
        check(host, what, other, touched)
        check_settled(host, what, release, other, touched)
        restore(host, other)
        check_settled(host, f"{what}, and back", release, Depmod(), None)
    print(f"  {undone} of {turns} were undone", flush=True)


def main():
    give_root_a_shell()
    host = Host()
    host.call("Select", {"object": RELEASES[0], "now": True})
    for name, test in list(globals().items()):
        if name.startswith("test_"):
            print(name, flush=True)
            test(host)
    host.client.close()
    host.daemon.stop()


main()
