# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian's kernels: found by apt, unpacked into the cache, never installed."""

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import packages
from cache import Unavailable, kept


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


def obtain(name):
    """The kernel called `name`: a version ("6.1": the cloud kernel) or a package's name."""
    package, version = find(name)
    key = f"{package}_{version}".replace(":", "%3a").replace("~", "-")
    root = kept("kernels", f"kernel-{name}", key, lambda path: _unpack(package, version, path))
    releases = os.listdir(root / "lib" / "modules")
    if len(releases) != 1:
        raise Unavailable(f"{package} {version}: modules of {len(releases)} kernels, not of one")
    return Kernel(name, key, releases[0], root)


def find(name):
    """Package and version of what holds the kernel itself: meta packages only depend on it."""
    if not re.fullmatch(r"\d+\.\d+", name):
        return _concrete(name)
    # Debian calls its default kernel's meta package without a version.
    for meta in (f"linux-image-{name}-cloud-amd64", "linux-image-cloud-amd64"):
        try:
            found = _concrete(meta)
        except Unavailable:
            continue
        if re.match(rf"linux-image-{re.escape(name)}\.\d", found[0]):
            return found
    raise Unavailable(f"no cloud kernel {name} in this system's package lists; was apt-get update run?")


def _concrete(package):
    fields = packages.shown(package)[0]
    dependency = re.search(r"\blinux-image-\d\S*", fields.get("Depends", ""))
    if dependency and dependency.group() != package:
        return _concrete(dependency.group())
    return package, fields["Version"]


def _unpack(package, version, root):
    packages.unpack(package, version, root)
    # Newer kernels have compressed modules: emulated, decompressing costs more than reading.
    if packed := [str(path) for path in root.rglob("*.ko.xz")]:
        subprocess.run(["xz", "-d", "-T0", *packed], check=True)
    (release,) = os.listdir(root / "lib" / "modules")
    subprocess.run(["depmod", "-b", str(root), release], check=True)
