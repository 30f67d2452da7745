# SPDX-License-Identifier: LGPL-2.1-or-later
"""Histories written apart from dmv: chain.py long FILE N | rehash FILE NUMBER TEXT | check OLDER LIVE

long: N entries. rehash: changes the detail of an entry and gives all behind it new hashes. check: the chain of both files, as the
documents say it is.
"""
import hashlib
import json
import sys


def write(path, entries):
    previous = entries[0].get("previous") or "0" * 64
    with open(path, "wb") as f:
        for e in entries:
            e["previous"] = previous
            line = json.dumps(e, separators=(",", ":")).encode()
            previous = hashlib.sha256(line).hexdigest()
            f.write(line + b"\n")


def read(path):
    return [json.loads(line) for line in open(path, "rb")]


def check(older, live):
    previous = None
    number = None
    for path in older, live:
        for i, line in enumerate(open(path, "rb").read().splitlines()):
            e = json.loads(line)
            assert e.get("begins", False) == (i == 0 and e["number"] > 1), (path, i)
            assert previous in (None, e["previous"]), (path, i)
            assert number in (None, e["number"] - 1), (path, i)
            previous, number = hashlib.sha256(line).hexdigest(), e["number"]
    print(number)


command, path, *rest = sys.argv[1:]
if command == "long":
    write(path, [{"number": n, "time": 1700000000 + n, "action": "refresh", "outcome": "ok"} for n in range(1, int(rest[0]) + 1)])
elif command == "rehash":
    entries = read(path)
    entries[int(rest[0]) - 1]["detail"] = rest[1]
    write(path, entries)
else:
    check(path, rest[0])
