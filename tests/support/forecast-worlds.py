#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Random hosts: what dmv predicts against what the real modprobe says after a real activate.

forecast-worlds.py SCRATCH FIRST COUNT JOBS

SCRATCH holds pool/KERNEL/NAME.VERSION.ko, small modules that were assembled once, and hardware/. Host number N is made
from seed N alone, so that `forecast-worlds.py SCRATCH N 1 1` makes the same one again; the folder of a host that fails
stays, with a log of what was run and said beside it. Everything that is judged comes from the real dmvctl, depmod and
modprobe; forecast-lines shows what the worker's lookup has found for dependencies as well, which the interface tells only
where they change.
"""
import concurrent.futures
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile

BUILD = os.environ["DMV_BUILD"]
KERNELS = ["6.1.0-50-amd64", "6.1.0-56-amd64", "6.1.0-60-amd64"]
NAMES = ["aa", "bb", "cc_core", "dd", "ee_net", "ff"]
VERSIONS = ["1.0", "2.0", "3.0"]
MODPROBE_DIRS = ["etc/modprobe.d", "run/modprobe.d", "usr/local/lib/modprobe.d", "usr/lib/modprobe.d", "lib/modprobe.d"]


class World:
    def __init__(self, scratch, seed):
        self.seed = seed
        self.random = random.Random(seed)
        self.scratch = scratch
        self.root = f"{scratch}/world-{seed}"
        self.hardware = f"{scratch}/hardware"
        self.said = []

    def some(self, chance):
        return self.random.random() < chance

    def fail(self, text):
        raise AssertionError(f"seed {self.seed}: {text}")

    # ---- making ----

    def module(self, path, name, kernel, version=None):
        version = version or self.random.choice(VERSIONS)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        shutil.copyfile(f"{self.scratch}/pool/{kernel}/{name}.{version}.ko", path)

    def file_name(self, name):
        return name.replace("_", "-") if "_" in name and self.seed % 2 else name

    def make_kernel(self, kernel):
        tree = f"{self.root}/usr/lib/modules/{kernel}"
        os.makedirs(f"{tree}/kernel")
        for name in ["modules.order", "modules.builtin.modinfo"]:
            open(f"{tree}/{name}", "w").close()
        with open(f"{tree}/modules.builtin", "w") as f:
            f.write("kernel/drivers/block/virtio_blk.ko\n")
        with open(f"{tree}/modules.order", "w") as order:
            for name in NAMES:
                if self.some(0.85):
                    path = f"kernel/drivers/{self.random.choice('xyz')}/{self.file_name(name)}.ko"
                    self.module(f"{tree}/{path}", name, kernel)
                    order.write(path + "\n")
        for place, chance in [("updates", 0.25), ("updates/sub", 0.1), ("override", 0.2), ("extra", 0.25),
                              ("weak-updates", 0.2), ("misc", 0.1), ("kernel/zz", 0.1)]:
            for name in NAMES:
                if self.some(chance / 2):
                    self.put_foreign(tree, kernel, place, name)

    def put_foreign(self, tree, kernel, place, name):
        path = f"{tree}/{place}/{self.file_name(name)}.ko"
        os.makedirs(os.path.dirname(path), exist_ok=True)
        what = self.random.random()
        if what < 0.7:
            self.module(path, name, kernel)
        elif what < 0.97:
            target = f"{self.root}/opt/{kernel}/{place}/{name}.ko"
            self.module(target, name, kernel)
            os.symlink(os.path.relpath(target, os.path.dirname(path)), path)
        elif what < 0.99: # left behind by a release that is gone: dmv removes it
            os.symlink(os.path.relpath(f"{self.root}/usr/lib/dmv/store/{kernel}/gone/x/1/{name}.ko",
                                       os.path.dirname(path)), path)
        else:
            os.symlink("../nowhere.ko", path)

    def make_releases(self, kernels):
        self.releases = []
        for driver in ["drv-one", "drv-two", "drv-three"]:
            modules = self.random.sample(NAMES, self.random.choice([1, 1, 2, 3]))
            for variant in self.random.sample(["generic", "dell", "alt"], self.random.choice([1, 2])):
                version = self.random.choice(VERSIONS)
                layout = self.random.choice(["store", "dmv", "xenserver"])
                for kernel in kernels:
                    if self.some(0.85):
                        self.put_release(kernel, layout, driver, variant, version,
                                         [m for m in modules if self.some(0.9)] or modules[:1])
                self.releases.append(f"{driver}/{variant}")

    def put_release(self, kernel, layout, driver, variant, version, modules):
        folder = f"{self.root}/usr/lib/modules/{kernel}/{layout}/{driver}/{variant}"
        if layout == "store":
            folder = f"{self.root}/usr/lib/dmv/store/{kernel}/{driver}/{variant}/{version}"
        for name in modules:
            self.module(f"{folder}/{self.file_name(name)}.ko", name, kernel, version)
        info = {"category": "network", "name": driver, "version": version, "variant": variant, "description": "",
                "status": "production", "priority": 1, "pci_ids": {}}
        if layout == "store":
            info["dmv"] = {"spec": 1, "tier": self.random.choice(["supported", "alternate", "additional"])}
        with open(f"{folder}/info.json", "w") as f:
            json.dump(info, f)

    def make_settings(self):
        aliases = self.keys
        lines = [
            lambda: f"blacklist {self.random.choice(NAMES)}",
            lambda: f"install {self.random.choice(NAMES)} /bin/true $CMDLINE_OPTS",
            lambda: f"softdep {self.random.choice(NAMES)} pre: {self.random.choice(NAMES)}",
            lambda: f"softdep {self.random.choice(NAMES)} post: {self.random.choice(NAMES)} {self.random.choice(NAMES)}",
            lambda: f"alias {self.random.choice(aliases)} {self.random.choice(NAMES)}",
            lambda: f"options {self.random.choice(NAMES)} x=1",
            lambda: "frobnicate \x01 \\",
            lambda: "# nothing",
        ]
        for folder in MODPROBE_DIRS[:4]:
            os.makedirs(f"{self.root}/{folder}", exist_ok=True)
            for name in ["a.conf", "b.conf", "c.conf", "not-read.txt"]:
                if self.some(0.25):
                    with open(f"{self.root}/{folder}/{name}", "w") as f:
                        for _ in range(self.random.randrange(4)):
                            f.write(self.random.choice(lines)() + "\n")

    def make(self):
        for folder in ["boot", "run", "var/lib", "etc/depmod.d", "etc/dmv", "usr/lib/modules", "opt"]:
            os.makedirs(f"{self.root}/{folder}")
        os.symlink("usr/lib", f"{self.root}/lib")
        self.keys = sorted(set(modaliases(self.hardware)))
        self.kernels = KERNELS[:self.random.choice([1, 1, 2, 3])]
        for kernel in self.kernels:
            self.make_kernel(kernel)
        self.make_releases(self.kernels)
        self.make_settings()
        if self.some(0.3):
            with open(f"{self.root}/etc/depmod.d/dist.conf", "w") as f:
                f.write(self.random.choice(["search updates built-in\n", "search extra built-in updates weak-updates\n"]))
        for kernel in self.kernels:
            self.depmod(kernel)

    # ---- asking ----

    def run(self, *argv, text=None):
        with tempfile.TemporaryFile("w+", errors="surrogateescape") as f:
            f.write(text or "")
            f.seek(0)
            p = subprocess.run(argv, stdin=f, capture_output=True, text=True, errors="surrogateescape")
        self.said.append((argv, p.returncode, p.stderr))
        return p

    def depmod(self, kernel):
        self.run("depmod", "-b", self.root, "-C", f"{self.root}/etc/depmod.d", kernel)

    def dmvctl(self, *argv):
        p = self.run(f"{BUILD}/bin/dmvctl", "--json", "--root", self.root, "--sysfs", f"{self.hardware}/sys",
                     "--procfs", f"{self.hardware}/proc", *argv)
        if p.returncode < 0 or p.returncode > 11:
            self.fail(f"dmvctl {argv} ended with {p.returncode}: {p.stderr}")
        return p

    def settings(self):
        """The root's modprobe.d, as arguments of modprobe."""
        return [x for d in MODPROBE_DIRS if os.path.isdir(f"{self.root}/{d}") for x in ["-C", f"{self.root}/{d}"]]

    def modprobe(self, kernel):
        """What modprobe would do, for each key: lists of actions, a module once."""
        prefix = f"{self.root}/lib/modules/{kernel}/"
        folders = self.settings()
        actions = {}
        for key in self.keys:
            p = self.run("modprobe", "-b", "-d", self.root, *folders, "-S", kernel, "--show-depends", key)
            seen = []
            for line in p.stdout.splitlines():
                words = line.rstrip().split(" ")
                if words[0] == "insmod":
                    line = "insmod " + words[1].replace(prefix, "")
                elif words[0] == "install":
                    line = re.sub(r"( x=1)+$", "", line.strip())  # what options say, for each time
                if line.strip() not in seen:
                    seen.append(line.strip())
            actions[key] = seen
        return actions

    def targets(self, kernel, keys):
        """What modprobe takes for the modules of the keys. Softdeps are loaded even of one that is not there."""
        found = set()
        for key in keys:
            p = self.run("modprobe", "-b", "-d", self.root, *self.settings(), "-S", kernel, "--resolve-alias", key)
            found.update(p.stdout.split())
        return found

    def loads_any(self, names, actions):
        loaded = {os.path.basename(a).removesuffix(".ko").replace("-", "_") for a in actions if a.startswith("insmod")}
        return bool(loaded & names)

    def forecast_lines(self, plan):
        request = {"steps": plan["steps"], "kernels": self.kernels, "keys": self.keys}
        p = self.run(f"{BUILD}/tests/bin/forecast-lines", self.root, text=json.dumps(request))
        if p.returncode != 0:
            self.fail(f"forecast-lines: {p.stderr}")
        found = {w: {k: {key: [] for key in self.keys} for k in self.kernels} for w in ["now", "next"]}
        problems = []
        for line in p.stdout.splitlines():
            fields = line.split("\t")
            if fields[1] == "problem":
                problems.append(fields[2])
            elif fields[3].strip() not in found[fields[1]][fields[0]][fields[2]]:
                found[fields[1]][fields[0]][fields[2]].append(fields[3].strip())
        return found, problems

    # ---- judging ----

    def compare(self, what, kernel, predicted, real):
        for key in self.keys:
            if predicted[key] != real[key]:
                self.fail(f"{what}, kernel {kernel}, {key}: predicted {predicted[key]}, modprobe says {real[key]}")

    def check_devices(self, plan, before, after):
        """What the interface says for people: files of the next boot, and whether anything changes."""
        for d in plan["devices"]:
            keys = self.keys_of[d["slot"]]
            now = [a for k in keys for a in before[d["kernel"]][k]]
            real = [a for k in keys for a in after[d["kernel"]][k]]
            for bound in d["next"]:
                line = f"insmod {bound.get('path')}"
                if "install" in bound:
                    line = f"install {bound['install']}".strip()
                elif "path" not in bound:
                    line = f"builtin {bound['module']}"
                if line not in real:
                    self.fail(f"{d['slot']}: {line} was announced, modprobe says {real}")
            if not d["next"] and self.loads_any(self.targets(d["kernel"], keys), real):
                self.fail(f"{d['slot']}: nothing was announced, modprobe says {real}")
            if now != real and not d["changed"]:
                self.fail(f"{d['slot']}: no change was announced, modprobe says {now}, then {real}")

    def live(self):
        self.make()
        self.keys_of = keys_of_devices(self.hardware)
        for release in self.random.sample(self.releases, self.random.randrange(len(self.releases) + 1)):
            if self.some(0.2):
                self.dmvctl("select", release.split("/")[0], "inbox", "--any-hardware")
            else:
                self.dmvctl("select", release, "--any-hardware")
        if self.some(0.3):
            self.dmvctl("activate")
            self.dmvctl("select", self.random.choice(self.releases), "--any-hardware")
            if self.some(0.5):
                self.depmod(self.kernels[0])
        self.dmvctl("rescan")
        before = {k: self.modprobe(k) for k in self.kernels}
        p = self.dmvctl("plan")
        if p.returncode != 0:
            return "no plan"
        plan = json.loads(p.stdout)
        found, problems = self.forecast_lines(plan)
        for kernel in self.kernels:
            self.compare("now", kernel, found["now"][kernel], before[kernel])
        activated = self.dmvctl("activate").returncode == 0
        after = {k: self.modprobe(k) for k in self.kernels}
        run = f"{self.root}/run/dmv"
        left = [n for n in os.listdir(run) if n.startswith("shadow-")] if os.path.isdir(run) else []
        if left:
            self.fail(f"left behind: {left}")
        if not activated:
            if not problems:
                self.fail(f"activate failed, and no problem was announced: {self.said[-1 - len(self.kernels) * len(self.keys)]}")
            if before != after:
                self.fail("activate failed, and what modprobe says has changed")
            return "refused"
        for kernel in self.kernels:
            self.compare("next", kernel, found["next"][kernel], after[kernel])
        self.check_devices(plan, before, after)
        return "changed" if before != after else "same"


