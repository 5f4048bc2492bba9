# SPDX-License-Identifier: GPL-2.0-or-later
"""A machine's first file system: a base per kernel and recipe, kept in the cache, and for the quick
machine a load per run. A recipe is a folder that says what is inside: init, modules, userland, preload.

The base is a cpio archive that the kernel unpacks into its first root, the load a tar on a disk that is
laid over it. Files stand where they stand on this system, so that programs find what they were built to
find.
"""

import fnmatch
import glob
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import machine
from cache import Unavailable, fingerprint, kept

HERE = Path(__file__).resolve().parent
QUICK, SYSTEM = HERE / "quick", HERE / "system" / "initrd"  # recipes
ADMIN_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# Parts of trees that no test uses; Python's own tests alone are larger than all the rest.
SKIPPED = ("__pycache__", "test", "tests", "idlelib", "tkinter", "lib2to3", "ensurepip", "pydoc_data",
           "distutils", "config-*", "dist-packages")


class Stage:
    """A root directory that is being filled from this system."""

    def __init__(self, root):
        self.root = Path(root)
        self.placed = set()
        for link in ("bin", "sbin", "lib", "lib64"):
            if os.path.islink(f"/{link}"):
                os.symlink(os.readlink(f"/{link}"), self.root / link)

    def place(self, path):
        """Copies a file, and every link on the way to it as a link."""
        while True:
            # The directory without links: /bin/x and /usr/bin/x are one file.
            path = os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
            if path in self.placed:
                return
            self.placed.add(path)
            target = self.root / path.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, target, follow_symlinks=False)
            if not os.path.islink(path):
                return
            path = os.path.join(os.path.dirname(path), os.readlink(path))

    def place_tree(self, top):
        for directory, names, files in os.walk(top):
            names[:] = [n for n in names if not any(fnmatch.fnmatch(n, s) for s in SKIPPED)]
            (self.root / directory.lstrip("/")).mkdir(parents=True, exist_ok=True)
            for name in files:
                self.place(os.path.join(directory, name))

    def place_libraries(self):
        """Copies the shared libraries of everything placed so far."""
        binaries = [path for path in self.placed if _is_elf(path)]
        if not binaries:
            return
        listed = subprocess.run(["ldd", *binaries], text=True, capture_output=True, check=False).stdout
        if missing := set(re.findall(r"^\s*(\S+) => not found", listed, re.MULTILINE)):
            raise Unavailable(f"shared libraries not found: {', '.join(sorted(missing))}")
        for library in set(re.findall(r"(?:=> |^\s+)(/\S+) \(0x", listed, re.MULTILINE)):
            self.place(library)


def base(kernel, recipe=QUICK):
    """The archive with busybox, this system's programs and the kernel's modules."""
    kind = f"{recipe.relative_to(HERE)}-{kernel.key}".replace("/", "-")
    return kept("images", kind, _fingerprint(recipe), lambda path: _make_base(path, kernel, recipe), ".cpio")


def _make_base(archive, kernel, recipe):
    with tempfile.TemporaryDirectory(prefix="tollgate-vm-") as work:
        root = Path(work) / "root"
        root.mkdir()
        _fill_base(root, kernel, recipe)
        names = [str(path.relative_to(root)) for path in sorted(root.rglob("*"))]
        with open(archive, "wb") as out:
            subprocess.run(["cpio", "--quiet", "-o", "-H", "newc", "-R", "0:0"], cwd=root, check=True,
                           input="\n".join(names).encode(), stdout=out, stderr=subprocess.DEVNULL)


def load(disk, source, programs, jobs, settings):
    """Writes the tar of one run: programs of the build, the sources' data, and the jobs."""
    with tempfile.TemporaryDirectory(prefix="tollgate-vm-") as work:
        root = Path(work) / "root"
        root.mkdir()
        stage = Stage(root)
        for program in programs:
            stage.place(str(program))
        # Libraries that the base has as well come again: it may be older than the build.
        stage.place_libraries()
        for program in programs:  # debug information is for the host
            strip(root / str(os.path.realpath(program)).lstrip("/"))
        for part in ("tests", "iptables", "systemd", "examples"):
            if (source / part).is_dir():
                shutil.copytree(source / part, root / str(source / part).lstrip("/"), symlinks=True,
                                ignore=shutil.ignore_patterns("__pycache__"))
        (root / "vm" / "jobs").mkdir(parents=True)
        for name, script in jobs.items():
            (root / "vm" / "jobs" / name).write_text(script)
        (root / "vm" / "settings").write_text(settings)
        pack(root, disk)


def strip(program):
    subprocess.run(["strip", "-g", program], check=True)


