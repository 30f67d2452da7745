#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A worker that does everything wrong: it stands for dmv-fetch and dmv-apply in a folder of its own, see workers.py.

The file "behaviour" beside it says what to do: two lines, the name of the worker that is bad and the name of a function of
this file. The other worker is the real one, to which the link "real" leads.
"""
import array
import json
import os
import resource
import signal
import socket
import sys
import time

HERE, NAME = os.path.split(os.path.abspath(sys.argv[0]))


def take_call():
    data = b""
    while b"\0" not in data:
        more = peer.recv(1 << 20)
        if not more:
            sys.exit(0)
        data += more
    return json.loads(data.split(b"\0")[0])


def send(message, fds=()):
    data = (message if isinstance(message, bytes) else json.dumps(message).encode()) + b"\0"
    sent = peer.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else [])
    peer.sendall(data[sent:])


def behave(name):
    with open(os.path.join(HERE, "behaviour"), "w") as f:
        f.write(f"{NAME}\n{name}\n")


def write_for_ever(data):
    while True:
        peer.sendall(data)


def refuse(reason):
    send({"error": call["method"].rsplit(".", 1)[0] + ".Refused", "parameters": {"reason": reason, "why": "because"}})


def folder_with(make):
    """A reply with a folder that holds a file for each that was asked for, as make(path, file) makes it."""
    folder = os.path.join(HERE, "unpacked")
    os.mkdir(folder)
    for file in call["parameters"]["files"]:
        path = os.path.join(folder, file["path"])
        os.makedirs(os.path.dirname(path), exist_ok=True)
        make(path, file)
    send({"parameters": {}}, [os.open(folder, os.O_RDONLY)])


def write(path, data):
    with open(path, "wb") as f:
        f.write(data)


# ---- it ends ----
def crashes(): os.kill(os.getpid(), signal.SIGSEGV)
def aborts(): os.abort()
def is_killed(): os.kill(os.getpid(), signal.SIGKILL)
def exits_well(): sys.exit(0)
def exits_badly(): sys.exit(1)


def dies_half_way():
    """The real worker makes the links and is killed; the next one is honest."""
    ours, theirs = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        os.dup2(theirs.fileno(), 3)
        os.environ["LISTEN_PID"] = str(os.getpid())
        os.execv(os.path.join(HERE, "real", NAME), sys.argv)
    theirs.close()
    call["parameters"]["steps"] = [s for s in call["parameters"]["steps"] if s["action"] in ("mkdir", "link")]
    ours.sendall(json.dumps({"method": call["method"], "parameters": call["parameters"]}).encode() + b"\0")
    assert b'"error"' not in ours.recv(65536), "the real worker did not make the links"
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    behave("is_honest")
    crashes()


# ---- it does not ----
def hangs():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(600)


# ---- it floods ----
def sends_bytes(): write_for_ever(b"x" * 65536)
def sends_messages(): write_for_ever(b'{"parameters":{"done":1},"continues":true}\0' * 1000)
def sends_descriptors(): send({"parameters": {}}, [0] * 200)
def sends_too_much(): send({"parameters": {"sha256": "x" * (9 << 20)}})


# ---- it talks nonsense ----
def sends_no_json(): send(b"\xff\xfe nonsense")
def sends_no_object(): send(b"[]")
def sends_depth(): send(b'{"parameters":{"a":' + b"[" * 100000 + b"]" * 100000 + b"}}")
def sends_nothing(): send(b"")
def sends_no_parameters(): send({"parameters": 7})
def names_unknown_error(): send({"error": "org.example.Oops", "parameters": {}})
def refuses_for_nothing(): send({"error": call["method"].rsplit(".", 1)[0] + ".Refused", "parameters": {}})
def refuses_for_unknown(): refuse("no-such-reason")
def refuses_for_success(): refuse("ok")
def says_nothing(): send({"parameters": {}})


def mistypes():
    members = ("sha256", "unchanged", "phase", "done", "total", "message", "problems", "folder", "packages")
    send({"parameters": {m: {"a": []} for m in members}})


def answers_twice():
    send({"parameters": 7})
    send({"parameters": {}})


# ---- it lies ----
def claims_success():
    while True:
        send({"parameters": {"done": 1, "total": 1, "folder": "usr/lib/dmv/store/nowhere"}})
        take_call()


def sends_folder(): send({"parameters": {"sha256": "0" * 64}}, [os.open("/", os.O_RDONLY)])
def sends_socket(): send({"parameters": {"sha256": "0" * 64}}, [peer.fileno()])
def unpacks_other_bytes(): folder_with(lambda path, file: write(path, b"\0" * file["size"]))
def unpacks_less(): folder_with(lambda path, file: write(path, b""))
def unpacks_nothing(): folder_with(lambda path, file: None)
def unpacks_and_dies(): folder_with(lambda path, file: None) or crashes()
def unpacks_links(): folder_with(lambda path, file: os.symlink("/etc/passwd", path))
def unpacks_fifos(): folder_with(lambda path, file: os.mkfifo(path))


def sends_pipe():
    reader, _ = os.pipe()
    send({"parameters": {"sha256": "0" * 64}}, [reader])
    time.sleep(600)  # the other end stays open


def sends_other_bundle():
    path = os.path.join(HERE, "bundle")
    write(path, b'{"roots": [], "catalog": {}}')
    send({"parameters": {"sha256": "0" * 64}}, [os.open(path, os.O_RDONLY)])


with open(os.path.join(HERE, "behaviour")) as f:
    bad, behaviour = f.read().split()
if bad != NAME or behaviour == "is_honest":
    os.execv(os.path.join(HERE, "real", NAME), sys.argv)
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
peer = socket.socket(fileno=3)
call = take_call()
try:
    globals()[behaviour]()
    take_call()  # until the daemon has had enough
except (BrokenPipeError, ConnectionResetError):
    pass
