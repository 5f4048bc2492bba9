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
# Where everything is emulated: fewer turns of what starts programs again and again, fewer packets in a flood, and
# still ten times what there is room for.
SMALLER = ("TOLLGATE_TURNS=5", "TOLLGATE_FLOOD_PACKETS=20000")
# The system machines of one kernel take all their turns (tests/vm/system/turns.cpp), those of the others so many;
# with --all every one takes all.
FEWER_TURNS = ("TOLLGATE_TURNS=10",)
# To these it is all one.
OF_ONE_WAY = ("netns_control", "netns_harness", "netns_policy")
# What is decided and how it is carried out: these run in more than one way also when nobody asks for it.
VERDICTS = ("netns_forward", "netns_malformed", "netns_reroute", "netns_verdicts")
# These run on every kernel. All the others are shared out among the kernels, unless somebody names them or
# wants everything (--all).
EVERYWHERE = (*VERDICTS, "netns_any_peer", "netns_daemon", "netns_harness", "netns_ruleset", "netns_who", "unit_linux",
              "vm_facts")
# Whose connection it is. To load the eBPF programs takes the emulated machine a second at each start of the
# daemon, longer than most test cases: the others start it without.
OWNERS = ("netns_any_peer", "netns_apps", "netns_holders", "netns_programs", "netns_rules", "netns_shared", "netns_who")
WITHOUT_OWNERS = ("TOLLGATE_TEST_LOOKUP=off",)


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
    wanted = options.tests or _default_tests(build, options, number)
    if not wanted:
        raise Unavailable(f"no test programs in {build}; build first, or name them")
    jobs = []
    for request in wanted:
        name, _, spec = request.partition("=")
        if name.partition(".")[0] == SYSTEM_PROGRAM:
            all_turns = options.tests or options.all or number == 0
            which = [name.partition(".")[2]] if "." in name else system_root.machines()
            found = _system_jobs(build, which, spec, () if all_turns else FEWER_TURNS)
        else:
            found = _quick_jobs(build, name, spec, _ways(options, number, name))
        for title, program, words, environment, machine in found:
            jobs.append(Job(f"{len(jobs):02}-{title}", program, tuple(words), tuple(cases.expected(program, words)),
                            (*environment, *options.env), machine))
    return jobs


def _default_tests(build, options, number):
    flavour, found = options.flavour, []
    if flavour in ("quick", "all"):
        quick = sorted(path.name for path in build.glob("*") if path.name.startswith(DEFAULT_PROGRAMS) and runs(path))
        shared = [name for name in quick if name not in EVERYWHERE]
        mine = quick if options.all or options.matrix else shared[number::len(options.kernel)]
        found += [name for name in quick if name in mine or name in EVERYWHERE]
    if flavour in ("system", "all") and runs(build / SYSTEM_PROGRAM):
        found.append(SYSTEM_PROGRAM)
    return found


def _ways(options, number, name):
    """None is the way that the daemon finds by itself."""
    if not name.startswith("netns_") or name in OF_ONE_WAY:
        return (None,)
    if options.matrix:
        return WAYS
    return WAYS[number % 2::2] if options.spread or (name in VERDICTS and not options.tests) else (None,)


def _quick_jobs(build, name, spec, ways):
    if not runs(build / name):
        raise Unavailable(f"{build / name} is not there; build it first")
    words = [spec] if spec else []
    found = []
    for way in ways:
        title, environment = name, SMALLER if name in OWNERS else (*SMALLER, *WITHOUT_OWNERS)
        if way:
            backend, path = way
            title += f".{backend}-{path}"
            environment += (f"TOLLGATE_TEST_BACKEND={backend}", f"TOLLGATE_TEST_MARK_PATH={path}")
        found.append((title, build / name, words, environment, ""))
    return found


def _system_jobs(build, machines, spec, environment):
    """One for each machine: the cases with its name as a tag."""
    if not runs(build / SYSTEM_PROGRAM):
        raise Unavailable(f"{build / SYSTEM_PROGRAM} is not there; build it first")
    known = system_root.machines()
    if missing := set(machines) - set(known):
        raise Unavailable(f"no machine {', '.join(missing)}; there are {', '.join(known)}")
    return [(f"{SYSTEM_PROGRAM}.{name}", build / SYSTEM_PROGRAM, [f"[{name}]{spec}"], environment, name)
            for name in machines]


def runs(path):
    return path.is_file() and os.access(path, os.X_OK)
