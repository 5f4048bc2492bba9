# SPDX-License-Identifier: GPL-2.0-or-later
"""scripts/vm-test: the host's side, from the command line to the last line."""

import argparse
import os
import re
import secrets
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import cases
import initramfs
import kernel as kernels
import machine
import system_root

SOURCE = Path(__file__).resolve().parents[2]
# What runs when nothing is named: every program whose name begins so, as far as it is built.
DEFAULT_PROGRAMS = ("netns_", "vm_facts", "unit_linux")
# What runs in the system machines, once in each, with what it starts.
SYSTEM_PROGRAM, SYSTEM_PARTS = "vm_system", ("vm_intruder",)
# Started by tests, not tests themselves.
PRODUCT = ("tollgated", "tollgate")
# The ways in which rules and verdicts reach the kernel, as the netns programs take them
# (tests/support/daemon_under_test.cpp). A stock kernel has them all.
MATRIX = {f"{backend}-{path}": {"TOLLGATE_TEST_BACKEND": backend, "TOLLGATE_TEST_MARK_PATH": path}
          for backend in ("nft", "iptables") for path in ("conntrack", "packet")}
OUTPUT_BYTES = 256 << 20  # sparse
# Of a machine's time: firmware before the guest's clock runs, and the way of the results out.
STARTUP_AND_END_SECONDS = 20


@dataclass
class Job:
    name: str
    program: Path
    spec: list
    expected: list  # names of test cases
    environment: dict
    machine: str = ""  # which system machine; "" is the quick one


def main():
    options = _options()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda which, _: sys.exit(128 + which))
    try:
        jobs = _jobs(options)
        if options.list:
            for job in jobs:
                print(*(f"{job.name}: {name}" for name in job.expected), sep="\n")
            return 0
        results = Path(options.out).absolute() if options.out else Path(tempfile.mkdtemp(prefix="vm-test-"))
        results.mkdir(parents=True, exist_ok=True)
        suites = []
        for name in options.kernel or ["6.1", "6.12"]:
            for which in dict.fromkeys(job.machine for job in jobs):
                suites += _run(name, which, [job for job in jobs if job.machine == which], options, results)
    except kernels.Unavailable as error:
        sys.exit(f"vm-test: {error}")
    return _conclude(suites, results, keep=bool(options.out))


def _options():
    parser = argparse.ArgumentParser(prog="vm-test", description="Runs test programs of a build on Debian's stock "
                                     "kernels in an emulated machine (docs/testing-vm.md).")
    parser.add_argument("tests", nargs="*", metavar="NAME[=SPEC]", help="a test program of the build, with a "
                        "Catch2 test specification; vm_system, or vm_system.MACHINE, runs in the machine with "
                        "systemd, all others in the quick one; default: see --flavour")
    parser.add_argument("--kernel", action="append", metavar="NAME", help="6.1, 6.12, another version that Debian "
                        "has a cloud kernel of, or a package's name; repeatable; default: 6.1 and 6.12")
    parser.add_argument("--build", default=str(SOURCE / "build" / "release"), metavar="DIR", help="the build tree")
    parser.add_argument("--flavour", choices=["quick", "system", "all"], default="all", help="what runs when "
                        "nothing is named: quick: netns_*, vm_facts and unit_linux in an initramfs; system: "
                        "vm_system under systemd; all (the default): both")
    parser.add_argument("--timeout", type=int, default=600, metavar="SECONDS", help="for each machine, in all")
    parser.add_argument("--job-timeout", type=int, default=300, metavar="SECONDS", help="for each program in it")
    parser.add_argument("--out", metavar="DIR", help="where reports and logs go and stay; without it they are kept "
                        "only when something failed")
    parser.add_argument("--env", action="append", default=[], metavar="NAME=VALUE", help="set in the programs' "
                        "environment; repeatable")
    parser.add_argument("--matrix", action="store_true", help="run each netns_* program four times: with nft and "
                        "iptables, each with the verdict by conntrack mark and by packet mark")
    parser.add_argument("--list", action="store_true", help="only print which test cases would run")
    return parser.parse_args()


def _cache():
    default = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tollgate-vm"
    return Path(os.environ.get("TOLLGATE_VM_CACHE") or default).absolute()


def _default_tests(build, flavour):
    found = []
    if flavour in ("quick", "all"):
        found += sorted(path.name for path in build.glob("*")
                        if path.name.startswith(DEFAULT_PROGRAMS) and _runs(path))
    if flavour in ("system", "all") and _runs(build / SYSTEM_PROGRAM):
        found.append(SYSTEM_PROGRAM)
    return found


def _jobs(options):
    build = Path(options.build).absolute()
    asked = options.tests or _default_tests(build, options.flavour)
    if not asked:
        raise kernels.Unavailable(f"no test programs in {build}; build first, or name them")
    everywhere = dict(setting.partition("=")[::2] for setting in options.env)
    jobs = []
    for request in asked:
        name, _, spec = request.partition("=")
        if name.partition(".")[0] == SYSTEM_PROGRAM:
            jobs += _system_jobs(build, name.partition(".")[2], spec, everywhere, len(jobs))
            continue
        if not _runs(build / name):
            raise kernels.Unavailable(f"{build / name} is not there; build it first")
        words = [spec] if spec else []
        expected = cases.expected(build / name, words)
        variants = MATRIX if options.matrix and name.startswith("netns_") else {"": {}}
        for variant, environment in variants.items():
            jobs.append(Job(f"{len(jobs):02}-{name}" + (f".{variant}" if variant else ""), build / name, words,
                            expected, everywhere | environment))
    return jobs


