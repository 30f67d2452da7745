# SPDX-License-Identifier: LGPL-2.1-or-later
"""Time and processes: what a child costs, what a daemon has cost so far."""
import collections
import os
import statistics
import time

Cost = collections.namedtuple("Cost", "wall cpu")  # seconds


def run(argv, environment=None):
    """Runs a program with its output thrown away. Its cost, by the clock and by the processor."""
    actions = [(os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_WRONLY, 0) for fd in (1, 2)]
    start = time.perf_counter()
    pid = os.posix_spawnp(argv[0], argv, environment or os.environ, file_actions=actions)
    _, status, usage = os.wait4(pid, 0)
    wall = time.perf_counter() - start
    if status != 0:
        raise RuntimeError(f"{' '.join(argv)}: ended with {os.waitstatus_to_exitcode(status)}")
    return Cost(wall, usage.ru_utime + usage.ru_stime)


def cpu_of(pid):
    """Processor time of a process so far, without its children: the scheduler's own count, in seconds."""
    with open(f"/proc/{pid}/schedstat") as f:
        return int(f.read().split()[0]) / 1e9


def cpu_with_children(pid):
    """The same with the children that it has waited for, as exact as the kernel's clock ticks."""
    with open(f"/proc/{pid}/stat") as f:
        fields = f.read().rpartition(")")[2].split()
    return sum(int(x) for x in fields[11:15]) / os.sysconf("SC_CLK_TCK")


def wait_childless(pid):
    """Until a process has waited for all of its children."""
    for _ in range(1000):
        with open(f"/proc/{pid}/task/{pid}/children") as f:
            if not f.read():
                return
        time.sleep(0.01)
    raise RuntimeError(f"the children of process {pid} do not end")


def status_of(pid, field):
    """A number of /proc/PID/status."""
    with open(f"/proc/{pid}/status") as f:
        for line in f:
            if line.startswith(field + ":"):
                return int(line.split()[1])
    raise KeyError(field)


def median(costs):
    return Cost(statistics.median(c.wall for c in costs), statistics.median(c.cpu for c in costs))


def ms(seconds):
    return f"{seconds * 1e3:.1f} ms"
