# SPDX-License-Identifier: GPL-2.0-or-later
"""scripts/vm-test: the host's side, from the command line to the last line."""

import argparse
import concurrent.futures
import os
import re
import secrets
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
import jobs as asked_jobs
import kernel as kernels
import machine
import system_root
from cache import Unavailable

SOURCE = Path(__file__).resolve().parents[2]
# Started by tests, not tests themselves.
PRODUCT = ("tollgated", "tollgate")
# Of a machine's time: at most so much is for the way of the results out, also where others use the processors.
END_SECONDS = 45
# What each machine takes of this one's memory: its own, and as much for what qemu has translated.
MACHINE_BYTES = 2 << 30


@dataclass(frozen=True)
class Run:
    """One machine, from power on to power off."""
    label: str
    kernel: str
    which: str  # system machine; "" is the quick one
    jobs: tuple


def main():
    options = _options()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda which, _: sys.exit(128 + which))
    try:
        wanted = {name: asked_jobs.asked(options, number) for number, name in enumerate(options.kernel)}
        for name in wanted:
            kernels.find(name)
    except Unavailable as error:
        sys.exit(f"vm-test: {error}")
    if options.list:
        for name, jobs in wanted.items():
            for job in jobs:
                print(*(f"{name}: {job.name}: {case}" for case in job.expected), sep="\n")
        return 0
    results = Path(options.out).absolute() if options.out else Path(tempfile.mkdtemp(prefix="vm-test-"))
    results.mkdir(parents=True, exist_ok=True)
    suites = _run_all(_plan(wanted, options.machines), options, results)
    return _conclude(suites, results, keep=bool(options.out))


