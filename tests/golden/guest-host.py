#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""In place of dmv-guest: the guests of a host that is a file, and what they do when they are to stop.

GUEST_HOST names a JSON file: {NAME: {"runs": bool, "saved": bool, "does": WORD, "devices": [...]}}. WORD: "stops", "stays" (does not shut
down), "hangs" (the worker never answers), "dies" (the worker goes away when the guest was saved), "is-unknown" (libvirt does not know it), "waits-for-libvirt"
(it is saved, and then libvirt is not there).
What was asked is appended to the same name with ".calls".
"""
import json
import os
import socket
import sys
import time

FILE = os.environ.get("GUEST_HOST") or open(os.path.join(os.path.dirname(os.path.abspath(sys.argv[0])), "guest-host")).read().strip()
peer = socket.socket(fileno=3)


def load():
    with open(FILE) as f:
        return json.load(f)


def store(guests):
    with open(FILE + ".new", "w") as f:
        json.dump(guests, f)
    os.rename(FILE + ".new", FILE)


def send(message):
    peer.sendall(json.dumps(message).encode() + b"\0")


def refuse(reason, why):
    send({"error": "io.dmv.Guest.Refused", "parameters": {"reason": reason, "why": why}})


def read(channel, timeout):
    if channel != "libvirt":
        return send({"parameters": {"state": "absent", "guests": [], "problems": []}})
    if load() == {}:
        return send({"parameters": {"state": "failed", "why": "libvirt cannot be reached", "guests": [], "problems": []}})
    guests = [{"name": n, "state": "running" if g["runs"] else "defined", **({"id": i + 1} if g["runs"] else {}), "devices": g["devices"]}
              for i, (n, g) in enumerate(load().items())]
    send({"parameters": {"state": "ok", "guests": guests, "problems": []}})


def stop(guest, save, timeout):
    guests = load()
    does = guests[guest]["does"]
    if does == "hangs":
        time.sleep(600)
    if does == "is-unknown":
        return refuse("no-such-object", "libvirt does not know it")
    if does == "stays" and not save:
        send({"parameters": {"waited": 1}, "continues": True})
        return send({"parameters": {"waited": timeout, "stopped": False}})
    guests[guest].update(runs=False, saved=save)
    store(guests)
    if does == "dies":
        sys.exit(1)
    send({"parameters": {"waited": 1, "stopped": True}})


def restore(guest):
    guests = load()
    if guest not in guests or guests[guest]["does"] == "is-unknown":
        return refuse("no-such-object", "libvirt does not know it")
    if guests[guest]["does"] == "waits-for-libvirt":
        return refuse("unreachable", "this host has no libvirt for Xen")
    if guests[guest]["does"] == "hangs":
        time.sleep(600)
    if not guests[guest]["runs"] and not guests[guest]["saved"]:
        return refuse("nothing-saved", "nothing of it was saved")
    guests[guest].update(runs=True, saved=False)
    store(guests)
    send({"parameters": {"id": 9}})


data = b""
while more := peer.recv(65536):
    data += more
    while b"\0" in data:
        line, data = data.split(b"\0", 1)
        call = json.loads(line)
        method, parameters = call["method"].rsplit(".", 1)[1], call["parameters"]
        with open(FILE + ".calls", "a") as f:
            f.write(" ".join([method, *(str(v) for v in parameters.values())]) + "\n")
        {"Read": read, "Stop": stop, "Restore": restore}[method](**parameters)
