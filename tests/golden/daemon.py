#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The life of dmvd: what a service manager, two clients and a stalled server see of it."""
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../support"))
import dmvd  # noqa: E402
from dmvd import MANAGER, Client  # noqa: E402

DMVD, ROOT, SYSFS, PROCFS, INTERFACE = sys.argv[1:6]


class Journal:
    """What systemd-journald would get: datagrams on its socket. Only in a mount namespace with a /run of its own."""

    def __init__(self):
        os.makedirs("/run/systemd/journal")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("/run/systemd/journal/socket")
        self.socket.settimeout(60)

    def wait_entry(self, message_id):
        while True:
            fields = dict(line.split("=", 1) for line in self.socket.recv(65536).decode().splitlines() if "=" in line)
            if fields.get("MESSAGE_ID") == message_id:
                return fields


class Daemon(dmvd.Daemon):
    def __init__(self, stderr=None, **environment):
        super().__init__([DMVD, "--root", ROOT, "--sysfs", SYSFS, "--procfs", PROCFS], stderr, **environment)


def settings(text):
    with open(f"{ROOT}/etc/dmv/dmv.conf", "w") as f:
        f.write(text)


def test_activation_and_interface():
    daemon = Daemon(WATCHDOG_USEC="2000000")
    daemon.wait_notification("READY=1")
    client = Client(daemon.path)
    info = client.call("org.varlink.service.GetInfo")["parameters"]
    assert info["interfaces"] == ["org.varlink.service", "io.dmv.Manager"] or set(info["interfaces"]) == {
        "org.varlink.service", "io.dmv.Manager"}, info
    text = client.call("org.varlink.service.GetInterfaceDescription", {"interface": "io.dmv.Manager"})
    assert text["parameters"]["description"] == open(INTERFACE).read(), "the interface text is not served byte for byte"
    daemon.wait_notification("WATCHDOG=1")
    client.close()
    daemon.stop()


def test_idle_exit():
    settings("[daemon]\nidle-timeout=1\n")
    daemon = Daemon()
    daemon.wait_notification("READY=1")
    watcher = Client(daemon.path)
    watcher.send("Monitor", more=True)
    assert watcher.receive()["parameters"]["type"] == "ready"
    time.sleep(3)
    assert daemon.process.poll() is None, "the daemon left although somebody watches"
    watcher.close()
    assert daemon.process.wait(30) == 0, "the daemon did not leave when idle"
    settings("")


class StalledServer:
    """Accepts connections and never answers."""

    def __init__(self):
        self.socket = socket.socket()
        self.socket.bind(("127.0.0.1", 0))
        self.socket.listen(16)
        self.connections = []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                self.connections.append(self.socket.accept())
            except OSError:
                return

    def wait_connection(self):
        for _ in range(300):
            if self.connections:
                return
            time.sleep(0.1)
        raise AssertionError("nobody connected to the stream")


def test_one_job_at_a_time():
    server = StalledServer()
    conf = f"{ROOT}/etc/dmv/streams.d/demo.conf"
    before = open(conf).read()
    with open(conf, "w") as f:
        f.write(f"[stream]\nname=demo\nurl=http://127.0.0.1:{server.socket.getsockname()[1]}/\n")
    daemon = Daemon()
    daemon.wait_notification("READY=1")
    watcher = Client(daemon.path)
    watcher.send("Monitor", more=True)
    assert watcher.receive()["parameters"]["type"] == "ready"
    first = Client(daemon.path)
    first.send("Refresh", more=True)
    assert first.receive()["parameters"]["job"]["action"] == "refresh"
    server.wait_connection()

    second = Client(daemon.path)
    for method in ("Refresh", "Activate", "Rescan"):
        reply = second.call(method)
        assert reply["error"] == MANAGER + "Busy", reply
        assert "refresh" in reply["parameters"]["why"], reply
    started = time.monotonic()
    for method in ("Status", "ListDrivers", "ListDevices", "Plan", "History"):
        assert "error" not in second.call(method), method
    assert time.monotonic() - started < 20, "reading waited for the job"
    assert second.call("Status")["parameters"]["job"]["action"] == "refresh"

    first.close()  # nothing was changed yet: the job ends with its client
    types = []
    while "job_finished" not in types:
        event = watcher.receive()["parameters"]
        types.append(event["type"])
    assert event["outcome"] == "cancelled", event
    assert types[0] == "job_started", types
    entries = second.call("History", {"limit": 1})["parameters"]["entries"]
    assert entries[0]["action"] == "refresh" and entries[0]["outcome"] == "cancelled", entries
    with open(conf, "w") as f:
        f.write(before)
    second.close()
    watcher.close()
    daemon.stop()


