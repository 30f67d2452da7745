#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Two dmvd on one root: what one stores the other one knows, one at a time changes something, and who dies or is stopped keeps nobody out
for longer than that.
"""
import contextlib
import os
import signal
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../support"))
from dmvd import MANAGER, Client, Daemon, wait_for  # noqa: E402

DMVD, ROOT, SYSFS, PROCFS, STREAM = sys.argv[1:6]
ARGV = [DMVD, "--root", ROOT, "--sysfs", SYSFS, "--procfs", PROCFS]
HOLD = f"{ROOT}/run/hold-depmod"
DRIVER = "intel-e1000e"
OLD, NEW = f"{DRIVER}/generic@3.8.7", f"{DRIVER}/generic@3.9.0"
HERE = os.getcwd()


class One:
    """A daemon with sockets of its own, and a client of it."""

    def __init__(self, name):
        os.makedirs(f"{HERE}/{name}", exist_ok=True)
        os.chdir(f"{HERE}/{name}")
        self.daemon = Daemon(ARGV)
        os.chdir(HERE)
        self.daemon.wait_notification("READY=1")
        self.client = Client(self.daemon.path)

    def good(self, method, parameters=None):
        reply = self.client.call(method, parameters)
        assert "error" not in reply, reply
        return reply["parameters"]

    def busy(self, method, parameters=None):
        reply = self.client.call(method, parameters)
        assert reply.get("error") == MANAGER + "Busy", reply
        return reply["parameters"]

    def selection(self):
        return self.good("Show", {"object": DRIVER})["driver"]["selection"]

    def stop(self):
        self.client.close()
        self.daemon.stop()

    def kill(self):
        self.client.close()
        self.daemon.kill()


def hold():
    with open(HOLD, "w"):
        pass


def begin_held(one, release):
    """A switch of the daemon that stands in the middle. Return: its worker."""
    hold()
    one.client.send("Select", {"object": release, "now": True})
    wait_for("depmod runs", one.daemon.at_depmod)
    return one.daemon.at_depmod()


def would_load():
    with open(f"{PROCFS}/sys/kernel/osrelease") as f:
        kernel = f.read().strip()
    said = subprocess.run(["modprobe", "-d", ROOT, "-C", f"{ROOT}/etc/modprobe.d", "-S", kernel, "--show-depends", "e1000e"],
                          stdout=subprocess.PIPE, check=True, text=True).stdout
    return os.path.realpath(said.split()[-1])


def consistent(one, release):
    """Nothing is left to do, or lies about, and the history is whole."""
    driver, _, rest = release.partition("/")
    assert f"/{driver}/{rest.replace('@', '/')}/" in would_load(), would_load()
    assert one.selection() == rest
    assert one.good("Plan")["changed"] is False
    assert one.good("History", {"limit": 1000})["problems"] == []
    assert not os.path.exists(f"{ROOT}/var/lib/dmv/journal")
    assert not os.path.exists(f"{ROOT}/var/lib/dmv/history.jsonl.broken")


def test_what_one_stores_the_other_knows():
    first, second = One("first"), One("second")
    first.good("Select", {"object": OLD, "because": "by the first"})
    assert second.selection() == "generic@3.8.7"
    second.good("Pin", {"driver": DRIVER, "because": "by the second"})
    assert first.client.call("Select", {"object": NEW})["parameters"]["reason"] == "pinned"
    first.good("Unpin", {"driver": DRIVER})
    second.good("Select", {"object": NEW, "now": True})
    assert first.good("Status")["generation"]["number"] == second.good("Status")["generation"]["number"]
    first.good("Commit")
    actions = [e["action"] for e in second.good("History", {"limit": 5})["entries"]]
    assert actions == ["commit", "activate", "select", "unpin", "pin"], actions
    consistent(first, NEW)
    consistent(second, NEW)
    first.stop()
    second.stop()


def test_what_one_has_seen_of_a_stream_the_other_has_seen():
    """A catalog that one has taken is not forgotten by the other, or an old one could come back."""
    state = f"{ROOT}/var/lib/dmv/trust/demo.json"
    first, second = One("first"), One("second")
    with open(state) as f:
        before = f.read()
    subprocess.run([f"{os.path.dirname(DMVD)}/dmv-publish", "publish", STREAM], check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)
    first.good("Refresh")
    with open(state) as f:
        taken = f.read()
    assert taken != before
    version = first.good("Status")["streams"][0]["catalogVersion"]
    assert second.good("Status")["streams"][0]["catalogVersion"] == version
    second.good("Refresh")
    with open(state) as f:
        assert f.read() == taken, "the other one has stored what it knew before"
    first.stop()
    second.stop()


def test_one_at_a_time():
    """While one is in the middle the other one reads, and says who has to be waited for; also one that starts now."""
    first, second = One("first"), One("second")
    begin_held(first, OLD)
    third = One("third")
    for other in (second, third):
        for method, parameters in (("Activate", None), ("Select", {"object": NEW}), ("Pin", {"driver": DRIVER}), ("Refresh", None),
                                   ("Rollback", None), ("Commit", None), ("Rescan", None), ("Install", {"release": OLD})):
            assert "another dmvd" in other.busy(method, parameters)["why"], method
        for method in ("Status", "ListDrivers", "History", "Plan"):
            other.good(method)
    assert os.path.exists(f"{ROOT}/var/lib/dmv/journal"), "somebody has undone it"
    os.unlink(HOLD)
    assert "error" not in first.client.receive()
    for one in (first, second, third):
        consistent(one, OLD)
    second.good("Select", {"object": NEW, "now": True})
    consistent(third, NEW)
    for one in (first, second, third):
        one.stop()


def try_until_done(one, method, parameters):
    """As it says to whom it refuses: try again."""
    for _ in range(300):
        reply = one.client.call(method, parameters)
        if reply.get("error") != MANAGER + "Busy":
            assert "error" not in reply, reply
            return
        time.sleep(0.1)
    raise AssertionError("it stays busy")


def test_who_dies_keeps_nobody_out():
    """The daemon and its worker are killed in the middle: the other one undoes it, and goes on."""
    first, second = One("first"), One("second")
    worker = begin_held(first, OLD)
    first.kill()
    os.kill(worker, signal.SIGKILL)
    os.unlink(HOLD)
    assert os.path.exists(f"{ROOT}/var/lib/dmv/journal") and os.path.exists(f"{ROOT}/run/dmv/apply.lock")
    try_until_done(second, "Activate", None)
    consistent(second, OLD)  # the intent was stored, and is carried out now
    second.good("Select", {"object": NEW, "now": True})
    consistent(second, NEW)
    second.stop()


def test_who_is_stopped_keeps_changes_out():
    """A worker that stands still has the lock. Nothing is changed then, and nothing is broken once it has gone on."""
    first, second = One("first"), One("second")
    worker = begin_held(first, OLD)
    os.kill(worker, signal.SIGSTOP)
    os.unlink(HOLD)
    first.kill()
    second.busy("Activate")
    second.good("Status")
    third = One("third")  # waits for the lock as well, and serves
    third.busy("Select", {"object": NEW})
    assert third.good("Status")
    os.kill(worker, signal.SIGCONT)
    try_until_done(third, "Select", {"object": NEW, "now": True})
    consistent(third, NEW)
    consistent(second, NEW)
    third.stop()
    second.stop()


def test_stale_socket():
    """The socket of a daemon that was killed is a file that nobody listens on."""
    path = f"{HERE}/listened.socket"
    for how in ("killed", "killed", "stopped"):
        process = subprocess.Popen([*ARGV, "--listen", path], stderr=subprocess.PIPE)
        client = None
        for _ in range(600):
            with contextlib.suppress(OSError):
                client = Client(path)
                break
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.05)
        assert "error" not in client.call("Status")
        client.close()
        process.send_signal(signal.SIGKILL if how == "killed" else signal.SIGTERM)
        process.wait(60)
        assert how == "stopped" or os.path.exists(path)


for name, test in list(globals().items()):
    if name.startswith("test_"):
        print(name, flush=True)
        test()
