# SPDX-License-Identifier: LGPL-2.1-or-later
"""Trials in which something is broken on purpose: each has to go red, and say why."""
import os
import shutil
import sys


def flip_a_byte(root):
    """Not in place: the file is shared with other copies of the host."""
    folder = root + "/usr/lib/dmv/store"
    path = next(os.path.join(d, f) for d, _, files in os.walk(folder) for f in files if f.endswith(".ko"))
    with open(path, "rb") as f:
        data = f.read()
    os.unlink(path)
    with open(path, "wb") as f:
        f.write(data[:-1] + bytes([data[-1] ^ 1]))


def write(path, text):
    if os.path.exists(path):
        os.unlink(path)
    with open(path, "w") as f:
        f.write(text)


def forget_journal(root):
    os.unlink(root + "/var/lib/dmv/journal")


def cut_history(root):
    with open(root + "/var/lib/dmv/history.jsonl") as f:
        lines = f.readlines()
    write(root + "/var/lib/dmv/history.jsonl", "".join(lines[1:]))


# what is broken, fault, how, words of the verdict
SABOTAGE = [
    ("the journal is lost, so that nothing is recovered", "activate:depmod:renameat:3:POWER", forget_journal, "neither as before nor as after"),
    ("a temporary file", "activate:dmv-apply:fsync:1:EIO", lambda root: write(root + "/etc/depmod.d/.dmv-new", ""), "left over"),
    ("a module of the store is damaged", "activate:dmv-apply:fsync:1:EIO", flip_a_byte, "neither complete nor without"),
    ("a link leads nowhere", "activate:dmv-apply:fsync:1:EIO",
     lambda root: os.symlink("nowhere", root + "/usr/lib/modules/gone.ko"), "leads nowhere"),
    ("the store has gone", "select:dmvd:fsync:1:EIO", lambda root: shutil.rmtree(root + "/usr/lib/dmv/store"), "again, it ends with"),
    ("the history was cut", "select:dmvd:fsync:1:EIO", cut_history, "doctor finds"),
]


def run(trial, bench, stages):
    """TRIAL: what makes one."""
    by_name = {s.name: s for s in stages}
    for what, fault, how, words in SABOTAGE:
        t = trial(bench, by_name[fault.split(":")[0]], fault, how)
        if t.outcome != "wrong" or not any(words in w for w in t.wrong):
            sys.exit(f"self-test: {what}, and the trial of {fault} ends with {t.outcome}: {t.wrong}")
    t = trial(bench, by_name["select"], "select:dmvd:fsync:9999:EIO")
    if t.outcome != "not reached":
        sys.exit(f"self-test: a fault that cannot be reached counts as {t.outcome}")
    t = trial(bench, by_name["select"], "select:dmvd:fsync:1:EIO")
    if t.outcome != "ok" or t.status == 0:
        sys.exit(f"self-test: a disk that fails ends with {t.outcome}, status {t.status}: {t.wrong}")
    print(f"self-test: {len(SABOTAGE)} things were broken, and all were noticed", flush=True)
