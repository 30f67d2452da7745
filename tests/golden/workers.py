# SPDX-License-Identifier: LGPL-2.1-or-later
"""Workers that crash, exit, hang, flood and lie: each costs its job and nothing else.

Every row is a behaviour of bad-worker.py and the reason with which the job has to end. Afterwards the same daemon answers, no
worker and no descriptor is left, and nothing of the host has changed.
"""
import atexit
import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time

DMVD, ROOT, SYSFS, PROCFS, LIBEXEC = sys.argv[1:6]
MANAGER = "io.dmv.Manager."
CARD = "intel-e1000e"

ALL = {name: "worker-failed" for name in (
    "crashes", "aborts", "is_killed", "exits_well", "exits_badly",
    "sends_bytes", "sends_messages", "sends_descriptors", "sends_too_much",
    "sends_no_json", "sends_no_object", "sends_depth", "sends_nothing", "sends_no_parameters", "mistypes", "answers_twice",
    "names_unknown_error", "refuses_for_nothing", "refuses_for_success")}
ALL["refuses_for_unknown"] = "failed"

REFRESH = ("dmv-fetch", "Refresh", {}, {
    **ALL, "says_nothing": "worker-failed", "sends_folder": "worker-failed", "sends_socket": "worker-failed",
    "sends_pipe": "worker-failed", "sends_other_bundle": "malformed"})
INSTALL = ("dmv-fetch", "Install", {"release": f"{CARD}/generic@3.9.0"}, {
    **ALL, "says_nothing": "worker-failed", "sends_socket": "rpm-bad-file", "sends_folder": "rpm-missing-file",
    "unpacks_other_bytes": "hash-mismatch", "unpacks_less": "size-mismatch", "unpacks_nothing": "rpm-missing-file",
    "unpacks_and_dies": "worker-failed",
    "unpacks_links": "rpm-bad-file", "unpacks_fifos": "rpm-bad-file"})
PUBLISH = ("dmv-apply", "Install", {"release": f"{CARD}/generic@3.9.0"}, {**ALL, "claims_success": "worker-failed"})
APPLY = ("dmv-apply", "Activate", {}, {
    **ALL, "claims_success": "prediction-failed", "dies_half_way": "worker-failed"})


class Client:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(120)
        self.socket.connect(path)

    def call(self, method, parameters=None):
        self.socket.sendall(json.dumps({"method": MANAGER + method, "parameters": parameters or {}}).encode() + b"\0")
        data = b""
        while not data.endswith(b"\0"):
            more = self.socket.recv(1 << 20)
            assert more, "the daemon closed the connection"
            data += more
        return json.loads(data[:-1])


class Daemon:
    def __init__(self, settings=""):
        with open(f"{ROOT}/etc/dmv/dmv.conf", "w") as f:
            f.write(settings)
        self.path = os.path.abspath("workers.socket")
        self.process = subprocess.Popen([DMVD, "--root", ROOT, "--sysfs", SYSFS, "--procfs", PROCFS, "--listen", self.path],
                                        env={**os.environ, "DMV_LIBEXECDIR": LIBEXEC})
        atexit.register(self.process.kill)
        for _ in range(600):
            try:
                self.client = Client(self.path)
                return
            except (FileNotFoundError, ConnectionRefusedError):
                assert self.process.poll() is None, "the daemon has ended"
                time.sleep(0.1)
        raise AssertionError("the daemon does not listen")

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def children(self):
        return subprocess.run(["ps", "--ppid", str(self.process.pid), "-o", "pid="], stdout=subprocess.PIPE).stdout.split()

    def is_quiet(self, descriptors):
        """Nothing is left of a job."""
        for _ in range(300):
            if not self.children() and self.descriptors() <= descriptors:
                return True
            time.sleep(0.1)
        return False

    def stop(self):
        self.process.terminate()
        assert self.process.wait(60) == 0, "the daemon ended badly"


def behave(worker, behaviour):
    shutil.rmtree(f"{LIBEXEC}/unpacked", ignore_errors=True)
    with open(f"{LIBEXEC}/behaviour", "w") as f:
        f.write(f"{worker}\n{behaviour}\n")


