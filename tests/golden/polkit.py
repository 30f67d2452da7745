#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What dmvd lets whom do, with the bus, polkitd, the caller and the daemon each dying, stopping or missing at the wrong moment.

Usage: polkit.py SCRATCH, by test-polkit.sh only: it writes to /etc and /run.
"""
import array
import contextlib
import json
import os
import pty
import pwd
import select
import signal
import socket
import subprocess
import sys
import termios
import threading
import time

SCRATCH = sys.argv[1]
BUILD = os.environ["DMV_BUILD"]
MANAGER = "io.dmv.Manager"
SOCKET = f"/run/dmv/{MANAGER}"
USER = pwd.getpwnam("dmvuser")
RELEASE = "intel-e1000e/generic@3.8.7"
# dmvd waits that long for polkit
ANSWER_SECONDS = 25


def check(what, good, got=None):
    if not good:
        print("FAIL: %s: %s" % (what, got), file=sys.stderr)
        for log in ("dmvd.log", "daemons.log"):
            print("%s: %s" % (log, open(f"{SCRATCH}/{log}").read()[-4000:]), file=sys.stderr)
        sys.exit(1)
    print("ok - " + what, flush=True)


def until(what, condition, seconds=30):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            check(what, False, "not within %d seconds" % seconds)
        time.sleep(0.02)


# ---- the daemons ----

class Daemon:
    running = []

    def __init__(self, argv, log="daemons.log", **environment):
        self.log = open(f"{SCRATCH}/{log}", "ab")
        self.process = subprocess.Popen(argv, stdout=self.log, stderr=self.log, env={**os.environ, **environment})
        Daemon.running.append(self)

    def signal(self, number):
        self.process.send_signal(number)

    def end(self):
        """Return: its exit status."""
        if self.process.poll() is None:
            self.signal(signal.SIGCONT)
            self.signal(signal.SIGTERM)
        return self.process.wait(30)


def connects(path):
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as s:
        return s.connect_ex(path) == 0


def start_dmvd(*wrapper):
    # what the environment says of a bus must not count
    d = Daemon([*wrapper, f"{BUILD}/bin/dmvd", "--sysfs", os.environ["DMV_SYSFS"], "--procfs", os.environ["DMV_PROCFS"], "--listen", SOCKET],
               "dmvd.log", DBUS_SYSTEM_BUS_ADDRESS=f"unix:path={SCRATCH}/another-bus", DMV_LOG_LEVEL="7")
    until("dmvd listens", lambda: connects(SOCKET))
    return d


def start_bus():
    d = Daemon(["dbus-daemon", f"--config-file={SCRATCH}/bus.conf", "--nofork", "--nopidfile"])
    until("the bus listens", lambda: connects("/run/dbus/system_bus_socket"))
    return d


def has_polkit():
    return subprocess.run(["busctl", "--no-pager", "status", "org.freedesktop.PolicyKit1"], stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL).returncode == 0


def start_polkit(rules=""):
    with open("/etc/polkit-1/rules.d/10-test.rules", "w") as f:
        f.write('polkit.addAdminRule(function(a, s) { return ["unix-user:dmvadmin"]; });\n' + rules)
    d = Daemon(["/usr/lib/polkit-1/polkitd", "--no-debug"])
    until("polkitd is on the bus", has_polkit)
    return d


def rule(result, *actions, condition="true"):
    return ('polkit.addRule(function(a, s) { if (%s.indexOf(a.id) >= 0 && s.user == "dmvuser" && %s) return polkit.Result.%s; });\n'
            % (json.dumps(list(actions)), condition, result))


# ---- callers ----

def as_user(f):
    """Runs f in a process of the user's, and returns what that returned. The process has ended by then."""
    r, w = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.setgroups([])
            os.setgid(USER.pw_gid)
            os.setuid(USER.pw_uid)
            os.write(w, json.dumps(f()).encode())
        finally:
            os._exit(0)
    os.close(w)
    with open(r, "rb") as pipe:
        got = pipe.read()
    os.waitpid(pid, 0)
    return json.loads(got) if got else None


def connect():
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(60)
    s.connect(SOCKET)
    return s


def send(s, method, parameters=None):
    s.sendall(json.dumps({"method": f"{MANAGER}.{method}", "parameters": parameters or {}}).encode() + b"\0")


def receive(s):
    data = b""
    while not data.endswith(b"\0"):
        piece = s.recv(65536)
        if not piece:
            return {"error": "closed"}
        data += piece
    return json.loads(data[:-1])


def call(method, parameters=None):
    with contextlib.closing(connect()) as s:
        send(s, method, parameters)
        return receive(s)


