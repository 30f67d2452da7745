# SPDX-License-Identifier: LGPL-2.1-or-later
"""The host of the soak: what happens to it from outside, and what its real modprobe would load."""
import contextlib
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../support"))
from dmvd import Client, Daemon  # noqa: E402
from model import INBOX, KEEP, OTHERS, PACKAGES, RELEASES, RUNNING  # noqa: E402

SOURCE = os.path.realpath(os.path.join(os.path.dirname(os.path.realpath(__file__)), "../.."))


def run(*argv):
    result = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if result.returncode != 0:
        raise RuntimeError(f"{' '.join(argv)}: ended with {result.returncode}\n{result.stdout}")
    return result.stdout


class Host:
    def __init__(self, build, folder):
        self.build, self.folder, self.root = build, folder, f"{folder}/root"
        with open(f"{build}/bin/dmvd", "rb") as f:
            self.sanitized = b"__asan_init" in f.read()  # such a daemon keeps what it has freed
        self.daemon = self.client = None
        self.boots = 0
        with open(f"{folder}/releases", "w") as f:
            for name, (modules, tree) in RELEASES.items():
                f.write(f"{name} {tree} {','.join(modules)} {','.join(PACKAGES[name])}\n")
        run("bash", f"{SOURCE}/tests/soak/make-host", SOURCE, build, folder, f"{folder}/releases", RUNNING, *OTHERS)
        with open(f"{self.root}/etc/dmv/dmv.conf", "w") as f:
            f.write(f"[daemon]\nidle-timeout=0\n[generations]\nkeep={KEEP}\n")
        for kernel in (RUNNING, OTHERS[0]):
            self.add_kernel(kernel)
        self.modules = sorted({m for modules, _ in RELEASES.values() for m in modules})

    # ---- the daemon ----

    def start(self):
        os.chdir(self.folder)
        self.daemon = Daemon([f"{self.build}/bin/dmvd", "--root", self.root, "--sysfs", f"{self.folder}/hardware/sys", "--procfs",
                              f"{self.folder}/hardware/proc"], open(f"{self.folder}/log", "a"),
                             DMV_LIBEXECDIR=f"{self.build}/bin")
        self.daemon.wait_notification("READY=1")
        self.client = Client(self.daemon.path)

    def stop(self):
        self.client.close()
        self.daemon.stop()

    def kill(self):
        self.client.close()
        self.daemon.kill()

    # ---- kernels, catalogs, boots ----

    def add_kernel(self, kernel):
        shutil.copytree(f"{self.folder}/kernels/{kernel}", f"{self.root}/usr/lib/modules/{kernel}")
        with open(f"{self.root}/boot/vmlinuz-{kernel}", "w") as f:
            f.write("not a kernel\n")
        self.depmod(kernel)

    def depmod(self, kernel):
        said = run("depmod", "-b", self.root, "-C", f"{self.root}/etc/depmod.d", kernel)
        assert not said, said

    def remove_kernel(self, kernel):
        shutil.rmtree(f"{self.root}/usr/lib/modules/{kernel}")
        os.unlink(f"{self.root}/boot/vmlinuz-{kernel}")

    def publish(self, *words):
        """One change of what the publisher says of a release, and a new catalog."""
        stream, publish = f"{self.folder}/stream", f"{self.build}/bin/dmv-publish"
        run(publish, words[0], stream, *words[1:])
        run(publish, "publish", stream)

    def power_on(self):
        self.boots += 1
        folder = f"{self.folder}/hardware/proc/sys/kernel/random"
        os.makedirs(folder, exist_ok=True)
        with open(f"{folder}/boot_id", "w") as f:
            f.write(f"{self.boots:08d}-7f0e-4a55-8f5a-0d3b6c1c9a11\n")

    def load_drivers(self):
        """udev loads what the index gives, and the kernel shows its build-id."""
        for module in INBOX:
            run("objcopy", "-O", "binary", "--only-section=.note.gnu.build-id", self.file_of(RUNNING, module),
                f"{self.folder}/hardware/sys/module/{module}/notes/.note.gnu.build-id")

    # ---- the judge ----

    def file_of(self, kernel, module):
        """The file that the real modprobe would insert, or None."""
        result = subprocess.run(["modprobe", "-d", self.root, "-C", f"{self.root}/etc/modprobe.d", "-S", kernel, "--show-depends",
                                 module], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        lines = [line for line in result.stdout.splitlines() if line.startswith("insmod ")]
        return lines[-1].split()[1] if lines else None

    def would_load(self, kernel, module):
        """As the model says it: a release, "inbox", or None."""
        path = self.file_of(kernel, module)
        if path is None:
            return None
        real = os.path.realpath(path)
        store = f"{os.path.realpath(self.root)}/usr/lib/dmv/store/{kernel}/"
        if real.startswith(store):
            driver, variant, version, _ = real[len(store):].split("/")
            return f"{driver}/{variant}@{version}"
        return "inbox" if f"/{kernel}/kernel/" in real else f"somebody's: {real}"

    def loose_ends(self):
        """Links that lead nowhere, and files that nobody should find later."""
        found = []
        for top in (f"{self.root}/usr/lib", f"{self.root}/etc", f"{self.root}/var/lib/dmv"):
            for folder, _, files in os.walk(top):
                for name in files:
                    path = os.path.join(folder, name)
                    if not os.path.exists(path) or name.endswith(".tmp") or name.startswith((".staging", ".removed")) or \
                            name == "journal":
                        found.append(path)
        return found

    def state_files(self):
        """(number, bytes) of what lies below var/lib/dmv, and the bytes of the history."""
        number = total = history = 0
        for folder, _, files in os.walk(f"{self.root}/var/lib/dmv"):
            for name in files:
                with contextlib.suppress(FileNotFoundError):
                    size = os.path.getsize(os.path.join(folder, name))
                    if name.startswith("history"):
                        history += size
                    else:
                        number, total = number + 1, total + size
        return number, total, history