def pack(root, disk):
    """Makes a disk of the directory: a tar, filled up with nothing, as disks of saved machines have one size."""
    subprocess.run(["tar", "-cf", disk, "--owner=0", "--group=0", "--mode=u+w,go=rX", "-C", root, "."], check=True)
    if os.path.getsize(disk) > machine.LOAD_BYTES:
        raise Unavailable(f"the programs are {os.path.getsize(disk) >> 20} MiB, more than the disk that brings them")
    os.truncate(disk, machine.LOAD_BYTES)


def _fill_base(root, kernel, recipe):
    stage = Stage(root)
    for line in lines(recipe / "userland"):
        kind, what = line.split(None, 1)
        if kind in ("program", "optional"):
            if found := shutil.which(what, path=ADMIN_PATH):
                stage.place(found)
            elif kind == "program":
                raise Unavailable(f"{what} is not installed here, and the quick machine takes it from here")
        elif kind == "file":
            for path in glob.glob(what):
                stage.place(path)
        elif kind == "tree":
            if not os.path.isdir(what):
                raise Unavailable(f"{what} is not on this system")
            stage.place_tree(what)
        else:
            raise Unavailable(f"{recipe / 'userland'}: {line}")
    stage.place_libraries()
    _busybox(root)
    modules(root, kernel, recipe / "modules")
    _accounts(root)
    shutil.copy(recipe / "init", root / "init")
    os.chmod(root / "init", 0o755)
    for place in ("proc", "sys", "dev", "run", "tmp", "root", "mnt", "vm", "etc/netns", "var/log/nginx", "var/lib/nginx",
                  "var/lib/misc", "var/empty", "var/lib/tollgate"):
        (root / place).mkdir(parents=True, exist_ok=True)
    shutil.copytree(HERE / "inside", root / "vm" / "inside")
    if (recipe / "preload").exists():
        shutil.copy(recipe / "preload", root / "vm")
    if not (root / "var" / "run").exists():
        os.symlink("/run", root / "var" / "run")


def _busybox(root):
    """Every applet that this system's own programs have not taken already."""
    busybox = root / "usr" / "bin" / "busybox"
    shutil.copy(shutil.which("busybox"), busybox)
    for applet in subprocess.run([busybox, "--list"], text=True, capture_output=True, check=True).stdout.split():
        places = [root / "usr" / directory / applet for directory in ("bin", "sbin")]
        if not any(os.path.lexists(place) for place in places):
            os.symlink("/bin/busybox", places[0])


def modules(root, kernel, listed):
    """Copies the modules that the file lists, and what they need."""
    wanted = _closure(kernel, lines(listed))
    target = root / "usr" / "lib" / "modules" / kernel.release
    for path in wanted:
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(kernel.modules / path, target / path)
    for table in ("modules.order", "modules.builtin", "modules.builtin.modinfo"):
        shutil.copy(kernel.modules / table, target / table)
    subprocess.run(["depmod", "-b", str(root / "usr"), kernel.release], check=True)


def _closure(kernel, patterns):
    """Paths of the modules that the patterns name and of all that those depend on, softly too."""
    needs = {}
    for line in lines(kernel.modules / "modules.dep"):
        path, _, rest = line.partition(":")
        needs[path] = rest.split()
    by_name = {Path(path).name.split(".")[0].replace("-", "_"): path for path in needs}
    soft = {}
    for line in lines(kernel.modules / "modules.softdep"):
        words = line.split()
        soft.setdefault(words[1].replace("-", "_"), []).extend(w for w in words[2:] if not w.endswith(":"))
    todo = [name for name in by_name for pattern in patterns
            if fnmatch.fnmatch(name, pattern.replace("-", "_"))]
    taken = set()
    while todo:
        path = by_name.get(todo.pop().replace("-", "_"))
        if path is None or path in taken:
            continue  # built in, or an alias that another line of the list covers
        taken.add(path)
        todo += [Path(other).name.split(".")[0] for other in needs[path]]
        todo += soft.get(Path(path).name.split(".")[0].replace("-", "_"), [])
    return sorted(taken)


def _accounts(root):
    """This system's users and groups (nginx and dnsmasq ask for theirs), without passwords."""
    etc = root / "etc"
    etc.mkdir(exist_ok=True)
    for name in ("passwd", "group"):
        shutil.copy(f"/etc/{name}", etc / name)
    (etc / "hosts").write_text("127.0.0.1 localhost\n::1 localhost\n")
    (etc / "resolv.conf").write_text("")


def _fingerprint(recipe):
    """Changes when what the base is made of may have changed."""
    return fingerprint(Path("/var/lib/dpkg/status"), Path(__file__), *sorted(recipe.iterdir()),
                       *sorted((HERE / "inside").iterdir()))


def _is_elf(path):
    if os.path.islink(path):
        return False
    with open(path, "rb") as file:
        return file.read(4) == b"\x7fELF"


def lines(path):
    text = (line.split("#")[0].strip() for line in Path(path).read_text().splitlines())
    return [line for line in text if line]
