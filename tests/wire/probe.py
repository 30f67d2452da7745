#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a Varlink server does with good and bad bytes, case by case, over a raw socket.

Usage: probe.py SOCKET IDL_FILE MAX_CONNECTIONS MAX_PER_UID PID

The service has to be cert-service of the tests, with those limits; IDL_FILE is org.varlink.service.varlink. A case says what is sent and what has to come back: a list of
replies and whether the server closes the connection then. Only the standard library is used.
"""
import json
import os
import socket
import sys
import time

PATIENCE = 20.0
ECHO = b'{"method":"org.example.probe.Echo"}'
SERVICE = "org.varlink.service."
failures = []
count = 0


def connect(path):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    s.settimeout(PATIENCE)
    s.connect(path)
    return s


def read_replies(s, n):
    """Up to n replies, and whether the connection ended before. n is None: everything up to the end."""
    data = b""
    while n is None or data.count(b"\0") < n:
        try:
            piece = s.recv(65536)
        except ConnectionResetError:
            piece = b""
        if not piece:
            return data, True
        data += piece
    return data, False


def send(s, data):
    try:
        s.sendall(data)
    except (BrokenPipeError, ConnectionResetError):
        pass  # a server may close before it has read everything


def decode(data):
    assert data == b"" or data.endswith(b"\0"), "a reply does not end in NUL: %r" % data
    return [json.loads(m) for m in data.split(b"\0")[:-1]]


def report(name, problem):
    global count
    count += 1
    if problem:
        failures.append(name)
        print("not ok - %s: %s" % (name, problem))
    else:
        print("ok - %s" % name)


def case(name, data, want, closes, path, shutdown=False):
    """Sends bytes. `want` is the list of replies; then the server closes, or answers one more good call."""
    problem = None
    s = connect(path)
    try:
        send(s, data)
        if shutdown:
            s.shutdown(socket.SHUT_WR)
        elif not closes:
            send(s, b'{"method":"org.example.probe.Echo","parameters":{"text":"alive"}}\0')
            want = want + [{"parameters": {"text": "alive"}}]
        got, ended = read_replies(s, None if closes or shutdown else len(want))
        if not closes and not shutdown and not ended:
            s.shutdown(socket.SHUT_WR)
            more, _ = read_replies(s, None)
            got += more
        replies = decode(got)
        if replies != want:
            problem = "wanted %s, got %s" % (want, replies)
        elif ended != (closes or shutdown):
            problem = "closed" if ended else "not closed"
    except (socket.timeout, AssertionError, ValueError) as e:
        problem = repr(e)
    s.close()
    report(name, problem)


def closes(name, data, path):
    """Closed without an answer; what was answered before stays, what follows is not looked at."""
    case(name, data + b"\0", [], True, path)
    case(name + ", between good calls", ECHO + b"\0" + data + b"\0" + ECHO + b"\0", [{}], True, path)


def answers(name, data, want, path):
    case(name, data + b"\0", want, False, path)


def error(name, **parameters):
    return [{"error": name, "parameters": parameters}] if parameters else [{"error": name}]


def echo(parameters):
    return b'{"method":"org.example.probe.Echo","parameters":' + parameters + b"}"


def malformed(path):
    for name, data in [
        ("malformed JSON", b"{method}"),
        ("truncated JSON", ECHO[:-1]),
        ("trailing bytes", ECHO + b" x"),
        ("two objects in one frame", ECHO + ECHO),
        ("comment", b"/* c */" + ECHO),
        ("byte order mark", b"\xef\xbb\xbf" + ECHO),
        ("empty frame", b""),
        ("only white space", b" "),
        ("array on top", b"[]"),
        ("string on top", b'"x"'),
        ("number on top", b"1"),
        ("null on top", b"null"),
        ("no method", b'{"parameters":{}}'),
        ("empty object", b"{}"),
        ("method is a number", b'{"method":1}'),
        ("method is null", b'{"method":null}'),
        ("parameters are an array", b'{"method":"org.example.probe.Echo","parameters":[]}'),
        ("parameters are a string", b'{"method":"org.example.probe.Echo","parameters":"x"}'),
        ("unknown member", b'{"method":"org.example.probe.Echo","foo":1}'),
        ("duplicate header member", b'{"method":"org.example.probe.Echo","method":"org.example.probe.Echo"}'),
        ("duplicate parameter", echo(b'{"text":"a","text":"b"}')),
        ("duplicate parameter, escaped", echo(b'{"text":"a","\\u0074ext":"b"}')),
        ("invalid UTF-8", echo(b'{"text":"\xff"}')),
        ("overlong UTF-8", echo(b'{"text":"\xc0\xaf"}')),
        ("surrogate in UTF-8", echo(b'{"text":"\xed\xa0\x80"}')),
        ("lone surrogate escaped", echo(b'{"text":"\\ud800"}')),
        ("U+0000 in a value", echo(b'{"text":"a\\u0000b"}')),
        ("U+0000 in a key", echo(b'{"te\\u0000xt":"a"}')),
        ("control character", echo(b'{"text":"a\tb"}')),
        ("single quotes", b"{'method':'org.example.probe.Echo'}"),
        ("NaN", echo(b'{"object":{"x":NaN}}')),
        ("depth 3000", echo(b'{"object":{"x":' + b"[" * 3000 + b"]" * 3000 + b"}}")),
        ("oneway null", b'{"method":"org.example.probe.Echo","oneway":null}'),
        ("more is a number", b'{"method":"org.example.probe.Echo","more":1}'),
        ("upgrade is a string", b'{"method":"org.example.probe.Echo","upgrade":"true"}'),
        ("oneway and more", b'{"method":"org.example.probe.Echo","oneway":true,"more":true}'),
        ("oneway and upgrade", b'{"method":"org.example.probe.Echo","oneway":true,"upgrade":true}'),
        ("more and upgrade", b'{"method":"org.example.probe.Echo","more":true,"upgrade":true}'),
        ("1 MiB message", echo(b'{"text":"' + b"x" * (1 << 20) + b'"}')),
    ]:
        closes(name, data, path)
    closes("17 MiB message", b" " * (17 << 20) + ECHO, path)


def accepted(path):
    for name, data in [
        ("plain call", ECHO),
        ("white space around", b" \n\t\r" + ECHO + b" \n"),
        ("parameters null", echo(b"null")),
        ("parameters empty", echo(b"{}")),
        ("vendor member", b'{"method":"org.example.probe.Echo","com.example":{}}'),
        ("flags that are false", b'{"method":"org.example.probe.Echo","oneway":false,"more":false,"upgrade":false}'),
        ("more that is not needed", b'{"method":"org.example.probe.Echo","more":true}'),
    ]:
        answers(name, data, [{}], path)
    deepest = b"[" * 28 + b"]" * 28
    answers("depth 32", echo(b'{"object":{"x":' + deepest + b"}}"),
            [{"parameters": {"object": {"x": json.loads(deepest)}}}], path)
    answers("numbers at the edge", echo(b'{"number":-9223372036854775808}'),
            [{"parameters": {"number": -9223372036854775808}}], path)
    text = "\u00e4\U0001f600\"\\/\n"
    answers("text comes back", echo(b'{"text":' + json.dumps(text).encode() + b"}"),
            [{"parameters": {"text": text}}], path)


def delete_is_escaped(path):
    s = connect(path)
    s.sendall(echo(b'{"text":"\x7f"}') + b"\0")
    got, _ = read_replies(s, 1)
    report("DEL is taken and sent escaped", None if got == b'{"parameters":{"text":"\\u007f"}}\0' else repr(got))
    s.close()


def refused(path):
    for name, data, want in [
        ("unknown interface", b'{"method":"org.example.none.X"}',
         error(SERVICE + "InterfaceNotFound", interface="org.example.none")),
        ("method without a dot", b'{"method":"x"}', error(SERVICE + "InterfaceNotFound", interface="x")),
        ("unknown method", b'{"method":"org.example.probe.X"}',
         error(SERVICE + "MethodNotFound", method="org.example.probe.X")),
        ("method that nobody offers", b'{"method":"org.example.probe.Nobody"}',
         error(SERVICE + "MethodNotImplemented", method="org.example.probe.Nobody")),
        ("upgrade", b'{"method":"org.example.probe.Echo","upgrade":true}',
         error(SERVICE + "MethodNotImplemented", method="org.example.probe.Echo")),
        ("more is missing", b'{"method":"org.example.probe.Stream","parameters":{"count":1,"size":1}}',
         error(SERVICE + "ExpectedMore")),
        ("unknown parameter", echo(b'{"foo":1}'), error(SERVICE + "InvalidParameter", parameter="foo")),
        ("missing parameter", b'{"method":"org.example.probe.Slow"}',
         error(SERVICE + "InvalidParameter", parameter="msec")),
        ("int as text", echo(b'{"number":"3"}'), error(SERVICE + "InvalidParameter", parameter="number")),
        ("int as 3.0", echo(b'{"number":3.0}'), error(SERVICE + "InvalidParameter", parameter="number")),
        ("int as 3e0", echo(b'{"number":3e0}'), error(SERVICE + "InvalidParameter", parameter="number")),
        ("int beyond 64 bits", echo(b'{"number":99999999999999999999}'),
         error(SERVICE + "InvalidParameter", parameter="number")),
        ("int beyond int64", echo(b'{"number":9223372036854775808}'),
         error(SERVICE + "InvalidParameter", parameter="number")),
        ("error of a method", b'{"method":"org.example.probe.Refuse"}',
         error("org.example.probe.Refused", reason="never")),
        ("description of an unknown interface",
         b'{"method":"org.varlink.service.GetInterfaceDescription","parameters":{"interface":"a.b"}}',
         error(SERVICE + "InterfaceNotFound", interface="a.b")),
    ]:
        answers(name, data, want, path)


def silent(path):
    for name, method in [("a good call", "org.example.probe.Echo"), ("an error", "org.example.probe.Refuse"),
                         ("an unknown method", "org.example.probe.X"), ("an unknown interface", "a.b.C"),
                         ("more that is missing", "org.example.probe.Stream")]:
        answers("oneway with " + name, b'{"method":"%s","oneway":true}' % method.encode(), [], path)


def order(path):
    answers("pipelined calls", b"\0".join(echo(b'{"number":%d}' % i) for i in range(500)),
            [{"parameters": {"number": i}} for i in range(500)], path)
    slow = b'{"method":"org.example.probe.Slow","parameters":{"msec":300}}'
    answers("a slow call keeps its place", slow + b"\0" + echo(b'{"number":1}'),
            [{}, {"parameters": {"number": 1}}], path)
    stream = b'{"method":"org.example.probe.Stream","more":true,"parameters":{"count":3,"size":1}}'
    answers("several replies", stream,
            [{"parameters": {"pad": "x"}, "continues": True}] * 3 + [{}], path)
    s = connect(path)
    for byte in ECHO + b"\0":
        s.sendall(bytes([byte]))
    got, _ = read_replies(s, 1)
    report("byte by byte", None if got == b"{}\0" else repr(got))
    s.close()


def half_close(path):
    slow = b'{"method":"org.example.probe.Slow","parameters":{"msec":500}}\0'
    case("half-close after calls", (ECHO + b"\0") * 3, [{}] * 3, True, path, shutdown=True)
    case("half-close while a call runs", slow, [{}], True, path, shutdown=True)
    case("half-close with a partial frame", ECHO, [], True, path, shutdown=True)
    case("half-close with a partial frame after a call", ECHO + b"\0" + ECHO[:5], [{}], True, path, shutdown=True)
    case("half-close at once", b"", [], True, path, shutdown=True)


def introspection(path, idl):
    with open(idl, encoding="utf-8", newline="") as f:
        text = f.read()
    answers("interface text, byte for byte",
            b'{"method":"org.varlink.service.GetInterfaceDescription",'
            b'"parameters":{"interface":"org.varlink.service"}}',
            [{"parameters": {"description": text}}], path)
    s = connect(path)
    s.sendall(b'{"method":"org.varlink.service.GetInfo"}\0')
    got, _ = read_replies(s, 1)
    info = decode(got)[0]["parameters"]
    good = (sorted(info) == ["interfaces", "product", "url", "vendor", "version"]
            and SERVICE[:-1] in info["interfaces"])
    report("GetInfo", None if good else repr(info))
    s.close()


def n_served(path, n):
    """How many of n connections answer a call. The others have to be closed without an answer."""
    sockets = [connect(path) for _ in range(n)]
    served = 0
    for s in sockets:
        send(s, ECHO + b"\0")
        got, ended = read_replies(s, 1)
        assert got == (b"" if ended else b"{}\0"), repr(got)
        served += not ended
    for s in sockets:
        s.close()
    return served


def n_descriptors(pid):
    return len(os.listdir("/proc/%d/fd" % pid))


def settle(pid, idle):
    """Waits until the server has closed the connections of what went before. Returns what is wrong, or None."""
    deadline = time.monotonic() + PATIENCE
    while n_descriptors(pid) != idle:
        if time.monotonic() > deadline:
            return "%d descriptors are open, not %d" % (n_descriptors(pid), idle)
        time.sleep(0.02)
    return None


def as_nobody(run):
    """Runs a function as a user without rights; its result is a small number."""
    pid = os.fork()
    if pid == 0:
        try:
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
            os._exit(run())
        except BaseException as e:  # the parent has to see that it failed
            print(repr(e))
            os._exit(99)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def limits(path, total, per_uid, pid, idle):
    root = os.geteuid() == 0
    mine = total if root else per_uid
    report("all connections are gone", settle(pid, idle))
    got = n_served(path, total + 2)
    report("limit on connections", None if got == mine else "%d served, not %d" % (got, mine))
    report("gone again", settle(pid, idle))
    if not root:
        return
    got = as_nobody(lambda: n_served(path, total + 2))
    report("limit on connections of a user", None if got == per_uid else "%d served, not %d" % (got, per_uid))
    report("gone after a user", settle(pid, idle))
    keep_out_root(path, total, per_uid)
    report("gone after three users", settle(pid, idle))


def keep_out_root(path, total, per_uid):
    """Three users with as many connections as they can get: root is served all the same."""
    ready, go = os.pipe(), os.pipe()
    pids = []
    for uid in (65531, 65532, 65533):
        pid = os.fork()
        if pid == 0:
            os.setgroups([])
            os.setgid(uid)
            os.setuid(uid)
            held = [connect(path) for _ in range(per_uid)]
            for s in held:
                send(s, ECHO + b"\0")
            served = sum(not read_replies(s, 1)[1] for s in held)
            os.write(ready[1], bytes([served]))
            os.read(go[0], 1)
            os._exit(0)
        pids.append(pid)
    served = sum(os.read(ready[0], 1)[0] for _ in pids)
    mine = n_served(path, 1)
    os.write(go[1], b"xxx")
    for pid in pids:
        os.waitpid(pid, 0)
    good = served == total - total // 8 and mine == 1
    report("users together cannot keep root out", None if good else "%d of them, %d of root" % (served, mine))


def secret(path):
    s = connect(path)
    s.sendall(b'{"method":"org.example.probe.Secret"}\0')
    got, _ = read_replies(s, 1)
    return 0 if got == b"{}\0" else 1 if b"org.varlink.service.PermissionDenied" in got else 2


def privilege(path):
    report("privileged method as the server's user", None if secret(path) == 0 else "refused")
    if os.geteuid() == 0:
        got = as_nobody(lambda: secret(path))
        report("privileged method as somebody else", None if got == 1 else "not refused: %d" % got)


def main():
    path, idl = sys.argv[1:3]
    total, per_uid, pid = (int(a) for a in sys.argv[3:6])
    idle = n_descriptors(pid)
    malformed(path)
    accepted(path)
    delete_is_escaped(path)
    refused(path)
    silent(path)
    order(path)
    half_close(path)
    introspection(path, idl)
    privilege(path)
    limits(path, total, per_uid, pid, idle)
    print("%d cases, %d failed" % (count, len(failures)))
    return 1 if failures or count < 120 else 0


sys.exit(main())