def keys_of_devices(hardware):
    devices = f"{hardware}/sys/bus/pci/devices"
    found = {}
    for slot in sorted(os.listdir(devices)):
        found[slot] = []
        for folder, _, files in os.walk(f"{devices}/{slot}/"):
            if "modalias" in files and len(os.path.relpath(folder, f"{devices}/{slot}").split("/")) < 2:
                with open(f"{folder}/modalias") as f:
                    found[slot].append(f.read().strip())
        found[slot].sort(key=lambda a: not a.startswith("pci:"))
    return found


def modaliases(hardware):
    return [a for aliases in keys_of_devices(hardware).values() for a in aliases]


def live(scratch, seed):
    world = World(scratch, seed)
    try:
        outcome = world.live()
    except AssertionError as e:
        with open(f"{world.root}.log", "w", errors="surrogateescape") as f:
            f.writelines(f"{' '.join(argv)}: {status}\n{err}\n" for argv, status, err in world.said)
        return f"FAIL: {e} (its host is {world.root})"
    shutil.rmtree(world.root)
    return outcome


def main():
    scratch, first, count, jobs = sys.argv[1], *map(int, sys.argv[2:5])
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        outcomes = list(pool.map(lambda seed: live(scratch, seed), range(first, first + count)))
    failed = [o for o in outcomes if o.startswith("FAIL")]
    for line in failed:
        print(line, file=sys.stderr)
    kinds = {k: outcomes.count(k) for k in ["changed", "same", "refused", "no plan"]}
    print(f"{count} hosts from seed {first}: {kinds}, {len(failed)} failed")
    # a test that compares nothing would pass as well
    if failed or (count >= 20 and kinds["changed"] < count / 4):
        sys.exit(1)


main()
