# SPDX-License-Identifier: LGPL-2.1-or-later
"""Faults at the system calls of a whole cycle of a host: refresh, install, select, activate, rollback, remove.

cycle.py BUILD SCRATCH [OPTION...], started by `run`, which has made the host in SCRATCH/root.

Each command of the cycle is a stage. Its calls are recorded once. A trial is a copy of the host as it was before the stage, the command with
one fault (faults.py), what the next call of dmvctl makes of it, a look at everything (host.py), and the same command again, which has to
lead to the state after. A fault is written STAGE:PROCESS:CALL:N:WHAT, see tests/support/bin/fault-inject.c.

--seconds N       faults chosen by --seed, evenly over stages, processes and kinds of calls, for so long; without it all of them
--seed N          of the choice
--shard I/N       of all faults only every N-th, beginning at I (0 ... N-1)
--first           of all faults only those at calls that change something, see faults.UNSEEN
--log FILE        what was tried is written there; what is in it already is not tried again
--known           before the others those of known.txt, which have once gone wrong
--only FAULT      this one, and everything that was seen of it; may repeat
--stage NAME      only this stage; may repeat
--jobs N          trials at a time (1)
--self-test       break what recovery needs, and see the trials go red

Exit status 1 if a trial went wrong, or if more than one in twenty faults was not reached.
"""
import argparse
import collections
import concurrent.futures
import itertools
import json
import os
import random
import shutil
import sys
import threading
import time

import faults
import host
import selftest

RELEASE = "intel-e1000e/generic@3.8.7"
STAGES = {
    "refresh": ["refresh"],
    "install": ["install", RELEASE],
    "select": ["select", RELEASE],
    "activate": ["activate"],
    "rollback": ["rollback", "0"],
    "remove": ["remove", RELEASE],
}
NOT_REACHED_MAX = 0.05

Point = collections.namedtuple("Point", "stage process call n argument target")
Stage = collections.namedtuple("Stage", "name root before after doctor_before doctor_after points")


class Bench:
    """The tools, on a host below some folder."""

    def __init__(self, build, scratch):
        self.build, self.scratch = build, scratch
        self.serial = itertools.count()
        self.lock = threading.Lock()

    def environment(self, root, private):
        return {**os.environ, "DMV_ROOT": root, "TMPDIR": private, "ASAN_OPTIONS": "detect_leaks=0"}

    def dmvctl(self, root, *arguments):
        """Return: status, output, what it said."""
        private = os.path.join(self.scratch, "private")
        os.makedirs(private, exist_ok=True)
        os.chmod(private, 0o755)
        return host.run([self.build + "/bin/dmvctl", *arguments], env=self.environment(root, private))

    def inject(self, root, private, stage, fault):
        """Runs the command of a stage. Return: status or "timeout", its words, calls or the fault as reported."""
        report = private + ".report"
        command = [self.build + "/tests/bin/fault-inject", "--report", report, "--timeout", "30"]
        command += ["--fault", fault] if fault else []
        status, out, err = host.run([*command, self.build + "/bin/dmvctl", *STAGES[stage]], env=self.environment(root, private))
        if status != 0:
            sys.exit(f"fault-inject: status {status}: {err}")
        with open(report, errors="replace") as f:
            lines = [line.rstrip("\n").split("\t") for line in f]
        os.unlink(report)
        end = lines.pop()
        return (int(end[1]) if end[0] == "end" else "timeout"), out + err, lines

    def folder(self):
        """A name for a trial, and its private folder."""
        with self.lock:
            path = f"{self.scratch}/trial-{next(self.serial)}"
        os.makedirs(path + ".private")
        os.chmod(path + ".private", 0o755)
        return path, path + ".private"

    def examine(self, root):
        """Return: what doctor and history find to be wrong, without mere words; the newest entry of the history."""
        findings, newest = [], None
        for verb, *options in (["doctor"], ["history", "--limit", "3"]):
            status, out, err = self.dmvctl(root, "--json", verb, *options)
            if status not in (0, 10):
                return [f"{verb} ended with {status}: {out}{err}"], None
            answer = json.loads(out)
            findings += answer.get("problems", []) + [f for f in answer.get("findings", []) if f["severity"] != "ok"]
            newest = next(((e["action"], e["outcome"]) for e in answer.get("entries", [])), newest)
        return findings, newest


def prepare(bench):
    """The cycle without a fault. Return: [Stage]."""
    stages, root = [], bench.scratch + "/root"
    for name in STAGES:
        saved = f"{bench.scratch}/before-{name}"
        host.copy(root, saved)
        before, (doctor_before, _) = host.Host(root), bench.examine(root)
        _, private = bench.folder()
        status, said, calls = bench.inject(root, private, name, None)
        if status != 0:
            sys.exit(f"{name} fails without a fault: {said}")
        after, (doctor_after, _) = host.Host(root), bench.examine(root)
        points = [Point(name, process, call, int(n), int(argument), target) for _, process, call, n, argument, target in calls]
        wrong = host.check_whole(after, after, after) + doctor_after
        if wrong or not points:
            sys.exit(f"{name} without a fault leaves {wrong}")
        stages.append(Stage(name, saved, before, after, doctor_before, doctor_after, points))
    return stages