def test_refresh_streams_progress():
    daemon = Daemon()
    daemon.wait_notification("READY=1")
    client = Client(daemon.path)
    client.send("Refresh", more=True)
    replies = [client.receive()]
    while replies[-1].get("continues"):
        replies.append(client.receive())
    assert "error" not in replies[-1], replies[-1]
    phases = [r["parameters"]["job"]["phase"] for r in replies[:-1]]
    assert "download" in phases, phases
    assert replies[-1]["parameters"]["streams"][0]["state"] == "ok", replies[-1]
    # without "more" there is one reply
    single = client.call("Refresh")
    assert "job" not in single["parameters"] and single["parameters"]["added"] == [], single
    client.close()
    daemon.stop()


def test_worker_that_dies():
    """A fetch worker that is killed costs its job and nothing else."""
    server = StalledServer()
    conf = f"{ROOT}/etc/dmv/streams.d/demo.conf"
    before = open(conf).read()
    with open(conf, "w") as f:
        f.write(f"[stream]\nname=demo\nurl=http://127.0.0.1:{server.socket.getsockname()[1]}/\n")
    daemon = Daemon()
    daemon.wait_notification("READY=1")
    client = Client(daemon.path)
    client.send("Refresh")
    server.wait_connection()
    children = subprocess.run(["ps", "--ppid", str(daemon.process.pid), "-o", "pid=,comm="], stdout=subprocess.PIPE,
                              check=True).stdout.decode()
    for line in children.splitlines():
        pid, name = line.split()
        if name == "dmv-fetch":
            os.kill(int(pid), signal.SIGKILL)
    reply = client.receive()
    assert reply["error"] == MANAGER + "Failed" and reply["parameters"]["reason"] == "worker-failed", reply
    assert "error" not in client.call("Status")
    with open(conf, "w") as f:
        f.write(before)
    client.close()
    daemon.stop()


def test_two_streams():
    """A catalog that was replaced is not looked at any more while the next stream is still being fetched."""
    server = StalledServer()
    daemon = Daemon()
    daemon.wait_notification("READY=1")
    client = Client(daemon.path)
    assert "error" not in client.call("Refresh")
    client.close()
    daemon.stop()
    conf = f"{ROOT}/etc/dmv/streams.d/zzz.conf"
    with open(conf, "w") as f:
        f.write(f"[stream]\nname=zzz\nurl=http://127.0.0.1:{server.socket.getsockname()[1]}/\n")
    os.unlink(f"{ROOT}/var/lib/dmv/catalogs/demo.meta")  # so that the record is fetched and parsed again
    daemon = Daemon()
    daemon.wait_notification("READY=1")
    first, second = Client(daemon.path), Client(daemon.path)
    first.send("Refresh")
    server.wait_connection()
    for method, parameters in (("ListDrivers", {"all": True}), ("Show", {"object": "intel-e1000e"}), ("Status", None)):
        reply = second.call(method, parameters)
        assert "intel-e1000e/generic@3.8.7" in json.dumps(reply), reply
    os.unlink(conf)
    first.close()
    second.close()
    daemon.stop()


def test_stop_waits_for_the_job():
    """SIGTERM while something is changed: the job ends first."""
    daemon = Daemon()
    daemon.wait_notification("READY=1")
    client = Client(daemon.path)
    assert "error" not in client.call("Install", {"release": "intel-e1000e/generic@3.9.0"})
    client.send("Select", {"object": "intel-e1000e/generic@3.9.0", "now": True}, more=True)
    assert client.receive()["continues"]
    daemon.process.send_signal(signal.SIGTERM)
    reply = client.receive()
    while reply.get("continues"):
        reply = client.receive()
    assert "error" not in reply, reply
    assert daemon.process.wait(60) == 0
    daemon = Daemon()
    daemon.wait_notification("READY=1")
    client = Client(daemon.path)
    assert "error" not in client.call("Verify")
    assert client.call("Plan")["parameters"]["changed"] is False
    client.close()
    daemon.stop()


