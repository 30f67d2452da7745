# SPDX-License-Identifier: LGPL-2.1-or-later
"""A host below a folder: its copies, what is seen of it, and whether that is a state that it may be in."""
import hashlib
import json
import os
import re
import stat
import subprocess

STORE, STATE, RUN = "usr/lib/dmv/store", "var/lib/dmv", "run/dmv"
# The only files that are written or locked where they are; all others are replaced, so that copies can share them.
IN_PLACE = re.compile(r"var/lib/dmv/(history\.jsonl|trial|lock)|run/dmv/apply\.lock")
LEFTOVER = re.compile(r"(^|/)(\.dmv-|\.staging-|\.removed-|shadow-|initrd-build$|journal)|\.(tmp|next|broken|dmv-new|dmv-kept)$")
UNCHANGED = re.compile(r"every(thing| file) is as before|nothing was (changed|installed)|is undone")


def digest(path, known={}):
    """Of a file's bytes; a file is read once, its copies are the same file."""
    st = os.stat(path)
    key = (st.st_dev, st.st_ino, st.st_mtime_ns, st.st_size)
    if key not in known:
        with open(path, "rb") as f:
            known[key] = hashlib.sha256(f.read()).hexdigest()
    return known[key]


def walk(root):
    """Yields (path below the root, lstat), folders before what lies in them."""
    stack = [""]
    while stack:
        with os.scandir(os.path.join(root, stack.pop())) as entries:
            for e in sorted(entries, key=lambda e: e.name):
                path = os.path.relpath(e.path, root)
                st = e.stat(follow_symlinks=False)
                yield path, st
                if stat.S_ISDIR(st.st_mode):
                    stack.append(path)


def copy(root, to):
    """A copy in which what is never written in place is the same file."""
    os.mkdir(to)
    for path, st in walk(root):
        source, target = os.path.join(root, path), os.path.join(to, path)
        if stat.S_ISDIR(st.st_mode):
            os.mkdir(target)
            os.chmod(target, stat.S_IMODE(st.st_mode))
        elif stat.S_ISREG(st.st_mode) and IN_PLACE.fullmatch(path):
            with open(source, "rb") as f, open(target, "wb") as g:
                g.write(f.read())
            os.chmod(target, stat.S_IMODE(st.st_mode))
        else:
            os.link(source, target, follow_symlinks=False)


def describe(root, path, st):
    if stat.S_ISLNK(st.st_mode):
        return "link " + os.readlink(os.path.join(root, path))
    kind = "folder" if stat.S_ISDIR(st.st_mode) else digest(os.path.join(root, path))
    return f"{stat.S_IMODE(st.st_mode):o} {kind}"


def read_json(path):
    try:
        with open(path) as f:
            return json.load(f)
    except FileNotFoundError:
        return None


class Host:
    """What is seen of a host: trees (everything but store and state), store, intent, generations, leftovers."""

    def __init__(self, root):
        self.trees, self.store, self.leftovers = {}, {}, []
        for path, st in walk(root):
            if LEFTOVER.search(path):
                self.leftovers.append(path)
            if path.startswith(STORE + "/"):
                self.store[path] = describe(root, path, st)
            elif not path.startswith((STATE, RUN, STORE, "usr/lib/dmv", "var/lib", "usr/lib/firmware")):
                self.trees[path] = describe(root, path, st)
        self.dangling = [path for path, what in self.trees.items()
                         if what.startswith("link ") and not os.path.exists(os.path.join(root, path))]
        self.read_state(os.path.join(root, STATE))

    def read_state(self, folder):
        state = read_json(folder + "/state.json") or {"intent": {"drivers": []}, "current": 0}
        files = os.listdir(folder + "/generations") if os.path.isdir(folder + "/generations") else []
        generations = [read_json(f"{folder}/generations/{f}") for f in files if f.endswith(".json")]
        staged = [g for g in generations if g["state"] == "staged"]
        current = [g for g in generations if g["number"] == state["current"]]
        nothing = selections({"drivers": []})
        self.intent = selections(state["intent"])
        self.staged = selections(staged[0]["intent"]) if staged else None
        self.n_staged = len(staged)
        self.current = selections(current[0]["intent"]) if current else nothing if state["current"] == 0 else "lost"
        self.current_staged = bool(current) and current[0]["state"] == "staged"

    def wants(self):
        return self.intent, self.staged, self.current


def selections(intent):
    return json.dumps(intent, sort_keys=True)


def differences(a, b):
    return [f"{p}: {a.get(p, 'absent')} | {b.get(p, 'absent')}" for p in sorted({*a, *b}) if a.get(p) != b.get(p)]


def releases(store):
    """{folder of a release: {path in it: what}}; folders above a release are under their own names."""
    found = {}
    for path, what in store.items():
        parts = path[len(STORE) + 1:].split("/")
        found.setdefault("/".join(parts[:4]) if len(parts) >= 4 else "/".join(parts), {})[path] = what
    return found


def check_whole(host, before, after):
    """What is wrong with a host that has to be in the state before or after, or in between two releases of the same command."""
    wrong = [f"left over: {path}" for path in host.leftovers]
    wrong += [f"a link leads nowhere: {path}" for path in host.dangling]
    if host.trees not in (before.trees, after.trees):
        wrong.append("the trees are neither as before nor as after; before and now, after and now:\n    " + "\n    ".join(
            differences(before.trees, host.trees)[:8] + ["--"] + differences(after.trees, host.trees)[:8]))
    known = {**releases(before.store), **releases(after.store)}
    wrong += [f"the store is neither complete nor without {name}" for name, files in releases(host.store).items() if known.get(name) != files]
    if host.wants() not in (before.wants(), after.wants()):
        wrong.append("intent, staged and current generation are neither as before nor as after: {}, {}, {}".format(*host.wants()))
    if before.trees != after.trees and (host.trees == after.trees) != (host.current == after.current):
        wrong.append("the trees and the current generation do not agree")
    if host.n_staged > 1 or host.current_staged:
        wrong.append(f"{host.n_staged} generations are staged, the current one {'too' if host.current_staged else 'not'}")
    if host.intent != (host.staged or host.current):
        wrong.append(f"the intent is {host.intent}, staged {host.staged}, current {host.current}")
    return wrong


def is_after(host, after):
    return (host.trees, host.store, host.wants()) == (after.trees, after.store, after.wants())


def check_words(host, before, after, status, said):
    """Whether what the command said agrees with what is there."""
    if status == 0:
        return [] if is_after(host, after) else ["it says success, and the state is not the one after"]
    if not said.strip():
        return [f"it failed with status {status} and says nothing"]
    if UNCHANGED.search(said) and (host.trees, host.store, host.wants()) != (before.trees, before.store, before.wants()):
        return ["it says that nothing was changed, and something is"]
    return []


def run(command, **options):
    """Return: status, what it printed, what it said."""
    r = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False, **options)
    return r.returncode, r.stdout, r.stderr