def check_effective(bench, stages):
    """The states that trials are compared with are what the real modprobe says they are."""
    want = {"activate": "updates/e1000e.ko"}
    for stage in stages:
        root = f"{bench.scratch}/root" if stage is stages[-1] else stages[stages.index(stage) + 1].root
        for kernel in os.listdir(root + "/usr/lib/modules"):
            _, out, err = host.run(["modprobe", "-d", root, "-C", root + "/etc/modprobe.d", "-S", kernel, "--show-depends", "e1000e"])
            found = out.strip().splitlines()[-1].split()[1] if out.strip() else err
            if not found.endswith(f"/{kernel}/" + want.get(stage.name, "kernel/drivers/net/ethernet/intel/e1000e/e1000e.ko")):
                sys.exit(f"after {stage.name} kernel {kernel} would load {found}")


class Trial:
    """One fault and what came of it: outcome "ok", "wrong" or "not reached"."""

    def __init__(self, bench, stage, fault, sabotage=None):
        self.bench, self.stage, self.fault = bench, stage, fault
        self.root, self.private = bench.folder()
        self.said, self.wrong, self.status = "", [], None
        host.copy(stage.root, self.root)
        self.status, self.said, lines = bench.inject(self.root, self.private, stage.name, fault.split(":", 1)[1])
        self.target = next((line[-1] for line in lines if line[0] == "injected"), None)
        self.outcome = "not reached" if self.target is None else "ok"
        if self.target is not None:
            if sabotage:
                sabotage(self.root)
            self.judge()
        elif self.status != 0:
            self.wrong.append("it was not reached, and fails all the same")
        if self.wrong:
            self.outcome = "wrong"
        shutil.rmtree(self.root)
        shutil.rmtree(self.private)

    def judge(self):
        s, wrong = self.stage, self.wrong
        if self.status == "timeout":
            wrong.append("it did not come to an end")
        findings, newest = self.bench.examine(self.root)
        there = host.Host(self.root)
        wrong += host.check_whole(there, s.before, s.after)
        if self.status != "timeout" and not self.fault.endswith(":POWER"):
            wrong += host.check_words(there, s.before, s.after, self.status, self.said)
        if findings not in (s.doctor_before, s.doctor_after):
            wrong.append(f"after it, doctor finds {findings}")
        if os.listdir(self.private) and not self.fault.endswith(":POWER") and ":dmv-fetch.fork:" not in self.fault:
            wrong.append(f"left over in the private folder: {os.listdir(self.private)}")
        if newest == (s.name, "ok") and not host.is_after(there, s.after):
            wrong.append("the history says that it is done, and it is not")
        self.again(there)

    def again(self, there):
        """The same command once more."""
        s, wrong = self.stage, self.wrong
        status, out, err = self.bench.dmvctl(self.root, *STAGES[s.name])
        is_done = s.name == "remove" and there.store == s.after.store and "is not installed" in out + err
        if status != 0 and not is_done:
            wrong.append(f"again, it ends with {status}: {out}{err}")
        now = host.Host(self.root)
        wrong += ["again: " + w for w in host.check_whole(now, s.after, s.after)]
        if not host.is_after(now, s.after):
            wrong.append("again, it does not lead to the state after")
        findings, newest = self.bench.examine(self.root)
        if findings != s.doctor_after:
            wrong.append(f"again, doctor finds {findings}")
        if status == 0 and newest != (s.name, "ok"):
            wrong.append(f"again, the history ends with {newest}")


def all_faults(stages, first_only):
    """Yields (stage, fault). Of the calls of the dynamic loader the first of each kind."""
    for stage in stages:
        for p in stage.points:
            if p.call.startswith("ld.") and p.n > 1:
                continue
            kinds = faults.faults(p.call, p.argument, p.target)
            if first_only and "KILL" not in kinds:
                continue
            for what in kinds:
                yield stage, f"{p.stage}:{p.process}:{p.call}:{p.n}:{what}"


def sampled(stages, seed, seconds):
    """Yields (stage, fault): rounds over stages, processes and kinds of calls, in an order and of a choice that the seed decides."""
    chance, groups = random.Random(seed), collections.defaultdict(list)
    for stage, fault in all_faults(stages, False):
        groups[tuple(fault.split(":")[:3])].append((stage, fault))
    end = time.monotonic() + seconds
    while True:
        for key in chance.sample(sorted(groups), len(groups)):
            if time.monotonic() > end:
                return
            yield chance.choice(groups[key])


