# SPDX-License-Identifier: GPL-2.0-or-later
"""What is asked for: which programs run with which settings, in which machine."""

import os
import shlex
from dataclasses import dataclass
from pathlib import Path

import cases
import system_root
from cache import Unavailable

# What runs when nothing is named: every program whose name begins so, as far as it is built.
DEFAULT_PROGRAMS = ("netns_", "vm_facts", "unit_linux")
# What runs in the system machines, once in each, with what it starts.
SYSTEM_PROGRAM, SYSTEM_PARTS = "vm_system", ("vm_intruder",)
# The ways in which rules and verdicts reach the kernel, as the netns programs take them
# (tests/support/daemon_under_test.cpp). A stock kernel has them all. In an order in which every other one
# has both backends and both paths.
WAYS = (("nft", "conntrack"), ("nft", "packet"), ("iptables", "packet"), ("iptables", "conntrack"))
# Ten programs have to be started, emulated, to load rules in the iptables dialect: fewer turns of the tests
# that do so again and again (tests/netns/netns_changes.cpp). With nft, and on the host, all are taken.
TURNS = {"iptables": ("TOLLGATE_TURNS=5",), "nft": ()}
# To these it is all one.
OF_ONE_WAY = ("netns_control", "netns_harness", "netns_policy")


@dataclass(frozen=True)
class Job:
    name: str
    program: Path
    spec: tuple
    expected: tuple  # names of test cases
    environment: tuple  # NAME=VALUE
    machine: str = ""  # which system machine; "" is the quick one

    def script(self):
        return shlex.join(["exec", "env", *self.environment, str(self.program), "-r", "xml", "-d", "yes", "-o",
                           f"/vm/out/{self.name}.xml", "--warn", "NoAssertions", *self.spec]) + "\n"


def asked(options, number):
    """The jobs of the kernel with that number, in the order in which they were asked for."""
    build = Path(options.build).absolute()
    wanted = options.tests or _default_tests(build, options.flavour)
    if not wanted:
        raise Unavailable(f"no test programs in {build}; build first, or name them")
    jobs = []
    for request in wanted:
        name, _, spec = request.partition("=")
        if name.partition(".")[0] == SYSTEM_PROGRAM:
            found = _system_jobs(build, name.partition(".")[2], spec)
        else:
            found = _quick_jobs(build, name, spec, _ways(options, number))
        for title, program, words, environment, machine in found:
            jobs.append(Job(f"{len(jobs):02}-{title}", program, tuple(words), tuple(cases.expected(program, words)),
                            (*environment, *options.env), machine))
    return jobs


def _default_tests(build, flavour):
    found = []
    if flavour in ("quick", "all"):
        found += sorted(path.name for path in build.glob("*")
                        if path.name.startswith(DEFAULT_PROGRAMS) and runs(path))
    if flavour in ("system", "all") and runs(build / SYSTEM_PROGRAM):
        found.append(SYSTEM_PROGRAM)
    return found


def _ways(options, number):
    if options.matrix:
        return WAYS
    return WAYS[number % 2::2] if options.spread else ()


def _quick_jobs(build, name, spec, ways):
    if not runs(build / name):
        raise Unavailable(f"{build / name} is not there; build it first")
    words = [spec] if spec else []
    if not ways or not name.startswith("netns_") or name in OF_ONE_WAY:
        return [(name, build / name, words, (), "")]
    return [(f"{name}.{backend}-{path}", build / name, words,
             (f"TOLLGATE_TEST_BACKEND={backend}", f"TOLLGATE_TEST_MARK_PATH={path}", *TURNS[backend]), "")
            for backend, path in ways]


def _system_jobs(build, only, spec):
    """One for each machine: the cases with its name as a tag."""
    if not runs(build / SYSTEM_PROGRAM):
        raise Unavailable(f"{build / SYSTEM_PROGRAM} is not there; build it first")
    known = system_root.machines()
    if only and only not in known:
        raise Unavailable(f"no machine {only}; there are {', '.join(known)}")
    return [(f"{SYSTEM_PROGRAM}.{name}", build / SYSTEM_PROGRAM, [f"[{name}]{spec}"], (), name)
            for name in ([only] if only else known)]


def runs(path):
    return path.is_file() and os.access(path, os.X_OK)
