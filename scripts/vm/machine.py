# SPDX-License-Identifier: GPL-2.0-or-later
"""One run of an emulated machine, from power on to its last word."""

import os
import selectors
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Disk:
    file: Path
    throwaway: bool = False  # what is written to it is forgotten


def boot(kernel, initrd, disks, console, end_mark, seconds, say):
    """Boots and waits for the end mark; returns None, or why there was none. Never leaves qemu behind.

    `disks` are /dev/vda and so on, `console` the file that its serial line goes to; what the
    machine says to people (lines that begin with "vm: ") is passed to `say` as it comes.
    """
    drives = []
    for number, disk in enumerate(disks):
        drives += ["-drive", f"if=none,id=disk{number},format=raw,cache=unsafe,file={disk.file},"
                             f"snapshot={'on' if disk.throwaway else 'off'}",
                   "-device", f"virtio-blk-pci,drive=disk{number}"]
    command = [
        # Should this process be killed, qemu is too.
        "setpriv", "--pdeathsig", "KILL",
        "qemu-system-x86_64", "-M", "q35", "-accel", "tcg,thread=multi", "-smp", "2", "-cpu", "max", "-m", "1024",
        "-nodefaults", "-no-user-config", "-display", "none", "-serial", "stdio", "-no-reboot",
        *drives, "-device", "virtio-rng-pci",
        "-kernel", str(kernel.image), "-initrd", str(initrd),
        "-append", "console=ttyS0 quiet mitigations=off panic=-1 rdinit=/init",
    ]
    machine = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT)
    try:
        with open(console, "wb") as log:
            return _follow(machine, log, end_mark, seconds, say)
    finally:
        machine.kill()
        machine.wait()


def _follow(machine, log, end_mark, seconds, say):
    deadline = time.monotonic() + seconds
    pending, ended = b"", False
    with selectors.DefaultSelector() as waiting:
        waiting.register(machine.stdout, selectors.EVENT_READ)
        while (left := deadline - time.monotonic()) > 0:
            if not waiting.select(left):
                break
            chunk = os.read(machine.stdout.fileno(), 65536)
            if not chunk:  # it powered off, or died
                return None if ended else "the machine ended without its last word (a panic?)"
            log.write(chunk)
            log.flush()
            *lines, pending = (pending + chunk).split(b"\n")
            for line in (raw.decode(errors="replace").strip() for raw in lines):
                ended = ended or end_mark in line
                if line.startswith("vm: "):
                    say(line[4:])
    return None if ended else f"time-out after {seconds} s"