def show(trial):
    print(f"WRONG {trial.fault} {trial.target}, exit status {trial.status}", *trial.wrong, sep="\n  ")
    print("  it said: " + trial.said.strip().replace("\n", "\n           "))
    print(f"  again: tests/fault/run BUILD --only {trial.fault}", flush=True)


class Tally:
    """Counts, tells, and writes down what was tried."""

    def __init__(self, log, total):
        self.counts, self.total, self.began = collections.Counter(), total, time.monotonic()
        self.log = open(log, "a") if log else None

    def add(self, trial):
        self.counts[trial.outcome] += 1
        if trial.outcome == "wrong":
            show(trial)
        elif trial.outcome == "not reached":
            print(f"not reached: {trial.fault}", flush=True)
        if self.log:
            print(trial.outcome, trial.fault, sep="\t", file=self.log, flush=True)
        tried = sum(self.counts.values())
        if tried % 200 == 0:
            print(f"{tried}{f' of {self.total}' if self.total else ''} in {time.monotonic() - self.began:.0f} s: {dict(self.counts)}", flush=True)


def try_all(bench, chosen, tally, jobs):
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        running = set()
        for stage, fault in chosen:
            running.add(pool.submit(Trial, bench, stage, fault))
            while len(running) >= jobs:
                done, running = concurrent.futures.wait(running, return_when=concurrent.futures.FIRST_COMPLETED)
                for trial in done:
                    tally.add(trial.result())
        for trial in concurrent.futures.as_completed(running):
            tally.add(trial.result())


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build")
    parser.add_argument("scratch")
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--shard", default="0/1")
    parser.add_argument("--first", action="store_true")
    parser.add_argument("--log")
    parser.add_argument("--known", action="store_true")
    parser.add_argument("--only", action="append")
    parser.add_argument("--stage", action="append", choices=list(STAGES))
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--self-test", action="store_true")
    return parser.parse_args()


def number(stage, fault):
    """A fault of known.txt with the number that its call has today, where it says the end of a path instead of one."""
    name, process, call, n, what = fault.split(":")
    if n.startswith("/"):
        found = [p.n for p in stage.points if (p.process, p.call) == (process, call) and p.target.endswith(n)]
        if not found:
            sys.exit(f"known.txt: {fault}: there is no such call any more")
        n = found[0]
    return f"{name}:{process}:{call}:{n}:{what}"


def known(by_name):
    with open(os.path.join(os.path.dirname(__file__), "known.txt")) as f:
        listed = [line.strip() for line in f if line.strip() and not line.startswith("#")]
    return [(by_name[fault.split(":")[0]], number(by_name[fault.split(":")[0]], fault)) for fault in listed]


def choose(options, stages):
    """Return: an iterable of (stage, fault), and how many they are, 0 if the clock decides."""
    by_name = {s.name: s for s in stages}
    first = known(by_name) if options.known else []
    stages = [s for s in stages if not options.stage or s.name in options.stage]
    if options.only:
        return [(by_name[f.split(":")[0]], f) for f in options.only], len(options.only)
    if options.seconds:
        return itertools.chain(first, sampled(stages, options.seed, options.seconds)), 0
    shard, n = map(int, options.shard.split("/"))
    done = set()
    if options.log and os.path.exists(options.log):
        with open(options.log) as f:
            done = {line.rstrip("\n").split("\t")[1] for line in f}
    chosen = [c for i, c in enumerate(all_faults(stages, options.first)) if i % n == shard and c[1] not in done]
    return first + chosen, len(first) + len(chosen)


def main():
    options = parse()
    bench = Bench(options.build, options.scratch)
    stages = prepare(bench)
    check_effective(bench, stages)
    if options.self_test:
        selftest.run(Trial, bench, stages)
    chosen, total = choose(options, stages)
    tally = Tally(options.log, total)
    print(f"{sum(len(s.points) for s in stages)} calls, " + (f"{total} faults" if total else f"seed {options.seed}, {options.seconds:.0f} s"), flush=True)
    try_all(bench, chosen, tally, options.jobs)
    for stage in stages:
        if host.Host(stage.root).trees != stage.before.trees:
            sys.exit(f"the host before {stage.name} was changed: a file of it was written in place")
    n = sum(tally.counts.values())
    print(f"{n} faults tried, seed {options.seed}: {tally.counts['ok']} survived, {tally.counts['wrong']} went wrong, "
          f"{tally.counts['not reached']} not reached; {time.monotonic() - tally.began:.0f} s")
    sys.exit(n == 0 or tally.counts["wrong"] > 0 or tally.counts["not reached"] > max(1, NOT_REACHED_MAX * n))


main()