def said(reply):
    """In one word: "allowed", or the reason of a refusal."""
    if "error" not in reply:
        return "allowed"
    return reply.get("parameters", {}).get("reason", reply["error"])


def user(method, parameters=None):
    return as_user(lambda: call(method, parameters))


def expect(who, method, parameters, want):
    reply = user(method, parameters) if who == "the user" else call(method, parameters)
    check(f"{method} {json.dumps(parameters or {})} by {who}: {want}", said(reply) == want, reply)
    return reply.get("parameters", {})


def selection():
    return call("Show", {"object": "intel-e1000e"})["parameters"]["driver"]["selection"]


INBOX = {"object": "intel-e1000e", "selection": "inbox"}
CHANGES = {"Refresh": {}, "Rescan": {}, "Install": {"release": RELEASE}, "Remove": {"release": RELEASE}, "Select": INBOX,
           "Deselect": {"driver": "intel-e1000e"}, "Undo": {}, "Pin": {"driver": "intel-e1000e"},
           "Unpin": {"driver": "intel-e1000e"}, "Activate": {}, "Rollback": {}, "Commit": {}}
FOR_ROOT = ("Import", "Boot", "Health", "StopGuests", "RestoreGuests")


def everybody_else_is_served(when):
    begin = time.monotonic()
    expect("the user", "Status", None, "allowed")
    expect("root", "Rescan", None, "allowed")
    check(f"nobody waits for it {when}", time.monotonic() - begin < ANSWER_SECONDS - 5, time.monotonic() - begin)


# ---- the scenes ----

def nobody_to_ask():
    for method, parameters in CHANGES.items():
        got = expect("the user", method, parameters, "no-authority")
    check("the words say why", "no D-Bus" in got["why"] and got["next"] == "run this as root", got)
    everybody_else_is_served("without a bus")
    bus = start_bus()
    got = expect("the user", "Rescan", None, "no-authority")
    check("the words say that nobody is there", "PolicyKit1" in got["why"], got)
    bus.end()


def denied_by_default():
    polkit = start_polkit()
    for method, parameters in CHANGES.items():
        expect("the user", method, parameters, "denied")
        expect("the user", method, {**parameters, "allowInteractiveAuthentication": True}, "denied")
    for method in FOR_ROOT:
        got = expect("the user", method, None, "denied")
        check(f"polkit is not asked about {method}", got["why"] == "only root may do that", got)
    for method, parameters in (("Rescan", {"noSuchField": 1}), ("Refresh", {"stream": 7})):
        expect("the user", method, parameters, "denied")
    polkit.end()


def one_action_and_no_other():
    for method, parameters in (("Refresh", {}), ("Install", {"release": RELEASE})):
        expect("root", method, parameters, "allowed")
    polkit = start_polkit(rule("YES", "io.dmv.select") + rule("YES", "io.dmv.refresh", condition='a.lookup("method") != "Rescan"'))
    expect("the user", "Refresh", None, "allowed")
    expect("the user", "Rescan", None, "denied")
    expect("the user", "Select", {"object": RELEASE}, "allowed")
    check("it is selected", selection() == "generic@3.8.7", selection())
    entry = call("History", {"limit": 1})["parameters"]["entries"][0]
    check("the history says who", entry["uid"] == USER.pw_uid and entry["action"] == "select", entry)
    expect("the user", "Undo", {}, "allowed")
    check("it is undone", selection() != "generic@3.8.7", selection())
    expect("the user", "Undo", {}, "allowed")
    check("the undo is undone", selection() == "generic@3.8.7", selection())
    expect("the user", "Pin", {"driver": "intel-e1000e"}, "allowed")
    expect("the user", "Unpin", {"driver": "intel-e1000e"}, "allowed")
    for method, parameters in (("Select", {**INBOX, "now": True}), ("Deselect", {"driver": "intel-e1000e", "now": True}),
                               ("Undo", {"now": True}), ("Rescan", {"now": True}), ("Activate", {}), ("Rollback", {"generation": 0}), ("Commit", {}),
                               ("Install", {"release": RELEASE}), ("Remove", {"release": RELEASE})):
        expect("the user", method, parameters, "denied")
    for method in FOR_ROOT:
        expect("the user", method, None, "denied")
    check("nothing else came of it", selection() == "generic@3.8.7", selection())
    # who may call is told what is wrong with the call; nobody gets round a check by a wrong type
    check("a field that is none", user("Select", {"x": 1})["error"] == "org.varlink.service.InvalidParameter")
    check("now that is no boolean", user("Select", {**INBOX, "now": "true"})["error"] == "org.varlink.service.InvalidParameter")
    polkit.end()
    polkit = start_polkit(rule("YES", "io.dmv.activate"))
    expect("the user", "Activate", None, "allowed")
    expect("the user", "Select", INBOX, "denied")
    expect("the user", "Deselect", {"driver": "intel-e1000e", "now": True}, "allowed")
    check("it is in effect", selection() == "inbox", selection())
    polkit.end()


