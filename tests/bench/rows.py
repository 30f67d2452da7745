# SPDX-License-Identifier: LGPL-2.1-or-later
"""The measurements. Each function yields rows: (what, figure, goal, how it came about)."""
import json
import os
import re
import shutil
import statistics
import subprocess
import time

import measure
import readers
import scratch

SMALL_KERNEL = "6.1.0-50-amd64"  # the one that the large catalog has packages for


def show(x):
    return f"{x:,.0f}" if x >= 100 else f"{x:.2f}"


def program(build, rounds, name, patterns):
    """A measurement written in C, run some times: rows of the numbers that the patterns find."""
    said = [subprocess.run([f"{build}/tests/bench/bench-{name}"], stdout=subprocess.PIPE, text=True).stdout
            for _ in range(min(rounds, 3))]
    for what, pattern, unit, goal in patterns:
        found = [re.search(pattern, text) for text in said]
        if not all(found):
            raise RuntimeError(f"bench-{name} did not say: {what}\n{said}")
        figures = [float(f.group(1)) for f in found]
        yield (what, f"{show(statistics.median(figures))} {unit}".rstrip(), goal,
               f"{show(min(figures))} to {show(max(figures))} in {len(figures)} runs")


def catalog(build, rounds):
    return program(build, rounds, "catalog", [
        ("verify + parse 10,000 releases, against json-c alone", r"verify \+ parse: ([\d.]+) x json-c", "x", "<= 2 x"),
        ("  peak memory, against the bytes", r"bundle in memory: ([\d.]+) x the payload", "x", "<= 6 x")])


def match(build, rounds):
    return program(build, rounds, "match", [
        ("match 1,024 devices against 100,000 ids, of the parse", r"match: ([\d.]+) % of the parse", "%", "< 1 %"),
        ("  ten times the ids", r"ten times the ids: ([\d.]+) x the time", "x", "<= 1.2 x")])


def varlink(build, rounds):
    return program(build, rounds, "varlink", [
        ("Varlink, pipelined calls, against json-c on the same messages", r"varlink against json-c: .* ratio ([\d.]+)", "x", ""),
        ("  round trips, against a bare echo", r"varlink round trips: .* ratio ([\d.]+)", "x", ""),
        ("  pipelined calls a second", r"varlink pipelined: (\d+) calls/s", "", ""),
        ("  round trips a second", r"varlink round trips: (\d+) calls/s", "", "")])


def guests(build, rounds):
    if not os.path.exists(f"{build}/tests/bench/bench-guests"):
        raise RuntimeError("this build has no libvirt")
    return program(build, rounds, "guests", [
        ("1,000 guests: descriptions, XenStore, and one list of both", r"([\d.]+) ms together", "ms", "< 200 ms"),
        ("  descriptions", r"guests: ([\d.]+) ms for", "ms", ""),
        ("  nodes of a XenStore in memory", r"([\d.]+) ms for their nodes", "ms", ""),
        ("  one list of both", r"([\d.]+) ms for one", "ms", "")])


# ---- list ----

def hardware(n_drivers):
    """64 functions, those of the first @n_drivers drivers of the large catalog among them; see tests/support/largecatalog.c."""
    lines = ["vendor Dell Inc.", "product PowerEdge R650", f"kernel {SMALL_KERNEL}", "module e1000e version=1"]
    for i in range(64):
        driver = i % n_drivers
        vendor, device = 0x1000 + driver % 16, driver // 16 * 10 + i // n_drivers % 10
        if i >= 4 * n_drivers:
            vendor, device = 0x8086, 0x3400 + i  # what no catalog speaks of
        lines.append(f"device 0000:{0x10 + i // 8:02x}:{i % 8:02x}.0 id={vendor:04x}:{device:04x} class=020000 "
                     f"sub={vendor:04x}:0001")
    return "\n".join(lines) + "\n"


