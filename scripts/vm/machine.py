# SPDX-License-Identifier: GPL-2.0-or-later
"""Emulated machines: one run from power on to the last word, from the beginning or from a saved state."""

import json
import os
import re
import selectors
import shlex
import socket
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from cache import Unavailable, fingerprint, kept

# Of the disk that brings a run's load and of the one that takes its results. A saved machine has seen
# how large its disks are.
LOAD_BYTES, OUTPUT_BYTES = 256 << 20, 256 << 20  # sparse
# What a machine says when it waits for its load: from here on it can be saved.
WAITING = "vm: waiting for a load"
SAVE_SECONDS = 180


@dataclass(frozen=True)
class Disk:
    file: Path
    throwaway: bool = False  # what is written to it is forgotten


@dataclass(frozen=True)
class Machine:
    kind: str      # names its saved states
    kernel: object
    initrd: Path
    fixed: tuple   # the disks that are the same in each run, before those of the load and the results
    processors: int = 1

    def command(self, disks, *more):
        drives = []
        for number, disk in enumerate([*self.fixed, *disks]):
            drives += ["-drive", f"if=none,id=disk{number},format=raw,cache=unsafe,file={disk.file},"
                                 f"snapshot={'on' if disk.throwaway else 'off'}",
                       "-device", f"virtio-blk-pci,drive=disk{number}"]
        # A second processor costs more than it does: each waits for the other whenever code is patched,
        # memory unmapped or a lock taken, and what is emulated for one alone needs no locked instructions.
        threads = "single" if self.processors == 1 else "multi"
        return [
            # Should whoever started it be killed, it is too.
            "setpriv", "--pdeathsig", "KILL",
            # A plain old processor: what newer ones have costs most where it is emulated.
            "qemu-system-x86_64", "-M", "q35", "-accel", f"tcg,thread={threads}",
            "-smp", str(self.processors), "-cpu", "Nehalem",
            "-m", "1024", "-nodefaults", "-no-user-config", "-display", "none", "-serial", "stdio", "-no-reboot",
            *drives, "-device", "virtio-rng-pci", "-kernel", str(self.kernel.image), "-initrd", str(self.initrd),
            # With so little memory conntrack's table would have room for 8192 connections; thus for 262144.
            "-append", "console=ttyS0 quiet mitigations=off panic=-1 rdinit=/init nf_conntrack.hashsize=32768",
            *more,
        ]

    def run(self, load, results, console, end_mark, seconds, say):
        """Runs until it is off; returns None, or why its end mark did not come. Never leaves qemu behind.

        `console` is the file that its serial line goes to; what it says to people (lines that begin
        with "vm: ") is passed to `say` as it comes.
        """
        state = self._state()
        command = self.command([Disk(load), Disk(results)], "-incoming", f"exec:zstd -dc {shlex.quote(str(state))}")
        ended = False

        def heard(line):
            nonlocal ended
            ended = ended or end_mark in line
            if line.startswith("vm: "):
                say(line[4:])
        with open(console, "wb") as log:
            problem = _follow(command, log, seconds, heard)
        return None if ended else problem or "the machine ended without its last word (a panic?)"

    def _state(self):
        """The machine as it was when it waited for its load. It belongs to one qemu, on one processor
        (whose clock it has learnt), with one command line."""
        version = subprocess.run(["qemu-system-x86_64", "--version"], text=True, capture_output=True, check=True).stdout
        processor = re.search(r"^model name.*$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
        key = fingerprint(version, processor and processor.group(), *self.command([]), Path(__file__))
        return kept("states", self.kind, key, self._save, ".zst")

    def _save(self, path):
        with tempfile.TemporaryDirectory(prefix="tollgate-vm-") as work:
            disks = []
            for name, size in (("load", LOAD_BYTES), ("results", OUTPUT_BYTES)):
                disks.append(Disk(Path(work) / name))
                with open(disks[-1].file, "wb") as file:
                    file.truncate(size)
            monitor = Path(work) / "monitor"
            command = self.command(disks, "-qmp", f"unix:{monitor},server=on,wait=off")
            saved = []

            def heard(line):
                if line == WAITING and not saved:
                    saved.append(threading.Thread(target=_migrate, args=(monitor, path)))
                    saved[0].start()
            with open(path.parent / "console", "wb") as log:
                problem = _follow(command, log, SAVE_SECONDS, heard)
            for thread in saved:
                thread.join()
            if not path.exists():
                raise Unavailable(f"the machine {self.kind} cannot be saved: {problem or 'it ended'}")


_running = set()
_ending = threading.Event()


def end_all():
    """Ends every machine, and every one that would begin after this."""
    _ending.set()
    for process in list(_running):
        process.kill()


def _follow(command, log, seconds, heard):
    """Passes on each line that the machine says, until it is off or its time is up; then says why."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    _running.add(process)
    try:
        deadline = time.monotonic() + seconds
        pending = b""
        with selectors.DefaultSelector() as waiting:
            waiting.register(process.stdout, selectors.EVENT_READ)
            while (left := deadline - time.monotonic()) > 0 and not _ending.is_set():
                if not waiting.select(left):
                    break
                chunk = os.read(process.stdout.fileno(), 65536)
                if not chunk:  # it powered off, or died
                    return None
                log.write(chunk)
                log.flush()
                *lines, pending = (pending + chunk).split(b"\n")
                for line in lines:
                    heard(line.decode(errors="replace").strip())
        return f"time-out after {seconds} s"
    finally:
        process.kill()
        process.wait()
        _running.discard(process)


def _migrate(monitor, path):
    """Saves the machine at that monitor into the file, and ends it. The file is there when it worked."""
    unfinished = path.with_suffix(".part")
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(monitor))
        lines = connection.makefile("rw")

        def ask(command, **arguments):
            lines.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
            lines.flush()
            while True:
                answer = json.loads(lines.readline())
                if "error" in answer:
                    raise Unavailable(f"qemu: {command}: {answer['error']['desc']}")
                if "return" in answer:
                    return answer["return"]
        lines.readline()  # its greeting
        ask("qmp_capabilities")
        ask("migrate-set-parameters", **{"max-bandwidth": 1 << 40, "downtime-limit": 60000})
        ask("migrate", uri=f"exec:zstd -q -3 -T0 > {shlex.quote(str(unfinished))}")
        while (status := ask("query-migrate").get("status")) not in ("completed", "failed", "cancelled"):
            time.sleep(0.1)
        if status == "completed":
            os.rename(unfinished, path)
        ask("quit")
