#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The ways in which a service manager hands sockets over (sd_listen_fds), each with one call.

Usage: activation.py SERVICE
"""
import os
import signal
import socket
import sys
import tempfile

CALL = b'{"method":"org.example.probe.Echo","parameters":{"number":7}}\0'
REPLY = b'{"parameters":{"number":7}}\0'


def start(service, sockets, names):
    """Runs the service with these sockets as descriptors 3, 4, ..."""
    pid = os.fork()
    if pid:
        for s in sockets:
            s.close()
        return pid
    copies = [os.dup2(s.fileno(), 100 + i) for i, s in enumerate(sockets)]
    for i, fd in enumerate(copies):
        os.dup2(fd, 3 + i)
        os.close(fd)
    os.environ["LISTEN_PID"] = str(os.getpid())
    os.environ["LISTEN_FDS"] = str(len(sockets))
    if names is not None:
        os.environ["LISTEN_FDNAMES"] = names
    os.execv(service, [service])


def ask(s):
    s.settimeout(20)
    s.sendall(CALL)
    got = b""
    while not got.endswith(b"\0"):
        piece = s.recv(4096)
        if not piece:
            break
        got += piece
    return got


def listener(path):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    s.bind(path)
    s.listen()
    return s


def client(path):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    s.connect(path)
    return s


def end(pid, terminate):
    if terminate:
        os.kill(pid, signal.SIGTERM)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def listening(service, folder, names):
    path = os.path.join(folder, "s-%s" % names)
    pid = start(service, [listener(path)], names)
    got = ask(client(path))
    status = end(pid, True)
    return got == REPLY and status == 0


def connected(service, names):
    mine, theirs = socket.socketpair()
    pid = start(service, [theirs], names)
    got = ask(mine)
    mine.close()
    status = end(pid, False)  # it leaves with its only client
    return got == REPLY and status == 0


def one_of_two(service, folder):
    """Only the one with the name is served."""
    other, named = os.path.join(folder, "other"), os.path.join(folder, "named")
    pid = start(service, [listener(other), listener(named)], "other:varlink")
    got = ask(client(named))
    status = end(pid, True)
    return got == REPLY and status == 0


def none_of_two(service, folder):
    paths = [os.path.join(folder, name) for name in ("x", "y")]
    pid = start(service, [listener(p) for p in paths], "x:y")
    return end(pid, False) == 1


def main():
    service = sys.argv[1]
    with tempfile.TemporaryDirectory() as folder:
        results = {
            "one listening socket without a name": listening(service, folder, None),
            "one listening socket called varlink": listening(service, folder, "varlink"),
            "one listening socket with another name": listening(service, folder, "x.socket"),
            "one connected socket without a name": connected(service, None),
            "one connected socket called varlink": connected(service, "varlink"),
            "the one of two that is called varlink": one_of_two(service, folder),
            "two of which none is called varlink": none_of_two(service, folder),
        }
    for name, good in results.items():
        print("%s - activation: %s" % ("ok" if good else "not ok", name))
    return 0 if all(results.values()) else 1


sys.exit(main())
