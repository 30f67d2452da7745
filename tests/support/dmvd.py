# SPDX-License-Identifier: LGPL-2.1-or-later
"""dmvd as a service manager starts it, and a client of it that shares no code with it."""
import contextlib
import json
import os
import signal
import socket
import subprocess
import time

MANAGER = "io.dmv.Manager."


def wait_for(what, condition):
    """A bound and no measure: it is as long as a test may be wrong."""
    for _ in range(6000):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError(f"never: {what}")


class Client:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(60)
        self.socket.connect(path)
        self.buffer = b""

    def send(self, method, parameters=None, **flags):
        call = {"method": method if "." in method else MANAGER + method, **flags}
        if parameters:
            call["parameters"] = parameters
        self.socket.sendall(json.dumps(call).encode() + b"\0")

    def receive(self):
        while b"\0" not in self.buffer:
            data = self.socket.recv(65536)
            assert data, "the daemon closed the connection"
            self.buffer += data
        frame, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(frame)

    def call(self, method, parameters=None):
        self.send(method, parameters)
        return self.receive()

    def close(self):
        self.socket.close()


class Daemon:
    """dmvd with a listening socket passed as a service manager does it, and a notification socket.

    The two sockets are made in the folder that is the current one."""

    def __init__(self, argv, stderr=None, **environment):
        self.path = os.path.abspath("activated.socket")
        for path in (self.path, os.path.abspath("notify.socket")):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen(512)
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.bind(os.path.abspath("notify.socket"))
        self.notify.settimeout(60)
        fd = self.listener.fileno()

        def activate():
            if fd == 3:
                os.set_inheritable(3, True)
            else:
                os.dup2(fd, 3)

        environment = {**os.environ, "LISTEN_FDS": "1", "LISTEN_FDNAMES": "varlink",
                       "NOTIFY_SOCKET": os.path.abspath("notify.socket"), **environment}
        # LISTEN_PID can only be known after the fork: a shell says it
        self.process = subprocess.Popen(["sh", "-c", 'export LISTEN_PID=$$; exec "$@"', "sh", *argv], env=environment,
                                        preexec_fn=activate, pass_fds=(3,), stderr=stderr or subprocess.PIPE)

    def wait_notification(self, what):
        while True:
            if what in self.notify.recv(4096).decode():
                return

    def close(self):
        self.listener.close()
        self.notify.close()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(60)
        stderr = self.process.stderr.read().decode() if self.process.stderr else ""
        assert status == 0, f"the daemon ended with {status}: {stderr}"
        self.close()
        return stderr

    def kill(self):
        self.process.kill()
        self.process.wait(60)
        self.close()

    def children(self, name):
        """Process ids of the workers of that name that the daemon has now."""
        found = []
        with contextlib.suppress(OSError):
            with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children") as f:
                pids = f.read().split()
            for pid in pids:
                with contextlib.suppress(OSError), open(f"/proc/{pid}/comm") as f:
                    if f.read().strip() == name:
                        found.append(int(pid))
        return found

    def at_depmod(self):
        """Process id of the apply worker whose depmod runs, or is held (held-depmod); or None."""
        for worker in self.children("dmv-apply"):
            with contextlib.suppress(OSError), open(f"/proc/{worker}/task/{worker}/children") as f:
                if f.read():
                    return worker
        return None

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def memory(self):
        """KiB that the process has for itself, and that it has in memory at all."""
        with open(f"/proc/{self.process.pid}/smaps_rollup") as f:
            fields = dict(line.split(":", 1) for line in f if ":" in line)
        number = {k: int(v.split()[0]) for k, v in fields.items() if v.strip().endswith("kB")}
        return number["Private_Clean"] + number["Private_Dirty"], number["Rss"]
