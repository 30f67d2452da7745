#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What any client of the world may expect of dmvd: its interfaces, who may call what, and errors where they belong.

Usage: daemon.py SOCKET SOURCE_FOLDER
"""
import json
import os
import re
import socket
import sys

MANAGER = "io.dmv.Manager"
SERVICE = "org.varlink.service"
# Open to everybody. All others change something.
READ = {"Describe", "ListDevices", "ListDrivers", "Show", "Why", "WhyNot", "Status", "Plan", "ListGenerations", "History", "Verify",
        "Doctor", "CheckKernel", "Monitor", "Impact"}
WITHOUT_PARAMETERS = READ - {"Show", "Why", "WhyNot", "CheckKernel", "Monitor"}
failures = 0


def connect(path):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    s.settimeout(60)
    s.connect(path)
    return s


def read_one(s):
    """The next reply, or None if the server has closed."""
    data = b""
    while not data.endswith(b"\0"):
        try:
            piece = s.recv(1)
        except ConnectionResetError:
            piece = b""
        if not piece:
            assert data == b"", data
            return None
        data += piece
    return json.loads(data[:-1])


def call(s, method, parameters=None, **flags):
    message = dict(flags, method=method)
    if parameters is not None:
        message["parameters"] = parameters
    s.sendall(json.dumps(message).encode() + b"\0")
    return read_one(s)


def check(name, good, got=None):
    global failures
    print("%s - %s%s" % ("ok" if good else "not ok", name, "" if good else ": %s" % (got,)))
    failures += not good


def introspection(path, source):
    s = connect(path)
    info = call(s, SERVICE + ".GetInfo")["parameters"]
    check("interfaces", info["interfaces"] == [SERVICE, MANAGER], info)
    check("who it is", all(isinstance(info[k], str) for k in ("vendor", "product", "version", "url")), info)
    for interface in info["interfaces"]:
        with open(os.path.join(source, "src/lib/varlink/%s.varlink" % interface), encoding="utf-8", newline="") as f:
            text = f.read()
        got = call(s, SERVICE + ".GetInterfaceDescription", {"interface": interface})
        check("text of " + interface, got == {"parameters": {"description": text}}, got)
    return re.findall(r"^method (\w+)\(", text, re.M)


def error_of(reply):
    return reply.get("error") if reply else "closed"


def permissions(path, methods, privileged, who):
    """Parameters that no method has: whoever may call is told about them, everybody else is not."""
    s = connect(path)
    for m in methods:
        want = "InvalidParameter" if privileged or m in READ else "PermissionDenied"
        got = call(s, "%s.%s" % (MANAGER, m), {"noSuchField": 1}, more=True)
        check("%s as %s" % (m, who), error_of(got) == "%s.%s" % (SERVICE, want), got)
    for m in sorted(WITHOUT_PARAMETERS):
        got = call(s, "%s.%s" % (MANAGER, m))
        check("%s is answered to %s" % (m, who), got and "parameters" in got and "error" not in got, got)


def as_nobody(run):
    pid = os.fork()
    if pid == 0:
        try:
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
            run()
            sys.stdout.flush()
            os._exit(1 if failures else 0)
        except BaseException as e:  # the parent has to see that it failed
            print(repr(e), flush=True)
            os._exit(99)
    check("all of it as nobody", os.waitpid(pid, 0)[1] == 0)


def errors(path):
    s = connect(path)
    got = call(s, MANAGER + ".Show", {"object": "no-such-thing"})
    check("an unknown object", error_of(got) == MANAGER + ".NoSuchObject" and got["parameters"]["reason"], got)
    got = call(s, MANAGER + ".Show")
    check("a missing parameter", got == {"error": SERVICE + ".InvalidParameter", "parameters": {"parameter": "object"}}, got)
    got = call(s, MANAGER + ".History", {"limit": "3"})
    check("a parameter of another type", got == {"error": SERVICE + ".InvalidParameter", "parameters": {"parameter": "limit"}},
          got)
    got = call(s, MANAGER + ".NoSuchMethod")
    check("an unknown method", error_of(got) == SERVICE + ".MethodNotFound", got)
    got = call(s, MANAGER + ".Monitor")
    check("Monitor without more", error_of(got) == SERVICE + ".ExpectedMore", got)
    s.sendall(json.dumps({"method": MANAGER + ".Show", "oneway": True, "parameters": {"object": "x"}}).encode() + b"\0")
    got = call(s, SERVICE + ".GetInfo")
    check("a oneway error is silent", got and "vendor" in got.get("parameters", {}), got)
    s.sendall(b'{"method":"io.dmv.Manager.Status","unknown":1}\0')
    check("a malformed call closes", read_one(s) is None)


def monitor(path):
    s = connect(path)
    got = call(s, MANAGER + ".Monitor", more=True)
    check("the first event", got and got.get("continues") is True and got["parameters"]["type"] == "ready", got)
    other = connect(path)
    got = call(other, MANAGER + ".Describe")
    check("others are served meanwhile", got and "error" not in got, got)
    s.close()
    got = call(other, MANAGER + ".Describe")
    check("others are served afterwards", got and "error" not in got, got)


def main():
    path, source = sys.argv[1:3]
    methods = introspection(path, source)
    check("the methods that only read are there", READ <= set(methods), methods)
    permissions(path, methods, True, "the daemon's user")
    if os.geteuid() == 0:
        sys.stdout.flush()
        as_nobody(lambda: permissions(path, methods, False, "nobody"))
    errors(path)
    monitor(path)
    return 1 if failures else 0


sys.exit(main())
