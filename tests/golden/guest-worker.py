# SPDX-License-Identifier: LGPL-2.1-or-later
"""The real dmv-guest on a socket pair, as dmvd starts it: what it tells, what it may do meanwhile, and channels that are absent, silent or
mad. XenStore is a small daemon of this file, with recorded trees; libvirt is its own test driver, and sockets that misbehave.
"""
import json
import os
import socket
import struct
import subprocess
import sys
import threading
import time

WORKER, SOURCE, SCRATCH = sys.argv[1:4]
HAS_LIBVIRT, HAS_XENSTORE = (a == "ON" for a in sys.argv[4:6])
GUEST = "io.dmv.Guest."


class Worker:
    def __init__(self, *arguments):
        ours, theirs = socket.socketpair()
        self.socket = ours
        self.socket.settimeout(60)
        self.process = subprocess.Popen(
            ["/bin/sh", "-c", 'exec 3<&0 </dev/null; LISTEN_FDS=1 LISTEN_FDNAMES=varlink LISTEN_PID=$$ exec "$0" "$@"', WORKER, *arguments],
            stdin=theirs, stderr=subprocess.PIPE)
        theirs.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()
        self.process.wait(60)
        self.process.stderr.close()

    def send(self, method, more=False, **parameters):
        call = {"method": GUEST + method, "parameters": parameters}
        self.socket.sendall(json.dumps({**call, "more": True} if more else call).encode() + b"\0")

    def receive(self):
        """The next reply; None when the worker is gone."""
        data = b""
        while not data.endswith(b"\0"):
            more = self.socket.recv(1 << 20)
            if not more:
                return None
            data += more
        return json.loads(data[:-1])

    def call(self, method, **parameters):
        self.send(method, **parameters)
        return self.receive()

    def read(self, channel):
        reply = self.call("Read", channel=channel, timeout=20)
        assert reply and "error" not in reply, reply
        return reply["parameters"]

    def refused(self, reason, method, **parameters):
        reply = self.call(method, **parameters)
        equal(reply.get("error"), GUEST + "Refused", f"{method}: {reply}")
        equal(reply["parameters"]["reason"], reason, method)
        return reply["parameters"]["why"]

    def status(self):
        with open(f"/proc/{self.process.pid}/status") as f:
            return dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)


def equal(got, want, what):
    assert got == want, f"{what}: {got!r}, not {want!r}"


# ---- sockets that misbehave ----

class Fake:
    """Listens, and does something with each connection."""

    def __init__(self, name, serve):
        self.path = os.path.join(SCRATCH, name)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        os.chmod(self.path, 0o600)
        self.listener.listen(8)
        self.kept = []
        self.serve = serve
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            connection, _ = self.listener.accept()
            self.kept.append(connection)
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()


def is_silent(connection):
    while connection.recv(65536):
        pass


def talks_nonsense(connection):
    connection.recv(1)
    try:
        while True:
            connection.sendall(b"\x7f\xff\xff\xf0nonsense" * 1000)
    except OSError:
        pass


def hangs_up(connection):
    connection.recv(1)
    connection.close()


# ---- xenstored ----

DIRECTORY, READ, TRANSACTION_START, TRANSACTION_END, ERROR = 1, 2, 6, 7, 16


class Xenstore:
    """As much of xen/io/xs_wire.h as is asked for."""

    def __init__(self, name):
        self.nodes = {}
        with open(f"{SOURCE}/tests/xenstore/{name}.txt") as f:
            for line in f:
                path, value = line.rstrip("\n").split(" = ", 1)
                self.nodes[path] = value[1:-1]
        self.n_transactions = 0

    def answer(self, kind, text):
        path = text.split("\0")[0]
        if kind == TRANSACTION_START:
            self.n_transactions += 1
            return kind, f"{self.n_transactions}\0".encode()
        if kind == TRANSACTION_END:
            return kind, b"OK\0"
        below = sorted({p[len(path) + 1:].split("/")[0] for p in self.nodes if p.startswith(path + "/")})
        if path not in self.nodes and not below:
            return ERROR, b"ENOENT\0"
        if kind == DIRECTORY:
            return kind, "".join(n + "\0" for n in below).encode()
        assert kind == READ, kind
        return kind, self.nodes.get(path, "").encode()

    def serve(self, connection):
        stream = connection.makefile("rwb")
        while header := stream.read(16):
            kind, request, transaction, size = struct.unpack("<4I", header)
            kind, reply = self.answer(kind, stream.read(size).decode())
            stream.write(struct.pack("<4I", kind, request, transaction, len(reply)) + reply)
            stream.flush()


# ---- the tests ----

def nothing_is_here():
    """This machine has no Xen; below another root nothing of the running system is asked."""
    for channel in ("libvirt", "xenstore"):
        with Worker("--root", SCRATCH) as w:
            told = w.read(channel)
            equal((told["state"], told["guests"], told["why"]), ("absent", [], "this root is not the running system"), channel)
    with Worker("--root", SCRATCH) as w:
        equal(w.read("config")["state"], "absent", "config")


def is_asked_once():
    with Worker("--root", SCRATCH) as w:
        w.read("config")
        w.refused("invalid-request", "Read", channel="config", timeout=20)
        w.refused("invalid-request", "Stop", guest="a", save=False, timeout=1)
        w.refused("invalid-request", "Restore", guest="a")
    with Worker("--root", SCRATCH) as w:
        for channel in ("hypervisor", "xend", "", "xapi"):
            equal(w.call("Read", channel=channel, timeout=20)["error"], "org.varlink.service.InvalidParameter", channel)
        for timeout in (0, -1, 3601):
            equal(w.call("Read", channel="config", timeout=timeout)["error"], "org.varlink.service.InvalidParameter", timeout)
        for timeout in (0, -1, 86401):
            equal(w.call("Stop", guest="a", save=False, timeout=timeout)["error"], "org.varlink.service.InvalidParameter", timeout)
        w.refused("unreachable", "Stop", guest="a", save=False, timeout=1)
        w.refused("unreachable", "Restore", guest="a")