def a_password():
    polkit = start_polkit(rule("AUTH_ADMIN", "io.dmv.select"))
    expect("the user", "Select", INBOX, "authentication-required")
    got = expect("the user", "Select", {**INBOX, "allowInteractiveAuthentication": True}, "authentication-required")
    check("the words say that there is no agent", "no agent" in got["why"], got)
    check("without a terminal nobody is asked", as_user(lambda: dmvctl_status(["--json", "select", RELEASE])) == 4)
    status, text = at_a_terminal(["select", RELEASE], "wrong")
    check("a wrong password", status == 4 and selection() == "inbox", (status, text))
    status, text = at_a_terminal(["--json", "select", RELEASE], "let me in")
    check("nobody is asked for JSON", status == 4 and "Password" not in text and "authentication-required" in text, (status, text))
    status, text = at_a_terminal(["select", RELEASE], "let me in")
    check("the right password", status == 0 and selection() == "generic@3.8.7", (status, text))
    expect("root", "Select", INBOX, "allowed")
    polkit.end()


# the user may not be able to look into the build, and dmvctl must use the daemon that is there
DMVCTL = f"{SCRATCH}/dmvctl"
ENVIRONMENT = {"PATH": f"{SCRATCH}/bin:/usr/bin:/bin", "LC_ALL": "C.UTF-8"}