def list_on(build, rounds, n_drivers):
    with scratch.folder() as path:
        host = scratch.Host(build, path)
        host.make_small(SMALL_KERNEL)
        host.record(hardware(n_drivers))
        repository = scratch.Repository(build, f"{path}/stream", 1000)
        host.subscribe(repository.path, repository.url)
        recorded = ["lspci", "-nm", "-A", "linux-sysfs", "-O", f"sysfs.path={host.sysfs}/bus/pci"]
        with host.daemon() as pid:
            host.dmvctl("refresh")
            n = len(host.dmvctl("list", "--no-headings").splitlines())
            ours, theirs, machine, daemon = [], [], [], []
            for _ in range(rounds):
                theirs.append(measure.run(recorded))
                before = measure.cpu_of(pid)
                ours.append(measure.run(host.dmvctl_argv("list"), host.environment))
                daemon.append(measure.Cost(0, measure.cpu_of(pid) - before))
                machine.append(measure.run(["lspci", "-nm"]))
        repository.shutdown()
    ours, theirs, machine, daemon = map(measure.median, (ours, theirs, machine, daemon))
    lines = len(subprocess.run(["lspci", "-nm"], stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines())
    yield (f"dmvctl list, 64 devices, 1,000 releases ({n} lines), against lspci -nm",
           f"{ours.wall / theirs.wall:.2f} x", "< 1 x",
           f"{measure.ms(ours.wall)} to {measure.ms(theirs.wall)}; processor {measure.ms(ours.cpu)} + daemon "
           f"{measure.ms(daemon.cpu)} to {measure.ms(theirs.cpu)}")
    yield (f"  against lspci -nm on this machine ({lines} devices)", f"{ours.wall / machine.wall:.2f} x", "",
           measure.ms(machine.wall))


def list_rows(build, rounds):
    yield from list_on(build, 8 * rounds + 1, 2)
    yield from list_on(build, 8 * rounds + 1, 16)


# ---- driver-tool ----

def driver_tool(build, rounds):
    with scratch.folder() as path:
        host = scratch.Host(build, path)
        host.make_small(SMALL_KERNEL)
        host.record(hardware(16))
        module = f"{host.root}/usr/lib/modules/{SMALL_KERNEL}/kernel/drivers/net/ethernet/intel/e1000e/e1000e.ko"
        for i in range(60):
            host.install(SMALL_KERNEL, f"driver-{i:02}", "1.0", module)
        environment = {**host.environment, "DMV_ROOT": host.root, "DMV_SYSFS": host.sysfs,
                       "DMV_PROCFS": f"{host.hardware}/proc"}
        recorded = ["lspci", "-nm", "-A", "linux-sysfs", "-O", f"sysfs.path={host.sysfs}/bus/pci"]
        tool = [f"{build}/bin/driver-tool", "-l"]
        listed = json.loads(subprocess.run(tool, stdout=subprocess.PIPE, env=environment, check=True).stdout)
        n = sum(len(d["variants"]) for d in listed["drivers"].values())
        ours, theirs = [], []
        for _ in range(8 * rounds + 1):
            theirs.append(measure.run(recorded))
            ours.append(measure.run(tool, environment))
    ours, theirs = map(measure.median, (ours, theirs))
    yield (f"driver-tool -l, 64 devices, {n} installed variants, no daemon, against lspci -nm",
           f"{ours.wall / theirs.wall:.2f} x", "<= 2 x",
           f"{measure.ms(ours.wall)} to {measure.ms(theirs.wall)}; processor of its three processes {measure.ms(ours.cpu)} to "
           f"{measure.ms(theirs.cpu)}")


# ---- idle, refresh ----

def idle(build, _rounds):
    with scratch.folder() as path:
        host = scratch.Host(build, path)
        host.make_small(SMALL_KERNEL)
        host.record(hardware(2))
        repository = scratch.Repository(build, f"{path}/stream", 1000)
        host.subscribe(repository.path, repository.url)
        host.write("etc/dmv/dmv.conf", "[daemon]\nidle-timeout=15\n")
        with host.daemon():
            host.dmvctl("refresh")
        with host.daemon() as pid:
            host.dmvctl("list")
            asked = len(repository.requests)
            rss = {f: measure.status_of(pid, f) for f in ("VmRSS", "RssAnon", "RssFile")}
            time.sleep(0.5)
            before = measure.status_of(pid, "voluntary_ctxt_switches"), measure.cpu_of(pid)
            time.sleep(10)
            switches = measure.status_of(pid, "voluntary_ctxt_switches") - before[0]
            used = measure.cpu_of(pid) - before[1]
            start = time.monotonic()
            left = host.process.wait(30)
            waited = 10.5 + time.monotonic() - start
        repository.shutdown()
    yield ("daemon, idle after list (64 devices, 1,000 releases)", f"{rss['VmRSS'] / 1024:.1f} MiB", "<= 8 MiB",
           f"{rss['RssAnon'] / 1024:.1f} MiB its own, {rss['RssFile'] / 1024:.1f} MiB program and libraries")
    yield "  wake-ups in 10 s", str(switches), "0", f"{used * 1e6:.0f} us of processor time"
    yield "  gone, idle-timeout=15", f"{waited:.1f} s", "15 s", f"exit status {left}, {asked} requests meanwhile"


def refresh(build, _rounds):
    with scratch.folder() as path:
        host = scratch.Host(build, path)
        host.make_small(SMALL_KERNEL)
        host.record(hardware(2))
        repository = scratch.Repository(build, f"{path}/stream", 10000)
        host.subscribe(repository.path, repository.url)
        with host.daemon() as pid:
            host.dmvctl("refresh")
            first = len(repository.requests), repository.bytes
            repository.requests.clear()
            repository.bytes = 0
            cpu = measure.cpu_of(pid)
            cost = measure.run(host.dmvctl_argv("refresh"), host.environment)
            cpu = measure.cpu_of(pid) - cpu
        repository.shutdown()
    yield ("refresh that finds nothing new (10,000 releases)", f"{len(repository.requests)} request", "1 request",
           f"{repository.bytes} bytes ({', '.join(repository.requests)}); the first: {first[0]} requests, {first[1]} bytes")
    yield "  daemon's processor time", measure.ms(cpu), "no parse", f"{measure.ms(cost.wall)} by the clock"


# ---- apply ----

DRIVERS = ("e1000e", "igb", "ixgbe", "i40e", "ice", "iavf", "tg3", "bnxt_en", "mlx5_core", "mlx4_core", "megaraid_sas", "mpt3sas",
           "lpfc", "qla2xxx", "smartpqi", "hpsa", "nvme", "ahci", "r8169", "cxgb4")


def module_files(tree):
    return {n.removesuffix(".ko").replace("-", "_"): os.path.join(d, n)
            for d, _, names in os.walk(f"{tree}/kernel") for n in names if n.endswith(".ko")}


def depmod_argv(host, kernel):
    return ["depmod", "-b", host.root, "-C", f"{host.root}/etc/depmod.d", kernel]


def apply_once(host, pid, kernel, drivers):
    """One activation that selects these drivers, between two runs of depmod on the same tree."""
    for driver in drivers:
        host.dmvctl("select", f"vendor-{driver}/generic@2.0", "--any-hardware")
    plain = measure.run(depmod_argv(host, kernel))
    cpu = measure.cpu_with_children(pid)
    ours = measure.run(host.dmvctl_argv("activate"), host.environment)
    measure.wait_childless(pid)
    ours = measure.Cost(ours.wall, ours.cpu + measure.cpu_with_children(pid) - cpu)
    links = sum(os.path.islink(f"{host.root}/usr/lib/modules/{kernel}/updates/{d}.ko") for d in drivers)
    if links != len(drivers):
        raise RuntimeError(f"{links} of {len(drivers)} drivers were activated")
    after = measure.run(depmod_argv(host, kernel))
    for driver in drivers:
        host.dmvctl("deselect", f"vendor-{driver}")
    host.dmvctl("activate")
    return ours, measure.Cost((plain.wall + after.wall) / 2, (plain.cpu + after.cpu) / 2)


def apply(build, rounds):
    with scratch.folder() as path:
        host = scratch.Host(build, path)
        package, kernel = scratch.unpack_kernel(path)
        files = module_files(f"{host.root}/usr/lib/modules/{kernel}")
        for driver in DRIVERS:
            host.install(kernel, f"vendor-{driver}", "2.0", files[driver])
        host.record(hardware(2).replace(SMALL_KERNEL, kernel))
        scratch.call(*depmod_argv(host, kernel))
        with host.daemon() as pid:
            for n in (1, len(DRIVERS)):
                pairs = [apply_once(host, pid, kernel, DRIVERS[:n]) for _ in range(rounds)]
                ours, plain = (measure.median(x) for x in zip(*pairs))
                yield (f"apply, {n} driver{'s' * (n > 1)}, {len(files):,} modules, against one depmod",
                       f"{ours.wall / plain.wall:.2f} x", "<= 1.2 x",
                       f"{measure.ms(ours.wall)} to {measure.ms(plain.wall)}; processor {measure.ms(ours.cpu)} to "
                       f"{measure.ms(plain.cpu)}; {package}")
            host.dmvctl("list")
            yield ("  daemon after that", f"{measure.status_of(pid, 'VmRSS') / 1024:.1f} MiB", "",
                   f"{measure.status_of(pid, 'RssAnon') / 1024:.1f} MiB its own")


SAFETY = (("apply, 20 drivers, one exchange", r"apply, 20 drivers +([\d.]+) ms +([\d.]+) x"),
          ("  in steps", r"in steps, 20 drivers +([\d.]+) ms +([\d.]+) x"),
          ("  twin of the folder, made", r"twin, made +([\d.]+) ms +([\d.]+) %"),
          ("  twin, synced", r"twin, synced +([\d.]+) ms +([\d.]+) %"),
          ("  one look whether somebody changed it (4 an apply)", r"one print of a folder +([\d.]+) ms +([\d.]+) %"),
          ("  journal, synced (3 an apply)", r"journal, once +([\d.]+) ms +([\d.]+) %"))


def safety_on(build, place, path, root, kernel, modules):
    """What bench-apply says of a tree: by the clock, and as a share of an apply or a multiple of depmod."""
    said = scratch.call(f"{build}/tests/bench/bench-apply", root, kernel)
    alone = re.search(r"depmod alone +([\d.]+) ms", said).group(1)
    for what, pattern in SAFETY:
        ms, figure = re.search(pattern, said).groups()
        unit = "x depmod" if pattern.endswith("x") else "% of it"
        yield (f"{what}{'' if what.startswith(' ') else f', {modules:,} modules, {place}'}", f"{figure} {unit}", "",
               f"{ms} ms{'' if what.startswith(' ') else f' to {alone} ms'}")


def safety(build, _rounds):
    """On the disk and on a tmpfs, where syncs cost nothing; on Debian's tree and on one of the same 20 drivers alone."""
    for place, below in (("disk", None), ("tmpfs", "/dev/shm")):
        with scratch.folder(below) as path:
            _, kernel = scratch.unpack_kernel(path)
            root = f"{path}/root"
            tree = f"{root}/usr/lib/modules/{kernel}"
            modules = len(module_files(tree))
            yield from safety_on(build, place, path, root, kernel, modules)
            few = ("/kernel/drivers/net/ethernet/intel/", "/kernel/drivers/net/phy/")
            keep = {n for n in module_files(tree).values() if any(f in n for f in few)}
            for name in set(module_files(tree).values()) - keep:
                os.unlink(name)
            scratch.call("find", f"{tree}/kernel", "-type", "d", "-empty", "-delete")
            scratch.call("depmod", "-b", root, "-C", f"{root}/etc/depmod.d", kernel)
            shutil.rmtree(f"{root}/usr/lib/dmv")
            yield from safety_on(build, place, path, root, kernel, len(keep))


def depmod(build, _rounds):
    """Three kernels, one of them without the modules in question: what was run is what the kernel says, by strace."""
    kernels, drivers = (SMALL_KERNEL, "6.1.0-56-amd64", "6.1.0-60-amd64"), ("e1000e", "ice", "igb")
    with scratch.folder() as path:
        host = scratch.Host(build, path)
        host.make_small(*kernels)
        host.record(hardware(2))
        for kernel in kernels[:2]:
            files = module_files(f"{host.root}/usr/lib/modules/{kernel}")
            for driver in drivers:
                host.install(kernel, f"vendor-{driver}", "2.0", files[driver])
        files = module_files(f"{host.root}/usr/lib/modules/{kernels[2]}")
        for driver in drivers[1:]:
            os.unlink(files[driver])
        scratch.call(*depmod_argv(host, kernels[2]))
        log = f"{path}/log"

        def activate(*names):
            """Selects and activates; how often depmod was run for each kernel."""
            start = os.path.getsize(log)
            for name in names:
                host.dmvctl("select", f"vendor-{name}/generic@2.0", "--any-hardware")
            host.dmvctl("activate")
            with open(log) as f:
                f.seek(start)
                runs = [line for line in f if '/depmod"' in line and "--version" not in line and line.endswith("= 0\n")]
            return " + ".join(str(sum(f'"{k}"]' in line for line in runs)) for k in kernels)

        with host.daemon("strace", "-f", "-qq", "-s", "256", "-e", "trace=execve", "-e", "signal=none", "-o", log):
            first, next_ones = activate(drivers[0]), activate(*drivers[1:])
    yield ("depmod runs in 3 kernels, 2 of them have the selected drivers", next_ones, "1 + 1 + 0", "counted by strace")
    yield ("  the first change ever: the search order is new to all three", first, "1 + 1 + 1", "")


# ---- kabi ----

# What weak-modules does: the versions that the modules of the tree need, one modprobe a module, and a join with those that one
# module needs. Ends with 1 if one of them is another one or is not there.
WEAK_MODULES = """set -eu -o pipefail; export LC_ALL=C
find "$1/kernel" -name '*.ko' | while read -r module; do modprobe --dump-modversions "$module"; done |
    awk '{print $2, $1}' | sort -u >"$3/tree"
modprobe --dump-modversions "$2" | awk '{print $2, $1}' | sort -u >"$3/module"
join -j 1 "$3/module" "$3/tree" | awk '$2 == $3 {n++} END {print n}' >"$3/same"
test "$(cat "$3/same")" -eq "$(wc -l <"$3/module")"
"""


def kabi(build, rounds):
    with scratch.folder() as path:
        _, kernel = scratch.unpack_kernel(path)
        root, tree = f"{path}/root", f"{path}/root/usr/lib/modules/{kernel}"
        files = module_files(tree)
        ours_argv = [f"{build}/tests/bench/bench-kabi", root, kernel, files["ice"]]
        shell_argv = ["bash", "-c", WEAK_MODULES, "weak-modules", tree, files["ice"], path]
        measure.run(ours_argv)  # both find the tree in the page cache
        shell = measure.median([measure.run(shell_argv) for _ in range(min(rounds, 3))])
        ours = measure.median([measure.run(ours_argv) for _ in range(rounds)])
        yield (f"table of a kernel and check of ice.ko, {len(files):,} modules, against a shell loop",
               f"{shell.wall / ours.wall:.0f} times as fast", "", f"{measure.ms(ours.wall)} to {measure.ms(shell.wall)}; "
               f"processor {measure.ms(ours.cpu)} to {measure.ms(shell.cpu)}")
        shutil.copy(scratch.symvers_of(path, kernel), f"{root}/boot/symvers-{kernel}")
        with_file = measure.median([measure.run(ours_argv) for _ in range(rounds)])
        yield ("  with the kernel's symvers file", f"{shell.wall / with_file.wall:.0f} times as fast", "",
               f"{measure.ms(with_file.wall)}; processor {measure.ms(with_file.cpu)}")


# ---- verify ----

def verify(build, rounds):
    with scratch.folder() as path:
        host = scratch.Host(build, path)
        _, kernel = scratch.unpack_kernel(path)
        host.environment["DMV_ROOT"] = host.root
        scratch.call(*depmod_argv(host, kernel))
        files = sorted(module_files(f"{host.root}/usr/lib/modules/{kernel}").values())
        ours_argv, plain_argv = [f"{build}/bin/dmvctl", "verify"], ["openssl", "dgst", "-sha256", *files]
        measure.run(ours_argv, host.environment)  # both find the tree in the page cache
        pairs = [(measure.run(ours_argv, host.environment), measure.run(plain_argv)) for _ in range(rounds)]
        ours, plain = (measure.median(x) for x in zip(*pairs))
        yield (f"verify, {len(files):,} signed modules, no daemon running, against openssl dgst -sha256",
               f"{ours.wall / plain.wall:.2f} x", "",
               f"{measure.ms(ours.wall)} to {measure.ms(plain.wall)}; {sum(map(os.path.getsize, files)) / 1e6:.0f} MB")


# ---- trust ----

def trust_stream(build, path):
    """A stream with one release of the size of a network driver: a module of 2 MB, firmware of 1 MB; neither is compressible."""
    stream, module = f"{path}/stream", f"{path}/modules/e1000e.ko"
    os.makedirs(os.path.dirname(module))
    call = scratch.call
    call("bash", "-c", 'set -eu; . "$0/tests/support/small-modules.sh"; dmv_small_module "$1" e1000e "$2" --alias "$3"', scratch.SOURCE,
         f"{path}/small.ko", SMALL_KERNEL, "pci:v00008086d000010D3sv*sd*bc*sc*i*")
    for name, size in (("filling", 2000000), ("firmware.bin", 1000000)):
        with open(f"{path}/{name}", "wb") as f:
            f.write(os.urandom(size))
    call("objcopy", "--add-section", f".bench={path}/filling", f"{path}/small.ko", module)
    publish = f"{build}/bin/dmv-publish"
    call(publish, "init", stream, "--stream", scratch.STREAM)
    call(publish, "release", stream, "--driver", "e1000e", "--variant", "generic", "--version", "1.0", "--kernel", SMALL_KERNEL,
         "--module", module, "--firmware", f"{path}/firmware.bin=bench/firmware.bin", "--type", "network")
    call(publish, "publish", stream)
    return stream


def trust_catalog(build, rounds):
    """What bench-catalog says, as shares: what is neither scanning, nor hashing, nor parsing is signatures and the root."""
    said = [subprocess.run([f"{build}/tests/bench/bench-catalog"], stdout=subprocess.PIPE, text=True).stdout
            for _ in range(min(rounds, 3))]
    stages = {}
    for name, label in (("all", r"verify \+ parse"), ("envelope", "envelope: scan, base64"), ("hash", "sha256"),
                        ("scan", "scan of the payload"), ("verify", "dmv_bundle_verify"), ("parse", "dmv_catalog_parse")):
        stages[name] = statistics.median(float(re.search(rf"^\s*{label}\s+([\d.]+)", text, re.M).group(1)) for text in said)
    rest = max(stages["verify"] - stages["envelope"] - stages["hash"] - stages["scan"], 0)
    yield ("catalog of 10,000 releases: verify and parse", f"{stages['all']:.0f} ms", "", "shares are of the sum of its parts")
    total = stages["verify"] + stages["parse"]
    for what, took in (("scan of the bundle, base64", stages["envelope"]), ("scan of the payload", stages["scan"]),
                       ("its SHA-256", stages["hash"]), ("signatures and roots", rest), ("parse", stages["parse"])):
        yield f"  {what}", f"{took / total * 100:.1f} %", "", f"{took:.1f} ms"


def trust(build, rounds):
    with scratch.folder() as path:
        stream, packages, keys = trust_stream(build, path), f"{path}/stream/repo/Packages", f"{path}/stream/trust/rpm"
        rpm, key = (f"{d}/{os.listdir(d)[0]}" for d in (packages, keys))
        scratch.call("rpmkeys", "--dbpath", f"{path}/db", "--import", key)
        files = [f"{path}/modules/e1000e.ko", f"{path}/firmware.bin"]
        others = {"openssl dgst -sha256 of the package": ["openssl", "dgst", "-sha256", rpm],
                  "rpmkeys --checksig": ["rpmkeys", "--dbpath", f"{path}/db", "--checksig", rpm],
                  "cp of what is in it": ["cp", *files, f"{path}/copy"]}
        os.makedirs(f"{path}/copy")
        said, took = [], {name: [] for name in others}
        for i in range(rounds):
            os.makedirs(f"{path}/run-{i}")
            said.append(scratch.call(f"{build}/tests/bench/bench-trust", stream, f"{path}/run-{i}"))
            for name, argv in others.items():
                took[name].append(measure.run(argv))

        def median(pattern):
            return statistics.median(float(re.search(pattern, text, re.M).group(1)) for text in said)
        ours = median(r"^release: ([\d.]+) ms")
        yield (f"release of {os.path.getsize(rpm) / 1e6:.1f} MB: everything between the download and the store", f"{ours:.1f} ms", "",
               "no process is started for it here; the others are processes")
        for name, costs in took.items():
            cost = measure.median(costs)
            yield f"  against {name}", f"{ours / cost.wall / 1e3:.2f} x", "", measure.ms(cost.wall)
        for stage in [line.split(":")[0] for line in said[0].splitlines() if line.endswith("%")]:
            yield (f"  {stage}", f"{median(rf'^{stage}: [0-9.-]+ ms, ([0-9.-]+)'):.1f} %", "",
                   f"{median(rf'^{stage}: ([0-9.-]+)'):.2f} ms")
    yield from trust_catalog(build, rounds)


# ---- readers ----

def readers_row(build, rounds):
    with scratch.folder() as path:
        host = scratch.Host(build, path)
        host.make_small(SMALL_KERNEL)
        host.record(hardware(2))
        module = f"{host.root}/usr/lib/modules/{SMALL_KERNEL}/kernel/drivers/net/ethernet/intel/e1000e/e1000e.ko"
        yield from readers.on(host, SMALL_KERNEL, module, rounds, "27 modules")
    with scratch.folder() as path:
        host = scratch.Host(build, path)
        _, kernel = scratch.unpack_kernel(path)
        files = module_files(f"{host.root}/usr/lib/modules/{kernel}")
        host.record(hardware(2).replace(SMALL_KERNEL, kernel))
        scratch.call(*depmod_argv(host, kernel))
        yield from readers.on(host, kernel, files["e1000e"], rounds, f"{len(files):,} modules")


ROWS = {"catalog": catalog, "match": match, "varlink": varlink, "list": list_rows, "driver-tool": driver_tool, "idle": idle,
        "refresh": refresh, "apply": apply, "safety": safety, "depmod": depmod, "kabi": kabi, "verify": verify, "trust": trust,
        "readers": readers_row, "guests": guests}
TOOLS = {"list": ["lspci", "createrepo_c"], "driver-tool": ["lspci"], "idle": ["createrepo_c"], "refresh": ["createrepo_c"],
         "apply": ["depmod", "dpkg-deb"], "safety": ["depmod", "dpkg-deb"], "depmod": ["depmod", "strace"], "kabi": ["modprobe", "dpkg-deb"],
         "verify": ["depmod", "dpkg-deb", "openssl"], "readers": ["depmod", "dpkg-deb"], "trust": ["openssl", "rpmkeys", "objcopy"]}


def missing(name):
    return [tool for tool in TOOLS.get(name, []) if not shutil.which(tool)]