def _plan(wanted, at_once):
    """The machines, those with most to do first. Quick ones are shared out when there is room for more."""
    shares = max(1, at_once // len(wanted))
    runs = []
    for name, jobs in wanted.items():
        quick = [job for job in jobs if not job.machine]
        count = min(shares, len(quick))
        for share in range(count):
            runs.append(Run(f"{name}.quick" + (f"-{share + 1}" if count > 1 else ""), name, "",
                            tuple(quick[share::count])))
        runs += [Run(f"{name}.{job.machine}", name, job.machine, (job,)) for job in jobs if job.machine]
    return sorted(runs, key=lambda run: -sum(len(job.expected) for job in run.jobs))


def _run_all(runs, options, results):
    with concurrent.futures.ThreadPoolExecutor(options.machines) as pool:
        try:
            done = [pool.submit(_run, run, options, results) for run in runs]
            return [suite for one in done for suite in one.result()]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            machine.end_all()
            raise


def _machines_at_once():
    memory = int(re.search(r"MemAvailable: *(\d+)", Path("/proc/meminfo").read_text()).group(1)) << 10
    return max(1, min(len(os.sched_getaffinity(0)), memory // MACHINE_BYTES))


def _options():
    parser = argparse.ArgumentParser(prog="vm-test", description="Runs test programs of a build on Debian's stock "
                                     "kernels in an emulated machine (docs/testing-vm.md).")
    parser.add_argument("tests", nargs="*", metavar="NAME[=SPEC]", help="a test program of the build, with a "
                        "Catch2 test specification; vm_system, or vm_system.MACHINE, runs in the machine with "
                        "systemd, all others in the quick one; default: see --flavour")
    parser.add_argument("--kernel", action="append", default=[], metavar="NAME", help="6.1, 6.12, another version that Debian "
                        "has a cloud kernel of, or a package's name; repeatable; default: 6.1 and 6.12")
    parser.add_argument("--build", default=str(SOURCE / "build" / "release"), metavar="DIR", help="the build tree")
    parser.add_argument("--flavour", choices=["quick", "system", "all"], default="all", help="what runs when "
                        "nothing is named: quick: netns_*, vm_facts and unit_linux in an initramfs; system: "
                        "vm_system under systemd; all (the default): both")
    parser.add_argument("--timeout", type=int, default=1800, metavar="SECONDS", help="for each machine, in all")
    parser.add_argument("--job-timeout", type=int, default=600, metavar="SECONDS", help="for each program in it")
    parser.add_argument("--out", metavar="DIR", help="where reports and logs go and stay; without it they are kept "
                        "only when something failed")
    parser.add_argument("--env", action="append", default=[], metavar="NAME=VALUE", help="set in the programs' "
                        "environment; repeatable")
    parser.add_argument("--all", action="store_true", help="every program on every kernel; without it those that "
                        "hang little on the kernel are shared out among the kernels")
    parser.add_argument("--matrix", action="store_true", help="run each netns_* program four times: with nft and "
                        "iptables, each with the verdict by conntrack mark and by packet mark")
    parser.add_argument("--spread", action="store_true", help="as --matrix, two of the four with each kernel: all "
                        "four with any two kernels")
    parser.add_argument("--machines", type=int, default=_machines_at_once(), metavar="N", help="how many at once "
                        "(%(default)s: one for each processor, if there is memory)")
    parser.add_argument("--processors", type=int, default=1, metavar="N", help="of each machine (%(default)s); with "
                        "more, everything takes longer")
    parser.add_argument("--list", action="store_true", help="only print which test cases would run")
    options = parser.parse_args()
    options.kernel = list(dict.fromkeys(options.kernel)) or ["6.1", "6.12"]
    return options


def _run(run, options, results):
    """Returns the machine's suites: (name, cases) for each job."""
    say = lambda text: sys.stdout.write(f"{run.label}: {text}\n") and sys.stdout.flush()
    began = time.monotonic()
    out = results / run.label
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    try:
        problem = _boot(run, options, out, say)
    except Unavailable as error:
        problem = str(error)
    suites = [(f"{run.label}/{job.name}", _settle(job, out)) for job in run.jobs]
    if complaint := problem or _complaint(out):
        say(complaint)
        suites.append((f"{run.label}/machine", [cases.Case("(the machine)", cases.FAILED, details=[complaint])]))
    say(f"done after {time.monotonic() - began:.1f} s")
    return suites


def _boot(run, options, out, say):
    """Why the machine did not come to its end; None when it did."""
    kernel = kernels.obtain(run.kernel)
    with tempfile.TemporaryDirectory(prefix="tollgate-vm-") as work:
        load, disk = Path(work) / "load", Path(work) / "results"
        nonce = secrets.token_hex(8)
        built = (_system if run.which else _quick)(kernel, run, options, load, nonce)
        with open(disk, "wb") as file:
            file.truncate(machine.OUTPUT_BYTES)
        say(kernel.key)
        problem = built.run(load, disk, out / "console.log", f"VM-TEST-END {nonce}", options.timeout, say)
        if problem is None and subprocess.run(["tar", "-xf", disk, "-C", out], check=False).returncode != 0:
            problem = "its output cannot be read"
    return problem


def _settings(options, nonce, one_job=False):
    within = max(1, options.timeout - min(END_SECONDS, options.timeout // 4))
    return f"NONCE={nonce}\nJOB_SECONDS={within if one_job else options.job_timeout}\nALL_SECONDS={within}\n"


def _scripts(run):
    return {job.name: job.script() for job in run.jobs}


def _system(kernel, run, options, load, nonce):
    build = Path(options.build).absolute()
    programs = [build / name for name in (asked_jobs.SYSTEM_PROGRAM, *asked_jobs.SYSTEM_PARTS)]
    system_root.load(load, run.which, build, programs, _scripts(run), _settings(options, nonce, one_job=True))
    return machine.Machine(f"system-{kernel.key}", kernel, initramfs.base(kernel, initramfs.SYSTEM),
                           (machine.Disk(system_root.root(kernel), throwaway=True),), options.processors)


def _quick(kernel, run, options, load, nonce):
    build = Path(options.build).absolute()
    programs = {job.program for job in run.jobs} | {build / name for name in PRODUCT if asked_jobs.runs(build / name)}
    initramfs.load(load, SOURCE, sorted(programs), _scripts(run), _settings(options, nonce))
    return machine.Machine(f"quick-{kernel.key}", kernel, initramfs.base(kernel), (), options.processors)


def _settle(job, out):
    status = out / f"{job.name}.status"
    return cases.settle(list(job.expected), cases.came_back(out / f"{job.name}.xml"),
                        status.read_text().strip() if status.exists() else None)


def _complaint(out):
    """What the kernel itself complained about: a test that passes over it has not passed."""
    said = out / "dmesg"
    found = said.exists() and re.search(r"^.*(WARNING: CPU|BUG:|Oops|KASAN|general protection fault).*$",
                                        said.read_text(errors="replace"), re.MULTILINE)
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
