# SPDX-License-Identifier: LGPL-2.1-or-later
"""Several clients of one daemon while a channel takes its time: nobody is answered by what was asked before he came, nobody else
waits, and who goes away is forgotten.
"""
import atexit
import json
import os
import socket
import subprocess
import sys
import time

DMVD, ROOT, SYSFS, PROCFS, LIBEXEC = sys.argv[1:6]
MANAGER = "io.dmv.Manager."


class Client:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(60)
        self.socket.connect(path)

    def send(self, method, parameters=None):
        self.socket.sendall(json.dumps({"method": MANAGER + method, "parameters": parameters or {}}).encode() + b"\0")

    def receive(self):
        data = b""
        while not data.endswith(b"\0"):
            more = self.socket.recv(1 << 20)
            assert more, "the daemon closed the connection"
            data += more
        return json.loads(data[:-1])["parameters"]


def tell(*names):
    guests = [{"name": n, "id": i + 1, "state": "running", "devices": [{"kind": "interface", "what": "xenbr0"}]}
              for i, n in enumerate(names)]
    with open(f"{LIBEXEC}/guests/libvirt.told", "w") as f:
        json.dump({"state": "ok", "guests": guests, "problems": []}, f)


def names(reply):
    return [g["name"] for g in reply["guests"]["now"]]


def rounds():
    with open(f"{LIBEXEC}/guests/log") as f:
        return f.read().split().count("libvirt")


def until(rule, what):
    for _ in range(300):
        if rule():
            return
        time.sleep(0.1)
    raise AssertionError(what)


def listens():
    try:
        Client(path)
    except (FileNotFoundError, ConnectionRefusedError):
        return False
    return True


def children():
    return subprocess.run(["ps", "--ppid", str(daemon.pid), "-o", "pid="], stdout=subprocess.PIPE).stdout.split()


path = os.path.abspath("guests.socket")
daemon = subprocess.Popen([DMVD, "--root", ROOT, "--sysfs", SYSFS, "--procfs", PROCFS, "--listen", path])
atexit.register(daemon.kill)
until(listens, "the daemon does not listen")
with open(f"{LIBEXEC}/guests/libvirt", "w") as f:
    f.write("slow")
go = f"{LIBEXEC}/guests/go"

# A guest starts while the first client's question is on its way.
first, second, third = Client(path), Client(path), Client(path)
tell("web")
before = rounds()
first.send("Impact")
until(lambda: rounds() == before + 1, "nobody was asked")
tell("web", "started")
second.send("Impact")
third.send("ListDevices")
assert third.receive()["devices"], "another client has to wait"
open(go, "w").close()
assert names(first.receive()) == ["web"]
assert names(second.receive()) == ["started", "web"]
assert rounds() == before + 2
os.unlink(go)

# Who goes away meanwhile changes nothing, and does not keep the others from their answer.
before = rounds()
fourth, fifth = Client(path), Client(path)
fourth.send("Select", {"object": "intel-e1000e/generic", "now": True})
until(lambda: rounds() == before + 1, "nobody was asked")
fifth.send("Plan")
fourth.socket.close()
time.sleep(0.5)
open(go, "w").close()
assert fifth.receive()["changed"] is False, "what nobody waits for was done"
until(lambda: not children(), "a worker is left")
daemon.terminate()
assert daemon.wait(60) == 0, "the daemon ended badly"
