#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A loss of power at every change that a command makes on the disk; see test-lost-writes.sh.

record: runs the commands once on a filesystem that writes down what they do (forget/), with the state of the host after each.
try:    for losses of power by a seed, or for all of them: makes what the disk may hold then, lets dmv recover, and looks. In one of
        DMV_LOST_AGAIN (0: none) the power fails once more while it recovers.

Everything lies in one scratch folder, DMV_LOST: base (the host before), back and host (the recording), log, states.json.
"""
import concurrent.futures
import hashlib
import json
import os
import random
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time

SCRATCH, BUILD = os.environ["DMV_LOST"], os.environ["DMV_BUILD"]
FORGET, DMVCTL = f"{BUILD}/tests/bin/forget", f"{BUILD}/bin/dmvctl"
KERNELS = os.environ["DMV_LOST_KERNELS"].split()
AGAIN = int(os.environ.get("DMV_LOST_AGAIN", "0"))
ORDERS = ("journal", "folder", "name")
MODULE = "e1000e"

G, ALT = "intel-e1000e/generic@3.8.7", "intel-e1000e/alt@4.0.0"
PUBLISH = ["publish"]  # by the publisher: the stream has another catalog from there on
# First a root that nobody boots, then one with a boot machine in charge.
COMMANDS = [
    ["refresh"], PUBLISH, ["refresh"], ["install", G], ["install", ALT],
    ["select", G, "--because", "ticket 17"], ["activate"], ["pin", "intel-e1000e", "--because", "ticket 18"], ["unpin", "intel-e1000e"],
    ["select", ALT], ["activate"], ["rollback", "1"], ["deselect", "intel-e1000e"], ["activate"],
    ["boot"],
    ["select", G], ["activate"], ["boot"], ["commit"], ["select", ALT], ["activate"], ["rollback", "4"], ["commit"],
    ["deselect", "intel-e1000e"], ["activate"], ["commit"], ["remove", G], ["remove", ALT],
]
# What a command may say that finds itself done already.
DONE = {"in-use", "not-installed", "nothing-to-roll-back", "pinned", "not-pinned", "no-such-object", "nothing-to-commit"}


class Wrong(Exception):
    """What is not as it has to be."""


class Host:
    """A root with dmv on it."""

    def __init__(self, root, procfs):
        self.root = root
        self.env = {**os.environ, "DMV_ROOT": root, "DMV_PROCFS": procfs}

    def dmvctl(self, *argv):
        done = subprocess.run([DMVCTL, "--json", *argv], env=self.env, capture_output=True, text=True, timeout=120)
        try:
            answer = json.loads(done.stdout) if done.stdout.strip() else {}
        except ValueError:
            answer = {"text": done.stdout}
        return done.returncode, answer, done.stderr

    def effective(self, kernel):
        """The file that the real modprobe would insert."""
        done = subprocess.run(["modprobe", "-d", self.root, "-C", f"{self.root}/etc/modprobe.d", "-S", kernel, "--show-depends", MODULE],
                              capture_output=True, text=True, timeout=120)
        return re.sub(rf"^insmod {re.escape(self.root)}(/usr)?/lib/modules/", "", (done.stdout.strip().splitlines() or [done.stderr])[-1])

    def store(self):
        """Every release with the hash of all that is in it."""
        found = {}
        top = f"{self.root}/usr/lib/dmv/store"
        for folder, _, files in os.walk(top):
            for name in files:
                path = f"{folder}/{name}"
                release = "/".join(os.path.relpath(path, top).split("/")[:4])
                with open(path, "rb") as f:
                    found.setdefault(release, []).append(f"{name}:{hashlib.sha256(f.read()).hexdigest()}")
        return {release: sorted(files) for release, files in sorted(found.items())}

    def images(self):
        """Every initrd image with its hash, those before too."""
        found = {}
        for name in sorted(os.listdir(f"{self.root}/boot")):
            if name.startswith("initrd."):
                with open(f"{self.root}/boot/{name}", "rb") as f:
                    found[name] = hashlib.sha256(f.read()).hexdigest()
        return found

    def ask(self, *methods):
        """The answers of one daemon, which is started for them."""
        ours, theirs = socket.socketpair()
        daemon = subprocess.Popen(["bash", "-c", f'exec 3<&{theirs.fileno()}; LISTEN_PID=$$ exec "$0" --root "$1"', f"{BUILD}/bin/dmvd", self.root],
                                  pass_fds=[theirs.fileno()], stderr=subprocess.PIPE, env={**self.env, "LISTEN_FDS": "1", "LISTEN_FDNAMES": "varlink"})
        theirs.close()
        with daemon:
            try:
                answer = self.talk(daemon, ours, methods)
            finally:
                ours.close()  # it leaves by that
                try:
                    daemon.wait(timeout=60)
                except subprocess.TimeoutExpired:
                    daemon.kill()
                    raise
        answers = [json.loads(x) for x in answer.split(b"\0")[:-1]]
        for (name, _), x in zip(methods, answers):
            if "error" in x:
                raise Wrong(f"{name}: {x}")
        return [x["parameters"] for x in answers]

    @staticmethod
    def talk(daemon, connection, methods):
        connection.settimeout(120)
        for name, parameters in methods:
            connection.sendall(json.dumps({"method": f"io.dmv.Manager.{name}", "parameters": parameters}).encode() + b"\0")
        answer = b""
        while answer.count(b"\0") < len(methods):
            data = connection.recv(1 << 20)
            if not data:
                raise Wrong(f"dmvd went away: {daemon.stderr.read().decode()}")
            answer += data
        return answer

    def state(self):
        """What a person would ask about; the same after a recovery as if the power had not failed, or as before the command."""
        status, drivers, generations, history, verify = self.ask(
            ("Status", {}), ("ListDrivers", {}), ("ListGenerations", {}), ("History", {"limit": 1000}), ("Verify", {}))
        return {
            "effective": [self.effective(k) for k in KERNELS],
            "store": self.store(),
            "images": self.images(),
            "drivers": [[d["name"], d.get("selection"), d.get("staged"), d.get("pinned")] for d in drivers["drivers"]],
            "streams": [s["state"] for s in status["streams"]],
            "generations": [[g["number"], g["state"]] for g in generations["generations"]],
            "current": status.get("generation", {}).get("number"),
            "problems": status["problems"],
            "findings": sorted(f"{f['object']}: {f['why']}" for f in verify["findings"] if f["severity"] != "ok"),
            "links": sorted([os.path.relpath(f"{folder}/{name}", self.root), os.readlink(f"{folder}/{name}")]
                            for folder, folders, files in os.walk(f"{self.root}/usr/lib/modules") for name in folders + files
                            if os.path.islink(f"{folder}/{name}")),
            "entries": [e["action"] for e in history["entries"]][::-1],
        }


def serve(backing, mountpoint, *more):
    os.makedirs(mountpoint, exist_ok=True)
    process = subprocess.Popen([FORGET, "serve", backing, mountpoint, *more])
    for _ in range(500):
        if os.path.ismount(mountpoint):
            return process
        time.sleep(0.01)
    raise SystemExit(f"{mountpoint} is not mounted")


def stop(process, mountpoint):
    for _ in range(400):
        if subprocess.run(["umount", mountpoint], stderr=subprocess.DEVNULL).returncode == 0:
            break
        time.sleep(0.05)
    else:  # somebody is still there
        subprocess.run(["umount", "-l", mountpoint])
    try:
        process.wait(timeout=0.5)
    except subprocess.TimeoutExpired:  # a mount namespace that was made meanwhile has a copy, which may stay for hours
        process.terminate()
        process.wait(timeout=30)


def record():
    root = f"{SCRATCH}/host"
    process = serve(f"{SCRATCH}/back", root, f"{SCRATCH}/log")
    host = Host(root, os.environ["DMV_PROCFS"])
    states = []

    def mark():
        states.append(host.state())
        os.setxattr(root, "user.forget.mark", f"{len(states) - 1}".encode())

    try:
        mark()
        for command in COMMANDS:
            if command is PUBLISH:
                subprocess.run([f"{BUILD}/bin/dmv-publish", "publish", os.environ["DMV_LOST_STREAM"]], check=True, stdout=subprocess.DEVNULL)
            else:
                status, answer, error = host.dmvctl(*command)
                if status != 0:
                    raise SystemExit(f"{command} ended with {status}: {answer} {error}")
            mark()
    finally:
        stop(process, root)
    with open(f"{SCRATCH}/states.json", "w") as f:
        json.dump(states, f)


def read_log(path):
    """Return: how many changes there are at each mark, and each change in words. Nothing of /run is on a disk: there is no loss of power
    after a change there that is not one after the change before."""
    listed = subprocess.run([FORGET, "list", path], capture_output=True, text=True, check=True).stdout
    changes, marks, names, passing = 0, [], {}, set()
    for line in listed.splitlines():
        words = line.split()
        if words[0] == "mark":
            marks.append(changes)
            continue
        handle = {w for w in words if w.startswith("#")}
        if any(w.startswith("run/") for w in words):
            passing |= handle
        if words[0].isdigit():
            changes = int(words[0])
            if not handle & passing and not any(w.startswith("run/") for w in words):
                names[changes] = line
    return marks, names


def allow_staged(state, new):
    """Without a boot machine a rollback selects first, and then activates: in between it is staged."""
    drivers = [[name, selection, True, pinned] for name, selection, _, pinned in new["drivers"]]
    generations = [[new["generations"][0][0], "staged"], *new["generations"][1:]]
    if [state["drivers"], state["generations"]] == [drivers, generations]:
        new = {**new, "drivers": drivers, "generations": generations}
    return new


def differences(state, old, new):
    """What is neither as before the command nor as after it; of a release for several kernels each stands for itself."""
    wrong = [f"{key}: is {state[key]}, was {old[key]}, would be {new[key]}" for key in state
             if key not in ("store", "entries") and state[key] not in (old[key], new[key])]
    if state["entries"][:len(old["entries"])] != old["entries"]:
        wrong.append(f"history: is {state['entries']}, was {old['entries']}")
    for release in {**state["store"], **old["store"], **new["store"]}:
        if state["store"].get(release) not in (old["store"].get(release), new["store"].get(release)):
            wrong.append(f"store: {release} has {state['store'].get(release)}")
    return wrong


def look_for_leftovers(root):
    for folder, folders, files in os.walk(root):
        for name in folders + files:
            path = f"{folder}/{name}"
            if re.fullmatch(r"modules\..*\.\d+\.\d+\.\d+", name):
                raise Wrong(f"{path} was left behind by depmod")
            if os.path.islink(path) and not os.path.exists(path):
                raise Wrong(f"{path} leads nowhere")
            if name.endswith((".tmp", ".dmv-new", ".dmv-kept", ".broken")) or name.startswith((".staging-", ".removed-", ".dmv-")) or \
                    path == f"{root}/var/lib/dmv/journal":
                raise Wrong(f"{path} was left behind")


def recover(host):
    """What comes first after the power is back: the boot unit where there is a boot machine, else whoever asks for something."""
    recovery = "boot" if os.path.exists(f"{host.root}/var/lib/dmv/boot.json") else "status"
    status, answer, error = host.dmvctl(recovery)
    if status not in (0, 10, 11):
        raise Wrong(f"{recovery} ended with {status}: {answer} {error}")


def check(host, states, number, exact):
    """The state after command @number - 1 (@exact), or that or the one after the next, whatever was on the disk."""
    before, after = states[number], states[number if exact else number + 1]
    recover(host)
    state = host.state()
    wrong = differences(state, before, allow_staged(state, after) if number < len(COMMANDS) and COMMANDS[number] == ["rollback", "1"] else after)
    if wrong:
        raise Wrong("; ".join(wrong))
    look_for_leftovers(host.root)
    if exact or COMMANDS[number] is PUBLISH:
        return
    command = COMMANDS[number]
    status, answer, error = host.dmvctl(*command)
    reason = answer.get("error", {}).get("reason")
    if status != 0 and reason not in DONE:
        raise Wrong(f"once more, {command} ended with {status}: {answer} {error}")
    effective, images = [host.effective(k) for k in KERNELS], host.images()
    if effective != after["effective"] or images != after["images"]:
        raise Wrong(f"after {command} once more: {effective}, {images}")
    look_for_leftovers(host.root)


def crash(log, base, order, cut, seed, disk):
    """Makes DISK, and DISK.inodes, which `forget serve` takes."""
    subprocess.run([FORGET, "crash", log, base, order, str(cut), str(seed), disk, f"{disk}.inodes"], check=True)
    if seed % 2:  # as after a reboot, where it is a filesystem in memory
        shutil.rmtree(f"{disk}/run", ignore_errors=True)
        os.mkdir(f"{disk}/run")


def crash_again(scratch, disk, order, seed, dice):
    """The power fails while what it left on @disk is recovered. Return: the disk then."""
    log, again = f"{scratch}/log", f"{scratch}/again"
    subprocess.run(["cp", "-a", disk, f"{scratch}/base"], check=True)
    process = serve(disk, f"{scratch}/host", log, f"{disk}.inodes")
    try:
        recover(Host(f"{scratch}/host", os.environ["DMV_PROCFS"]))
    finally:
        stop(process, f"{scratch}/host")
    changes = sorted(read_log(log)[1])
    crash(log, f"{scratch}/base", order, dice.choice(changes) if changes else 0, seed, again)
    return again


def attempt(job):
    """Return: None, or what is wrong."""
    states, number, exact, cut, order, seed = job
    dice = random.Random(f"{cut}:{order}:{seed}")
    scratch = tempfile.mkdtemp(dir=SCRATCH)
    disk = f"{scratch}/disk"
    process = None
    try:
        crash(f"{SCRATCH}/log", f"{SCRATCH}/base", order, cut, seed, disk)
        if AGAIN and dice.randrange(AGAIN) == 0:
            disk = crash_again(scratch, disk, order, seed, dice)
        process = serve(disk, f"{scratch}/host", "-", f"{disk}.inodes")
        check(Host(f"{scratch}/host", os.environ["DMV_PROCFS"]), states, number, exact)
        return None
    except Wrong as e:
        return str(e)
    except (subprocess.SubprocessError, OSError) as e:
        return repr(e)
    finally:
        if process:
            stop(process, f"{scratch}/host")
        if not os.environ.get("DMV_LOST_KEEP"):
            shutil.rmtree(scratch, ignore_errors=True)


def all_jobs(states, marks, names, seeds):
    only = os.environ.get("DMV_LOST_COMMAND")
    for number in range(len(marks)):
        if only and (number == len(COMMANDS) or COMMANDS[number][0] != only):
            continue
        last = marks[number + 1] if number + 1 < len(marks) else marks[number] + 1
        for cut in range(marks[number], last):
            if cut != marks[number] and cut not in names:
                continue
            for order in ORDERS:
                for seed in seeds:
                    yield states, number, cut == marks[number], cut, order, seed


def main():
    if sys.argv[1] == "record":
        return record()
    with open(f"{SCRATCH}/states.json") as f:
        states = json.load(f)
    marks, names = read_log(f"{SCRATCH}/log")
    seed, count = int(os.environ["DMV_LOST_SEED"]), os.environ["DMV_LOST_CASES"]
    if count == "all":
        shard, shards = (int(x) for x in os.environ.get("DMV_LOST_SHARD", "0/1").split("/"))
        jobs = list(all_jobs(states, marks, names, range(seed, seed + int(os.environ.get("DMV_LOST_SEEDS", "2")))))[shard::shards]
    elif ":" in count:
        cut, order, seed = count.split(":")
        number = max(i for i, m in enumerate(marks) if m <= int(cut))
        jobs = [(states, number, int(cut) == marks[number], int(cut), order, int(seed))]
    else:
        jobs = list(all_jobs(states, marks, names, [seed, seed + 1]))
        jobs = random.Random(seed).sample(jobs, min(int(count), len(jobs)))
    wrong = 0
    began = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(int(os.environ.get("DMV_LOST_JOBS", "2"))) as pool:
        for job, result in zip(jobs, pool.map(attempt, jobs)):
            if result:
                wrong += 1
                command = " ".join(COMMANDS[job[1]]) if job[1] < len(COMMANDS) else "the end"
                print(f"{job[3]}:{job[4]}:{job[5]} (dmvctl {command}, after '{names.get(job[3])}'): {result}", flush=True)
    print(f"{len(names)} changes of {len(COMMANDS)} commands, {len(jobs)} losses of power in {time.monotonic() - began:.0f} s, seed {seed}: "
          f"{wrong} ended wrong")
    return wrong > 0


sys.exit(main())
