# SPDX-License-Identifier: GPL-2.0-or-later
"""Who may include what in the house, and who does not keep to it.

Usage: layers.py ROOT    prints every violation as FILE:LINE: WHAT; exits 1 when there is one.
"""

import pathlib
import re
import sys

# What a folder may use directly; what those use it may use too. The DEPENDS of
# src/FOLDER/CMakeLists.txt say the same, and are held to it.
EDGES = {
    "base": [],
    "wire": ["base"],
    "inspect": ["wire"],
    "names": ["wire"],
    "flow": ["wire"],
    "process": ["base"],
    "config": ["flow", "process"],
    "policy": ["config", "names", "inspect"],
    "record": ["flow", "process", "names", "inspect"],
    "engine": ["policy", "record", "inspect", "names"],
    "ruleset": ["config"],
    "control": ["engine"],
    "replay": ["control"],
    "linux": ["engine", "ruleset"],
    "nameserver": ["config"],
    "daemon": ["linux", "control", "nameserver"],
    "cli": ["control", "replay", "linux"],
}

# The core is a function of events and time: it has no files, no sockets, no clock, no threads.
SHELL = {"linux", "nameserver", "daemon", "cli"}
CORE = set(EDGES) - SHELL

# Folders whose headers in src/ are for others. A core folder's are in include/tollgate.
OPEN_SOURCES = {"linux", "nameserver"}

# All that the core may include in angle brackets: the part of C++20's library that computes only.
PURE_HEADERS = set(
    """
    algorithm any array atomic bit bitset cassert cctype cfloat charconv chrono cinttypes climits
    cmath compare concepts coroutine cstddef cstdint cstring deque exception expected format
    forward_list functional initializer_list iterator limits list map memory memory_resource new
    numbers numeric optional queue ranges ratio regex set source_location span sstream stack
    stdexcept string string_view tuple type_traits typeindex typeinfo unordered_map unordered_set
    utility valarray variant vector version
    """.split()
)

# Libraries, and the folders that may know of them. Longest prefix wins.
LIBRARIES = {
    "boost/unordered/": CORE | SHELL,
    "boost/intrusive/": CORE | SHELL,
    "boost/container/": CORE | SHELL,
    "boost/json": {"control", "replay", "daemon", "cli"},
    "boost/asio": {"daemon", "nameserver"},
    "boost/": {"daemon"},
    "toml++/": {"config", "policy"},
    "openssl/": {"inspect", "linux", "nameserver"},
    "unbound": {"nameserver"},
    "idn2.h": {"names", "cli"},
    "libpsl.h": {"linux"},
    "maxminddb.h": {"linux"},
    "zlib.h": {"linux"},
    "pcap/": {"replay"},
    "libmnl/": {"linux"},
    "libnfnetlink/": {"linux"},
    "libnetfilter_queue/": {"linux"},
    "libnetfilter_conntrack/": {"linux"},
    "bpf/": {"linux"},
    "linux/": {"linux", "daemon"},
    "systemd/": {"daemon"},
    "CLI/": {"daemon", "cli"},
}

# (file, header): why. An exception that nobody needs any more is a violation too.
EXCEPTIONS = {
    ("src/flow/five_tuple.cpp", "random"): "the seed of the hash, once per process",
    ("src/config/config_values.cpp", "filesystem"): "a relative file name is made absolute; nothing is opened",
}

# Ways to read a clock that need no header of their own.
CLOCKS = re.compile(r"\b\w*_clock\s*::\s*now\b|\b(?:clock_gettime|gettimeofday|timespec_get)\s*\(|\bstd::time\s*\(")
INCLUDE = re.compile(r"^\s*#\s*include\s*(.*)$")
SOURCES = {".hpp", ".cpp", ".h", ".c"}


def reachable(folder):
    """The folder and all that it may use."""
    found, open_ = set(), [folder]
    while open_:
        at = open_.pop()
        if at not in found:
            found.add(at)
            open_ += EDGES[at]
    return found


def without_comments(text):
    """The text with comments blanked and every line where it was. Strings stay as they are."""
    token = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"', re.DOTALL)
    return token.sub(lambda m: m[0] if m[0][0] == '"' else re.sub(r"[^\n]", " ", m[0]), text)