def files():
    os.makedirs(f"{SCRATCH}/files/etc/xen/auto")
    for name, text in (("web.cfg", "name = 'web'\n"), ("db", "name = 'db'\n"), ("xl.conf", "autoballoon=1\n"), ("empty", "")):
        with open(f"{SCRATCH}/files/etc/xen/{name}", "w") as f:
            f.write(text)
    os.symlink("/etc/xen/web.cfg", f"{SCRATCH}/files/etc/xen/auto/web.cfg")
    os.chmod(f"{SCRATCH}/files/etc/xen/db", 0o600)
    with Worker("--root", f"{SCRATCH}/files") as w:
        told = w.read("config")
        equal((told["state"], told["gave"], told["guests"]), ("failed", "0 of 3 files in /etc/xen", []), "files")
        equal([p["object"] for p in told["problems"]], ["etc/xen/empty", "etc/xen/db", "etc/xen/web.cfg"], "problems")
        assert all("libvirt" in p["why"] for p in told["problems"][1:]), told


def recorded_xenstore():
    if not HAS_XENSTORE:
        return
    for name, guests in (("xl", ["mail", "storage", "web"]), ("xapi", ["db-primary"]), ("xend", ["fc8"])):
        store = Xenstore(name)
        fake = Fake(f"{name}.socket", store.serve)
        with Worker("--root", SCRATCH, "--xenstore", fake.path) as w:
            told = w.read("xenstore")
            equal((told["state"], told["gave"], told["problems"]), ("ok", f"{len(guests)} domain{'s' * (len(guests) != 1)}", []), name)
            equal(sorted(g["name"] for g in told["guests"]), guests, name)
            equal(store.n_transactions, len(guests), "transactions")


def libvirt_tells():
    if not HAS_LIBVIRT:
        return
    with Worker("--root", SCRATCH, "--libvirt", "test:///default") as w:
        told = w.read("libvirt")
        equal((told["state"], [g["name"] for g in told["guests"]]), ("ok", ["test"]), "libvirt")
        equal(told["guests"][0]["state"], "running", "libvirt")


def libvirt_stops():
    if not HAS_LIBVIRT:
        return
    with Worker("--root", SCRATCH, "--libvirt", "test:///default") as w:
        w.refused("no-such-object", "Stop", guest="nobody", save=False, timeout=5)
        equal(w.call("Stop", guest="test", save=True, timeout=5)["parameters"]["stopped"], True, "save")
        equal(w.call("Restore", guest="test")["parameters"]["id"], 2, "Restore")
        w.send("Stop", more=True, guest="test", save=False, timeout=5)
        equal(w.receive()["parameters"]["stopped"], True, "shutdown")
        w.refused("nothing-saved", "Restore", guest="test")
        w.refused("invalid-request", "Read", channel="libvirt", timeout=20)
        uid, caps = w.status()["Uid"].split("\t"), w.status()["CapPrm"]
        assert os.geteuid() != 0 or all(61184 <= int(u) <= 65519 for u in uid), uid
        equal(int(caps, 16), 0, "capabilities")


def libvirt_is_not_there():
    """It is not said that it does not know the guest: what it has saved would be forgotten."""
    if not HAS_LIBVIRT:
        return
    with Worker("--root", SCRATCH, "--libvirt", f"xen+unix:///system?socket={SCRATCH}/nowhere") as w:
        assert "no libvirt" in w.refused("unreachable", "Restore", guest="a")
        w.refused("unreachable", "Stop", guest="a", save=True, timeout=5)


def misbehaving():
    """Each costs its own channel, within a bounded time."""
    cases = [("silent", is_silent, False), ("nonsense", talks_nonsense, True), ("hangup", hangs_up, True)]
    channels = [("libvirt", "--libvirt", "xen+unix:///system?socket=%s", HAS_LIBVIRT), ("xenstore", "--xenstore", "%s", HAS_XENSTORE)]
    for name, serve, answers in cases:
        for channel, option, place, is_built in channels:
            if not is_built:
                continue
            fake = Fake(f"{channel}-{name}.socket", serve)
            began = time.monotonic()
            with Worker("--root", SCRATCH, option, place % fake.path) as w:
                w.send("Read", channel=channel, timeout=2)
                if name == "silent":
                    confined(w)
                reply = w.receive()
                if answers:
                    told = reply["parameters"]
                    equal((told["state"], told["guests"]), ("failed", []), f"{channel} {name}: {told}")
                    assert told["why"], told
                else:
                    equal(reply, None, f"{channel} {name}")
            assert time.monotonic() - began < 10, f"{channel} {name} took {time.monotonic() - began} s"


def confined(w):
    """While it waits: in a call to the daemon of a channel, which has told it nothing yet or only that it is there."""
    for _ in range(100):
        status = w.status()
        if int(status["Seccomp"]) == 2:
            break
        time.sleep(0.01)
    equal((status["NoNewPrivs"], status["Seccomp"]), ("1", "2"), "confinement")
    equal(int(status["CapEff"], 16) & ~0xC0, 0, "capabilities but CAP_SETUID and CAP_SETGID")


for test in (nothing_is_here, is_asked_once, files, recorded_xenstore, libvirt_tells, libvirt_stops, libvirt_is_not_there, misbehaving):
    test()
    print(test.__name__, flush=True)
