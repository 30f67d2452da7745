#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Stands for dmv-guest: what a channel tells, or does instead, is in the file guests/CHANNEL beside it.

A file that begins with a brace is the parameters of the reply. Any other is one word: hangs, crashes, nonsense, fails,
or slow: the parameters are those in CHANNEL.told when it was asked, and the reply waits for the file guests/go.
Without a file the channel is absent. Every call is a line of the file guests/log.
"""
import json
import os
import socket
import sys
import time

HERE = os.path.dirname(os.path.abspath(sys.argv[0]))
ABSENT = '{"state": "absent", "guests": [], "problems": []}'


def log(word):
    with open(f"{HERE}/guests/log", "a") as f:
        f.write(word + "\n")


peer = socket.socket(fileno=3)
data = b""
while b"\0" not in data:
    more = peer.recv(1 << 16)
    if not more:
        sys.exit(0)
    data += more
call = json.loads(data.split(b"\0")[0])
assert call["method"] == "io.dmv.Guest.Read", call
channel = call["parameters"]["channel"]
try:
    with open(f"{HERE}/guests/{channel}") as f:
        told = f.read().strip()
except FileNotFoundError:
    told = ABSENT
if told != "slow":
    log(channel)
if told == "hangs":
    time.sleep(600)
elif told == "slow":
    with open(f"{HERE}/guests/{channel}.told") as f:
        reply = {"parameters": json.load(f)}
    log(channel)
    while not os.path.exists(f"{HERE}/guests/go"):
        time.sleep(0.05)
elif told == "crashes":
    os.abort()
elif told == "nonsense":
    reply = {"parameters": {"state": "ok", "guests": [{"name": 7}], "problems": []}}
elif told == "fails":
    reply = {"error": "io.dmv.Guest.Failed", "parameters": {"reason": "failed", "why": "it is out of order"}}
else:
    reply = {"parameters": json.loads(told)}
try:
    peer.sendall(json.dumps(reply).encode() + b"\0")
    peer.recv(1)  # until the daemon has had enough
except (BrokenPipeError, ConnectionResetError):
    pass
