# SPDX-License-Identifier: LGPL-2.1-or-later
"""A test machine: QEMU without KVM on a copy of the image that make-image builds.

The guest boots from its disk by GRUB, has its root on a pvscsi controller, an e1000e card that is its way to the network, and
an e1000 card beside it. What the test wants to know it asks the agent in the guest.
"""
import json
import os
import signal
import socket
import subprocess
import time

CPUS = os.environ.get("DMV_VM_CPUS", "2")  # 1 where two machines run beside each other
BOOT_SECONDS = 600  # TCG on a busy machine; a boot takes 20 to 30, one of a Xen host three times that
SHUTDOWN_SECONDS = 600  # an initrd may be built on the way down


class MachineError(Exception):
    pass


class Rebooted(MachineError):
    """The guest has booted while an answer was waited for."""


class Result:
    def __init__(self, argv, reply):
        self.argv, self.status, self.out, self.err = argv, reply["status"], reply["out"], reply["err"]

    def __str__(self):
        return f"{' '.join(self.argv)} ended with {self.status}\n  out: {self.out}\n  err: {self.err}"


class Machine:
    """image: the disk that make-image built. folder: a private one, kept by the caller. port: of an HTTP server on
    loopback that the guest reaches at http://10.0.2.100/; None: no server."""

    CPU = "max"
    MEMORY = 1024  # MiB
    DEVICES = ()  # more of them, as arguments of QEMU

    def __init__(self, image, folder, port=None):
        self.folder, self.port = folder, port
        self.disk = f"{folder}/disk.img"
        self.console = f"{folder}/console.log"
        self.process = self.agent = None
        self.rest = b""
        self.boot, self.calls = None, 0
        os.makedirs(folder, exist_ok=True)
        subprocess.run(["cp", "--sparse=always", image, self.disk], check=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.cut()

    # ---- power ----

    def start(self):
        """Switches it on. The caller waits with wait_boot()."""
        path = f"{self.folder}/agent"
        if os.path.exists(path):
            os.unlink(path)
        relay = os.path.join(os.path.dirname(os.path.abspath(__file__)), "relay")
        forward = f",guestfwd=tcp:10.0.2.100:80-cmd:{relay} {self.port}" if self.port else ""
        self.process = subprocess.Popen(
            ["qemu-system-x86_64", "-machine", "q35,accel=tcg", "-cpu", self.CPU, "-smp", CPUS, "-m", str(self.MEMORY),
             "-display", "none", "-monitor", "none", "-no-user-config", "-nodefaults",
             "-chardev", f"file,id=console,path={self.console},append=on", "-serial", "chardev:console",
             "-device", "pvscsi,id=scsi", "-drive", f"file={self.disk},format=raw,if=none,id=root,cache=unsafe",
             "-device", "scsi-hd,drive=root,bus=scsi.0,bootindex=1",
             "-device", "e1000e,netdev=n0,romfile=,mac=52:54:00:00:00:01",
             "-netdev", f"user,id=n0,restrict=on{forward}",
             "-device", "e1000,netdev=n1,romfile=,mac=52:54:00:00:00:02", "-netdev", f"user,id=n1,restrict=on{forward}",
             "-device", "virtio-serial-pci", "-chardev", f"socket,id=agent,path={path},server=on,wait=off",
             "-device", "virtserialport,chardev=agent,name=dmv.agent",
             "-device", "virtio-rng-pci", *self.DEVICES],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        self.agent = self.connect(path)
        self.rest, self.boot = b"", None

    def connect(self, path):
        """The socket is there a moment before QEMU listens on it."""
        for _ in range(300):
            agent = socket.socket(socket.AF_UNIX)
            try:
                agent.connect(path)
                return agent
            except (FileNotFoundError, ConnectionRefusedError):
                agent.close()
                if self.process.poll() is not None:
                    raise MachineError(f"QEMU has ended with status {self.process.returncode}") from None
                time.sleep(0.1)
        raise MachineError("QEMU does not listen")

    def cut(self):
        """Pulls the cord: what the guest had not written to its disk is gone."""
        if self.process:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.agent.close()
        self.process = self.agent = None

    def off(self, seconds=SHUTDOWN_SECONDS):
        """Shuts down cleanly and waits until the power is off."""
        self.post("systemctl", "poweroff")
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise MachineError(f"it does not switch off; its console ends with\n{self.tail()}") from None
        self.cut()

    # ---- the agent ----

    def _line(self, seconds):
        end = time.monotonic() + seconds
        while b"\n" not in self.rest:
            self.agent.settimeout(max(0.01, end - time.monotonic()))
            try:
                data = self.agent.recv(65536)
            except (TimeoutError, socket.timeout):
                raise MachineError(f"no word from the guest within {seconds} s; its console ends with\n{self.tail()}") from None
            if not data:
                raise MachineError(f"the machine has stopped; its console ends with\n{self.tail()}")
            self.rest += data
        line, self.rest = self.rest.split(b"\n", 1)
        return json.loads(line)

    def wait_boot(self, seconds=BOOT_SECONDS):
        """Waits until a boot that was not seen before has come up. Return: its boot id."""
        while True:
            word = self._line(seconds)
            if "boot" in word and word["boot"] != self.boot:
                self.boot = word["boot"]
                return self.boot

    def _send(self, argv, **more):
        self.calls += 1
        self.agent.sendall((json.dumps({"id": self.calls, "argv": argv, **more}) + "\n").encode())

    def try_run(self, *argv, input="", seconds=600):
        """Runs a command in the guest. Return: Result. Raises Rebooted if another boot comes up instead of an answer."""
        self._send(argv, input=input, timeout=seconds)
        while True:
            word = self._line(seconds + 30)
            if "boot" in word and word["boot"] != self.boot:
                self.boot = word["boot"]
                raise Rebooted(f"the guest has rebooted during {' '.join(argv)}")
            if word.get("id") == self.calls:
                return Result(argv, word)

    def run(self, *argv, **options):
        """The same; has to end with 0. Return: what it printed."""
        result = self.try_run(*argv, **options)
        if result.status != 0:
            raise MachineError(str(result))
        return result.out

    def shell(self, script, **options):
        return self.run("sh", "-euc", script, **options)

    def json(self, *argv):
        return json.loads(self.run(*argv))

    def read(self, path):
        return self.run("cat", path)

    def post(self, *argv):
        """Sends a command whose answer nobody waits for, such as one that ends the boot."""
        self._send(argv)

    def reboot(self, seconds=SHUTDOWN_SECONDS + BOOT_SECONDS):
        """Shuts down cleanly and waits for the next boot."""
        self.post("systemctl", "reboot")
        return self.wait_boot(seconds)

    def tail(self, lines=25):
        with open(self.console, errors="replace") as f:
            return "".join("  | " + x for x in f.readlines()[-lines:])
