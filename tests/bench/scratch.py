# SPDX-License-Identifier: LGPL-2.1-or-later
"""Scratch hosts with a daemon on them, and streams for them. Nothing of the machine is touched."""
import contextlib
import functools
import http.server
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

SOURCE = os.path.realpath(os.path.join(os.path.dirname(__file__), "../.."))
STREAM = "bench"


def call(*argv, **options):
    """Runs a program; if it fails, says what it said."""
    result = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)
    if result.returncode != 0:
        raise RuntimeError(f"{' '.join(argv)}: ended with {result.returncode}\n{result.stdout}")
    return result.stdout


@contextlib.contextmanager
def folder(below=None):
    path = tempfile.mkdtemp(prefix="dmv-bench-", dir=below)
    try:
        yield path
    finally:
        shutil.rmtree(path)


class Host:
    """A root, the sysfs of a recorded host, and dmvd on a socket."""

    def __init__(self, build, path, environment=None):
        self.build, self.path = build, path
        self.root, self.hardware = f"{path}/root", f"{path}/hardware"
        self.sysfs, self.address = f"{self.hardware}/sys", f"{path}/socket"
        self.environment = {**os.environ, "DMV_LIBEXECDIR": f"{build}/bin", **(environment or {})}
        for name in ("DMV_ROOT", "DMV_SYSFS", "DMV_PROCFS", "DMV_ADDRESS"):
            self.environment.pop(name, None)
        self.process = None

    def make_small(self, *kernels):
        """A root with few and small modules, see tests/support/pristine-host.sh."""
        call("bash", "-c", 'set -eu; . "$0/tests/support/pristine-host.sh"; dmv_pristine_host "$@"', SOURCE, self.root,
             *kernels)

    def record(self, text):
        with open(f"{self.path}/recorded.host", "w") as f:
            f.write(text)
        call(f"{SOURCE}/tests/hosts/make-host", f"{self.path}/recorded.host", self.hardware)

    def write(self, path, text):
        path = f"{self.root}/{path}"
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as f:
            f.write(text)

    def subscribe(self, stream, url):
        self.write("etc/dmv/trust/root.json", open(f"{stream}/root.json").read())
        self.write(f"etc/dmv/streams.d/{STREAM}.conf", f"[stream]\nname={STREAM}\nurl={url}\n")

    def install(self, kernel, driver, version, module):
        """A release of one module, straight into the store: fetching and checking it is not what is measured."""
        place = f"usr/lib/dmv/store/{kernel}/{driver}/generic/{version}"
        file = os.path.basename(module)
        self.write(f"{place}/info.json", json.dumps({
            "category": "network", "name": driver, "variant": "generic", "version": version, "kABI": kernel,
            "status": "production", "pci_ids": {file: []},
            "dmv": {"spec": 1, "tier": "supported", "release_version": version}}))
        shutil.copyfile(module, f"{self.root}/{place}/{file}")

    @contextlib.contextmanager
    def daemon(self, *prefix):
        """dmvd, up and warm; @prefix: a program to run it under. Gives the id of the process that was started."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.address)
        self.process = subprocess.Popen(
            [*prefix, f"{self.build}/bin/dmvd", "--root", self.root, "--sysfs", self.sysfs, "--procfs",
             f"{self.hardware}/proc", "--listen", self.address], env=self.environment, stderr=subprocess.DEVNULL)
        try:
            self.wait()
            yield self.process.pid
        finally:
            self.stop()

    def stop(self):
        """Ends the daemon; a program that it runs under ends with it."""
        children = []
        with contextlib.suppress(FileNotFoundError):
            with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children") as f:
                children = f.read().split()
        for pid in children:
            os.kill(int(pid), signal.SIGTERM)
        if not children:
            self.process.terminate()
        self.process.wait(60)

    def wait(self):
        for _ in range(600):
            with socket.socket(socket.AF_UNIX) as s, contextlib.suppress(OSError):
                s.connect(self.address)
                return
            if self.process.poll() is not None:
                raise RuntimeError(f"dmvd ended with {self.process.returncode}")
            time.sleep(0.05)
        raise RuntimeError("dmvd does not answer")

    def dmvctl_argv(self, *words):
        return [f"{self.build}/bin/dmvctl", "--address", self.address, *words]

    def dmvctl(self, *words):
        return call(*self.dmvctl_argv(*words), env=self.environment)


class Repository(http.server.ThreadingHTTPServer):
    """A stream with @releases releases, over HTTP on loopback; counts what it is asked for."""

    def __init__(self, build, path, releases):
        self.path, self.requests, self.bytes = path, [], 0
        os.makedirs(f"{path}/repo")
        call(f"{build}/tests/bench/make-bundle", path, STREAM, str(releases))
        call("bash", "-c", 'set -eu; . "$0/tests/support/stream.sh"; stream_repo "$1/repo" "$1/dmv.yaml"', SOURCE, path)
        super().__init__(("127.0.0.1", 0), functools.partial(Handler, directory=f"{path}/repo"))
        self.url = f"http://127.0.0.1:{self.server_address[1]}/"
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass

    def log_request(self, code="-", size="-"):
        self.server.requests.append(self.path)

    def copyfile(self, source, outputfile):
        data = source.read()
        self.server.bytes += len(data)
        outputfile.write(data)


def unpack_kernel(into):
    """The module tree of Debian's kernel: (its package's name, release). DMV_BENCH_DEB names a package that was fetched before."""
    package = os.environ.get("DMV_BENCH_DEB")
    if not package:
        names = call("apt-cache", "depends", "--important", "linux-image-amd64").split()
        name = next(n for n in names if n.startswith("linux-image-") and n != "linux-image-amd64")
        call("apt-get", "download", name, cwd=into)
        package = next(f"{into}/{n}" for n in os.listdir(into) if n.endswith(".deb"))
    call("dpkg-deb", "-x", package, f"{into}/unpacked")
    release = os.listdir(f"{into}/unpacked/lib/modules")[0]
    os.makedirs(f"{into}/root/usr/lib")
    os.rename(f"{into}/unpacked/lib/modules", f"{into}/root/usr/lib/modules")
    shutil.rmtree(f"{into}/unpacked")
    for name in ("etc/depmod.d", "etc/dmv", "var/lib", "run", "boot", "proc", "sys"):
        os.makedirs(f"{into}/root/{name}")
    os.symlink("usr/lib", f"{into}/root/lib")
    return os.path.basename(package), release


def symvers_of(into, kernel):
    """Module.symvers of Debian's headers for the kernel: those that are installed, else from their package."""
    path = f"usr/src/linux-headers-{kernel}/Module.symvers"
    if os.path.exists(f"/{path}"):
        return f"/{path}"
    call("apt-get", "download", f"linux-headers-{kernel}", cwd=into)
    package = next(f"{into}/{n}" for n in os.listdir(into) if n.startswith("linux-headers-"))
    call("dpkg-deb", "-x", package, f"{into}/headers")
    return f"{into}/headers/{path}"