def _system_jobs(build, only, spec, environment, number):
    """One for each machine: the cases with its name as a tag."""
    if not _runs(build / SYSTEM_PROGRAM):
        raise kernels.Unavailable(f"{build / SYSTEM_PROGRAM} is not there; build it first")
    known = system_root.machines()
    if only and only not in known:
        raise kernels.Unavailable(f"no machine {only}; there are {', '.join(known)}")
    jobs = []
    for name in [only] if only else known:
        words = [f"[{name}]{spec}"]
        jobs.append(Job(f"{number + len(jobs):02}-{SYSTEM_PROGRAM}.{name}", build / SYSTEM_PROGRAM, words,
                        cases.expected(build / SYSTEM_PROGRAM, words), environment, name))
    return jobs


def _runs(path):
    return path.is_file() and os.access(path, os.X_OK)


def _run(name, which, jobs, options, results):
    """Boots one machine with one kernel and returns its suites: (name, cases) for each job."""
    label = f"{name}.{which}" if which else name
    say = lambda text: print(f"{label}: {text}", flush=True)
    began = time.monotonic()
    cache = _cache()
    kernel = kernels.obtain(name, cache)
    out = results / label
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    with tempfile.TemporaryDirectory(prefix="tollgate-vm-") as work:
        disk = Path(work) / "out.tar"
        nonce = secrets.token_hex(8)
        assemble = _assemble_system if which else _assemble_quick
        initrd, disks = assemble(Path(work), kernel, cache, jobs, options, nonce)
        with open(disk, "wb") as file:
            file.truncate(OUTPUT_BYTES)
        say(f"{kernel.key}: booting after {time.monotonic() - began:.1f} s")
        problem = machine.boot(kernel, initrd, [*disks, machine.Disk(disk)], out / "console.log",
                               f"VM-TEST-END {nonce}", options.timeout, say)
        if problem is None and subprocess.run(["tar", "-xf", disk, "-C", out], check=False).returncode != 0:
            problem = "its output cannot be read"
    suites = [(f"{label}/{job.name}", _settle(job, out)) for job in jobs]
    if complaint := problem or _complaint(out):
        say(complaint)
        suites.append((f"{label}/machine", [cases.Case("(the machine)", cases.FAILED, details=[complaint])]))
    say(f"done after {time.monotonic() - began:.1f} s")
    return suites


def _settings(options, nonce, one_job=False):
    within = max(1, options.timeout - STARTUP_AND_END_SECONDS)
    return f"NONCE={nonce}\nJOB_SECONDS={within if one_job else options.job_timeout}\nALL_SECONDS={within}\n"


def _assemble_system(work, kernel, cache, jobs, options, nonce):
    build = Path(options.build).absolute()
    disk = work / "load.tar"
    programs = [build / name for name in (SYSTEM_PROGRAM, *SYSTEM_PARTS)]
    system_root.load(disk, jobs[0].machine, build, programs, {job.name: _script(job) for job in jobs},
                     _settings(options, nonce, one_job=True))
    initrd = initramfs.base(kernel, cache, initramfs.SYSTEM)
    return initrd, [machine.Disk(system_root.root(kernel, cache), throwaway=True), machine.Disk(disk)]


def _assemble_quick(work, kernel, cache, jobs, options, nonce):
    initrd = work / "initrd"
    build = Path(options.build).absolute()
    programs = {job.program for job in jobs} | {build / name for name in PRODUCT if _runs(build / name)}
    scripts = {job.name: _script(job) for job in jobs}
    settings = _settings(options, nonce)
    with open(initrd, "wb") as file:
        base = initramfs.base(kernel, cache)
        file.write(base.read_bytes())
        load = initrd.with_suffix(".load")
        initramfs.load(load, SOURCE, sorted(programs), scripts, settings)
        file.write(load.read_bytes())
        load.unlink()
    return initrd, []


def _script(job):
    settings = [f"{name}={value}" for name, value in job.environment.items()]
    return shlex.join(["exec", "env", *settings, str(job.program), "-r", "xml", "-o", f"/vm/out/{job.name}.xml",
                       "--warn", "NoAssertions", *job.spec]) + "\n"


def _settle(job, out):
    status = out / f"{job.name}.status"
    return cases.settle(job.expected, cases.came_back(out / f"{job.name}.xml"),
                        status.read_text().strip() if status.exists() else None)


def _complaint(out):
    """What the kernel itself complained about: a test that passes over it has not passed."""
    found = re.search(r"^.*(WARNING: CPU|BUG:|Oops|KASAN|general protection fault).*$",
                      (out / "dmesg").read_text(errors="replace"), re.MULTILINE)
    return f"the kernel complained: {found.group()}" if found else None


def _conclude(suites, results, keep):
    cases.junit(results / "junit.xml", suites)
    counts = {cases.PASSED: 0, cases.FAILED: 0, cases.SKIPPED: 0}
    for suite, members in suites:
        for case in members:
            counts[case.outcome] += 1
            if case.outcome != cases.PASSED:
                print(f"{case.outcome}: {suite}: {case.name}", *(f"    {line}" for line in case.details), sep="\n")
    failed = counts[cases.FAILED] > 0
    if keep or failed:
        print(f"reports and logs: {results}")
    else:
        shutil.rmtree(results)
    print(", ".join(f"{number} {outcome}" for outcome, number in counts.items()))
    return 1 if failed or not counts[cases.PASSED] else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
