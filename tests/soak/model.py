# SPDX-License-Identifier: LGPL-2.1-or-later
"""What dmv is expected to do, written from its documents and not from its code: the reference of the soak.

An operation is a method that changes the model and gives what the daemon has to answer: None, or the reason of a refusal. It
keeps what the last entries of the history have to say. What is not here: signatures, devices, words, speed.
"""
import copy

# driver: (module, ...) of each release, tree that its tier means
RELEASES = {
    "net-a/generic@1": (("e1000e",), "updates"),
    "net-a/generic@2": (("e1000e",), "updates"),
    "net-a/alt@3": (("e1000e",), "override"),
    "net-b/wide@1": (("igb", "igb_extra"), "updates"),
    "net-b/slim@2": (("igb",), "updates"),
    "net-c/rival@1": (("e1000e",), "updates"),
    "net-d/absent@1": (("absent",), "extra"),
}
DRIVERS = sorted({r.split("/")[0] for r in RELEASES})
WITHOUT_HARDWARE = {"net-d"}
INBOX = {"e1000e", "igb"}  # modules that each kernel has one of its own of
RUNNING, OTHERS = "6.1.0-1-soak", ("6.1.0-2-soak", "6.1.0-3-soak")
PACKAGES = {r: (RUNNING, OTHERS[0]) if r == "net-b/slim@2" else (RUNNING, *OTHERS) for r in RELEASES}
KEEP = 6  # generations, in dmv.conf


def driver_of(release):
    return release.split("/")[0]


def modules_of(driver):
    return sorted({m for r, (modules, _) in RELEASES.items() if driver_of(r) == driver for m in modules})


class Refused(Exception):
    pass


