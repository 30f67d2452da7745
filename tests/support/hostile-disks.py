#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""hostile-disks.py REPOSITORY OUT: driver disks that are damaged or made to do harm, as OUT/hostile-NAME.

Each holds the repository, whose catalog is good, and one thing that must refuse the disk before that catalog is taken."""

import glob
import gzip
import io
import os
import random
import sys
import tarfile

repository, out = sys.argv[1:]
packages = sorted(glob.glob(repository + "/Packages/*.rpm"))


def entry(name, data=b"", **what):
    info = tarfile.TarInfo(name)
    info.size = what.pop("size", len(data))
    for key, value in what.items():
        setattr(info, key, value)
    return info, data


def tar(*entries, base=True):
    f = io.BytesIO()
    with tarfile.open(fileobj=f, mode="w", format=tarfile.GNU_FORMAT) as t:
        if base:
            t.add(repository + "/repodata", "repodata")
        for info, data in entries:
            if info.size == len(data):
                t.addfile(info, io.BytesIO(data))
            else:
                t.fileobj.write(info.tobuf(tarfile.GNU_FORMAT))
        if base:
            t.add(packages[0], "Packages/" + os.path.basename(packages[0]))
    return f.getvalue()


def write(name, data):
    with open(f"{out}/hostile-{name}", "wb") as f:
        f.write(data)


rpm = open(packages[0], "rb").read()
bundle = open(glob.glob(repository + "/repodata/*-dmv.yaml")[0], "rb").read()
repomd = open(repository + "/repodata/repomd.xml", "rb").read()

write("dotdot", tar(entry("../evil.rpm", rpm)))
write("inner-dotdot", tar(entry("a/../../evil.rpm", rpm)))
write("absolute", tar(entry("/etc/evil.rpm", rpm)))
write("symlink", tar(entry("Packages/evil.rpm", type=tarfile.SYMTYPE, linkname="/etc/shadow")))
write("hardlink", tar(entry("a", b"a"), entry("Packages/evil.rpm", type=tarfile.LNKTYPE, linkname="a")))
write("device", tar(entry("Packages/evil.rpm", type=tarfile.CHRTYPE, devmajor=1, devminor=5)))
write("fifo", tar(entry("Packages/evil.rpm", type=tarfile.FIFOTYPE)))
write("twice", tar(entry("other/" + os.path.basename(packages[0]), rpm)))
write("two-repositories", tar(entry("other/repodata/repomd.xml", repomd)))
write("two-bundles", tar(entry("dmv.yaml", bundle), entry("other/dmv.yaml", bundle), base=False))
write("control", tar(entry("Packages/a\x1b[2J.txt", b"a")))
write("bad-name", tar(entry("Packages/a b.rpm", rpm)))
write("twice-compressed", gzip.compress(gzip.compress(tar())))
write("garbage", random.Random(1).randbytes(100000))

block = entry("x")[0].tobuf(tarfile.GNU_FORMAT)
with gzip.open(f"{out}/hostile-entries", "wb", compresslevel=1) as f:
    for _ in range(1000):
        f.write(block * 1000)
write("huge-member", tar(entry("Packages/huge.rpm", size=1 << 40)))
write("huge-bundle", gzip.compress(tar(entry("dmv.yaml", b" " * (100 << 20)), base=False), 1))
write("huge-repomd", gzip.compress(tar(entry("repodata/repomd.xml", b" " * (5 << 20)), base=False), 1))

write("nothing", tar(entry("README", b"nothing for dmv"), base=False))
begin = repomd.index(b'<data type="dmv">')
record = repomd[begin : repomd.index(b"</data>", begin) + len(b"</data>")]
name = "repodata/" + os.path.basename(glob.glob(repository + "/repodata/*-dmv.yaml")[0])
twice = repomd.replace(record, record + record)
write("two-records", tar(entry("repodata/repomd.xml", twice), entry(name, bundle), base=False))
