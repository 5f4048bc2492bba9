# SPDX-License-Identifier: GPL-2.0-or-later
"""The system machine's disks: a Debian root per kernel, kept in the cache, and a load per run.

The root knows nothing of tollgate. The load has the build as `cmake --install` installs it, and what
tests/vm/system/machines says of the machine.
"""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import initramfs
import packages
from cache import Unavailable, fingerprint, kept

SYSTEM = Path(__file__).resolve().parent / "system"
MACHINES = Path(__file__).resolve().parents[2] / "tests" / "vm" / "system" / "machines"
IMAGE_BYTES = 600 << 20  # sparse
# Takes time, and no test is about it.
MASKED = ("getty@tty1.service", "serial-getty@ttyS0.service", "systemd-logind.service", "apt-daily.timer",
          "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "e2scrub_all.timer", "e2scrub_reap.service",
          "fstrim.timer", "systemd-timesyncd.service", "systemd-pstore.service", "console-getty.service",
          "systemd-random-seed.service", "systemd-update-utmp.service", "systemd-journal-flush.service")
WITHOUT = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/usr/share/info/*")


def machines():
    return sorted(path.name for path in MACHINES.iterdir() if (path / "enable").is_file())


def root(kernel):
    """The image of the root file system with this kernel's modules. Nobody writes to it."""
    tree = _tree()
    listed = initramfs.QUICK / "modules"
    return kept("images", f"root-{kernel.key}", fingerprint(tree.name, Path(__file__), listed),
                lambda path: _make_root(path, kernel, tree, listed), ".ext4")


def _make_root(image, kernel, tree, listed):
    with tempfile.TemporaryDirectory(prefix="tollgate-vm-") as work:
        top = Path(work) / "root"
        top.mkdir()
        subprocess.run(["tar", "-xf", tree, "-C", top], check=True)
        initramfs.modules(top, kernel, listed)
        _settle(top)
        with open(image, "wb") as file:
            file.truncate(IMAGE_BYTES)
        subprocess.run(["mke2fs", "-q", "-F", "-t", "ext4", "-O", "^has_journal", "-m", "0", "-d", top, image],
                       check=True)


def load(disk, machine, build, programs, jobs, settings):
    """Writes the tar that is laid over the root: the product, the machine's own files, the jobs."""
    with tempfile.TemporaryDirectory(prefix="tollgate-vm-") as work:
        top = Path(work) / "load"
        _install(build, top)
        _copy(SYSTEM / "vm-test.service", top / "etc" / "systemd" / "system" / "vm-test.service")
        _copy(SYSTEM / "run", top / "vm" / "run")
        shutil.copytree(SYSTEM.parent / "inside", top / "vm" / "inside")
        for layer in (MACHINES / "all", MACHINES / machine):
            if (layer / "root").is_dir():
                shutil.copytree(layer / "root", top, dirs_exist_ok=True, symlinks=True)
        _copy(MACHINES / machine / "enable", top / "vm" / "enable")
        for program in programs:
            _copy(program, top / str(program).lstrip("/"))
            initramfs.strip(top / str(program).lstrip("/"))
        (top / "vm" / "jobs").mkdir()
        for name, script in jobs.items():
            (top / "vm" / "jobs" / name).write_text(script)
        (top / "vm" / "settings").write_text(settings)
        initramfs.pack(top, disk)


def _install(build, top):
    """The product, and the configuration as the README says to make it."""
    installed = subprocess.run(["cmake", "--install", str(build), "--prefix", "/usr", "--strip"],
                               env=os.environ | {"DESTDIR": str(top)}, text=True, capture_output=True, check=False)
    if installed.returncode != 0:
        raise Unavailable(f"{build} cannot be installed: {installed.stderr.strip()}")
    etc = top / "etc" / "tollgate"
    examples = top / "usr" / "share" / "tollgate" / "examples"
    (etc / "policy.d").mkdir(parents=True)
    shutil.copy(examples / "tollgate.toml", etc)
    shutil.copy(examples / "policy.d" / "server.toml", etc / "policy.d" / "10-server.toml")


def _copy(source, target):
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, target)


def _tree():
    """The root as mmdebstrap makes it, in a tar, named by the versions of what is in it."""
    wanted = initramfs.lines(SYSTEM / "packages")
    versions = sorted(f"{fields['Package']} {fields['Version']}" for fields in packages.shown(*wanted))
    suite = _suite()
    return kept("roots", "root", fingerprint(suite, *wanted, *versions, *WITHOUT),
                lambda path: _make_tree(path, suite, wanted), ".tar")


def _make_tree(tree, suite, wanted):
    command = ["mmdebstrap", "--quiet", "--format=tar", "--variant=essential", f"--include={','.join(wanted)}",
               *(f"--dpkgopt=path-exclude={pattern}" for pattern in WITHOUT), suite, str(tree), *_sources()]
    made = subprocess.run(command, text=True, capture_output=True, check=False)
    if made.returncode != 0:
        raise Unavailable("the system machine's root: " + "\n".join(made.stderr.strip().splitlines()[-5:]))


def _suite():
    """The programs of the build run there, so it is this system's own."""
    release = dict(line.split("=", 1) for line in Path("/etc/os-release").read_text().splitlines() if "=" in line)
    if release.get("ID", "").strip('"') != "debian":
        raise Unavailable("the system machine is made of this system's packages, and this is not Debian")
    return release["VERSION_CODENAME"].strip('"')


def _sources():
    """Where this system's Debian packages come from; mmdebstrap has its own idea when there are none."""
    found = [path for path in (Path("/etc/apt/sources.list.d/debian.sources"), Path("/etc/apt/sources.list"))
             if path.is_file() and path.read_text().strip()]
    return [str(path) for path in found]


def _settle(top):
    """What makes a machine of a root: a name, few services, a journal that is fast."""
    etc = top / "etc"
    (etc / "hostname").write_text("tollgate-vm\n")
    (etc / "hosts").write_text("127.0.0.1 localhost tollgate-vm\n::1 localhost\n")
    (etc / "machine-id").write_text("746f6c6c676174652d766d2d74657374\n")
    (etc / "fstab").write_text("")
    units = etc / "systemd" / "system"
    for unit in MASKED:
        (units / unit).unlink(missing_ok=True)
        os.symlink("/dev/null", units / unit)
    journald = etc / "systemd" / "journald.conf.d"
    journald.mkdir(parents=True, exist_ok=True)
    (journald / "vm.conf").write_text("[Journal]\nStorage=volatile\n")
    (top / "vm").mkdir()
