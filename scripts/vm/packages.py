# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian's packages: what there is, by this system's own lists, and their download. Nothing is installed."""

import re
import subprocess

from cache import Unavailable


def shown(*names):
    """The fields of each package, newest version, in the order of the names."""
    asked = subprocess.run(["apt-cache", "show", "--no-all-versions", *names], text=True, capture_output=True,
                           check=False)
    if asked.returncode != 0:
        raise Unavailable(f"{', '.join(names)}: {asked.stderr.strip()}; was apt-get update run?")
    paragraphs = [dict(re.findall(r"^([A-Za-z-]+): (.*)$", text, re.MULTILINE)) for text in asked.stdout.split("\n\n")]
    return [fields for fields in paragraphs if fields]


def unpack(package, version, root):
    """Downloads the package and unpacks it into `root`, a new directory."""
    root.mkdir()
    run = lambda *command: subprocess.run(command, cwd=root, check=True, stdout=subprocess.DEVNULL)
    try:
        # apt warns that its own user cannot write here; it downloads all the same.
        run("apt-get", "-q", "-o", "APT::Sandbox::User=root", "download", f"{package}={version}")
        (deb,) = root.glob("*.deb")
        run("dpkg", "-x", deb.name, ".")
        deb.unlink()
    except subprocess.CalledProcessError as error:
        raise Unavailable(f"{package} {version}: {error}") from error
