# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the scenarios share: a machine with its stream, and questions that a test asks again and again."""
import contextlib
import functools
import http.server
import json
import os
import shutil
import sys
import tempfile
import threading
import time

import machine

CARD, DISK = "intel-e1000e", "vmware-pvscsi"
_start = time.monotonic()


def say(text):
    print(f"[{time.monotonic() - _start:6.1f}] {text}", flush=True)


def check(what, got, want):
    if got != want:
        sys.exit(f"FAIL: {what}: got {got!r}, want {want!r}")


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@contextlib.contextmanager
def stream(image):
    """The repository beside the image, served on loopback. Gives the port."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=f"{image}/repo"))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()


class Host(machine.Machine):
    """A machine with dmv on it."""

    MANAGEMENT = "enp0s2"  # the interface by which it is managed

    def dmvctl(self, *argv):
        """Runs dmvctl, which has to work. Return: its JSON."""
        return json.loads(self.run("dmvctl", "--json", *argv))

    def refused(self, status, *argv):
        """Runs dmvctl, which has to end with that status. Return: its error."""
        result = self.try_run("dmvctl", "--json", *argv)
        check(f"status of dmvctl {' '.join(argv)} ({result.err})", result.status, status)
        return json.loads(result.out)["error"]

    def driver(self, name=CARD):
        return self.dmvctl("show", name)["driver"]

    def loaded_build_id(self, module):
        return self.shell(f"od -An -tx1 -v -j16 /sys/module/{module}/notes/.note.gnu.build-id | tr -d ' \\n'")

    def note(self, module):
        """The vendor's note of a loaded module, as text with its separators taken out; '' if it has none."""
        return self.shell(f"cat /sys/module/{module}/notes/.note.XenServer 2>/dev/null | tr -cd '[:print:]' || true")

    def wait_network(self):
        """Until the management interface has its address."""
        self.shell("for i in $(seq 90); do ip -4 -o addr show dev " + self.MANAGEMENT +
                   " | grep -qF 10.0.2. && exit 0; sleep 1; done; exit 1")

    def reload(self, module="e1000e"):
        self.shell(f"modprobe -r {module}; modprobe {module}")

    def use_initrd_with_card(self):
        """From now on the card's driver is in the initrd image, as it would be on a host that needs it there."""
        self.shell("cp /opt/initrd-with-card /boot/initrd.img-$(uname -r); echo e1000e >>/etc/initramfs-tools/modules; sync")

    def settings(self, **sections):
        """Settings for the next daemon: {name: value} a section."""
        text = "".join(f"[{section}]\n" + "".join(f"{name}={value}\n" for name, value in settings.items())
                       for section, settings in sections.items())
        self.shell("mkdir -p /etc/dmv/dmv.conf.d; cat >/etc/dmv/dmv.conf.d/test.conf; systemctl stop dmvd.service", input=text)

    def wait_for(self, what, question, seconds=900):
        """Asks until the answer is true, over as many reboots as it takes. Return: the answer."""
        end = time.monotonic() + seconds
        trouble = None
        while time.monotonic() < end:
            try:
                answer = question()
                if answer:
                    return answer
                time.sleep(2)
            except machine.Rebooted:
                say("another boot")
            except machine.MachineError as e:  # it is on its way down or up, or dead for good
                if self.process.poll() is not None:
                    raise
                trouble = e
        raise machine.MachineError(f"no sign of {what} within {seconds} s ({trouble}):\n{self.log()}")

    def status_in(self, phase):
        """Its status, if the boot machine is in that phase."""
        status = json.loads(self.run("dmvctl", "--json", "status", seconds=60))
        return status if status.get("boot", {}).get("phase") == phase else None

    def wait_phase(self, phase):
        return self.wait_for(f"phase {phase}", lambda: self.status_in(phase))

    def check_committed(self, release, generation):
        """It is what the kernel runs, and the boot was good without anybody's help."""
        status = self.wait_phase("good")
        check("generation", (status["generation"]["number"], status["generation"]["state"]), (generation, "good"))
        check("reboot needed", status["rebootNeeded"], False)
        driver = self.driver()
        check("active", driver["activeRelease"], release)
        check("by", driver["modules"][0]["proof"], "build_id")
        variant, version = release.split("/")[1].split("@")
        check("the vendor's note", variant in self.note("e1000e") and version in self.note("e1000e"), True)
        self.wait_network()

    def wait_gone_back(self, number):
        """Until the host is good again without that generation. Return: the generation, which is bad."""
        def gone_back():
            generations = {g["number"]: g for g in self.dmvctl("generations")["generations"]}
            bad = generations.get(number, {}).get("state") == "bad"
            return generations[number] if self.status_in("good") and bad else None
        return self.wait_for(f"the way back from generation {number}", gone_back)

    def log(self):
        """What dmv said in this boot and the one before."""
        return self.try_run("journalctl", "--no-pager", "-u", "dmvd", "-u", "dmv-*").out


@contextlib.contextmanager
def host(image, kind=Host):
    """A new machine, booted, with the catalog of its stream. What went wrong is said with the end of its console."""
    folder = tempfile.mkdtemp(prefix="dmv-vm-", dir=os.environ.get("DMV_VM_FOLDER"))
    try:
        with stream(image) as port, kind(f"{image}/disk.img", folder, port) as m:
            m.start()
            m.wait_boot()
            m.wait_network()
            m.dmvctl("refresh")
            say("booted")
            try:
                yield m
            except (machine.MachineError, SystemExit):
                if m.process:
                    print(m.tail(60), file=sys.stderr)
                raise
    finally:
        shutil.rmtree(folder)
