#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The first boot of a test image: the machine writes its own boot menu, and is switched off.

first-boot.py DISK FOLDER. Afterwards FOLDER/disk.img is the image.
"""
import sys

import machine

with machine.Machine(sys.argv[1], sys.argv[2]) as m:
    m.start()
    m.wait_boot()
    m.run("grub-mkconfig", "-o", "/boot/grub/grub.cfg")
    m.run("grub-set-default", "0")
    # what is in the image is what the kernel package brought, and nothing waits to be done
    failed = m.run("systemctl", "list-units", "--state=failed", "--plain", "--no-legend")
    if failed:
        sys.exit(f"first-boot: these units failed:\n{failed}")
    m.off()