def dmvctl_status(arguments):
    return subprocess.run([DMVCTL, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, env=ENVIRONMENT).returncode


def at_a_terminal(arguments, password):
    """dmvctl by the user, who types the password when asked. Return: exit status, all that was shown."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.setgroups([])
        os.setgid(USER.pw_gid)
        os.setuid(USER.pw_uid)
        os.execve(DMVCTL, ["dmvctl", *arguments], ENVIRONMENT)
    shown, asked = "", 0
    with contextlib.suppress(OSError):  # the end of a terminal is an I/O error
        while select.select([terminal], [], [], 60)[0]:
            shown += os.read(terminal, 4096).decode(errors="replace")
            if shown.count("Password:") > asked:
                asked += 1
                # what is typed before that is thrown away
                until("nothing is echoed", lambda: not termios.tcgetattr(terminal)[3] & termios.ECHO)
                os.write(terminal, password.encode() + b"\n")
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    os.close(terminal)
    return status, shown


def polkit_hangs():
    """One user asks without end, meanwhile nobody answers: that holds up nobody else."""
    polkit = start_polkit(rule("YES", "io.dmv.select"))
    polkit.signal(signal.SIGSTOP)
    begin = time.monotonic()
    r, w = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(r)
        os.write(w, json.dumps(as_user(ask_without_end)).encode())
        os._exit(0)
    os.close(w)
    until("one user is refused for asking too much", lambda: "of yours already" in open(f"{SCRATCH}/dmvd.log").read())
    everybody_else_is_served("while polkit hangs")
    with open(r) as pipe:
        busy, others, first = json.loads(pipe.read())
    os.waitpid(pid, 0)
    took = time.monotonic() - begin
    check("one user's questions are bounded", busy >= 1000 and others == ["no-authority"] * 8, (busy, others))
    check("the words say that polkit does not answer", "does not answer" in first["why"], first)
    check("within the bound", ANSWER_SECONDS - 1 < took < ANSWER_SECONDS + 30, took)
    polkit.signal(signal.SIGCONT)
    time.sleep(1)
    check("a late answer is none", selection() == "inbox", selection())
    # and the next question is answered as ever
    expect("the user", "Select", INBOX, "allowed")
    polkit.end()


def ask_without_end():
    """Return: how many calls were refused as too many, what the others were told, and the words of the first."""
    waiting = [connect() for _ in range(8)]
    for s in waiting:
        send(s, "Select", {"object": RELEASE})
    call("Status")  # who comes later is served later: those have their places by now
    busy = 0
    with contextlib.closing(connect()) as s:
        while busy < 1000:
            send(s, "Unpin", {"driver": "intel-e1000e"})
            if said(receive(s)) != "busy":
                break
            busy += 1
    replies = [receive(s) for s in waiting]
    return busy, [said(r) for r in replies], replies[0]["parameters"]


def send_descriptor(through, s):
    through.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [s.fileno()]))])


def receive_descriptor(through):
    _, control, _, _ = through.recvmsg(1, socket.CMSG_LEN(4))
    return socket.socket(fileno=array.array("i", control[0][2])[0])


def the_caller_ends(dmvd):
    """polkit says yes about a process that has ended when dmvd hears of it. The connection lives on, in another one."""
    polkit = start_polkit(rule("YES", "io.dmv.select"))
    polkit.signal(signal.SIGSTOP)
    ours, theirs = socket.socketpair()

    def one():
        s = connect()
        send(s, "Select", {"object": RELEASE})
        send_descriptor(theirs, s)
        ours.close()
        theirs.recv(1)

    theirs_pid = os.fork()
    if theirs_pid == 0:
        as_user(one)
        os._exit(0)
    s = receive_descriptor(ours)
    s.settimeout(60)
    everybody_else_is_served("while one waits")  # by then the question is with the bus
    dmvd.signal(signal.SIGSTOP)
    polkit.signal(signal.SIGCONT)
    until("polkit has answered", lambda: user_is_allowed("io.dmv.select"))
    ours.send(b"x")
    os.waitpid(theirs_pid, 0)
    dmvd.signal(signal.SIGCONT)
    reply = receive(s)
    check("the process has ended, and nothing is done for it",
          said(reply) == "no-authority" and "has ended" in reply["parameters"]["why"], reply)
    check("nothing was selected", selection() == "inbox", selection())
    # from now on it may ask for nothing at all
    send(s, "Select", {"object": RELEASE})
    reply = receive(s)
    check("and polkit is not asked any more", "has ended" in reply["parameters"]["why"], reply)
    s.close()
    polkit.end()


def user_is_allowed(action):
    """polkit answers in order: when it answers this, it has answered what it was asked before."""
    return subprocess.run(["pkcheck", "--action-id", action, "--process", str(sleeper.pid)], stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL).returncode == 0


def the_bus_goes(bus):
    polkit = start_polkit(rule("YES", "io.dmv.select"))
    polkit.signal(signal.SIGSTOP)
    begin = time.monotonic()
    threading.Timer(1, bus.process.kill).start()
    got = expect("the user", "Select", {"object": RELEASE}, "no-authority")
    check("that is known at once", time.monotonic() - begin < ANSWER_SECONDS - 5, (time.monotonic() - begin, got))
    everybody_else_is_served("when the bus has gone")
    polkit.process.kill()
    polkit.process.wait()
    bus.process.wait()
    bus = start_bus()
    polkit = start_polkit(rule("YES", "io.dmv.select"))
    expect("the user", "Select", INBOX, "allowed")
    polkit.end()
    return bus


def confined():
    """As the unit has it: no capability, and no process of anybody else's in /proc."""
    polkit = start_polkit(rule("YES", "io.dmv.select"))
    dmvd = start_dmvd("unshare", "--mount", "sh", "-c", 'mount -t proc -o hidepid=invisible proc /proc && exec setpriv --no-new-privs '
                      '--inh-caps=-all --bounding-set=-all "$@"', "sh")
    watcher = connect()
    with open(f"/proc/{dmvd.process.pid}/status") as f:
        check("dmvd has no capabilities", "CapEff:\t0000000000000000\n" in f.read())
    expect("the user", "Select", {"object": RELEASE}, "allowed")
    expect("the user", "Deselect", {"driver": "intel-e1000e", "now": True}, "denied")
    check("what was allowed is done", selection() == "generic@3.8.7", selection())
    watcher.close()
    check("it ends well", dmvd.end() == 0)
    polkit.end()


def n_descriptors(daemon):
    return len(os.listdir(f"/proc/{daemon.process.pid}/fd"))


def main():
    dmvd = start_dmvd()
    watcher = connect()  # as long as somebody is connected dmvd does not leave
    send(watcher, "Status")
    receive(watcher)
    nobody_to_ask()
    before = n_descriptors(dmvd)
    bus = start_bus()
    denied_by_default()
    one_action_and_no_other()
    a_password()
    polkit_hangs()
    the_caller_ends(dmvd)
    bus = the_bus_goes(bus)
    check("no connection to the bus is kept", n_descriptors(dmvd) == before, (n_descriptors(dmvd), before))
    watcher.close()
    check("dmvd leaves when it is idle", dmvd.process.wait(30) == 0)
    confined()
    bus.end()


sleeper = subprocess.Popen(["sleep", "600"], user=USER.pw_uid, group=USER.pw_gid, extra_groups=[], stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL)
try:
    main()
finally:
    sleeper.kill()
    for daemon in Daemon.running:
        daemon.process.kill()