def test_restart_between_calls():
    """What one daemon stored, the next one knows."""
    daemon = Daemon()
    daemon.wait_notification("READY=1")
    client = Client(daemon.path)
    release = "intel-e1000e/generic@3.8.7"
    for method, parameters in (("Refresh", None), ("Install", {"release": release}), ("Select", {"object": release})):
        reply = client.call(method, parameters)
        assert "error" not in reply, reply
    client.close()
    daemon.process.kill()
    daemon.process.wait(60)
    daemon = Daemon()
    daemon.wait_notification("READY=1")
    client = Client(daemon.path)
    status = client.call("Status")["parameters"]
    assert status["staged"]["selections"] == ["intel-e1000e generic@3.8.7"], status
    assert "error" not in client.call("Activate")
    assert client.call("Status")["parameters"]["generation"]["number"] == status["staged"]["number"]
    client.close()
    daemon.stop()


def test_pin_makes_no_generation():
    """What a generation says of pins makes it no other one: nothing is to be tried again for the sake of a pin."""
    daemon = Daemon()
    daemon.wait_notification("READY=1")
    client = Client(daemon.path)
    release = "intel-e1000e/generic@3.9.0"
    for method, parameters in (("Install", {"release": release}), ("Select", {"object": release}), ("Pin", {"driver": "intel-e1000e"}),
                               ("Rescan", None), ("Activate", None), ("Unpin", {"driver": "intel-e1000e"}),
                               ("Select", {"object": release})):
        reply = client.call(method, parameters)
        assert "error" not in reply, reply
    assert "staged" not in client.call("Status")["parameters"], "the generation in place is staged once more"
    client.close()
    daemon.stop()


def test_module_reloaded_between_calls():
    """Who has unloaded or loaded a module and asks gets an answer that knows of it, whatever udev has told until then."""
    module, count = f"{SYSFS}/module/e1000e", f"{SYSFS}/kernel/uevent_seqnum"
    kernel = open(f"{PROCFS}/sys/kernel/osrelease").read().strip()
    inbox = f"{ROOT}/usr/lib/modules/{kernel}/kernel/drivers/net/ethernet/intel/e1000e/e1000e.ko"
    note = f"{module}/notes/.note.gnu.build-id"

    def event(number):
        os.makedirs(os.path.dirname(count), exist_ok=True)
        with open(count, "w") as f:
            f.write(f"{number}\n")

    def active():
        return client.call("Show", {"object": "intel-e1000e"})["parameters"]["driver"].get("activeRelease")

    shutil.copytree(module, "e1000e.recorded")
    subprocess.run(["objcopy", "-O", "binary", "--only-section=.note.gnu.build-id", inbox, note], check=True)
    os.rename(module, "e1000e.unloaded")
    event(1000)
    daemon = Daemon()
    daemon.wait_notification("READY=1")
    client = Client(daemon.path)
    assert "error" not in client.call("Refresh")
    assert active() is None
    # the daemon has never looked while it was loaded, and proves by the kernel's own file all the same
    os.rename("e1000e.unloaded", module)
    event(1001)
    assert active() == "inbox", active()
    os.rename(module, "e1000e.unloaded")
    event(1002)
    assert active() is None
    client.close()
    daemon.stop()
    shutil.rmtree("e1000e.unloaded")
    os.rename("e1000e.recorded", module)
    os.unlink(count)


def journal_has_fields():
    journal = Journal()
    with open("journal.stream", "w") as stream:
        st = os.fstat(stream.fileno())
        daemon = Daemon(stderr=stream, JOURNAL_STREAM=f"{st.st_dev}:{st.st_ino}")
        daemon.wait_notification("READY=1")
        client = Client(daemon.path)
        assert "error" not in client.call("Select", {"object": "intel-e1000e", "selection": "inbox"})
        entry = journal.wait_entry("6a1b1c8e0d7f4b0e9a4c2f6d5e3b7a07")
        assert entry["DMV_OBJECT"] == "intel-e1000e" and entry["DMV_ACTION"] == "select" and entry["DMV_REASON"] == "ok", entry
        assert "error" not in client.call("Activate")
        entry = journal.wait_entry("6a1b1c8e0d7f4b0e9a4c2f6d5e3b7a01")
        assert entry["PRIORITY"] == "5", entry
        client.close()
        daemon.stop()
    assert os.path.getsize("journal.stream") == 0, open("journal.stream").read()


if sys.argv[6:] == ["journal"]:
    journal_has_fields()
    sys.exit()
for name, test in list(globals().items()):
    if name.startswith("test_"):
        print(name, flush=True)
        test()
