#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a server does under load.

Usage: stress.py stream SOCKET PID RSS_LIMIT_KIB    400 MB to a reader that sleeps at first
       stress.py storm SOCKET PID SEED              16,000 connections that behave badly, then one good call
"""
import json
import os
import random
import socket
import struct
import sys
import time

CALL = b'{"method":"org.example.probe.Echo","parameters":{"text":"x"}}\0'
COUNT = 400
SIZE = 1000 * 1000


def connect(path):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    # blocking, so that a full backlog is waited for, but not for ever
    s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", 60, 0))
    s.connect(path)
    s.settimeout(60)
    return s


def rss_kib(pid):
    with open("/proc/%s/status" % pid) as f:
        return int(next(line for line in f if line.startswith("VmRSS:")).split()[1])


def stream(path, pid, limit):
    s = connect(path)
    s.sendall(b'{"method":"org.example.probe.Stream","more":true,"parameters":{"count":%d,"size":%d}}\0'
              % (COUNT, SIZE))
    time.sleep(1)
    peak = rss_kib(pid)
    one = len(b'{"parameters":{"pad":""},"continues":true}\0') + SIZE
    want = COUNT * one + len(b"{}\0")
    got = nuls = 0
    tail = b""
    began = time.monotonic()
    while nuls < COUNT + 1:
        piece = s.recv(1 << 20)
        if not piece:
            break
        got += len(piece)
        nuls += piece.count(b"\0")
        tail = (tail + piece)[-64:]
        if got % 16 == 0:
            peak = max(peak, rss_kib(pid))
    peak = max(peak, rss_kib(pid))
    print("%d of %d bytes, %d messages, %.1f s, %d KiB resident" % (got, want, nuls, time.monotonic() - began, peak))
    assert got == want and nuls == COUNT + 1, "the stream is not complete"
    assert tail.endswith(b'x"},"continues":true}\0{}\0'), tail
    assert limit == 0 or peak < limit, "too much memory: %d KiB" % peak
    s.sendall(CALL)  # and the connection lives on
    assert s.recv(100).endswith(b"\0")


def misbehave(s, dice):
    """Some of: whole calls, pieces of calls, garbage, half-close, reading; then gone."""
    slow = b'{"method":"org.example.probe.Slow","parameters":{"msec":5}}\0'
    pad = b'{"method":"org.example.probe.Stream","more":true,"parameters":{"count":100,"size":20000}}\0'
    for _ in range(dice.randrange(4)):
        what = dice.randrange(8)
        if what == 0:
            s.send(CALL * dice.randrange(1, 20))
        elif what == 1:
            s.send(CALL[:dice.randrange(len(CALL))])
        elif what == 2:
            s.send(dice.randbytes(dice.randrange(1, 200)))
        elif what == 3:
            s.send(slow)
        elif what == 4:
            s.send(pad)
        elif what == 5:
            s.shutdown(dice.choice([socket.SHUT_RD, socket.SHUT_WR, socket.SHUT_RDWR]))
        elif what == 6:
            s.recv(dice.randrange(1, 70000), socket.MSG_DONTWAIT)
        else:
            s.send(b'{"method":"org.example.probe.Slow","oneway":true,"parameters":{"msec":3}}\0')


def storm(path, pid, seed):
    dice = random.Random(seed)
    held = []
    began = time.monotonic()
    print("seed %d" % seed)
    for _ in range(16000):
        s = connect(path)
        s.setblocking(False)
        try:
            misbehave(s, dice)
        except OSError:
            pass  # closed by the server, or full, or nothing to read: all part of the storm
        held.append(s)
        while len(held) > dice.randrange(40):
            held.pop(dice.randrange(len(held))).close()
    for s in held:
        s.close()
    print("16000 connections in %.1f s, %d KiB resident" % (time.monotonic() - began, rss_kib(pid)))
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        s = connect(path)
        try:
            s.sendall(CALL)
            got = s.recv(1000)
        except OSError:
            got = b""
        s.close()
        if got:
            assert json.loads(got[:-1]) == {"parameters": {"text": "x"}}, got
            assert len(os.listdir("/proc/%s/fd" % pid)) < 60, "descriptors are left"
            return
        time.sleep(0.1)
    raise AssertionError("no answer after the storm")


if sys.argv[1] == "stream":
    stream(sys.argv[2], sys.argv[3], int(sys.argv[4]))
else:
    storm(sys.argv[2], sys.argv[3], int(sys.argv[4]))
