# SPDX-License-Identifier: GPL-2.0-or-later
"""What outlives a run: kept outside the tree, named by what it is made of, made once."""

import fcntl
import hashlib
import os
import shutil
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path


class Unavailable(Exception):
    """Something that the run needs cannot be had; the text says what and why."""


def place():
    default = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tollgate-vm"
    return Path(os.environ.get("TOLLGATE_VM_CACHE") or default).absolute()


def fingerprint(*parts):
    """Of texts and files' contents: changes when one of them does."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.read_bytes() if isinstance(part, Path) else str(part).encode())
        digest.update(b"\0")
    return digest.hexdigest()[:16]


UNUSED_SECONDS = 3 * 86400  # after that it goes; runs of other trees may have their own at the same time


def kept(folder, kind, key, make, suffix=""):
    """The file or directory KIND-KEY in that folder of the cache. When it is not there, `make(path)`
    makes it, and what nobody used of late goes. One process at a time makes it; others wait for it."""
    home = place() / folder
    path = home / f"{kind}-{key}{suffix}"
    with _locked(f"{kind}-{key}{suffix}"):
        if not path.exists():
            home.mkdir(parents=True, exist_ok=True)
            new = Path(tempfile.mkdtemp(prefix=".new-", dir=home))
            try:
                make(new / "made")
                os.rename(new / "made", path)
            finally:
                shutil.rmtree(new, ignore_errors=True)
            _forget(home)
        os.utime(path)
    return path


def _forget(home):
    for old in home.iterdir():
        if old.stat().st_mtime < time.time() - UNUSED_SECONDS:
            shutil.rmtree(old) if old.is_dir() else old.unlink()


@contextmanager
def _locked(name):
    place().mkdir(parents=True, exist_ok=True)
    with open(place() / f".{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
