#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Many clients of one dmvd: readers while a writer is held in the middle, writers against each other, clients that misbehave.

Nothing here is asserted by the clock. A writer that waits for a depmod which the test holds (tests/support/held-depmod) cannot have ended
before readers are answered. How long they wait is measured by tests/bench.
"""
import json
import os
import random
import signal
import socket
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../support"))
from dmvd import MANAGER, Client, Daemon, wait_for  # noqa: E402

DMVD, ROOT, SYSFS, PROCFS, SANITIZED = sys.argv[1:6]
HOLD = f"{ROOT}/run/hold-depmod"
DRIVER = "intel-e1000e"
RELEASES = [f"{DRIVER}/generic@3.8.7", f"{DRIVER}/generic@3.9.0", f"{DRIVER}/alt@4.0.0"]
READS = [("Status", None), ("ListDrivers", {"owners": False}), ("ListDevices", None), ("History", {"limit": 5}), ("ListGenerations", None),
         ("Show", {"object": DRIVER}), ("Why", {"object": DRIVER}), ("Describe", None)]
CLIENTS = 200


def start():
    daemon = Daemon([DMVD, "--root", ROOT, "--sysfs", SYSFS, "--procfs", PROCFS])
    daemon.wait_notification("READY=1")
    return daemon


def good(reply):
    assert "error" not in reply, reply
    return reply["parameters"]


def hold():
    with open(HOLD, "w"):
        pass


def release():
    os.unlink(HOLD)


def begin_held(daemon, client):
    """A switch that is in the middle of its work, by the client."""
    hold()
    target = next(r for r in RELEASES if not runs(r))
    client.send("Select", {"object": target, "now": True})
    wait_for("the worker runs depmod", daemon.at_depmod)
    return target


def would_load():
    kernel = open(f"{PROCFS}/sys/kernel/osrelease").read().strip()
    said = subprocess.run(["modprobe", "-d", ROOT, "-C", f"{ROOT}/etc/modprobe.d", "-S", kernel, "--show-depends", "e1000e"],
                          stdout=subprocess.PIPE, check=True, text=True).stdout
    return os.path.realpath(said.split()[-1])


def runs(target):
    driver, _, rest = target.partition("/")
    return f"/{driver}/{rest.replace('@', '/')}/" in would_load()


def test_readers_do_not_wait_for_a_writer():
    daemon = start()
    writer = Client(daemon.path)
    target = begin_held(daemon, writer)
    waiting = daemon.at_depmod()
    crowd = [Client(daemon.path) for _ in range(CLIENTS - 1)]
    for i, client in enumerate(crowd):
        if i % 4 == 0:
            client.send("Select", {"object": random.choice(RELEASES), "now": i % 8 == 0})
        else:
            client.send(*READS[i % len(READS)])
    for i, client in enumerate(crowd):
        reply = client.receive()
        if i % 4 == 0:
            assert reply["error"] == MANAGER + "Busy", reply
            assert f"activate {DRIVER}" in reply["parameters"]["why"], reply
        else:
            good(reply)
    for n in range(20):  # and again, one connection after the other
        for client in crowd[n::20]:
            assert good(client.call("Status"))["job"]["action"] == "activate"
    assert daemon.at_depmod() == waiting, "the writer did not stand still, so this has shown nothing"
    release()
    good(writer.receive())
    assert runs(target)
    for client in [writer, *crowd]:
        client.close()
    daemon.stop()


def test_no_update_is_lost():
    """Of all that is answered with success each is in the history once, and the last one of them is what is wanted."""
    seed = int(os.environ.get("DMV_SEED", random.randrange(1 << 32)))
    print(f"  seed {seed}", flush=True)
    dice = random.Random(seed)
    daemon = start()
    crowd = [Client(daemon.path) for _ in range(CLIENTS)]
    won = set()
    for turn in range(3):
        for i, client in enumerate(crowd):
            what = {"object": dice.choice(RELEASES)} if dice.random() < 0.8 else {"object": DRIVER, "selection": "inbox"}
            client.send("Select", {**what, "now": dice.random() < 0.02, "because": f"{turn}-{i}"})
        for i, client in enumerate(crowd):
            reply = client.receive()
            if "error" in reply:
                assert reply["error"] == MANAGER + "Busy" and "activate" in reply["parameters"]["why"], reply
            else:
                won.add(f"{turn}-{i}")
    entries = good(crowd[0].call("History", {"limit": 1000}))["entries"]
    written = [e for e in entries if e["action"] == "select" and "-" in e.get("because", "")]
    assert sorted(e["because"] for e in written) == sorted(won), "the history is not what was answered"
    driver = good(crowd[0].call("Show", {"object": DRIVER}))["driver"]
    assert driver["selection"] == written[0]["detail"], (driver["selection"], written[0])
    assert won, "nobody came through"
    print(f"  {len(won)} of {3 * CLIENTS} changed the selection", flush=True)
    good(crowd[0].call("Activate"))
    wish = good(crowd[0].call("Show", {"object": DRIVER}))["driver"]["selectedRelease"] if driver["selection"] != "inbox" else None
    assert runs(wish) if wish else "/kernel/" in would_load()
    for client in crowd:
        client.close()
    daemon.stop()


def test_who_disappears_in_the_middle_of_a_job():
    daemon = start()
    writer, watcher = Client(daemon.path), Client(daemon.path)
    watcher.send("Monitor", more=True)
    assert watcher.receive()["parameters"]["type"] == "ready"
    target = begin_held(daemon, writer)
    writer.close()
    other = Client(daemon.path)
    assert other.call("Activate")["error"] == MANAGER + "Busy"
    release()
    event = watcher.receive()["parameters"]
    while event["type"] != "job_finished":
        event = watcher.receive()["parameters"]
    assert event["outcome"] == "ok", event
    assert runs(target)
    assert good(other.call("History", {"limit": 1}))["entries"][0]["action"] == "activate"
    assert good(other.call("Plan"))["changed"] is False
    for client in (watcher, other):
        client.close()
    daemon.stop()


def test_who_misbehaves_costs_only_himself():
    daemon = start()
    steady = Client(daemon.path)
    good(steady.call("ListDrivers", {"all": True}))
    wait_for("no worker is left", lambda: not daemon.children("dmv-apply") and not daemon.children("dmv-fetch"))
    before, memory = daemon.descriptors(), daemon.memory()[0]
    call = json.dumps({"method": MANAGER + "ListDrivers", "parameters": {"all": True, "owners": False}}).encode() + b"\0"

    def connect():
        s = socket.socket(socket.AF_UNIX)
        s.connect(daemon.path)
        s.setblocking(False)
        return s

    def push(s, data):
        """As much as is taken without waiting."""
        try:
            while data:
                data = data[s.send(data):]
        except (BlockingIOError, BrokenPipeError, ConnectionResetError):
            pass

    bad = [connect() for _ in range(60)]
    for i, s in enumerate(bad):
        if i % 5 == 0:  # stalls in the middle of a message
            push(s, call[:20])
        elif i % 5 == 1:  # asks and never reads
            push(s, call * 5000)
        elif i % 5 == 2:  # watches and never reads
            push(s, json.dumps({"method": MANAGER + "Monitor", "more": True}).encode() + b"\0")
        elif i % 5 == 3:  # talks nonsense without an end
            push(s, b"x" * 1000000)
        else:  # asks for everything, and hangs up
            push(s, call * 100)
            s.close()
    for turn in range(30):  # events for those who do not read them
        good(steady.call("Select", {"object": RELEASES[turn % 3]}))
        good(steady.call("ListDrivers", {"all": True}))
    peak = daemon.memory()[0]
    for s in bad:
        s.close()
    wait_for("the descriptors of those who left are closed", lambda: daemon.descriptors() == before)
    good(steady.call("Status"))
    steady.close()  # what answers needed for a moment is given back when nobody is left
    print(f"  private memory: {memory} KiB before, {peak} KiB with 60 of them", flush=True)
    if SANITIZED == "no":
        # 12 of them may each have some 16 MiB of answers waiting
        assert peak < memory + 12 * 20 * 1024, peak
        wait_for("the memory is given back", lambda: daemon.memory()[0] < memory + 2048)
    daemon.stop()


def test_signal_while_many_wait():
    """SIGTERM in the middle of a switch: who waits for nothing is let go, and the switch ends first."""
    daemon = start()
    writer = Client(daemon.path)
    target = begin_held(daemon, writer)
    crowd = [Client(daemon.path) for _ in range(50)]
    for client in crowd:
        good(client.call("Status"))
    daemon.process.send_signal(signal.SIGTERM)
    for client in crowd:  # nobody is asked any more
        assert client.socket.recv(1) == b""
    assert daemon.process.poll() is None and daemon.at_depmod(), "it left although a switch was under way"
    release()
    good(writer.receive())
    assert daemon.process.wait(60) == 0
    assert runs(target)
    for client in [writer, *crowd]:
        client.close()
    daemon.close()


for name, test in list(globals().items()):
    if name.startswith("test_"):
        print(name, flush=True)
        test()
