# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian's kernel packages: found by apt, unpacked into the cache, never installed."""

import fcntl
import os
import re
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


class Unavailable(Exception):
    """Something that the run needs cannot be had; the text says what and why."""


@dataclass(frozen=True)
class Kernel:
    name: str      # as asked for: "6.1"
    key: str       # package and version: names what the cache holds
    release: str   # uname -r
    root: Path     # boot/vmlinuz-RELEASE, lib/modules/RELEASE

    @property
    def image(self):
        return self.root / "boot" / f"vmlinuz-{self.release}"

    @property
    def modules(self):
        return self.root / "lib" / "modules" / self.release


@contextmanager
def locked(cache, key):
    """One process at a time makes what `key` names; others wait and then find it made."""
    cache.mkdir(parents=True, exist_ok=True)
    with open(cache / f".{key}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def obtain(name, cache):
    """The kernel called `name`: a version ("6.1": the cloud kernel) or a package's name."""
    package, version = _resolve(name)
    key = f"{package}_{version}".replace(":", "%3a").replace("~", "-")
    root = cache / "kernels" / key
    with locked(cache, key):
        if not root.exists():
            _unpack(package, version, root)
    releases = os.listdir(root / "lib" / "modules")
    if len(releases) != 1:
        raise Unavailable(f"{package} {version}: modules of {len(releases)} kernels, not of one")
    return Kernel(name, key, releases[0], root)


def _resolve(name):
    """The package that holds the kernel itself: meta packages only depend on it."""
    if not re.fullmatch(r"\d+\.\d+", name):
        package, version = _concrete(name) or (None, None)
        if not package:
            raise Unavailable(f"no kernel package {name}; was apt-get update run?")
        return package, version
    # Debian calls its default kernel's meta package without a version.
    for meta in (f"linux-image-{name}-cloud-amd64", "linux-image-cloud-amd64"):
        found = _concrete(meta)
        if found and re.match(rf"linux-image-{re.escape(name)}\.\d", found[0]):
            return found
    raise Unavailable(f"no cloud kernel {name} in this system's package lists; was apt-get update run?")


def _concrete(package):
    shown = subprocess.run(["apt-cache", "show", "--no-all-versions", package], text=True,
                           capture_output=True, check=False)
    if shown.returncode != 0 or not shown.stdout.strip():
        return None
    fields = dict(re.findall(r"^([A-Za-z-]+): (.*)$", shown.stdout, re.MULTILINE))
    dependency = re.search(r"\blinux-image-\d\S*", fields.get("Depends", ""))
    if dependency and dependency.group() != package:
        return _concrete(dependency.group())
    return package, fields["Version"]


def _unpack(package, version, root):
    root.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=".new-", dir=root.parent))
    try:
        run = lambda *command: subprocess.run(command, cwd=work, check=True, stdout=subprocess.DEVNULL)
        # apt warns that its own user cannot write here; it downloads all the same.
        run("apt-get", "-q", "-o", "APT::Sandbox::User=root", "download", f"{package}={version}")
        (deb,) = work.glob("*.deb")
        run("dpkg", "-x", deb.name, ".")
        deb.unlink()
        # Newer kernels have compressed modules: emulated, decompressing costs more than reading.
        packed = [str(path) for path in work.rglob("*.ko.xz")]
        if packed:
            run("xz", "-d", "-T0", *packed)
        (release,) = os.listdir(work / "lib" / "modules")
        run("depmod", "-b", str(work), release)
        os.rename(work, root)
    except subprocess.CalledProcessError as error:
        raise Unavailable(f"{package} {version}: {error}") from error
    finally:
        shutil.rmtree(work, ignore_errors=True)