class Model:
    def __init__(self):
        self.kernels = {RUNNING, OTHERS[0]}
        self.installed = set()  # (release, kernel)
        self.revoked, self.recommended = set(), None  # of the catalog that the host has
        self.intent, self.pins = {}, set()  # driver: release, "inbox" or "recommended"
        self.links, self.conf = {}, {}  # (kernel, module): release; (kernel, module): tree or "kernel"
        self.generations, self.current, self.staged = {}, 0, None  # number: [state, intent]
        self.phase, self.tried, self.fallback = "good", 0, 0  # of the boot machine; tried: the generation that it means
        self.attempts, self.counts, self.failures = 0, False, 0  # counts: this boot is one of what is in place
        self.history = []  # (action, object, outcome, generation)

    def copy(self):
        return copy.deepcopy(self)

    def record(self, action, what=None, outcome="ok", generation=None):
        self.history.append((action, what, outcome, generation))

    # ---- what is meant, and what follows from it ----

    def has(self, release):
        return any(r == release for r, _ in self.installed)

    def selected(self, driver, intent):
        """The release that a selection means now, or None."""
        wish = intent.get(driver)
        if wish != "recommended":
            return None if wish in (None, "inbox") else wish
        advice = self.advice(driver)
        if advice and self.has(advice):
            return advice
        for kernel in sorted(self.kernels, key=lambda k: (k != RUNNING, k)):
            for module in modules_of(driver):
                release = self.links.get((kernel, module))
                if release and driver_of(release) == driver:
                    return release
        return advice

    def advice(self, driver):
        ok = self.recommended and driver_of(self.recommended) == driver and self.recommended not in self.revoked
        return self.recommended if ok else None

    def wanted(self, intent):
        """(links, conf) that the intent asks for; Refused if two releases bring one module."""
        links, conf = {}, {}
        for driver in sorted(intent):
            release = self.selected(driver, intent)
            for kernel in self.kernels:
                served = (release, kernel) in self.installed
                for module in modules_of(driver):
                    if served and module in RELEASES[release][0]:
                        if (kernel, module) in links:
                            raise Refused("conflict")
                        links[kernel, module] = release
        for (kernel, module), release in links.items():
            conf[kernel, module] = RELEASES[release][1]
        for driver in intent:
            for kernel in self.kernels:
                for module in modules_of(driver):
                    if module in INBOX:
                        conf.setdefault((kernel, module), "kernel")
        return links, conf

    def nothing_to_do(self, intent):
        return self.wanted(intent) == (self.links, self.conf)

    def would_load(self, kernel, module):
        """The release that modprobe takes, "inbox", or None."""
        release = self.links.get((kernel, module))
        return release or ("inbox" if module in INBOX else None)

    def healthy(self):
        """The running kernel has loaded what the generation in place asks for."""
        intent = self.generations[self.current][1] if self.current in self.generations else {}
        for driver in intent:
            release = self.selected(driver, intent)
            served = (release, RUNNING) in self.installed
            for module in INBOX & set(modules_of(driver)):
                want = release if served and module in RELEASES[release][0] else "inbox"
                loads = self.would_load(RUNNING, module)
                # a module that another driver has a release of is no reason to go back
                if loads != want and (want != "inbox" or driver_of(loads) == driver):
                    return False
        return True

    def contradicts_itself(self):
        """An intent that was or is in force asks for two releases with one module, since both are installed now."""
        for intent in [self.intent, *(intent for _, intent in self.generations.values())]:
            try:
                self.wanted(intent)
            except Refused:
                return True
        return False

    # ---- generations ----

    def stage(self, intent):
        now = self.generations.get(self.current, [None, {} if self.current == 0 else None])
        if now[1] == intent and self.nothing_to_do(intent):
            self.unstage()
            return
        if self.staged is None:
            self.staged = max([*self.generations, self.current]) + 1
        self.generations[self.staged] = ["staged", dict(intent)]

    def unstage(self):
        if self.staged is not None:
            del self.generations[self.staged]
        self.staged = None

    def set_intent(self, intent):
        self.wanted(intent)  # refused before anything changes
        self.intent = dict(intent)
        self.stage(intent)

    def last_good(self):
        """Where a rollback without a number goes."""
        if self.current == 0:
            raise Refused("nothing-to-roll-back")
        earlier = [n for n in sorted(self.generations) if n < self.current]
        good = [n for n in earlier if self.generations[n][0] == "good"]
        trial = [n for n in earlier if self.generations[n][0] == "trial"]
        return (good or trial or [0])[-1]

    def prune(self):
        kept = {self.current, self.fallback, self.last_good() if self.current else 0, self.staged}
        for number in sorted(self.generations):
            if len(self.generations) > KEEP and number not in kept:
                del self.generations[number]

    def apply(self, action, what=None):
        self.links, self.conf = self.wanted(self.intent)
        number = self.staged or self.current
        if self.staged is not None:
            self.phase, self.tried, self.attempts, self.counts, self.failures = "trial", self.staged, 0, False, 0
            self.current, self.staged = self.staged, None
            self.generations[self.current][0] = "trial"
            self.prune()
        self.record(action, what, generation=number)

    # ---- the admin ----

    def check_pin(self, driver):
        if driver in self.pins:
            raise Refused("pinned")

    def select(self, release=None, driver=None, wish=None, now=False, verb="select", any_hardware=False):
        driver = driver or driver_of(release)
        self.check_pin(driver)
        choice = release if release else self.advice(driver) if wish == "recommended" else None
        if wish == "recommended" and not choice:
            raise Refused("no-such-release")
        if choice:
            self.check_release(choice, any_hardware)
            if not self.has(choice):
                raise Refused("not-installed")
        self.set_intent({**self.intent, driver: release or wish})
        self.record(verb, driver, generation=self.staged)
        if now:
            self.apply("activate", driver)

    def check_release(self, release, any_hardware):
        if release in self.revoked:
            raise Refused("revoked")
        if driver_of(release) in WITHOUT_HARDWARE and not any_hardware:
            raise Refused("no-hardware")

    def install(self, release, any_hardware=False):
        self.check_release(release, any_hardware)
        self.installed |= {(release, k) for k in PACKAGES[release] if k in self.kernels}
        self.record("install", release)

    def remove(self, release):
        if not self.has(release):
            raise Refused("not-installed")
        if self.selected(driver_of(release), self.intent) == release or release in self.links.values():
            raise Refused("in-use")
        self.installed = {x for x in self.installed if x[0] != release}
        self.record("remove", release)

    def pin(self, driver, verb):
        if driver not in self.intent:
            raise Refused("not-installed")
        (self.pins.add if verb == "pin" else self.pins.discard)(driver)
        self.record(verb, driver)

    def activate(self):
        self.wanted(self.intent)
        self.apply("activate")

    def rescan(self, now=False):
        if self.nothing_to_do(self.intent):
            return
        self.stage(self.intent)
        if now:
            self.apply("rescan")

    def rollback(self, number=None, now=True):
        number = self.last_good() if number is None else number
        if number != 0 and (number not in self.generations or number == self.staged):
            raise Refused("no-such-generation")
        intent = dict(self.generations[number][1]) if number else {}
        for driver in sorted(self.pins):
            if intent.get(driver) != self.intent.get(driver):
                raise Refused("pinned")
        for driver, wish in intent.items():
            if wish in self.revoked and self.selected(driver, self.intent) != wish:
                raise Refused("revoked")
        if not now:
            self.set_intent(intent)
            self.record("rollback", generation=number)
            return
        if number == self.tried and self.phase in ("good", "trial"):
            raise Refused("nothing-to-roll-back")
        blamed = self.phase == "trial" and self.tried != number
        self.go_back("rollback", number, blamed)
        self.unstage()
        self.intent = intent

    def commit(self):
        if self.phase == "good" and self.current == 0:
            raise Refused("no-such-generation")
        self.settle()
        self.record("commit", generation=self.current)

    # ---- boots ----

    def settle(self):
        self.phase, self.fallback, self.tried, self.attempts, self.counts, self.failures = "good", self.current, self.current, 0, False, 0
        if self.current in self.generations:
            self.generations[self.current][0] = "good"

    def go_back(self, action, number, blamed, counts=False, failures=0):
        if blamed and self.generations[self.tried][0] != "bad":
            self.generations[self.tried][0] = "bad"
            self.record("trial", outcome="undone", generation=self.tried)
        intent = dict(self.generations[number][1]) if number else {}
        self.links, self.conf = self.wanted(intent)
        if self.staged is None:
            self.intent = intent
            self.pins &= set(intent)
        self.phase, self.current, self.tried, self.fallback = "returned", number, number, number
        self.attempts, self.counts, self.failures = 0, counts, failures
        self.record(action, generation=number)

    def give_up(self):
        self.phase, self.counts, self.failures = "stuck", False, 2
        self.record("trial", outcome="stuck", generation=self.tried)

    def shutdown(self):
        if self.phase == "returned":
            self.counts = False
        if self.staged is not None:
            if self.phase in ("returned", "stuck"):
                reason = "busy" if self.phase == "returned" else "stuck"
                self.record("activate", outcome=reason)
                raise Refused(reason)
            self.apply("activate")

    def boot(self):
        if self.phase == "trial" and self.counts and self.attempts >= 2:
            self.go_back("boot", self.fallback, True, counts=True)
        elif self.phase == "trial":
            self.attempts, self.counts = self.attempts + 1, True
        elif self.phase == "returned" and self.counts and self.failures:
            self.give_up()
        elif self.phase == "returned" and self.counts:
            self.go_back("boot", self.fallback, False, counts=True, failures=self.failures + 1)
        elif self.phase == "returned":
            self.counts = True

    def health(self, told_bad=False):
        bad = told_bad or not self.healthy()
        if self.phase == "trial" and self.counts:
            if bad:
                self.go_back("health", self.fallback, True)
            else:
                self.settle()
        elif self.phase == "returned" and self.counts:
            if not bad:
                self.settle()
            elif self.failures:
                self.give_up()
            else:
                self.go_back("health", self.fallback, False, failures=self.failures + 1)

    # ---- what others do ----

    def kernel_added(self, kernel):
        self.kernels.add(kernel)

    def kernel_removed(self, kernel):
        self.kernels.discard(kernel)
        self.links = {k: v for k, v in self.links.items() if k[0] != kernel}

    def refresh(self, revoked, recommended):
        before, self.revoked, self.recommended = self.revoked, set(revoked), recommended
        for driver in DRIVERS:
            release = self.selected(driver, self.intent)
            if release in self.revoked - before:
                self.record("revoked", release, "revoked")
        self.record("refresh")
