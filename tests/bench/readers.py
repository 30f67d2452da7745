# SPDX-License-Identifier: LGPL-2.1-or-later
"""How long 199 readers wait for their answers, while nobody changes anything and while a writer switches one driver after the other."""
import os
import selectors
import statistics
import sys
import threading
import time

import measure
import scratch

sys.path.insert(0, os.path.join(scratch.SOURCE, "tests/support"))
from dmvd import Client  # noqa: E402

READERS, PACE = 199, 0.005  # seconds between two calls, each of another reader
CALLS = [("Status", None)] * 4 + [("ListDrivers", {"owners": False})]


class Writer(threading.Thread):
    """Selects one release and the other in turn, at once, until it is told to stop."""

    def __init__(self, address, releases):
        super().__init__()
        self.client, self.releases = Client(address), releases
        self.switches, self.going_on = 0, True

    def run(self):
        while self.going_on:
            reply = self.client.call("Select", {"object": self.releases[self.switches % 2], "now": True, "anyHardware": True,
                                                "acceptLifeline": True})
            if "error" in reply:
                raise RuntimeError(f"the writer: {reply}")
            self.switches += 1


def waits(clients, calls):
    """Seconds that each of the calls waited."""
    selector, sent, found, n = selectors.DefaultSelector(), {}, [], 0
    for client in clients:
        selector.register(client.socket, selectors.EVENT_READ, client)
    due = time.perf_counter()
    while len(found) < calls:
        now = time.perf_counter()
        if n < calls and now >= due:
            client = clients[n % len(clients)]
            if client not in sent:  # who waits for an answer does not ask again
                client.send(*CALLS[n % len(CALLS)])
                sent[client] = now
                n += 1
            due += PACE
        for key, _ in selector.select(max(0, due - time.perf_counter()) if n < calls else 1):
            reply = key.data.receive()
            if "error" in reply:
                raise RuntimeError(f"a reader was refused: {reply}")
            found.append(time.perf_counter() - sent.pop(key.data))
    selector.close()
    return sorted(found)


def figures(found):
    return (f"p50 {measure.ms(statistics.median(found))}, p99 {measure.ms(found[int(len(found) * 0.99)])}, "
            f"max {measure.ms(found[-1])}")


def on(host, kernel, module, rounds, what):
    releases = [f"vendor-e1000e/generic@{v}" for v in ("1.0", "2.0")]
    for release in releases:
        host.install(kernel, "vendor-e1000e", release.split("@")[1], module)
    with host.daemon():
        clients = [Client(host.address) for _ in range(READERS)]
        quiet = waits(clients, 400 * rounds)
        writer = Writer(host.address, releases)
        writer.start()
        busy = waits(clients, 400 * rounds)
        writer.going_on = False
        writer.join()
        for client in [writer.client, *clients]:
            client.close()
    n = len(quiet)
    yield f"a reader's wait, 199 readers, {what}, nobody writes", measure.ms(quiet[int(n * 0.99)]), "", f"{figures(quiet)}; {n} calls"
    yield ("  while a writer switches", measure.ms(busy[int(n * 0.99)]), "< 50 ms",
           f"{figures(busy)}; {writer.switches} switches meanwhile, {sum(x > 0.05 for x in busy)} waits above 50 ms")