def folder_of(path):
    """'wire' for src/wire/… and include/tollgate/wire/…; None for what stands in no folder."""
    parts = path.parts
    inside = parts[2:] if parts[:2] == ("include", "tollgate") else parts[1:]
    return inside[0] if len(inside) > 1 else None


def quoted_violation(folder, target, own_files):
    parts = target.split("/")
    if ".." in parts:
        return f'"{target}": leave the folder by its name, not by ..'
    public = parts[0] == "tollgate"
    if public:
        parts = parts[1:]
    if len(parts) == 1:
        return None if not public and target in own_files else f'"{target}" is not in {folder}'
    used = parts[0]
    if used not in EDGES:
        return f'"{target}": there is no folder {used}'
    if used not in reachable(folder):
        return f"{folder} may not use {used}"
    if not public and used != folder and used not in OPEN_SOURCES:
        return f'"{target}" is private to {used}'
    return None


def system_violation(folder, header):
    known = [prefix for prefix in LIBRARIES if header.startswith(prefix)]
    if known:
        return None if folder in LIBRARIES[max(known, key=len)] else f"<{header}> is not for {folder}"
    if folder in CORE and header not in PURE_HEADERS:
        return f"<{header}>: {folder} is core and may not use it"
    return None


def check_line(folder, line, own_files):
    """(violation, header): the header when the line includes one in angle brackets."""
    include = INCLUDE.match(line)
    if include is None:
        clock = CLOCKS.search(line) if folder in CORE else None
        return (f"{clock[0]}: {folder} is core and may not read a clock" if clock else None), None
    what = include[1].strip()
    if what.startswith("<") and what.endswith(">"):
        return system_violation(folder, what[1:-1]), what[1:-1]
    if len(what) > 2 and what[0] == what[-1] == '"':
        return quoted_violation(folder, what[1:-1], own_files), None
    return f"#include {what}: name the file", None


def check_file(root, path, exceptions_used):
    folder = folder_of(path)
    if folder not in EDGES:
        return [f"{path}:1: stands in no folder of the house"]
    own_files = {other.name for other in (root / path).parent.iterdir()}
    violations = []
    lines = without_comments((root / path).read_text(encoding="utf-8")).split("\n")
    for number, line in enumerate(lines, 1):
        violation, header = check_line(folder, line, own_files)
        if violation is None:
            continue
        if (str(path), header) in EXCEPTIONS:
            exceptions_used.add((str(path), header))
            continue
        violations.append(f"{path}:{number}: {violation}")
    return violations


def check_depends(root, folder):
    path = pathlib.Path("src") / folder / "CMakeLists.txt"
    text = (root / path).read_text(encoding="utf-8")
    call = re.search(r"tollgate_folder\(\s*%s\b([^)]*)\)" % folder, text)
    if call is None:
        return [f"{path}:1: no tollgate_folder({folder} …)"]
    named = [word[len("tollgate_"):] for word in call[1].split() if word.startswith("tollgate_")]
    used = [word for word in named if word in EDGES]
    if sorted(used) == sorted(EDGES[folder]):
        return []
    return [f"{path}:1: DEPENDS {sorted(used)}, agreed is {sorted(EDGES[folder])}"]


def check(root):
    """Every violation below root, in order."""
    root = pathlib.Path(root)
    used, violations, seen = set(), [], 0
    for top in ("include/tollgate", "src"):
        for file in sorted((root / top).rglob("*")):
            if file.is_file() and file.suffix in SOURCES:
                seen += 1
                violations += check_file(root, file.relative_to(root), used)
    if seen == 0:
        violations.append(f"{root}:1: no sources here")
    for folder in EDGES:
        violations += check_depends(root, folder)
    for file, header in sorted(set(EXCEPTIONS) - used):
        violations.append(f"{file}:1: the exception for <{header}> is not needed any more")
    return violations


def main(arguments):
    if len(arguments) != 1:
        sys.exit(__doc__.strip())
    violations = check(arguments[0])
    for violation in violations:
        print(violation)
    sys.exit(1 if violations else 0)


if __name__ == "__main__":
    main(sys.argv[1:])