def snapshot():
    """Every file of the host with its mode and content; not what the daemon keeps about jobs, nor scratch folders."""
    found = {}
    for folder, folders, files in os.walk(ROOT):
        relative = os.path.relpath(folder, ROOT)
        if relative == "run":
            folders.clear()
            continue
        for name in folders + files:
            path = os.path.join(folder, name)
            st = os.lstat(path)
            if os.path.islink(path):
                content = os.readlink(path)
            elif os.path.isfile(path) and name != "history.jsonl":
                with open(path, "rb") as f:
                    content = hashlib.sha256(f.read()).hexdigest()
            else:
                content = ""
            found[os.path.join(relative, name)] = (st.st_mode, content)
    return found


def differences(before, after):
    return sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))


def warm_up(daemon):
    """A job that goes well and one that does not: what the daemon opens once, for its log above all, is open then."""
    reply = daemon.client.call("Refresh", {})
    assert "error" not in reply, reply
    behave("dmv-fetch", "exits_well")
    reply = daemon.client.call("Refresh", {})
    behave("nobody", "is_honest")
    assert "error" in reply, reply
    assert daemon.is_quiet(sys.maxsize), "the worker is still there"


def try_row(daemon, worker, method, parameters, behaviour, reason):
    """Return: what is wrong, or None."""
    before, descriptors = snapshot(), daemon.descriptors()
    behave(worker, behaviour)
    reply = daemon.client.call(method, parameters)
    behave("nobody", "is_honest")
    got = reply["parameters"].get("reason") if "error" in reply else "ok"
    if got != reason:
        return f"ended with {got}, want {reason}: {reply}"
    answer = daemon.client.call("ListDrivers", {"all": True})
    if "error" in answer or CARD not in json.dumps(answer):
        return f"afterwards ListDrivers answers {answer}"
    if not daemon.is_quiet(descriptors):
        return f"afterwards there are the workers {daemon.children()} and {daemon.descriptors() - descriptors} descriptors more"
    changed = differences(before, snapshot())
    return f"these have changed: {changed}" if changed else None


def try_rows(daemon, what, rows=None):
    worker, method, parameters, all_rows = what
    wrong = []
    for behaviour, reason in (rows or all_rows).items():
        problem = try_row(daemon, worker, method, parameters, behaviour, reason)
        print(f"{worker} {behaviour} {method}: {problem or reason}", flush=True)
        wrong += [behaviour] if problem else []
    return wrong


def main():
    for name in ("dmv-fetch", "dmv-apply"):
        shutil.copy(os.path.join(os.path.dirname(os.path.abspath(__file__)), "bad-worker.py"), f"{LIBEXEC}/{name}")
        os.chmod(f"{LIBEXEC}/{name}", 0o755)
    os.symlink(os.path.dirname(DMVD), f"{LIBEXEC}/real")
    behave("nobody", "is_honest")
    daemon = Daemon()
    for method, parameters in (("Refresh", {}), ("Install", {"release": f"{CARD}/generic@3.8.7"}),
                               ("Select", {"object": f"{CARD}/generic@3.8.7"})):
        reply = daemon.client.call(method, parameters)
        assert "error" not in reply, reply
    warm_up(daemon)
    wrong = []
    for what in (REFRESH, INSTALL, PUBLISH, APPLY):
        wrong += try_rows(daemon, what)
    daemon.stop()
    # two seconds without a word
    daemon = Daemon("[daemon]\nworker-timeout=2\n")
    warm_up(daemon)
    for what in (REFRESH, INSTALL, PUBLISH, APPLY):
        wrong += try_rows(daemon, what, {"hangs": "worker-failed"})
    daemon.stop()
    # and what was asked for works as soon as the workers do
    daemon = Daemon()
    for method, parameters in (("Install", {"release": f"{CARD}/generic@3.9.0"}), ("Activate", {})):
        reply = daemon.client.call(method, parameters)
        assert "error" not in reply, reply
    daemon.stop()
    sys.exit(f"FAIL: {wrong}" if wrong else 0)


main()
